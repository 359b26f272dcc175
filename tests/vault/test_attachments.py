"""Attachments: how they are sealed, and how they are stored, limited and deleted."""

import asyncio
import hashlib
import os
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intake_server.caretaker.work import Work
from tests.vault.rows import (
    HOUR,
    NOW,
    a_chunk,
    an_id,
    first_contact,
    from_client,
    new_conversation,
)
from tests.vectors.reading import read, unhex
from vault import attachments, conversations, messages
from vault.attachment_format import (
    CHUNK,
    CHUNK_COUNTS,
    LARGEST,
    Described,
    TooLarge,
    chunk_count,
    describe,
    open_chunks,
    read_list,
    seal_chunks,
    write_list,
)
from vault.attachments import Arriving, Limits, NoRoom, NotAChunk, NotWhole
from vault.messages import UnknownConversation
from vault.sealing import CannotOpen, Secret
from vault.sqlite_file import Role, connect

OWNER, MESSAGE = b"c" * 16, b"m" * 16
PLENTY = Limits(160, 1_600)


def sealed_of(plain, kind="jpeg"):
    one = describe(kind, len(plain))
    return one, list(seal_chunks(one, OWNER, MESSAGE, plain))


# --- sealing --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 5 * CHUNK + 7])
def test_what_is_sealed_opens_and_its_size_is_one_of_nine(size):
    plain = bytes(range(256)) * (size // 256 + 1)
    plain = plain[:size]
    one, chunks = sealed_of(plain)
    assert len(chunks) in CHUNK_COUNTS
    assert {len(chunk) for chunk in chunks} == {65_555}
    assert open_chunks(one, OWNER, MESSAGE, chunks) == plain


def test_what_was_cut_reordered_moved_or_changed_does_not_open():
    one, chunks = sealed_of(bytes(3 * CHUNK))
    flipped = bytearray(chunks[1])
    flipped[-1] ^= 1
    other = describe("jpeg", one.size)
    for wrong in (
        chunks[:-1],
        [*chunks, chunks[-1]],
        [chunks[1], chunks[0], *chunks[2:]],
        [chunks[0], bytes(flipped), *chunks[2:]],
        [],
    ):
        with pytest.raises(CannotOpen):
            open_chunks(one, OWNER, MESSAGE, wrong)
    for args in ((other, OWNER, MESSAGE), (one, MESSAGE, MESSAGE), (one, OWNER, OWNER)):
        with pytest.raises(CannotOpen):
            open_chunks(*args, chunks)


def test_eleven_megabytes_and_nothing_at_all_are_refused():
    assert chunk_count(LARGEST) == 160
    for size in (0, LARGEST + 1, 11 * 1_000_000):
        with pytest.raises(TooLarge):
            describe("jpeg", size)


def test_a_message_names_up_to_five_and_no_file_name():
    listed = tuple(describe(kind, 7) for kind in ("jpeg", "png", "ogg", "pdf", "m4a"))
    assert read_list(write_list(listed)) == listed
    for wrong in (
        "",
        "1",
        "2 " + write_list(listed)[2:],
        write_list([*listed, describe("png", 1)]),
    ):
        with pytest.raises(CannotOpen):
            read_list(wrong)
    for wrong in ("exe", "html", "svg"):
        with pytest.raises(CannotOpen):
            read_list(write_list([describe(wrong, 7)]))
    with pytest.raises(CannotOpen):
        read_list(write_list([listed[0], listed[0]]))


@given(st.text(max_size=200))
@settings(max_examples=200)
def test_no_text_breaks_the_reader(text):
    with pytest.raises(CannotOpen):
        read_list(text)


def test_keys_print_nowhere():
    one = describe("jpeg", 7)
    assert repr(one) == "Described(kind='jpeg', size=7)"


# --- vectors; browser/envelope/attachments.test.mjs reads the same ----------------------------

VECTORS = read("attachments")


def described_in(case):
    return Described(
        case["kind"],
        case["size"],
        unhex(case["id"]),
        Secret(unhex(case["key"])),
        unhex(case["prefix"]),
    )


@pytest.mark.parametrize("case", VECTORS["good"], ids=lambda case: case["kind"])
def test_chunks_are_those_of_the_specification(case):
    plain = (bytes(range(251)) * (case["size"] // 251 + 1))[: case["size"]]
    one, ids = described_in(case), (unhex(case["conversation"]), unhex(case["message"]))
    chunks = list(seal_chunks(one, *ids, plain))
    hashes = [hashlib.blake2b(each, digest_size=32).hexdigest() for each in chunks]
    assert hashes == case["chunks"]
    assert open_chunks(one, *ids, chunks) == plain


def test_lists_are_read_and_written_alike():
    every = tuple(map(described_in, VECTORS["good"]))
    assert [read_list(text) for text in VECTORS["lists"]] == [every, every[:1]]
    assert [write_list(each) for each in (every, every[:1])] == VECTORS["lists"]
    for text in VECTORS["refused"]:
        with pytest.raises(CannotOpen):
            read_list(text)


# --- storing --------------------------------------------------------------------------------


@pytest.fixture
def of(c):
    new = new_conversation()
    conversations.create(c, new)
    return new.id


def some(of, count=1, first=0, total=None, **changed):
    given = {"id": an_id(), "conversation": of, "chunks": total or count, "first": first}
    return Arriving(**(given | changed), sealed=[a_chunk() for _ in range(count)])


def arrive(c, new, limits=PLENTY, now=NOW):
    attachments.arrive(c, new, limits, now)
    return new


def test_chunks_arrive_in_pieces_and_are_read_once_a_message_names_them(c, of):
    first = arrive(c, some(of, 4, total=8))
    again = arrive(c, some(of, 4, first=4, total=8, id=first.id))
    arrive(c, some(of, 4, first=4, total=8, id=first.id))  # a second time: nothing changes
    assert attachments.read(c, of, first.id, 0) == []
    message = from_client(of)
    messages.add(c, message)
    attachments.bind(c, of, message.id, [first.id])
    assert attachments.read(c, of, first.id, 0) == first.sealed
    assert attachments.read(c, of, first.id, 4) == again.sealed
    assert attachments.read(c, of, first.id, 8) == []
    assert attachments.read(c, an_id(), first.id, 0) == []


def test_what_is_not_whole_or_belongs_elsewhere_goes_with_no_message(c, of):
    other = new_conversation()
    conversations.create(c, other)
    half, foreign, whole = arrive(c, some(of, 1, total=2)), arrive(c, some(other.id)), None
    whole = arrive(c, some(of))
    for ids in ([half.id], [foreign.id], [an_id()], [], [whole.id] * 2):
        with pytest.raises(NotWhole):
            attachments.bind(c, of, an_id(), ids)
    attachments.bind(c, of, an_id(), [whole.id])
    with pytest.raises(NotWhole):
        attachments.bind(c, of, an_id(), [whole.id])


@pytest.mark.parametrize(
    "changed",
    [
        {"chunks": 3},
        {"chunks": 161},
        {"first": -1},
        {"first": 1},
        {"sealed": []},
        {"chunks": 8, "sealed": [a_chunk() for _ in range(5)]},
        {"sealed": [b"\x01\x01\x60" + bytes(9)]},
        {"sealed": [bytes(65_555)]},
    ],
)
def test_what_is_no_sealed_chunk_is_not_stored(c, of, changed):
    given = {"id": an_id(), "conversation": of, "chunks": 1, "first": 0, "sealed": [a_chunk()]}
    with pytest.raises(NotAChunk):
        arrive(c, Arriving(**(given | changed)))


def test_nothing_arrives_for_nobody_or_under_anothers_name(c, of):
    with pytest.raises(UnknownConversation):
        arrive(c, some(an_id()))
    first = arrive(c, some(of, 1, total=2))
    for changed in ({"total": 4}, {"total": 2, "conversation": an_id()}):
        with pytest.raises(NotAChunk):
            arrive(c, some(of, 1, id=first.id, **changed))


def test_one_conversation_cannot_take_more_than_its_share(c, of):
    arrive(c, some(of, 1, total=128))
    with pytest.raises(NoRoom):
        arrive(c, some(of, 1, total=64))
    arrive(c, some(of, 1, total=32))


def test_strangers_leave_room_for_those_whom_the_team_has_opened(c, of):
    limits = Limits(160, 200)
    arrive(c, some(of, 1, total=128), limits)
    stranger, known = new_conversation(), new_conversation()
    for new in (stranger, known):
        conversations.create(c, new)
        messages.add(c, from_client(new.id))
    conversations.mark_read(c, known.id, 1024)
    with pytest.raises(NoRoom):
        arrive(c, some(stranger.id, 1, total=32), limits)
    arrive(c, some(known.id, 1, total=32), limits)
    with pytest.raises(NoRoom):
        arrive(c, some(known.id, 1, total=64), limits)


def test_a_stranger_has_two_unfinished_ones_at_most(c, of):
    wide = Limits(1_600, 1_600)
    first = arrive(c, some(of, 1, total=2), wide)
    arrive(c, some(of, 1, total=160), wide)
    with pytest.raises(NoRoom):
        arrive(c, some(of), wide)
    arrive(c, some(of, 1, first=1, total=2, id=first.id))  # now it is whole
    arrive(c, some(of, 1, total=2), wide)
    with pytest.raises(NoRoom):
        arrive(c, some(of), wide)
    messages.add(c, from_client(of))
    conversations.mark_read(c, of, 1024)
    arrive(c, some(of), wide)


def test_nothing_arrives_for_what_is_being_deleted(c, of):
    other = new_conversation()
    conversations.create(c, other)
    half = arrive(c, some(of, 4, total=64))
    arrive(c, some(of, 2))
    arrive(c, some(other.id))
    assert attachments.shut(c, [of]) == 3  # as many as there could be
    for new in (some(of), some(of, 4, first=4, total=64, id=half.id)):
        with pytest.raises(UnknownConversation):
            arrive(c, new)
    assert [attachments.delete_some(c, [of], 4) for _ in range(3)] == [4, 2, 0]
    arrive(c, some(other.id))
    assert attachments.shut(c, []) == 0


def test_what_is_stale_does_not_grow(c, of):
    half = arrive(c, some(of, 4, total=64))
    more = some(of, 4, first=4, total=64, id=half.id)
    with pytest.raises(UnknownConversation):
        arrive(c, more, now=NOW + 2 * HOUR)
    assert attachments.stale_pieces(c, NOW + HOUR) == 1
    assert attachments.stale_pieces(c, NOW + 2 * HOUR) == 3
    arrive(c, more, now=NOW + HOUR)


def test_what_never_became_part_of_a_message_goes_after_two_hours(c, of):
    stale, fresh, whole = (arrive(c, some(of)) for _ in range(3))
    attachments.bind(c, of, an_id(), [whole.id])
    later = arrive(c, some(of, 4), now=NOW + 2 * HOUR)
    assert attachments.delete_stale(c, NOW + HOUR) == 0
    assert attachments.delete_stale(c, NOW + 2 * HOUR, piece=1) == 1
    while attachments.delete_stale(c, NOW + 2 * HOUR, piece=1):
        pass
    left = {row.id for row in c.execute(attachments.tables.attachments.select())}
    assert left == {whole.id, later.id}
    assert stale.id not in left
    assert fresh.id not in left


def test_chunks_go_in_pieces_and_the_rest_with_the_conversation(c, of):
    other = new_conversation()
    conversations.create(c, other)
    arrive(c, some(of, 4)), arrive(c, some(of, 2)), arrive(c, some(other.id))
    assert [attachments.delete_some(c, [of], 4) for _ in range(3)] == [4, 2, 0]
    assert attachments.delete_some(c, []) == 0
    gone = conversations.delete(c, [of])
    assert (gone.attachments, gone.attachment_chunks) == (2, 0)
    assert conversations.delete(c, [other.id]).attachment_chunks == 1


# --- kill -9 --------------------------------------------------------------------------------

ROOT = Path(__file__).parents[2]
KILLED = Path(__file__).with_name("killed_upload.py")


def test_kill_9_in_mid_upload_leaves_no_message_with_half_an_attachment(path, url):
    ended = subprocess.run(
        [sys.executable, str(KILLED), url, "30"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    acknowledged = {bytes.fromhex(line) for line in ended.stdout.split()}
    assert len(acknowledged) >= 30
    with closing(connect(path, Role.READER)) as connection:
        found = connection.execute(
            "SELECT a.id, a.message, count(*) FROM attachments a"
            " JOIN attachment_chunks k ON k.attachment = a.id GROUP BY a.id"
        ).fetchall()
        known = {row[0] for row in connection.execute("SELECT id FROM messages")}
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    whole = {one for one, message, count in found if message is not None and count == 8}
    half = {one for one, message, _ in found if message is None}
    assert acknowledged <= whole
    assert whole | half == {one for one, *_ in found}
    assert {message for _, message, _ in found if message is not None} <= known
    assert half, "no kill fell into an upload: the test shows nothing"


async def test_the_sweep_takes_what_a_kill_left(database):
    new = new_conversation()
    await database.write(first_contact(new))
    half = some(new.id, 4, total=8)
    await database.write(lambda c: attachments.arrive(c, half, PLENTY, NOW))
    work = Work(database)
    await work.delete_stale_attachments(NOW + HOUR)
    count = attachments.tables.attachment_chunks.select()
    assert len(await database.read(lambda c: c.execute(count).all())) == 4
    await work.delete_stale_attachments(NOW + 3 * HOUR)
    assert await database.read(lambda c: c.execute(count).all()) == []


async def test_who_goes_on_sending_does_not_hold_up_the_sweep(database):
    new = new_conversation()
    await database.write(first_contact(new))
    every = [some(new.id, 4, first=first, total=64) for first in range(0, 64, 4)]
    every = [replace(one, id=every[0].id) for one in every]

    async def send():
        while True:
            for one in every:
                await database.write(lambda c, one=one: attachments.arrive(c, one, PLENTY, NOW))

    for one in every:
        await database.write(lambda c, one=one: attachments.arrive(c, one, PLENTY, NOW))
    sending = [asyncio.create_task(send()) for _ in range(4)]
    rows = await database.read(conversations.references)
    async with asyncio.timeout(20):
        gone = await Work(database).delete(rows)
    assert gone.conversations == 1
    for ended in await asyncio.gather(*sending, return_exceptions=True):
        assert isinstance(ended, UnknownConversation)
