"""What this machine can do at most, one thing at a time, so that other figures mean something."""

import asyncio
import contextlib
import os
import sqlite3
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aiohttp import web

from benchmarks.parts.load import one_after_the_other
from benchmarks.parts.prepared import Prepared, post
from vault.phrase import new_phrase, phrase_keys
from vault.sealing import Kind, new_box_keys, seal

ROWS = 64  # as many as share one commit in the product
ROW = 1_100  # bytes of a first contact's rows
BODY = 2_900  # bytes of a first contact's request


def rate(step, seconds: float) -> float:
    """How often a second `step` runs."""
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        step()
        done += 1
    return done / (time.perf_counter() - start)


def syncs(folder: Path, seconds: float) -> float:
    fd = os.open(folder / "ceiling", os.O_RDWR | os.O_CREAT)
    os.pwrite(fd, os.urandom(1 << 20), 0)
    os.fsync(fd)
    record, places = os.urandom(256), iter(range(0, 1 << 40, 256))

    def step() -> None:
        os.pwrite(fd, record, next(places) % (1 << 20))
        os.fdatasync(fd)

    measured = rate(step, seconds)
    os.close(fd)
    return measured


def commits(folder: Path, rows: int, seconds: float) -> float:
    """Commits a second with so many rows each."""
    path = folder / f"ceiling-{rows}.sqlite3"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("PRAGMA journal_mode = WAL")
        raw.execute("PRAGMA synchronous = FULL")
        raw.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, content BLOB)")
        content = os.urandom(ROW)

        def step() -> None:
            raw.execute("BEGIN IMMEDIATE")
            for _ in range(rows):
                raw.execute("INSERT INTO rows (content) VALUES (?)", (content,))
            raw.execute("COMMIT")

        return rate(step, seconds)


def sealed_boxes(seconds: float) -> float:
    public, body = new_box_keys().public, os.urandom(500)
    return rate(lambda: seal(Kind.SCREENING, public, body, padded=True), seconds)


def phrases(seconds: float, threads: int) -> float:
    """Argon2id with 8 MiB and one pass, as for a return phrase, in so many threads."""
    with ThreadPoolExecutor(threads) as pool:
        phrase = new_phrase()
        steps = [pool.submit(rate, lambda: phrase_keys(phrase), seconds) for _ in range(threads)]
        return sum(step.result() for step in steps)


def huge_pages() -> str:
    """The kernel's setting. libsodium maps 8 MiB anew for each phrase: in small pages, the kernel
    may need longer to give them out than Argon2id needs to fill them.
    """
    try:
        setting = Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text()
    except OSError:
        return "unknown"
    return setting.partition("[")[2].partition("]")[0]


async def bare_posts(seconds: float, clients: int) -> float:
    """Requests a second to an aiohttp server that does nothing but read them."""
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.parts.ceilings"),
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
    )
    port = int(await server.stdout.readline())
    request = Prepared(post("/api/first", "application/json", b" " * BODY))
    took = await one_after_the_other(port, clients, [request] * int(seconds * 20_000), seconds)
    server.terminate()
    await server.wait()
    return took.per_second


async def serve_bare() -> None:
    async def answer(request: web.BaseRequest) -> web.Response:
        await request.read()
        return web.Response(body=b" " * 150, headers={"Content-Type": "application/json"})

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


async def all_ceilings(folder: Path, seconds: float) -> dict[str, float]:
    """Each by its name, in times a second."""
    return {
        "fdatasync of 256 bytes": syncs(folder, seconds),
        "SQLite commits of 1 row, synchronous=FULL": commits(folder, 1, seconds),
        f"SQLite rows, {ROWS} to a commit": ROWS * commits(folder, ROWS, seconds),
        "sealed boxes of 512 bytes": sealed_boxes(seconds),
        "Argon2id 8 MiB, 1 thread": phrases(seconds, 1),
        "Argon2id 8 MiB, 2 threads": phrases(seconds, 2),
        "POST to a bare aiohttp server, 1 client": await bare_posts(seconds, 1),
        "POST to a bare aiohttp server, 32 clients": await bare_posts(seconds, 32),
    }


if __name__ == "__main__":
    asyncio.run(serve_bare())
