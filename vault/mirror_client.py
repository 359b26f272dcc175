"""Asking the keeper for its mirror, over the operator's socket (docs/keeper.md, 0x70-0x72)."""

from __future__ import annotations

from vault.keeper_client import PeerClient
from vault.keeper_protocol import Verb, number_of, u64
from vault.sealing import KEY_SIZE


class MirrorKeeper(PeerClient):
    """The verbs of the mirror."""

    async def key(self) -> bytes:
        """The public half of the offline key; empty while there shall be no mirror."""
        (public,) = await self._link.ask(Verb.MIRROR_KEY, b"")
        return public

    async def set_key(self, public: bytes) -> None:
        """Seal to this key from now on."""
        await self._link.ask(Verb.MIRROR_KEY, public)

    async def end(self) -> None:
        """Make no mirror any more."""
        await self._link.ask(Verb.MIRROR_KEY, bytes(KEY_SIZE))

    async def part(self, position: int) -> tuple[bytes, bool]:
        """The bytes from here on, and whether there are more; raises Refused out of order."""
        piece, more = await self._link.ask(Verb.MIRROR_PART, u64(position))
        return piece, more == b"\x01"

    async def done(self, size: int) -> int:
        """Say that all of it lies on the other disk; when it was made, in seconds since 1970."""
        (made,) = await self._link.ask(Verb.MIRROR_DONE, u64(size))
        return number_of(made)
