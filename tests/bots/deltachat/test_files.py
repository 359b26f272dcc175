"""What the core says of a file becomes its contents, or why it cannot be had; and when it rests."""

import asyncio
import contextlib

import pytest

from bots.attachments import AttachmentLost, Lost
from bots.channel import ChannelUnavailable
from bots.deltachat import channel as module
from bots.deltachat import files
from bots.deltachat.channel import DeltaChat
from bots.deltachat.core import CoreRefused
from bots.deltachat.files import fetch_of
from bots.deltachat.session import Message

MOST = 1_000


class CoreThatSays:
    """A core in which a file's download has these states, one after another."""

    def __init__(self, folder, *states, size=9):
        self.folder, self.states, self.size = folder, list(states), size
        self.asked = []
        blobs = folder / "dc.db-blobs"
        blobs.mkdir()
        (blobs / "file").write_bytes(b"what came")

    @contextlib.asynccontextmanager
    async def working(self):
        if self.states[0] == "away":
            raise ChannelUnavailable
        yield self

    async def message(self, number):
        state = self.states.pop(0)
        if state is None:
            return None
        path = str(self.folder / "dc.db-blobs" / "file") if state == "Done" else None
        return Message(number, 0, 0, "", 0, 0, "File", False, True, state, False, path, self.size)  # noqa: FBT003 - fields of a message

    async def do(self, method, number):
        if self.states[0] == "refused":
            raise CoreRefused("")
        self.asked.append((method, number))

    async def fetch(self):
        return await fetch_of(self.folder, 7, self.working)(MOST)


ASK = [("download_full_message", 7)]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(files, "_LOOK", 0.01)


@pytest.mark.parametrize(
    ("states", "asked"),
    [
        (["Done"], []),
        (["InProgress", "InProgress", "Done"], []),
        (["Available", "InProgress", "Done"], ASK),
        (["Failure", "InProgress", "Done"], ASK),
    ],
    ids=["here", "on its way", "left on the server", "failed once"],
)
async def test_what_is_not_here_yet_is_downloaded_and_waited_for(tmp_path, states, asked):
    core = CoreThatSays(tmp_path, *states)
    assert await core.fetch() == b"what came"
    assert core.asked == asked


@pytest.mark.parametrize(
    ("states", "size", "reason"),
    [
        (["Available"], MOST + 1, Lost.TOO_LARGE),
        (["InProgress"], MOST + 1, Lost.TOO_LARGE),
        (["Available", "InProgress", "Failure"], 9, Lost.GONE),
        (["Failure", "Failure"], 9, Lost.GONE),
        (["InProgress", None], 9, Lost.GONE),
        (["Available", "refused"], 9, Lost.GONE),
    ],
    ids=["too large", "coming and too large", "failed", "failed twice", "deleted", "refused"],
)
async def test_only_what_is_too_large_is_called_so(tmp_path, states, size, reason):
    core = CoreThatSays(tmp_path, *states, size=size)
    with pytest.raises(AttachmentLost) as lost:
        await core.fetch()
    assert lost.value.reason is reason


async def test_a_core_that_is_away_is_asked_again(tmp_path):
    with pytest.raises(ChannelUnavailable):
        await CoreThatSays(tmp_path, "InProgress", "away").fetch()


async def test_files_on_their_way_put_a_rest_off_for_a_minute_and_no_longer(tmp_path, monkeypatch):
    waits = module.WIPE_AFTER + module._FILE_CHANGE + module._CHANGE
    assert waits < 120  # what docs/channels.md promises
    for name in ("WIPE_AFTER", "_FILE_CHANGE", "_CHANGE"):
        monkeypatch.setattr(module, name, 0.01)
    channel = DeltaChat(folder=tmp_path, now=lambda: 0, display_name="", keep_seconds=1)

    class Line:
        removed = asyncio.Event()

    Line.removed.set()
    with channel._with_file():
        async with asyncio.timeout(30):
            await channel._until_due(Line)
    assert channel._without_file.is_set()
