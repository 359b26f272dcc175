"""The numbers in the names are those of the theory of operation in triage/queue.py."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.queue import (
    HIGHEST_LIFT,
    LONGEST_WAIT,
    Entry,
    Lift,
    QueueRules,
    ReasonCode,
    SetBy,
    Tag,
    late_at,
    oldest_wait,
    order,
    standing,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
RULES = QueueRules()


def minutes(number):
    return timedelta(minutes=number)


def waiting(urgency, waited, name=b"", **more):
    return Entry(name, urgency, NOW - minutes(waited), **more)


ENTRIES = st.lists(
    st.builds(
        Entry,
        conversation_id=st.binary(min_size=16, max_size=16),
        urgency=st.integers(0, 3),
        waiting_since=st.integers(-10, 20_000).map(lambda waited: NOW - minutes(waited)),
        set_by=st.sampled_from(SetBy),
    ),
    max_size=40,
    unique_by=lambda entry: entry.conversation_id,
)


@given(ENTRIES)
def test_rule_1_higher_effective_urgency_stands_first(entries):
    places = [place.effective for place in order(entries, NOW, RULES)]
    assert places == sorted(places, reverse=True)


@given(ENTRIES)
def test_rule_2_danger_never_stands_behind_a_lifted_one(entries):
    places = order(entries, NOW, RULES)
    urgencies = [place.entry.urgency for place in places]
    assert urgencies[: urgencies.count(3)] == [3] * urgencies.count(3)
    for place in places:
        assert place.effective >= place.entry.urgency
        assert place.effective <= max(place.entry.urgency, HIGHEST_LIFT)


@given(ENTRIES)
def test_rule_3_within_a_level_the_longest_there_is_first(entries):
    places = order(entries, NOW, RULES)
    for earlier, later in pairwise(places):
        if earlier.effective == later.effective:
            assert earlier.level_since <= later.level_since


@given(ENTRIES, st.integers(0, 1), st.lists(st.integers(1, 20_000), max_size=20))
def test_rule_4_nobody_who_comes_later_overtakes_one_who_was_lifted_to_the_top(
    entries, urgency, arrivals
):
    patient = Entry(b"patient", urgency, NOW - timedelta(days=30))
    before = [entry for entry in entries if entry.urgency < 3]
    newcomers = [
        Entry(b"new%d" % number, 2, NOW + minutes(after)) for number, after in enumerate(arrivals)
    ]
    then = NOW + timedelta(days=20)
    place_now = [p.entry for p in order([patient, *before], NOW, RULES)].index(patient)
    place_then = [p.entry for p in order([patient, *before, *newcomers], then, RULES)].index(
        patient
    )
    assert place_then <= place_now


def test_rule_4_a_patient_0_passes_fresh_2s_but_no_3():
    patient = waiting(0, 80 * 60)
    fresh = [waiting(2, 10, b"two"), waiting(3, 1, b"three")]
    names = [place.entry.conversation_id for place in order([*fresh, patient], NOW, RULES)]
    assert names == [b"three", b"", b"two"]


@given(ENTRIES, st.randoms(use_true_random=False))
def test_rule_5_two_screens_agree_however_the_entries_come_in(entries, chance):
    shuffled = list(entries)
    chance.shuffle(shuffled)
    assert order(entries, NOW, RULES) == order(shuffled, NOW, RULES)


@given(ENTRIES)
def test_rule_6_nobody_is_left_out(entries):
    found = [place.entry.conversation_id for place in order(entries, NOW, RULES)]
    assert sorted(found) == sorted(entry.conversation_id for entry in entries)


@given(st.integers(0, 3), st.integers(0, 20_000), st.integers(0, 20_000))
def test_waiting_longer_never_lowers(urgency, waited, more):
    now = standing(waiting(urgency, waited), NOW, RULES)
    later = standing(waiting(urgency, waited), NOW + minutes(more), RULES)
    assert later.effective >= now.effective


TARGETS = st.fixed_dictionaries(
    {urgency: st.integers(1, 3 * 24 * 60).map(minutes) for urgency in range(4)}
)


@given(ENTRIES, TARGETS)
def test_nobody_waits_longer_than_a_day_without_being_late(entries, targets):
    if max(targets.values()) > LONGEST_WAIT:
        with pytest.raises(ValueError, match="24 hours"):
            QueueRules(late_after=targets)
        return
    for place in order(entries, NOW, QueueRules(late_after=targets)):
        if NOW - place.entry.waiting_since >= LONGEST_WAIT:
            assert Tag.LATE in place.tags


def lifts():
    """Lifts that rise in time and end at 2, as rules may have them."""
    times = st.lists(st.integers(1, 20_000), min_size=2, max_size=2, unique=True).map(sorted)
    return st.tuples(times, st.integers(1, 20_000)).map(
        lambda given: {
            0: (Lift(minutes(given[0][0]), 1), Lift(minutes(given[0][1]), 2)),
            1: (Lift(minutes(given[1]), 2),),
        }
    )


@given(ENTRIES, lifts())
def test_danger_never_stands_behind_a_lifted_one_whatever_the_rules(entries, lifted):
    found = order(entries, NOW, QueueRules(lifts=lifted))
    first_other = next((i for i, p in enumerate(found) if p.entry.urgency < 3), len(found))
    assert all(place.entry.urgency < 3 for place in found[first_other:])


@pytest.mark.parametrize(
    ("urgency", "target"),
    [(3, minutes(5)), (2, minutes(30)), (1, minutes(240)), (0, minutes(1440))],
)
def test_late_from_the_target_on_and_not_before(urgency, target):
    entry = Entry(b"", urgency, NOW)
    assert late_at(entry, RULES) == NOW + target
    assert Tag.LATE in standing(entry, NOW + target, RULES).tags
    assert Tag.LATE not in standing(entry, NOW + target - timedelta(seconds=1), RULES).tags


def test_last_day_when_forgotten_within_24_hours():
    soon = waiting(1, 5, due=NOW + timedelta(hours=24))
    not_yet = waiting(1, 5, due=NOW + timedelta(hours=25))
    assert Tag.LAST_DAY in standing(soon, NOW, RULES).tags
    assert Tag.LAST_DAY not in standing(not_yet, NOW, RULES).tags


def test_tags_come_by_rank():
    entry = waiting(3, 60, due=NOW, on_hold=True, set_by=SetBy.NOT_SCREENED)
    assert standing(entry, NOW, RULES).tags == (
        Tag.LATE,
        Tag.LAST_DAY,
        Tag.HELD,
        Tag.NOT_SCREENED,
    )


def test_the_reason_names_urgency_wait_and_how_it_was_set():
    reason = standing(waiting(3, 2, set_by=SetBy.CLIENT), NOW, RULES).reason
    assert (reason.code, reason.urgency, reason.waited_minutes) == (ReasonCode.URGENCY, 3, 2)
    assert reason.set_by is SetBy.CLIENT


def test_the_reason_of_a_lifted_one_says_so():
    reason = standing(waiting(1, 6 * 60), NOW, RULES).reason
    assert (reason.code, reason.urgency, reason.effective) == (ReasonCode.RAISED, 1, 2)
    assert reason.waited_minutes == 360


def test_a_clock_that_runs_behind_makes_no_negative_wait():
    entry = Entry(b"", 1, NOW + minutes(3))
    assert standing(entry, NOW, RULES).reason.waited_minutes == 0
    assert oldest_wait([entry], NOW) == {1: timedelta()}


def test_the_oldest_wait_by_urgency():
    entries = [waiting(3, 2), waiting(2, 41), waiting(2, 12)]
    assert oldest_wait(entries, NOW) == {3: minutes(2), 2: minutes(41)}


def lifts(**by_urgency):
    return {int(key[1:]): value for key, value in by_urgency.items()}


FAIR_1 = (Lift(minutes(10), 2),)


@pytest.mark.parametrize(
    "wrong",
    [
        lifts(u1=FAIR_1, u0=()),
        lifts(u1=FAIR_1, u0=(Lift(minutes(10), 1),)),
        lifts(u1=FAIR_1, u0=(Lift(minutes(10), 3),)),
        lifts(u1=FAIR_1, u0=(Lift(minutes(10), 2), Lift(minutes(20), 1))),
        lifts(u1=FAIR_1, u0=(Lift(minutes(0), 2),)),
        lifts(u1=FAIR_1, u0=FAIR_1, u2=(Lift(minutes(10), 3),)),
        lifts(u1=FAIR_1, u0=FAIR_1, u7=FAIR_1),
    ],
)
def test_rules_under_which_somebody_starves_or_passes_danger_are_refused(wrong):
    with pytest.raises(ValueError, match="lift"):
        QueueRules(lifts=wrong)


@pytest.mark.parametrize(
    "targets", [{3: minutes(5)}, {urgency: timedelta() for urgency in range(4)}]
)
def test_targets_must_be_whole(targets):
    with pytest.raises(ValueError, match="late_after"):
        QueueRules(late_after=targets)


def test_times_without_a_zone_are_refused():
    with pytest.raises(ValueError, match="time zone"):
        Entry(b"", 1, datetime(2026, 1, 1))  # noqa: DTZ001 -- the missing zone is the subject
