"""What comes with a message is cleaned, sealed and kept with it, or it is said why it was not."""

import asyncio
import re

import msgspec
import pytest
from sqlalchemy import select

from bots.attachments import AttachmentLost, Lost
from bots.channel import Attachment, ChannelUnavailable
from intake_server.attachment_settings import AttachmentSettings
from intake_server.courier import attachments as bringing
from tests.intake_server.courier.files import JPEG, OGG, PLACE, jpeg
from tests.intake_server.courier.test_inbound import loopback_of
from vault import attachments, tables
from vault.attachment_format import LARGEST, open_chunks, read_list
from vault.envelope import Format, decode_text

PICTURE, VOICE, FILE = Attachment.PICTURE, Attachment.VOICE, Attachment.FILE


async def sent(loopback, text, *files, address="kim", **more):
    async with asyncio.timeout(60):
        await loopback.say(address, text, files=files, **more)


async def told(stage, row):
    """Of each message its text, or what is attached: kind and contents."""
    found = []
    for envelope in await stage.envelopes(row):
        text = decode_text(envelope).text
        if envelope.format is not Format.ATTACHMENTS:
            found.append(text)
            continue
        for one in read_list(text):
            data = await opened(stage, row, envelope.message_id, one)
            found.append((one.kind, data))
    return found


async def opened(stage, row, message_id, one):
    chunks = []
    while len(chunks) < one.chunks:
        first = len(chunks)
        found = await stage.database.read(
            lambda c, first=first: attachments.read(c, row.id, one.id, first)
        )
        assert found
        chunks += found
    return open_chunks(one, row.id, message_id, chunks)


async def test_words_come_first_and_what_came_with_them_after_without_its_place(stage):
    loopback = await loopback_of(stage)
    await sent(loopback, "look at this", (PICTURE, JPEG), (VOICE, OGG))
    row = await stage.only_row()
    words, picture, voice = await told(stage, row)
    assert words == "look at this"
    assert picture == ("jpeg", jpeg())
    assert PLACE in JPEG
    assert PLACE not in picture[1]
    assert voice == ("ogg", OGG)
    assert (row.urgency, row.urgency_by) == (1, "not_screened")


async def test_a_voice_message_alone_makes_a_conversation(stage):
    loopback = await loopback_of(stage)
    heard = loopback.listen("kim")
    await sent(loopback, None, (VOICE, OGG))
    row = await stage.only_row()
    assert await told(stage, row) == [("ogg", OGG)]
    assert (row.state, row.urgency, row.urgency_by) == ("waiting", 1, "not_screened")
    assert "timer" in await heard.get()
    said = (await heard.get())["text"]
    assert said.startswith("Thank you.")
    assert "write it as text" not in said


async def test_nothing_readable_of_it_lies_in_any_file_or_log(stage):
    loopback = await loopback_of(stage)
    await sent(loopback, None, (PICTURE, jpeg(b"a very particular picture")))
    await stage.dismiss_all()
    written = b"".join(file.read_bytes() for file in stage.folder.rglob("*") if file.is_file())
    assert b"particular picture" not in written


async def lost(reason):
    raise AttachmentLost(reason)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"x" * (LARGEST + 1), "[file] [too large]"),
        (b"GIF89a" + bytes(40), "[file] [wrong kind]"),
        (b"", "[file] [wrong kind]"),
        (JPEG[:40], "[file] [damaged]"),
        (lambda _: lost(Lost.GONE), "[file] [gone]"),
        (lambda _: lost(Lost.NOT_ENCRYPTED), "[file] [not encrypted]"),
    ],
    ids=["too large", "another kind", "empty", "cut off", "gone", "in clear"],
)
async def test_what_cannot_be_kept_is_said_and_the_rest_is_kept(stage, content, said):
    loopback = await loopback_of(stage)
    await sent(loopback, "two things", (FILE, content), (VOICE, OGG))
    assert await told(stage, await stage.only_row()) == ["two things", ("ogg", OGG), said]


async def test_of_six_five_are_kept(stage):
    loopback = await loopback_of(stage)
    await sent(loopback, None, *((PICTURE, jpeg(bytes([number]) * 9)) for number in range(6)))
    *kept, said = await told(stage, await stage.only_row())
    assert [data for _, data in kept] == [jpeg(bytes([number]) * 9) for number in range(5)]
    assert said == "[picture] [too many]"


