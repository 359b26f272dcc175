"""Uploads in children that are killed at random moments; prints what was acknowledged.

`killed_upload.py URL ROUNDS`. One line each: attachment, in hexadecimal, of a stored message.
"""

import asyncio
import os
import random
import signal
import sys
import time

from tests.vault.rows import NOW, a_chunk, an_id, first_contact, from_client, new_conversation
from vault import attachments, messages
from vault.attachments import Arriving, Limits
from vault.engine import Connection, Database

LIMITS = Limits(10_000, 1_000_000)
CHUNKS = 8


async def upload(url: str, told: int) -> None:
    database = await Database.open(url)
    new = new_conversation()
    await database.write(first_contact(new))
    while True:
        one, message = an_id(), from_client(new.id)
        for first in range(0, CHUNKS, 4):
            some = Arriving(one, new.id, CHUNKS, first, [a_chunk() for _ in range(4)])
            await database.write(lambda c, some=some: attachments.arrive(c, some, LIMITS, NOW))

        def name_it(c: Connection, one: bytes = one, message=message) -> None:
            messages.add(c, message)
            attachments.bind(c, new.id, message.id, [one])

        await database.write(name_it)
        os.write(told, one)


def one_round(url: str) -> bytes:
    read, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        asyncio.run(upload(url, told))
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
