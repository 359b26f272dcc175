"""A Signal channel on a stand-in of its server, and people who write through it."""

import asyncio
import contextlib
import io
import shutil
import socket
import tempfile
import time
from pathlib import Path

from bots.channel import Attachment, ChannelUnavailable, Incoming, Refusal
from bots.signal.channel import SignalChannel
from bots.signal.webhook import Webhook
from intake_server.clock import SystemClock
from intake_server.logs import open_log
from tests.bots.signal.stand_in import ACCOUNT, Somebody, StandIn

NOBODY_READ = "Nobody has read this."
PATH = "/a-path-that-only-the-server-knows"
PATIENCE = 20.0
FORMS = {Attachment.VOICE: "audio/aac", Attachment.PICTURE: "image/jpeg"}


class XorBox:
    """Seals nothing, but hides: enough to see that what lies on the disk is not the text."""

    def seal(self, plain: bytes) -> bytes:
        return b"x" + bytes(byte ^ 0x5A for byte in plain)

    def open(self, sealed: bytes) -> bytes:
        if sealed[:1] != b"x":
            raise ValueError
        return bytes(byte ^ 0x5A for byte in sealed[1:])


class SignalPerson:
    def __init__(self, server: StandIn, somebody: Somebody) -> None:
        self.server = server
        self.somebody = somebody
        self.files = 0

    async def say(self, text: str) -> None:
        self.server.say(self.somebody, text)

    async def show(self, kind: Attachment, content: bytes) -> None:
        self.files += 1
        attachment = {
            "contentType": FORMS[kind],
            "filename": None,
            "id": f"{self.somebody.uuid}-{self.files}.bin",
            "size": len(content),
            "content": content,
        }
        self.server.say(self.somebody, None, attachments=[attachment])

    async def hear_file(self) -> bytes:
        heard = (await self.somebody.heard.get())[1]
        assert isinstance(heard, bytes)
        return heard

    async def say_openly(self, _text: str) -> bool:
        return False  # Signal has no way to

    async def hear(self) -> str:
        return (await self.somebody.heard.get())[1]


class SignalBench:
    def __init__(self, server: StandIn, *, webhook: bool = True) -> None:
        self.server = server
        self.folder = Path(tempfile.mkdtemp(prefix="hl-sg"))
        self.log = io.StringIO()
        self.later = 0
        self.listener: socket.socket | None = None
        if webhook:
            self.listener = socket.create_server(("127.0.0.1", 0))
            server.webhook = f"http://127.0.0.1:{self.listener.getsockname()[1]}{PATH}"
        self.channel = self._make()

    @classmethod
    async def of(cls, *, webhook: bool = True) -> "SignalBench":
        server = StandIn()
        await server.start()
        return cls(server, webhook=webhook)

    def _make(self) -> SignalChannel:
        return SignalChannel(
            url=self.server.url,
            number=ACCOUNT,
            folder=self.folder,
            box=XorBox(),
            now=self.now,
            log=open_log("courier", level="debug", clock=SystemClock(), stream=self.log),
            nobody_read=NOBODY_READ,
            webhook=None if self.listener is None else Webhook(self.listener, PATH),
        )

    def now(self) -> int:
        return int(time.time()) + self.later

    async def person(self) -> SignalPerson:
        return SignalPerson(self.server, self.server.somebody())

    async def cut(self) -> None:
        await self.server.stop()

    async def restore(self) -> None:
        await self.server.start()

    async def restarted(self) -> SignalChannel:
        self.channel = self._make()
        return self.channel

    async def nobody(self) -> str:
        return "00000000-0000-4000-8000-000000000000"

    async def close(self) -> None:
        await self.channel.stop()
        if self.listener is not None:
            self.listener.close()
        shutil.rmtree(self.folder)
        await self.server.stop()

    async def attached(self) -> None:
        await until(lambda: self.channel.health().connected and self.server.readers > 0)

    async def in_contact(self) -> "tuple[Desk, SignalPerson, Incoming]":
        desk = Desk()
        await self.channel.start(desk.take)
        await self.attached()
        person = await self.person()
        await person.say("hello")
        return desk, person, await desk.next()

    def refused(self, reason: Refusal) -> int:
        return self.channel.health().refused.get(reason, 0)

    def on_disk(self) -> bytes:
        return b"".join(file.read_bytes() for file in self.folder.rglob("*") if file.is_file())

    async def settled(self) -> None:
        """Until everything said has gone both ways."""
        await until(lambda: self.server.pending() == 0)
        await asyncio.sleep(0.1)


class Desk:
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

    def all(self) -> list[Incoming]:
        taken = []
        with contextlib.suppress(asyncio.QueueEmpty):
            while True:
                taken.append(self.stored.get_nowait())
        return taken


async def until(true) -> None:
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.02)