async def test_who_sent_nothing_that_can_be_opened_is_asked_for_words(stage):
    loopback = await loopback_of(stage)
    heard = loopback.listen("kim")
    await sent(loopback, None, (FILE, b"something else"))
    async with asyncio.timeout(60):
        said = [(await heard.get()).get("text", "") for _ in range(3)]  # the timer among them
    assert "This could not be opened here. Please write it as text." in said


async def test_where_there_is_no_room_words_go_through(stage, monkeypatch):
    monkeypatch.setattr(bringing, "limits_of", lambda *_: attachments.Limits(1, 4))
    loopback = await loopback_of(stage)
    await sent(loopback, "one", (PICTURE, JPEG))
    await sent(loopback, "two", (PICTURE, JPEG))
    row = await stage.only_row()
    assert await told(stage, row) == ["one", ("jpeg", jpeg()), "two", "[picture] [no room]"]


async def test_a_channel_without_attachments_names_them_alone(stage):
    await switched_off(stage)
    loopback = await loopback_of(stage)
    await sent(loopback, "look", (PICTURE, lambda _: pytest.fail("fetched")))
    assert await told(stage, await stage.only_row()) == ["look", "[picture]"]


async def switched_off(stage):
    settings = AttachmentSettings(channels=("web", "signal"))
    stage.settings = msgspec.structs.replace(stage.settings, attachments=settings)


# --- again --------------------------------------------------------------------------------


async def test_a_repeated_message_brings_its_attachment_once(stage):
    loopback = await loopback_of(stage)
    for _ in range(3):
        await sent(loopback, "hello", (VOICE, OGG), transport_id="the-same")
    assert await told(stage, await stage.only_row()) == ["hello", ("ogg", OGG)]


async def test_a_network_that_gives_it_late_is_asked_again(stage):
    loopback = await loopback_of(stage)
    answers = iter([ChannelUnavailable(0.01), ChannelUnavailable(0.01), JPEG])

    async def fetch(_most):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    await sent(loopback, "hello", (PICTURE, fetch))
    assert await told(stage, await stage.only_row()) == ["hello", ("jpeg", jpeg())]


async def test_a_network_that_never_gives_it_does_not_hold_up_the_next_message(stage):
    loopback = await loopback_of(stage)

    async def never(_most):
        stage.clock.turn(70)
        raise ChannelUnavailable(0.01)

    await sent(loopback, "hello", (PICTURE, never))
    await sent(loopback, "still there?")
    assert await told(stage, await stage.only_row()) == [
        "hello",
        "[picture] [gone]",
        "still there?",
    ]


@pytest.mark.parametrize("step", ["store_first", "arrive", "store_further"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_whatever_fails_the_message_and_its_attachment_come_once(
    stage, monkeypatch, step, when
):
    """As after a kill at that step: nothing is known but what was committed."""
    courier = await stage.with_courier()
    real, failed = getattr(type(courier.inbound.work), step), []

    async def failing(self, *arguments):
        if failed:
            return await real(self, *arguments)
        failed.append(step)
        if when == "after":
            await real(self, *arguments)
        raise RuntimeError("killed here")

    monkeypatch.setattr(type(courier.inbound.work), step, failing)
    await sent(courier.channels["loopback"], "hello", (VOICE, OGG))
    assert failed
    assert await told(stage, await stage.only_row()) == ["hello", ("ogg", OGG)]


# --- forgetting ---------------------------------------------------------------------------


async def test_erasing_by_command_takes_every_chunk_along(stage):
    loopback = await loopback_of(stage)
    heard = loopback.listen("kim")
    await sent(loopback, None, (VOICE, OGG))
    await sent(loopback, "/erase")
    number = None
    async with asyncio.timeout(60):
        while number is None:
            number = re.search(r"minutes: (\d{4})", (await heard.get()).get("text", ""))
    await sent(loopback, number[1])
    assert await stage.rows() == []
    for table in (tables.attachments, tables.attachment_chunks):
        found = await stage.database.read(lambda c, table=table: c.execute(select(table)).all())
        assert found == []
