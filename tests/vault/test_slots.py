"""The slot file in use: finding, writing together, freeing, room, both files alike."""

import asyncio
from dataclasses import replace

import pytest

from tests.vault.slot_parts import NOW, RECORDS, address_of, conversation, put
from vault.slot_files import AlreadyRunning, SystemDisk, WrongSize
from vault.slot_index import Key
from vault.slot_records import HEADER_AREA, RECORD_SIZE, RecordKind
from vault.slots import NoRoom, Slots


def images(folder):
    return [(folder / name).read_bytes() for name in ("slots.bin", "slots.twin")]


@pytest.fixture
async def slots(short_dir):
    opened = Slots.create(short_dir, RECORDS, NOW)
    yield opened
    await opened.close()


async def test_new_files_have_their_whole_size_and_are_alike(slots, short_dir):
    first, second = images(short_dir)
    assert first == second
    assert len(first) == HEADER_AREA + RECORDS * RECORD_SIZE
    assert slots.free == RECORDS
    assert sorted(path.name for path in short_dir.iterdir()) == ["slots.bin", "slots.twin"]


async def test_files_never_grow_and_stay_alike(slots, short_dir):
    size = len(images(short_dir)[0])
    for _ in range(20):
        record = conversation()
        slot = await put(slots, record)
        await slots.write({slot: replace(record, due=record.due + 1)})
        await slots.write({}, lambda header: replace(header, commits=header.commits + 1))
        await slots.write({slot: None})
        first, second = images(short_dir)
        assert first == second
        assert len(first) == size


async def test_what_was_written_is_found_by_its_keys_and_after_reopening(slots, short_dir):
    record = conversation()
    slot = await put(slots, record)
    keys = ((Key.LOOKUP, record.lookup_tag), (Key.CONVERSATION, record.conversation_id))
    assert await slots.find(*keys) == (slot, slot)
    assert slots.get(slot) == record
    await slots.close()
    again = Slots.open(short_dir, RECORDS)
    assert await again.find(*keys) == (slot, slot)
    assert again.get(slot) == record
    assert again.live(RecordKind.CONVERSATION) == 1
    await again.close()


async def test_a_conversation_without_a_phrase_is_not_found_by_zeros(slots):
    await put(slots, conversation(lookup_tag=bytes(16)))
    assert await slots.find((Key.LOOKUP, bytes(16))) == (None,)


async def test_a_key_set_later_is_found_and_an_old_one_is_not(slots):
    record = conversation(lookup_tag=bytes(16))
    slot = await put(slots, record)
    joined = conversation(tag=record.tag, conversation_id=record.conversation_id)
    await slots.write({slot: joined})
    assert await slots.find((Key.LOOKUP, joined.lookup_tag)) == (slot,)
    await slots.write({slot: record})
    assert await slots.find((Key.LOOKUP, joined.lookup_tag)) == (None,)


async def test_slots_outside_the_file_are_nobodys(slots):
    assert slots.get(RECORDS) is None
    assert slots.get(-1) is None
    await slots.quiet(2**32 - 1)


async def test_what_is_freed_is_overwritten_in_both_files(slots, short_dir):
    records = [conversation() for _ in range(10)]
    taken = [await put(slots, record) for record in records]
    owner = records[0]
    (address_slot,) = slots.take(RecordKind.ADDRESS)
    address = address_of(taken[0], owner)
    await slots.write({address_slot: address})
    secrets = [record.s.reveal() for record in (*records, address)]
    assert all(secret in image for secret in secrets for image in images(short_dir))
    await slots.write(dict.fromkeys([*taken, address_slot]))
    for image in images(short_dir):
        for secret in secrets:
            assert secret not in image
        for record in records:
            assert record.lookup_tag not in image
            assert record.conversation_id not in image
    assert slots.free == RECORDS


async def test_a_freed_slot_is_used_again(slots):
    for _ in range(5):
        taken = [await put(slots, conversation()) for _ in range(RECORDS - slots.reserve)]
        await slots.write(dict.fromkeys(taken))
    assert slots.free == RECORDS


async def test_a_reserve_is_kept_for_staff_and_addresses(slots):
    assert slots.reserve == RECORDS // 16
    while slots.free > slots.reserve:
        await put(slots, conversation())
    with pytest.raises(NoRoom):
        slots.take(RecordKind.CONVERSATION)
    with pytest.raises(NoRoom):
        slots.take(RecordKind.CONVERSATION, RecordKind.ADDRESS)
    assert slots.free == slots.reserve, "nothing was taken"
    assert len(slots.take(*[RecordKind.STAFF] * slots.reserve)) == slots.reserve
    with pytest.raises(NoRoom):
        slots.take(RecordKind.STAFF)


async def test_the_reserve_of_a_large_file_is_1024(short_dir):
    large = Slots.create(short_dir, 131_072, NOW)
    assert large.reserve == 1024
    await large.close()


