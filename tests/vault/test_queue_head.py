"""The head of the queue: the same as the beginning of the whole, with the same numbers."""

import random
from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from tests.vault.rows import NOW, new_conversation
from triage.conversation import State
from triage.queue import Entry, QueueRules, order
from vault import conversations, queue_head, tables

ANA, JO = b"a" * 16, b"j" * 16
DAY = 86_400
RULES = QueueRules()


def a_row(lots):
    """What a row says besides: who holds it, how urgent it is and since when it waits."""
    holder = lots.choice((None, None, None, ANA, JO))
    since = (NOW - lots.randrange(4 * DAY)) // 60
    waits = lots.random() < 0.7
    free = State.WAITING if waits else State.RESTING
    return {
        "state": (free if holder is None else State.CLAIMED).value,
        "holder": holder,
        "claimed_hour": None if holder is None else NOW // 3600,
        "waiting_minute": since if waits else None,
        "answered": not waits,
        "urgency": lots.randrange(4),
    }


@pytest.fixture
async def full(database):
    """Some of every kind, three of them closed."""
    lots = random.Random(11)
    made = [new_conversation() for _ in range(150)]

    def store(c):
        for new in made:
            conversations.create(c, new)
            row = tables.conversations.c.id == new.id
            c.execute(update(tables.conversations).where(row).values(a_row(lots)))
        for new in made[:3]:
            held = {"state": "claimed", "holder": ANA, "claimed_hour": NOW // 3600}
            row = tables.conversations.c.id == new.id
            c.execute(update(tables.conversations).where(row).values(held))
            conversations.close(c, new.id, NOW)

    await database.write(store)
    return database


def whole_order(rows):
    waiting = [row for row in rows if row.waiting_since is not None and row.holder in {None, ANA}]
    entries = [
        Entry(row.id, row.urgency, datetime.fromtimestamp(row.waiting_since, UTC))
        for row in waiting
    ]
    now = datetime.fromtimestamp(NOW, UTC)
    return [place.entry.conversation_id for place in order(entries, now, RULES)]


@pytest.mark.parametrize("most", [1, 7, 40, 200])
async def test_the_head_is_the_beginning_of_the_whole_order(full, most):
    rows = await full.read(conversations.queue)
    found = await full.read(lambda c: queue_head.head(c, ANA, most, NOW, RULES))
    ordered = whole_order(rows)
    assert [row.id for row in found.rows][: len(ordered[:most])] == ordered[:most]
    mine = {row.id for row in rows if row.holder == ANA}
    assert {row.id for row in found.rows} == {*ordered[:most], *mine}
    assert len(found.rows) == len({row.id for row in found.rows})
    assert {row.id: row for row in found.rows}.items() <= {row.id: row for row in rows}.items()


async def test_all_numbers_come_with_it(full):
    rows = await full.read(conversations.queue)
    found = await full.read(lambda c: queue_head.head(c, ANA, 1, NOW, RULES))
    assert (found.open, found.queue) == (len(rows), len(whole_order(rows))) != (150, 0)
    for each in found.waiting:
        waits = [
            row.waiting_since
            for row in rows
            if row.urgency == each.urgency and row.waiting_since is not None
        ]
        assert (each.count, each.since) == (len(waits), min(waits))
    assert sum(each.count for each in found.waiting) == sum(
        row.waiting_since is not None for row in rows
    )


async def test_pages_bring_every_row_once_in_order_of_id(full, monkeypatch):
    monkeypatch.setattr(queue_head, "PAGE", 40)
    found, after = [], b""
    while page := await full.read(lambda c, after=after: queue_head.page(c, after)):
        found += page
        after = page[-1].id
    rows = await full.read(conversations.queue)
    assert [row.id for row in found] == sorted(row.id for row in rows)


async def test_an_empty_queue_has_an_empty_head(database):
    found = await database.read(lambda c: queue_head.head(c, ANA, 5, NOW, RULES))
    assert (found.rows, found.open, found.queue, found.waiting) == ([], 0, 0, [])
