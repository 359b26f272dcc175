"""What is said of waiting: true for four of five, one of a few bounds, nothing of a few people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.waits import BOUNDS, FEWEST, FirstAnswer, usual_wait

NOW = 500_000


def after(hours, began=NOW - 200):
    return FirstAnswer(began, None if hours is None else began + hours)


def test_four_of_five_were_answered_within_it():
    assert usual_wait([after(0)] * 20, NOW) == 1
    assert usual_wait([after(1)] * 20, NOW) == 3
    assert usual_wait([after(2)] * 16 + [after(40)] * 4, NOW) == 3
    assert usual_wait([after(2)] * 15 + [after(40)] * 5, NOW) == 48
    assert usual_wait([after(100)] * 20, NOW) is None


def test_a_few_answers_say_nothing():
    assert usual_wait([after(0)] * (FEWEST - 1), NOW) is None
    assert usual_wait([], NOW) is None
    assert usual_wait([after(None)] * 100 + [after(0)] * (FEWEST - 1), NOW) is None


def test_who_still_waits_counts_once_the_bound_has_passed():
    answered = [after(0)] * 20
    assert usual_wait(answered + [after(None)] * 6, NOW) is None
    assert usual_wait(answered + [after(None, NOW - 1)] * 6, NOW) == 1
    assert usual_wait(answered + [after(None, NOW - 2)] * 6, NOW) == 3


@given(st.lists(st.integers(0, 90), min_size=FEWEST, max_size=60), st.integers(0, 90))
def test_one_answer_more_moves_it_by_what_it_is_and_never_shows_it(waits, one):
    """Only bounds are said, and each is true of four of five."""
    for known in (waits, [*waits, one]):
        said = usual_wait([after(hours) for hours in known], NOW)
        assert said is None or said in BOUNDS
        if said is not None:
            assert sum(hours < said for hours in known) * 5 >= len(known) * 4


@pytest.mark.parametrize("bound", BOUNDS)
def test_a_bound_is_never_shorter_than_the_wait(bound):
    """An hour is rounded: what began at 10:01 and was answered at 11:59 took nearly two."""
    assert not after(bound).is_within(bound)
    assert after(bound - 1).is_within(bound)
