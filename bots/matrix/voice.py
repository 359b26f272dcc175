"""The second Matrix account, with a room of its own with the hotline (see `bots.canary`)."""

import contextlib
import secrets
from pathlib import Path
from typing import Final

from nio import RoomPreset  # type: ignore[import-untyped]  # it ships no types

from bots.channel import ChannelCannotStart, ChannelUnavailable
from bots.matrix.account import read_account
from bots.matrix.client import Client, Denied, asked

_ENCRYPTION: Final = {
    "type": "m.room.encryption",
    "state_key": "",
    "content": {"algorithm": "m.megolm.v1.aes-sha2"},
}


class MatrixVoice:
    """Writes to the account in the folder `hotline`; its own lies in `folder` in the same way."""

    def __init__(
        self, folder: Path, pickle_key: bytes, hotline: Path, proxy: str | None = None
    ) -> None:
        self._folder = folder
        self._pickle_key = pickle_key
        self._hotline_folder = hotline
        self._hotline = ""
        self._proxy = proxy
        self._client: Client | None = None
        self._since: str | None = None

    async def say(self, text: str) -> None:
        """Send into the room with the hotline, which is made where there is none."""
        try:
            client = await self._opened()
            room = await self._room(client)
            await client.say(room, text, secrets.token_hex(16))
        except Denied:
            raise ChannelUnavailable from None

    async def close(self) -> None:
        """Close the keys and the connection."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(ChannelUnavailable):
                await client.close()

    async def _opened(self) -> Client:
        """The client, knowing what is new; raises `ChannelCannotStart`."""
        if self._client is None:
            account = read_account(self._folder)
            self._hotline = read_account(self._hotline_folder).user_id
            client = Client(account, self._folder, self._pickle_key, self._proxy)
            try:
                client.open()
            except Exception:  # noqa: BLE001 - whatever nio, SQLite or vodozemac say to another key
                await client.close()
                raise ChannelCannotStart(
                    f"the keys in {self._folder} cannot be opened. Remove the folder and sign in "
                    "again: havenline channels add matrix --canary"
                ) from None
            self._client = client
        arrived = await self._client.sync(self._since, all_rooms=True)
        self._since = arrived.token
        await self._client.keep_keys()
        return self._client

    async def _room(self, client: Client) -> str:
        for room_id, room in client.rooms().items():
            if self._hotline in room.others:
                return room_id
        if not any(self._hotline in room.invited for room in client.rooms().values()):
            made = client.nio.room_create(
                preset=RoomPreset.trusted_private_chat,
                is_direct=True,
                invite=[self._hotline],
                initial_state=[_ENCRYPTION],
            )
            await asked(made)
        raise ChannelUnavailable  # the hotline has not come in yet; the next try finds it there
