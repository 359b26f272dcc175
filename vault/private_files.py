"""Files that only this account may read, and that leave nothing readable behind.

Overwriting reaches what the file system writes in place; solid-state disks and snapshots may
keep older blocks all the same (docs/limits.md).

A folder with the set-group-ID bit is shared on purpose: where each process has a user of its own,
its group may use the files and sockets in it, and nobody else.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

FILE_MODE: Final = 0o600
SHARED_MODE: Final = 0o660
FOLDER_MODE: Final = 0o700

_ZEROS: Final = bytes(1 << 20)


def make_folder(path: Path) -> None:
    """Make a folder (and those above it that are missing) for this account alone."""
    for each in (*reversed(path.parents), path):  # mkdir's own `parents` takes no mode for them
        if not each.is_dir():
            each.mkdir(mode=FOLDER_MODE, exist_ok=True)


def create(path: Path) -> BinaryIO:
    """Make a new file for this account alone, open for writing; raises FileExistsError."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, FILE_MODE), "w+b")


def mode_in(folder: Path) -> int:
    """Who may use what lies in a folder: its owner, and in a shared one its group."""
    return SHARED_MODE if folder.stat().st_mode & stat.S_ISGID else FILE_MODE


def settle(path: Path, folder: Path) -> None:
    """Give a file the rights of the folder it belongs in; what root makes is its owner's."""
    if os.geteuid() == 0:
        found = folder.stat()
        os.chown(path, found.st_uid, found.st_gid, follow_symlinks=False)
    path.chmod(mode_in(folder))


def overwrite(file: BinaryIO) -> None:
    """Fill an open file with zeros to its end, through to the disk."""
    left = file.seek(0, os.SEEK_END)
    file.seek(0)
    while left > 0:
        left -= file.write(_ZEROS[:left])
    sync(file)


def remove(path: Path) -> None:
    """Overwrite and delete a file, if it is there; a link is deleted, never followed."""
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISREG(kind):
        with path.open("r+b") as file:
            overwrite(file)
    path.unlink()


def remove_folder(path: Path) -> None:
    """Overwrite and delete everything in a folder, and the folder, if it is there.

    Links are deleted, never followed.
    """
    if path.is_symlink() or not path.is_dir():
        remove(path)
        return
    for each in sorted(path.rglob("*"), reverse=True):
        if each.is_dir() and not each.is_symlink():
            each.rmdir()
        else:
            remove(each)
    path.rmdir()


def replace(new: Path, place: Path) -> None:
    """Put a file in another's place in one step; what stood there is overwritten."""
    make_folder(place.parent)
    with contextlib.ExitStack() as stack:
        old = stack.enter_context(place.open("r+b")) if place.is_file() else None
        settle(new, place.parent)
        new.replace(place)
        sync_folder(place.parent)
        if old is not None:
            overwrite(old)


@contextlib.contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Hold a folder; it is free again when this process ends, however it ends (flock(2)).

    Raises BlockingIOError when somebody else holds it.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def sync(file: BinaryIO) -> None:
    """Put what was written on the disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Put a folder's entries (new, renamed, deleted) on the disk."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
