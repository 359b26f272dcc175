"""How the keeper's bytes reach the disk: the named steps, whole-file rewrites, creation, repair.

Every step at which a crash is tried has a name here (docs/keeper.md, 7). Whoever opens the files
may hand in a function that is called at each; the product hands in one that does nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from vault.sealing import Secret
from vault.slot_records import (
    HEADER_AREA,
    HEADER_COPY,
    RECORD_SIZE,
    Header,
    RecordKind,
    counter_of,
    header_image,
    holds,
    new_header,
    newest_header,
    record_image,
)

SLOTS_NAME: Final = "slots.bin"
TWIN_NAME: Final = "slots.twin"
_NEW: Final = ".new"
_BLOCK_RECORDS: Final = 1024
_FILE_MODE: Final = 0o600


class Step(StrEnum):
    """A moment between two effects on the disk, named for what has just happened."""

    RECORDS_IN_SLOTS = "records in slots"
    RECORDS_IN_TWIN = "records in twin"
    RECORDS_SYNCED = "records synced"
    HEADER_IN_SLOTS = "header in slots"
    HEADER_IN_TWIN = "header in twin"
    HEADER_SYNCED = "header synced"
    ROSTER_WRITTEN = "roster written"
    ROSTER_SYNCED = "roster synced"
    ROSTER_RENAMED = "roster renamed"
    ROSTER_FOLDER_SYNCED = "roster folder synced"
    GRANTS_WRITTEN = "grants written"
    GRANTS_SYNCED = "grants synced"
    GRANTS_RENAMED = "grants renamed"
    GRANTS_FOLDER_SYNCED = "grants folder synced"
    NEWCOMERS_WRITTEN = "newcomers written"
    NEWCOMERS_SYNCED = "newcomers synced"
    NEWCOMERS_RENAMED = "newcomers renamed"
    NEWCOMERS_FOLDER_SYNCED = "newcomers folder synced"
    SLOTS_MADE = "slots made"
    TWIN_PLACED = "twin placed"
    SLOTS_PLACED = "slots placed"


ROSTER_STEPS: Final = (
    Step.ROSTER_WRITTEN,
    Step.ROSTER_SYNCED,
    Step.ROSTER_RENAMED,
    Step.ROSTER_FOLDER_SYNCED,
)
GRANTS_STEPS: Final = (
    Step.GRANTS_WRITTEN,
    Step.GRANTS_SYNCED,
    Step.GRANTS_RENAMED,
    Step.GRANTS_FOLDER_SYNCED,
)
NEWCOMERS_STEPS: Final = (
    Step.NEWCOMERS_WRITTEN,
    Step.NEWCOMERS_SYNCED,
    Step.NEWCOMERS_RENAMED,
    Step.NEWCOMERS_FOLDER_SYNCED,
)

CrashAt = Callable[[str], None]


def nowhere(step: str) -> None:
    """Go on: what the product does at every step."""


class AlreadyRunning(Exception):
    """Another keeper holds the slot file."""


class WrongSize(Exception):
    """The slot file has another number of records than the settings say."""


class Disk(Protocol):
    """What is asked of the operating system; a failure is an OSError."""

    def write(self, fd: int, data: bytes, offset: int) -> None:
        """Write all of `data` at `offset`."""
        ...

    def sync(self, fd: int) -> None:
        """Return when what was written is on the medium."""
        ...


class SystemDisk:
    """The operating system itself."""

    def write(self, fd: int, data: bytes, offset: int) -> None:
        """Write all of `data` at `offset`."""
        view = memoryview(data)
        while view:
            written = os.pwrite(fd, view, offset)
            view, offset = view[written:], offset + written

    def sync(self, fd: int) -> None:
        """Return when what was written is on the medium."""
        os.fdatasync(fd)


# --- files that are rewritten whole -------------------------------------------------------


def rewrite(
    path: Path, data: bytes, steps: tuple[Step, Step, Step, Step], disk: Disk, crash_at: CrashAt
) -> None:
    """Replace a file so that a crash leaves the old or the new one; synced when this returns.

    Raises OSError with the old file in place, unless the last sync of the folder failed: then
    either may be there after a crash, and nothing is acknowledged.
    """
    written, synced, renamed, folder_synced = steps
    new = path.with_name(path.name + _NEW)
    try:
        with _descriptor(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as fd:
            disk.write(fd, data, 0)
            crash_at(written)
            disk.sync(fd)
            crash_at(synced)
        new.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        raise
    crash_at(renamed)
    _sync_folder(path.parent, disk)
    crash_at(folder_synced)


def remove(path: Path, disk: Disk) -> None:
    """Take a file away if it is there, lastingly."""
    path.unlink(missing_ok=True)
    _sync_folder(path.parent, disk)


@contextlib.contextmanager
def _descriptor(path: Path, flags: int) -> Iterator[int]:
    fd = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, _FILE_MODE)
    try:
        yield fd
    finally:
        os.close(fd)


def _sync_folder(folder: Path, disk: Disk) -> None:
    with _descriptor(folder, os.O_RDONLY | os.O_DIRECTORY) as fd:
        disk.sync(fd)


# --- making and opening the pair ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pair:
    """Both files, open and locked, and the header that counts."""

    slots: int
    twin: int
    header: Header
    header_copy: int
    damaged: int  # records that were damaged in both files and are free now
    copied: int  # records that were damaged in one file
    is_half_missing: bool  # one file was missing or cut short, and was made from the other
    kinds: bytearray


def exists(folder: Path) -> bool:
    """Whether there is a slot file or a twin."""
    return (folder / SLOTS_NAME).exists() or (folder / TWIN_NAME).exists()


def create_pair(
    folder: Path, records: int, now: int, disk: Disk, crash_at: CrashAt = nowhere
) -> None:
    """Make both files, every record a valid free one; `now` in seconds.

    They get their names only when they are whole. Raises AlreadyRunning, or OSError where the disk
    has no room.
    """
    new_slots, new_twin = folder / (SLOTS_NAME + _NEW), folder / (TWIN_NAME + _NEW)
    flags = os.O_RDWR | os.O_CREAT
    with _descriptor(new_slots, flags) as slots, _descriptor(new_twin, flags) as twin:
        _lock(slots)
        for fd in (slots, twin):
            os.ftruncate(fd, 0)
            os.posix_fallocate(fd, 0, HEADER_AREA + records * RECORD_SIZE)
        _fill(new_header(records, now), slots, twin, disk)
        crash_at(Step.SLOTS_MADE)
        # A link, not a rename: it never replaces a file that somebody else put there.
        _place(new_twin, folder / TWIN_NAME)
        crash_at(Step.TWIN_PLACED)
        _place(new_slots, folder / SLOTS_NAME)
        crash_at(Step.SLOTS_PLACED)
    new_twin.unlink()
    new_slots.unlink()
    _sync_folder(folder, disk)


def _fill(header: Header, slots: int, twin: int, disk: Disk) -> None:
    image = header_image(header)
    area = (image + image).ljust(HEADER_AREA, b"\0")
    for fd in (slots, twin):
        disk.write(fd, area, 0)
    for start in range(0, header.records, _BLOCK_RECORDS):
        end = min(start + _BLOCK_RECORDS, header.records)
        block = b"".join(record_image(header.mac_key, n, 0, None) for n in range(start, end))
        for fd in (slots, twin):
            disk.write(fd, block, offset_of(start))
    for fd in (slots, twin):
        disk.sync(fd)


def _place(new: Path, final: Path) -> None:
    try:
        os.link(new, final)
    except FileExistsError:
        raise AlreadyRunning(f"{final} appeared meanwhile: another keeper is being started") from (
            None
        )


def open_pair(folder: Path, records: int, disk: Disk) -> Pair:
    """Open, lock and repair both files; the table of repairs is that of docs/keeper.md, 1.

    A file that is missing or short counts as damaged there. Raises AlreadyRunning, WrongSize,
    DamagedHeader.
    """
    for name in (SLOTS_NAME, TWIN_NAME):
        (folder / (name + _NEW)).unlink(missing_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    slots = os.open(folder / SLOTS_NAME, flags, _FILE_MODE)
    try:
        twin = os.open(folder / TWIN_NAME, flags, _FILE_MODE)
        try:
            return _open_pair(slots, twin, records, disk)
        except BaseException:
            os.close(twin)
            raise
    except BaseException:
        os.close(slots)
        raise


def _open_pair(slots: int, twin: int, records: int, disk: Disk) -> Pair:
    _lock(slots)
    header, copy = newest_header([os.pread(fd, HEADER_AREA, 0) for fd in (slots, twin)])
    if header.records != records:
        raise WrongSize(
            f"the slot file has {header.records} records and the settings say {records}; "
            f"set records = {header.records}"
        )
    size = HEADER_AREA + records * RECORD_SIZE
    is_half_missing = any(os.fstat(fd).st_size < size for fd in (slots, twin))
    for fd in (slots, twin):
        os.posix_fallocate(fd, 0, size)
    repair = _Repair(slots, twin, header.mac_key, disk)
    kinds = bytearray(records)
    for start in range(0, records, _BLOCK_RECORDS):
        end = min(start + _BLOCK_RECORDS, records)
        kinds[start:end] = repair.block(start, end)
    copy = _even_headers(slots, twin, header, copy, disk)
    for fd in (slots, twin):
        disk.sync(fd)
    return Pair(slots, twin, header, copy, repair.damaged, repair.copied, is_half_missing, kinds)


def _even_headers(slots: int, twin: int, header: Header, copy: int, disk: Disk) -> int:
    """Give both files the same header area, one copy after the other; which copy counts now."""
    areas = [os.pread(fd, HEADER_AREA, 0) for fd in (slots, twin)]
    image = header_image(header)
    good = areas[0][copy * HEADER_COPY : (copy + 1) * HEADER_COPY]
    if areas[0] == areas[1] and good == image:
        return copy
    for place in (1 - copy, copy):
        for fd in (slots, twin):
            disk.write(fd, image, place * HEADER_COPY)
            disk.write(fd, bytes(HEADER_AREA - 2 * HEADER_COPY), 2 * HEADER_COPY)
        for fd in (slots, twin):
            disk.sync(fd)
    return copy


def _lock(fd: int) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AlreadyRunning(
            "another keeper holds the slot file; there can be only one. Stop it first"
        ) from None


def offset_of(slot: int) -> int:
    """Where a record begins."""
    return HEADER_AREA + slot * RECORD_SIZE


# --- repair -------------------------------------------------------------------------------


def settled(mac_key: Secret, slot: int, a: bytes, b: bytes) -> tuple[bytes, bool]:
    """The image that both files shall have, and whether both were damaged.

    A free record wins over anything: what was acknowledged as erased never comes back.
    """
    valid = [image for image in (a, b) if holds(mac_key, slot, image)]
    if not valid:
        return record_image(mac_key, slot, _seen_counter(a, b) + 1, None), True
    free = [image for image in valid if image[0] == RecordKind.FREE]
    return max(free or valid, key=counter_of), False


def _seen_counter(a: bytes, b: bytes) -> int:
    """A counter that damage left believable; a wild one would leave no room to grow."""
    return max((n for n in (counter_of(a), counter_of(b)) if n < 1 << 32), default=0)


class _Repair:
    """Walks both files block by block and makes them the same."""

    def __init__(self, slots: int, twin: int, mac_key: Secret, disk: Disk) -> None:
        self._slots, self._twin = slots, twin
        self._mac_key = mac_key
        self._disk = disk
        self.damaged = 0
        self.copied = 0

    def block(self, start: int, end: int) -> bytes:
        """Repair the records from `start` to before `end`; their kinds, a byte each."""
        size = (end - start) * RECORD_SIZE
        a = os.pread(self._slots, size, offset_of(start))
        b = os.pread(self._twin, size, offset_of(start))
        kinds = bytearray(a[::RECORD_SIZE])
        same = a == b
        for slot in range(start, end):
            at = (slot - start) * RECORD_SIZE
            image = a[at : at + RECORD_SIZE]
            other = image if same else b[at : at + RECORD_SIZE]
            if image == other and holds(self._mac_key, slot, image):
                continue
            kinds[slot - start] = self._record(slot, image, other)[0]
        return bytes(kinds)

    def _record(self, slot: int, a: bytes, b: bytes) -> bytes:
        image, both_damaged = settled(self._mac_key, slot, a, b)
        if both_damaged:
            self.damaged += 1
        elif not all(holds(self._mac_key, slot, each) for each in (a, b)):
            self.copied += 1
        for fd, old in ((self._slots, a), (self._twin, b)):
            if old != image:
                self._disk.write(fd, image, offset_of(slot))
        return image
