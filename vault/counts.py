"""Numbers for whoever opens no conversation: how many there are, how many wait, since when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select

from triage.conversation import State
from vault import tables
from vault.rounding import MINUTE


@dataclass(frozen=True, slots=True)
class Waiting:
    """Those of one urgency who wait for an answer; `since` in seconds, of the oldest."""

    urgency: int
    count: int
    since: int


_t: Final = tables.conversations.c
_WAITING: Final = (
    select(_t.urgency, func.count(), func.min(_t.waiting_minute))
    .where(_t.waiting_minute.is_not(None))
    .group_by(_t.urgency)
    .order_by(_t.urgency.desc())
)
_OPEN: Final = (
    select(func.count()).select_from(tables.conversations).where(_t.state != State.CLOSED.value)
)
_LANGUAGES: Final = select(_t.language, func.count()).group_by(_t.language)


def waiting(c: Connection) -> list[Waiting]:
    """Who waits, most urgent first."""
    return [
        Waiting(urgency, count, minute * MINUTE) for urgency, count, minute in c.execute(_WAITING)
    ]


def not_closed(c: Connection) -> int:
    """How many conversations are not closed."""
    return c.scalar(_OPEN) or 0


def by_language(c: Connection) -> dict[str, int]:
    """How many conversations there are in each language; "" where none is known."""
    return {row[0]: row[1] for row in c.execute(_LANGUAGES)}
