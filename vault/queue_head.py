"""The head of the queue and its numbers, so that a screen need not wait for the whole of it.

Within one urgency the queue's order is that of waiting (`triage.queue`, rules 1 and 3: who has
waited longer was lifted no later). So the first of all are among the first of each urgency that
are free, which an index gives in this order, and the few that the person holds. Free ones and the
person's own are asked for apart: together they are no stretch of an index, and PostgreSQL would
sort all who wait (docs/decisions/0032). Numbers are counted from indices that hold nothing but
what is counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, func, or_, select

from triage.conversation import State
from triage.queue import URGENCIES, Entry, QueueRules, order
from vault import counts, tables
from vault.conversations import QUEUE_COLUMNS, QueueRow, queue_rows
from vault.counts import Waiting
from vault.rounding import MINUTE

PAGE: Final = 1000
"""Rows of one further page."""


@dataclass(frozen=True, slots=True)
class Head:
    """The first rows in the queue's order, then what the person holds besides, and the numbers.

    `open` are all that are not closed, `queue` those who wait and are free or the person's own;
    `waiting` counts all who wait, whoever holds them.
    """

    rows: list[QueueRow] = field(repr=False)
    open: int
    queue: int
    waiting: list[Waiting]


_t: Final = tables.conversations.c
_WAITS: Final = _t.waiting_minute.is_not(None)
_FREE: Final = _t.holder.is_(None)
_MINE: Final = _t.holder == bindparam("staff")
_ENTRY: Final = select(_t.id, _t.urgency, _t.waiting_minute)
_FIRST_FREE: Final = (
    _ENTRY.where(_WAITS, _t.urgency == bindparam("urgency"), _FREE)
    .order_by(_t.waiting_minute, _t.id)
    .limit(bindparam("most"))
)
_WAIT_FOR_ME: Final = _ENTRY.where(_WAITS, _MINE)
_ROWS: Final = select(*QUEUE_COLUMNS).where(or_(_t.id.in_(bindparam("ids", expanding=True)), _MINE))
_WAITING: Final = (
    select(
        _t.urgency,
        func.count().label("number"),
        func.min(_t.waiting_minute).label("since"),
        func.count().filter(_FREE).label("free"),
    )
    .where(_WAITS)
    .group_by(_t.urgency)
    .order_by(_t.urgency.desc())
)
_PAGE: Final = (
    select(*QUEUE_COLUMNS)
    .where(_t.state != State.CLOSED.value, _t.id > bindparam("after"))
    .order_by(_t.id)
    .limit(bindparam("most"))
)


def head(c: Connection, staff: bytes, most: int, now: int, rules: QueueRules) -> Head:
    """The first `most` who wait and are free or held by `staff`; `now` in seconds."""
    mine = _entries(c, _WAIT_FOR_ME, {"staff": staff})
    entries = [
        entry
        for urgency in URGENCIES
        for entry in _entries(c, _FIRST_FREE, {"urgency": urgency, "most": most})
    ]
    places = order([*entries, *mine], datetime.fromtimestamp(now, UTC), rules)[:most]
    wanted = {place.entry.conversation_id: at for at, place in enumerate(places)}
    rows = queue_rows(c, _ROWS, {"ids": list(wanted), "staff": staff})
    rows.sort(key=lambda row: (wanted.get(row.id, most), row.id))
    waiting = c.execute(_WAITING).all()
    return Head(
        rows,
        counts.not_closed(c),
        sum(each.free for each in waiting) + len(mine),
        [Waiting(each.urgency, each.number, each.since * MINUTE) for each in waiting],
    )


def _entries(c: Connection, statement: Select[Any], values: Mapping[str, Any]) -> list[Entry]:
    return [
        Entry(found.id, found.urgency, datetime.fromtimestamp(found.waiting_minute * MINUTE, UTC))
        for found in c.execute(statement, values)
    ]


def page(c: Connection, after: bytes) -> list[QueueRow]:
    """Up to PAGE rows that are not closed, in order of id, beginning behind the id `after`."""
    return queue_rows(c, _PAGE, {"after": after, "most": PAGE})
