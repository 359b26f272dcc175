"""What the tests of the Delta Chat channel stand on: a mail server, people, a line to be cut."""

import asyncio
import contextlib
import itertools
import json
import smtplib
import socket
import sys
import time
from email.message import EmailMessage
from pathlib import Path

from bots.channel import Attachment, Channel
from bots.deltachat.account import Identity, MailAccount, make_account
from bots.deltachat.channel import DeltaChat
from bots.deltachat.core import Core, program

SERVER = Path(__file__).with_name("mail_server.py")
PATIENCE = 120.0
names = itertools.count(1)


def now() -> int:
    return int(time.time())  # the cores have no other clock


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class MailServer:
    """The mail server as a process of its own; `close` ends it."""

    async def open(self) -> "MailServer":
        self.imap, self.smtp = free_port(), free_port()
        self._child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "ignore", SERVER, str(self.imap), str(self.smtp)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(PATIENCE):
            assert await self._child.stdout.readline() == b"ready\n"
        return self

    async def close(self) -> None:
        self._child.stdin.close()
        try:
            async with asyncio.timeout(3):
                await self._child.wait()
        except TimeoutError:
            self._child.kill()
            await self._child.wait()

    def write_openly(self, to: str, text: str) -> None:
        """Mail as anybody sends it, without encryption."""
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "stranger@hotline.test", to, "hello"
        mail["Message-ID"] = f"<{next(names)}@hotline.test>"
        mail.set_content(text)
        with smtplib.SMTP("127.0.0.1", self.smtp) as connection:
            connection.login("stranger@hotline.test", "pw")
            connection.send_message(mail)


