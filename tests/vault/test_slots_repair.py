"""Damage, half-written and missing files: the table of repairs, row by row."""

from dataclasses import replace

import pytest

from tests.vault.slot_parts import NOW, RECORDS, address_of, conversation, put
from vault.slot_files import SLOTS_NAME, TWIN_NAME, offset_of
from vault.slot_index import Key
from vault.slot_records import (
    HEADER_COPY,
    RECORD_SIZE,
    DamagedHeader,
    RecordKind,
    header_image,
    record_image,
)
from vault.slots import Slots

LIVE, NEWER, FREE, DAMAGED = "live", "newer", "free", "damaged"


def image_of(what, key, slot, record):
    if what == LIVE:
        return record_image(key, slot, 5, record)
    if what == NEWER:
        return record_image(key, slot, 6, replace(record, due=record.due + 1))
    if what == FREE:
        return record_image(key, slot, 4, None)
    return record_image(key, slot, 5, record)[:-1] + b"?"


def patch(path, offset, data):
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def same(folder):
    return (folder / SLOTS_NAME).read_bytes() == (folder / TWIN_NAME).read_bytes()


ROWS = [
    (LIVE, LIVE, LIVE, 0),
    (FREE, LIVE, FREE, 0),
    (LIVE, FREE, FREE, 0),
    (NEWER, FREE, FREE, 0),
    (FREE, DAMAGED, FREE, 0),
    (DAMAGED, FREE, FREE, 0),
    (LIVE, NEWER, NEWER, 0),
    (NEWER, LIVE, NEWER, 0),
    (LIVE, DAMAGED, LIVE, 0),
    (DAMAGED, LIVE, LIVE, 0),
    (DAMAGED, DAMAGED, FREE, 1),
]


@pytest.mark.parametrize(("slots_has", "twin_has", "then", "damaged"), ROWS)
async def test_the_table_of_repairs(short_dir, slots_has, twin_has, then, damaged):
    slots = Slots.create(short_dir, RECORDS, NOW)
    record, other = conversation(), conversation()
    slot = await put(slots, conversation())
    await put(slots, other)
    key = slots.header.mac_key
    await slots.close()
    for name, what in ((SLOTS_NAME, slots_has), (TWIN_NAME, twin_has)):
        patch(short_dir / name, offset_of(slot), image_of(what, key, slot, record))
    slots = Slots.open(short_dir, RECORDS)
    expected = {LIVE: record, NEWER: replace(record, due=record.due + 1), FREE: None}[then]
    assert slots.get(slot) == expected
    assert slots.damaged == damaged
    assert same(short_dir)
    found = await slots.find((Key.LOOKUP, record.lookup_tag), (Key.LOOKUP, other.lookup_tag))
    assert (found[0] == slot) == (expected is not None)
    assert found[1] is not None
    assert slots.free + slots.live(RecordKind.CONVERSATION) == RECORDS
    await slots.close()
    slots = Slots.open(short_dir, RECORDS)
    assert (slots.damaged, slots.copied) == (0, 0), "repaired once and for all"
    await slots.close()


@pytest.mark.parametrize("kept", [1, 9, 100, 239, 255])
@pytest.mark.parametrize("name", [SLOTS_NAME, TWIN_NAME])
async def test_a_torn_erasure_never_mixes_old_and_new(short_dir, name, kept):
    slots = Slots.create(short_dir, RECORDS, NOW)
    record = conversation()
    slot = await put(slots, record)
    free = record_image(slots.header.mac_key, slot, 9, None)
    await slots.close()
    patch(short_dir / name, offset_of(slot), free[:kept])
    slots = Slots.open(short_dir, RECORDS)
    assert slots.get(slot) == record
    assert same(short_dir)
    await slots.close()


async def test_damage_met_while_running_is_repaired_from_the_twin(short_dir):
    slots = Slots.create(short_dir, RECORDS, NOW)
    record = conversation()
    slot = await put(slots, record)
    patch(short_dir / SLOTS_NAME, offset_of(slot) + 50, b"damage")
    assert slots.get(slot) == record
    await slots.write({}, lambda header: header)
    assert same(short_dir)
    patch(short_dir / SLOTS_NAME, offset_of(slot) + 50, b"damage")
    patch(short_dir / TWIN_NAME, offset_of(slot) + 50, b"damage")
    assert slots.get(slot) is None
    assert slots.damaged == 1
    assert await slots.find((Key.LOOKUP, record.lookup_tag)) == (None,)
    await slots.write({}, lambda header: header)
    assert same(short_dir)
    assert slots.free == RECORDS
    await slots.close()


