"""A Unix socket on which frames are answered, several at a time for each connection.

Frames and statuses are the keeper's (docs/keeper.md, section 2); the verbs are those of
`intake_server.screening_link`.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from vault import private_files
from vault.keeper_protocol import (
    Status,
    decode_request,
    encode_answer,
    read_frame,
    write_frame,
)
from vault.sealing import Malformed

Answer = tuple[Status, tuple[bytes, ...]]
Answerer = Callable[[int, bytes], Awaitable[Answer]]
"""Given a verb's number and its packed arguments; raises Malformed for what it does not know."""

_AT_ONCE: Final = 4_096  # requests of one connection under way; the reader waits for more room


class Listener:
    """An open socket; `close` ends it with all its connections."""

    def __init__(self, answer: Answerer) -> None:
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}

    @classmethod
    async def open(
        cls, path: Path, answer: Answerer, mode: int = private_files.FILE_MODE
    ) -> "Listener":
        """Listen on `path`, in place of what an earlier process left there."""
        listener = cls(answer)
        listener._server = await asyncio.start_unix_server(listener._connected, path)
        await asyncio.to_thread(path.chmod, mode)
        return listener

    async def close(self) -> None:
        """Stop listening and end all connections; a sender then tries again elsewhere or later."""
        if self._server is not None:
            self._server.close()
        # Ended from outside, each connection's task ends by itself: asyncio of Python 3.11 reports
        # a cancelled one as an error.
        ending = dict(self._connections)
        for writer in ending:
            writer.transport.abort()
        await asyncio.gather(*filter(None, ending.values()), return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections[writer] = asyncio.current_task()
        room = asyncio.Semaphore(_AT_ONCE)
        try:
            async with asyncio.TaskGroup() as answers:
                while True:
                    body = await read_frame(reader)
                    await room.acquire()
                    answers.create_task(self._serve(body, writer, room))
        except* (OSError, EOFError, Malformed):
            pass
        finally:
            del self._connections[writer]
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _serve(
        self, body: bytes, writer: asyncio.StreamWriter, room: asyncio.Semaphore
    ) -> None:
        try:
            number, verb, packed = decode_request(body)
            try:
                status, results = await self._answer(verb, packed)
            except Malformed:
                status, results = Status.MALFORMED, ()
            await write_frame(writer, encode_answer(number, status, *results))
        finally:
            room.release()
