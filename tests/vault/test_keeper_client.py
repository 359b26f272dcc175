"""The link to the keeper: many requests at once, lost connections, answers that do not come."""

import asyncio
import contextlib

import pytest

from vault.keeper_client import KeeperDown, KeeperLink, WebKeeper
from vault.keeper_protocol import (
    Busy,
    NotYours,
    Refused,
    Status,
    Verb,
    decode_request,
    encode_answer,
    frame,
    read_frame,
    u32,
    u64,
)
from vault.sealing import random_bytes


class Scripted:
    """A server that answers as a test says; `answer` gets each body and returns bytes or None."""

    def __init__(self, path, answer):
        self.path = path
        self.answer = answer
        self.connections = []
        self.connected = asyncio.Event()

    async def __aenter__(self):
        self.server = await asyncio.start_unix_server(self.serve, self.path)
        return self

    async def __aexit__(self, *_):
        self.server.close()
        for writer in self.connections:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def serve(self, reader, writer):
        self.connections.append(writer)
        self.connected.set()
        with contextlib.suppress(EOFError, OSError):
            while True:
                reply = self.answer(await read_frame(reader))
                if reply is None:
                    continue
                writer.write(reply)

    def drop(self):
        for writer in self.connections:
            writer.close()


def hello(body, start_key=b"k" * 32):
    number, *_ = decode_request(body)
    return frame(encode_answer(number, Status.OK, start_key, b"p" * 16, b"", u64(5)))


@pytest.fixture
async def link(short_dir):
    opened = KeeperLink(short_dir / "k.sock", patience=5)
    yield opened
    await opened.close()


async def test_answers_come_in_any_order(short_dir, link):
    waiting = []

    def answer(body):
        number, *_ = decode_request(body)
        waiting.append(frame(encode_answer(number, Status.OK, u32(number) * 8)))
        return b"".join(reversed(waiting)) if len(waiting) == 10 else None

    async with Scripted(short_dir / "k.sock", answer):
        web = WebKeeper(link)
        nonces = await asyncio.gather(*(web.nonce() for _ in range(10)))
        assert nonces == [u32(number) * 8 for number in range(1, 11)]


async def test_without_a_keeper_it_is_down_and_comes_back(short_dir, link):
    web = WebKeeper(link)
    with pytest.raises(KeeperDown, match="cannot be reached"):
        await web.hello()
    async with Scripted(short_dir / "k.sock", hello):
        assert (await web.hello()).now == 5


async def test_a_lost_connection_ends_what_waits_and_is_made_again(short_dir, link):
    server = Scripted(short_dir / "k.sock", lambda _: None)
    async with server:
        asking = asyncio.create_task(WebKeeper(link).hello())
        await server.connected.wait()
        server.answer = hello
        server.drop()
        with pytest.raises(KeeperDown):
            await asking
        assert await WebKeeper(link).hello()
        assert len(server.connections) == 2


async def test_no_answer_in_time_is_down_and_a_late_one_is_nobodys(short_dir):
    link = KeeperLink(short_dir / "k.sock", patience=0.05)
    late = []

    def answer(body):
        late.append(hello(body))
        return b"".join(late) if len(late) > 1 else None

    async with Scripted(short_dir / "k.sock", answer):
        with pytest.raises(KeeperDown, match="in time"):
            await WebKeeper(link).hello()
        link._patience = 5
        assert await WebKeeper(link).hello()
    await link.close()


async def test_the_start_key_is_asked_for_once_a_connection(short_dir, link):
    keys = [b"a" * 32, b"b" * 32]
    server = Scripted(short_dir / "k.sock", lambda body: hello(body, keys[0]))
    async with server:
        assert await link.start_key() == keys[0]
        keys.pop(0)
        assert await link.start_key() == b"a" * 32
        server.drop()
        with contextlib.suppress(KeeperDown):
            await link.ask(Verb.HELLO)
        assert await link.start_key() == b"b" * 32


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ((Status.REFUSED,), Refused),
        ((Status.NOT_YOURS,), NotYours),
        ((Status.BUSY, u32(9)), Busy),
        ((Status.BUSY,), KeeperDown),
        ((Status.OK,), KeeperDown),
        ((Status.OK, b"too short"), KeeperDown),
    ],
)
async def test_each_status_is_its_exception_and_odd_answers_are_down(short_dir, link, reply, error):
    def answer(body):
        return frame(encode_answer(decode_request(body)[0], *reply))

    async with Scripted(short_dir / "k.sock", answer):
        with pytest.raises(error):
            await WebKeeper(link).nonce()


async def test_a_server_that_speaks_otherwise_is_down(short_dir, link):
    async with Scripted(short_dir / "k.sock", lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n"):
        with pytest.raises(KeeperDown):
            await WebKeeper(link).find(random_bytes(16))
