"""The seed from which courier and caretaker derive their keys: 32 bytes in a file of their own.

It is made at the first start and never changes: the roster names the public keys that come from
it. The file belongs in the encrypted backup.
"""

import os
import stat
from pathlib import Path

from vault.sealing import SEED_SIZE, Secret, random_bytes

_PRIVATE = stat.S_IRUSR | stat.S_IWUSR
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class SeedError(Exception):
    """The seed file cannot be used; the text says what to do."""


def own_seed(path: Path) -> Secret:
    """Return the seed in `path`, made there (mode 0600, synced) if there is none.

    Raises `SeedError` for a file of another size or one that others may read.
    """
    if not path.exists():
        _make(path)
    if path.stat().st_mode & _OTHERS:
        raise SeedError(f"{path}: others may read these keys. Run: chmod 600 {path}")
    seed = path.read_bytes()
    if len(seed) != SEED_SIZE:
        raise SeedError(f"{path}: is damaged. Restore it from the encrypted backup.")
    return Secret(seed)


def _make(path: Path) -> None:
    """Write the whole file before it gets its name, so that a crash leaves none or a good one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    try:
        os.write(handle, random_bytes(SEED_SIZE))
        os.fsync(handle)
    finally:
        os.close(handle)
    unfinished.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
