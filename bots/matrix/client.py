"""The one place that speaks to matrix-nio: rooms, syncing, sending, with errors of our own.

matrix-nio keeps the keys in its own SQLite file (vodozemac for the cryptography). What it does not
do, or does otherwise than a hotline needs, is done here:

*   its file is made with mode 0600 and its keys are sealed under a key that is handed in;
*   one broken event must not stop it: what it cannot take is skipped;
*   messages are not opened while syncing but when the handler is ready for them;
*   a message key that reached nobody is not taken for shared;
*   typing, receipts, presence and account data are not even asked for.
"""

import asyncio
import contextlib
import os
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import aiohttp
from nio import (  # type: ignore[import-untyped]  # it ships no types
    AsyncClient,
    AsyncClientConfig,
    ErrorResponse,
    MegolmEvent,
    MessageDirection,
)
from nio.exceptions import (  # type: ignore[import-untyped]  # it ships no types
    EncryptionError,
    LocalProtocolError,
)
from nio.store import SqliteStore  # type: ignore[import-untyped]  # it ships no types

from bots.channel import ChannelUnavailable
from bots.matrix.account import Account
from bots.matrix.media import Media
from bots.matrix.rooms import RoomState

STORE_NAME: Final = "keys.db"
PATIENCE: Final = 20.0  # seconds for one request
POLL: Final = 25.0  # seconds that the homeserver keeps a request open while nothing arrives
ENCRYPTED: Final = "m.room.encrypted"

_FILTER: Final = {
    "presence": {"not_types": ["*"]},
    "account_data": {"not_types": ["*"]},
    "room": {
        "account_data": {"not_types": ["*"]},
        "ephemeral": {"not_types": ["*"]},
        "timeline": {"limit": 50},
    },
}
_PAGE: Final = 100
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500
_REQUEST_ERROR: Final = 400
_SIGNED_OUT: Final = {"M_UNKNOWN_TOKEN", "M_MISSING_TOKEN", "M_USER_DEACTIVATED"}

_T = TypeVar("_T")


class Denied(Exception):
    """The homeserver refuses; `code` is its word for why."""

    def __init__(self, code: str) -> None:
        super().__init__("the homeserver refuses this")
        self.code = code


class SignedOut(ChannelUnavailable):
    """The access token is not valid any more: somebody has to sign in again."""


@dataclass(frozen=True, slots=True)
class RoomEvent:
    """One event of a room's timeline. `sealed` is set where it is encrypted as it should be."""

    id: str = field(repr=False)
    sender: str = field(repr=False)
    at: int  # seconds since 1970, as the sender's homeserver tells
    kind: str
    content: dict[str, Any] = field(repr=False)
    sealed: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Arrived:
    """One answer to a sync: events by room, new invitations, rooms that we are out of."""

    token: str
    rooms: dict[str, list[RoomEvent]] = field(repr=False)
    invitations: tuple[str, ...] = field(repr=False)
    left: tuple[str, ...] = field(repr=False)


class _Client(AsyncClient):  # type: ignore[misc]  # its base has no types
    """matrix-nio that survives what strangers send, and leaves messages sealed."""

    def _handle_decrypt_to_device(self, to_device_event: Any) -> Any:  # noqa: ANN401 - has no type
        try:
            return super()._handle_decrypt_to_device(to_device_event)
        except Exception:  # noqa: BLE001 - anybody may send any bytes here
            return None

    def _handle_timeline_event(
        self,
        event: Any,  # noqa: ANN401 - has no type
        room_id: str,
        room: Any,  # noqa: ANN401 - has no type
        encrypted_rooms: set[str],
    ) -> Any:  # noqa: ANN401 - has no type
        if isinstance(event, MegolmEvent):
            event.room_id = room_id
            return None
        with contextlib.suppress(KeyError, ValueError, TypeError, AttributeError):
            super()._handle_timeline_event(event, room_id, room, encrypted_rooms)
        return None

    def _handle_messages_response(self, response: Any) -> None:  # noqa: ANN401 - has no type
        """Leave the messages sealed here, too."""


