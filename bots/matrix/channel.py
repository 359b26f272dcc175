"""Matrix: encrypted rooms of two on any homeserver, through matrix-nio.

An address is a person's Matrix id; which room they are answered in is found each time. What
Matrix cannot do: it has no messages that vanish by themselves, and what the client wrote can be
deleted only where the room gives us that right. `docs/channels-matrix.md` says what servers see.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from structlog.typing import FilteringBoundLogger

from bots.attachments import Outgoing
from bots.channel import (
    ChannelHealth,
    ChannelRefused,
    ChannelUnavailable,
    Handler,
    RefusedBecause,
    Remains,
    Sent,
)
from bots.in_order import InOrder
from bots.matrix.account import Account, AccountError, invite_to
from bots.matrix.arrivals import Arrivals
from bots.matrix.client import Client, Denied
from bots.matrix.keys import KeyRing
from bots.matrix.position import Position
from bots.matrix.rooms import Verdict
from bots.refusals import Refusals

PICKLE_KEY_SIZE: Final = 32
LONGEST: Final = 36_000
"""Bytes of a text: sealed and in JSON, an event has at most 65,536 (API v1.11, section 4.4.1)."""

_NOT_KEPT: Final = "identity_not_kept"
_REASONS: Final = {
    "M_FORBIDDEN": RefusedBecause.GONE,  # we are not in that room any more
    "M_NOT_FOUND": RefusedBecause.GONE,
    "M_TOO_LARGE": RefusedBecause.TOO_LONG,
}


class MatrixChannel:
    """One account on a homeserver.

    `pickle_key` (32 bytes) seals the keys in `folder`; `nobody_read` is said to who writes without
    encryption, empty for silence; `now` gives seconds since 1970; `proxy` is a URL such as
    "socks5://127.0.0.1:9050". Where no identity is kept (`bots.matrix.identity`), that is an alarm.
    """

    name = "matrix"
    sends_once = True

    def __init__(
        self,
        *,
        account: Account,
        folder: Path,
        pickle_key: bytes,
        now: Callable[[], int],
        log: FilteringBoundLogger,
        nobody_read: str = "",
        proxy: str | None = None,
        is_identity_kept: bool = True,
    ) -> None:
        if len(pickle_key) != PICKLE_KEY_SIZE:
            raise ValueError(f"the key that seals Matrix keys has {PICKLE_KEY_SIZE} bytes")
        self._account = account
        self._folder = folder
        self._pickle_key = pickle_key
        self._now = now
        self._log = log
        self._nobody_read = nobody_read
        self._proxy = proxy
        self._is_identity_kept = is_identity_kept
        self._refusals = Refusals()
        self._arrivals: Arrivals | None = None
        self._task: asyncio.Task[None] | None = None
        self._limited_until = 0.0

    async def start(self, events: Handler) -> None:
        """Read keys and position, then follow the homeserver; raises `AccountError`."""
        client = Client(self._account, self._folder, self._pickle_key, self._proxy)
        try:
            client.open()
        except Exception:  # noqa: BLE001 - whatever nio, SQLite or vodozemac say to another key
            await client.close()
            raise AccountError(
                f"the keys in {self._folder} cannot be opened. They belong to another courier or "
                "are damaged: restore the backup, or sign in to the homeserver again."
            ) from None
        self._arrivals = Arrivals(
            client,
            KeyRing(client.nio),
            Position.open(self._folder),
            InOrder(),
            self._refusals,
            self._nobody_read,
            self._now,
            self._log,
        )
        self._arrivals.order.start(events)
        self._task = asyncio.create_task(self._arrivals.run())

    async def invite(self) -> str | None:
        """Return a `matrix:` link to the account (API v1.11, appendix "URIs")."""
        return invite_to(self._account.user_id)

    async def send(self, address: str, text: str, message_id: bytes) -> Sent:
        """Send to the room that the person last wrote from; the same id arrives once."""
        if len(text.encode()) > LONGEST:
            raise ChannelRefused(RefusedBecause.TOO_LONG)

        async def content() -> dict[str, Any]:
            return {"msgtype": "m.text", "body": text}

        return await self._post(address, content, message_id)

    async def send_attachment(self, address: str, file: Outgoing, message_id: bytes) -> Sent:
        """As `send`; what was handed to the homeserver for a try that failed stays there sealed."""
        return await self._post(address, lambda: self._ready().client.media.put(file), message_id)

    async def _post(
        self, address: str, content: Callable[[], Awaitable[dict[str, Any]]], message_id: bytes
    ) -> Sent:
        arrivals = self._ready()
        rooms = arrivals.rooms_of(address, Verdict.TALK)
        if not rooms:
            is_open = bool(arrivals.rooms_of(address, Verdict.OPEN))
            raise ChannelRefused(RefusedBecause.NOT_ENCRYPTED if is_open else RefusedBecause.GONE)
        try:
            await arrivals.client.learn_devices(address)
            self._require_known_device(arrivals.keys, address)
            said = await content()
            event_id = await arrivals.client.post(rooms[0], said, message_id.hex())
        except Denied as denied:
            raise ChannelRefused(_REASONS.get(denied.code, RefusedBecause.REFUSED)) from None
        except ChannelUnavailable as unavailable:
            self._note(unavailable)
            raise
        return Sent(event_id)

    async def delete(self, address: str, transport_id: str) -> None:
        """Redact one event; where we have no right to, it stays."""
        arrivals = self._ready()
        for room_id in arrivals.rooms_of(address, Verdict.TALK, Verdict.OPEN):
            try:
                await arrivals.client.redact(room_id, transport_id)
            except Denied:
                continue
            except ChannelUnavailable as unavailable:
                self._note(unavailable)
                raise

    async def set_timer(self, address: str, seconds: int | None) -> None:
        """Do nothing: Matrix has no messages that vanish by themselves."""

    async def withdraw(self, address: str) -> Remains:
        """Redact what we may in the person's rooms."""
        arrivals = self._ready()
        rooms = arrivals.rooms_of(address, Verdict.TALK, Verdict.OPEN)
        whole = bool(rooms)  # of a room that we are out of, nobody knows
        try:
            for room_id in rooms:
                whole &= await arrivals.client.redact_all(room_id)
        except ChannelUnavailable as unavailable:
            self._note(unavailable)
            raise
        except Denied:
            whole = False
        return Remains(on_server=not whole, in_app=not whole, vanishes=False)

    async def forget(self, address: str) -> None:
        """Leave and forget the person's rooms, delete their keys."""
        arrivals = self._ready()
        rooms = arrivals.rooms_of(address, Verdict.TALK, Verdict.OPEN)
        try:
            for room_id in rooms:
                with contextlib.suppress(Denied):
                    await arrivals.client.leave(room_id)
        except ChannelUnavailable as unavailable:
            self._note(unavailable)
            raise
        arrivals.keys.forget(address, rooms)
        await arrivals.position.forget(address)

    async def people(self) -> list[str]:
        """Return who is in a room with us alone."""
        return self._ready().people()

    def health(self) -> ChannelHealth:
        """Say how it is."""
        arrivals, now = self._arrivals, self._now()
        return ChannelHealth(
            connected=arrivals is not None and arrivals.connected,
            waiting=0 if arrivals is None else arrivals.order.waiting,
            refused=self._refusals.counts(),
            limited_seconds=max(self._limited_until - now, 0.0),
            alarms=(
                *self._refusals.alarms(now),
                *(() if arrivals is None else sorted(arrivals.alarms)),
                *(() if self._is_identity_kept else (_NOT_KEPT,)),
            ),
        )

    async def stop(self) -> None:
        """Stop following; what was not stored comes again at the next start."""
        arrivals, task = self._arrivals, self._task
        self._arrivals = self._task = None
        if arrivals is None or task is None:
            return
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await arrivals.order.stop()
        await arrivals.stop()
        await arrivals.position.settled()
        await arrivals.client.close()

    def _ready(self) -> Arrivals:
        if self._arrivals is None or not self._arrivals.synced:
            raise ChannelUnavailable
        return self._arrivals

    def _require_known_device(self, keys: KeyRing, address: str) -> None:
        keys.settle_devices(address)
        keys.settle_devices(self._account.user_id)
        if not keys.has_devices(address):
            raise ChannelRefused(RefusedBecause.NOT_ENCRYPTED)
        if not keys.has_known_device(address):
            raise ChannelRefused(RefusedBecause.IDENTITY_CHANGED)

    def _note(self, unavailable: ChannelUnavailable) -> None:
        """Keep for `health` what a failure tells about the connection."""
        if unavailable.retry_after is not None:
            self._limited_until = self._now() + unavailable.retry_after
        elif self._arrivals is not None:
            self._arrivals.connected = False
