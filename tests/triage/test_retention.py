"""The numbers in the names are those of the theory of operation in triage/retention.py."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.retention import (
    DEFAULT_POLICY,
    LONGEST_HOURS,
    SHORTEST_HOURS,
    Kept,
    PolicyRefusedError,
    Promise,
    as_sentences,
    due_after,
    forgotten_at,
    latest_for,
    policy_from_table,
    policy_from_toml,
    preview,
    promise_for,
    round_up,
    rule_for,
    shorter_of,
)

SHIPPED = Path(__file__).parents[2] / "config" / "retention.toml"
START = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
DEFAULT = {"id": "default", "inactivity": "14d", "absolute": "60d", "closed": "7d"}

HOURS = st.integers(SHORTEST_HOURS, LONGEST_HOURS)
PROMISES = st.builds(Promise, HOURS, HOURS, HOURS, HOURS)
MOMENTS = st.integers(0, 400 * 24 * 3600).map(lambda seconds: START + timedelta(seconds=seconds))


def policy(*rules):
    return policy_from_table({"schema": 1, "rule": [*rules, DEFAULT]})


def problems(*rules, default=DEFAULT, **more):
    with pytest.raises(PolicyRefusedError) as refused:
        policy_from_table({"schema": 1, "rule": [*rules, default], **more})
    return {problem.code for problem in refused.value.problems}


def rule(name="short", **keys):
    return {"id": name, "inactivity": "7d", "absolute": "30d", "closed": "2d", **keys}


def oracle(promise, created, last_activity, closed_at):
    """Count hours from 1970 on whole numbers, written without looking at the code."""
    second = 3600
    ends = [
        created.timestamp() + promise.absolute_hours * second,
        last_activity.timestamp() + promise.inactivity_hours * second,
    ]
    if closed_at is not None:
        ends.append(closed_at.timestamp() + promise.closed_hours * second)
    soonest = min(ends)
    return int(-(-soonest // second)) * second


def test_the_shipped_policy_is_the_default():
    assert policy_from_toml(SHIPPED.read_text(encoding="utf-8")) == DEFAULT_POLICY


def test_rule_1_the_first_rule_that_matches_holds():
    found = policy(
        rule("signal", when={"channel": ["signal"]}, inactivity="3d"),
        rule("calm", when={"urgency": [0]}, inactivity="2d"),
    )
    assert rule_for(found, "signal", 0).id == "signal"
    assert rule_for(found, "web", 0).id == "calm"
    assert rule_for(found, "web", 3).id == "default"
    assert promise_for(found, "web", 0).inactivity_hours == 48


def test_rule_1_an_urgency_not_known_yet_matches_no_condition_on_it():
    assert rule_for(policy(rule(when={"urgency": [0, 1, 2, 3]})), "web").id == "default"


def test_rule_1_without_an_address_period_it_lives_as_long_as_inactivity():
    assert promise_for(policy(), "signal").address_hours == 14 * 24
    assert policy(rule(when={"channel": ["signal"]}, address="72h")).rules[0].promise == Promise(
        168, 720, 48, 72
    )


@pytest.mark.parametrize("wrong", ["0h", "366d", "8761h", "999999h"])
def test_rule_2_nothing_outside_the_rails(wrong):
    assert problems(default={**DEFAULT, "absolute": wrong, "inactivity": "1h", "closed": "1h"}) <= {
        "outside_rails",
        "period",
    }


@pytest.mark.parametrize(
    "wrong", ["forever", "for ever", "", "d", "-3d", "2mo", "1y", "1.5d", "١٤d", 14, None, True, []]
)
def test_rule_2_a_period_is_hours_or_days(wrong):
    assert problems(default={**DEFAULT, "inactivity": wrong}) <= {"period", "no_period"}


@given(st.text())
def test_rule_2_no_text_makes_a_period_outside_the_rails(text):
    try:
        found = policy_from_table(
            {
                "schema": 1,
                "rule": [{**DEFAULT, "absolute": text, "inactivity": "1h", "closed": "1h"}],
            }
        )
    except PolicyRefusedError:
        return
    assert SHORTEST_HOURS <= found.rules[0].promise.absolute_hours <= LONGEST_HOURS


@given(PROMISES, PROMISES)
def test_rule_3_a_later_policy_only_shortens(promised, current):
    held = shorter_of(promised, current)
    for name in ("inactivity_hours", "absolute_hours", "closed_hours", "address_hours"):
        assert getattr(held, name) == min(getattr(promised, name), getattr(current, name))


@given(PROMISES, MOMENTS, st.none() | MOMENTS)
def test_rule_4_due_agrees_with_an_independent_count(promise, last_activity, closed_at):
    due = due_after(promise, created=START, last_activity=last_activity, closed_at=closed_at)
    assert due.timestamp() == oracle(promise, START, last_activity, closed_at)
    assert due <= latest_for(promise, START)


@given(PROMISES, MOMENTS, MOMENTS, MOMENTS)
def test_rule_4_due_is_never_past_a_latest_that_the_client_chose(promise, activity, closed, latest):
    due = due_after(promise, created=START, last_activity=activity, closed_at=closed, latest=latest)
    assert due <= latest


@given(PROMISES, MOMENTS, MOMENTS)
def test_rule_4_later_activity_never_makes_it_sooner(promise, first, second):
    sooner, later = sorted((first, second))
    assert due_after(promise, created=START, last_activity=sooner) <= due_after(
        promise, created=START, last_activity=later
    )


@given(MOMENTS)
def test_rule_5_rounding_is_up_and_by_less_than_an_hour(moment):
    rounded = round_up(moment)
    assert timedelta() <= rounded - moment < HOUR
    assert (rounded.minute, rounded.second, rounded.microsecond) == (0, 0, 0)
    assert round_up(rounded) == rounded


def test_rule_5_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        round_up(datetime(2026, 1, 1))  # noqa: DTZ001 -- the missing zone is the subject


@given(MOMENTS, MOMENTS, st.none() | MOMENTS)
def test_rule_7_a_hold_keeps_until_its_end_and_never_past_latest(due, latest, hold_until):
    forgotten = forgotten_at(due, latest, hold_until)
    assert forgotten <= latest
    assert forgotten >= min(due, latest)
    if hold_until is not None:
        assert forgotten >= min(hold_until, latest)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"forever": True}, "unknown_key"),
        ({"when": {"mood": ["sad"]}}, "unknown_key"),
        ({"when": {}}, "when"),
        ({"when": {"channel": []}}, "when"),
        ({"when": {"channel": "web"}}, "when"),
        ({"when": {"channel": ["fax"]}}, "channel"),
        ({"when": {"urgency": [4]}}, "urgency"),
        ({"when": {"urgency": [True]}}, "urgency"),
        ({"when": {"urgency": ["3"]}}, "urgency"),
        ({"inactivity": "31d", "when": {"urgency": [1]}}, "longer_than_absolute"),
        ({"id": ""}, "no_id"),
        ({"id": "default", "when": {"urgency": [1]}}, "same_id"),
    ],
)
def test_lint_names_the_mistake(wrong, code):
    assert code in problems({**rule(), **wrong})


def test_lint_finds_rules_that_can_never_be_reached():
    covered = [
        rule("a", when={"urgency": [0, 1]}),
        rule("b", when={"urgency": [2, 3]}),
        rule("c", when={"channel": ["web"], "urgency": [1, 2]}),
    ]
    assert problems(*covered) == {"unreachable"}
    assert problems(rule("everything")) == {"unreachable"}


def test_lint_wants_a_last_rule_for_everything():
    assert problems(default={**DEFAULT, "when": {"channel": ["web"]}}) == {"no_default"}


def test_lint_tells_all_problems_at_once_with_their_place():
    with pytest.raises(PolicyRefusedError) as refused:
        policy_from_table({"rule": [{"id": "x", "inactivity": "0h"}, 7], "colour": 1})
    places = {problem.where for problem in refused.value.problems}
    assert places == {"file", 'rule "x"', "rule 2"}


@pytest.mark.parametrize("text", ["", "schema = 1", "rule = 3", "[[rule]", "schema = 1\nrule = []"])
def test_an_unfinished_file_is_refused_in_words(text):
    with pytest.raises(PolicyRefusedError) as refused:
        policy_from_toml(text)
    assert all(problem.text for problem in refused.value.problems)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["schema", "rule", "id", "when", "closed"]), inner)
        ),
        max_leaves=12,
    ).filter(lambda value: isinstance(value, dict))
)
def test_no_table_breaks_the_reader(table):
    try:
        found = policy_from_table(table)
    except PolicyRefusedError:
        return
    assert found.rules[-1].channels is None


def test_sentences_for_the_desk():
    (only,) = as_sentences(DEFAULT_POLICY)
    assert only.text == (
        "Erased 14 days after the last message, 60 days after the first at the latest, "
        "7 days after closing."
    )
    short, _ = as_sentences(
        policy(rule(when={"channel": ["web"]}, inactivity="1d", closed="1h", absolute="36h"))
    )
    assert short.text == (
        "Erased 1 day after the last message, 36 hours after the first at the latest, "
        "1 hour after closing."
    )
    assert (short.channels, short.urgencies) == (("web",), ())


def test_preview_counts_what_would_go_and_what_has_no_answer():
    def kept(days_quiet, *, unanswered=False):
        promise = DEFAULT_POLICY.rules[0].promise
        quiet = START - timedelta(days=days_quiet)
        return Kept(promise, "web", 1, START - timedelta(days=20), quiet, None, unanswered)

    shorter = policy(rule(when={"channel": ["web"]}))
    found = preview([kept(1), kept(8), kept(9, unanswered=True)], shorter, START)
    assert (found.conversations, found.go_now, found.go_now_unanswered) == (3, 2, 1)
    assert preview([kept(8)], DEFAULT_POLICY, START).go_now == 0


def test_preview_of_a_longer_policy_keeps_the_promise():
    longer = policy(rule(when={"channel": ["web"]}, inactivity="20d"))
    quiet = START - timedelta(days=15)
    promise = DEFAULT_POLICY.rules[0].promise
    kept = Kept(promise, "web", 1, quiet, quiet, closed_at=None, unanswered=True)
    assert preview([kept], longer, START).go_now == 1
