"""A reset in one place after another, while somebody writes and is answered: Matrix, Delta Chat."""

import asyncio

from bots.channel import ChannelUnavailable, ChannelUncertain

ROUNDS = 12
PLACES = 6  # pieces into a round; each has that many, however they are cut
PATIENCE = 120.0
QUIET = 1.0  # seconds in which a second copy would have come


async def lose_and_double_nothing(channel, person, desk, met, lines) -> None:
    """One reset a round, in another place of it; an answer is sent again under its own id."""
    assert channel.sends_once
    resets = 0
    for place in range(ROUNDS):
        arm(lines, place % PLACES)
        await person.say(f"message {place}")
        assert (await desk.next()).text == f"message {place}"
        await _sent_in_the_end(channel, met.address, f"answer {place}", b"%016d" % place)
        async with asyncio.timeout(PATIENCE):
            assert await person.hear() == f"answer {place}"
        resets += any(line.has_reset for line in lines)
    await asyncio.sleep(QUIET)
    assert desk.stored.empty()
    await person.say("afterwards")
    assert (await desk.next()).text == "afterwards"
    await channel.send(met.address, "the last answer", b"the last message")
    async with asyncio.timeout(PATIENCE):
        assert await person.hear() == "the last answer"
    assert resets > ROUNDS // 2


def arm(lines, place: int) -> None:
    """Have each line reset so many pieces from now, once."""
    for line in lines:
        line.at, line.has_reset = line.pieces + place, False


async def spoil_no_other_operation(channel, person, desk, met, lines) -> None:
    """A reset while a message is deleted, a timer set, a person forgotten: asked again, all end.

    Afterwards the same person writes and is answered, as somebody new.
    """
    address, resets = met.address, 0
    for place in range(PLACES // 2):
        name = b"%016d" % (100 + place)
        sent = await channel.send(address, f"to go {place}", name)
        async with asyncio.timeout(PATIENCE):
            assert await person.hear() == f"to go {place}"
        for work in (
            lambda sent=sent, address=address: channel.delete(address, sent.transport_id),
            lambda place=place, address=address: channel.set_timer(address, 3600 + place),
            lambda address=address: channel.forget(address),
        ):
            arm(lines, place)
            await _tried(work)
            resets += any(line.has_reset for line in lines)
        arm(lines, -1)  # none any more
        async with asyncio.timeout(PATIENCE):  # a Matrix phone leaves the room that we have left
            while getattr(person, "room", None) is not None:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.05)
        await person.say(f"again {place}")
        again = await desk.next()
        assert again.text == f"again {place}"
        address = again.address
        await _sent_in_the_end(channel, address, f"welcome {place}", b"%016d" % (200 + place))
        async with asyncio.timeout(PATIENCE):
            assert await person.hear() == f"welcome {place}"
    assert desk.stored.empty()
    assert resets > 0


async def _tried(work) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await work()
            except ChannelUnavailable:
                await asyncio.sleep(0.2)


async def _sent_in_the_end(channel, address, text, name) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await channel.send(address, text, name)
            except (ChannelUnavailable, ChannelUncertain):
                await asyncio.sleep(0.2)
            else:
                return