class Client:
    """A signed-in device of the hotline's account.

    `open` before anything else, `close` at the end. Where nothing else is said, a method raises
    `ChannelUnavailable` when the homeserver cannot be asked now, and `Denied` when it refuses.
    """

    def __init__(
        self, account: Account, folder: Path, pickle_key: bytes, proxy: str | None = None
    ) -> None:
        self.user_id = account.user_id
        _private_file(folder / STORE_NAME)
        config = AsyncClientConfig(
            store=SqliteStore,
            store_name=STORE_NAME,
            pickle_key=pickle_key.hex(),
            store_sync_tokens=False,
            max_limit_exceeded=0,
            max_timeouts=0,
            request_timeout=PATIENCE,
        )
        self.nio: Any = _Client(
            account.homeserver,
            account.user_id,
            account.device_id,
            store_path=str(folder),
            config=config,
            proxy=proxy,
        )
        self.media = Media(self.nio)
        self._account = account

    def open(self) -> None:
        """Read the keys from their file; raises what nio raises for another key."""
        account = self._account
        self.nio.restore_login(account.user_id, account.device_id, account.access_token)
        # What is deleted is overwritten: whoever was forgotten is not found in free pages.
        self.nio.store.database.execute_sql("PRAGMA secure_delete = ON")

    async def close(self) -> None:
        """Close connections and the file of keys."""
        await self.nio.close()
        if self.nio.store is not None:
            self.nio.store.database.close()

    # --- arriving -------------------------------------------------------------------------

    async def sync(self, since: str | None, *, all_rooms: bool) -> Arrived:
        """Wait for what is new since `since`; `all_rooms` tells every room's state, at once."""
        self.nio.next_batch = ""  # nio skips an answer whose token it has seen
        answer = await asked(
            self.nio.sync(
                timeout=0 if all_rooms else int(POLL * 1000),
                sync_filter=_FILTER,
                since=since,
                full_state=all_rooms,
                set_presence="offline",
            ),
            patience=PATIENCE + (0 if all_rooms else POLL),
        )
        rooms = {
            room_id: [*await self._gap(room_id, info.timeline, since), *_read(info.timeline.events)]
            for room_id, info in answer.rooms.join.items()
        }
        for room_id in answer.rooms.leave:
            self.drop(room_id)
        invitations = tuple(answer.rooms.invite)
        return Arrived(answer.next_batch, rooms, invitations, tuple(answer.rooms.leave))

    async def _gap(self, room_id: str, timeline: Any, since: str | None) -> list[RoomEvent]:  # noqa: ANN401 - has no type
        """What lies between `since` and the newest events, where there was too much for one answer.

        What was written between the invitation and our joining lies there, too.
        """
        if not timeline.limited or since is None:
            return []
        pages: list[RoomEvent] = []
        start = timeline.prev_batch
        while start is not None:
            page = await asked(
                self.nio.room_messages(
                    room_id, start, since, direction=MessageDirection.back, limit=_PAGE
                )
            )
            pages += _read(page.chunk)
            start = page.end if page.chunk else None
        return pages[::-1]

    async def keep_keys(self) -> None:
        """Do what syncing asks for: publish keys, ask for others' devices, mend broken sessions."""
        nio = self.nio
        if nio.should_upload_keys:
            await asked(nio.keys_upload())
        if nio.should_query_keys:
            await asked(nio.keys_query())
        if nio.should_claim_keys:
            await asked(nio.keys_claim(nio.get_users_for_key_claiming()))
        for message in list(nio.outgoing_to_device_messages):
            await asked(nio.to_device(message))

    async def learn_devices(self, person: str) -> None:
        """Ask which devices a person has, unless that is known."""
        nio = self.nio
        if person not in nio.olm.tracked_users:
            nio.olm.users_for_key_query.add(person)
        if nio.should_query_keys:
            await asked(nio.keys_query())

    # --- rooms ----------------------------------------------------------------------------

    def rooms(self) -> dict[str, RoomState]:
        """Return the state of every room that we are in, as far as synced."""
        return {room_id: _state(room, self.user_id) for room_id, room in self.nio.rooms.items()}

    async def join(self, room_id: str) -> None:
        """Accept an invitation."""
        await asked(self.nio.join(room_id))
        self.nio.invited_rooms.pop(room_id, None)

    async def leave(self, room_id: str) -> None:
        """Leave a room and have the homeserver forget that we were there."""
        with contextlib.suppress(Denied):  # we are out of it already
            await asked(self.nio.room_leave(room_id))
        with contextlib.suppress(Denied):
            await asked(self.nio.room_forget(room_id))
        self.drop(room_id)

    def drop(self, room_id: str) -> None:
        """Remove a room that we are out of from memory."""
        self.nio.rooms.pop(room_id, None)
        self.nio.invited_rooms.pop(room_id, None)

    async def redact(self, room_id: str, event_id: str) -> None:
        """Empty one event, here and in every app."""
        await asked(self.nio.room_redact(room_id, event_id))

    async def redact_all(self, room_id: str) -> bool:
        """Empty every message of a room; say whether all could be."""
        whole, start = True, None
        while True:
            page = await asked(
                self.nio.room_messages(room_id, start, direction=MessageDirection.back, limit=_PAGE)
            )
            for event in _read(page.chunk):
                if event.kind in {ENCRYPTED, "m.room.message"}:
                    try:
                        await self.redact(room_id, event.id)
                    except Denied:
                        whole = False
            start = page.end
            if not page.chunk or start is None:
                return whole

    # --- sending --------------------------------------------------------------------------

    async def say(self, room_id: str, text: str, transaction: str) -> str:
        """Send `text`, encrypted where the room is; return the event's id.

        The same `transaction` arrives once.
        """
        return await self.post(room_id, {"msgtype": "m.text", "body": text}, transaction)

    async def post(self, room_id: str, content: dict[str, Any], transaction: str) -> str:
        """Send a message with this content, as `say`."""
        room = self.nio.rooms.get(room_id)
        if room is None:
            raise Denied("M_NOT_FOUND")
        if room.encrypted:
            await self._share_key(room_id)
        answer = await asked(
            self.nio.room_send(
                room_id,
                "m.room.message",
                content,
                tx_id=transaction,
                ignore_unverified_devices=True,
            )
        )
        return str(answer.event_id)

    async def _share_key(self, room_id: str) -> None:
        """Give the message key to the room's devices; nio takes it for given even if it was not."""
        nio, olm = self.nio, self.nio.olm
        if nio.should_query_keys:
            await asked(nio.keys_query())
        if not olm.should_share_group_session(room_id):
            return
        await asked(nio.share_group_session(room_id, ignore_unverified_devices=True))
        session = olm.outbound_group_sessions[room_id]
        missing, given = 0, 0
        for user in nio.rooms[room_id].users:
            for device in olm.device_store.active_user_devices(user):
                if (user, device.id) in session.users_shared_with:
                    given += user != self.user_id
                elif not (
                    device.id == nio.device_id
                    or olm.is_device_blacklisted(device)
                    or olm.session_store.get(device.curve25519) is None
                ):
                    missing += 1
        if missing or not given:
            nio.invalidate_outbound_session(room_id)
            raise ChannelUnavailable


