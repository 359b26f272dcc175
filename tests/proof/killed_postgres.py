"""The same on PostgreSQL, whose server is killed too: `killed_postgres.py FOLDER ROUNDS SEED`.

The server is this program's own, with `fsync` and `synchronous_commit` on. Every SERVER_EVERY
rounds all its processes are killed at once while the child works, and it is started again.
"""

import asyncio
import os
import random
import shutil
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.postgres.server import SHARED, running, started
from tests.proof.at_work import prepare
from tests.proof.history import History
from tests.proof.killed import check, one_round

CHECK_EVERY = 10
SERVER_EVERY = 3


def processes_of(folder: Path) -> list[int]:
    """The server and everything that it started."""
    first = int((folder / "data" / "postmaster.pid").read_text().split()[0])
    parents = {}
    for each in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = each.read_text().rpartition(")")[2].split()
        except OSError:  # it ended while we looked
            continue
        parents[int(each.parent.name)] = int(fields[1])
    return [first, *(pid for pid, parent in parents.items() if parent == first)]


def kill_server(folder: Path) -> None:
    for pid in processes_of(folder):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def rounds_on(server_folder: Path, folder: Path, rounds: int, seed: str, stack: ExitStack) -> str:
    history, lots, checks, crashes = History(), random.Random(seed), 0, 0
    for number in range(rounds):
        hits_server = number % SERVER_EVERY == SERVER_EVERY - 1
        strike = (lambda: kill_server(server_folder)) if hits_server else None
        one_round(folder, f"r{number}", history, lots, strike)
        if hits_server:
            stack.enter_context(started(server_folder))
            crashes += 1
        if (number + 1) % CHECK_EVERY == 0 or number == rounds - 1:
            history = check(folder, history)
            history.forget_the_dead()
            checks += 1
            sys.stderr.write(f"{number + 1} kills, {len(history.stories)} live\n")
    return f"{rounds} kills, {crashes} with the server, {history.acknowledged} acknowledged, "


def main(folder: Path, rounds: int, seed: str) -> None:
    server_folder = Path(tempfile.mkdtemp(prefix="hlpg"))
    try:
        with ExitStack() as stack:
            server = stack.enter_context(running(server_folder, "fsync = on\n"))
            server.prepare()
            os.environ["HAVENLINE_PROOF_DATABASE"] = server.url(SHARED)
            asyncio.run(prepare(folder))
            told = rounds_on(server_folder, folder, rounds, seed, stack)
        sys.stdout.write(f"{told}all of it true\n")
    finally:
        shutil.rmtree(server_folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
