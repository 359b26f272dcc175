"""The head of the queue and its numbers, so that a screen need not wait for the whole of it.

Within one urgency the queue's order is that of waiting (`triage.queue`, rules 1 and 3: who has
waited longer was lifted no later). So the first of all are among the first of each urgency, and
an index gives those. Numbers are counted from indices that hold nothing but what is counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, bindparam, case, func, or_, select

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
_MINE: Final = or_(_t.holder.is_(None), _t.holder == bindparam("staff"))
_FIRST: Final = (
    select(_t.id, _t.urgency, _t.waiting_minute)
    .where(_WAITS, _t.urgency == bindparam("urgency"), _MINE)
    .order_by(_t.waiting_minute, _t.id)
    .limit(bindparam("most"))
)
_ROWS: Final = select(*QUEUE_COLUMNS).where(
    or_(_t.id.in_(bindparam("ids", expanding=True)), _t.holder == bindparam("staff"))
)
_WAITING: Final = (
    select(
        _t.urgency, func.count(), func.min(_t.waiting_minute), func.sum(case((_MINE, 1), else_=0))
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
    entries = [
        Entry(found.id, found.urgency, datetime.fromtimestamp(found.waiting_minute * MINUTE, UTC))
        for urgency in URGENCIES
        for found in c.execute(_FIRST, {"urgency": urgency, "most": most, "staff": staff})
    ]
    places = order(entries, datetime.fromtimestamp(now, UTC), rules)[:most]
    wanted = {place.entry.conversation_id: at for at, place in enumerate(places)}
    rows = queue_rows(c, _ROWS, {"ids": list(wanted), "staff": staff})
    rows.sort(key=lambda row: (wanted.get(row.id, most), row.id))
    waiting = c.execute(_WAITING, {"staff": staff}).all()
    return Head(
        rows,
        counts.not_closed(c),
        int(sum(mine for *_, mine in waiting)),
        [Waiting(urgency, count, since * MINUTE) for urgency, count, since, _ in waiting],
    )


def page(c: Connection, after: bytes) -> list[QueueRow]:
    """Up to PAGE rows that are not closed, in order of id, beginning behind the id `after`."""
    return queue_rows(c, _PAGE, {"after": after, "most": PAGE})
