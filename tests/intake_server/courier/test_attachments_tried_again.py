"""Attachments that the network gives late or never: who waits, what is kept, what comes back."""

import asyncio

import msgspec
import pytest
from sqlalchemy import func, select

from bots.channel import Attachment, ChannelUnavailable, Incoming
from intake_server.attachment_settings import AttachmentSettings
from intake_server.courier import attachments as bringing
from tests.intake_server.courier.files import JPEG, OGG, jpeg
from tests.intake_server.courier.test_attachments import sent, switched_off, told
from tests.intake_server.courier.test_inbound import loopback_of
from vault import attachments, tables

PICTURE, VOICE, FILE = Attachment.PICTURE, Attachment.VOICE, Attachment.FILE


async def hangs(_most):
    await asyncio.sleep(3600)


async def never(_most):
    raise ChannelUnavailable(0.01)


async def a_conversation(stage):
    async with asyncio.timeout(30):
        while not await stage.rows():  # noqa: ASYNC110 - the database tells nobody here
            await asyncio.sleep(0.02)


async def test_slow_files_of_strangers_keep_words_waiting_for_no_longer_than_ones_own(
    stage, monkeypatch
):
    monkeypatch.setattr(bringing, "PATIENCE", 0.5)
    loopback = await loopback_of(stage)
    floods = [loopback.say(f"stranger-{n}", None, files=((FILE, hangs),)) for n in range(12)]
    await asyncio.sleep(0.3)  # they have the places, and wait for them
    look = loopback.say("kim", "look", files=((PICTURE, JPEG),))
    words = loopback.say("kim", "he is here, help")
    try:
        async with asyncio.timeout(30):  # a third of what one file alone may take
            await words
    finally:
        for one in (*floods, look, words):
            one.cancel()


async def test_all_files_of_a_message_have_one_time_together(stage):
    loopback = await loopback_of(stage)
    tries = []

    async def late(_most):
        tries.append(1)
        stage.clock.turn(90)
        raise ChannelUnavailable(0.01)

    await sent(loopback, "look", *((PICTURE, late),) * 5)
    assert len(tries) == 2  # and not two for each of the five
    marks = " ".join(["[picture] [gone]"] * 5)
    assert await told(stage, await stage.only_row()) == ["look", marks]


async def test_a_network_is_asked_again_before_long(stage):
    """Else a channel's growing pauses would come on top of the time that files have."""
    courier = await stage.with_courier()

    async def not_now(_most):
        raise ChannelUnavailable

    incoming = Incoming("kim", "one", "look", (PICTURE,), stage.now(), fetches=(not_now,))
    pauses = []
    for _ in range(2):
        with pytest.raises(ChannelUnavailable) as raised:
            await courier.inbound.take(courier.channels["loopback"], incoming)
        pauses.append(raised.value.retry_after)
        stage.clock.turn(bringing.PATIENCE - 2)
    assert pauses[0] == 5
    assert 0 < pauses[1] <= 2
    await courier.inbound.take(courier.channels["loopback"], incoming)
    assert await told(stage, await stage.only_row()) == ["look", "[picture] [gone]"]


async def test_slow_files_of_one_channel_take_no_place_of_another(stage):
    courier = await stage.with_courier()
    places = courier.inbound.bringing._places["matrix"]
    await places.acquire(), await places.acquire()
    assert places.locked()
    await sent(courier.channels["loopback"], "hello", (VOICE, OGG))
    assert await told(stage, await stage.only_row()) == ["hello", ("ogg", OGG)]


async def test_tries_again_leave_the_good_file_its_room(stage, monkeypatch):
    monkeypatch.setattr(bringing, "limits_of", lambda *_: attachments.Limits(4, 400))
    loopback = await loopback_of(stage)
    tries = []

    async def late(_most):
        tries.append(1)
        if len(tries) > 5:
            stage.clock.turn(bringing.PATIENCE + 1)
        raise ChannelUnavailable(0.01)

    await sent(loopback, "two", (PICTURE, JPEG), (FILE, late))
    assert await told(stage, await stage.only_row()) == ["two", ("jpeg", jpeg()), "[file] [gone]"]
    stored = await stage.database.read(
        lambda c: c.scalar(select(func.count()).select_from(tables.attachments))
    )
    assert (stored, len(tries)) == (1, 6)


