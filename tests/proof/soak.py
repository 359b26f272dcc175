"""A long run at sixty times the pace of a busy hotline: `python -m tests.proof.soak --minutes 24`.

A hotline of 100,000 conversations a year has one new contact in 316 seconds; here there is one in
5.3. Each writes, comes back, is answered, and nine of ten are erased in the end; every other one
writes without JavaScript. Each minute there is a sweep. Memory, descriptors and the database's log
are read every ten seconds; the middle third of the run is compared with the last. Ends with an
error where something grew. In 24 minutes is a day's work; with `--minutes 1440` it lasts a day.
"""

import argparse
import asyncio
import random
import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.flows.people import Client, Counsellor, FormClient
from tests.flows.stack import Stack, a_stack, http

PACE = 316 / 60  # seconds from one new contact to the next
LOOK_EVERY = 10.0
SWEEP_EVERY = 60.0
GROWN = 1.10  # of the median; beside it, MORE bytes may come and go
MORE = 3 << 20
LONGEST_LOG = 8 << 20  # bytes; a sweep empties it
MORE_DESCRIPTORS = 4


def _descriptors(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


@dataclass
class Looks:
    """What was read at each look, by what it is of."""

    rows: list[dict[str, float]] = field(default_factory=list)

    def take(self, stack: Stack) -> None:
        row: dict[str, float] = {}
        for part in stack.status()["processes"]:
            row[f"{part['name']} memory"] = part["memory_bytes"]
            row[f"{part['name']} descriptors"] = _descriptors(part["pid"])
        log = stack.data / "database" / "havenline.sqlite3-wal"
        row["log"] = log.stat().st_size if log.exists() else 0
        self.rows.append(row)

    def grown(self) -> list[str]:
        """What is more in the last third than in the middle one."""
        third = len(self.rows) // 3
        found = []
        for name in self.rows[-1]:
            before, after = (
                statistics.median(row.get(name, 0) for row in rows)
                for rows in (self.rows[third : 2 * third], self.rows[2 * third :])
            )
            sys.stdout.write(f"{name:24}{before:14,.0f}{after:14,.0f}\n")
            if name == "log":
                is_more = max(row[name] for row in self.rows) > LONGEST_LOG
            elif name.endswith("descriptors"):
                is_more = after > before + MORE_DESCRIPTORS
            else:
                is_more = after > before * GROWN and after > before + MORE
            if is_more:
                found.append(name)
        return found


@dataclass
class Town:
    """Those who write, and one who answers."""

    stack: Stack
    net: object
    ana: Counsellor
    lots: random.Random
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    async def somebody(self, number: int) -> None:
        try:
            await (self.with_code(number) if number % 2 else self.without(number))
            self.count("contacts")
        except Exception as error:  # noqa: BLE001 -- counted and said in the end
            self.count(f"failed: {type(error).__name__}")

    async def with_code(self, number: int) -> None:
        client = Client(self.stack, self.net)
        await client.write_first(f"soak {number}: my boss keeps my passport")
        await self.pause()
        await self.ana.claim(client.conversation)
        await (await self.ana.open(client.conversation)).reply("We are here.")
        await self.pause()
        again = Client(self.stack, self.net, phrase=client.phrase)
        assert len(await again.come_back()) == 2
        await again.write("thank you")
        await again.poll()
        await self.pause()
        if self.lots.random() < 0.9:
            await again.erase()

    async def without(self, number: int) -> None:
        form = await FormClient(self.stack, self.net).visit()
        await form.send("send", text=f"soak {number}: without code")
        assert form.state == "phrase"
        await self.pause()
        await form.send("look")
        await form.send("answer", text="thank you")
        await self.pause()
        if self.lots.random() < 0.9:
            await form.send("erase")

    async def pause(self) -> None:
        await asyncio.sleep(self.lots.uniform(1, 8))


async def soak(minutes: float, seed: int) -> list[str]:
    async with a_stack() as stack, http() as net:
        ana = Counsellor(stack, net)
        await ana.set_up()
        await ana.sign_in()
        town, looks = Town(stack, net, ana, random.Random(seed)), Looks()
        pids = stack.pids()
        loop = asyncio.get_running_loop()
        started = loop.time()
        people: set[asyncio.Task[None]] = set()
        due = {"look": started, "sweep": started + SWEEP_EVERY, "person": started}
        number = 0
        while (now := loop.time()) < started + minutes * 60:
            if now >= due["person"]:
                people.add(asyncio.create_task(town.somebody(number)))
                number, due["person"] = number + 1, due["person"] + PACE
            if now >= due["look"]:
                await asyncio.to_thread(looks.take, stack)
                due["look"] = now + LOOK_EVERY
            if now >= due["sweep"]:
                await asyncio.to_thread(stack.cli, "sweep")
                due["sweep"] = now + SWEEP_EVERY
            people = {task for task in people if not task.done()}
            await asyncio.sleep(0.2)
        await asyncio.gather(*people)
        sys.stdout.write(f"{minutes:g} minutes: {town.counts}\n")
        found = looks.grown()
        found += [what for what in town.counts if what.startswith("failed")]
        return found + (["a process was started again"] if stack.pids() != pids else [])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=24)
    parser.add_argument("--seed", type=int, default=2026)
    options = parser.parse_args()
    found = asyncio.run(soak(options.minutes, options.seed))
    for each in found:
        sys.stdout.write(f"!! {each}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