def _private_file(file: Path) -> None:
    """Make `file` if it is missing, for nobody else; SQLite gives its journal the same mode."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    file.chmod(0o600)


def _state(room: Any, own: str) -> RoomState:  # noqa: ANN401 - has no type
    invited = frozenset(room.invited_users) - {own}
    return RoomState(
        others=frozenset(room.users) - {own} - invited,
        invited=invited,
        encrypted=room.encrypted,
        join_rule=room.join_rule,
        is_space=room.room_type == "m.space",
    )


def _read(events: list[Any]) -> list[RoomEvent]:
    """Return the events as they came, without those that were emptied since."""
    return [read for read in (_event(event) for event in events) if read is not None]


def _event(event: Any) -> RoomEvent | None:  # noqa: ANN401 - has no type
    source = event.source
    unsigned, content = source.get("unsigned"), source.get("content")
    if not isinstance(content, dict) or not content or "state_key" in source:
        return None
    if isinstance(unsigned, dict) and "redacted_because" in unsigned:
        return None
    stamp = source.get("origin_server_ts")
    return RoomEvent(
        id=str(source.get("event_id", "")),
        sender=str(source.get("sender", "")),
        at=stamp // 1000 if isinstance(stamp, int) else 0,
        kind=str(source.get("type", "")),
        content=content,
        sealed=event if isinstance(event, MegolmEvent) else None,
    )


async def asked(answer: Awaitable[_T], *, patience: float = PATIENCE) -> _T:
    """Return what the homeserver answers, with nio's ways of failing made into ours."""
    try:
        async with asyncio.timeout(patience):
            said = await answer
    except (aiohttp.ClientError, TimeoutError, OSError):
        raise ChannelUnavailable from None
    except (LocalProtocolError, EncryptionError):
        raise ChannelUnavailable from None  # such as keys that are still on their way
    if isinstance(said, ErrorResponse):
        raise _failure(said)
    return said


def _failure(error: Any) -> Exception:  # noqa: ANN401 - has no type
    reply = error.transport_response
    status = _SERVER_ERROR if reply is None else reply.status
    code = error.status_code
    if status == _TOO_MANY or code == "M_LIMIT_EXCEEDED":
        return ChannelUnavailable(_retry_after(error, reply))
    if code in _SIGNED_OUT:
        return SignedOut()
    if code is None or not _REQUEST_ERROR <= status < _SERVER_ERROR:
        return ChannelUnavailable()
    return Denied(str(code))


def _retry_after(error: Any, reply: Any) -> float | None:  # noqa: ANN401 - has no type
    """Seconds to wait, from the answer's body or, newer, its header (RFC 9110, 10.2.3)."""
    if isinstance(error.retry_after_ms, int | float):
        return max(float(error.retry_after_ms) / 1000, 0.0)
    header = None if reply is None else reply.headers.get("Retry-After")
    return float(header) if header is not None and header.isdecimal() else None
