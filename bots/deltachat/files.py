"""Files between the core and the channel: the core knows them by paths alone.

What came lies among the core's blobs until its message is deleted there (`bots.deltachat.traces`).
What is to be sent is lent to the core in a folder of the channel's own, in memory where the
operator has such a place, until the core has its copy.
"""

import asyncio
import contextlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from bots.attachments import AttachmentLost, Fetch, Lost, Outgoing

LIMIT: Final = 22_000_000
"""Bytes of a mail that the core downloads: ten megabytes, which base64 has made larger twice."""
_BLOBS: Final = "dc.db-blobs"
_DONE: Final = "Done"
_VIEWS: Final = {"image": "Image", "audio": "Audio", "video": "Video"}


def view_of(file: Outgoing) -> str:
    """What Delta Chat calls a file of this kind."""
    return _VIEWS.get(file.family, "File")


def fetch_of(state: Path, file: str | None, download_state: str) -> Fetch:
    """What gets a file that came; `state` is the core's folder, and nothing outside is read."""

    async def fetch(most: int) -> bytes:
        if download_state != _DONE:
            raise AttachmentLost(Lost.TOO_LARGE)  # left on the server
        if file is None:
            raise AttachmentLost(Lost.GONE)
        return await asyncio.to_thread(_read, state, Path(file), most)

    return fetch


def _read(state: Path, file: Path, most: int) -> bytes:
    try:
        place = file.resolve(strict=True)
        if place.parent.name != _BLOBS or not place.is_relative_to(state.resolve()):
            raise AttachmentLost(Lost.GONE)
        with place.open("rb") as stream:
            content = stream.read(most + 1)
    except OSError:
        raise AttachmentLost(Lost.GONE) from None
    if len(content) > most:
        raise AttachmentLost(Lost.TOO_LARGE)
    return content


class Lending:
    """Lends the core files in `folder`, which is emptied at the start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def empty(self) -> None:
        """Remove what a crash left. Blocks for the disk."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @contextlib.asynccontextmanager
    async def lent(self, file: Outgoing) -> AsyncIterator[Path]:
        """A path at which the core finds the file, as long as this lasts. Raises OSError."""
        place = self._folder / secrets.token_hex(8)
        try:
            yield await asyncio.to_thread(_write, place, file)
        finally:
            await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)


def _write(place: Path, file: Outgoing) -> Path:
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.mkdir(mode=0o700)
    path = place / file.name
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(file.content)
    return path
