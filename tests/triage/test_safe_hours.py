"""When messages may come: reading what a client writes, and when the next safe hour begins."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.safe_hours import SafeHours, opens_at, read_hours

BERLIN = ZoneInfo("Europe/Berlin")
MINUTES = st.integers(0, 1439)


def at(text: str, zone=BERLIN) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp())


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("18-22", "18:00-22:00"),
        (" 9 - 17 ", "09:00-17:00"),
        ("18:30 22:05", "18:30-22:05"),
        ("18.30–6", "18:30-06:00"),
        ("20-24", "20:00-00:00"),
        ("١٨-٢٢", "18:00-22:00"),
        ("１８－２２", "18:00-22:00"),
        ("0-6", "00:00-06:00"),
    ],
)
def test_hours_are_read_as_people_write_them(written, kept):
    assert str(read_hours(written)) == kept


@pytest.mark.parametrize(
    "written", ["", "18", "18-", "25-3", "18:60-20", "24:01-3", "18-18", "0-24", "call me 18-22"]
)
def test_what_names_no_hours_is_not_guessed_at(written):
    assert read_hours(written) is None


@pytest.mark.parametrize(
    ("hours", "now", "opens"),
    [
        ("18-22", "2026-11-22T17:59", "2026-11-22T18:00"),
        ("18-22", "2026-11-22T18:00", None),
        ("18-22", "2026-11-22T21:59", None),
        ("18-22", "2026-11-22T22:00", "2026-11-23T18:00"),
        ("22-6", "2026-11-22T23:00", None),
        ("22-6", "2026-11-22T05:59", None),
        ("22-6", "2026-11-22T06:00", "2026-11-22T22:00"),
        ("9-10", "2026-03-28T12:00", "2026-03-29T09:00"),  # the clocks change that night
    ],
)
def test_the_next_safe_hour_is_by_the_clients_clock(hours, now, opens):
    expected = None if opens is None else at(opens)
    assert opens_at(read_hours(hours), at(now), BERLIN) == expected


@given(MINUTES, MINUTES, st.integers(1_700_000_000, 1_900_000_000))
def test_what_opens_is_later_and_safe(begin, end, now):
    hours = SafeHours(begin, end)
    if begin == end:
        return
    opens = opens_at(hours, now, UTC)
    if opens is None:
        moment = datetime.fromtimestamp(now, UTC)
        assert hours.holds(moment.hour * 60 + moment.minute)
    else:
        moment = datetime.fromtimestamp(opens, UTC)
        assert now < opens <= now + 86_400
        assert hours.holds(moment.hour * 60 + moment.minute)
    assert read_hours(str(hours)) == hours
