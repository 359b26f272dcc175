"""Who was met here and is not yet forgotten by the channels: keyed hashes, in the courier's file.

What ends while no courier runs would otherwise stay in a messenger's own store: nobody could tell
any more whose it was. A hash tells that only to who has the courier's seed and guesses the
address; the address itself is sealed under a key that the keeper overwrites.

| offset | size | field |
|---|---|---|
| 0 | 8 | `HLMET1`, two zero bytes |
| 8 | 33 each | number of the channel u8 · address tag 32, in the order of the tags |

The file is replaced whole, and what stood in its place is overwritten. A damaged one counts as
empty: then the messengers' own stores keep what ended meanwhile.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vault.private_files import create, remove, replace, sync

MAGIC: Final = b"HLMET1\0\0"
_TAG_SIZE: Final = 32
_RECORD_SIZE: Final = 1 + _TAG_SIZE


@dataclass(frozen=True, slots=True)
class Met:
    """The file. One process writes it."""

    path: Path

    def read(self) -> frozenset[tuple[int, bytes]]:
        """Return numbers of channels with address tags; raises OSError."""
        if not self.path.is_file():
            return frozenset()
        content = self.path.read_bytes()
        body = content[len(MAGIC) :]
        if not content.startswith(MAGIC) or len(body) % _RECORD_SIZE:
            return frozenset()
        records = (body[at : at + _RECORD_SIZE] for at in range(0, len(body), _RECORD_SIZE))
        return frozenset((record[0], record[1:]) for record in records)

    def write(self, met: frozenset[tuple[int, bytes]]) -> None:
        """Replace the file, synced; blocks for the disk. Raises OSError."""
        ordered = sorted(met, key=lambda one: (one[1], one[0]))
        unfinished = self.path.with_suffix(".new")
        remove(unfinished)
        with create(unfinished) as file:
            file.write(MAGIC + b"".join(bytes((number,)) + tag for number, tag in ordered))
            sync(file)
        replace(unfinished, self.path)
