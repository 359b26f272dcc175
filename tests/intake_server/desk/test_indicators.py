"""Decisions about findings: counted apart from conversations, reported without small numbers."""

import sqlite3
from collections import Counter
from contextlib import closing

import msgspec
from sqlalchemy import select, update

from intake_server.settings import SafeguardingSettings
from tests.intake_server.desk.place import Place, to_text
from tests.intake_server.desk.test_conversations import refusal, team_only
from tests.vault.rows import first_contact, new_conversation
from triage.learning import RARE
from vault import tables
from vault.roster import Role

RULE, RARE_RULE = "en.debt.work_off", "km.papers.taken"
WRONG = {"rule": RULE, "language": "en", "verdict": "dismissed"}
RIGHT = WRONG | {"verdict": "agreed"}
UNKNOWN = RIGHT | {"rule": "en.unknown"}
ADDED = {"rule": "debt_bondage", "language": "km", "verdict": "added"}


WEEK = 7 * 24 * 60 * 60


async def stored(place):
    """Everything that is counted in the database, the months added up."""
    sums = Counter()
    for row in await place.read(lambda c: c.execute(select(tables.indicator_counts)).all()):
        sums[tuple(row[1:4])] += row[4]
    return [(*key, times) for key, times in sorted(sums.items())]


async def count_again_in_a_week(place, person, *decisions):
    place.clock.turn(seconds=WEEK)
    await place.let_in(person)
    await person.ask("/api/indicators/count", {"decisions": decisions or [UNKNOWN]})


async def many_in(place, language):
    """So many conversations that the language is not rare."""
    for _ in range(RARE):
        one = new_conversation()
        await place.write(first_contact(one))
        of_it = tables.conversations.c.id == one.id
        change = update(tables.conversations).where(of_it).values(language=language)
        await place.write(lambda c, change=change: c.execute(change))


async def test_an_admin_sees_what_counsellors_decided_without_small_numbers(place, ana):
    await many_in(place, "en")
    jo = await place.colleague("Jo", Role.ADMIN)
    await ana.ask("/api/indicators/count", {"decisions": [WRONG] * 6 + [RIGHT] * 4 + [ADDED] * 7})
    await count_again_in_a_week(place, ana, RIGHT)
    await place.let_in(jo)
    assert await jo.ask("/api/indicators/report", {}) == {
        "months": 12,
        "rules": [
            {
                "rule": RULE,
                "language": "en",
                "agreed": None,
                "dismissed": 5,
                "mostly_dismissed": True,
            }
        ],
        "added": [{"category": "debt_bondage", "language": "other", "count": 5}],
        "languages": [
            {
                "language": "en",
                "decided": 10,
                "added": None,
                "conversations": 10,
                "few_findings": False,
            },
            {
                "language": "other",
                "decided": None,
                "added": 5,
                "conversations": None,
                "few_findings": True,
            },
        ],
    }


async def test_what_is_no_rule_or_no_language_is_not_counted(place, ana):
    for wrong in (
        WRONG | {"rule": "she was locked in"},
        WRONG | {"language": "English"},
        WRONG | {"verdict": "seen"},
        WRONG | {"conversation": "AAAA"},
    ):
        answer = await refusal(ana.ask("/api/indicators/count", {"decisions": [RIGHT, wrong]}))
        assert answer == (400, {"error": "malformed"})
    await count_again_in_a_week(place, ana, RIGHT)
    assert await stored(place) == []


async def test_only_rules_and_categories_that_run_here_are_counted(place, ana):
    """Nobody keeps a note in the counters: a name must be one of those that screening uses."""
    unknown = [
        WRONG | {"rule": "en.debt.anna-from-kyiv"},
        WRONG | {"rule": "debt_bondage"},
        ADDED | {"rule": RULE},
        ADDED | {"rule": "anna-from-kyiv"},
    ]
    guided = RIGHT | {"rule": "guided.papers", "language": "und"}
    await ana.ask("/api/indicators/count", {"decisions": [*unknown, guided]})
    await count_again_in_a_week(place, ana, *unknown)
    assert await stored(place) == [("document_retention", "other", "agreed", 1)]