class Line:
    """A TCP line to one port that can be cut and mended."""

    async def open(self, port: int) -> "Line":
        self._port = port
        self._is_cut = False
        self.refused = 0
        self._ends: set[asyncio.StreamWriter] = set()
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def close(self) -> None:
        self._server.close()
        self.cut()
        await asyncio.sleep(0)

    def cut(self) -> None:
        self._is_cut = True
        for end in list(self._ends):
            end.transport.abort()

    def mend(self) -> None:
        self._is_cut = False

    async def _connect(self, reader, writer):
        if self._is_cut:
            self.refused += 1
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.transport.abort()
            return
        self._ends |= {writer, far_writer}
        ways = [
            asyncio.create_task(self._carry(reader, far_writer)),
            asyncio.create_task(self._carry(far_reader, writer)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for end in (writer, far_writer):
            end.transport.abort()
            self._ends.discard(end)
        await asyncio.gather(*ways, return_exceptions=True)

    async def _carry(self, reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()


class Phone:
    """One core in which people have their accounts, each its own: the clients' side."""

    async def open(self, server: MailServer, folder: Path) -> "Phone":
        self.server = server
        self.people: dict[int, DeltaPerson] = {}
        self.folder = folder
        self._core = await Core.start(program(), folder / "phone", None)
        self._listening = asyncio.create_task(self._listen())
        return self

    async def close(self) -> None:
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        await self._core.close()

    async def ask(self, method: str, *params):
        return json.loads(bytes(await self._core.call(method, *params)))

    async def person(self, display_name: str = "") -> "DeltaPerson":
        number = await self.ask("add_account")
        name = f"person{next(names)}"
        policy = {"mdns_enabled": "0", "displayname": display_name or name}
        await self.ask("batch_set_config", number, policy)
        account = mail_account(name, self.server.imap, self.server.smtp)
        await self.ask("add_or_update_transport", number, account.fields())
        person = self.people[number] = DeltaPerson(self, number, account.address)
        await self.ask("start_io", number)
        await person.wait("ImapInboxIdle")  # an account reads no mail from before it began
        return person

    def file(self, kind: Attachment, content: bytes) -> tuple[Path, str]:
        """A file of that kind, and what Delta Chat calls it."""
        name, view = {
            Attachment.VOICE: ("voice.ogg", "Voice"),
            Attachment.PICTURE: ("picture.gif", "Image"),
            Attachment.FILE: ("paper.pdf", "File"),
        }[kind]
        file = self.folder / name
        file.write_bytes(content)
        return file, view

    async def _listen(self) -> None:
        while True:
            for one in await self.ask_without_end("get_next_event_batch"):
                person = self.people.get(one["contextId"])
                if person is not None:
                    person.hear_of(one["event"])

    async def ask_without_end(self, method: str):
        return json.loads(bytes(await self._core.call(method, patience=None)))


CONTENTS = b"GIF89a\x01\x00\x01\x00\x00\x00\x00CANARY-CONTENTS;"


class DeltaPerson:
    """Somebody with Delta Chat on their phone."""

    def __init__(self, phone: Phone, number: int, address: str):
        self.phone = phone
        self.number = number
        self.address = address
        self.events: asyncio.Queue[dict] = asyncio.Queue()
        self.chat = 0
        self.incoming: asyncio.Queue[int] = asyncio.Queue()

    async def ask(self, method: str, *params):
        return await self.phone.ask(method, self.number, *params)

    def hear_of(self, event: dict) -> None:
        if event["kind"] == "IncomingMsg":
            self.incoming.put_nowait(event["msgId"])
        else:
            self.events.put_nowait(event)

    async def scan(self, invite: str) -> None:
        self.chat = await self.ask("secure_join", invite)
        await self.wait("SecurejoinJoinerProgress", progress=1000)

    async def wait(self, kind: str, **fields):
        async with asyncio.timeout(PATIENCE):
            while True:
                event = await self.events.get()
                if event["kind"] == kind and all(event.get(k) == v for k, v in fields.items()):
                    return event

    async def say(self, text: str) -> None:
        await self.ask("misc_send_text_message", self.chat, text)

    async def show(self, kind: Attachment, content: bytes = CONTENTS) -> None:
        file, view = self.phone.file(kind, content)
        await self.ask("send_msg", self.chat, {"file": str(file), "viewtype": view})

    async def say_openly(self, text: str) -> bool:
        self.phone.server.write_openly(self.hotline, text)
        return False  # the core leaves it on the server and shows nobody

    async def message(self) -> dict:
        """The next message that is none of the core's own."""
        async with asyncio.timeout(PATIENCE):
            while True:
                message = await self.ask("get_message", await self.incoming.get())
                if not message["isInfo"]:
                    return message

    async def hear(self) -> str:
        return (await self.message())["text"]

    async def hear_file(self) -> bytes:
        message = await self.message()
        return await asyncio.to_thread(Path(message["file"]).read_bytes)


def mail_account(name: str, imap: int, smtp: int) -> MailAccount:
    return MailAccount(
        address=f"{name}@hotline.test",
        password="pw",
        imap_host="127.0.0.1",
        imap_port=imap,
        smtp_host="127.0.0.1",
        smtp_port=smtp,
        security="plain",
    )


class DeltaBench:
    """A hotline's account behind a line that can be cut, and people who scan its invite."""

    def __init__(self, server: MailServer, phone: Phone, folder: Path):
        self.server = server
        self.phone = phone
        self.folder = folder
        self.identity = Identity(folder / "identity.backup", "a passphrase of the test")
        self.lines: list[Line] = []
        self.keep_seconds = 60 * 86_400

    async def open(self) -> "DeltaBench":
        self.lines = [await Line().open(port) for port in (self.server.imap, self.server.smtp)]
        account = mail_account(f"bot{next(names)}", self.lines[0].port, self.lines[1].port)
        self.address = account.address
        core = await Core.start(program(), self.folder / "state")
        self.invite = await make_account(core, account, display_name="Info", identity=self.identity)
        await core.close()
        self._channel = self._made()
        return self

    async def close(self) -> None:
        await self._channel.stop()
        for line in self.lines:
            await line.close()

    def _made(self) -> DeltaChat:
        return DeltaChat(
            folder=self.folder,
            now=now,
            display_name="Info",
            keep_seconds=self.keep_seconds,
            identity=self.identity,
            nobody_read="Nobody has read this.",
            lending=self.folder / "lent",
        )

    @property
    def channel(self) -> Channel:
        return self._channel

    async def restarted(self) -> Channel:
        self._channel = self._made()
        return self._channel

    async def person(self, display_name: str = "") -> DeltaPerson:
        person = await self.phone.person(display_name)
        person.hotline = self.address
        await person.scan(self.invite)
        return person

    async def cut(self) -> None:
        for line in self.lines:
            line.cut()

    async def restore(self) -> None:
        for line in self.lines:
            line.mend()

    async def nobody(self) -> str:
        return "0123456789ABCDEF0123456789ABCDEF01234567"
