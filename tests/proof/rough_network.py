"""A network that delivers twice, out of order, and to a courier that keeps dying.

It is the far side of the loopback channel's socket. What was not acknowledged it delivers again to
the next courier, as every messenger server does; of what was sent before it says so, where that is
still on its way.
"""

import asyncio
import contextlib
import json
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

WINDOW = 12  # messages of one person on their way at once
DOUBLED = 0.2
SWAPPED = 0.1
LATER = 0.5  # of the doubled ones, how many come again when others have come


@dataclass
class Sender:
    """One person: what they wrote, in order, and what of it is acknowledged."""

    name: str
    texts: list[str]
    acknowledged: set[int] = field(default_factory=set)
    doubled: set[int] = field(default_factory=set)  # to be delivered once more

    @property
    def first_open(self) -> int:
        """The first that is not acknowledged."""
        return next(at for at in range(len(self.texts) + 1) if at not in self.acknowledged)

    @property
    def is_done(self) -> bool:
        return len(self.acknowledged) == len(self.texts)


class RoughNetwork:
    """All that people sent, on its way to the hotline."""

    def __init__(self, people: int, messages: int, seed: int) -> None:
        self.random = random.Random(seed)
        self.senders = {
            name: Sender(name, [f"{name} says {number}" for number in range(messages // people)])
            for name in (f"person-{number}" for number in range(people))
        }
        for sender in self.senders.values():
            numbers = range(len(sender.texts))
            sender.doubled = {at for at in numbers if self.random.random() < DOUBLED}
        self.twice = sum(len(one.doubled) for one in self.senders.values())
        self.delivered = self.swapped = 0
        self._again: deque[tuple[str, int]] = deque()

    @property
    def left(self) -> int:
        """How many are not acknowledged."""
        return sum(len(one.texts) - len(one.acknowledged) for one in self.senders.values())

    async def deliver(self, socket: Path, most: int) -> int:
        """Deliver over one connection until so many more are acknowledged, or it ends; how many."""
        reader, writer = await _connected(socket)
        before, under_way = self.left, dict[str, set[int]]()
        try:
            self._fill(writer, under_way)
            async for line in reader:
                name, number = json.loads(line)["acknowledged"].split("/")
                self.senders[name].acknowledged.add(int(number))
                under_way.get(name, set()).discard(int(number))
                if before - self.left >= most or self.left == 0:
                    break
                if not under_way.get(name):
                    self._fill(writer, under_way)
        finally:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        return before - self.left

    def _fill(self, writer: asyncio.StreamWriter, under_way: dict[str, set[int]]) -> None:
        """Put the next messages of everybody who waits for nothing on their way."""
        for sender in self.senders.values():
            if under_way.get(sender.name) or sender.is_done:
                continue
            wanted = list(self._next(sender))
            under_way[sender.name] = set(wanted)
            known = sender.acknowledged.copy()
            for number in self._shuffled(wanted):
                self._put(writer, sender, number, known)
                if number in sender.doubled:
                    self._double(writer, sender, number, known)
        for name, number in self._later():
            self._put(writer, self.senders[name], number, self.senders[name].acknowledged)

    def _next(self, sender: Sender) -> Iterator[int]:
        first = sender.first_open
        for number in range(first, min(first + WINDOW, len(sender.texts))):
            if number not in sender.acknowledged:
                yield number

    def _shuffled(self, numbers: list[int]) -> list[int]:
        """The same with a tenth of them after the one that follows."""
        order, at = list(numbers), 0
        while at + 1 < len(order):
            if self.random.random() < SWAPPED:
                order[at], order[at + 1] = order[at + 1], order[at]
                self.swapped += 1
                at += 1
            at += 1
        return order

    def _double(
        self, writer: asyncio.StreamWriter, sender: Sender, number: int, known: set[int]
    ) -> None:
        sender.doubled.remove(number)
        if self.random.random() < LATER:
            self._again.append((sender.name, number))
        else:
            self._put(writer, sender, number, known)

    def _later(self) -> Iterator[tuple[str, int]]:
        for _ in range(len(self._again) // 2):
            yield self._again.popleft()

    def _put(
        self, writer: asyncio.StreamWriter, sender: Sender, number: int, known: set[int]
    ) -> None:
        line = {"as": sender.name, "say": sender.texts[number], "id": f"{sender.name}/{number}"}
        if number and number - 1 not in known:
            line["after"] = f"{sender.name}/{number - 1}"
        writer.write(json.dumps(line).encode() + b"\n")
        self.delivered += 1


async def _connected(socket: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(OSError):
                return await asyncio.open_unix_connection(socket)
            await asyncio.sleep(0.02)
