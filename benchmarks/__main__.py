"""Everything that is measured, with one command: `make bench` (or `python -m benchmarks`).

Runs one script after the other and writes what they print, the bars and a picture to
docs/benchmarks.md and docs/benchmarks.svg, with date and machine. `--parts scale events` runs some
of them; what the others last showed stays as it stands. A quarter of an hour on two quiet cores.
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
PICTURES = {
    "scale": ROOT / "docs" / "benchmarks.svg",
    "scale-postgres": ROOT / "docs" / "benchmarks-postgres.svg",
}
PARTS = {
    "scale": "What each request costs the server, by how many conversations are open",
    "scale-postgres": "The same on PostgreSQL",
    "events": "How soon a new contact stands on twenty desks",
    "sweep": "Forgetting a great many at once while new contacts come",
    "contacts": "How many first contacts a second, both paths",
    "storage": "The database alone",
    "keeper": "The keeper alone, and its start-up",
    "startup": "From `havenline up` until everything answers",
    "memory": "Memory of all processes, weight of the page",
    "screening": "Screening",
    "messengers": "Messengers",
}
COMMANDS = {
    "scale-postgres": ("-m", "benchmarks.parts.on_postgres"),
    "contacts": ("benchmarks/contacts.py", "--rounds", "1", "--seconds", "3"),
    "memory": ("benchmarks/memory.py", "--as-installed"),
}
"""How a part is run where not by the script of its name."""

NOT_YET = "not yet"
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
    command = [*COMMANDS.get(name, (f"benchmarks/{name}.py",))]
    if name in PICTURES:
        command += ["--json", str(folder / f"{name}.json")]
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
    """The page with a part's text in place of what it last showed; without such, at its end."""
    begin, end = MARK.format(name=name), END.format(name=name)
    before, there, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    if not there:
        return f"{page}\n## {PARTS[name]}\n{begin}\n{text}\n{end}\n"
    return f"{before}{begin}\n{text}\n{end}{after}"


def missing(page: str) -> str:
    """Which parts have no result on the page."""
    names = [title for name, title in PARTS.items() if MARK.format(name=name) not in page]
    if not names:
        return "Every part has a result here."
    return "Parts of `make bench` that have no result here yet: " + "; ".join(names) + "."


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
        day, before, begin = time.strftime("%Y-%m-%d", time.gmtime()), load(), time.monotonic()
        told = run(name, given.folder)
        took = f"took {time.monotonic() - begin:.0f} s"
        text = f"{day}, {machine()}, {before}, {took}.\n\n```\n{told.strip()}\n```"
        page = put(PAGE.read_text(), name, text)
        PAGE.write_text(put(page, NOT_YET, missing(page)))
        measured = given.folder / f"{name}.json"
        if name in PICTURES and measured.exists():
            PICTURES[name].write_text(picture(json.loads(measured.read_text())))


if __name__ == "__main__":
    main()