async def test_a_rare_language_is_named_neither_itself_nor_by_its_rule(place, ana):
    await many_in(place, "en")
    rare = RIGHT | {"rule": RARE_RULE, "language": "km"}
    mixed = RIGHT | {"rule": RARE_RULE}
    await ana.ask("/api/indicators/count", {"decisions": [rare, mixed, WRONG, RIGHT]})
    await count_again_in_a_week(place, ana, WRONG)
    rows = await stored(place)
    assert [row[1:] for row in rows if row[0] == RULE] == [
        ("en", "agreed", 1),
        ("en", "dismissed", 1),
    ]
    (folded,) = [row for row in rows if row[0] != RULE]
    assert folded[1:] == ("other", "agreed", 2)
    assert "km" not in str(rows)


async def test_a_week_is_stored_as_one_sum_and_only_when_it_is_over(place, ana):
    """Backups of different days of a week hold the same counters."""
    for _ in range(3):
        await ana.ask("/api/indicators/count", {"decisions": [WRONG]})
        assert await stored(place) == []
    await count_again_in_a_week(place, ana, RIGHT)
    ((_, _, verdict, times),) = await stored(place)
    assert (verdict, times) == ("dismissed", 3)
    await place.close()
    await place.open()
    await count_again_in_a_week(place, ana, WRONG)
    assert len(await stored(place)) == 1, "what a restart has lost is not counted"


def rename(place, table, name):
    file = place.settings.data.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(file)) as raw:
        raw.execute(f"ALTER TABLE {table} RENAME TO {name}")


async def test_what_the_database_refuses_is_counted_later(place, ana):
    await ana.ask("/api/indicators/count", {"decisions": [WRONG]})
    rename(place, "indicator_counts", "away")
    place.clock.turn(seconds=WEEK)
    await place.let_in(ana)
    code, _ = await refusal(ana.ask("/api/indicators/count", {"decisions": [WRONG]}))
    assert code == 503
    rename(place, "away", "indicator_counts")
    await ana.ask("/api/indicators/count", {"decisions": [WRONG]})
    ((_, _, _, times),) = await stored(place)
    assert times == 1


async def test_counting_leaves_no_trace_of_who_counted_and_where(place, ana, client):
    """The same decision by somebody else about somebody else leaves the same database."""
    jo = await place.colleague("Jo")
    before = await place.noted()
    rows = []
    for person in (ana, jo):
        await place.let_in(person)
        await person.open(client.conversation)
        await person.ask("/api/indicators/count", {"decisions": [WRONG]})
        await count_again_in_a_week(place, person)
        rows.append(await stored(place))
    (first,), (second,) = rows
    assert first[:-1] == second[:-1]
    assert (first[-1], second[-1]) == (1, 2)
    assert {what for what in await place.noted() if what not in before} <= {"read"}
    for log in place.lines.getvalue().splitlines():
        assert "en.debt" not in log


async def test_what_is_decided_in_the_conversation_is_a_note_like_any_other(place, ana, client):
    """The database does not tell a decision from a note: both are sealed, of one size."""
    opened = await ana.open(client.conversation)
    named = {"conversation": to_text(client.conversation)}
    for direction in (4, 7):
        message, envelope = team_only(opened, "{}", direction, 3)
        await ana.ask("/api/note", named | {"message": message, "envelope": envelope})
    rows = await place.read(lambda c: c.execute(select(tables.messages)).mappings().all())
    notes = [
        {name: row[name] for name in row if name in {"kind", "direction", "hour"}}
        | {"size": len(row["envelope"])}
        for row in rows
        if row["kind"] == 2
    ]
    assert len(notes) == 2
    assert notes[0] == notes[1]


async def test_the_steps_for_a_likely_minor_are_the_organisations_own(short_dir, http):
    place = Place(short_dir, http)
    steps = SafeguardingSettings(text="Call Jo.", countries={"DE": "Ask the child first."})
    place.settings = msgspec.structs.replace(place.settings, safeguarding=steps)
    await place.open()
    try:
        ana = await place.first_person()
        assert await ana.ask("/api/safeguarding", {}) == {
            "text": "Call Jo.",
            "countries": [{"country": "DE", "text": "Ask the child first."}],
        }
    finally:
        await place.close()
