"""Small sealed records on disk, one file each: what arrived and is not stored, what was sent.

Signal's server forgets a message when signal-cli has taken it, and signal-cli forgets it when it
has told us. From then on it is here, synced, until the handler has stored it. The folder should
lie on tmpfs or an encrypted volume; the records are sealed with what the courier hands in.
"""

import asyncio
import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bots.box import Box

_ENDING: Final = ".sealed"
_DAMAGED: Final = ".damaged"


class Journal:
    """Records in the order of their writing, each under a name of its own."""

    def __init__(self, folder: Path, box: Box) -> None:
        self._folder = folder
        self._box = box
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._next = 1 + max((_place(file) for file in self._files()), default=0)
        self.damaged = any(folder.glob(f"*{_DAMAGED}"))

    def records(self) -> list[tuple[str, bytes]]:
        """Return all records, the oldest first; one that does not open is put aside."""
        return list(self._opened())

    async def put(self, record: bytes) -> str:
        """Write a record, synced, and return its name. Raises `OSError`."""
        # The random part: an earlier process may still be writing its last record.
        name = f"{self._next:016d}-{secrets.token_hex(4)}"
        self._next += 1
        await asyncio.to_thread(self._write, self._file(name), self._box.seal(record))
        return name

    async def remove(self, name: str) -> None:
        """Overwrite and delete a record; one that is not there is no error. Raises `OSError`."""
        await asyncio.to_thread(self._erase, self._file(name))

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}{_ENDING}"

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob(f"[0-9]*-*{_ENDING}"))

    def _opened(self) -> Iterator[tuple[str, bytes]]:
        for file in self._files():
            try:
                yield file.stem, self._box.open(file.read_bytes())
            except Exception:  # noqa: BLE001 - cut off by a crash, or sealed by somebody else
                file.rename(file.with_suffix(_DAMAGED))
                self.damaged = True

    def _write(self, file: Path, sealed: bytes) -> None:
        new = file.with_suffix(".new")
        with contextlib.suppress(FileNotFoundError):
            new.unlink()
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(sealed)
                stream.flush()
                os.fsync(stream.fileno())
            new.rename(file)
            self._sync()
        except OSError:
            new.unlink(missing_ok=True)
            raise

    def _erase(self, file: Path) -> None:
        try:
            with file.open("r+b") as stream:
                stream.write(bytes(file.stat().st_size))
                stream.flush()
                os.fsync(stream.fileno())
        except FileNotFoundError:
            return
        file.unlink(missing_ok=True)

    def _sync(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _place(file: Path) -> int:
    return int(file.name.partition("-")[0])
