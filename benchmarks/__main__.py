"""Everything that is measured, with one command: `make bench` (or `python -m benchmarks`).

Runs one script after the other and writes what they print, the bars and a picture to
docs/benchmarks.md and docs/benchmarks.svg, with date and machine. `--parts scale events` runs some
of them; what the others last showed stays as it stands. An hour on two cores.
"""

import argparse
import json
import os
import platform
import re
import sqlite3
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.parts.chart import lines

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
PICTURE = ROOT / "docs" / "benchmarks.svg"
PARTS = {
    "scale": "What each request costs the server, by how many conversations are open",
    "scale-postgres": "The same on PostgreSQL",
    "events": "How soon a new contact stands on twenty desks",
    "sweep": "Forgetting a great many at once while new contacts come",
    "contacts": "How many first contacts a second, both paths",
    "storage": "The database alone",
    "keeper": "The keeper alone, and its start-up",
    "memory": "Memory of all processes, weight of the page",
    "screening": "Screening",
    "messengers": "Messengers",
}
MARK = "<!-- {name}: what the next run replaces begins here -->"
END = "<!-- {name}: ends here -->"


def machine() -> str:
    names = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    name = names[0] if names else platform.machine()
    python, file = platform.python_version(), sqlite3.sqlite_version
    return f"{os.cpu_count()} cores of {name}, Python {python}, SQLite {file}"


def load() -> str:
    return f"load {os.getloadavg()[0]:.1f} at the beginning"


def run(name: str, folder: Path) -> str:
    """What a script prints; one that fails says so."""
    if name == "scale-postgres":
        command = ["-m", "benchmarks.parts.on_postgres"]
    else:
        command = [str(Path("benchmarks") / f"{name}.py")]
    if name == "memory":
        command += ["--as-installed"]
    if name == "scale":
        command += ["--json", str(folder / "scale.json")]
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.stdout + ("" if done.returncode == 0 else f"failed: {done.returncode}\n")


def put(page: str, name: str, text: str) -> str:
    """The page with a part's text in place of what it last showed."""
    begin, end = MARK.format(name=name), END.format(name=name)
    before, there, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    if not there:
        return f"{page}\n## {PARTS[name]}\n{begin}\n{text}\n{end}\n"
    return f"{before}{begin}\n{text}\n{end}{after}"


def picture(found: dict) -> str:
    middles = {
        name: {int(size): statistics.median(each) for size, each in by_size.items()}
        for name, by_size in found.items()
    }
    return lines("Open conversations", "milliseconds, median", middles)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--folder", type=Path, default=Path("/tmp"))
    given = parser.parse_args()
    for name in given.parts:
        sys.stderr.write(f"== {name}\n")
        day, before = time.strftime("%Y-%m-%d", time.gmtime()), load()
        told = run(name, given.folder)
        text = f"{day}, {machine()}, {before}.\n\n```\n{told.strip()}\n```"
        PAGE.write_text(put(PAGE.read_text(), name, text))
        if name == "scale":
            PICTURE.write_text(picture(json.loads((given.folder / "scale.json").read_text())))


if __name__ == "__main__":
    main()
