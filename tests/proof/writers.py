"""Many write one database: `writers.py URL PROCESSES AT_ONCE WRITES`.

Each process is forked, has a writer and a reader connection of its own, writes AT_ONCE things at
a time, and reads now and then; one more does nothing but checkpoints. Ends with an error where
anybody is refused. Prints the longest time that anybody waited.
"""

import asyncio
import os
import struct
import sys
import time

from tests.vault.rows import first_contact, new_conversation
from vault import conversations
from vault.engine import Database

READ_EVERY = 10


async def write(url: str, at_once: int, writes: int, told: int) -> None:
    database = await Database.open(url, readers=1)
    longest = 0.0

    async def one() -> None:
        nonlocal longest
        for number in range(writes):
            began = time.perf_counter()
            await database.write(first_contact(new_conversation()))
            longest = max(longest, time.perf_counter() - began)
            if number % READ_EVERY == 0:
                await database.read(lambda c: conversations.references(c, b"", 100))

    await asyncio.gather(*(one() for _ in range(at_once)))
    os.write(told, struct.pack("d", longest))
    await database.close()


async def checkpoints(url: str, done: int) -> None:
    database = await Database.open(url, readers=1)
    emptied = tried = 0
    while os.read(done, 1) == b".":
        emptied += await database.checkpoint()
        tried += 1
    await database.close()
    sys.stdout.write(f"{tried} checkpoints, {emptied} emptied the log\n")
    sys.stdout.flush()


def forked(work) -> int:
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(work)
        except BaseException as error:  # noqa: BLE001 -- said, and told by the exit code
            sys.stderr.write(f"{error!r}\n")
            os._exit(1)
        os._exit(0)
    work.close()
    return child


def main(url: str, processes: int, at_once: int, writes: int) -> int:
    reading, telling = os.pipe()
    checker = os.fork()
    if checker == 0:
        os.close(telling)
        asyncio.run(checkpoints(url, reading))
        os._exit(0)
    os.close(reading)
    heard, told = os.pipe()
    children = [forked(write(url, at_once, writes, told)) for _ in range(processes)]
    os.close(told)
    failed = 0
    while children:
        os.write(telling, b".")  # the pipe is long enough for one every 20 ms
        child, status = os.waitpid(-1, os.WNOHANG)
        if child in children:
            children.remove(child)
            failed += status != 0
        elif child == checker:
            return 1
        else:
            os.sched_yield()
            asyncio.run(asyncio.sleep(0.02))
    os.close(telling)
    with os.fdopen(heard, "rb") as pipe:
        longest = max((each for (each,) in struct.iter_unpack("d", pipe.read())), default=0.0)
    _, status = os.waitpid(checker, 0)
    sys.stdout.write(f"the longest wait {longest:.2f} s\n")
    return failed + (status != 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *(int(each) for each in sys.argv[2:])))
