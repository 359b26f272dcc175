"""Answers come when the client said they may, and no row of the database changes that."""

import asyncio
import contextlib
import re
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from intake_server.courier import outbound
from intake_server.courier.hours import read_wish
from intake_server.courier.outbound import Reason
from intake_server.courier.work import Work
from vault import addresses, messages, outbox
from vault.engine import Database
from vault.keeper_protocol import Reference

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


async def test_outside_the_hours_an_answer_waits_until_they_begin(stage):
    loopback, heard, row = await met(stage)
    turned_to(stage, 12)
    assert "18:00-22:00 (UTC time)" in await chosen(loopback, heard, "/hours 18-22")
    message = await stage.answer(row, "We are here.")
    assert await stage.settled(row, message) == ("waiting", Reason.LATER)
    assert heard.empty()
    turned_to(stage, 18)
    assert await text_of(heard) == "We are here."
    assert await stage.ended(row, message) == ("sent", None)


async def test_no_row_brings_a_message_to_an_unsafe_hour(stage):
    loopback, heard, row = await met(stage)
    turned_to(stage, 12)
    await chosen(loopback, heard, "/hours 18-22")
    message = await stage.answer(row, "We are here.")
    assert await stage.settled(row, message) == ("waiting", Reason.LATER)
    for _ in range(3):
        await stage.database.write(lambda c: outbox.hurry(c, row.id, Reason.LATER))
        assert await stage.settled(row, message) == ("waiting", Reason.LATER)
    assert heard.empty()


async def test_an_older_address_row_brings_no_message_to_an_unsafe_hour(stage):
    loopback, heard, row = await met(stage)
    turned_to(stage, 12)
    (before,) = await stage.database.read(lambda c: addresses.of(c, row.id))
    await chosen(loopback, heard, "/hours 18-22")
    message = await stage.answer(row, "We are here.")
    assert await stage.settled(row, message) == ("waiting", Reason.LATER)

    def back(c):
        addresses.put(c, row.id, before.channel, before.slot, before.tag, before.outer)
        outbox.hurry(c, row.id, Reason.LATER)

    await stage.database.write(back)
    assert await stage.settled(row, message) == ("waiting", Reason.LATER)
    assert heard.empty()


async def test_a_database_from_before_the_command_sends_nothing_at_an_unsafe_hour(stage):
    loopback, heard, row = await met(stage)
    turned_to(stage, 12)
    file = stage.settings.data.database_dir / "whole-copy"
    with contextlib.closing(sqlite3.connect(_database(stage))) as live:
        live.execute("VACUUM INTO ?", (str(file),))
    await chosen(loopback, heard, "/hours 18-22")
    await stage.dismiss_all()
    await stage.database.close()
    for beside in _database(stage).parent.glob(f"{_database(stage).name}-*"):
        beside.unlink()
    file.chmod(0o600)
    file.replace(_database(stage))
    stage.database = await Database.open(stage.settings.data.database_url)
    courier = await stage.with_courier()
    heard = courier.channels["loopback"].listen("kim")
    message = await stage.answer(row, "We are here.")
    assert await stage.settled(row, message) == ("waiting", Reason.LATER)
    assert heard.empty()


def _database(stage) -> Path:
    return Path(stage.settings.data.database_url.removeprefix("sqlite:///"))


async def test_a_crash_before_the_team_is_told_leaves_the_hours_in_force(stage, monkeypatch):
    loopback, heard, row = await met(stage)
    turned_to(stage, 12)
    real, failed = Work.hours_changed, []

    async def once(self, *arguments):
        if not failed:
            failed.append(await hours_at_keeper(stage, row))
            raise OSError
        return await real(self, *arguments)

    monkeypatch.setattr(Work, "hours_changed", once)
    await chosen(loopback, heard, "/hours 18-22")
    assert failed == [(18 * 60, 22 * 60)]
    assert await stage.texts(row) == ["hello", "[safe hours 18:00-22:00]"]


async def hours_at_keeper(stage, row) -> tuple[int, int]:
    (kept,) = await stage.database.read(lambda c: addresses.of(c, row.id))
    opened = await stage.courier.open_address(Reference(kept.slot, kept.tag), kept.outer)
    return opened.begin, opened.end


async def test_rows_that_wait_for_different_hours_are_alike(stage):
    loopback, heard, row = await met(stage)
    turned_to(stage, 12)
    seen = []
    for hours in ("18-22", "19:31-5"):
        await chosen(loopback, heard, f"/hours {hours}")
        message = await stage.answer(row, "We are here.")
        assert await stage.settled(row, message) == ("waiting", Reason.LATER)
        (standing,) = await stage.database.read(lambda c: outbox.state_of(c, row.id))
        seen.append((standing.state, standing.reason, standing.again - stage.now()))
        await stage.database.write(lambda c: outbox.sent(c, message))  # noqa: B023  # awaited here
        await stage.database.write(lambda c: c.execute(text("DELETE FROM outbox")))
    assert seen[0] == seen[1]
    assert 0 < seen[0][2] <= outbound.LATER_SECONDS + 60


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
    assert await stage.settled(row, message) == ("waiting", Reason.LATER)
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
