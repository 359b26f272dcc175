"""A keeper and a storage writer at work in one process, which says what it asks and what it got.

It does what the web process does, in its order: a first message is stored by the keeper, then by
the database, and then acknowledged; an erasure is acknowledged once the keeper has overwritten,
and its rows go afterwards. One line for each step: `asks create x`, `created x`, and so on.
"""

import asyncio
import os
import random
from collections.abc import Callable
from pathlib import Path

from tests.intake_server.keeper.world import Hotline
from tests.vault.rows import first_contact, from_client, new_conversation
from vault import conversations, messages
from vault.engine import Database
from vault.schema import migrate

SEED = bytes(range(32))
RECORDS = 4096
WORKERS = 6
LIVING = 20  # about so many at a time; the rest is erased
CHECKPOINT_EVERY = 0.02  # seconds
Tell = Callable[[str], None]


def url_of(folder: Path) -> str:
    """SQLite in the folder, or the database that HAVENLINE_PROOF_DATABASE names."""
    there = f"sqlite:///{folder / 'database' / 'havenline.sqlite3'}"
    return os.environ.get("HAVENLINE_PROOF_DATABASE", there)


def hotline_in(folder: Path) -> Hotline:
    return Hotline(folder, records=RECORDS, seed=SEED)


async def prepare(folder: Path) -> None:
    """A founded team and an empty database."""
    migrate(url_of(folder))
    hotline = hotline_in(folder)
    await hotline.open()
    await hotline.set_up()
    await hotline.close()


class Worker:
    """Several at once who write and erase; what lives is known to all of them."""

    def __init__(self, hotline: Hotline, database: Database, tell: Tell, lots: random.Random):
        self.hotline, self.database, self.tell, self.lots = hotline, database, tell, lots
        self.living: list[str] = []

    async def write_in(self, label: str) -> None:
        client = self.hotline.client(label)
        self.tell(f"asks create {label}")
        made = (await self.hotline.write_in(client))[1]
        secret = self.hotline.keeper.slots.get(made.reference.slot).s.reveal()
        self.tell(f"key {label} {secret.hex()}")
        new = new_conversation(
            id=client.conversation_id,
            slot=made.reference.slot,
            tag=made.reference.tag,
            outer_team=made.team_wrap,
            outer_client=made.client_wrap,
        )
        await self.database.write(first_contact(new))
        self.tell(f"created {label}")
        self.living.append(label)

    async def erase(self, label: str) -> None:
        client = self.hotline.client(label)
        self.tell(f"asks erase {label}")
        await self.hotline.erase(client)
        self.tell(f"erased {label}")
        await self.database.write(lambda c: conversations.delete(c, [client.conversation_id]))

    async def write_on(self, label: str) -> None:
        message = from_client(self.hotline.client(label).conversation_id)
        self.tell(f"asks write {label} {message.id.hex()}")
        await self.database.write(lambda c: messages.add(c, message))
        self.tell(f"wrote {label} {message.id.hex()}")

    async def go_on(self, name: str, rounds: int) -> None:
        for number in range(rounds):
            while len(self.living) > LIVING:
                self.lots.shuffle(self.living)
                await self.erase(self.living.pop())
                other = self.living.pop()
                await self.write_on(other)
                self.living.append(other)
            await self.write_in(f"{name}.{number}")


async def work(folder: Path, name: str, living: list[str], tell: Tell, rounds: int) -> None:
    """Work until `rounds` are done by each worker, or until somebody ends this process."""
    hotline = hotline_in(folder)
    await hotline.open()
    database = await Database.open(url_of(folder))
    worker = Worker(hotline, database, tell, random.Random(name))
    worker.living = list(living)

    async def checkpoints() -> None:
        while True:
            await asyncio.sleep(CHECKPOINT_EVERY)
            await database.checkpoint()

    beside = asyncio.create_task(checkpoints())
    await asyncio.gather(*(worker.go_on(f"{name}.{i}", rounds) for i in range(WORKERS)))
    beside.cancel()
    await database.close()
    await hotline.close()
