"""What web does about messengers for a client with a phrase: a code, hours, an end.

Everything takes the client's own proof, and the keeper's answer is sealed to who made it. A row is
changed only after the keeper has: an address that it has freed cannot be opened by anybody.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

from intake_server.web.work import MalformedRequest, Unavailable
from vault import changes, parting
from vault.engine import Connection, Database, DatabaseFailed
from vault.keeper_client import KeeperDown, WebKeeper
from vault.keeper_joins import WaysKeeper
from vault.keeper_protocol import BadRequest, KeeperRefusal, Refused
from vault.keeper_requests import Proof
from vault.ways import NAMES


@dataclass(frozen=True, slots=True)
class WaysWork:
    """The steps; each raises Refused, MalformedRequest, Unavailable."""

    keeper: WebKeeper
    ways: WaysKeeper
    database: Database
    log: FilteringBoundLogger

    async def code(self, tag: bytes, proof: Proof) -> bytes:
        """Make a code with which a chat joins; the sealed answer."""
        with _calm():
            return await self.ways.code(tag, proof)

    async def hours(self, tag: bytes, channel: int, begin: int, end: int, proof: Proof) -> bytes:
        """Choose when messages come to a messenger; the sealed answer.

        The courier asks the keeper before each message, so nothing else needs to know.
        """
        with _calm():
            return await self.ways.hours(tag, channel, begin, end, proof)

    async def part(self, tag: bytes, channel: int, proof: Proof) -> bytes:
        """End a messenger; the sealed answer. A row that stays is left to the sweep."""
        name = NAMES.get(channel)
        if name is None:
            raise MalformedRequest
        with _calm():
            found = await self.keeper.find(tag)
        of = found.conversation_id
        try:
            # Before the keeper frees it: a chat that joins right after has a row of its own.
            rows = await self.database.read(lambda c: parting.at(c, of, name))
        except DatabaseFailed as failure:
            raise Unavailable from failure
        with _calm():
            answer = await self.ways.part(tag, channel, proof)
        try:
            await self.database.write(lambda c: _part(c, of, rows))
        except DatabaseFailed as failure:
            self.log.warning("rows_left_to_sweep", exc_info=failure)
        return answer


@contextlib.contextmanager
def _calm() -> Iterator[None]:
    try:
        yield
    except Refused:
        raise
    except BadRequest:
        raise MalformedRequest from None
    except (KeeperRefusal, KeeperDown) as failure:
        raise Unavailable from failure


def _part(c: Connection, conversation: bytes, rows: Sequence[tuple[int, bytes]]) -> None:
    parting.drop_at(c, rows)
    changes.note(c, conversation, "outbox")
