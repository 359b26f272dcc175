"""A load generator that takes little of the machine it shares with what it measures.

Raw asyncio streams, HTTP/1.1 by hand, requests as bytes made beforehand; of an answer only its
status and length are read. It runs in one process and needs about a tenth of a core for 600
requests a second; what it took is printed beside the rest.
"""

import asyncio
import contextlib
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from benchmarks.parts.prepared import GET_PAGE, Prepared, form, token_in

_END = b"\r\n\r\n"
_LENGTH = b"content-length: "
_OK = b"200"


@dataclass
class Took:
    """Waiting times in seconds of what was answered well, what was not, and the whole time."""

    waits: list[float] = field(default_factory=list)
    errors: int = 0
    elapsed: float = 0.0
    acknowledged: dict[bytes, float] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        return len(self.waits) / self.elapsed

    def quantile(self, share: float) -> float:
        """A waiting time in milliseconds."""
        return quantile(self.waits, share) * 1000


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0


class Connection:
    """One keep-alive connection; one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> "Connection":
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 20))

    async def ask(self, request: bytes) -> tuple[bytes, bytes]:
        """Status and body of the answer; raises OSError or EOFError where there is none."""
        head, body = await self.fetch(request)
        return head[9:12], unpacked(body) if is_packed(head) else body

    async def fetch(self, request: bytes) -> tuple[bytes, bytes]:
        """Head, in lower case, and body of the answer as they came."""
        self._writer.write(request)
        head = (await self._reader.readuntil(_END)).lower()
        at = head.index(_LENGTH) + len(_LENGTH)
        return head, await self._reader.readexactly(int(head[at : head.index(b"\r\n", at)]))

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


def is_packed(head: bytes) -> bool:
    return b"content-encoding: gzip" in head


def unpacked(body: bytes) -> bytes:
    return zlib.decompress(body, wbits=31)


@contextlib.asynccontextmanager
async def connections(port: int, number: int):
    opened = [await Connection.open(port) for _ in range(number)]
    try:
        yield opened
    finally:
        for one in opened:
            await one.close()


async def contact(connection: Connection, prepared: Prepared) -> bool:
    """One prepared request."""
    return (await connection.ask(prepared.request))[0] == _OK


async def visit(connection: Connection, prepared: Prepared) -> bool:
    """The page for its token, and then the form; `prepared` only says that one more may come."""
    page = (await connection.ask(GET_PAGE))[1]
    return (await connection.ask(form(token_in(page), len(prepared.request))))[0] == _OK


Step = Callable[[Connection, Prepared], Awaitable[bool]]


async def _timed(took: Took, step: Step, connection: Connection, one: Prepared, since: float):
    try:
        well = await step(connection, one)
    except (OSError, EOFError, ValueError):
        well = False
    now = time.perf_counter()
    if well:
        took.waits.append(now - since)
        took.acknowledged[one.conversation] = now
    else:
        took.errors += 1


async def one_after_the_other(
    port: int, clients: int, prepared: list[Prepared], seconds: float, step: Step = contact
) -> Took:
    """So many clients at once, each sending as soon as it has its answer."""
    took, rest = Took(), iter(prepared)
    async with connections(port, clients) as opened:
        start = time.perf_counter()

        async def client(connection: Connection, requests: Iterator[Prepared]) -> None:
            for one in requests:
                since = time.perf_counter()
                if since - start >= seconds:
                    return
                await _timed(took, step, connection, one, since)

        await asyncio.gather(*(client(one, rest) for one in opened))
        took.elapsed = time.perf_counter() - start
    return took


async def all_at_once(port: int, prepared: list[Prepared]) -> Took:
    """Each on its own connection, opened before."""
    took = Took()
    async with connections(port, len(prepared)) as opened:
        start = time.perf_counter()
        pairs = zip(opened, prepared, strict=True)
        await asyncio.gather(*(_timed(took, contact, c, one, start) for c, one in pairs))
        took.elapsed = time.perf_counter() - start
    return took


async def steadily(port: int, rate: float, prepared: list[Prepared], clients: int = 64) -> Took:
    """`rate` a second whatever the server does; waiting is counted from the time it was due."""
    took, free = Took(), asyncio.Queue()
    async with connections(port, clients) as opened, asyncio.TaskGroup() as group:
        for one in opened:
            free.put_nowait(one)

        async def send(one: Prepared, due: float) -> None:
            connection = await free.get()
            await _timed(took, contact, connection, one, due)
            free.put_nowait(connection)

        start = time.perf_counter()
        for place, one in enumerate(prepared):
            due = start + place / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(send(one, due))
    took.elapsed = max(took.acknowledged.values(), default=time.perf_counter()) - start
    return took