@pytest.mark.parametrize("name", [SLOTS_NAME, TWIN_NAME])
@pytest.mark.parametrize("kept", [None, 0, 700, 5000, 4096 + 30 * RECORD_SIZE])
async def test_a_missing_or_short_file_is_made_from_the_other(short_dir, name, kept):
    slots = Slots.create(short_dir, RECORDS, NOW)
    records = [conversation() for _ in range(30)]
    taken = [await put(slots, record) for record in records]
    await slots.close()
    path = short_dir / name
    if kept is None:
        path.unlink()
    else:
        with path.open("r+b") as file:
            file.truncate(kept)
    slots = Slots.open(short_dir, RECORDS)
    assert slots.is_half_missing
    assert slots.damaged == 0
    assert [slots.get(slot) for slot in taken] == records
    assert same(short_dir)
    await slots.close()


async def test_leftovers_of_an_interrupted_making_are_cleared_away(short_dir):
    (short_dir / "slots.bin.new").write_bytes(b"half")
    (short_dir / "slots.twin.new").write_bytes(b"half")
    slots = Slots.create(short_dir, RECORDS, NOW)
    await slots.close()
    (short_dir / "slots.bin.new").write_bytes(b"half")
    slots = Slots.open(short_dir, RECORDS)
    await slots.close()
    assert {path.name for path in short_dir.iterdir()} == {SLOTS_NAME, TWIN_NAME}


# --- header -------------------------------------------------------------------------------


async def test_one_good_copy_of_the_header_is_enough(short_dir):
    slots = Slots.create(short_dir, RECORDS, NOW)
    for number in range(1, 4):
        await slots.write({}, lambda header, n=number: replace(header, commits=n))
    await slots.close()
    for name in (SLOTS_NAME, TWIN_NAME):
        for copy in (0, 1):
            path = short_dir / name
            whole = path.read_bytes()
            patch(path, copy * HEADER_COPY + 70, b"damage")
            slots = Slots.open(short_dir, RECORDS)
            assert slots.header.commits == 3
            assert same(short_dir)
            await slots.close()
            path.write_bytes(whole)
            (short_dir / (TWIN_NAME if name == SLOTS_NAME else SLOTS_NAME)).write_bytes(whole)


async def test_a_torn_header_leaves_the_one_before(short_dir):
    slots = Slots.create(short_dir, RECORDS, NOW)
    await slots.write({}, lambda header: replace(header, commits=1))
    place = (1 - slots._header_copy) * HEADER_COPY
    torn = header_image(replace(slots.header, counter=99, commits=2))[:200]
    await slots.close()
    for name in (SLOTS_NAME, TWIN_NAME):
        patch(short_dir / name, place, torn)
    slots = Slots.open(short_dir, RECORDS)
    assert slots.header.commits == 1
    await slots.write({}, lambda header: replace(header, commits=3))
    await slots.close()
    slots = Slots.open(short_dir, RECORDS)
    assert slots.header.commits == 3
    await slots.close()


async def test_headers_are_written_alternately(short_dir):
    slots = Slots.create(short_dir, RECORDS, NOW)
    places = []
    for number in range(1, 5):
        await slots.write({}, lambda header, n=number: replace(header, commits=n))
        places.append(slots._header_copy)
    assert places == [1, 0, 1, 0]
    await slots.close()


async def test_without_any_header_nothing_is_opened(short_dir):
    slots = Slots.create(short_dir, RECORDS, NOW)
    await slots.close()
    for name in (SLOTS_NAME, TWIN_NAME):
        patch(short_dir / name, 0, bytes(2 * HEADER_COPY))
    with pytest.raises(DamagedHeader, match="no copy"):
        Slots.open(short_dir, RECORDS)


async def test_files_of_two_installations_are_not_mixed(short_dir):
    for name in ("a", "b"):
        (short_dir / name).mkdir()
        slots = Slots.create(short_dir / name, RECORDS, NOW)
        await slots.close()
    (short_dir / "a" / TWIN_NAME).write_bytes((short_dir / "b" / TWIN_NAME).read_bytes())
    with pytest.raises(DamagedHeader, match="different installations"):
        Slots.open(short_dir / "a", RECORDS)


async def test_an_address_of_a_slot_that_was_used_again_is_not_the_new_ones(short_dir):
    slots = Slots.create(short_dir, RECORDS, NOW)
    old = conversation()
    slot, address_slot = slots.take(RecordKind.CONVERSATION, RecordKind.ADDRESS)
    await slots.write({slot: old, address_slot: address_of(slot, old)})
    await slots.write({slot: conversation()})
    await slots.close()
    slots = Slots.open(short_dir, RECORDS)
    assert slots.address_slots(slot) == []
    await slots.close()
