"""Where signal-cli-rest-api posts every event, beside the websocket.

The websocket alone loses what comes while nobody listens or while its writer is busy. The webhook
does not: the server posts one event after the other and waits for each answer, for ever and
without a second try. So an event is answered when it is safely written, and not before: while the
disk is full, the server waits. The listening socket is handed in: kept open by a supervisor, it
holds the next event while the courier starts anew.

Of HTTP/1.1 (RFC 9112) this understands a POST with a length, on one path, and nothing else.
"""

import asyncio
import contextlib
import hmac
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Final

_LONGEST_HEAD: Final = 16 * 2**10
_LONGEST_BODY: Final = 4 * 2**20
_READ_SECONDS: Final = 10.0
_ACCEPTING: Final = 0.02  # seconds until an accepted connection has its task
_LEAVE_SECONDS: Final = 5.0
_OK: Final = "200 OK"

Take = Callable[[object], Awaitable[None]]
"""Takes an event; returns when it is safe."""


class Webhook:
    """Listens on `listener`; only a POST to `path` is an event.

    `is_lent`: the socket stays open after `stop`, for the next channel; else it ends with this one.
    """

    def __init__(self, listener: socket.socket, path: str, *, is_lent: bool = True) -> None:
        self._listener = listener
        self._is_lent = is_lent
        self._path = path
        self._server: asyncio.Server | None = None
        self._visits: set[asyncio.Task[None]] = set()

    async def start(self, take: Take) -> None:
        """Take events from now on."""

        async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            if task is not None:
                self._visits.add(task)
                task.add_done_callback(self._visits.discard)
            try:
                with contextlib.suppress(OSError):
                    await self._visit(reader, writer, take)
            finally:
                writer.close()

        # A duplicate: closing it leaves the socket that was handed in open.
        self._server = await asyncio.start_server(
            visit, sock=self._listener.dup(), limit=_LONGEST_HEAD
        )

    async def stop(self) -> None:
        """Accept no more, and let what was accepted be written down: it would not come again."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        await asyncio.sleep(_ACCEPTING)
        if self._visits:
            _, late = await asyncio.wait(self._visits, timeout=_LEAVE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if not self._is_lent:
            self.close()

    def close(self) -> None:
        """Close the socket that was handed in: nothing waits in it any more."""
        self._listener.close()

    async def _visit(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, take: Take
    ) -> None:
        try:
            async with asyncio.timeout(_READ_SECONDS):
                status, body = await self._read(reader)
        except (TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            status, body = "400 Bad Request", b""
        if status == _OK:
            try:
                event = json.loads(body)
            except ValueError:
                status = "400 Bad Request"
            else:
                await take(event)
        head = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())
        await writer.drain()

    async def _read(self, reader: asyncio.StreamReader) -> tuple[str, bytes]:
        """Return the status of a request, and its body where that is 200."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        fields = dict(line.lower().split(":", 1) for line in head[1:] if ":" in line)
        if method != "POST" or not hmac.compare_digest(path.encode(), self._path.encode()):
            return "404 Not Found", b""
        length = int(fields["content-length"]) if "content-length" in fields else -1
        if not 0 <= length <= _LONGEST_BODY:
            return "413 Content Too Large", b""
        return _OK, await reader.readexactly(length)
