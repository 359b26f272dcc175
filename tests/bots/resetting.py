"""A line to a server that resets one connection, once, at a chosen moment."""

import asyncio
import contextlib
import socket
import struct

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: what is left is thrown away, and the other told so


class ResettingLine:
    """Carries bytes to `port`; the piece numbered `at`, counted over both ways, is never carried.

    Its connection is reset instead, on both sides. `pieces` counts what passed.
    """

    def __init__(self, port: int, at: int | None = None) -> None:
        self._target = port
        self.at = at
        self.pieces = 0
        self.has_reset = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> "ResettingLine":
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def close(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connect(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        ends = (writer, far_writer)
        ways = [
            asyncio.create_task(self._carry(reader, far_writer, ends)),
            asyncio.create_task(self._carry(far_reader, writer, ends)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for end in ends:
                end.close()

    async def _carry(self, reader, writer, ends) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(65_536):
                number, self.pieces = self.pieces, self.pieces + 1
                if number == self.at and not self.has_reset:
                    self.has_reset = True
                    for end in ends:
                        raw = end.get_extra_info("socket")
                        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                        end.transport.abort()
                    return
                writer.write(piece)
                await writer.drain()
