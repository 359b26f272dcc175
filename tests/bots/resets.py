"""A reset in one place after another, while somebody writes and is answered: Matrix, Delta Chat."""

import asyncio

from bots.channel import ChannelUnavailable, ChannelUncertain

PLACES = 12
PATIENCE = 120.0
QUIET = 1.0  # seconds in which a second copy would have come


async def lose_and_double_nothing(channel, person, desk, met, lines) -> None:
    """One reset a round, a piece later in each; an answer is sent again under its own id."""
    assert channel.sends_once
    resets = 0
    for place in range(PLACES):
        for line in lines:
            line.at, line.has_reset = line.pieces + place, False
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
    assert resets > PLACES // 2


async def _sent_in_the_end(channel, address, text, name) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await channel.send(address, text, name)
            except (ChannelUnavailable, ChannelUncertain):
                await asyncio.sleep(0.2)
            else:
                return
