"""The connection to Signal's server is reset during every single operation, once."""

import asyncio

from bots.channel import ChannelUnavailable, ChannelUncertain
from tests.bots.resetting import ResettingLine
from tests.bots.signal.bench import SignalBench, until
from tests.bots.signal.stand_in import StandIn

LEAST = 12  # pieces: that many places at least there are to break off at
NAME = b"0123456789abcdef"


class BehindLine(StandIn):
    """The stand-in, reached over a line."""

    line: ResettingLine | None = None

    @property
    def url(self):
        return super().url if self.line is None else f"http://127.0.0.1:{self.line.port}"


async def tried(work):
    """Whatever comes of it in the end; what was certainly not taken is tried again."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await work()
            except ChannelUnavailable:
                await asyncio.sleep(0.05)


async def a_life(at):
    """Everything that the channel does, with one reset; the pieces, and what was sent and heard."""
    server = BehindLine()
    await server.start()
    server.line = line = await ResettingLine(server.port, at).open()
    bench = SignalBench(server)
    try:
        desk, person, met = await bench.in_contact()
        try:
            sent = await tried(lambda: bench.channel.send(met.address, "an answer", NAME))
            said = 1
            await tried(lambda: bench.channel.delete(met.address, sent.transport_id))
        except ChannelUncertain:
            said = None  # nobody knows, and it is not sent again
        await tried(lambda: bench.channel.set_timer(met.address, 60))
        await person.say("between")
        assert (await desk.next()).text == "between"
        await tried(lambda: bench.channel.withdraw(met.address))
        await tried(lambda: bench.channel.forget(met.address))
        await until(lambda: bench.channel.health().connected)
        await person.say("afterwards")
        assert (await desk.next()).text == "afterwards"
        await bench.settled()
        assert desk.all() == []  # nothing twice
        heard = person.somebody.heard.qsize()
        return line, said, heard
    finally:
        await bench.close()
        await line.close()


async def test_a_reset_in_any_place_loses_nothing_and_doubles_nothing():
    at, known = 0, []
    while True:
        line, said, heard = await a_life(at)
        if not line.has_reset:
            break
        known.append(said)
        assert heard == said if said is not None else heard <= 1, at
        at += 1
    assert at >= LEAST
    assert known.count(1) > known.count(None)
