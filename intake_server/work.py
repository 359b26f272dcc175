"""The operator's own transactions: pairing at the first start, and what a restore deletes.

Whether a conversation lives is the keeper's to say; here it only goes from the database.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from vault import addresses, conversations, meta, staff, sweep
from vault.conversations import Reference
from vault.engine import Database
from vault.meta import Meta

PART = 1_000  # references asked about at once

AskLiving = Callable[[Sequence[tuple[int, bytes]]], Awaitable[Sequence[bool]]]
"""Tells for each (slot, tag) whether it lives."""


@dataclass(frozen=True)
class Pruned:
    """What a restored database held, and what of it was forgotten since the backup."""

    conversations: int = 0
    forgotten: int = 0
    addresses_forgotten: int = 0


async def standing(database: Database) -> Meta:
    """What the database says about itself."""
    return await database.read(meta.get)


async def pair(database: Database, pairing: bytes) -> None:
    """Bind the database to the slot file. Raises `vault.meta.WrongPairing`, DatabaseFailed."""
    await database.write(lambda c: meta.pair(c, pairing))


async def count_staff(database: Database) -> int:
    """How many people have their keys here."""
    return len(await database.read(staff.all))


async def delete_forgotten(database: Database, ask_living: AskLiving) -> Pruned:
    """Delete every row whose slot does not live any more, and its bytes from the file."""
    pruned = Pruned()
    after = b""
    while part := await _references(database, after):
        after = part[-1].id
        living = await ask_living([(each.slot, each.tag) for each in part])
        gone = [each.id for each, lives in zip(part, living, strict=True) if not lives]
        for ids in sweep.batches(gone):
            await _delete(database, ids)
        pruned = replace(
            pruned,
            conversations=pruned.conversations + len(part) - len(gone),
            forgotten=pruned.forgotten + len(gone),
        )
    pruned = replace(pruned, addresses_forgotten=await _delete_addresses(database, ask_living))
    await database.vacuum()
    await database.checkpoint()
    return pruned


async def _references(database: Database, after: bytes) -> list[Reference]:
    return await database.read(lambda c: conversations.references(c, after, PART))


async def _delete(database: Database, ids: Sequence[bytes]) -> None:
    await database.write(lambda c: sweep.delete_forgotten(c, ids))


async def _delete_addresses(database: Database, ask_living: AskLiving) -> int:
    every = await database.read(addresses.all_references)
    count = 0
    for start in range(0, len(every), sweep.BATCH):
        part = every[start : start + sweep.BATCH]
        living = await ask_living(part)
        gone = [each for each, lives in zip(part, living, strict=True) if not lives]
        if gone:
            count += await _drop_addresses(database, gone)
    return count


async def _drop_addresses(database: Database, gone: Sequence[tuple[int, bytes]]) -> int:
    return await database.write(lambda c: sweep.delete_addresses(c, gone))
