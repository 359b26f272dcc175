"""Files between the core and the channel: the core knows them by paths alone.

What came stays on the server, but for small files, until it is fetched; then it lies among the
core's blobs until its message is deleted there (`bots.deltachat.traces`).
What is to be sent is lent to the core in a folder of the channel's own, in memory where the
operator has such a place, until the core has its copy.
"""

import asyncio
import contextlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final

from bots.attachments import AttachmentLost, Fetch, Lost, Outgoing
from bots.deltachat.core import CoreRefused
from bots.deltachat.session import Session

_BLOBS: Final = "dc.db-blobs"
_DONE: Final = "Done"  # the core's states of a download
_LEFT: Final = "Available"
_COMING: Final = "InProgress"
_LOOK: Final = 0.5  # seconds between two looks at one
_VIEWS: Final = {"image": "Image", "audio": "Audio", "video": "Video"}


def view_of(file: Outgoing) -> str:
    """What Delta Chat calls a file of this kind."""
    return _VIEWS.get(file.family, "File")


Working = Callable[[], AbstractAsyncContextManager[Session]]
"""A core, to be asked at once; raises `ChannelUnavailable`. It may be another one each time."""


def fetch_of(state: Path, number: int, working: Working) -> Fetch:
    """What gets the file of a message; `state` is the core's folder, and nothing outside is read.

    What the core has left on the server it downloads now. Whoever fetches decides how many of them
    lie here at a time, and for how long one is waited for.
    """

    async def fetch(most: int) -> bytes:
        file = await _downloaded(number, most, working)
        return await asyncio.to_thread(_read, state, Path(file), most)

    return fetch


async def _downloaded(number: int, most: int, working: Working) -> str:
    """The path of a file once it is here. The core may rest meanwhile, and then goes on."""
    is_asked = False
    while True:
        async with working() as session:
            try:
                message = await session.message(number)
                if message is None:
                    raise AttachmentLost(Lost.GONE)
                if message.download_state == _DONE:
                    if message.file is None:
                        raise AttachmentLost(Lost.GONE)
                    return message.file
                if message.file_bytes > most:
                    raise AttachmentLost(Lost.TOO_LARGE)
                if message.download_state != _COMING:
                    if is_asked and message.download_state != _LEFT:
                        raise AttachmentLost(Lost.GONE)
                    await session.do("download_full_message", number)
                    is_asked = True
            except CoreRefused:
                raise AttachmentLost(Lost.GONE) from None
        await asyncio.sleep(_LOOK)


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
