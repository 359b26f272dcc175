"""Who of several processes writes the SQLite file next: one after the other, as they came.

SQLite keeps no order among those who wait; at fifty, some would wait long after the rest was
served. So a writer draws a number first. In a file beside the database it locks the byte of that
number and waits until no byte before its own is locked. The kernel gives the locks of a process
that has ended back, so nobody waits for the dead. Only the order comes from here: who may write is
still decided by the database, and where the file cannot be made or locked all write without it.

Source: fcntl(2), open file description locks.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
from pathlib import Path
from typing import Final

NAME: Final = "writers"

_NUMBERS: Final = struct.Struct("<QQ")  # the last number drawn, the last one that was let in
_NUMBERED: Final = 1 << 20  # the byte of number 0; those before it are not locked by numbers
_MOST: Final = 1 << 62
_DRAWING: Final = 0  # the byte that is locked for a moment while a number is drawn
_LOCK: Final = struct.Struct("hhqqi4x")  # struct flock on 64-bit Linux
_NEXT: Final = 0.0003
_LONGEST: Final = 0.02


class WritersLine:
    """One writer's place in the line. Belongs to one thread."""

    def __init__(self, database: Path) -> None:
        self._fd = _opened(database)
        self._number: int | None = None

    def has_drawn(self) -> bool:
        """Take the next number; False where another is just drawing: try again.

        True also where there is no line to stand in.
        """
        if self._fd is None:
            return True
        try:
            _lock(self._fd, fcntl.F_WRLCK, _DRAWING, 1)
        except BlockingIOError:
            return False
        except OSError:
            return True
        with contextlib.suppress(OSError):  # no order then; the database decides
            self._number = _taken(self._fd)
        _lock(self._fd, fcntl.F_UNLCK, _DRAWING, 1)
        return True

    def is_first(self) -> bool:
        """Whether everybody who came before has written, given up or ended."""
        if self._fd is None or self._number is None:
            return True
        try:
            _lock(self._fd, fcntl.F_RDLCK, _NUMBERED, self._number)
        except BlockingIOError:
            return False
        except OSError:
            return True
        _lock(self._fd, fcntl.F_UNLCK, _NUMBERED, self._number)
        with contextlib.suppress(OSError):
            os.pwrite(self._fd, self._number.to_bytes(8, "little"), 8)
        return True

    def pause(self) -> float:
        """Seconds until it is worth looking again: the nearer, the shorter."""
        if self._fd is None or self._number is None:
            return _NEXT
        before = self._number - _numbers(self._fd)[1]
        return min(_LONGEST, _NEXT * max(1, before) ** 2)

    def leave(self) -> None:
        """Let the next one in; again does nothing."""
        if self._fd is not None and self._number is not None:
            _lock(self._fd, fcntl.F_UNLCK, _NUMBERED + self._number, 1)
        self._number = None

    def close(self) -> None:
        """Leave, and close the file."""
        self.leave()
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _opened(database: Path) -> int | None:
    """The file of the line, for whom the database is for; None where it cannot be had."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        fd = os.open(database.with_name(NAME), flags, 0o600)
    except OSError:
        return None
    with contextlib.suppress(OSError):  # it belongs to another process, which has done this
        os.fchmod(fd, database.stat().st_mode & 0o660)
    return fd


def _numbers(fd: int) -> tuple[int, int]:
    """The last number drawn and the last let in; zeroes in a new file."""
    drawn, served = _NUMBERS.unpack(os.pread(fd, _NUMBERS.size, 0).ljust(_NUMBERS.size, b"\0"))
    return drawn, served


def _taken(fd: int) -> int:
    """The next number, its byte locked; raises OSError where that cannot be."""
    drawn, served = _numbers(fd)
    number = (drawn + 1) % _MOST
    _lock(fd, fcntl.F_WRLCK, _NUMBERED + number, 1)
    try:
        os.pwrite(fd, _NUMBERS.pack(number, served), 0)
    except OSError:
        _lock(fd, fcntl.F_UNLCK, _NUMBERED + number, 1)
        raise
    return number


def _lock(fd: int, kind: int, start: int, length: int) -> None:
    """Lock or unlock, never wait; raises BlockingIOError where another holds it."""
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _LOCK.pack(kind, os.SEEK_SET, start, length, 0))
