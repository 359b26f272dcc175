"""How far the hotline has read: the sync token up to which everything was stored.

The homeserver keeps messages; a token says where to go on. A token is written only when the
handler has stored all that came before it. After a crash the homeserver repeats what came since,
with the same ids, so nothing is lost, and the handler drops repeats.
"""

import asyncio
import json
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bots.channel import ChannelCannotStart
from bots.matrix.account import write_private

FILE_NAME: Final = "position.json"


class PositionDamaged(ChannelCannotStart):
    """The file cannot be read; the text says what to do."""


@dataclass(slots=True, eq=False)
class Batch:
    """What one answer of the homeserver brought; `open` counts what was not stored yet."""

    token: str
    open: int = 1  # the reading of the answer itself


@dataclass(slots=True)
class Position:
    """The file, and the batches behind the newest token that may be written.

    `rooms` holds the room that a person last wrote from, for people who have several.
    """

    file: Path
    since: str | None
    rooms: dict[str, str] = field(default_factory=dict, repr=False)
    _batches: deque[Batch] = field(default_factory=deque)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _writing: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, folder: Path) -> "Position":
        """Read the file in `folder`; a new one where there is none. Raises `PositionDamaged`."""
        file = folder / FILE_NAME
        try:
            kept = json.loads(file.read_text(encoding="utf-8"))
            return cls(file, str(kept["since"]), dict(kept["rooms"]))
        except FileNotFoundError:
            return cls(file, None)
        except (OSError, ValueError, TypeError, KeyError):
            raise PositionDamaged(
                f"{file} cannot be read. Remove it: the channel then begins at the newest messages."
            ) from None

    def begin(self, token: str) -> Batch:
        """Note that an answer up to `token` is being read; end it with `done`."""
        batch = Batch(token)
        self._batches.append(batch)
        return batch

    async def done(self, batch: Batch) -> None:
        """One thing of a batch is stored. Writes the newest token before which nothing is open."""
        batch.open -= 1
        reached: str | None = None
        while self._batches and self._batches[0].open == 0:
            reached = self._batches.popleft().token
        if reached is not None:
            self.since = reached
            await self.save()

    async def note_room(self, person: str, room: str) -> None:
        """Remember where a person last wrote from, since there is more than one place."""
        if self.rooms.get(person) != room:
            self.rooms[person] = room
            await self.save()

    async def forget(self, person: str) -> None:
        """Remove a person from the file."""
        if self.rooms.pop(person, None) is not None:
            await self.save()

    async def save(self) -> None:
        """Write the file, synced; a write that was begun is ended even if this is cancelled."""
        async with self._lock:
            if self.since is None:
                return
            await self.settled()
            content = json.dumps({"since": self.since, "rooms": self.rooms}).encode()
            self._writing = asyncio.create_task(
                asyncio.to_thread(write_private, self.file, content)
            )
            await asyncio.shield(self._writing)

    async def settled(self) -> None:
        """Wait until nothing is being written."""
        if self._writing is not None:
            await asyncio.wait({self._writing})
