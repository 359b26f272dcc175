"""Whoever is forgotten here is forgotten by the channel too, however it came about."""

import asyncio
import re

import pytest

from bots.loopback import Loopback
from intake_server.courier import leaving
from intake_server.courier.commands import ERASE_COMMAND
from intake_server.courier.leaving import Leaving
from vault import addresses, outbox, parting

HOUR = 3600
DAY = 24 * HOUR


@pytest.fixture
def looks(monkeypatch):
    """The courier's own looks end; the test looks by itself."""
    made = []
    real = Leaving.__init__

    def kept(self, *arguments, **more):
        real(self, *arguments, **more)
        made.append(self)

    monkeypatch.setattr(Leaving, "__init__", kept)
    monkeypatch.setattr(leaving, "LOOK", 3600.0)
    return made


async def met(stage, looks, *people):
    courier = await stage.with_courier()
    loopback = courier.channels["loopback"]
    heard = {person: loopback.listen(person) for person in people}
    for person in people:
        await loopback.say(person, "hello")
        assert "timer" in await next_line(heard[person])
        assert "text" in await next_line(heard[person])
    (one,) = looks
    await one.look()
    return one, loopback, heard


async def next_line(queue):
    async with asyncio.timeout(60):
        return await queue.get()


async def swept(stage):
    """What is due goes, as the caretaker's run does it."""
    freed, _ = await stage.caretaker.forget_due(100)
    references = [(one.reference.slot, one.reference.tag) for one in freed]
    await stage.database.write(lambda c: addresses.delete_forgotten(c, references))
    return freed


async def test_the_channel_forgets_whose_time_is_over(stage, looks):
    leave, loopback, heard = await met(stage, looks, "kim", "jo")
    stage.clock.turn(29 * DAY)
    await loopback.say("jo", "still here")
    stage.clock.turn(2 * DAY)
    assert await swept(stage)
    await leave.look()
    assert leave.waiting == 1, "one look later, so that what is being said is said"
    await leave.look()
    assert await next_line(heard["kim"]) == {"forgotten": True}
    assert heard["jo"].empty()
    assert leave.waiting == 0


async def test_the_channel_forgets_the_chat_whose_place_another_took(stage, looks):
    leave, loopback, heard = await met(stage, looks, "kim")
    await loopback.say("kim", "/code")
    code = re.search(r"/join (\d{10})", (await next_line(heard["kim"]))["text"])[1]
    new = loopback.listen("kim's new phone")
    await loopback.say("kim's new phone", f"/join {code}")
    lines = [await next_line(new), await next_line(new)]
    await leave.look()
    await leave.look()
    assert await next_line(heard["kim"]) == {"forgotten": True}
    stage.clock.turn(400 * DAY)
    await swept(stage)
    await leave.look()
    await leave.look()
    assert await next_line(new) == {"forgotten": True}
    assert (leave.waiting, len(lines)) == (0, 2)


async def test_a_network_that_is_away_is_asked_again(stage, looks):
    leave, loopback, heard = await met(stage, looks, "kim")
    stage.clock.turn(400 * DAY)
    await swept(stage)
    loopback.cut()
    await leave.look()
    await leave.look()
    assert (leave.waiting, heard["kim"].empty()) == (1, True)
    loopback.restore()
    await leave.look()
    assert await next_line(heard["kim"]) == {"forgotten": True}
    await leave.look()
    assert (leave.waiting, heard["kim"].empty()) == (0, True)


async def test_who_writes_again_is_left_in_peace(stage, looks):
    leave, loopback, heard = await met(stage, looks, "kim")
    stage.clock.turn(400 * DAY)
    await swept(stage)
    await loopback.say("kim", "it is me again")
    assert "timer" in await next_line(heard["kim"])
    assert "text" in await next_line(heard["kim"])
    await leave.look()
    assert (leave.waiting, heard["kim"].empty()) == (0, True)


async def test_a_row_that_somebody_deleted_makes_the_channel_forget_nobody(stage, looks):
    leave, _, heard = await met(stage, looks, "kim")
    row = await stage.only_row()
    await stage.database.write(lambda c: parting.drop(c, row.id, "loopback"))
    await leave.look()
    assert (leave.waiting, heard["kim"].empty()) == (0, True)
    stage.clock.turn(400 * DAY)
    await swept(stage)
    await leave.look()
    await leave.look()
    assert await next_line(heard["kim"]) == {"forgotten": True}, "but when the keeper says so"


async def test_what_waited_in_the_outbox_goes_with_the_conversation(stage, looks):
    _, loopback, _ = await met(stage, looks, "kim")
    row = await stage.only_row()
    loopback.cut()
    message = await stage.answer(row, "We are here.")
    assert (await stage.settled(row, message))[0] == "waiting"
    loopback.restore()
    await loopback.say("kim", ERASE_COMMAND)
    number = await next_number(loopback)
    await loopback.say("kim", number)
    assert await stage.rows() == []
    assert await stage.database.read(lambda c: outbox.state_of(c, row.id)) == []


class Slow(Loopback):
    """A messenger whose server does not answer."""

    name = "matrix"

    async def withdraw(self, address):  # noqa: ARG002 - a channel's own signature
        await asyncio.Event().wait()