# --- together -----------------------------------------------------------------------------


class CountingDisk(SystemDisk):
    def __init__(self):
        self.syncs = 0

    def sync(self, fd):
        self.syncs += 1
        super().sync(fd)


async def test_writes_that_wait_together_share_the_sync(short_dir):
    disk = CountingDisk()
    slots = Slots.create(short_dir, RECORDS, NOW, disk=disk)
    before = disk.syncs
    await asyncio.gather(*(put(slots, conversation()) for _ in range(40)))
    assert disk.syncs - before <= 4
    await slots.close()


async def test_header_changes_that_wait_together_are_all_kept(slots):
    def one_more(header):
        return replace(header, commits=header.commits + 1)

    await asyncio.gather(*(slots.write({}, one_more) for _ in range(20)))
    assert slots.header.commits == 20


async def test_nobody_sees_a_slot_while_it_is_written(slots):
    record = conversation()
    (slot,) = slots.take(RecordKind.CONVERSATION)
    writing = asyncio.create_task(slots.write({slot: record}))
    await asyncio.sleep(0)
    assert slots.is_busy(slot)
    assert slots.get(slot) is None
    assert await slots.find((Key.LOOKUP, record.lookup_tag)) == (slot,)
    assert writing.done()


async def test_a_slot_that_is_being_written_is_not_written_twice(slots):
    slot = await put(slots, conversation())
    writing = asyncio.create_task(slots.write({slot: None}))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="wait until it is quiet"):
        await slots.write({slot: conversation()})
    await writing


async def test_who_stops_waiting_stops_nothing(slots):
    record = conversation()
    (slot,) = slots.take(RecordKind.CONVERSATION)
    writing = asyncio.create_task(slots.write({slot: record}))
    await asyncio.sleep(0)
    writing.cancel()
    await slots.quiet(slot)
    assert slots.get(slot) == record


async def test_an_address_and_its_conversation_are_quiet_together(slots):
    record = conversation()
    slot, address_slot = slots.take(RecordKind.CONVERSATION, RecordKind.ADDRESS)
    await slots.write({slot: record, address_slot: address_of(slot, record)})
    assert slots.address_slots(slot) == [address_slot]
    writing = asyncio.create_task(slots.write({address_slot: None}))
    await asyncio.sleep(0)
    assert slots.is_busy(slot)
    await writing
    assert not slots.is_busy(slot)
    assert slots.address_slots(slot) == []


async def test_a_scan_sees_every_record_of_its_kinds(slots):
    records = {}
    for _ in range(20):
        record = conversation()
        records[await put(slots, record)] = record
    (other,) = slots.take(RecordKind.ADDRESS)
    await slots.write({other: address_of(0, conversation())})
    assert dict([pair async for pair in slots.scan({RecordKind.CONVERSATION})]) == records
    half = RECORDS // 2
    later = {slot async for slot, _ in slots.scan({RecordKind.CONVERSATION}, half)}
    assert later == {slot for slot in records if slot >= half}


# --- opening ------------------------------------------------------------------------------


@pytest.mark.usefixtures("slots")
async def test_there_is_one_keeper(short_dir):
    with pytest.raises(AlreadyRunning):
        Slots.open(short_dir, RECORDS)
    with pytest.raises(FileExistsError):
        Slots.create(short_dir, RECORDS, NOW)


async def test_another_number_of_records_is_refused_with_the_right_one(slots, short_dir):
    await slots.close()
    with pytest.raises(WrongSize, match=f"records = {RECORDS}"):
        Slots.open(short_dir, RECORDS * 2)


async def test_without_files_there_is_nothing_to_open(short_dir):
    with pytest.raises(FileNotFoundError):
        Slots.open(short_dir, RECORDS)


async def test_a_conversation_keeps_several_addresses_apart(slots):
    record = conversation()
    slot, *places = slots.take(RecordKind.CONVERSATION, *[RecordKind.ADDRESS] * 3)
    await slots.write({slot: record, **{at: address_of(slot, record) for at in places}})
    assert set(slots.address_slots(slot)) == set(places)
    for gone in (places[1], places[0], places[2]):
        await slots.write({gone: None})
        places = [at for at in places if at != gone]
        assert set(slots.address_slots(slot)) == set(places)


async def test_several_addresses_are_known_after_reopening(slots, short_dir):
    record = conversation()
    slot, *places = slots.take(RecordKind.CONVERSATION, *[RecordKind.ADDRESS] * 3)
    await slots.write({slot: record, **{at: address_of(slot, record) for at in places}})
    kept = {at: slots.get(at) for at in places}
    await slots.write({places[0]: replace(kept[places[0]], due=record.due + 1)})
    await slots.close()
    again = Slots.open(short_dir, RECORDS)
    assert set(again.address_slots(slot)) == set(places)
    await again.close()
