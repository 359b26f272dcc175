"""Replies to messengers, and the sealed addresses they go to."""

import pytest

from tests.vault.rows import NOW, an_id, new_conversation, outbox_item, outer
from triage.conversation import State
from vault import addresses, conversations, outbox, parting, tables
from vault.addresses import Address
from vault.outbox import Standing

ANA = b"a" * 16


@pytest.fixture
def of(c):
    """A conversation that Ana holds and has answered."""
    new = new_conversation(channel="signal")
    conversations.create(c, new)
    conversations.claim(c, new.id, ANA, NOW)
    conversations.answered(c, new.id, NOW)
    return new.id


def content_of(c, message):
    row = tables.outbox.c
    return c.scalar(
        tables.outbox.select().with_only_columns(row.outer_item).where(row.message == message)
    )


def test_what_waits_comes_back_oldest_first(c, of):
    items = [outbox_item(of) for _ in range(3)]
    assert all(outbox.add(c, item) for item in items)
    found = outbox.waiting(c, NOW)
    assert [(each.message, each.conversation, each.outer) for each in found] == [
        (item.message, of, item.outer) for item in items
    ]
    assert [each.tries for each in found] == [0, 0, 0]
    assert len(outbox.waiting(c, NOW, limit=2)) == 2


def test_the_same_reply_waits_once(c, of):
    item = outbox_item(of)
    assert outbox.add(c, item)
    assert not outbox.add(c, outbox_item(of, message=item.message))
    assert len(outbox.waiting(c, NOW)) == 1


def test_what_was_sent_is_not_sent_again_and_its_content_is_gone(c, of):
    item = outbox_item(of)
    outbox.add(c, item)
    assert content_of(c, item.message) == item.outer
    assert outbox.sent(c, item.message)
    assert outbox.waiting(c, NOW) == []
    assert content_of(c, item.message) is None
    assert not outbox.sent(c, item.message)
    assert not outbox.failed(c, item.message, "refused", None)
    assert not outbox.add(c, item)
    assert outbox.state_of(c, of) == [Standing(item.message, "sent", None)]


def test_a_retry_is_never_early(c, of):
    item = outbox_item(of)
    outbox.add(c, item)
    retry_at = NOW + 90
    assert outbox.failed(c, item.message, "unavailable", retry_at)
    assert outbox.waiting(c, retry_at - 1) == []
    (again,) = outbox.waiting(c, retry_at + 60)
    assert (again.tries, again.outer) == (1, item.outer)
    assert outbox.state_of(c, of) == [
        Standing(item.message, "waiting", "unavailable", -(-retry_at // 60) * 60)
    ]
    outbox.sent(c, item.message)
    assert outbox.state_of(c, of) == [Standing(item.message, "sent", None)]


def test_what_failed_for_good_says_why_and_its_content_is_gone(c, of):
    item = outbox_item(of)
    outbox.add(c, item)
    assert outbox.failed(c, item.message, "not_on_signal", None)
    assert outbox.waiting(c, NOW) == []
    assert content_of(c, item.message) is None
    assert outbox.state_of(c, of) == [Standing(item.message, "failed", "not_on_signal")]


@pytest.mark.parametrize("reason", ["", "+49 170 1234567 is not registered", "a" * 33, "Ümläut"])
def test_a_reason_is_a_code_and_never_a_servers_words(c, of, reason):
    item = outbox_item(of)
    outbox.add(c, item)
    with pytest.raises(ValueError, match="code") as caught:
        outbox.failed(c, item.message, reason, None)
    assert "170" not in str(caught.value)
    with pytest.raises(ValueError, match="code"):
        outbox.back_to_draft(c, item.message, reason, NOW)


@pytest.mark.parametrize(
    ("released", "state"), [(False, State.CLAIMED), (True, State.WAITING)], ids=str
)
def test_a_returned_reply_lets_the_client_wait_again(c, of, released, state):
    item = outbox_item(of)
    outbox.add(c, item)
    if released:
        conversations.release(c, of, ANA)
    assert outbox.back_to_draft(c, item.message, "old_epoch", NOW)
    row = conversations.get(c, of)
    assert (row.state, row.answered, row.waiting_since) == (state, False, NOW // 60 * 60)
    assert outbox.state_of(c, of) == [Standing(item.message, "returned", "old_epoch")]
    assert content_of(c, item.message) is None
    assert not outbox.back_to_draft(c, item.message, "old_epoch", NOW)


def test_a_returned_reply_does_not_open_what_was_closed(c, of):
    item = outbox_item(of)
    outbox.add(c, item)
    conversations.close(c, of, NOW)
    assert outbox.back_to_draft(c, item.message, "old_epoch", NOW)
    assert conversations.get(c, of).state is State.CLOSED


def test_an_address_is_kept_for_each_channel_and_replaced(c, of):
    first, second, other = outer(), outer(), outer()
    tag = an_id()
    addresses.put(c, of, "signal", 5, an_id(), first)
    addresses.put(c, of, "signal", 6, tag, second)
    addresses.put(c, of, "matrix", 7, tag, other)
    assert addresses.of(c, of) == [
        Address(of, "matrix", 7, tag, other),
        Address(of, "signal", 6, tag, second),
    ]
    assert sorted(addresses.all_references(c)) == [(6, tag), (7, tag)]
    parting.drop(c, of, "matrix")
    assert [each.channel for each in addresses.of(c, of)] == ["signal"]
    assert parting.at(c, of, "signal") == [(6, tag)]
    parting.drop_at(c, [])
    parting.drop_at(c, [(5, tag), (6, an_id())])
    assert [each.channel for each in addresses.of(c, of)] == ["signal"]
    parting.drop_at(c, [(6, tag)])
    assert addresses.of(c, of) == []


def test_a_forgotten_address_goes_without_its_conversation(c, of):
    tag = an_id()
    addresses.put(c, of, "signal", 6, tag, outer())
    assert addresses.delete_forgotten(c, []) == 0
    assert addresses.delete_forgotten(c, [(6, an_id()), (5, tag)]) == 0
    assert addresses.delete_forgotten(c, [(6, tag)]) == 1
    assert addresses.of(c, of) == []
    assert conversations.get(c, of) is not None
