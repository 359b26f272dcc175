"""A client's phone: mautrix with libolm, independent of the library that the hotline uses."""

import asyncio
import contextlib
import itertools

from mautrix.client import Client
from mautrix.client.state_store import MemoryStateStore
from mautrix.crypto import MemoryCryptoStore, OlmMachine
from mautrix.crypto.attachments import decrypt_attachment, encrypt_attachment
from mautrix.crypto.store import StateStore
from mautrix.errors import MatrixError
from mautrix.types import (
    EventType,
    Membership,
    MessageType,
    RoomCreatePreset,
    TextMessageEventContent,
    TOFUSigningKey,
    TrustState,
)

from bots.channel import Attachment
from tests.bots.matrix.homeserver import PASSWORD, Homeserver

ENCRYPTION = {
    "type": "m.room.encryption",
    "state_key": "",
    "content": {"algorithm": "m.megolm.v1.aes-sha2"},
}
PATIENCE = 30.0
_names = itertools.count(1)


class _State(MemoryStateStore, StateStore):
    async def is_encrypted(self, room_id):
        return bool(await self.get_encryption_info(room_id))

    async def get_encryption_info(self, room_id):
        return self.encryption.get(room_id)

    async def find_shared_rooms(self, user_id):
        return [room for room, members in self.members.items() if user_id in members]


class _Keys(MemoryCryptoStore):
    """The library's own, which cannot take an account's signing key a second time."""

    async def put_cross_signing_key(self, user_id, usage, key):
        known = self._cross_signing_keys.setdefault(user_id, {})
        first = known[usage].first if usage in known else key
        known[usage] = TOFUSigningKey(key=key, first=first)


class Phone:
    """One device of one account, and a room with the hotline that is made when first needed."""

    def __init__(self, server: Homeserver, hotline: str) -> None:
        self.server = server
        self.hotline = hotline
        self.room: str | None = None
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.events: asyncio.Queue = asyncio.Queue()  # everything the hotline's account does
        self.joined = asyncio.Event()
        self.client: Client | None = None
        self.olm: OlmMachine | None = None

    async def sign_in(self, name: str) -> "Phone":
        client = Client(base_url=self.server.url, state_store=_State())
        self.client = client
        await client.login(name, password=PASSWORD, device_name=f"phone {next(_names)}")
        store = _Keys(client.mxid, "only for tests")
        await store.put_device_id(client.device_id)
        self.olm = OlmMachine(client, store, client.state_store)
        await self.olm.load()
        client.crypto = self.olm
        self.olm.send_keys_min_trust = self.olm.share_keys_min_trust = TrustState.UNVERIFIED
        await self.olm.share_keys(0)
        client.add_event_handler(EventType.ROOM_MESSAGE, self._message)
        client.add_event_handler(EventType.ROOM_MEMBER, self._member)
        client.add_event_handler(EventType.ROOM_REDACTION, self._other)
        client.start(None)
        return self

    @property
    def mxid(self) -> str:
        return self.client.mxid

    async def sign_out(self) -> None:
        self.client.stop()
        syncing = self.client.syncing_task
        if syncing is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await syncing
        await self.client.api.session.close()

    # --- what a person does ---------------------------------------------------------------

    async def open_room(
        self,
        *,
        encrypted: bool = True,
        others: tuple[str, ...] = (),
        preset: RoomCreatePreset = RoomCreatePreset.TRUSTED_PRIVATE,
    ) -> str:
        self.joined.clear()
        self.room = await self.client.create_room(
            preset=preset,
            is_direct=True,
            invitees=[self.hotline, *others],
            initial_state=[ENCRYPTION] if encrypted else [],
        )
        members = self.client.state_store.get_members
        async with asyncio.timeout(PATIENCE):  # until this device knows who is there
            while self.hotline not in await members(self.room):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.02)
        # As Element does: what is written before the hotline has joined is encrypted for it, too.
        self.client.state_store.full_member_list[self.room] = True
        return self.room

    async def say(self, text: str) -> None:
        if self.room is None:
            await self.open_room()
        await self.send({"msgtype": "m.text", "body": text})

    async def send(self, content: dict, kind: EventType = EventType.ROOM_MESSAGE) -> str:
        """Send as the room is; return the event's id."""
        raw = TextMessageEventContent.deserialize(content) if "body" in content else content
        return await self.client.send_message_event(self.room, kind, raw)

    async def edit(self, event_id: str, text: str) -> None:
        content = TextMessageEventContent(msgtype=MessageType.TEXT, body=text)
        content.set_edit(event_id)
        await self.client.send_message_event(self.room, EventType.ROOM_MESSAGE, content)

    async def show(self, kind: Attachment, content: bytes) -> None:
        forms = {Attachment.VOICE: "m.audio", Attachment.PICTURE: "m.image"}
        name = "recording.ogg" if kind is Attachment.VOICE else "picture.jpg"
        sealed, file = encrypt_attachment(content)
        file.url = await self.client.upload_media(sealed, mime_type="application/octet-stream")
        if self.room is None:
            await self.open_room()
        said = {"msgtype": forms[kind], "body": name, "info": {"size": len(content)}}
        await self.send({**said, "file": file.serialize()})

    async def hear_file(self) -> bytes:
        """The next file, opened as the message says."""
        event = await self.until(lambda event: getattr(event.content, "file", None))
        assert self.heard.get_nowait().startswith("file.")
        file = event.content.file
        sealed = await self.client.download_media(file.url)
        return decrypt_attachment(sealed, file.key.key, file.hashes["sha256"], file.iv)

    async def say_openly(self, text: str) -> bool:
        """Put a message into the encrypted room without encrypting it."""
        path = f"/_matrix/client/v3/rooms/{self.room}/send/m.room.message/open{next(_names)}"
        await self.request("PUT", path, {"msgtype": "m.text", "body": text})
        return True

    async def hear(self) -> str:
        return await self.heard.get()

    async def leave(self) -> None:
        await self.client.leave_room(self.room)
        self.room = None

    # --- what a test asks -----------------------------------------------------------------

    async def request(self, method: str, path: str, content: dict | None = None) -> dict:
        """Ask the homeserver as this device, past the library."""
        async with self.client.api.session.request(
            method,
            f"{self.server.url}{path}",
            json=content,
            headers={"Authorization": f"Bearer {self.client.api.token}"},
        ) as answer:
            return await answer.json()

    async def content_of(self, event_id: str) -> dict:
        """What the homeserver gives of an event."""
        path = f"/_matrix/client/v3/rooms/{self.room}/event/{event_id}"
        return (await self.request("GET", path))["content"]

    async def until(self, seen) -> object:
        """The first thing of the hotline's account of which `seen` is true."""
        async with asyncio.timeout(PATIENCE):
            while True:
                event = await self.events.get()
                if seen(event):
                    return event

    async def _message(self, event) -> None:
        if event.sender == self.hotline:
            self.events.put_nowait(event)
            self.heard.put_nowait(event.content.body)

    async def _member(self, event) -> None:
        if event.state_key != self.hotline:
            return
        self.events.put_nowait(event)
        if event.room_id != self.room:
            return
        if event.content.membership == Membership.JOIN:
            self.joined.set()
        elif event.content.membership in {Membership.LEAVE, Membership.BAN}:
            with contextlib.suppress(MatrixError):
                await self.client.leave_room(self.room)
            self.room = None  # a new one is made when it is needed

    async def _other(self, event) -> None:
        if event.sender == self.hotline:
            self.events.put_nowait(event)
