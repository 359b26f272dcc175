"""Twelve hours without the network: nothing is lost, and it is made up for gently and in order.

And people who are one person to nobody but themselves: on two channels they are two.
"""

import asyncio
import itertools

import pytest

from bots.loopback import Loopback
from intake_server.courier import outbound
from intake_server.courier.outbound import PACE
from tests.intake_server.courier.test_outbound import hear, met

MINUTE = 60
PEOPLE = ("kim", "jo", "lou")
EACH = 4
BARELY = 0.9  # of a second: what the event loop may round away


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(outbound, "_LOOK", 0.05)


async def test_twelve_hours_away_are_made_up_for_in_order_at_a_gentle_pace(stage):
    _, loopback, rows, heard = await met(stage, *PEOPLE)
    loopback.cut()
    arriving = [loopback.say(name, f"{name} again") for name in PEOPLE]
    messages = {name: [] for name in PEOPLE}
    for number in range(EACH):
        for name in PEOPLE:
            messages[name].append(await stage.answer(rows[name], f"{number} for {name}"))
        for _ in range(18):  # three hours
            stage.clock.turn(10 * MINUTE)
            await asyncio.sleep(0.01)
    assert all(heard[name].empty() for name in PEOPLE)
    assert not any(one.done() for one in arriving)
    loopback.restore()
    stage.clock.turn(30 * MINUTE)
    told = await asyncio.gather(*(timed(heard[name]) for name in PEOPLE))
    for name, said in zip(PEOPLE, told, strict=True):
        assert [text for text, _ in said] == [f"{number} for {name}" for number in range(EACH)]
        times = [at for _, at in said]
        assert all(b - a >= PACE * BARELY for a, b in itertools.pairwise(times))
    for name in PEOPLE:
        for message in messages[name]:
            assert await stage.ended(rows[name], message) == ("sent", None)
        assert heard[name].empty()
    await asyncio.gather(*arriving)
    for name in PEOPLE:
        assert await stage.texts(rows[name]) == [f"I am {name}", f"{name} again"]


async def timed(queue):
    """What a person hears, each with the moment."""
    now = asyncio.get_running_loop().time
    return [(await hear(queue), now()) for _ in range(EACH)]


async def test_one_person_on_two_channels_is_two_and_their_answers_never_cross(stage):
    """The same address on another channel is another address: nothing is guessed."""
    courier, loopback, rows, heard = await met(stage, "kim")
    second = Loopback(now=stage.clock.unix)
    second.name = "signal"
    courier.channels["signal"] = second
    heard_there = second.listen("kim")
    await second.start(lambda incoming: courier.inbound.take(second, incoming))
    async with asyncio.timeout(60):
        await second.say("kim", "I am kim there")
        assert "timer" in await heard_there.get()
        assert (await heard_there.get())["text"].startswith("Thank you.")
    here = rows["kim"]
    (there,) = [row for row in await stage.rows() if row.id != here.id]
    assert (here.channel, there.channel) == ("loopback", "signal")
    assert await stage.texts(here) == ["I am kim"]
    assert await stage.texts(there) == ["I am kim there"]
    await stage.settled(there, await stage.answer(there, "to the second"))
    await stage.settled(here, await stage.answer(here, "to the first"))
    assert await hear(heard["kim"]) == "to the first"
    assert await hear(heard_there) == "to the second"
    wrong = await stage.answer(here, "crossed", channel="signal")
    assert (await stage.settled(here, wrong))[0] == "failed"
    assert heard["kim"].empty()
    assert heard_there.empty()
    await second.stop()
    assert loopback is courier.channels["loopback"]
