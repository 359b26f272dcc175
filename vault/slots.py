"""The slot file and its twin: where shred keys live, and where they are overwritten.

`Slots` finds, reads, writes and frees records. A write is answered only when it is in both files
and both are synced; writes that wait together share the sync, which runs in a thread so that
everything else goes on. No record is held in memory: what is asked for is read from the file.

How a caller changes a record: `await quiet(slot)` (or `find`), then `get`, decide and call `write`
without awaiting anything in between. While a write is under way, nobody else sees that slot.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from array import array
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from vault.sealing import equal
from vault.slot_files import (
    CrashAt,
    Disk,
    Pair,
    Step,
    SystemDisk,
    create_pair,
    exists,
    nowhere,
    offset_of,
    open_pair,
    settled,
)
from vault.slot_index import Key, SlotIndex
from vault.slot_records import (
    ADDRESS_SLOT_AT,
    ADDRESS_TAG_AT,
    HEADER_COPY,
    ID_AT,
    LOGIN_AT,
    LOOKUP_AT,
    NO_TAG,
    RECORD_SIZE,
    Address,
    Conversation,
    Header,
    Record,
    RecordKind,
    counter_of,
    header_image,
    holds,
    read_record,
    record_image,
)

RESERVE: Final = 1024  # kept for staff and addresses
_RESERVE_SHARE: Final = 16  # of a small file, a sixteenth
_SCAN_RECORDS: Final = 512
# By kind: which keys a record is found by, and where in its image they stand.
_KEYS_AT: Final[tuple[tuple[tuple[Key, int, int], ...], ...]] = (
    (),
    ((Key.CONVERSATION, ID_AT, ID_AT + 16), (Key.LOOKUP, LOOKUP_AT, LOOKUP_AT + 16)),
    ((Key.ADDRESS, ADDRESS_TAG_AT, ADDRESS_TAG_AT + 32),),
    ((Key.LOGIN, LOGIN_AT, LOGIN_AT + 16),),
)

_NO_PHRASE: Final = (Key.LOOKUP, NO_TAG)

HeaderChange = Callable[[Header], Header]
Changes = Mapping[int, Record | None]
"""What shall stand in each slot; None frees it."""


class NoRoom(Exception):
    """No slot is left for this kind of record."""


class DiskRefused(Exception):
    """The disk did not take the write; nothing of it is acknowledged and everything stands."""


@dataclass(frozen=True, slots=True)
class _Write:
    """Something that waits for its sync: images before and after, by slot."""

    before: Mapping[int, bytes]
    after: Mapping[int, bytes]
    change: HeaderChange | None
    done: asyncio.Future[None]


class Slots:
    """The open pair of files; one for each machine, held by the keeper alone."""

    def __init__(self, pair: Pair, disk: Disk, crash_at: CrashAt) -> None:
        self.header = pair.header
        self.damaged = pair.damaged
        self.copied = pair.copied
        self.is_half_missing = pair.is_half_missing
        self.refused_writes = 0
        self._files: tuple[int, ...] = (pair.slots, pair.twin)
        self._header_copy = pair.header_copy
        self._header_counter = pair.header.counter
        self._disk = disk
        self._crash_at = crash_at
        self._kinds = pair.kinds
        self._counts = {kind: pair.kinds.count(kind) for kind in RecordKind}
        self._free = array("I", (n for n, kind in enumerate(pair.kinds) if kind == 0))
        self._index = SlotIndex(len(pair.kinds))
        # By conversation, the first of its addresses; by address, the next one; one more than the
        # slot each, 0 for none.
        self._address_of = array("I", bytes(4 * len(pair.kinds)))
        self._next_of = array("I", bytes(4 * len(pair.kinds)))
        self._truth: dict[int, bytes] = {}  # after a refused write: what stands, whatever is there
        self._unsettled: dict[int, bytes] = {}  # of these, what must be written again
        self._is_header_unsettled = False
        self._busy: dict[int, _Write] = {}
        self._waiting: list[_Write] = []
        self._commits: asyncio.Task[None] | None = None
        self._syncer = ThreadPoolExecutor(1, thread_name_prefix="sync")
        self._fill_index()

    @classmethod
    def create(
        cls,
        folder: Path,
        records: int,
        now: int,
        *,
        disk: Disk | None = None,
        crash_at: CrashAt = nowhere,
    ) -> Slots:
        """Make both files and open them; `now` in seconds. Raises FileExistsError, OSError."""
        if exists(folder):
            raise FileExistsError(f"there is a slot file in {folder} already")
        create_pair(folder, records, now, disk or SystemDisk(), crash_at)
        return cls.open(folder, records, disk=disk, crash_at=crash_at)

    @classmethod
    def open(
        cls,
        folder: Path,
        records: int,
        *,
        disk: Disk | None = None,
        crash_at: CrashAt = nowhere,
    ) -> Slots:
        """Open both files, repaired. Raises AlreadyRunning, WrongSize, DamagedHeader, OSError."""
        if not exists(folder):
            raise FileNotFoundError(f"there is no slot file in {folder}")
        disk = disk or SystemDisk()
        return cls(open_pair(folder, records, disk), disk, crash_at)

    async def close(self) -> None:
        """Wait for what is being written and close both files."""
        while self._commits is not None and not self._commits.done():
            await asyncio.wait([self._commits])
        self._syncer.shutdown()
        for fd in self._files:
            os.close(fd)
        self._files = ()

    # --- what is there ------------------------------------------------------------------

    @property
    def records(self) -> int:
        """How many slots there are, free ones included."""
        return len(self._kinds)

    @property
    def free(self) -> int:
        """How many slots are free."""
        return len(self._free)

    def live(self, kind: RecordKind) -> int:
        """How many records of this kind live."""
        return self._counts[kind]

    @property
    def reserve(self) -> int:
        """How many of the free slots are kept for staff and addresses."""
        return min(RESERVE, self.records // _RESERVE_SHARE)

    def is_busy(self, slot: int) -> bool:
        """Whether a write of this slot, or of the one that belongs to it, is under way."""
        return self._busy_of(slot) is not None

    async def quiet(self, slot: int) -> None:
        """Return when no write of this slot, or of the one that belongs to it, is under way."""
        while (busy := self._busy_of(slot)) is not None:
            await asyncio.wait([busy.done])

    async def find(self, *keys: tuple[Key, bytes]) -> tuple[int | None, ...]:
        """The slot of each key, or None; all of them are quiet when this returns."""
        while True:
            found = [(key, tag, self._index.slots(key, tag)) for key, tag in keys]
            busy = [s for *_, slots in found for s in slots if self.is_busy(s)]
            if not busy:
                return tuple(self._match(*each) for each in found)
            await self.quiet(busy[0])

    def get(self, slot: int) -> Record | None:
        """The record that lives in this slot; None where it is free or there is no such slot."""
        return read_record(self._image(slot)) if 0 <= slot < self.records else None

    def address_slots(self, conversation_slot: int) -> list[int]:
        """The slots of this conversation's addresses."""
        found, linked = [], self._address_of[conversation_slot]
        while linked:
            found.append(linked - 1)
            linked = self._next_of[linked - 1]
        return found

    async def scan(
        self, kinds: Iterable[RecordKind], start: int = 0
    ) -> AsyncIterator[tuple[int, Record]]:
        """Every record of these kinds from slot `start` on, yielding to others now and then.

        What is being written meanwhile may appear as it was or as it will be; `get` decides.
        """
        wanted = frozenset(kinds)
        for begin in range(start, self.records, _SCAN_RECORDS):
            end = min(begin + _SCAN_RECORDS, self.records)
            slots = [n for n in range(begin, end) if self._kinds[n] in wanted]
            if slots:
                block = os.pread(self._files[0], (end - begin) * RECORD_SIZE, offset_of(begin))
                for slot in slots:
                    at = (slot - begin) * RECORD_SIZE
                    known = self._truth.get(slot)
                    record = read_record(known or block[at : at + RECORD_SIZE])
                    if record is not None:
                        yield slot, record
            await asyncio.sleep(0)

    def block(self, start: int, end: int) -> bytes:
        """The records from `start` to before `end` as they stand, for the mirror.

        One that is being freed at this moment is free already.
        """
        return b"".join(self._standing(slot) for slot in range(start, end))

    def _standing(self, slot: int) -> bytes:
        write = self._busy.get(slot)
        if write is not None and write.after[slot][0] == RecordKind.FREE:
            return write.after[slot]
        return self._image(slot)

    # --- what is changed ----------------------------------------------------------------

    def take(self, *kinds: RecordKind) -> list[int]:
        """A random free slot for each kind, to be written at once. Raises NoRoom, taking none."""
        kept = self.reserve if RecordKind.CONVERSATION in kinds else 0
        if self.free < len(kinds) + kept:
            raise NoRoom("the slot file is full; let the sweep run or make it larger")
        taken = []
        for _ in kinds:
            at = secrets.randbelow(len(self._free))
            last = self._free.pop()
            if at < len(self._free):
                last, self._free[at] = self._free[at], last
            taken.append(last)
        return taken

    async def write(self, changes: Changes, change: HeaderChange | None = None) -> None:
        """Put records and header in place; returns when both files are synced.

        `change` makes the new header from the current one. Raises DiskRefused, and nothing has
        changed then.
        """
        before = {slot: self._image(slot) for slot in changes}
        after = {
            slot: record_image(self.header.mac_key, slot, counter_of(before[slot]) + 1, record)
            for slot, record in changes.items()
        }
        write = _Write(before, after, change, asyncio.get_running_loop().create_future())
        if not changes.keys().isdisjoint(self._busy):
            raise RuntimeError("a slot is being written already; wait until it is quiet")
        for slot in changes:
            self._busy[slot] = write
            self._add_keys(slot, after[slot])
        self._waiting.append(write)
        if self._commits is None or self._commits.done():
            self._commits = asyncio.create_task(self._commit_all())
        await asyncio.shield(write.done)

    async def _commit_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                await self._commit(batch)
            except OSError as refusal:
                self.refused_writes += 1
                for write in batch:
                    self._take_back(write)
                    error = DiskRefused(f"the disk refused a write: {refusal.strerror}")
                    write.done.set_exception(error)
                    write.done.exception()  # somebody may have stopped waiting
            else:
                for write in batch:
                    self._settle(write)
                    write.done.set_result(None)

    async def _commit(self, batch: Sequence[_Write]) -> None:
        images = dict(self._unsettled)
        for write in batch:
            images.update(write.after)
        header = self.header
        for write in batch:
            header = write.change(header) if write.change else header
        writes_header = self._is_header_unsettled or header != self.header
        if writes_header:
            self._header_counter += 1
            header = replace(header, counter=self._header_counter)
        # The writes reach the page cache in microseconds; only the sync may take long.
        for fd, records_step, header_step in zip(
            self._files,
            (Step.RECORDS_IN_SLOTS, Step.RECORDS_IN_TWIN),
            (Step.HEADER_IN_SLOTS, Step.HEADER_IN_TWIN),
            strict=True,
        ):
            for slot, image in images.items():
                self._disk.write(fd, image, offset_of(slot))
            if images:
                self._crash_at(records_step)
            if writes_header:
                self._is_header_unsettled = True
                place = (1 - self._header_copy) * HEADER_COPY
                self._disk.write(fd, header_image(header), place)
                self._crash_at(header_step)
        await asyncio.get_running_loop().run_in_executor(self._syncer, self._sync)
        self._crash_at(Step.RECORDS_SYNCED if images else Step.HEADER_SYNCED)
        if writes_header:
            self.header = header
            self._header_copy = 1 - self._header_copy
            self._is_header_unsettled = False
        for slot in self._unsettled:
            self._truth.pop(slot, None)
        self._unsettled.clear()

    def _sync(self) -> None:
        for fd in self._files:
            self._disk.sync(fd)

    def _settle(self, write: _Write) -> None:
        """Make what was written the state in memory."""
        for slot, image in write.after.items():
            self._truth.pop(slot, None)
            del self._busy[slot]
            self._drop_keys(slot, write.before[slot], image)
            self._unlink(slot, write.before[slot])
            self._count(slot, image)
            self._link(slot, image)

    def _take_back(self, write: _Write) -> None:
        """Keep the state before a refused write.

        What may stand half written is written again with the next commit, except where a record
        was to be freed: there nobody writes the shred key back.
        """
        for slot, old in write.before.items():
            self._truth[slot] = old
            del self._busy[slot]
            self._drop_keys(slot, write.after[slot], old)
            if write.after[slot][0] != RecordKind.FREE:
                self._unsettled[slot] = old
            if old[0] == RecordKind.FREE:
                self._free.append(slot)

    # --- reading ------------------------------------------------------------------------

    def _image(self, slot: int) -> bytes:
        """What stands in a slot; damage is repaired from the twin, or counted and freed.

        While a slot is being written, this is what stood there before.
        """
        if slot in self._busy:
            return self._busy[slot].before[slot]
        known = self._truth.get(slot)
        if known is not None:
            return known
        image = os.pread(self._files[0], RECORD_SIZE, offset_of(slot))
        if holds(self.header.mac_key, slot, image) and image[0] == self._kinds[slot]:
            return image
        return self._healed(slot, image)

    def _healed(self, slot: int, image: bytes) -> bytes:
        twin = os.pread(self._files[1], RECORD_SIZE, offset_of(slot))
        image, was_lost = settled(self.header.mac_key, slot, image, twin)
        self.damaged += was_lost
        self.copied += not was_lost
        self._truth[slot] = self._unsettled[slot] = image
        if image[0] != self._kinds[slot]:
            self._count(slot, image)
        return image

    def _match(self, key: Key, tag: bytes, slots: Iterable[int]) -> int | None:
        for slot in slots:
            image = self._image(slot)
            for each, start, end in _KEYS_AT[image[0]]:
                if each == key and equal(image[start:end], tag):
                    return slot
        return None

    def _busy_of(self, slot: int) -> _Write | None:
        if slot in self._busy:
            return self._busy[slot]
        if not 0 <= slot < self.records:
            return None
        if self._kinds[slot] == RecordKind.CONVERSATION:
            writes = map(self._busy.get, self.address_slots(slot))
            return next(filter(None, writes), None)
        if self._kinds[slot] == RecordKind.ADDRESS:
            address = read_record(self._image(slot))
            if isinstance(address, Address):
                return self._busy.get(address.conversation_slot)
        return None

    # --- what is kept in memory ---------------------------------------------------------

    def _fill_index(self) -> None:
        for begin in range(0, self.records, _SCAN_RECORDS):
            end = min(begin + _SCAN_RECORDS, self.records)
            if not any(self._kinds[begin:end]):
                continue
            block = os.pread(self._files[0], (end - begin) * RECORD_SIZE, offset_of(begin))
            for slot in range(begin, end):
                if self._kinds[slot]:
                    at = (slot - begin) * RECORD_SIZE
                    image = block[at : at + RECORD_SIZE]
                    self._add_keys(slot, image)
                    if image[0] == RecordKind.ADDRESS and self._belongs(slot):
                        self._link(slot, image)

    def _belongs(self, slot: int) -> bool:
        """Whether this is an address whose conversation lives."""
        address = self.get(slot)
        if not isinstance(address, Address):
            return False
        conversation = self.get(address.conversation_slot)
        return isinstance(conversation, Conversation) and equal(
            conversation.tag, address.conversation_tag
        )

    def _count(self, slot: int, image: bytes) -> None:
        """Take note of which kind of record stands in a slot now."""
        was, now = RecordKind(self._kinds[slot]), RecordKind(image[0])
        if was == now:
            return
        self._counts[was] -= 1
        self._counts[now] += 1
        self._kinds[slot] = now
        if now == RecordKind.FREE:
            self._free.append(slot)

    def _link(self, slot: int, image: bytes) -> None:
        if image[0] == RecordKind.ADDRESS:
            at = int.from_bytes(image[ADDRESS_SLOT_AT : ADDRESS_SLOT_AT + 4], "big")
            if at < self.records and slot not in self.address_slots(at):
                self._next_of[slot] = self._address_of[at]
                self._address_of[at] = slot + 1

    def _unlink(self, slot: int, image: bytes) -> None:
        if image[0] == RecordKind.ADDRESS:
            at = int.from_bytes(image[ADDRESS_SLOT_AT : ADDRESS_SLOT_AT + 4], "big")
            linked = self.address_slots(at) if at < self.records else []
            if slot in linked:
                place = linked.index(slot)
                if place:
                    self._next_of[linked[place - 1]] = self._next_of[slot]
                else:
                    self._address_of[at] = self._next_of[slot]
                self._next_of[slot] = 0

    def _add_keys(self, slot: int, image: bytes) -> None:
        for key, tag in _keys(image):
            self._index.add(key, tag, slot)

    def _drop_keys(self, slot: int, image: bytes, kept: bytes) -> None:
        for key, tag in set(_keys(image)) - set(_keys(kept)):
            self._index.remove(key, tag, slot)


def _keys(image: bytes) -> list[tuple[Key, bytes]]:
    keys = [(key, image[start:end]) for key, start, end in _KEYS_AT[image[0]]]
    return [pair for pair in keys if pair != _NO_PHRASE]
