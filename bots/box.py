"""What channels seal their own records with; the courier hands it in."""

from typing import Protocol


class Box(Protocol):
    """Seals records so that nobody but the courier opens them."""

    def seal(self, plain: bytes) -> bytes:
        """Return `plain` sealed."""
        ...

    def open(self, sealed: bytes) -> bytes:
        """Return what was sealed; raises any exception for what it did not seal."""
        ...
