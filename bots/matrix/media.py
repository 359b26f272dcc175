"""Files of encrypted rooms: fetched and opened, sealed and handed to the homeserver.

A file lies sealed in the homeserver's media store; its key stands in the message (Matrix
client-server API v1.11, section 11.12.1.7 "Sending encrypted attachments"). What lies there
readable is not fetched. Nobody can have a file deleted there, its sender included: what goes is
the message with the key.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from nio.crypto.attachments import (  # type: ignore[import-untyped]  # it ships no types
    decrypt_attachment,
    encrypt_attachment,
)
from nio.exceptions import EncryptionError  # type: ignore[import-untyped]  # it ships no types

from bots.attachments import AttachmentLost, Fetch, Lost, Outgoing, bounded
from bots.channel import ChannelRefused, ChannelUnavailable, RefusedBecause

PATIENCE: Final = 150.0  # seconds for one file
_FIRST: Final = 30.0  # seconds until it begins to come; from elsewhere homeservers take twenty
_PIECE: Final = 64 * 1024
_MXC: Final = re.compile(r"mxc://([A-Za-z0-9.:\[\]-]{1,255})/([A-Za-z0-9_-]{1,255})")
_WAYS: Final = ("/_matrix/client/v1/media/download", "/_matrix/media/v3/download")
"""Since v1.11 with authentication, and before."""
_UPLOAD: Final = "/_matrix/media/v3/upload"
_GOOD: Final = 200
_TOO_LARGE: Final = 413
_NOT_THERE: Final = frozenset({400, 403, 404, 410, 451})
_FORMS: Final = {"image": "m.image", "audio": "m.audio", "video": "m.video"}


@dataclass(frozen=True, slots=True)
class SealedFile:
    """Where a file lies, and what opens it; all of it as the message says."""

    server: str = field(repr=False)
    name: str = field(repr=False)
    key: str = field(repr=False)
    iv: str = field(repr=False)
    sha256: str = field(repr=False)


def file_in(content: Mapping[str, Any]) -> SealedFile | None:
    """What a message says of its file; None where that is not of the form, or not sealed."""
    file = content.get("file")
    if not isinstance(file, dict):
        return None
    place = _MXC.fullmatch(str(file.get("url", "")))
    key, hashes = file.get("key"), file.get("hashes")
    if place is None or not isinstance(key, dict) or not isinstance(hashes, dict):
        return None
    texts = (key.get("k"), file.get("iv"), hashes.get("sha256"))
    if key.get("alg") != "A256CTR" or not all(isinstance(text, str) for text in texts):
        return None
    return SealedFile(place[1], place[2], *map(str, texts))


@dataclass(frozen=True, slots=True)
class Media:
    """The homeserver's media store, for one signed-in device."""

    nio: Any = field(repr=False)

    def fetch(self, file: SealedFile | None) -> Fetch:
        """What gets a file, opened."""

        async def fetch(most: int) -> bytes:
            if file is None:
                raise AttachmentLost(Lost.NOT_ENCRYPTED)
            sealed = await self._download(file, most)
            try:
                return await asyncio.to_thread(
                    decrypt_attachment, sealed, file.key, file.sha256, file.iv
                )
            except (EncryptionError, ValueError, TypeError):
                raise AttachmentLost(Lost.DAMAGED) from None

        return fetch

    async def _download(self, file: SealedFile, most: int) -> bytes:
        for way in _WAYS:
            try:
                async with asyncio.timeout(_FIRST):
                    answer = await self._ask("GET", f"{way}/{file.server}/{file.name}")
            except TimeoutError:
                raise ChannelUnavailable from None
            async with answer:
                if answer.status == _GOOD:
                    try:
                        return await bounded(answer.content.iter_chunked(_PIECE), most)
                    except (aiohttp.ClientError, TimeoutError, OSError):
                        raise ChannelUnavailable from None
                if answer.status not in _NOT_THERE:
                    raise ChannelUnavailable
        raise AttachmentLost(Lost.GONE)

    async def put(self, file: Outgoing) -> dict[str, Any]:
        """Seal a file and hand it to the homeserver; the content of the message that names it.

        Raises `ChannelUnavailable` and `ChannelRefused`.
        """
        sealed, keys = await asyncio.to_thread(encrypt_attachment, file.content)
        answer = await self._ask("POST", _UPLOAD, sealed)
        async with answer:
            if answer.status == _TOO_LARGE:
                raise ChannelRefused(RefusedBecause.TOO_LONG)
            if answer.status != _GOOD:
                raise ChannelUnavailable
            try:
                url = (await answer.json()).get("content_uri")
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError, AttributeError):
                raise ChannelUnavailable from None
        if not isinstance(url, str) or not _MXC.fullmatch(url):
            raise ChannelUnavailable
        return {
            "msgtype": _FORMS.get(file.family, "m.file"),
            "body": file.name,
            "file": {**keys, "url": url},
            "info": {"mimetype": file.type, "size": len(file.content)},
        }

    async def _ask(self, method: str, path: str, body: bytes | None = None) -> Any:  # noqa: ANN401 - has no type
        headers = {"Authorization": f"Bearer {self.nio.access_token}"}
        if body is not None:
            headers["Content-Type"] = "application/octet-stream"  # what it is, is sealed
        try:
            return await self.nio.send(method, path, body, headers, timeout=PATIENCE)
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise ChannelUnavailable from None
