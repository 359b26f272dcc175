"""What each request costs the server, and whether that grows with what is open.

`python benchmarks/scale.py [--sizes 100 1000 10000 100000] [--times N] [--postgres URL]
[--json FILE]` starts a keeper, web and desk in one process on real sockets, fills them with so
many open conversations (benchmarks/parts/filling.py) and measures at each size, from the request's
first byte to the answer's last over the loopback interface:

- first contact with JavaScript and without, return visit (nonce and opening), sign-in (salt,
  hello, nonce and signing in), reply (two nonces and the reply), opening a conversation of 200
  messages (nonce and opening);
- the head of the queue: its first 100 rows and all counts.

What client and counsellor compute meanwhile is not in it. Screening is off: it has a measurement
of its own. Bars are compared with the median, which on a machine with other work is the honest
one; the slowest of a hundred stands beside it.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import aiohttp
import msgspec

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.parts.filling import fill  # noqa: E402  # the path comes first
from benchmarks.parts.hotline import RECORDS  # noqa: E402  # the path comes first
from tests.flows import people  # noqa: E402  # the path comes first
from tests.intake_server.desk.place import Place  # noqa: E402  # the path comes first
from tests.intake_server.keeper.world import HotlineHere  # noqa: E402  # the path comes first
from vault.engine import Database  # noqa: E402  # the path comes first

SIZES = (100, 1_000, 10_000, 100_000)
TIMES = 40
MESSAGES = 200
HEAD = 100
GROWTH = 1.5
FIRST, FORM, RETURN, REPLY = "first contact", "first contact, form", "return visit", "reply"
SIGN_IN, OPEN, QUEUE = "sign-in", f"open {MESSAGES} messages", f"queue: first {HEAD}, counts"
NAMES = (FIRST, FORM, RETURN, REPLY, SIGN_IN, OPEN, QUEUE)
# Most milliseconds, at so many open.
BARS = {RETURN: {10_000: 30.0}, SIGN_IN: {10_000: 30.0}, QUEUE: {10_000: 30.0, 100_000: 60.0}}


class Timer:
    """Adds up what requests take, from sending to the last byte of the answer."""

    def __init__(self) -> None:
        self.spent = 0.0
        self.trace = aiohttp.TraceConfig()
        self.trace.on_request_start.append(self._started)
        self.trace.on_request_end.append(self._ended)
        self.trace.on_response_chunk_received.append(self._ended)

    async def _started(self, _session, context, _params) -> None:
        context.at = time.perf_counter()

    async def _ended(self, _session, context, _params) -> None:
        now = time.perf_counter()
        self.spent += now - context.at
        context.at = now

    async def of(self, step) -> float:
        """Milliseconds that the requests of `step` took."""
        self.spent = 0.0
        await step
        return 1000 * self.spent


class FullPlace(Place):
    """A desk, web and keeper that hold as much as is wanted."""

    def __init__(self, folder: Path, http, url: str | None) -> None:
        super().__init__(folder, http)
        self.hotline = HotlineHere(folder, records=RECORDS)
        self.hotline.clock = self.clock
        if url is not None:
            data = msgspec.structs.replace(self.settings.data, database_url=url)
            self.settings = msgspec.structs.replace(self.settings, data=data)

    async def fill(self, more: int) -> None:
        now = self.clock.unix()
        slots = self.hotline.keeper.slots
        # As the owner: of the processes on PostgreSQL none may write all of it.
        database = await Database.open(self.settings.data.database_url, readers=1)
        await fill(slots, database, more, now, now + 14 * 86_400)
        # What else comes by itself within minutes: such a filling takes half of one.
        await database.vacuum()
        await database.checkpoint()
        await database.close()


class Bench:
    """The measurements at one size after the other."""

    def __init__(self, place: FullPlace, timer: Timer, times: int) -> None:
        self.place, self.timer, self.times = place, timer, times
        self.found: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))

    async def prepare(self) -> None:
        self.ana = await self.place.first_person()
        self.talk = await self.place.client()
        for number in range(1, MESSAGES):
            self.place.clock.turn(minutes=10)  # nobody may write more quickly for long
            await self.talk.write(f"Message {number}")

    async def at(self, size: int) -> None:
        for _ in range(self.times):
            await self._once(size)
        for _ in range(max(5, self.times // 4)):
            self.place.clock.turn(seconds=60)
            self.ana.offset = int(self.place.clock.ahead.total_seconds())
            self._note(SIGN_IN, size, await self.timer.of(self.ana.sign_in()))

    def _note(self, name: str, size: int, took: float) -> None:
        self.found[name][size].append(took)

    async def _once(self, size: int) -> None:
        place, timer = self.place, self.timer
        place.clock.turn(minutes=1)
        await place.let_in(self.ana)  # a session of hers may be over by now
        client = people.Client(place, place.http)
        body = await client.first_body("Can you help me?")
        asked = people.post(place.http, f"{place.web}/api/first", body)
        self._note(FIRST, size, await timer.of(asked))
        self._note(RETURN, size, await timer.of(client.come_back()))
        form = people.FormClient(place, place.http)
        await form.visit()
        sent = form.send("send", text="Can you help me?", name="")
        self._note(FORM, size, await timer.of(sent))
        assert form.state == "phrase", form.state
        self._note(QUEUE, size, await timer.of(self._head()))
        await self._reply(client, size)
        row = await self._row(self.talk)
        self._note(OPEN, size, await timer.of(self._open(self.talk, row)))

    async def _head(self) -> list[dict]:
        return (await self.ana.ask("/api/queue", {"first": HEAD}))["rows"]

    async def _row(self, client) -> dict:
        named = {"conversations": [people.to_text(client.conversation)]}
        return (await self.ana.ask("/api/queue", named))["rows"][0]

    async def _open(self, client, row: dict) -> people.Opened:
        self.ana.row = lambda _conversation: asyncio.sleep(0, row)
        return await self.ana.open(client.conversation)

    async def _reply(self, client, size: int) -> None:
        await self.ana.claim(client.conversation)
        opened = await self._open(client, await self._row(client))
        self._note(REPLY, size, await self.timer.of(opened.reply("We can. Are you safe?")))


async def measure(sizes: list[int], times: int, url: str | None) -> Bench:
    os.umask(0o077)
    timer = Timer()
    with tempfile.TemporaryDirectory(prefix="hl", dir=os.environ.get("BENCH_DIR")) as folder:
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=120),
            trace_configs=[timer.trace],
        ) as http:
            place = FullPlace(Path(folder), http, url)
            await place.open()
            try:
                bench = Bench(place, timer, times)
                await bench.prepare()
                filled = 0
                for size in sizes:
                    begin = time.perf_counter()
                    await place.fill(size - filled)
                    filled = size
                    sys.stderr.write(f"{size} open after {time.perf_counter() - begin:.0f} s\n")
                    await bench.at(size)
            finally:
                with contextlib.suppress(Exception):  # what was measured is to be shown
                    await place.close()
    return bench


def slowest(values: list[float]) -> float:
    """The slowest of a hundred, or of as many as there are."""
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]


def print_table(found: dict[str, dict[int, list[float]]], sizes: list[int]) -> None:
    print(f"{'ms: median / p99':30}" + "".join(f"{f'{size:,} open':>18}" for size in sizes))
    for name in NAMES:
        cells = [found[name][size] for size in sizes]
        shown = [f"{statistics.median(each):.1f} / {slowest(each):.0f}" for each in cells]
        print(f"{name:30}" + "".join(f"{each:>18}" for each in shown))
    print("\nbars, by the median")
    for name, bars in BARS.items():
        for size, most in bars.items():
            if size in sizes:
                middle = statistics.median(found[name][size])
                told = "met" if middle < most else "MISSED"
                print(f"  {name:30}{size:>8,} open below {most:.0f} ms: {middle:.1f}, {told}")
    least, most = min(sizes, key=lambda size: abs(size - 1_000)), max(sizes)
    for name in (name for name in NAMES if name != QUEUE):
        grown = statistics.median(found[name][most]) / statistics.median(found[name][least])
        told = "met" if grown <= GROWTH else "MISSED"
        print(f"  {name:30}from {least:,} to {most:,} grows {grown:.2f} times: {told}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--times", type=int, default=TIMES)
    parser.add_argument("--postgres", help="a database for this alone, without tables")
    parser.add_argument("--json", type=Path, help="where to write what was measured")
    given = parser.parse_args()
    bench = asyncio.run(measure(given.sizes, given.times, given.postgres))
    if given.json:
        given.json.write_text(json.dumps(bench.found))
    print_table(bench.found, given.sizes)


if __name__ == "__main__":
    main()
