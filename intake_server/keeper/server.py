"""One Unix socket for each peer; requests on a connection overlap, and so do their answers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from intake_server.keeper.parts import Keeper
from intake_server.keeper.verbs import answer
from vault.keeper_protocol import (
    MAX_FRAME,
    Peer,
    Status,
    encode_answer,
    frame,
    read_frame,
    socket_name,
    write_frame,
)
from vault.sealing import Malformed

_CREDENTIALS: Final = struct.Struct("3i")  # struct ucred of unix(7): pid, uid, gid
_AT_ONCE: Final = 256  # requests of one connection under way; the rest waits in the socket
_GROUP_MODE: Final = 0o660
_FRAMES_READ_AHEAD: Final = 4


@dataclass(frozen=True, slots=True)
class Access:
    """Who may speak as a peer: the uid the kernel must show, and a group for the socket."""

    uid: int
    gid: int | None = None


class Server:
    """The sockets and their connections, from `open` to `close`."""

    def __init__(self, keeper: Keeper, folder: Path, access: Mapping[Peer, Access]) -> None:
        self._keeper = keeper
        self._folder = folder
        self._access = access
        self._servers: list[asyncio.Server] = []
        self._connections: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen for every peer; what an earlier keeper left there is replaced. Raises OSError."""
        for peer in Peer:
            self._servers.append(await self._listen(peer))

    async def close(self) -> None:
        """Take no more requests, finish those under way, and remove the sockets."""
        for server in self._servers:
            server.close()
        for peer in Peer:
            (self._folder / socket_name(peer)).unlink(missing_ok=True)
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _listen(self, peer: Peer) -> asyncio.Server:
        path = self._folder / socket_name(peer)
        path.unlink(missing_ok=True)

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._serve(peer, reader, writer))
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)

        server = await asyncio.start_unix_server(
            connected, path, limit=_FRAMES_READ_AHEAD * MAX_FRAME
        )
        gid = self._access[peer].gid
        if gid is not None:
            os.chown(path, -1, gid)
            path.chmod(_GROUP_MODE)
        return server

    async def _serve(
        self, peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer one connection until it ends."""
        try:
            if self._may(peer, _uid_of(writer)):
                await self._answer_all(peer, reader, writer)
            else:
                self._keeper.log.warning("stranger_turned_away", peer=peer.value)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _may(self, peer: Peer, uid: int) -> bool:
        """Whether this user may speak as this peer.

        The keeper's own user may always be the operator: it can read the files themselves. So the
        mirror is carried by that user, and not by root.
        """
        own = peer is Peer.OPERATOR and uid == os.getuid()
        return own or uid == self._access[peer].uid

    async def _answer_all(
        self, peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        room = asyncio.Semaphore(_AT_ONCE)
        under_way: set[asyncio.Task[None]] = set()

        async def one(body: bytes) -> None:
            reply = await answer(self._keeper, peer, body)
            with contextlib.suppress(OSError):  # who does not wait for the answer does not get it
                writer.write(frame(reply))
                await writer.drain()

        try:
            while True:
                await room.acquire()
                task = asyncio.create_task(one(await read_frame(reader)))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                task.add_done_callback(lambda _: room.release())
        except Malformed:
            with contextlib.suppress(OSError):
                await write_frame(writer, encode_answer(0, Status.MALFORMED))
        except (EOFError, OSError):
            pass
        finally:
            await asyncio.gather(*under_way)


def _uid_of(writer: asyncio.StreamWriter) -> int:
    """The uid of the process at the other end, as the kernel knows it (SO_PEERCRED, unix(7))."""
    connection: socket.socket = writer.get_extra_info("socket")
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    uid: int = _CREDENTIALS.unpack(raw)[1]
    return uid
