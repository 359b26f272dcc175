"""The bytes of header and records, as docs/keeper.md lists them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.sealing import Secret
from vault.slot_records import (
    HEADER_AREA,
    HEADER_COPY,
    NO_HASH,
    Address,
    Conversation,
    DamagedHeader,
    Staff,
    counter_of,
    header_image,
    holds,
    minutes_up,
    new_header,
    newest_header,
    read_header,
    read_record,
    record_image,
)

KEY = Secret(bytes(range(32)))


def text(size):
    return st.binary(min_size=size, max_size=size)


def secret(size):
    return text(size).map(Secret)


minutes = st.integers(0, 2**32 - 1)
hours = st.integers(0, 2**16 - 1)
conversations = st.builds(
    Conversation,
    *(text(16), text(16), secret(32), text(32), text(32), text(16), text(32)),
    *(minutes, minutes, minutes, minutes, hours, hours, st.integers(0, 255)),
    *(st.booleans(), st.booleans()),
)
addresses = st.builds(
    Address,
    *(text(16), text(16), secret(32), text(32), minutes, text(16), minutes, minutes, hours),
)
people = st.builds(
    Staff,
    *(text(16), text(16), secret(32), text(16), text(16), text(32), secret(20)),
    *(minutes, st.integers(0, 255), minutes, st.booleans()),
)


@given(st.one_of(conversations, addresses, people), minutes, st.integers(0, 2**64 - 1))
def test_a_record_is_read_as_it_was_written(record, slot, counter):
    image = record_image(KEY, slot, counter, record)
    assert len(image) == 256
    assert holds(KEY, slot, image)
    assert counter_of(image) == counter
    assert read_record(image) == record


def test_the_layout_of_a_conversation():
    record = Conversation(
        tag=b"T" * 16,
        conversation_id=b"I" * 16,
        s=Secret(b"S" * 32),
        cpk=b"C" * 32,
        npk=b"N" * 32,
        lookup_tag=b"L" * 16,
        verify_key=b"V" * 32,
        created=1,
        due=2,
        latest=3,
        hold_until=4,
        inactivity=5,
        closed_after=6,
        channel=255,
        is_closed=True,
        is_known=True,
    )
    body = (
        *(b"\x01", (9).to_bytes(8, "big"), b"T" * 16, b"I" * 16, b"S" * 32, b"C" * 32),
        *(b"N" * 32, b"L" * 16, b"V" * 32, b"\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04"),
        *(b"\0\x05\0\x06\xff\x03", bytes(33)),
    )
    assert record_image(KEY, 7, 9, record)[:240] == b"".join(body)


def test_the_layout_of_an_address():
    record = Address(
        *(
            b"T" * 16,
            b"I" * 16,
            Secret(b"S" * 32),
            b"A" * 32,
            8,
            b"U" * 16,
            1,
            2,
            48,
            3,
            1080,
            1439,
        ),
    )
    body = (
        *(b"\x02", bytes(8), b"T" * 16, b"I" * 16, b"S" * 32, b"A" * 32, b"\0\0\0\x08"),
        *(b"U" * 16, b"\0\0\0\x01\0\0\0\x02", b"\0\x30\x03\x04\x38\x05\x9f"),
    )
    assert record_image(KEY, 7, 0, record)[:240] == b"".join(body).ljust(240, b"\0")


def test_the_layout_of_a_staff_record():
    record = Staff(
        *(b"T" * 16, b"I" * 16, Secret(b"S" * 32), b"L" * 16, b"s" * 16, b"H" * 32),
        *(Secret(b"O" * 20), 1, 2, 3, True),
    )
    body = (
        *(b"\x03", bytes(8), b"T" * 16, b"I" * 16, b"S" * 32, b"L" * 16, b"s" * 16),
        *(b"H" * 32, b"O" * 20, b"\0\0\0\x01\x02\0\0\0\x03\x01"),
    )
    assert record_image(KEY, 7, 0, record)[:240] == b"".join(body).ljust(240, b"\0")


def test_a_free_record_is_random_and_valid():
    first, second = (record_image(KEY, 7, 3, None) for _ in range(2))
    assert first[:9] == second[:9]
    assert first[9:240] != second[9:240]
    assert holds(KEY, 7, first)
    assert read_record(first) is None


@given(st.integers(0, 255), st.integers(1, 255))
def test_any_changed_byte_is_damage(at, change):
    image = bytearray(record_image(KEY, 7, 3, None))
    image[at] ^= change
    assert not holds(KEY, 7, bytes(image))


def test_a_record_holds_in_its_own_slot_only():
    assert not holds(KEY, 8, record_image(KEY, 7, 3, None))


def test_nothing_secret_is_printed():
    record = Staff(
        *(b"T" * 16, b"I" * 16, Secret(b"S" * 32), b"L" * 16, b"s" * 16, b"H" * 32),
        Secret(b"O" * 20),
    )
    assert all(letter * 8 not in repr(record) for letter in "TISLsHO")


def test_minutes_are_rounded_up():
    assert [minutes_up(seconds) for seconds in (0, 1, 60, 61)] == [0, 1, 1, 2]


# --- header -------------------------------------------------------------------------------


def area(*headers):
    return b"".join(header_image(each) for each in headers).ljust(HEADER_AREA, b"\0")


def test_a_header_is_read_as_it_was_written():
    header = replace(
        new_header(131_072, 1_800_000_000),
        counter=2**60,
        commits=2**50,
        root=b"R" * 32,
        is_in_doubt=True,
        setup_hash=b"H" * 32,
    )
    image = header_image(header)
    assert len(image) == HEADER_COPY
    assert image.startswith(b"HLSLOTS1\x00\x02\x00\x00")
    assert image[84:116] == b"R" * 32
    assert image[148] == 1
    assert image[149:181] == b"H" * 32
    assert image[181:480] == bytes(299)
    assert read_header(image) == header


def test_a_new_header_has_no_root():
    header = new_header(16, 1)
    assert header.root == header.setup_hash == NO_HASH
    assert not header.has_root


@given(st.integers(0, HEADER_COPY - 1), st.integers(1, 255))
def test_a_changed_header_does_not_hold(at, change):
    image = bytearray(header_image(new_header(16, 1)))
    image[at] ^= change
    assert read_header(bytes(image)) is None


def test_the_newest_header_counts_wherever_it_stands():
    old = new_header(16, 1)
    new = replace(old, counter=5)
    for areas, copy in (
        ([area(old, new), area(old, old)], 1),
        ([area(old, old), area(new, old)], 0),
        ([bytes(HEADER_AREA), area(old, new)], 1),
    ):
        assert newest_header(areas) == (new, copy)


def test_no_header_or_two_installations_are_refused():
    with pytest.raises(DamagedHeader, match="no copy"):
        newest_header([bytes(HEADER_AREA), b""])
    with pytest.raises(DamagedHeader, match="different installations"):
        newest_header([area(new_header(16, 1)), area(new_header(16, 1))])
