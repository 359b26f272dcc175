"""The readiness list: what makes a line done, and what the client page waits for."""

from dataclasses import replace

import pytest

from intake_server.organisation import About, Details
from intake_server.readiness import (
    CHECKED_DAYS,
    Facts,
    facts_of,
    is_sheltered,
    may_open,
    missing,
    readiness,
)
from intake_server.settings import PageSettings, Settings, WebSettings
from triage.retention import DEFAULT_POLICY
from vault.keeper_answers import Standing
from vault.mirror import FRESH_SECONDS

NOW = 1_800_000_000
DAY = 86_400
WHOLE = Facts(
    now=NOW,
    is_trial=False,
    is_lost=False,
    holders=2,
    on_paper=False,
    data_contact=True,
    must_tell=True,
    hours=True,
    sheltered=True,
    signposts=2,
    signposts_checked=NOW - DAY,
    has_mirror=True,
    mirrored=NOW - 60,
    backup_tried=NOW - DAY,
    wrote_to_self=NOW - DAY,
)
REQUIRED = {
    "holder": {"holders": 0, "on_paper": True},
    "second": {"holders": 1},
    "contact": {"data_contact": False},
    "limits": {"must_tell": False},
    "hours": {"hours": False},
    "shelter": {"sheltered": False},
    "saved": {"is_lost": True},
}
ADVISED = {
    "signposts": {"signposts": 0},
    "backup": {"backup_tried": 0},
    "mirror": {"has_mirror": False},
    "story": {"wrote_to_self": 0},
}


def state_of(facts, name):
    return {line.name: line.state for line in readiness(facts)}[name]


def test_all_is_done_and_the_page_opens():
    assert {line.state for line in readiness(WHOLE)} == {"done"}
    assert may_open(WHOLE)


@pytest.mark.parametrize(("name", "change"), REQUIRED.items(), ids=REQUIRED)
def test_each_required_line_keeps_the_page_closed_alone(name, change):
    facts = replace(WHOLE, **change)
    assert [line.name for line in missing(readiness(facts))] == [name]
    assert not may_open(facts)


@pytest.mark.parametrize(("name", "change"), ADVISED.items(), ids=ADVISED)
def test_what_is_advised_is_shown_and_closes_nothing(name, change):
    facts = replace(WHOLE, **change)
    assert [line.name for line in readiness(facts) if line.state != "done"] == [name]
    assert may_open(facts)


def test_sheets_on_paper_are_a_second_way_in():
    assert may_open(replace(WHOLE, holders=1, on_paper=True))


def test_what_was_done_long_ago_is_late():
    old = NOW - CHECKED_DAYS * DAY - 1
    for name, field in (
        ("signposts", "signposts_checked"),
        ("backup", "backup_tried"),
        ("story", "wrote_to_self"),
    ):
        assert state_of(replace(WHOLE, **{field: old}), name) == "late"
    assert state_of(replace(WHOLE, mirrored=NOW - FRESH_SECONDS - 1), "mirror") == "late"
    assert state_of(replace(WHOLE, mirrored=0), "mirror") == "late"
    assert may_open(replace(WHOLE, mirrored=0))


def test_a_trial_needs_somebody_who_reads_and_nothing_else():
    bare = replace(WHOLE, is_trial=True, holders=1, sheltered=False, hours=False, must_tell=False)
    assert may_open(bare)
    assert not may_open(replace(bare, holders=0))


@pytest.mark.parametrize(
    ("host", "public_url", "sheltered"),
    [
        ("127.0.0.1", None, False),
        ("127.0.0.1", "http://127.0.0.1:8080", False),
        ("127.0.0.1", "https://localhost", False),
        ("127.0.0.1", "http://talk.example.org", False),
        ("127.0.0.1", "https://talk.example.org", True),
        ("127.0.0.1", f"http://{'a' * 56}.onion", True),
        ("0.0.0.0", None, False),
        ("0.0.0.0", "https://talk.example.org", True),
    ],
)
def test_shelter_is_https_or_an_onion_name(host, public_url, sheltered):
    settings = Settings(web=WebSettings(host=host, public_url=public_url))
    assert is_sheltered(settings) is sheltered


def test_facts_come_from_settings_details_and_keeper():
    page = PageSettings(data_contact="Kim", must_tell=" ", hours=("mon 09:00-10:00",))
    details = Details(schema=1, made=NOW, mode="real", backup_tried=5)
    about = About(page, DEFAULT_POLICY, "real", 1, details)
    facts = facts_of(
        Settings(), about, Standing(holders=3, on_paper=True, has_mirror=True, mirrored=7), NOW
    )
    assert facts == Facts(
        now=NOW,
        is_trial=False,
        is_lost=False,
        holders=3,
        on_paper=True,
        data_contact=True,
        must_tell=False,
        hours=True,
        sheltered=False,
        signposts=0,
        signposts_checked=0,
        has_mirror=True,
        mirrored=7,
        backup_tried=5,
        wrote_to_self=0,
    )
