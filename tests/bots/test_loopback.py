"""The loopback channel passes the suite of every channel, and people reach it over its socket."""

import asyncio
import base64
import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bots import conformance
from bots.channel import Attachment, Channel, ChannelUnavailable, Incoming
from bots.loopback import Loopback


def now() -> int:
    return 1_800_000_000


class InMemoryPerson:
    def __init__(self, loopback: Loopback, address: str):
        self.loopback = loopback
        self.address = address
        self.heard = loopback.listen(address)

    async def say(self, text: str) -> None:
        self.loopback.say(self.address, text)

    async def show(self, kind: Attachment, content: bytes) -> None:
        self.loopback.say(self.address, None, files=[(kind, content)])

    async def hear_file(self) -> bytes:
        while "content" not in (line := await self.heard.get()):
            pass
        return base64.b64decode(line["content"])

    async def say_openly(self, _text: str) -> bool:
        self.loopback.shout(self.address)
        return True

    async def hear(self) -> str:
        while "text" not in (line := await self.heard.get()):
            assert "content" not in line
        return str(line["text"])


class InMemoryBench:
    def __init__(self) -> None:
        self.loopback = Loopback(now=now)
        self.people = 0

    @property
    def channel(self) -> Channel:
        return self.loopback

    async def person(self) -> InMemoryPerson:
        self.people += 1
        return InMemoryPerson(self.loopback, f"person-{self.people}")

    async def cut(self) -> None:
        self.loopback.cut()

    async def restore(self) -> None:
        self.loopback.restore()

    async def restarted(self) -> Channel:
        return self.loopback  # what is in memory has no later process

    async def nobody(self) -> str:
        self.loopback.leave("nobody")
        return "nobody"


@pytest.mark.parametrize("check", conformance.CHECKS, ids=lambda check: check.__name__)
async def test_the_loopback_channel_conforms(check: conformance.Check):
    await conformance.run(check, InMemoryBench())


class Deaf(Loopback):
    """A channel that acknowledges whatever the handler says."""

    async def start(self, events):
        async def swallow(incoming: Incoming) -> None:
            try:
                await events(incoming)
            except ChannelUnavailable:
                return

        await super().start(swallow)


class Muddled(Loopback):
    """A channel that sends everything to one person."""

    async def send(self, address, text, message_id):
        return await super().send(min(address, "person-1"), text, message_id)


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        (Deaf, conformance.acknowledged_only_when_stored),
        (Muddled, conformance.replies_reach_only_their_address),
    ],
)
async def test_the_suite_notices_a_channel_that_breaks_its_rule(kind, check, monkeypatch):
    monkeypatch.setattr(conformance, "PATIENCE", 2.0)
    bench = InMemoryBench()
    bench.loopback = kind(now=now)
    with pytest.raises(conformance.NotConforming):
        await conformance.run(check, bench)


# --- over the socket ----------------------------------------------------------------------


class Visitor:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.reader = reader
        self.writer = writer

    def tell(self, **line: object) -> None:
        self.writer.write(json.dumps(line).encode() + b"\n")

    async def hear(self) -> dict[str, object]:
        async with asyncio.timeout(10):
            return json.loads(await self.reader.readline())


@pytest.fixture
async def place(short_dir: Path) -> AsyncIterator[tuple[Loopback, asyncio.Queue, Visitor]]:
    path = short_dir / "loopback.sock"
    loopback = Loopback(now=now, socket=path)
    arrived: asyncio.Queue[Incoming] = asyncio.Queue()
    await loopback.start(arrived.put)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    visitor = Visitor(*await asyncio.open_unix_connection(path))
    yield loopback, arrived, visitor
    visitor.writer.close()
    await loopback.stop()
    assert not path.exists()


async def test_somebody_speaks_and_hears_over_the_socket(place):
    loopback, arrived, kim = place
    kim.tell(**{"as": "kim", "say": "hello", "id": "one"})
    assert await kim.hear() == {"acknowledged": "one"}
    incoming = await arrived.get()
    assert (incoming.address, incoming.text, incoming.transport_id) == ("kim", "hello", "one")
    assert incoming.at == now()
    await loopback.send("kim", "before listening", bytes(16))
    kim.tell(listen="kim")
    assert (await kim.hear())["text"] == "before listening"
    sent = await loopback.send("kim", "after", b"x" * 16)
    assert await kim.hear() == {"to": "kim", "text": "after", "id": sent.transport_id}
    await loopback.delete("kim", sent.transport_id)
    assert await kim.hear() == {"deleted": sent.transport_id}


async def test_attachments_and_outages_over_the_socket(place):
    loopback, arrived, kim = place
    kim.tell(network="down")
    assert await kim.hear() == {"network": "down"}
    kim.tell(**{"as": "kim", "attachments": ["picture"]})
    kim.tell(network="up")
    assert await kim.hear() == {"network": "up"}
    assert await kim.hear() == {"acknowledged": None}
    incoming = await arrived.get()
    assert (incoming.text, incoming.attachments) == (None, (Attachment.PICTURE,))
    assert loopback.health().connected


@pytest.mark.parametrize(
    "line",
    [
        b"not json\n",
        b"[]\n",
        b'{"as": "kim"}\n',
        b'{"as": "kim", "say": 3}\n',
        b'{"as": "kim", "attachments": ["film"]}\n',
        b'{"network": "sideways"}\n',
    ],
)
async def test_nonsense_on_the_socket_is_answered_and_harms_nothing(place, line):
    _loopback, arrived, kim = place
    kim.writer.write(line)
    assert list(await kim.hear()) == ["error"]
    kim.tell(**{"as": "kim", "say": "still here", "id": "2"})
    assert await kim.hear() == {"acknowledged": "2"}
    assert (await arrived.get()).text == "still here"


async def test_what_overtook_another_waits_for_it(place):
    loopback, taken, _ = place
    second = loopback.say("kim", "two", transport_id="2", after="1")
    third = loopback.say("kim", "three", transport_id="3", after="2")
    assert loopback.health().waiting == 2
    await loopback.say("kim", "one", transport_id="1")
    await asyncio.gather(second, third)
    assert [(await taken.get()).text for _ in range(3)] == ["one", "two", "three"]


async def test_what_never_comes_is_not_waited_for_for_ever(place, monkeypatch):
    monkeypatch.setattr("bots.loopback.PATIENCE", 0.01)
    loopback, taken, _ = place
    await loopback.say("kim", "two", transport_id="2", after="1")
    assert (await taken.get()).text == "two"
