"""How many first contacts a second the database takes, and what waits how long.

A first contact is a conversation with two wraps, a sealed message of 563 bytes and a change,
acknowledged after a synced commit. Group commit is measured against single commits in the same
run and on the same disk. `python benchmarks/storage.py [--json]`.
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
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from vault import changes, conversations, messages  # noqa: E402  # the path comes first
from vault.conversations import NewConversation  # noqa: E402  # the path comes first
from vault.engine import Database  # noqa: E402  # the path comes first
from vault.engine_sqlite import (  # noqa: E402  # the path comes first
    SqliteReader,
    SqliteWriter,
)
from vault.messages import NewMessage  # noqa: E402  # the path comes first
from vault.schema import migrate  # noqa: E402  # the path comes first

NOW = 1_800_000_000
SECONDS = 4.0
OPEN_CONVERSATIONS = 10_000


def contact():
    new = NewConversation(
        id=os.urandom(16),
        slot=1,
        tag=os.urandom(16),
        channel="web",
        language="",
        danger=False,
        epoch=1,
        outer_team=b"\1\1\x20" + os.urandom(211),
        outer_client=b"\1\1\x20" + os.urandom(207),
        due=NOW + 86_400,
        latest=NOW + 864_000,
        now=NOW,
    )
    message = NewMessage(os.urandom(16), new.id, 1, 1, b"\1\1\1" + os.urandom(560), NOW)

    def work(c):
        conversations.create(c, new)
        messages.add(c, message)
        changes.note(c, new.id, "new")

    return work


def summary(took, elapsed):
    took.sort()
    return {
        "per_second": round(len(took) / elapsed),
        "median_ms": round(statistics.median(took) * 1000, 2),
        "p99_ms": round(took[int(len(took) * 0.99)] * 1000, 2),
        "worst_ms": round(took[-1] * 1000, 2),
    }


def single_commits(path):
    """Each contact in a transaction and a synced commit of its own."""
    session = SqliteWriter(path)
    took, start = [], time.perf_counter()
    while (began := time.perf_counter()) - start < SECONDS:
        work = contact()
        session.raw.execute("BEGIN IMMEDIATE")
        work(session.connection)
        session.raw.execute("COMMIT")
        took.append(time.perf_counter() - began)
    elapsed = time.perf_counter() - start
    session.close()
    return summary(took, elapsed)


async def group_commits(database, concurrent):
    took = []
    end = time.perf_counter() + SECONDS

    async def one_after_the_other():
        while (began := time.perf_counter()) < end:
            await database.write(contact())
            took.append(time.perf_counter() - began)

    cpu = await database.write(lambda _: time.thread_time())
    start = time.perf_counter()
    await asyncio.gather(*(one_after_the_other() for _ in range(concurrent)))
    elapsed = time.perf_counter() - start
    cpu = await database.write(lambda _: time.thread_time()) - cpu
    return summary(took, elapsed) | {"writer_cpu_us": round(cpu / len(took) * 1e6)}


async def reading(database):
    """The whole queue, as the desk reads it."""
    missing = OPEN_CONVERSATIONS - len(await database.read(conversations.queue))
    await asyncio.gather(*(database.write(contact()) for _ in range(missing)))
    took, start = [], time.perf_counter()
    for _ in range(20):
        began = time.perf_counter()
        rows = len(await database.read(conversations.queue))
        took.append(time.perf_counter() - began)
    return {"rows": rows} | summary(took, time.perf_counter() - start)


async def as_one_of_several(url):
    database = await Database.open(url)
    result = await group_commits(database, 8)
    await database.close()
    print(json.dumps(result))


def several_processes(url):
    command = [sys.executable, __file__, "--one-of-several", url]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(4)]
    results = [json.loads(child.communicate()[0]) for child in children]
    return {
        "per_second": sum(each["per_second"] for each in results),
        "least_of_one": min(each["per_second"] for each in results),
        "most_of_one": max(each["per_second"] for each in results),
        "worst_ms": max(each["worst_ms"] for each in results),
    }


async def measure(folder):
    path = Path(folder) / "database" / "havenline.sqlite3"
    url = f"sqlite:///{path}"
    migrate(url)
    results = {"single commits": single_commits(path)}
    database = await Database.open(url)
    for concurrent in (1, 8, 32):
        results[f"group commit, {concurrent} at once"] = await group_commits(database, concurrent)
    results["read the queue"] = await reading(database)
    await database.close()
    results["4 processes, 8 at once each"] = await asyncio.to_thread(several_processes, url)
    with closing(SqliteReader(path)) as session:
        results["stored"] = {"conversations": session.raw.execute(COUNT).fetchone()[0]}
    return results


COUNT = "SELECT count(*) FROM conversations"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="for a program")
    parser.add_argument("--one-of-several", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one_of_several:
        asyncio.run(as_one_of_several(given.one_of_several))
        return
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        results = asyncio.run(measure(folder))
    if given.json:
        print(json.dumps(results, indent=2))
        return
    for name, figures in results.items():
        shown = "  ".join(f"{key} {value}" for key, value in figures.items())
        print(f"{name:30} {shown}")


if __name__ == "__main__":
    main()
