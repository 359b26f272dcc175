"""Answers come when the client said they may, and the desk is told until when they wait."""

import asyncio
import re

import pytest

from intake_server.courier import outbound
from intake_server.courier.hours import read_wish
from intake_server.courier.outbound import Reason
from vault import addresses, messages, outbox

HOUR = 3600
DAY = 24 * HOUR


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(outbound, "_LOOK", 0.05)


@pytest.mark.parametrize("text", ["hours", "/hour 18-22", "/hours18-22", "my /hours 18-22", ""])
def test_a_bare_word_is_a_message(text):
    assert read_wish(text) is None


@pytest.mark.parametrize("text", ["/hours", "/hours ?", "/hours 25-3", "/HOURS now"])
def test_what_names_no_hours_asks_how(text):
    assert read_wish(text).is_question


def test_a_wish_is_read_and_kept():
    assert read_wish("/hours 18-22").kept == "18:00-22:00"
    assert read_wish(" /Hours 22 - 6 ").sign == "[safe hours 22:00-06:00]"
    assert (read_wish("/hours off").kept, read_wish("/hours off").sign) == ("", "[safe hours off]")


async def met(stage):
    """A courier that has met kim, who hears from now on."""
    courier = await stage.with_courier()
    loopback = courier.channels["loopback"]
    heard = loopback.listen("kim")
    async with asyncio.timeout(60):
        await loopback.say("kim", "hello")
        assert "timer" in await heard.get()
        assert "/hours" in (await heard.get())["text"]
    return loopback, heard, await stage.only_row()


async def text_of(heard) -> str:
    async with asyncio.timeout(60):
        return (await heard.get())["text"]


def turned_to(stage, hour: int) -> None:
    """Turn the clock to the next time that it is so late in UTC."""
    stage.clock.turn((hour * HOUR - stage.now()) % DAY)


async def chosen(loopback, heard, text: str) -> str:
    await loopback.say("kim", text)
    return await text_of(heard)


async def test_outside_the_hours_an_answer_waits_and_says_until_when(stage):
    loopback, heard, row = await met(stage)
    turned_to(stage, 12)
    assert "18:00-22:00 (UTC time)" in await chosen(loopback, heard, "/hours 18-22")
    message = await stage.answer(row, "We are here.")
    assert await stage.settled(row, message) == ("waiting", Reason.SAFE_HOURS)
    (standing,) = await stage.database.read(lambda c: outbox.state_of(c, row.id))
    assert standing.again % DAY == 18 * HOUR
    assert 0 < standing.again - stage.now() <= DAY
    assert heard.empty()
    turned_to(stage, 18)
    assert await text_of(heard) == "We are here."
    assert await stage.ended(row, message) == ("sent", None)


async def test_no_row_brings_a_message_to_an_unsafe_hour(stage):
    loopback, heard, row = await met(stage)
    turned_to(stage, 12)
    await chosen(loopback, heard, "/hours 18-22")
    message = await stage.answer(row, "We are here.")
    assert await stage.settled(row, message) == ("waiting", Reason.SAFE_HOURS)
    for _ in range(3):
        await stage.database.write(lambda c: outbox.hurry(c, row.id, Reason.SAFE_HOURS))
        assert await stage.settled(row, message) == ("waiting", Reason.SAFE_HOURS)
    assert heard.empty()


async def test_within_the_hours_an_answer_goes_at_once(stage):
    loopback, heard, row = await met(stage)
    turned_to(stage, 20)
    await chosen(loopback, heard, "/hours 18-22")
    message = await stage.answer(row, "We are here.")
    assert await text_of(heard) == "We are here."
    assert await stage.ended(row, message) == ("sent", None)


async def test_what_waits_goes_when_the_client_ends_the_hours(stage):
    loopback, heard, row = await met(stage)
    turned_to(stage, 12)
    await chosen(loopback, heard, "/hours 18-22")
    message = await stage.answer(row, "We are here.")
    assert await stage.settled(row, message) == ("waiting", Reason.SAFE_HOURS)
    await loopback.say("kim", "/hours off")
    said = {await text_of(heard), await text_of(heard)}
    assert "We are here." in said
    assert await stage.ended(row, message) == ("sent", None)


async def test_the_team_is_told_and_nobody_waits_for_an_answer_to_it(stage):
    loopback, heard, row = await met(stage)
    await chosen(loopback, heard, "/hours 22-6")
    await chosen(loopback, heard, "/hours off")
    assert await stage.texts(row) == ["hello", "[safe hours 22:00-06:00]", "[safe hours off]"]
    now = await stage.only_row()
    assert (now.waiting_since, now.due) == (row.waiting_since, row.due)


async def test_asking_how_changes_nothing(stage):
    loopback, heard, row = await met(stage)
    assert "/hours 18-22" in await chosen(loopback, heard, "/hours please")
    assert await stage.texts(row) == ["hello"]


async def test_a_repeated_command_is_told_once(stage):
    loopback, heard, row = await met(stage)
    for _ in range(2):
        await loopback.say("kim", "/hours 18-22", transport_id="once")
    await text_of(heard)
    assert await stage.texts(row) == ["hello", "[safe hours 18:00-22:00]"]


async def test_whom_nobody_knows_yet_is_heard_first(stage):
    courier = await stage.with_courier()
    await courier.channels["loopback"].say("kim", "/hours 18-22")
    row = await stage.only_row()
    assert await stage.texts(row) == ["/hours 18-22"]
    assert row.waiting_since is not None


async def test_the_hours_stand_nowhere_in_clear(stage):
    loopback, heard, row = await met(stage)
    await chosen(loopback, heard, "/hours 18:07-22:19")
    (kept,) = await stage.database.read(lambda c: addresses.of(c, row.id))
    assert not re.search(rb"18:07|22:19", stage.files() + kept.outer)
    stored = await stage.database.read(lambda c: messages.of(c, row.id))
    assert len({len(one.envelope) for one in stored}) == 1, "of the size of any short message"
