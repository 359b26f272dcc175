"""A disk that refuses: nothing is acknowledged, everything stands, and work goes on."""

import asyncio
from dataclasses import replace

import pytest

from tests.vault.slot_parts import NOW, RECORDS, FailingDisk, conversation, put
from vault.slot_files import ROSTER_STEPS, SLOTS_NAME, TWIN_NAME, nowhere, rewrite
from vault.slot_index import Key
from vault.slot_records import RecordKind
from vault.slots import DiskRefused, Slots


def break_write(number):
    def how(disk):
        disk.write_fails_after = number

    return how


def break_sync(disk):
    disk.sync_fails = True


WAYS = [break_write(0), break_write(1), break_sync]
IDS = ["slot file refuses", "twin refuses", "sync refuses"]


@pytest.fixture
async def disk():
    return FailingDisk()


@pytest.fixture
async def slots(short_dir, disk):
    opened = Slots.create(short_dir, RECORDS, NOW, disk=disk)
    yield opened
    await opened.close()


def same(folder):
    return (folder / SLOTS_NAME).read_bytes() == (folder / TWIN_NAME).read_bytes()


@pytest.mark.parametrize("how", WAYS, ids=IDS)
async def test_a_refused_create_leaves_the_slot_free(slots, disk, short_dir, how):
    kept = conversation()
    slot = await put(slots, kept)
    how(disk)
    lost = conversation()
    with pytest.raises(DiskRefused):
        await put(slots, lost)
    assert slots.free == RECORDS - 1
    assert await slots.find((Key.LOOKUP, lost.lookup_tag)) == (None,)
    assert slots.get(slot) == kept
    disk.mend()
    again = await put(slots, lost)
    assert await slots.find((Key.LOOKUP, lost.lookup_tag)) == (again,)
    assert same(short_dir)
    assert lost.s.reveal() in (short_dir / SLOTS_NAME).read_bytes()
    assert (short_dir / SLOTS_NAME).read_bytes().count(lost.s.reveal()) == 1


@pytest.mark.parametrize("how", WAYS, ids=IDS)
async def test_a_refused_change_leaves_the_record_as_it_was(slots, disk, short_dir, how):
    record = conversation()
    slot = await put(slots, record)
    how(disk)
    with pytest.raises(DiskRefused):
        await slots.write({slot: replace(record, due=record.due + 1)})
    assert slots.get(slot) == record
    disk.mend()
    await slots.write({}, lambda header: header)
    assert same(short_dir)
    again = replace(record, due=record.due + 2)
    await slots.write({slot: again})
    assert slots.get(slot) == again


@pytest.mark.parametrize("how", WAYS, ids=IDS)
async def test_a_refused_erasure_can_be_asked_again_until_it_is_done(slots, disk, short_dir, how):
    """Until then the record answers: a refusal would pass for an erasure."""
    record = conversation()
    slot = await put(slots, record)
    how(disk)
    for _ in range(3):
        with pytest.raises(DiskRefused):
            await slots.write({slot: None})
        assert await slots.find((Key.LOOKUP, record.lookup_tag)) == (slot,)
    disk.mend()
    await slots.write({slot: None})
    assert same(short_dir)
    assert record.s.reveal() not in (short_dir / SLOTS_NAME).read_bytes()
    assert slots.free == RECORDS


async def test_a_half_done_erasure_is_not_written_back(slots, disk, short_dir):
    record = conversation()
    slot = await put(slots, record)
    disk.write_fails_after = 1
    with pytest.raises(DiskRefused):
        await slots.write({slot: None})
    disk.mend()
    await slots.write({}, lambda header: header)
    assert record.s.reveal() not in (short_dir / SLOTS_NAME).read_bytes()


@pytest.mark.parametrize("how", WAYS, ids=IDS)
async def test_a_refused_header_change_is_not_believed(slots, disk, short_dir, how):
    await slots.write({}, lambda header: replace(header, commits=1))
    how(disk)
    with pytest.raises(DiskRefused):
        await slots.write({}, lambda header: replace(header, commits=2))
    assert slots.header.commits == 1
    disk.mend()
    await slots.write({}, lambda header: replace(header, last_time=NOW + 1))
    await slots.close()
    opened = Slots.open(short_dir, RECORDS)
    assert opened.header.commits == 1
    assert same(short_dir)
    await opened.close()


async def test_all_that_waited_together_are_refused_together(slots, disk):
    disk.sync_fails = True
    ended = await asyncio.gather(
        *(put(slots, conversation()) for _ in range(10)), return_exceptions=True
    )
    assert all(isinstance(each, DiskRefused) for each in ended)
    assert slots.free == RECORDS
    disk.mend()
    await asyncio.gather(*(put(slots, conversation()) for _ in range(10)))
    assert slots.live(RecordKind.CONVERSATION) == 10


async def test_after_refusals_the_files_open_with_all_that_was_acknowledged(slots, disk, short_dir):
    kept = {}
    for number in range(30):
        record = conversation()
        if number % 3 == 0:
            disk.write_fails_after = number % 5
        elif number % 3 == 1:
            disk.sync_fails = True
        try:
            kept[await put(slots, record)] = record
        except DiskRefused:
            disk.mend()
    await slots.write({}, lambda header: header)
    await slots.close()
    opened = Slots.open(short_dir, RECORDS)
    assert {slot: opened.get(slot) for slot in kept} == kept
    assert opened.live(RecordKind.CONVERSATION) == len(kept)
    await opened.close()


def test_a_refused_rewrite_leaves_the_old_file(short_dir):
    disk = FailingDisk()
    path = short_dir / "roster.bin"
    rewrite(path, b"old", ROSTER_STEPS, disk, nowhere)
    for how in (break_write(0), break_sync):
        how(disk)
        with pytest.raises(OSError, match=r"error|space"):
            rewrite(path, b"new", ROSTER_STEPS, disk, nowhere)
        disk.mend()
        assert path.read_bytes() == b"old"
        assert [each.name for each in short_dir.iterdir()] == ["roster.bin"]
    assert path.stat().st_mode & 0o777 == 0o600
