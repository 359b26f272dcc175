"""The mail server has taken a message, and somebody is gone before all is done that follows."""

import asyncio
import contextlib
import os
import signal
import sqlite3
from pathlib import Path

import pytest

from bots.channel import ChannelUncertain
from bots.deltachat import channel as under_test
from bots.deltachat import sending
from tests.bots.deltachat.post import PATIENCE, DeltaBench, Line
from tests.bots.deltachat.scripted_core import PENDING
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
            killed.set()

    killed = asyncio.Event()
    taker = Taker()
    await bench.channel.start(taker.take)
    person = await bench.person()
    await person.say("hello")
    met = await taker.next()
    with monkeypatch.context() as killing:
        killing.setattr(sending.Sending, "_note", noted)
        handed = asyncio.create_task(bench.channel.send(met.address, "CANARY-REPLY", b"n" * 16))
        await killed.wait()
        assert b"CANARY-REPLY" in written(bench.folder)
        if with_courier:
            handed.cancel()
            await asyncio.gather(handed, return_exceptions=True)
            await bench.channel.stop()
    channel = bench.channel
    if with_courier:
        channel = await bench.restarted()
        await channel.start(taker.take)
    else:
        assert (await handed).transport_id
    await until(lambda: b"CANARY-REPLY" not in written(bench.folder))
    await sent(channel, met.address, "CANARY-REPLY", ord("n"))
    await sent(channel, met.address, "and this", 2)
    assert [await person.hear(), await person.hear()] == ["CANARY-REPLY", "and this"]


def forgotten(number: int, state: Path, *, was_taken: bool) -> bool:
    """What a core leaves that dies between two of its writes: one that goes, and no way for it."""
    (file,) = state.glob("*/dc.db")
    with contextlib.closing(sqlite3.connect(file, timeout=PATIENCE)) as raw, raw:
        if was_taken:
            raw.execute("UPDATE msgs SET state = ? WHERE id = ?", (PENDING, number))
        for (table,) in raw.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ('smtp', 'smtp2')"
        ).fetchall():
            raw.execute(f"DELETE FROM {table}")
    return True


@pytest.mark.parametrize("was_taken", [True, False], ids=["taken", "not yet queued"])
async def test_a_core_that_dies_between_two_of_its_writes_sends_once(bench, monkeypatch, was_taken):
    """Its message waits for nothing then; the next core sends it under the same name."""
    taker = Taker()
    await bench.channel.start(taker.take)
    person = await bench.person()
    await person.say("hello")
    met = await taker.next()
    real, cleaned = under_test.wipe, []

    def wipe(state):
        if numbers and not cleaned:
            cleaned.append(forgotten(numbers[0], state, was_taken=was_taken))
        real(state)

    numbers = []
    name = "_went" if was_taken else "_taken"
    step = getattr(sending.Sending, name)

    async def killed(self, number, *rest, **named):
        if not numbers:
            numbers.append(number)
            os.kill(self._session.core.pid, signal.SIGKILL)
            await self._session.core.ended.wait()
        return await step(self, number, *rest, **named)

    monkeypatch.setattr(under_test, "wipe", wipe)
    monkeypatch.setattr(sending.Sending, name, killed)
    monkeypatch.setattr(sending, "UNTRIED", 0.5)
    if not was_taken:
        bench.lines[1].cut()
    handed = asyncio.create_task(bench.channel.send(met.address, "here", b"n" * 16))
    await until(lambda: cleaned)
    bench.lines[1].mend()
    assert (await handed).transport_id
    await sent(bench.channel, met.address, "and this", 2)
    assert [await person.hear(), await person.hear()] == ["here", "and this"]
    await asyncio.sleep(QUIET)
    assert person.incoming.empty()


@pytest.mark.parametrize("ends", ["no answer", "the core"])
async def test_an_answer_that_is_lost_doubles_nothing(server, phone, tmp_path, monkeypatch, ends):
    """The next core goes on; where there is no answer for a minute, a counsellor is asked."""
    monkeypatch.setattr(sending, "_PATIENCE", 1.0)
    monkeypatch.setattr(sending, "_RESTART", 1.0)
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
        if ends == "the core":
            outgoing.swallows = False
            os.kill(bench.channel._line.session.core.pid, signal.SIGKILL)
            assert (await handed).transport_id
        else:
            with pytest.raises(ChannelUncertain):
                await handed
            outgoing.swallows = False
            outgoing.cut()
            outgoing.mend()
            with pytest.raises(ChannelUncertain):
                await bench.channel.send(met.address, "here", b"n" * 16)
        assert await person.hear() == "here"
        await sent(bench.channel, met.address, "and this", 2)
        assert await person.hear() == "and this"
        assert person.incoming.empty()
    finally:
        await bench.close()
        await outgoing.close()
