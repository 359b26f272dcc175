"""A Matrix channel with a line of its own to the homeserver, and people with phones."""

import asyncio
import io
import shutil
import tempfile
import time
from pathlib import Path

from bots.channel import ChannelUnavailable, Incoming, Refusal
from bots.matrix.account import read_account, sign_in
from bots.matrix.channel import MatrixChannel
from intake_server.clock import SystemClock
from intake_server.logs import open_log
from tests.bots.matrix.homeserver import PASSWORD, SERVER_NAME, Homeserver, Wire
from tests.bots.matrix.phone import PATIENCE, Phone

NOBODY_READ = "Nobody has read this."
PICKLE_KEY = bytes(range(32))


class MatrixBench:
    """What the suite of every channel asks for; `clock` moves the channel's time."""

    def __init__(self, server: Homeserver, wire: Wire, folder: Path) -> None:
        self.server = server
        self.wire = wire
        self.folder = folder
        self.phones: list[Phone] = []
        self.log = io.StringIO()
        self.later = 0
        self.channel = self._make()
        self.hotline = read_account(folder).user_id

    @classmethod
    async def of(cls, server: Homeserver) -> "MatrixBench":
        wire = Wire(server.port)
        await wire.join()
        folder = Path(tempfile.mkdtemp(prefix="hl-mx"))
        await sign_in(wire.url, await server.new_person(), PASSWORD, folder)
        return cls(server, wire, folder)

    def _make(self) -> MatrixChannel:
        return MatrixChannel(
            account=read_account(self.folder),
            folder=self.folder,
            pickle_key=PICKLE_KEY,
            now=self.now,
            log=open_log("courier", level="debug", clock=SystemClock(), stream=self.log),
            nobody_read=NOBODY_READ,
        )

    def now(self) -> int:
        return int(time.time()) + self.later

    async def person(self) -> Phone:
        return await self.phone_of(await self.server.new_person())

    async def phone_of(self, name: str) -> Phone:
        """A new device of an account."""
        await self.published()
        phone = await Phone(self.server, self.hotline).sign_in(name)
        self.phones.append(phone)
        return phone

    async def published(self) -> None:
        """Until the hotline's device can be written to."""
        await until(lambda: self.channel.health().connected)

    async def cut(self) -> None:
        await self.wire.cut()

    async def restore(self) -> None:
        await self.wire.join()

    async def restarted(self) -> MatrixChannel:
        self.channel = self._make()
        return self.channel

    async def nobody(self) -> str:
        await self.published()
        return f"@nobody:{SERVER_NAME}"

    async def close(self) -> None:
        await self.channel.stop()
        for phone in self.phones:
            await phone.sign_out()
        await self.wire.cut()
        shutil.rmtree(self.folder)

    async def in_contact(self) -> "tuple[Desk, Phone, Incoming]":
        """Start the channel, and have somebody write whose message arrives."""
        desk = Desk()
        await self.channel.start(desk.take)
        phone = await self.person()
        await phone.say("hello")
        return desk, phone, await desk.next()

    def refused(self, reason: Refusal) -> int:
        return self.channel.health().refused.get(reason, 0)

    def on_disk(self) -> bytes:
        """All that the channel keeps in its folder."""
        return b"".join(file.read_bytes() for file in self.folder.rglob("*") if file.is_file())


class Desk:
    """A handler that stores, or refuses while it is told to."""

    def __init__(self) -> None:
        self.stored: asyncio.Queue[Incoming] = asyncio.Queue()
        self.closed = False

    async def take(self, incoming: Incoming) -> None:
        if self.closed:
            raise ChannelUnavailable
        self.stored.put_nowait(incoming)

    async def next(self) -> Incoming:
        async with asyncio.timeout(PATIENCE):
            return await self.stored.get()


async def until(true) -> None:
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.05)
