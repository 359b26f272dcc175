"""How soon a new contact stands on twenty desks: `python benchmarks/events.py [--seconds N]`.

Keeper, web and desk run in one process, which makes them slower than they are; twenty streams of
changes and a hundred first contacts a second come from another. Counted is the time from a
contact's acknowledgement to its line at each desk, twenty for each contact; none may be missing.
Screening is off: where it is on, the line of a finding follows later.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import aiohttp

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.parts import load  # noqa: E402  # the path comes first
from benchmarks.parts.prepared import (  # noqa: E402  # the path comes first
    first_contacts,
    post_json,
    read_public,
)
from benchmarks.scale import FullPlace  # noqa: E402  # the path comes first
from tests.flows.people import to_bytes  # noqa: E402  # the path comes first
from vault import changes  # noqa: E402  # the path comes first

DESKS = 20
RATE = 100
SECONDS = 20.0
MOST_LATE = 1.0
LINGER = 5.0


class Watcher:
    """One desk: when each conversation was heard of."""

    def __init__(self) -> None:
        self.heard: dict[bytes, float] = {}

    async def watch(self, http, url: str, session: str, after: int) -> None:
        headers = {"Havenline-Session": session}
        async with http.post(url, json={"after": after}, headers=headers) as answer:
            async for line in answer.content:
                told = json.loads(line)
                if told.get("what") == "new":
                    self.heard.setdefault(to_bytes(told["conversation"]), time.perf_counter())


async def watch(given: dict) -> None:
    """The other process: contacts come, and desks hear of them; prints JSON."""
    async with load.connections(given["web"], 1) as (connection,):
        public = read_public((await connection.ask(post_json("/api/keys", {})))[1])
    prepared = await asyncio.to_thread(first_contacts, public, int(RATE * given["seconds"]))
    watchers = [Watcher() for _ in given["sessions"]]
    url = f"{given['desk']}/api/events"
    timeout, connector = aiohttp.ClientTimeout(total=None), aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as http:
        watching = [
            asyncio.create_task(one.watch(http, url, session, given["after"]))
            for one, session in zip(watchers, given["sessions"], strict=True)
        ]
        await asyncio.sleep(1)
        took = await load.steadily(given["web"], RATE, prepared)
        await asyncio.sleep(LINGER)
        for task in watching:
            task.cancel()
    waits, missing = [], 0
    for conversation, at in took.acknowledged.items():
        for one in watchers:
            heard = one.heard.get(conversation)
            missing += heard is None
            waits += [] if heard is None else [max(0.0, heard - at)]
    sys.stdout.write(
        json.dumps(
            {
                "contacts": len(took.acknowledged),
                "errors": took.errors,
                "contact_p99": took.quantile(0.99) / 1000,
                "lines": len(waits),
                "missing": missing,
                "p50": statistics.median(waits),
                "p99": load.quantile(waits, 0.99),
                "most": max(waits),
            }
        )
    )


async def measure(seconds: float) -> dict:
    os.umask(0o077)
    with tempfile.TemporaryDirectory(prefix="hl", dir=os.environ.get("BENCH_DIR")) as folder:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
            place = FullPlace(Path(folder), http, None)
            await place.open()
            ana = await place.first_person()
            people = [ana, *[await place.colleague(f"Colleague {n}") for n in range(1, DESKS)]]
            sessions = [one.session for one in people]
            given = {
                "web": int(place.web.rpartition(":")[2]),
                "desk": place.desk,
                "sessions": sessions,
                "after": await place.read(changes.newest),
                "seconds": seconds,
            }
            other = await asyncio.create_subprocess_exec(
                *(sys.executable, __file__, "--watch", json.dumps(given)),
                stdout=subprocess.PIPE,
            )
            told, _ = await other.communicate()
            await place.close()
    return json.loads(told)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--json", type=Path, help="where to write what was measured")
    parser.add_argument("--watch", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.watch:
        asyncio.run(watch(json.loads(given.watch)))
        return
    found = asyncio.run(measure(given.seconds))
    if given.json:
        given.json.write_text(json.dumps(found))
    print(f"{found['contacts']} contacts, {RATE} a second, {found['errors']} refused;", end=" ")
    print(f"acknowledged within {1000 * found['contact_p99']:.0f} ms (p99)")
    print(f"{found['lines']} lines at {DESKS} desks, {found['missing']} missing:", end=" ")
    print(f"p50 {found['p50']:.3f} s, p99 {found['p99']:.3f} s, most {found['most']:.3f} s")
    told = "met" if found["p99"] < MOST_LATE and not found["missing"] else "MISSED"
    print(f"p99 below {MOST_LATE:.0f} s and none missing: {told}")


if __name__ == "__main__":
    main()
