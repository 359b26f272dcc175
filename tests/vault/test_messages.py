"""Messages: numbered in order, stored once, only sealed ones; drafts; arrivals from messengers."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.vault.rows import (
    HOUR,
    NOW,
    an_id,
    finding,
    from_client,
    from_team,
    new_conversation,
    sealed,
)
from vault import conversations, drafts, inbox, messages
from vault.conversations import STEP
from vault.messages import MESSAGE, NOTE, NotAnEnvelope, UnknownConversation


@pytest.fixture
def of(c):
    new = new_conversation()
    conversations.create(c, new)
    return new.id


def test_what_is_stored_comes_back_in_order(c, of):
    stored = [from_client(of), from_team(of), finding(of), from_client(of)]
    numbers = [messages.add(c, each) for each in stored]
    assert numbers == sorted(numbers)
    found = messages.of(c, of)
    assert [(row.number, row.id, row.envelope) for row in found] == [
        (number, each.id, each.envelope) for number, each in zip(numbers, stored, strict=True)
    ]
    assert {row.hour for row in found} == {NOW // HOUR * HOUR}
    assert conversations.get(c, of).last_number == numbers[-1]
    assert messages.of(c, of, after=numbers[1]) == found[2:]
    assert messages.of(c, of, kinds=(MESSAGE,)) == [found[0], found[1], found[3]]
    assert messages.of(c, of, kinds=(NOTE,)) == [found[2]]


def test_a_repeated_id_is_stored_once(c, of):
    message = from_client(of)
    assert messages.add(c, message) == STEP
    assert messages.add(c, message) is None
    assert messages.add(c, from_client(of, id=message.id)) is None
    assert [row.envelope for row in messages.of(c, of)] == [message.envelope]
    assert conversations.get(c, of).last_number == STEP


def test_a_repeated_id_of_one_client_does_not_touch_another(c, of):
    other = new_conversation()
    conversations.create(c, other)
    message = from_client(of)
    messages.add(c, message)
    assert messages.add(c, from_client(other.id, id=message.id)) == STEP


def test_screening_again_stores_nothing_twice(c, of):
    messages.add(c, from_client(of))
    found = {"conversation": of, "finding": an_id(), "envelope": sealed(NOTE), "now": NOW}
    assert messages.add_finding(c, **found) == STEP + 1
    assert messages.add_finding(c, **found) is None


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=st.lists(st.booleans(), max_size=20))
def test_a_client_cannot_tell_from_the_numbers_whether_the_team_wrote_notes(c, written):
    new = new_conversation()
    conversations.create(c, new)
    for is_note in written:
        messages.add(c, finding(new.id) if is_note else from_client(new.id))
    seen = [row.number for row in messages.of(c, new.id, kinds=(MESSAGE,))]
    assert seen == [STEP * (place + 1) for place in range(len(seen))]
    every = [row.number for row in messages.of(c, new.id)]
    assert every == sorted(set(every))


@pytest.mark.parametrize(
    "envelope",
    [
        b"",
        b"Hello, this is not sealed",
        b"\x01\x01\x02" + os.urandom(560),  # of the other kind
        b"\x02\x01\x01" + os.urandom(560),  # of another version
        b"\x01\x01\x01" + os.urandom(559),  # of no bucket
        b"\x01\x01\x01" + os.urandom(16384 + 51),
    ],
)
def test_only_envelopes_are_stored(c, of, envelope):
    with pytest.raises(NotAnEnvelope) as caught:
        messages.add(c, from_client(of, envelope=envelope))
    assert "seal it" in str(caught.value)
    with pytest.raises(NotAnEnvelope):
        drafts.put(c, of, an_id(), b"Hello", NOW)
    assert messages.of(c, of) == []


@pytest.mark.parametrize("size", [512, 1024, 2048, 4096, 8192, 16384])
def test_every_bucket_is_stored(c, of, size):
    message = from_client(of, envelope=sealed(MESSAGE, size=size))
    messages.add(c, message)
    assert messages.of(c, of)[0].envelope == message.envelope


def test_what_is_gone_takes_no_message(c, of):
    with pytest.raises(UnknownConversation):
        messages.add(c, from_client(an_id()))
    conversations.delete(c, [of])
    with pytest.raises(UnknownConversation):
        messages.add(c, from_client(of))
    with pytest.raises(UnknownConversation, match="forgotten"):
        drafts.put(c, of, an_id(), sealed(NOTE), NOW)


def test_a_draft_is_replaced_and_belongs_to_one_person(c, of):
    ana, ben, first, second = an_id(), an_id(), sealed(NOTE), sealed(NOTE)
    drafts.put(c, of, ana, first, NOW)
    drafts.put(c, of, ben, first, NOW)
    drafts.put(c, of, ana, second, NOW)
    assert drafts.get(c, of, ana) == second
    assert drafts.get(c, of, ben) == first
    drafts.drop(c, of, ana)
    drafts.drop(c, of, ana)
    assert drafts.get(c, of, ana) is None
    assert drafts.get(c, of, ben) == first


def test_what_arrives_twice_is_seen(c, of):
    transport = os.urandom(32)
    assert not inbox.seen(c, transport)
    assert inbox.note(c, transport, of, NOW)
    assert inbox.seen(c, transport)
    assert not inbox.note(c, transport, of, NOW)
