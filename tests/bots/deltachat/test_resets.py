"""The connections to the mail server are reset in one place after another."""

import asyncio
from dataclasses import dataclass

import pytest

from tests.bots import resets
from tests.bots.deltachat.post import DeltaBench
from tests.bots.resetting import ResettingLine

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.long,
    pytest.mark.timeout(900),
]


@dataclass
class Behind:
    """The mail server's ports as the hotline sees them."""

    imap: int
    smtp: int


class Desk:
    def __init__(self) -> None:
        self.stored: asyncio.Queue = asyncio.Queue()

    async def take(self, incoming) -> None:
        self.stored.put_nowait(incoming)

    async def next(self):
        async with asyncio.timeout(resets.PATIENCE):
            return await self.stored.get()


async def test_resets_lose_and_double_nothing(server, phone, tmp_path):
    lines = [await ResettingLine(port).open() for port in (server.imap, server.smtp)]
    behind = Behind(*(line.port for line in lines))
    bench = await DeltaBench(behind, phone, tmp_path).open()
    try:
        desk = Desk()
        await bench.channel.start(desk.take)
        person = await bench.person()
        await person.say("hello")
        met = await desk.next()
        await resets.lose_and_double_nothing(bench.channel, person, desk, met, lines)
        await resets.spoil_no_other_operation(bench.channel, person, desk, met, lines)
    finally:
        await bench.close()
        for line in lines:
            await line.close()
