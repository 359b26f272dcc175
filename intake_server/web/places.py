"""How many requests are in hand at once, so that a crowd cannot take the machine's memory."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from typing import TypeVar

T = TypeVar("T")


class NoPlace(Exception):
    """Too many are in hand; try again in a moment."""


class Places:
    """So many at once; who finds none waits for at most `wait_seconds`."""

    def __init__(self, number: int, wait_seconds: float) -> None:
        self._free = asyncio.Semaphore(number)
        self._wait = wait_seconds

    @contextlib.asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Hold a place; raises NoPlace."""
        try:
            async with asyncio.timeout(self._wait):
                await self._free.acquire()
        except TimeoutError:
            raise NoPlace from None
        try:
            yield
        finally:
            self._free.release()


class BoundedThreads:
    """Threads in front of which at most so many steps stand, those that run included."""

    def __init__(self, threads: Executor, most: int) -> None:
        self._threads = threads
        self._most = most
        self._standing = 0

    async def run(self, step: Callable[[], T]) -> T:
        """Run `step` in a thread; raises NoPlace at once where the queue is full."""
        if self._standing >= self._most:
            raise NoPlace
        self._standing += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, step)
        finally:
            self._standing -= 1