async def test_a_channel_that_is_slow_holds_up_neither_another_one_nor_the_noticing(stage, looks):
    courier = await stage.with_courier()
    quick, slow, (leave,) = courier.channels["loopback"], Slow(now=stage.clock.unix), looks
    courier.channels["matrix"] = slow
    await slow.start(lambda incoming: courier.inbound.take(slow, incoming))
    try:
        heard = quick.listen("kim")
        for person in ("a", "b", "c", "d"):
            await slow.say(person, "hello")
        await quick.say("kim", "hello")
        assert "timer" in await next_line(heard)
        assert "text" in await next_line(heard)
        await leave.look()
        stage.clock.turn(400 * DAY)
        await swept(stage)
        await leave.look()
        looking = asyncio.create_task(leave.look())
        assert await next_line(heard) == {"forgotten": True}
        await leave.notice()
        assert (leave.waiting_for("matrix"), looking.done()) == (4, False)
        looking.cancel()
    finally:
        await slow.stop()


# --- what ended while no courier ran ----------------------------------------------------------


async def started_again(stage, looks, loopback):
    """A new courier; the messenger's own store is what it was."""
    courier = await stage.with_courier()
    courier.channels["loopback"] = loopback
    await loopback.start(lambda incoming: courier.inbound.take(loopback, incoming))
    return courier, looks[-1]


async def looked(stage, leave, times=4):
    for _ in range(times):
        await leave.look()
        stage.clock.turn(int(leaving.SETTLED) + 1)


async def test_who_expired_while_no_courier_ran_is_forgotten_when_it_starts_again(stage, looks):
    _, loopback, heard = await met(stage, looks, "kim", "jo")
    stage.clock.turn(29 * DAY)
    await loopback.say("jo", "still here")
    await stage.dismiss_all()
    stage.clock.turn(2 * DAY)
    assert await swept(stage)
    _, leave = await started_again(stage, looks, loopback)
    await looked(stage, leave)
    assert await next_line(heard["kim"]) == {"forgotten": True}
    assert (leave.waiting, heard["jo"].empty(), heard["kim"].empty()) == (0, True, True)
    await loopback.stop()


async def test_who_had_not_been_told_when_the_courier_ended_is_told_by_the_next(stage, looks):
    leave, loopback, heard = await met(stage, looks, "kim")
    stage.clock.turn(400 * DAY)
    await swept(stage)
    loopback.cut()
    await looked(stage, leave)
    assert leave.waiting == 1
    await stage.dismiss_all()
    loopback.restore()
    _, leave = await started_again(stage, looks, loopback)
    await looked(stage, leave)
    assert await next_line(heard["kim"]) == {"forgotten": True}
    await loopback.stop()


async def test_nobody_is_asked_for_before_what_came_meanwhile_is_known(stage, looks):
    """Who expired and wrote again while no courier ran is somebody new, and is heard."""
    _, loopback, heard = await met(stage, looks, "kim")
    await stage.dismiss_all()
    stage.clock.turn(400 * DAY)
    await swept(stage)
    arriving = loopback.say("kim", "it is me again")
    courier = await stage.with_courier()
    courier.channels["loopback"] = loopback
    leave = looks[-1]
    await looked(stage, leave)
    assert (loopback.health().waiting, leave.waiting) == (1, 0)
    await loopback.start(lambda incoming: courier.inbound.take(loopback, incoming))
    await arriving
    await looked(stage, leave)
    assert "timer" in await next_line(heard["kim"])
    assert "text" in await next_line(heard["kim"])
    assert (leave.waiting, heard["kim"].empty()) == (0, True)
    await loopback.stop()


async def test_who_never_had_a_conversation_is_left_in_peace(stage, looks):
    """Staff, a canary, somebody who has a chat and has not written yet."""
    _, loopback, heard = await met(stage, looks, "kim")
    await loopback.send("ana of the team", "Please have a look.", b"1234567890123456")
    staff = loopback.listen("ana of the team")
    await next_line(staff)
    await stage.dismiss_all()
    stage.clock.turn(400 * DAY)
    await swept(stage)
    _, leave = await started_again(stage, looks, loopback)
    await looked(stage, leave)
    assert await next_line(heard["kim"]) == {"forgotten": True}
    assert staff.empty()
    await loopback.stop()


async def test_the_file_names_nobody_and_ends_with_the_last_one(stage, looks):
    leave, _, _ = await met(stage, looks, "kim", "jo")
    file = stage.folder / "courier" / "met.bin"
    assert file.stat().st_mode & 0o077 == 0
    assert (len(file.read_bytes()), b"kim" in file.read_bytes()) == (8 + 2 * 33, False)
    stage.clock.turn(400 * DAY)
    await swept(stage)
    await looked(stage, leave)
    assert file.read_bytes() == b"HLMET1\0\0"


@pytest.mark.parametrize("content", [b"", b"HLMET1\0\0cut", b"something else"])
async def test_a_damaged_file_stops_nothing(stage, looks, content):
    (stage.folder / "courier" / "met.bin").write_bytes(content)
    leave, _, heard = await met(stage, looks, "kim")
    await looked(stage, leave)
    assert heard["kim"].empty()
    assert len((stage.folder / "courier" / "met.bin").read_bytes()) == 8 + 33


async def next_number(loopback):
    async with asyncio.timeout(60):
        queue = loopback.listen("kim")
        while True:
            text = (await queue.get()).get("text", "")
            found = [word.rstrip(".") for word in text.split() if word.rstrip(".").isdigit()]
            numbers = [one for one in found if len(one) == 4]
            if numbers:
                return numbers[0]
