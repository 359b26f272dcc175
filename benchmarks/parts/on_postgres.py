"""`benchmarks/scale.py` on a PostgreSQL of its own, synced as in earnest."""

import argparse
import asyncio
import json
import shutil
import tempfile
from pathlib import Path

from benchmarks.scale import SIZES, TIMES, measure, print_table
from tests.postgres.server import SHARED, running


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write what was measured")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="hlpg"))
    try:
        with running(folder, "fsync = on\n") as server:
            server.prepare()
            with server.as_superuser() as raw:
                version = (raw.execute("SHOW server_version").fetchone() or ("?",))[0]
            print(f"PostgreSQL {version.split()[0]}, files synced\n")
            bench = asyncio.run(measure(given.sizes, TIMES // 2, server.url(SHARED)))
        if given.json:
            given.json.write_text(json.dumps(bench.found))
        print_table(bench.found, given.sizes)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
