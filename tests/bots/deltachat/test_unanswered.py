"""The mail server has taken a message, and the courier is gone before it hears of that."""

import asyncio
import contextlib

import pytest

from tests.bots.deltachat.post import PATIENCE, DeltaBench, Line
from tests.bots.deltachat.test_channel import Taker, sent
from tests.bots.deltachat.test_resets import Behind

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.long]

QUIET = 2.0  # seconds in which a second copy would have come
END_OF_MAIL = b"\r\n.\r\n"


class Swallowing(Line):
    """A line on which, when told so, the answer to a whole mail is lost."""

    def __init__(self) -> None:
        self.swallows = False
        self.swallowed = asyncio.Event()

    async def _carry(self, reader, writer):
        """The way to the server is the one on which a mail ends."""
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if self.swallowed.is_set() and self.swallows:
                    continue
                writer.write(data)
                await writer.drain()
                if self.swallows and data.endswith(END_OF_MAIL):
                    self.swallowed.set()


async def test_a_courier_that_ends_before_the_answer_sends_nothing_twice(server, phone, tmp_path):
    outgoing = await Swallowing().open(server.smtp)
    bench = await DeltaBench(Behind(server.imap, outgoing.port), phone, tmp_path).open()
    try:
        taker = Taker()
        await bench.channel.start(taker.take)
        person = await bench.person()
        await person.say("hello")
        met = await taker.next()
        outgoing.swallows = True
        handed = asyncio.create_task(bench.channel.send(met.address, "here", b"n" * 16))
        async with asyncio.timeout(PATIENCE):
            await outgoing.swallowed.wait()
        handed.cancel()
        await asyncio.gather(handed, return_exceptions=True)
        await bench.channel.stop()
        outgoing.swallows = False
        channel = await bench.restarted()
        await channel.start(taker.take)
        await channel.send(met.address, "here", b"n" * 16)
        await sent(channel, met.address, "and this", 2)
        assert [await person.hear(), await person.hear()] == ["here", "and this"]
        await asyncio.sleep(QUIET)
        assert person.incoming.empty()
    finally:
        await bench.close()
        await outgoing.close()
