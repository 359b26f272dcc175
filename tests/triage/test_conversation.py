"""The numbers in the names are those of the theory of operation in triage/conversation.py."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.conversation import (
    TRANSITIONS,
    Event,
    Refusal,
    State,
    StepRefusedError,
    release_event,
    step,
    waiting_since_after,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LIVING = [state for state in State if state is not State.ERASED]
HISTORIES = st.lists(st.sampled_from(Event))


def walk(events):
    """Take the steps that are possible and return the state reached."""
    state = State.WAITING
    for event in events:
        if (state, event) in TRANSITIONS:
            state = step(state, event)
    return state


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_rule_1_what_is_not_in_the_table_does_not_happen(state, event):
    if (state, event) in TRANSITIONS:
        assert step(state, event) is TRANSITIONS[state, event]
    else:
        with pytest.raises(StepRefusedError) as refused:
            step(state, event)
        assert (refused.value.state, refused.value.event) == (state, event)
        assert isinstance(refused.value.reason, Refusal)


@pytest.mark.parametrize("state", LIVING)
def test_rule_2_a_client_can_always_write_and_always_erase(state):
    assert step(state, Event.CLIENT_MESSAGE) in {State.WAITING, State.CLAIMED}
    assert step(state, Event.ERASE) is State.ERASED


def test_rule_3_a_claimed_conversation_is_handed_over_or_released_never_claimed_again():
    with pytest.raises(StepRefusedError) as refused:
        step(State.CLAIMED, Event.CLAIM)
    assert refused.value.reason is Refusal.HELD_BY_SOMEBODY
    assert step(State.CLAIMED, Event.HAND_OVER) is State.CLAIMED


@pytest.mark.parametrize("state", [state for state in State if state is not State.CLAIMED])
@pytest.mark.parametrize("event", [Event.REPLY, Event.CLOSE, Event.HAND_OVER])
def test_rule_4_only_the_holder_answers_closes_and_hands_over(state, event):
    with pytest.raises(StepRefusedError):
        step(state, event)


@pytest.mark.parametrize(("waiting_since", "after"), [(NOON, State.WAITING), (None, State.RESTING)])
def test_rule_5_a_release_leads_to_waiting_only_while_the_client_waits(waiting_since, after):
    assert step(State.CLAIMED, release_event(waiting_since)) is after


def test_rule_5_a_resting_conversation_waits_again_when_the_client_writes():
    assert step(State.RESTING, Event.CLIENT_MESSAGE) is State.WAITING


def test_rule_6_only_the_client_opens_a_closed_conversation():
    assert step(State.CLOSED, Event.CLIENT_MESSAGE) is State.WAITING
    leaving = [event for state, event in TRANSITIONS if state is State.CLOSED]
    assert sorted(leaving) == sorted([Event.CLIENT_MESSAGE, Event.ERASE])


@given(HISTORIES)
def test_rule_7_nothing_follows_an_erasure(events):
    assert walk([Event.ERASE, *events]) is State.ERASED
    for event in Event:
        with pytest.raises(StepRefusedError) as refused:
            step(State.ERASED, event)
        assert refused.value.reason is Refusal.ERASED


@given(HISTORIES)
def test_every_state_can_be_left_by_the_client_whatever_came_before(events):
    state = walk(events)
    if state is not State.ERASED:
        assert step(state, Event.ERASE) is State.ERASED


def test_rule_8_further_messages_do_not_move_the_waiting_time():
    later = NOON + timedelta(minutes=9)
    first = waiting_since_after(Event.CLIENT_MESSAGE, None, NOON)
    assert first == NOON
    assert waiting_since_after(Event.CLIENT_MESSAGE, first, later) == NOON


@pytest.mark.parametrize("event", Event)
def test_rule_8_only_an_answer_closing_or_erasing_ends_the_waiting(event):
    ends = {Event.REPLY, Event.CLOSE, Event.ERASE}
    assert (waiting_since_after(event, NOON, NOON) is None) is (event in ends)


def test_the_refusal_says_what_to_do():
    with pytest.raises(StepRefusedError, match="claim it first"):
        step(State.WAITING, Event.REPLY)
