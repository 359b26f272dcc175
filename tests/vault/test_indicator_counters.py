"""Counters of findings: they count, outlive what was counted, and can hold nothing else."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from tests.vault.rows import first_contact, new_conversation
from triage.learning import Tally
from vault import conversations, counts, indicator_counters, tables
from vault.indicator_counters import Decision, NotCountable, count, month_of, totals


def at(year, month, day=1):
    return int(datetime(year, month, day, 12, tzinfo=UTC).timestamp())


NOW = at(2026, 11, 22)
WRONG = Decision("en.debt.work_off", "en", "dismissed")
RIGHT = Decision("en.debt.work_off", "en", "agreed")
ADDED = Decision("debt_bondage", "es", "added")


def test_each_decision_is_counted_in_its_month(c):
    count(c, {WRONG: 2, RIGHT: 1}, at(2026, 10, 31))
    count(c, {WRONG: 1, ADDED: 1}, NOW)
    assert totals(c, NOW, 1) == [
        Tally("debt_bondage", "es", "added", 1),
        Tally("en.debt.work_off", "en", "dismissed", 1),
    ]
    assert totals(c, NOW, 2) == [
        Tally("debt_bondage", "es", "added", 1),
        Tally("en.debt.work_off", "en", "agreed", 1),
        Tally("en.debt.work_off", "en", "dismissed", 3),
    ]


def test_a_row_has_no_more_than_month_rule_language_verdict_and_count(c):
    count(c, {WRONG: 1}, NOW)
    assert [tuple(row) for row in c.execute(select(tables.indicator_counts))] == [
        (month_of(NOW), "en.debt.work_off", "en", "dismissed", 1)
    ]
    assert month_of(NOW) == month_of(at(2026, 11, 1)) == 56 * 12 + 10


@pytest.mark.parametrize(
    ("rule", "language"),
    [
        ("they took my passport", "en"),
        ("", "en"),
        ("r" * 81, "en"),
        ("en.règle", "en"),
        ("en.rule\n", "en"),
        ("en.rule", ""),
        ("en.rule", "English, she is afraid"),
        ("en.rule", "EN"),
        ("en.rule", "en\n"),
        ("en.rule", "others"),
    ],
)
def test_a_text_is_not_countable(rule, language):
    with pytest.raises(NotCountable):
        Decision(rule, language, "agreed")


def test_what_is_two_years_old_goes(c):
    count(c, {WRONG: 1}, at(2024, 11))
    count(c, {RIGHT: 1}, at(2024, 12))
    count(c, {ADDED: 1}, NOW)
    assert {one.verdict for one in totals(c, NOW, 100)} == {"agreed", "added"}


def test_names_of_rules_cannot_fill_the_disk(c, monkeypatch):
    monkeypatch.setattr(indicator_counters, "MOST_ROWS", 2)
    count(c, {WRONG: 1, ADDED: 3, RIGHT: 2}, NOW)
    assert [(one.verdict, one.count) for one in totals(c, NOW, 1)] == [
        ("added", 3),
        ("agreed", 2),
    ]


async def test_counters_are_the_same_after_forgetting_and_name_nobody(database):
    """The proof of docs/decisions/0015: a row does not depend on whom it was counted for."""
    first, second = new_conversation(), new_conversation()
    for one in (first, second):
        await database.write(first_contact(one))
    await database.write(lambda c: count(c, {WRONG: 1, ADDED: 1}, NOW))
    before = await database.read(lambda c: c.execute(select(tables.indicator_counts)).all())
    await database.write(lambda c: conversations.delete(c, [first.id]))
    after = await database.read(lambda c: c.execute(select(tables.indicator_counts)).all())
    assert after == before
    for row in after:
        for value in row:
            assert not isinstance(value, bytes)
            assert str(value) not in {first.id.hex(), second.id.hex(), str(NOW), str(NOW // 3600)}


async def test_conversations_by_language(database):
    for language in ("de", "de", ""):
        one = new_conversation()
        await database.write(first_contact(one))
        set_to = update(tables.conversations).where(tables.conversations.c.id == one.id)
        await database.write(
            lambda c, to=set_to, code=language: c.execute(to.values(language=code))
        )
    assert await database.read(counts.by_language) == {"de": 2, "": 1}
