"""The caretaker's transactions: pairing, and the database's part of forgetting.

Each is short, so that writers of other processes are not held up; a sweep is a row of them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from vault import addresses, attachments, conversations, counts, meta, sweep
from vault.conversations import Deleted, Reference
from vault.engine import Connection, Database
from vault.meta import Meta


@dataclass(frozen=True, slots=True)
class Work:
    """What the caretaker does in the database."""

    database: Database

    async def meta(self) -> Meta:
        """Pairing id and commit counter."""
        return await self.database.read(meta.get)

    async def pair(self, pairing: bytes) -> None:
        """Bind the database to a slot file; raises WrongPairing where it has another."""
        await self.database.write(lambda c: meta.pair(c, pairing))

    async def waits_since_before(self, moment: int) -> bool:
        """Whether anybody waits for an answer since before a moment (seconds)."""
        waiting = await self.database.read(counts.waiting)
        return any(one.since < moment for one in waiting)

    async def references(self, after: bytes) -> list[Reference]:
        """A page of references in order of their ids, behind the id `after`."""
        return await self.database.read(lambda c: conversations.references(c, after))

    async def addresses(self) -> list[tuple[int, bytes]]:
        """Slot and tag of every messenger address."""
        return await self.database.read(addresses.all_references)

    async def existing(self, ids: Collection[bytes]) -> set[bytes]:
        """Those of these conversations that are in the database."""
        return await self.database.read(lambda c: conversations.existing(c, ids))

    async def delete(self, freed: Sequence[Reference]) -> Deleted:
        """Delete conversations whose slots are freed, in short steps.

        A row that names another slot by now is a new conversation under the same id: it stays.
        """
        gone = Deleted()
        for start in range(0, len(freed), sweep.BATCH):
            batch = freed[start : start + sweep.BATCH]
            await self._delete_chunks(batch)
            gone += await self._delete(batch)
        return gone

    async def delete_stale_attachments(self, now: int) -> None:
        """Delete what began to arrive hours ago and never became part of a message."""
        for _ in range(await self.database.read(lambda c: attachments.stale_pieces(c, now))):
            await self.database.write(lambda c: attachments.delete_stale(c, now))

    async def _delete_chunks(self, batch: Sequence[Reference]) -> None:
        pieces = await self.database.write(lambda c: attachments.shut(c, _same(c, batch)))
        for _ in range(pieces):
            await self.database.write(lambda c: attachments.delete_some(c, _same(c, batch)))

    async def _delete(self, batch: Sequence[Reference]) -> Deleted:
        return await self.database.write(lambda c: _delete_freed(c, batch))

    async def delete_addresses(self, references: Sequence[tuple[int, bytes]]) -> int:
        """Delete messenger addresses whose slots are freed; how many rows went."""
        gone = 0
        for start in range(0, len(references), sweep.BATCH):
            gone += await self._delete_addresses(references[start : start + sweep.BATCH])
        return gone

    async def _delete_addresses(self, batch: Sequence[tuple[int, bytes]]) -> int:
        return await self.database.write(lambda c: sweep.delete_addresses(c, batch))

    async def prune_changes(self, now: int) -> int:
        """Delete changes from which no screen resumes any more."""
        return await self.database.write(lambda c: sweep.prune_changes(c, now))


def _delete_freed(c: Connection, freed: Sequence[Reference]) -> Deleted:
    return sweep.delete_forgotten(c, _same(c, freed))


def _same(c: Connection, freed: Sequence[Reference]) -> list[bytes]:
    """Those that still name the slot that was freed."""
    there = {one.id: one for one in conversations.references_of(c, [each.id for each in freed])}
    return [one.id for one in freed if there.get(one.id) == one]
