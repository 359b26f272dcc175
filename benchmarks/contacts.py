"""How many first contacts a second an installation takes, from the wire to the queue.

`python benchmarks/contacts.py [--seconds N] [--rounds N] [--quick]` starts a throw-away
installation (keeper, caretaker, web as processes of their own) and measures in it, beside what
this machine can do at most: the path with JavaScript, whose requests are sealed before the clock
starts; the path without, once with tokens fetched beforehand and once with the page for each; 300
contacts at the same moment; and 200 a second with the time from the acknowledgement to "screened
and in the queue". Shown is the median of the rounds, with the least and the most.

The load generator shares the machine's cores with the hotline. It is raw asyncio streams with
HTTP/1.1 written by hand and requests made beforehand; what processor time it and each process
take for a contact, its screening included, stands in the table. A message that found screening's
line full is counted as unscreened: it is stored, and waits in the queue with urgency 1.
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.parts import load  # noqa: E402  # the path comes first
from benchmarks.parts.ceilings import all_ceilings, huge_pages  # noqa: E402  # the path comes first
from benchmarks.parts.hotline import (  # noqa: E402  # the path comes first
    Findings,
    Hotline,
    a_hotline,
    cpu_of,
    cpu_of_all,
)
from benchmarks.parts.prepared import (  # noqa: E402  # the path comes first
    GET_PAGE,
    Prepared,
    Public,
    first_contacts,
    form,
    post_json,
    read_public,
    token_in,
)

CLIENTS = (1, 8, 32)
BURST = 300
RATE = 200
MOST_A_SECOND = {1: 600, 8: 1_200, 32: 1_600}  # for so many a second requests are made
MOST_FORMS_A_SECOND = 250
LONGEST_SCREENING = 30.0
PROCESSES = ("web", "keeper", "caretaker")
UNKNOWN = {b""}  # the conversation of a form: its id is made by web
GENERATOR, OTHERS, ALL = "generator", "others", "all"


@dataclass
class Figures:
    """What the rounds of one measurement gave."""

    rates: list[float] = field(default_factory=list)
    middles: list[float] = field(default_factory=list)
    lates: list[float] = field(default_factory=list)
    errors: int = 0
    unscreened: int = 0
    cpu: dict[str, list[float]] = field(default_factory=dict)

    def add(self, took: load.Took, cpu: dict[str, float]) -> None:
        self.rates.append(took.per_second)
        self.middles.append(took.quantile(0.5))
        self.lates.append(took.quantile(0.99))
        self.errors += took.errors
        for name, measured in cpu.items():
            self.cpu.setdefault(name, []).append(measured)

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    @property
    def late(self) -> float:
        return statistics.median(self.lates)


class Bench:
    """The measurements on one installation; figures by name, in the order of the table."""

    def __init__(self, hotline: Hotline, findings: Findings, public: Public) -> None:
        self.hotline = hotline
        self.findings = findings
        self.public = public
        self.figures: dict[str, Figures] = {}

    async def round(self, seconds: float) -> None:
        for clients in CLIENTS:
            prepared = first_contacts(self.public, int(seconds * MOST_A_SECOND[clients]))
            await self._measured(
                f"JavaScript, {clients}",
                load.one_after_the_other(self.hotline.port, clients, prepared, seconds),
            )
        prepared = first_contacts(self.public, BURST)
        await self._screened(f"{BURST} at once", load.all_at_once(self.hotline.port, prepared))
        prepared = first_contacts(self.public, int(RATE * seconds))
        await self._screened(f"{RATE} a second", load.steadily(self.hotline.port, RATE, prepared))
        number = int(seconds * MOST_FORMS_A_SECOND)
        for clients in CLIENTS:
            forms = await self._forms(number)
            await self._measured(
                f"form, token there, {clients}",
                load.one_after_the_other(self.hotline.port, clients, forms, seconds),
            )
        anybody = [Prepared(b" " * place) for place in range(number)]
        for clients in CLIENTS:
            await self._measured(
                f"form, page and form, {clients}",
                load.one_after_the_other(self.hotline.port, clients, anybody, seconds, load.visit),
            )

    async def _measured(self, name: str, run: Awaitable[load.Took]) -> None:
        """Run one measurement, and wait until its contacts are screened."""
        say(name)
        spent = Spent(self.hotline)
        took = await run
        await self.findings.until_quiet()
        figures = self.figures.setdefault(name, Figures())
        figures.add(took, spent.by_now(len(took.waits)))
        figures.unscreened += len(took.acknowledged.keys() - self.findings.at.keys() - UNKNOWN)

    async def _screened(self, name: str, run: Awaitable[load.Took]) -> None:
        """The same, with the time from each acknowledgement to the committed finding."""
        say(name)
        spent = Spent(self.hotline)
        took = await run
        answered, at = took.acknowledged, self.findings.at
        await self.findings.until_screened(answered, LONGEST_SCREENING)
        figures = self.figures.setdefault(name, Figures())
        figures.add(took, spent.by_now(len(took.waits)))
        waits = [max(0.0, at[one] - when) for one, when in answered.items() if one in at]
        screened = self.figures.setdefault(f"{name}: until screened", Figures())
        screened.add(load.Took(waits, 0, took.elapsed), {})
        figures.unscreened += len(answered) - len(waits)
        screened.unscreened = figures.unscreened

    async def _forms(self, number: int) -> list[Prepared]:
        forms = []
        async with load.connections(self.hotline.port, 1) as (connection,):
            for place in range(number):
                _, page = await connection.ask(GET_PAGE)
                forms.append(Prepared(form(token_in(page), place)))
        return forms


class Spent:
    """Processor time from now on: milliseconds a contact, and the cores that others took."""

    def __init__(self, hotline: Hotline) -> None:
        self._pids = {name: hotline.pids[name] for name in PROCESSES}
        self._start = time.perf_counter()
        self._before = self._now()

    def by_now(self, contacts: int) -> dict[str, float]:
        elapsed = time.perf_counter() - self._start
        spent = {name: now - self._before[name] for name, now in self._now().items()}
        others = spent.pop(ALL) - sum(spent.values())
        each = {name: 1000 * seconds / max(1, contacts) for name, seconds in spent.items()}
        return each | {OTHERS: max(0.0, others / elapsed)}

    def _now(self) -> dict[str, float]:
        ours = {name: cpu_of(pid) for name, pid in self._pids.items()}
        return {**ours, GENERATOR: time.process_time(), ALL: cpu_of_all()}


# --- the table ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bar:
    """What a measurement is compared with."""

    name: str
    words: str
    is_met: Callable[[Figures], bool]


def within(rate: float, late: float) -> Callable[[Figures], bool]:
    return lambda it: it.rate >= rate and it.late < late and not it.errors


def all_screened(it: Figures) -> bool:
    return it.late < 2000 and not it.unscreened


BARS = (
    Bar("JavaScript, 32", "600/s, p99 < 250 ms", within(600, 250)),
    Bar("300 at once", "all accepted", lambda it: it.errors == 0),
    Bar("200 a second: until screened", "all, p99 < 2 s", all_screened),
    Bar("form, token there, 32", "150/s, p99 < 500 ms", within(150, 500)),
    Bar("form, page and form, 32", "150/s, p99 < 500 ms", within(150, 500)),
)


def spread(values: list[float]) -> str:
    """Median, and what lies around it."""
    if not values:
        return ""
    middle, least, most = statistics.median(values), min(values), max(values)
    return f"{middle:.0f}" if len(values) == 1 else f"{middle:.0f} ({least:.0f}-{most:.0f})"


def print_table(ceilings: dict[str, float], figures: dict[str, Figures]) -> None:
    print("\nthis machine, times a second")
    for name, measured in ceilings.items():
        print(f"  {name:44}{measured:>10,.0f}")
    print(f"  transparent huge pages: {huge_pages()}")
    heads = "".join(f"{head:>18}" for head in ("contacts/s", "ms p50", "ms p99"))
    print(f"\n{'what, clients':32}{heads}{'failed':>8}{'unscreened':>12}")
    for name, it in figures.items():
        cells = (it.rates if it.cpu else [], it.middles, it.lates)
        shown = "".join(f"{spread(each):>18}" for each in cells)
        print(f"{name:32}{shown}{it.errors:>8}{it.unscreened:>12}")
    names = (*PROCESSES, GENERATOR, OTHERS)
    print(f"\n{'ms of processor time a contact':32}{''.join(f'{name:>12}' for name in names)}")
    for name, it in figures.items():
        if it.cpu:
            print(f"{name:32}{''.join(f'{statistics.median(it.cpu[one]):12.2f}' for one in names)}")
    print("others: cores that the rest of the machine took meanwhile")
    print("\nbars")
    for bar in BARS:
        told = "met" if bar.is_met(figures[bar.name]) else "MISSED"
        print(f"  {bar.name:32}{bar.words:24}{told}")


def say(name: str) -> None:
    sys.stderr.write(f"measuring: {name}\n")


async def measure(seconds: float, rounds: int) -> None:
    async with a_hotline("caretaker", "web") as hotline:
        say("this machine")
        ceilings = await all_ceilings(hotline.folder, min(seconds, 2.0))
        async with load.connections(hotline.port, 1) as (connection,):
            await asyncio.sleep(2)  # the screening key has come to the page by then
            public = read_public((await connection.ask(post_json("/api/keys", {})))[1])
        with contextlib.closing(Findings(hotline.database)) as findings:
            looking = asyncio.create_task(findings.follow())
            bench = Bench(hotline, findings, public)
            for _ in range(rounds):
                await bench.round(seconds)
            looking.cancel()
        print_table(ceilings, bench.figures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median is shown")
    parser.add_argument("--quick", action="store_true", help="one round of a second each")
    given = parser.parse_args()
    seconds, rounds = (1.0, 1) if given.quick else (given.seconds, given.rounds)
    asyncio.run(measure(seconds, rounds))


if __name__ == "__main__":
    main()