async def test_while_we_cannot_store_the_files_time_does_not_run_out(stage, monkeypatch):
    courier = await stage.with_courier()
    real, failed = type(courier.inbound.work).arrive, []

    async def failing(self, *arguments):
        if len(failed) < 3:
            failed.append(1)
            stage.clock.turn(bringing.PATIENCE + 1)
            raise RuntimeError("no database")
        return await real(self, *arguments)

    monkeypatch.setattr(type(courier.inbound.work), "arrive", failing)
    await sent(courier.channels["loopback"], "hello", (VOICE, OGG))
    assert await told(stage, await stage.only_row()) == ["hello", ("ogg", OGG)]


async def test_what_the_sweep_took_meanwhile_is_fetched_again(stage, monkeypatch):
    courier = await stage.with_courier()
    real, failed = type(courier.inbound.work).store_further, []

    async def failing(self, *arguments):
        if not failed:
            failed.append(1)
            await stage.database.write(lambda c: c.execute(tables.attachment_chunks.delete()))
            await stage.database.write(lambda c: c.execute(tables.attachments.delete()))
        return await real(self, *arguments)

    monkeypatch.setattr(type(courier.inbound.work), "store_further", failing)
    await sent(courier.channels["loopback"], "hello", (VOICE, OGG))
    assert failed
    assert await told(stage, await stage.only_row()) == ["hello", ("ogg", OGG)]


async def test_what_was_erased_from_another_chat_meanwhile_does_not_come_back(stage):
    courier = await stage.with_courier()
    loopback = courier.channels["loopback"]
    erased = []

    async def fetch(_most):
        if not erased:
            tag = stage.courier_tag("loopback", "kim")
            erased.append(tag)
            await courier.inbound._erase(loopback, tag)  # as the command from a joined chat does
            assert await stage.rows() == []
        return JPEG

    await sent(loopback, "secret words", (PICTURE, fetch))
    assert await stage.rows() == []
    await sent(loopback, "I am new here", (PICTURE, JPEG))
    assert await told(stage, await stage.only_row()) == ["I am new here", ("jpeg", jpeg())]


async def test_words_stand_once_where_files_are_switched_off_in_between(stage):
    loopback = await loopback_of(stage)
    waiting = loopback.say("kim", "hello", files=((PICTURE, never),), transport_id="one")
    await a_conversation(stage)
    waiting.cancel()
    await stage.dismiss_all()
    await switched_off(stage)
    loopback = await loopback_of(stage)
    await sent(loopback, "hello", (PICTURE, JPEG), transport_id="one")
    assert await told(stage, await stage.only_row()) == ["hello", "[picture]"]


@pytest.mark.parametrize("is_on", [True, False])
async def test_many_attachments_of_one_message_are_no_stone(stage, is_on):
    if not is_on:
        settings = AttachmentSettings(channels=("web",))
        stage.settings = msgspec.structs.replace(stage.settings, attachments=settings)
    loopback = await loopback_of(stage)
    await sent(loopback, "hello", *((FILE, b"?"),) * 3_000)
    words, marks = await told(stage, await stage.only_row())
    assert words == "hello"
    assert marks.endswith("[file] [too many]")
    assert marks.count("[file]") == 21


async def test_a_strangers_slow_file_is_no_alarm_that_nothing_is_stored(stage):
    courier = await stage.with_courier()
    tries = []

    async def late(_most):
        tries.append(1)
        raise ChannelUnavailable(0.01)

    one = courier.channels["loopback"].say("stranger", "hello", files=((PICTURE, late),))
    async with asyncio.timeout(30):
        while len(tries) < 3:  # noqa: ASYNC110 - the network counts them
            await asyncio.sleep(0.02)
    assert courier.inbound.stuck_seconds == 0
    stage.clock.turn(61)
    alarms = courier.report(stage.clock.monotonic())["alarms"]
    one.cancel()
    assert "messages_kept" not in alarms
