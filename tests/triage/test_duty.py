"""Hours of duty: what they say at each moment of a week, and where clocks are changed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.duty import DutyError, DutyHours

BERLIN = ZoneInfo("Europe/Berlin")
LINES = ["mon-fri 09:00-17:00", "sat 22:00-02:00"]
OFFICE = DutyHours.read(LINES, BERLIN)


def at(text, zone=BERLIN):
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("now", "on_duty", "changes"),
    [
        ("2026-11-23 08:59", False, "2026-11-23 09:00"),
        ("2026-11-23 09:00", True, "2026-11-23 17:00"),
        ("2026-11-23 16:59", True, "2026-11-23 17:00"),
        ("2026-11-23 17:00", False, "2026-11-24 09:00"),
        ("2026-11-27 18:00", False, "2026-11-28 22:00"),
        ("2026-11-29 01:30", True, "2026-11-29 02:00"),
        ("2026-11-29 02:00", False, "2026-11-30 09:00"),
        # clocks go forward on 28 March 2027: the night has no 02:00 to 03:00
        ("2027-03-28 01:59", True, "2027-03-28 02:00"),
        ("2027-03-29 08:30", False, "2027-03-29 09:00"),
    ],
)
def test_the_hours_say_who_is_there_and_until_when(now, on_duty, changes):
    standing = OFFICE.standing(at(now))
    assert standing.on_duty is on_duty
    assert standing.changes == at(changes).astimezone(UTC)


def test_spans_that_touch_are_one():
    hours = DutyHours.read(["mon 09:00-24:00", "tue 00:00-08:00", "mon 12:00-13:00"], UTC)
    assert hours.standing(at("2026-11-23 12:30", UTC)).changes == at("2026-11-24 08:00", UTC)


def test_always_and_never_have_no_end():
    always = DutyHours.read(["mon-sun 00:00-24:00"], BERLIN).standing(at("2026-11-23 12:00"))
    assert (always.on_duty, always.changes) == (True, None)
    never = DutyHours.read([], BERLIN).standing(at("2026-11-23 12:00"))
    assert (never.on_duty, never.changes) == (False, None)


def test_days_may_run_over_the_end_of_a_week():
    hours = DutyHours.read(["Sat-Mon  10:00-12:00"], UTC)
    on = [
        day
        for day in range(22, 29)
        if hours.standing(datetime(2026, 11, day, 11, tzinfo=UTC)).on_duty
    ]
    assert on == [22, 23, 28]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "mon",
        "monday 09:00-17:00",
        "mon 9-17",
        "mon 09:00-09:00",
        "mon 25:00-26:00",
        "mon 24:00-09:00",
    ],
)
def test_other_words_are_refused_with_an_example(line):
    with pytest.raises(DutyError, match=r"mon-fri 09:00-17:00"):
        DutyHours.read([line], UTC)


@given(
    st.integers(1_767_225_600, 1_830_297_600),
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"]),
)
def test_nothing_changes_before_the_change(seconds, zone):
    hours = DutyHours.read(LINES, ZoneInfo(zone))
    now = datetime.fromtimestamp(seconds, UTC)
    standing = hours.standing(now)
    assert standing.changes > now
    assert hours.standing(standing.changes).on_duty is not standing.on_duty
    between = now + (standing.changes - now) / 2
    assert hours.standing(between) == standing
    assert standing.changes - now < timedelta(days=8)
