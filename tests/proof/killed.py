"""Keeper and storage, killed again and again: `killed.py FOLDER ROUNDS SEED`.

Each round forks a child that works on the same files and is killed at a random moment; every
CHECK_EVERY rounds another child compares what is there with the history of all rounds. Prints
how many kills, acknowledgements and checks there were. Forked, so that a round takes a moment.
"""

import asyncio
import os
import pickle
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.proof.at_work import prepare, work
from tests.proof.history import History

CHECK_EVERY = 20
LONGEST = 0.06  # seconds from the first word, or the first acknowledgement, to the kill
EARLY = 0.2  # so many rounds do not wait for one
UNTIL_DONE = 100_000


def one_round(
    folder: Path,
    name: str,
    history: History,
    lots: random.Random,
    strike: Callable[[], None] | None = None,
) -> None:
    """`strike` hits something else first, which the child may then end of."""
    reading, telling = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        said = lambda line: os.write(telling, f"{line}\n".encode())  # noqa: E731 -- one place
        try:
            asyncio.run(work(folder, name, history.living(), said, UNTIL_DONE))
        finally:
            os._exit(1)
    os.close(telling)
    heard = os.read(reading, 1)
    waits = lots.random() >= EARLY
    while waits and b"created" not in heard:
        more = os.read(reading, 1 << 16)
        assert more, "it ended by itself"
        heard += more
    time.sleep(lots.uniform(0, LONGEST))
    if strike:
        strike()
        time.sleep(lots.uniform(0, LONGEST))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert strike or os.WIFSIGNALED(status), "it ended by itself"
    while rest := os.read(reading, 1 << 16):
        heard += rest
    os.close(reading)
    for line in heard.decode().splitlines():
        history.take(line)


def check(folder: Path, history: History) -> History:
    """The history, settled by a child that opened everything; it has no thread in the parent."""
    reading, telling = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        asyncio.run(history.check(folder))
        with os.fdopen(telling, "wb") as pipe:
            pickle.dump(history, pipe)
        os._exit(0)
    os.close(telling)
    with os.fdopen(reading, "rb") as pipe:
        settled = pipe.read()
    _, status = os.waitpid(child, 0)
    assert status == 0, "what is there is not what was acknowledged; see above"
    return pickle.loads(settled)


def main(folder: Path, rounds: int, seed: str) -> None:
    asyncio.run(prepare(folder))
    history, lots, checks = History(), random.Random(seed), 0
    for number in range(rounds):
        one_round(folder, f"r{number}", history, lots)
        if (number + 1) % CHECK_EVERY == 0 or number == rounds - 1:
            history = check(folder, history)
            history.forget_the_dead()
            checks += 1
            sys.stderr.write(f"{number + 1} kills, {len(history.stories)} live\n")
    sys.stdout.write(f"{rounds} kills, {history.acknowledged} acknowledged, {checks} checks\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
