"""What happened, as growing numbers from which a screen resumes after a break.

The newest row is never pruned: numbers go on from it, and a number given once is not given again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import Connection, bindparam, func, insert, select

from vault import tables

What = Literal[
    "new",
    "message",
    "finding",
    "claim",
    "release",
    "reply",
    "read",
    "close",
    "due",
    "erased",
    "urgency",
    "outbox",
]


@dataclass(frozen=True, slots=True)
class Change:
    """One change; `conversation` is None for `erased` and for what was forgotten since."""

    number: int
    conversation: bytes | None
    what: What


_t: Final = tables.changes.c
_living: Final = tables.conversations.c.id
_INSERT: Final = (
    insert(tables.changes)
    .values(
        conversation=select(_living).where(_living == bindparam("of")).scalar_subquery(),
        what=bindparam("happened"),
    )
    .inline()
)
_SINCE: Final = (
    select(_t.number, _t.conversation, _t.what)
    .where(_t.number > bindparam("after"))
    .order_by(_t.number)
    .limit(bindparam("most"))
)
_NEWEST: Final = select(func.max(_t.number))
_OLDEST: Final = select(func.min(_t.number))


def note(c: Connection, conversation: bytes | None, what: What) -> None:
    """Note a change. The id is kept only where the conversation is there, and not for `erased`."""
    of = None if what == "erased" else conversation
    c.execute(_INSERT, {"of": of, "happened": what})


def since(c: Connection, number: int, limit: int = 500) -> list[Change]:
    """Up to `limit` changes after `number`, oldest first."""
    return [Change(*row) for row in c.execute(_SINCE, {"after": number, "most": limit})]


def newest(c: Connection) -> int:
    """The newest number; 0 where nothing happened yet."""
    return c.scalar(_NEWEST) or 0


def is_gap(c: Connection, number: int) -> bool:
    """Whether changes after `number` were already pruned: then the queue is fetched anew."""
    oldest = c.scalar(_OLDEST) or 1
    return number + 1 < oldest
