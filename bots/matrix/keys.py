"""Which devices are a person's, opening their messages, and unlearning how they were opened.

Theory of operation
-------------------
1.  matrix-nio knows no cross-signing, so a device is trusted on first use: the devices that an
    account has when it first writes are that person's. One that comes later gets no replies until
    it has written itself, and its first message is marked: somebody else may have signed in to the
    account. nio's trust states say it in its own file: *ignored* is known, *blacklisted* came
    later.
2.  A message is opened only with a session that a device of its sender gave. nio does not check
    that for devices that nobody compared.
3.  A message key is a ratchet. Some minutes after a message is stored, its key is moved behind it:
    who then takes file and server reads nothing that was stored. The minutes are for messages that
    arrive in another order than they were written in.
4.  Keys of rooms that we are out of are deleted, and so are those for our own messages.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto, unique
from typing import Any, Final

import vodozemac
from nio.crypto import InboundGroupSession  # type: ignore[import-untyped]  # it ships no types
from nio.exceptions import EncryptionError  # type: ignore[import-untyped]  # it ships no types
from nio.store.models import (  # type: ignore[import-untyped]  # it ships no types
    DeviceKeys,
    DeviceTrustState,
    EncryptedRooms,
    Keys,
    MegolmInboundSessions,
    OlmSessions,
    OutgoingKeyRequests,
)

from bots.matrix.client import RoomEvent

UNUSED: Final = timedelta(days=30)
"""After so long without use a session between two devices is deleted."""

_Session = tuple[str, str, str]  # room, sender's key, session


@unique
class Origin(Enum):
    """What is known of the device that a message came from."""

    KNOWN = auto()
    LATER = auto()  # came to a known account, or was never seen
    OTHERS = auto()  # belongs to somebody else than the sender


@dataclass(frozen=True, slots=True)
class Opened:
    """A message that could be opened."""

    kind: str
    content: dict[str, Any] = field(repr=False)
    origin: Origin


class KeyRing:
    """The keys and devices in nio's file."""

    def __init__(self, nio: Any) -> None:  # noqa: ANN401 - has no type
        self._nio = nio
        self._stored: dict[_Session, int] = {}  # since the last tidying
        self._earlier: dict[_Session, int] = {}

    # --- devices (rule 1) -----------------------------------------------------------------

    def settle_devices(self, person: str) -> None:
        """Take an account's first devices as known, later ones as not yet."""
        olm = self._nio.olm
        devices = [*olm.device_store.active_user_devices(person)]
        new = [device for device in devices if not self._is_judged(device)]
        first = len(new) == len(olm.device_store[person])
        for device in new:
            if first and person != self._nio.user_id:
                self._nio.ignore_device(device)
            elif device.id != self._nio.device_id:
                self._nio.blacklist_device(device)

    def has_known_device(self, person: str) -> bool:
        """Say whether there is a device that may read replies."""
        olm = self._nio.olm
        devices = olm.device_store.active_user_devices(person)
        return any(olm.is_device_ignored(device) for device in devices)

    def has_devices(self, person: str) -> bool:
        """Say whether there is any device at all."""
        return any(self._nio.olm.device_store.active_user_devices(person))

    def accept_device(self, event: RoomEvent) -> None:
        """Take the device that wrote `event` as known: it has written and was marked."""
        device = self._device_of(event)
        if device is not None and not device.deleted:
            self._nio.unblacklist_device(device)
            self._nio.ignore_device(device)

    def others_of_own(self) -> int:
        """How many other devices the hotline's own account has; there should be none."""
        own = self._nio.olm.device_store.active_user_devices(self._nio.user_id)
        return sum(device.id != self._nio.device_id for device in own)

    def _is_judged(self, device: Any) -> bool:  # noqa: ANN401 - has no type
        olm = self._nio.olm
        return bool(olm.is_device_ignored(device) or olm.is_device_blacklisted(device))

    def _device_of(self, event: RoomEvent) -> Any:  # noqa: ANN401 - has no type
        """The device that an event came from, signed out since or not; None if never seen."""
        devices = self._nio.olm.device_store[event.sender].values()
        key = event.sealed.sender_key
        return next((device for device in devices if device.curve25519 == key), None)

    # --- messages (rules 2 and 3) ---------------------------------------------------------

    def has_key(self, room_id: str, event: RoomEvent) -> bool:
        """Say whether there is a key for this sealed event."""
        groups, sealed = self._nio.olm.inbound_group_store, event.sealed
        return groups.get(room_id, sealed.sender_key, sealed.session_id) is not None

    def open(self, room_id: str, event: RoomEvent) -> Opened | None:
        """Open a sealed event; None where its key is not there."""
        sealed, olm = event.sealed, self._nio.olm
        try:
            opened = olm.decrypt_megolm_event(sealed, room_id)
        except EncryptionError:
            return None
        except Exception:  # noqa: BLE001 - what is inside was chosen by a stranger
            return None
        kind, content = opened.source.get("type"), opened.source.get("content")
        if not isinstance(kind, str) or not isinstance(content, dict):
            return None
        session = olm.inbound_group_store.get(room_id, sealed.sender_key, sealed.session_id)
        return Opened(kind, content, self._origin(event, session))

    def _origin(self, event: RoomEvent, session: Any) -> Origin:  # noqa: ANN401 - has no type
        device = self._device_of(event)
        if device is not None:
            if device.ed25519 != session.ed25519 or session.forwarding_chain:
                return Origin.OTHERS
            return Origin.KNOWN if self._nio.olm.is_device_ignored(device) else Origin.LATER
        key = event.sealed.sender_key
        if any(other.curve25519 == key for other in self._nio.olm.device_store):
            return Origin.OTHERS
        return Origin.LATER

    def note_stored(self, room_id: str, event: RoomEvent) -> None:
        """An event was stored: its key is not needed any more."""
        try:
            index = vodozemac.MegolmMessage.from_base64(event.sealed.ciphertext).message_index()
        except vodozemac.DecodeException:
            return
        session = (room_id, event.sealed.sender_key, event.sealed.session_id)
        self._stored[session] = max(index, self._stored.get(session, 0))

    def tidy(self, rooms: Iterable[str], unused_since: datetime) -> None:
        """Move keys behind what was stored before the last tidying; delete what is over.

        `rooms` are those we are in or have messages of. Sessions between devices that were not
        used since `unused_since` are deleted, too.
        """
        for session, index in self._earlier.items():
            self._advance(session, index + 1)
        self._earlier, self._stored = self._stored, {}
        store, own = self._nio.store, self._nio.olm.account.identity_keys["curve25519"]
        kept = list(rooms)
        with store.database.bind_ctx(store.models):
            MegolmInboundSessions.delete().where(
                (MegolmInboundSessions.sender_key == own)
                | MegolmInboundSessions.room_id.not_in(kept)
            ).execute()
            EncryptedRooms.delete().where(EncryptedRooms.room_id.not_in(kept)).execute()
            OutgoingKeyRequests.delete().where(OutgoingKeyRequests.room_id.not_in(kept)).execute()
            OlmSessions.delete().where(OlmSessions.last_usage_date < unused_since).execute()
        groups = self._nio.olm.inbound_group_store
        for session in list(groups):
            if session.sender_key == own or session.room_id not in kept:
                self._drop(session)

    def _advance(self, where: _Session, index: int) -> None:
        olm = self._nio.olm
        session = olm.inbound_group_store.get(*where)
        if session is None or session.first_known_index >= index:
            return
        ahead = InboundGroupSession.import_session(
            session.export_session(index),
            session.ed25519,
            session.sender_key,
            session.room_id,
            session.forwarding_chain,
        )
        self._drop(session)
        olm.inbound_group_store.add(ahead)
        olm.save_inbound_group_session(ahead)

    def _drop(self, session: Any) -> None:  # noqa: ANN401 - has no type
        room = self._nio.olm.inbound_group_store[session.room_id]
        room[session.sender_key].pop(session.id, None)

    # --- forgetting -----------------------------------------------------------------------

    def forget(self, person: str, rooms: Iterable[str]) -> None:
        """Delete a person's devices, and all keys for what was said in `rooms`.

        What is left are sessions between devices: without them a person who comes back could not
        be read. They open nothing that was said, name nobody, and go when they are unused.
        """
        gone, olm, store = set(rooms), self._nio.olm, self._nio.store
        for session in list(olm.inbound_group_store):
            if session.room_id in gone:
                self._drop(session)
        for room_id in gone:
            olm.outbound_group_sessions.pop(room_id, None)
        for waiting in (self._stored, self._earlier):
            for session in [key for key in waiting if key[0] in gone]:
                del waiting[session]
        with store.database.bind_ctx(store.models):
            for model in (MegolmInboundSessions, EncryptedRooms, OutgoingKeyRequests):
                model.delete().where(model.room_id.in_(list(gone))).execute()
            devices = [row.id for row in DeviceKeys.select().where(DeviceKeys.user_id == person)]
            Keys.delete().where(Keys.device.in_(devices)).execute()
            DeviceTrustState.delete().where(DeviceTrustState.device.in_(devices)).execute()
            DeviceKeys.delete().where(DeviceKeys.id.in_(devices)).execute()
        olm.device_store[person].clear()
        olm.tracked_users.discard(person)
