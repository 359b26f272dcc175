"""What the keeper remembers of its mirror: the offline key's public half, and when it was whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from vault import private_files
from vault.keeper_protocol import MIRROR_PART_SIZE
from vault.sealing import KEY_SIZE

NAME: Final = "mirror.bin"
_TIME_SIZE: Final = 8
_SIZE: Final = KEY_SIZE + 2 * _TIME_SIZE


class MirrorState:
    """`public` is empty while there shall be no mirror; times are seconds since 1970, 0: never."""

    def __init__(self) -> None:
        self.public = b""
        self.since = 0  # when the key was set
        self.done = 0  # when the last whole mirror was made
        self.stream: Stream | None = None

    def load(self, folder: Path) -> None:
        """Read what was remembered; a file that is damaged remembers nothing. Raises OSError."""
        path = folder / NAME
        data = path.read_bytes() if path.exists() else b""
        if len(data) == _SIZE:
            self.public = data[:KEY_SIZE]
            times = data[KEY_SIZE : KEY_SIZE + _TIME_SIZE], data[KEY_SIZE + _TIME_SIZE :]
            self.since, self.done = (int.from_bytes(each, "big") for each in times)

    def save(self, folder: Path) -> None:
        """Remember it beyond this keeper's end. Raises OSError."""
        path = folder / NAME
        if not self.public:
            path.unlink(missing_ok=True)
            private_files.sync_folder(folder)
            return
        new = path.with_suffix(".new")
        new.unlink(missing_ok=True)
        with private_files.create(new) as file:
            times = (each.to_bytes(_TIME_SIZE, "big") for each in (self.since, self.done))
            file.write(self.public + b"".join(times))
            private_files.sync(file)
        private_files.replace(new, path)


class Stream:
    """One mirror on its way out, in order, a part for each request."""

    def __init__(self, pieces: Iterator[bytes], made: int) -> None:
        self.made = made
        self.position = 0
        self.ended = False
        self._pieces = pieces
        self._waiting = b""

    def part(self) -> bytes:
        """The next bytes, as many as fit into an answer."""
        while len(self._waiting) < MIRROR_PART_SIZE:
            piece = next(self._pieces, None)
            if piece is None:
                self.ended = True
                break
            self._waiting += piece
        part, self._waiting = self._waiting[:MIRROR_PART_SIZE], self._waiting[MIRROR_PART_SIZE:]
        self.ended = self.ended and not self._waiting
        self.position += len(part)
        return part
