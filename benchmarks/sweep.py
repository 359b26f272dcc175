"""How long it takes to forget a great many at once, and whether newcomers notice.

`python benchmarks/sweep.py [--sizes 10000 100000]` fills a throw-away installation with so many
conversations that are all over (benchmarks/parts/filling.py), starts its processes and lets new
contacts come, ten a second. Counted is the time from the caretaker's start, whose first act is the
sweep, until none of them is in the database; their shred keys went before their rows.
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.parts import load  # noqa: E402  # the path comes first
from benchmarks.parts.filling import fill  # noqa: E402  # the path comes first
from benchmarks.parts.hotline import RECORDS, Hotline  # noqa: E402  # the path comes first
from benchmarks.parts.prepared import (  # noqa: E402  # the path comes first
    first_contacts,
    post_json,
    read_public,
)
from vault.engine import Database  # noqa: E402  # the path comes first
from vault.slots import Slots  # noqa: E402  # the path comes first

SIZES = (10_000, 100_000)
RATE = 10
CAREFUL = 120  # seconds of contacts that are made beforehand
MOST_SECONDS, MOST_LATE = 60.0, 500.0  # of 100,000; milliseconds
DAY = 86_400
SMALL = """
[screening]
mode = "off"
"""
LEFT = "SELECT count(*) FROM conversations WHERE created_hour < ?"


class OverHotline(Hotline):
    """An installation whose conversations were over before it was started."""

    def __init__(self, folder: Path, number: int) -> None:
        super().__init__(folder, ("web",), SMALL)
        self.number = number
        self.now = int(time.time())

    async def start(self) -> None:
        await super().start()
        await self._keeper.close()
        slots = Slots.open(self.folder / "keeper", RECORDS)
        database = await Database.open(f"sqlite:///{self.database}")
        await fill(slots, database, self.number, self.now - 20 * DAY, self.now - DAY)
        await database.checkpoint()
        await database.close()
        await slots.close()
        await self._keeper.open()
        self.pids["keeper"] = self._keeper.process.pid

    async def start_caretaker(self) -> None:
        self.pids["caretaker"] = await self._launch("caretaker")

    def left(self) -> int:
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as raw:
            return raw.execute(LEFT, ((self.now - DAY) // 3600,)).fetchone()[0]

    def until_gone(self) -> float:
        """Wait, in a thread, until none is left; when that was."""
        while self.left():
            time.sleep(0.25)
        return time.perf_counter()


async def swept(number: int) -> dict:
    os.umask(0o077)
    folder = Path(tempfile.mkdtemp(prefix="hl", dir=os.environ.get("BENCH_DIR")))
    hotline = OverHotline(folder, number)
    try:
        await hotline.start()
        async with load.connections(hotline.port, 1) as (connection,):
            await asyncio.sleep(2)
            public = read_public((await connection.ask(post_json("/api/keys", {})))[1])
        prepared = await asyncio.to_thread(first_contacts, public, RATE * CAREFUL)
        assert hotline.left() == number
        begin = time.perf_counter()
        starting = asyncio.create_task(hotline.start_caretaker())  # it answers when it has swept
        gone = asyncio.create_task(asyncio.to_thread(hotline.until_gone))
        waits, errors = [], 0
        while not gone.done() and prepared:
            some, prepared = prepared[:RATE], prepared[RATE:]
            took = await load.steadily(hotline.port, RATE, some)
            waits += took.waits
            errors += took.errors
        seconds = await gone - begin
        await starting
        shares = {"p50": 0.5, "p99": 0.99, "most": 1.0}
        late = {name: 1000 * load.quantile(waits, share) for name, share in shares.items()}
        return {
            "number": number,
            "seconds": seconds,
            "contacts": len(waits),
            "errors": errors,
        } | late
    finally:
        await hotline.stop()
        shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--json", type=Path, help="where to write what was measured")
    given = parser.parse_args()
    found = [asyncio.run(swept(size)) for size in given.sizes]
    if given.json:
        given.json.write_text(json.dumps(found))
    for one in found:
        print(f"{one['number']:,} forgotten in {one['seconds']:.1f} s;", end=" ")
        print(f"{one['contacts']} new contacts, {one['errors']} refused:", end=" ")
        print(f"p50 {one['p50']:.0f} ms, p99 {one['p99']:.0f} ms, most {one['most']:.0f} ms")
        is_met = one["p99"] < MOST_LATE and not one["errors"]
        if one["number"] >= 100_000:
            is_met = is_met and one["seconds"] < MOST_SECONDS
        print(f"  below {MOST_SECONDS:.0f} s, p99 below {MOST_LATE:.0f} ms:", end=" ")
        print("met" if is_met else "MISSED")


if __name__ == "__main__":
    main()
