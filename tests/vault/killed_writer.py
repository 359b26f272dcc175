"""Writes in children that are killed at random moments; prints the ids that were acknowledged.

`killed_writer.py URL ROUNDS`. The children are forked, so that a round takes milliseconds.
"""

import asyncio
import os
import random
import signal
import sys
import time

from tests.vault.rows import first_contact, new_conversation
from vault.engine import Database


async def write(url: str, told: int) -> None:
    database = await Database.open(url)

    async def writer() -> None:
        while True:
            new = new_conversation()
            await database.write(first_contact(new))
            os.write(told, new.id)  # at most PIPE_BUF: whole or not at all

    await asyncio.gather(*(writer() for _ in range(8)))


def one_round(url: str) -> bytes:
    read, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        asyncio.run(write(url, told))
        os._exit(1)
    os.close(told)
    acknowledged = os.read(read, 16)
    time.sleep(random.uniform(0, 0.03))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(read, 1 << 16):
        acknowledged += more
    os.close(read)
    return acknowledged


def main(url: str, rounds: int) -> None:
    for _ in range(rounds):
        acknowledged = one_round(url)
        for start in range(0, len(acknowledged), 16):
            sys.stdout.write(acknowledged[start : start + 16].hex() + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
