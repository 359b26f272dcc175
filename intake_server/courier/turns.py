"""One at a time: what one address wrote is taken in the order in which it came."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Turns:
    """Locks by address tag; one that nobody waits for is forgotten."""

    _locks: dict[bytes, tuple[asyncio.Lock, int]] = field(default_factory=dict, repr=False)

    @contextlib.asynccontextmanager
    async def of(self, tag: bytes) -> AsyncIterator[None]:
        """Hold the turn of this address; who comes meanwhile waits."""
        lock, users = self._locks.get(tag, (asyncio.Lock(), 0))
        self._locks[tag] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks[tag]
            if users == 1:
                del self._locks[tag]
            else:
                self._locks[tag] = (lock, users - 1)
