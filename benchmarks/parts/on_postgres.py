"""`benchmarks/scale.py` on a PostgreSQL of its own, synced as in earnest."""

import asyncio
import shutil
import tempfile
from pathlib import Path

from benchmarks.scale import TIMES, measure, print_table
from tests.postgres.server import SHARED, running

SIZES = [100, 1_000, 10_000, 100_000]


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="hlpg"))
    try:
        with running(folder, "fsync = on\n") as server:
            server.prepare()
            bench = asyncio.run(measure(SIZES, TIMES // 2, server.url(SHARED)))
        print_table(bench.found, SIZES)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
