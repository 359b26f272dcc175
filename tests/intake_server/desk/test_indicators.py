"""Decisions about findings: counted apart from conversations, reported without small numbers."""

import msgspec
from sqlalchemy import select

from intake_server.settings import SafeguardingSettings
from tests.intake_server.desk.place import Place, to_text
from tests.intake_server.desk.test_conversations import refusal, team_only
from vault import tables
from vault.roster import Role

WRONG = {"rule": "en.debt.work_off", "language": "en", "verdict": "dismissed"}
RIGHT = WRONG | {"verdict": "agreed"}
ADDED = {"rule": "debt_bondage", "language": "km", "verdict": "added"}


async def test_an_admin_sees_what_counsellors_decided_without_small_numbers(place, ana):
    jo = await place.colleague("Jo", Role.ADMIN)
    await ana.ask("/api/indicators/count", {"decisions": [WRONG] * 6 + [RIGHT] * 4 + [ADDED] * 7})
    assert await jo.ask("/api/indicators/report", {}) == {
        "months": 12,
        "rules": [
            {
                "rule": "en.debt.work_off",
                "language": "en",
                "agreed": None,
                "dismissed": 5,
                "mostly_dismissed": True,
            }
        ],
        "added": [{"category": "debt_bondage", "language": "km", "count": 5}],
        "languages": [
            {
                "language": "en",
                "decided": 10,
                "added": None,
                "conversations": None,
                "few_findings": False,
            },
            {
                "language": "km",
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
    rows = await place.read(lambda c: c.execute(select(tables.indicator_counts)).all())
    assert rows == []


async def test_counting_leaves_no_trace_of_who_counted_and_where(place, ana, client):
    """The same decision by somebody else about somebody else leaves the same database."""
    jo = await place.colleague("Jo")
    before = await place.noted()
    rows = []
    for person in (ana, jo):
        await person.open(client.conversation)
        await person.ask("/api/indicators/count", {"decisions": [WRONG]})
        rows.append(await place.read(lambda c: c.execute(select(tables.indicator_counts)).all()))
    (first,), (second,) = rows
    assert first[:-1] == second[:-1]
    assert (first[-1], second[-1]) == (1, 2)
    assert [what for what in await place.noted() if what not in before] == ["read"]
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
