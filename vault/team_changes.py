"""What a change of the team asks of conversations: new wraps, and holders who are gone.

A row's epoch is a hint: a wrap opens only under the epoch for which it was made.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, bindparam, func, select

from vault import tables


@dataclass(frozen=True, slots=True)
class Behind:
    """A conversation to be re-wrapped: where the keeper has it, and for which epoch it is."""

    conversation: bytes = field(repr=False)
    slot: int
    tag: bytes = field(repr=False)
    epoch: int


_t: Final = tables.conversations.c
_behind: Final = _t.epoch < bindparam("head")
_NEXT: Final = (
    select(_t.id, _t.slot, _t.tag, _t.epoch)
    .where(_behind, _t.id > bindparam("after"))
    .order_by(_t.id)
    .limit(bindparam("most"))
)
_COUNT: Final = select(func.count()).select_from(tables.conversations).where(_behind)


def behind(c: Connection, head: int, after: bytes, most: int) -> tuple[list[Behind], int]:
    """Up to `most` of those below the head epoch, after the id `after`; and how many in all."""
    rows = c.execute(_NEXT, {"head": head, "after": after, "most": most})
    left: int = c.scalar(_COUNT, {"head": head}) or 0
    return [Behind(*row) for row in rows], left


def held_by(c: Connection, staff: Collection[bytes]) -> list[tuple[bytes, bytes]]:
    """The conversations that any of these people hold, each with its holder."""
    rows = c.execute(select(_t.id, _t.holder).where(_t.holder.in_(tuple(staff))))
    return [(row.id, row.holder) for row in rows if row.holder is not None]
