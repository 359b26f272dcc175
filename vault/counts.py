"""Numbers for whoever opens no conversation: how many there are, how many wait, since when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, func, select

from triage.conversation import State
from triage.waits import FirstAnswer
from vault import tables
from vault.messages import MESSAGE, TEAM_TO_CLIENT
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
_m: Final = tables.messages.c
_ANSWERED: Final = (
    select(_m.conversation, func.min(_m.hour).label("hour"))
    .where(_m.kind == MESSAGE, _m.direction == TEAM_TO_CLIENT)
    .group_by(_m.conversation)
    .subquery()
)
_FIRST_ANSWERS: Final = (
    select(_t.created_hour, _ANSWERED.c.hour)
    .outerjoin(_ANSWERED, _ANSWERED.c.conversation == _t.id)
    .where(_t.created_hour >= bindparam("since"))
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


def first_answers(c: Connection, since: int) -> list[FirstAnswer]:
    """When each conversation that began since then (hours since 1970) was first answered."""
    return [FirstAnswer(*row) for row in c.execute(_FIRST_ANSWERS, {"since": since})]
