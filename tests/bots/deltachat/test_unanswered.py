"""The mail server has taken a message, and somebody is gone before all is done that follows."""

import asyncio
import contextlib
import os
import signal

import pytest

from bots.channel import ChannelUnavailable
from bots.deltachat import channel as under_test
from bots.deltachat import sending
from tests.bots.deltachat.post import PATIENCE, DeltaBench, Line
from tests.bots.deltachat.test_channel import Taker, sent, until, written
from tests.bots.deltachat.test_resets import Behind

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUIET = 2.0  # seconds in which a second copy would have come
END_OF_MAIL = b"\r\n.\r\n"


class Swallowing(Line):
    """A line on which, when told so, the answer to a whole mail is lost.

    `swallowed` is set once there was such an answer.
    """

    def __init__(self) -> None:
        self.swallows = False
        self.swallowed = asyncio.Event()
        self._has_ended = False

    async def _carry(self, reader, writer):
        """The way to the server is the one on which a mail ends, in one piece or in two."""
        last = b""
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if self._has_ended and self.swallows:
                    self.swallowed.set()
                    continue
                if self.swallows and END_OF_MAIL in last + data:
                    self._has_ended = True
                last = (last + data)[1 - len(END_OF_MAIL) :]
                writer.write(data)
                await writer.drain()


async def test_an_end_of_mail_in_two_pieces_is_seen():
    """The answer to it is lost, and all before it comes."""

    async def serve(reader, writer):
        writer.write(b"220\r\n")
        await reader.readuntil(END_OF_MAIL)
        writer.write(b"250\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    line = await Swallowing().open(server.sockets[0].getsockname()[1])
    line.swallows = True
    reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
    async with asyncio.timeout(PATIENCE):
        assert await reader.readline() == b"220\r\n"
        for piece in (b"a mail\r\n.", b"\r\n"):
            writer.write(piece)
            await asyncio.sleep(0.2)
        await line.swallowed.wait()
        writer.write_eof()
        assert await reader.read() == b""
    writer.close()
    await line.close()
    server.close()


@pytest.mark.long
async def test_a_courier_that_ends_before_the_answer_sends_nothing_twice(
    server, phone, tmp_path, monkeypatch
):
    monkeypatch.setattr(sending, "_PATIENCE", PATIENCE)  # of a slow machine
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
        await sent(channel, met.address, "here", ord("n"))
        await sent(channel, met.address, "and this", 2)
        assert [await person.hear(), await person.hear()] == ["here", "and this"]
        await asyncio.sleep(QUIET)
        assert person.incoming.empty()
    finally:
        await bench.close()
        await outgoing.close()


@pytest.mark.parametrize("with_courier", [False, True], ids=["the core", "core and courier"])
async def test_no_copy_stays_where_one_is_killed_before_it_is_removed(
    bench, monkeypatch, with_courier
):
    monkeypatch.setattr(under_test, "WIPE_AFTER", 0.3)
    note = sending.Sending._note

    async def noted(self, key, kind, *rest):
        await note(self, key, kind, *rest)
        if kind == "sent":
            os.kill(self._session.core.pid, signal.SIGKILL)
            await self._session.core.ended.wait()

    taker = Taker()
    await bench.channel.start(taker.take)
    person = await bench.person()
    await person.say("hello")
    met = await taker.next()
    with monkeypatch.context() as killing:
        killing.setattr(sending.Sending, "_note", noted)
        with pytest.raises(ChannelUnavailable):
            await bench.channel.send(met.address, "CANARY-REPLY", b"n" * 16)
        assert b"CANARY-REPLY" in written(bench.folder)
        if with_courier:
            await bench.channel.stop()
    channel = bench.channel
    if with_courier:
        channel = await bench.restarted()
        await channel.start(taker.take)
    await until(lambda: b"CANARY-REPLY" not in written(bench.folder))
    await sent(channel, met.address, "CANARY-REPLY", ord("n"))
    await sent(channel, met.address, "and this", 2)
    assert [await person.hear(), await person.hear()] == ["CANARY-REPLY", "and this"]
