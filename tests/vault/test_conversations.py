"""Conversations: one winner, urgency, times, states, and what goes with them."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.vault.rows import (
    DAY,
    HOUR,
    NOW,
    a_chunk,
    an_id,
    first_contact,
    from_client,
    new_conversation,
    outbox_item,
    outer,
    sealed,
)
from triage.conversation import TRANSITIONS, Event, State
from vault import (
    addresses,
    attachments,
    changes,
    conversations,
    drafts,
    inbox,
    messages,
    outbox,
    tables,
)
from vault.attachments import Arriving, Limits
from vault.conversations import Claim, Deleted

ANA, BEN = b"a" * 16, b"b" * 16
one_database = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
times = st.integers(min_value=1_600_000_000, max_value=3_000_000_000)


def made(c, **changed):
    new = new_conversation(**changed)
    assert conversations.create(c, new)
    messages.add(c, from_client(new.id))
    return new


# --- making ---------------------------------------------------------------------------------


def test_what_is_stored_comes_back(c):
    new = new_conversation(channel="signal", language="de", outer_client=None)
    conversations.create(c, new)
    row = conversations.get(c, new.id)
    assert (row.id, row.slot, row.tag, row.channel, row.language) == (
        new.id,
        new.slot,
        new.tag,
        "signal",
        "de",
    )
    assert (row.outer_team, row.outer_client, row.epoch) == (new.outer_team, None, 1)
    assert (row.state, row.holder, row.claimed_at) == (State.WAITING, None, None)
    assert (row.last_number, row.read_up_to, row.answered) == (0, 0, False)
    assert conversations.get(c, an_id()) is None


def test_making_the_same_again_changes_nothing(c):
    new = made(c)
    before = conversations.get(c, new.id)
    assert not conversations.create(c, new)
    assert conversations.get(c, new.id) == before


def test_under_another_slot_nothing_of_the_erased_one_comes_back(c):
    erased = made(c)
    drafts.put(c, erased.id, ANA, sealed(2), NOW)
    again = new_conversation(id=erased.id, slot=8)
    assert conversations.create(c, again)
    assert messages.of(c, erased.id) == []
    assert drafts.get(c, erased.id, ANA) is None
    assert conversations.get(c, erased.id).slot == 8


@one_database
@given(due=times, latest_after=st.integers(0, 400 * DAY), now=times)
def test_no_time_is_early(c, due, latest_after, now):
    new = made(c, due=due, latest=due + latest_after, now=now)
    row = conversations.get(c, new.id)
    assert new.due <= row.due < new.due + HOUR
    assert new.latest <= row.latest < new.latest + HOUR
    assert row.due <= row.latest
    assert 0 <= now - row.created < HOUR
    assert 0 <= now - row.waiting_since < 60
    later = due - HOUR if due > now else due
    assert conversations.set_due(c, new.id, later)
    assert later <= conversations.get(c, new.id).due < later + HOUR
    conversations.delete(c, [new.id])


def test_times_in_rows_are_whole_hours_but_for_the_waiting_minute(c):
    new = made(c)
    conversations.claim(c, new.id, ANA, NOW)
    row = conversations.get(c, new.id)
    assert {each % HOUR for each in (row.created, row.claimed_at, row.due, row.latest)} == {0}
    assert row.waiting_since % 60 == 0


# --- one winner -----------------------------------------------------------------------------


async def test_of_fifty_claims_at_once_one_wins(database):
    new = new_conversation()
    await database.write(first_contact(new))
    people = [an_id() for _ in range(50)]

    def claims(person):
        return lambda c: conversations.claim(c, new.id, person, NOW)

    answers = await asyncio.gather(*(database.write(claims(person)) for person in people))
    winners = [person for person, answer in zip(people, answers, strict=True) if answer.won]
    assert len(winners) == 1
    assert {answer.holder for answer in answers} == set(winners)
    row = await database.read(lambda c: conversations.get(c, new.id))
    assert (row.holder, row.state) == (winners[0], State.CLAIMED)


def test_claiming_again_is_still_won_and_changes_nothing(c):
    new = made(c)
    conversations.claim(c, new.id, ANA, NOW)
    before = conversations.get(c, new.id)
    assert conversations.claim(c, new.id, ANA, NOW + 5 * HOUR) == Claim(won=True, holder=ANA)
    assert conversations.claim(c, new.id, BEN, NOW) == Claim(won=False, holder=ANA)
    assert conversations.get(c, new.id) == before


def test_what_is_closed_or_gone_cannot_be_claimed(c):
    lost = Claim(won=False, holder=None)
    assert conversations.claim(c, bring_to(c, State.CLOSED), ANA, NOW) == lost
    assert conversations.claim(c, an_id(), ANA, NOW) == lost


def test_only_the_holder_releases_and_hands_over(c):
    new = made(c)
    conversations.claim(c, new.id, ANA, NOW)
    assert not conversations.release(c, new.id, BEN)
    assert not conversations.take_over(c, new.id, BEN, ANA)
    assert conversations.take_over(c, new.id, ANA, BEN)
    assert conversations.get(c, new.id).holder == BEN
    assert not conversations.release(c, new.id, ANA)
    assert conversations.release(c, new.id, BEN)
    assert conversations.get(c, new.id).holder is None


# --- states, as triage.conversation has them ------------------------------------------------


def bring_to(c, state):
    new = made(c)
    if state is State.CLAIMED:
        conversations.claim(c, new.id, ANA, NOW)
    if state is State.RESTING:
        conversations.claim(c, new.id, ANA, NOW)
        conversations.answered(c, new.id, NOW + DAY)
        conversations.release(c, new.id, ANA)
    if state is State.CLOSED:
        conversations.claim(c, new.id, ANA, NOW)
        conversations.close(c, new.id, NOW + DAY)
    assert conversations.get(c, new.id).state is state
    return new.id


def do(c, event, of):
    match event:
        case Event.CLIENT_MESSAGE:
            conversations.client_wrote(c, of, now=NOW, danger=False, due=NOW + DAY)
        case Event.CLAIM:
            conversations.claim(c, of, BEN, NOW)
        case Event.HAND_OVER:
            conversations.take_over(c, of, ANA, BEN)
        case Event.RELEASE_UNANSWERED:
            conversations.release(c, of, ANA)
        case Event.RELEASE_ANSWERED:
            conversations.answered(c, of, NOW + DAY)
            conversations.release(c, of, ANA)
        case Event.REPLY:
            conversations.answered(c, of, NOW + DAY)
        case Event.CLOSE:
            conversations.close(c, of, NOW + DAY)
        case Event.ERASE:
            conversations.delete(c, [of])


@pytest.mark.parametrize(("step", "after"), TRANSITIONS.items(), ids=str)
def test_every_step_of_the_table_leads_where_it_says(c, step, after):
    before, event = step
    of = bring_to(c, before)
    do(c, event, of)
    row = conversations.get(c, of)
    assert (State.ERASED if row is None else row.state) is after


REFUSED = [
    (state, event)
    for state in State
    for event in Event
    if state is not State.ERASED and (state, event) not in TRANSITIONS
]


@pytest.mark.parametrize(("state", "event"), REFUSED, ids=str)
def test_what_the_table_does_not_have_does_not_happen(c, state, event):
    of = bring_to(c, state)
    before = conversations.get(c, of)
    do(c, event, of)
    assert conversations.get(c, of) == before


def test_the_waiting_minute_is_the_oldest_and_is_blanked_at_the_answer(c):
    new = made(c)
    first = conversations.get(c, new.id).waiting_since
    conversations.client_wrote(c, new.id, now=NOW + DAY, danger=False, due=NOW + DAY)
    assert conversations.get(c, new.id).waiting_since == first
    conversations.claim(c, new.id, ANA, NOW)
    conversations.answered(c, new.id, NOW + DAY)
    row = conversations.get(c, new.id)
    assert (row.waiting_since, row.answered) == (None, True)
    conversations.client_wrote(c, new.id, now=NOW + DAY, danger=False, due=NOW + DAY)
    row = conversations.get(c, new.id)
    assert (row.waiting_since, row.answered) == ((NOW + DAY) // 60 * 60, False)


def test_closing_blanks_the_waiting_minute_and_the_holder(c):
    of = bring_to(c, State.CLAIMED)
    assert conversations.close(c, of, NOW + DAY)
    assert not conversations.close(c, of, NOW + DAY)
    row = conversations.get(c, of)
    assert (row.waiting_since, row.holder, row.claimed_at) == (None, None, None)


def test_every_step_on_what_is_gone_says_so(c):
    gone = an_id()
    assert not conversations.client_wrote(c, gone, now=NOW, danger=True, due=NOW)
    assert not conversations.answered(c, gone, NOW)
    assert not conversations.close(c, gone, NOW)
    assert not conversations.set_due(c, gone, NOW)
    assert not conversations.set_urgency(c, gone, 3, "hand")
    assert not conversations.set_language(c, gone, "de")
    assert not conversations.mark_read(c, gone, 1)
    assert not conversations.rewrap(c, gone, 2, outer())
    assert not conversations.release(c, gone, ANA)


# --- urgency --------------------------------------------------------------------------------


def urgency_of(c, of):
    row = conversations.get(c, of)
    return row.urgency, row.urgency_by


def test_a_first_contact_stands_at_1_until_its_screening_is_known(c):
    new = made(c)
    assert urgency_of(c, new.id) == (1, "not_screened")
    assert conversations.set_urgency(c, new.id, 0, "screened")
    assert urgency_of(c, new.id) == (0, "screened")


def test_in_danger_is_at_3_from_the_first_moment(c):
    new = made(c, danger=True)
    assert urgency_of(c, new.id) == (3, "danger")
    conversations.set_urgency(c, new.id, 0, "screened")
    assert urgency_of(c, new.id) == (3, "danger")


def test_in_danger_later_is_at_3_even_after_a_hand(c):
    new = made(c)
    conversations.set_urgency(c, new.id, 0, "hand")
    conversations.client_wrote(c, new.id, now=NOW, danger=True, due=NOW)
    assert urgency_of(c, new.id) == (3, "danger")
    conversations.set_urgency(c, new.id, 1, "hand")
    assert urgency_of(c, new.id) == (1, "hand")


def test_a_further_message_that_was_not_screened_is_not_lowered_by_another(c):
    new = made(c)
    conversations.set_urgency(c, new.id, 0, "screened")
    messages.add(c, from_client(new.id))
    conversations.set_urgency(c, new.id, conversations.FIRST_URGENCY, "not_screened")
    assert urgency_of(c, new.id) == (1, "not_screened")
    messages.add(c, from_client(new.id))
    assert not conversations.set_urgency(c, new.id, 0, "screened")
    assert urgency_of(c, new.id) == (1, "not_screened")


def test_a_hand_holds_for_what_was_read_and_a_later_message_only_raises(c):
    new = made(c)
    first, later = from_client(new.id), from_client(new.id)
    conversations.mark_read(c, new.id, messages.add(c, first))
    conversations.set_urgency(c, new.id, 1, "hand")
    assert not conversations.set_urgency(c, new.id, 3, "screened", first.id)
    messages.add(c, later)
    assert not conversations.set_urgency(c, new.id, 0, "screened", later.id)
    assert not conversations.set_urgency(c, new.id, 3, "screened", first.id)
    assert urgency_of(c, new.id) == (1, "hand")
    assert conversations.set_urgency(c, new.id, 3, "screened", later.id)
    assert urgency_of(c, new.id) == (3, "screened")


@pytest.mark.parametrize(
    ("before", "by"), [(3, "danger"), (3, "screened"), (2, "screened"), (2, "hand"), (1, "hand")]
)
def test_a_message_that_reads_like_an_everyday_matter_lowers_nothing(c, before, by):
    """Its urgency is 1 (triage/screening/evidence.py), whatever stood there before."""
    new = made(c, danger=by == "danger")
    first, later = from_client(new.id), from_client(new.id)
    messages.add(c, first)
    if by != "danger":
        conversations.set_urgency(c, new.id, before, by, first.id)
    assert not conversations.set_urgency(c, new.id, 1, "screened", first.id)
    messages.add(c, later)
    assert not conversations.set_urgency(c, new.id, 1, "screened", later.id)
    assert urgency_of(c, new.id) == (before, by)


def test_an_unread_picture_after_a_hand_stands_at_1(c):
    new = made(c)
    conversations.set_urgency(c, new.id, 0, "hand")
    picture = from_client(new.id)
    messages.add(c, picture)
    assert conversations.set_urgency(c, new.id, 1, "not_screened", picture.id)
    assert urgency_of(c, new.id) == (1, "not_screened")


settings_of_urgency = st.lists(
    st.one_of(
        st.tuples(st.just("screened"), st.integers(0, 3), st.booleans()),
        st.tuples(st.just("not_screened"), st.just(1), st.booleans()),
        st.tuples(st.just("hand"), st.integers(0, 3), st.booleans()),
        st.tuples(st.just("danger"), st.just(3), st.booleans()),
    ),
    max_size=12,
)


@one_database
@given(steps=settings_of_urgency, danger=st.booleans())
def test_hands_hold_for_what_is_read_screening_raises_danger_is_3(c, steps, danger):
    new = made(c, danger=danger)
    conversations.set_urgency(c, new.id, 0, "screened")
    expected, by = urgency_of(c, new.id)
    assert (expected, by) == ((3, "danger") if danger else (0, "screened"))
    for how, urgency, is_read in steps:
        one = from_client(new.id)
        number = messages.add(c, one)
        if is_read:
            conversations.mark_read(c, new.id, number)
        if how == "danger":
            conversations.client_wrote(c, new.id, now=NOW, danger=True, due=NOW)
        else:
            conversations.set_urgency(c, new.id, urgency, how, one.id)
        may_raise = by != "hand" or not is_read
        if how in {"hand", "danger"} or (may_raise and urgency > expected):
            expected, by = urgency, how
        assert urgency_of(c, new.id) == (expected, by)
    conversations.delete(c, [new.id])


# --- reading --------------------------------------------------------------------------------


def test_the_queue_has_everything_that_is_not_closed(c):
    states = {bring_to(c, state): state for state in State if state is not State.ERASED}
    rows = {row.id: row.state for row in conversations.queue(c)}
    assert rows == {of: state for of, state in states.items() if state is not State.CLOSED}


def test_the_queue_says_the_worst_about_unsent_replies(c):
    new, quiet = made(c), made(c)
    items = [outbox_item(new.id) for _ in range(3)]
    for item in [*items, sent := outbox_item(quiet.id)]:
        outbox.add(c, item)
    outbox.sent(c, sent.message)

    def shown():
        return {row.id: row.outbox for row in conversations.queue(c)}

    assert shown() == {new.id: "waiting", quiet.id: None}
    outbox.back_to_draft(c, items[0].message, "old_epoch", NOW)
    assert shown()[new.id] == "returned"
    outbox.failed(c, items[1].message, "refused", None)
    assert shown()[new.id] == "failed"


def test_references_come_in_pages_each_once(c):
    ids = {made(c).id for _ in range(25)}
    found, after = [], b""
    while page := conversations.references(c, after, limit=10):
        assert len(page) <= 10
        found += [each.id for each in page]
        after = found[-1]
    assert len(found) == 25
    assert set(found) == ids
    assert conversations.existing(c, [*list(ids)[:3], an_id()]) == set(list(ids)[:3])


def test_reading_moves_forward_only_and_not_past_the_end(c):
    new = made(c)
    messages.add(c, from_client(new.id))
    last = conversations.get(c, new.id).last_number
    assert conversations.mark_read(c, new.id, last)
    assert not conversations.mark_read(c, new.id, last - 1)
    assert not conversations.mark_read(c, new.id, last + 1)
    assert conversations.get(c, new.id).read_up_to == last


def test_a_wrap_is_replaced_by_a_later_epoch_and_never_by_an_earlier(c):
    new = made(c, epoch=2)
    wrap = outer()
    assert conversations.rewrap(c, new.id, 3, wrap)
    assert not conversations.rewrap(c, new.id, 2, outer())
    row = conversations.get(c, new.id)
    assert (row.epoch, row.outer_team) == (3, wrap)


# --- forgetting -----------------------------------------------------------------------------


def everything_of(c, of):
    messages.add(c, from_client(of))
    drafts.put(c, of, ANA, sealed(2), NOW)
    outbox.add(c, outbox_item(of))
    inbox.note(c, an_id() * 2, of, NOW)
    addresses.put(c, of, "signal", 9, an_id(), outer())
    attachments.arrive(c, Arriving(an_id(), of, 1, 0, [a_chunk()]), Limits(9, 9), NOW)
    changes.note(c, of, "message")


def test_everything_goes_with_its_conversation_and_nothing_else(c):
    gone, stays = made(c), made(c)
    for of in (gone.id, stays.id):
        everything_of(c, of)
    assert conversations.delete(c, [gone.id, an_id()]) == Deleted(1, 2, 1, 1, 1, 1, 1, 1, 1)
    for table in (tables.conversations, *tables.OF_A_CONVERSATION, tables.changes):
        rows = c.execute(table.select()).all()
        assert not any(gone.id in tuple(row) for row in rows), table.name
        assert any(stays.id in tuple(row) for row in rows), table.name


def test_the_list_of_what_goes_with_a_conversation_is_complete():
    parents = {
        table.name
        for table in (*tables.CONVERSATION_TABLES, *tables.OPERATION_TABLES)
        if table.foreign_keys
    }
    assert parents == {table.name for table in tables.OF_A_CONVERSATION}


def test_deleting_nothing_is_nothing(c):
    assert conversations.delete(c, []) == Deleted()
    assert Deleted(1, 2, 3, 4, 5, 6, 7, 8, 9) + Deleted(1, 1, 1, 1, 1, 1, 1, 1, 1) == Deleted(
        2, 3, 4, 5, 6, 7, 8, 9, 10
    )
