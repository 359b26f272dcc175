"""Messenger clients: two slots, addresses, outbox items, the courier's erasing."""

import contextlib
import json
from dataclasses import replace

import pytest

from tests.intake_server.keeper.world import WEEK, Client, Hotline
from vault.keeper_protocol import BadRequest, NoRoot, NotYours, SlotsFull, Verb
from vault.keeper_requests import Periods, sealed_inner
from vault.sealing import random_bytes
from vault.slot_index import Key
from vault.slot_records import Conversation
from vault.wraps import open_address, open_outbox_item, open_team_wrap, team_keys

HOUR = 3600


async def set_phrase(hotline: Hotline, reference) -> Client:
    """As a join will do it: the conversation is found by a phrase from now on."""
    client = Client()
    record = hotline.keeper.slots.get(reference.slot)
    assert isinstance(record, Conversation)
    joined = replace(record, lookup_tag=client.lookup_tag, verify_key=client.sign.public)
    await hotline.keeper.slots.write({reference.slot: joined})
    return client


async def test_nothing_is_created_before_a_root_is_pinned(empty):
    with pytest.raises(NoRoot):
        await empty.message_in()


async def test_a_messenger_client_has_a_conversation_and_an_address(hotline):
    client = Client()
    asked, made = await hotline.message_in(client)
    found = await hotline.courier.find_address(asked.address_tag)
    assert (found.address, found.reference) == (made.address, made.reference)
    assert found.conversation_id == client.conversation_id
    assert (found.cpk, found.npk) == (asked.cpk, asked.npk)
    given = await hotline.courier.open_address(made.address, made.outer_address)
    opened = open_address(hotline.courier_keys.box, given.inner, client.conversation_id)
    assert opened.address == "+49 30 123"
    keys = await hotline.courier.slot_keys(made.reference)
    assert keys.verify_key is None
    assert keys.channel == 2


async def test_the_team_opens_it(hotline):
    client = Client()
    _, made = await hotline.message_in(client)
    inner, *_ = await hotline.open_team_wrap(hotline.first, made)
    team = team_keys(hotline.team_seeds[0]).box
    wrap = open_team_wrap(team, inner, client.conversation_id, 1)
    assert wrap.verify_key is None


async def test_the_same_request_again_gets_the_same_slots(hotline):
    request = hotline.messenger_request(Client())
    first, second = [await hotline.courier.create(request) for _ in range(2)]
    assert (first.reference, first.address) == (second.reference, second.address)
    assert first.outer_address != second.outer_address
    assert await hotline.courier.open_address(second.address, second.outer_address)


@pytest.mark.parametrize(
    "change", ["cpk", "npk", "conversation_id", "address_tag"], ids=lambda name: f"other {name}"
)
async def test_a_difference_is_refused(hotline, refused, change):
    request = hotline.messenger_request(Client())
    await hotline.courier.create(request)
    other = random_bytes(len(getattr(request, change)))
    with refused:
        await hotline.courier.create(replace(request, **{change: other}))
    with refused:
        await hotline.courier.create(replace(request, channel=3))


@pytest.mark.parametrize(
    "changes",
    [
        {"channel": 1},
        {"channel": 9},
        {"address_hours": 0},
        {"address_hours": 8761},
        {"periods": Periods(0, 1, 1)},
        {"address": b"\x01\x01\x12 not an address"},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_what_is_outside_the_form_is_malformed(hotline, changes):
    with pytest.raises(BadRequest):
        await hotline.message_in(**changes)


async def test_another_epoch_is_refused(hotline, refused):
    with refused:
        await hotline.message_in(epoch=2)


async def test_an_address_opens_only_as_what_it_is(hotline, refused):
    _, made = await hotline.message_in()
    _, other = await hotline.message_in()
    for reference, outer in (
        (made.address, other.outer_address),
        (made.address, made.team_wrap),
        (made.reference, made.outer_address),
        (replace(made.address, tag=random_bytes(16)), made.outer_address),
    ):
        with refused:
            await hotline.courier.open_address(reference, outer)


async def test_a_reply_comes_out_of_the_outbox_for_its_message_only(hotline, refused):
    client = Client()
    _, made = await hotline.message_in(client)
    message_id = random_bytes(16)
    start_key = (await hotline.desk.hello()).start_key
    item = sealed_inner(start_key, hotline.outbox_item(client, message_id))
    replied, signed_for, _ = await hotline.reply(hotline.first, made.reference, item)
    with refused:
        await hotline.courier.unwrap_outbox(made.reference, message_id, replied.outbox_item)
    inner = await hotline.courier.unwrap_outbox(made.reference, signed_for, replied.outbox_item)
    opened = open_outbox_item(hotline.courier_keys.box, inner, client.conversation_id, message_id)
    assert opened.item.text == "We are here."
    _, other = await hotline.message_in()
    with refused:
        await hotline.courier.unwrap_outbox(other.reference, signed_for, replied.outbox_item)


async def test_writing_moves_both_dates_and_finding_moves_nothing(hotline):
    asked, made = await hotline.message_in()
    hotline.clock.turn(10 * HOUR)
    assert (await hotline.courier.find_address(asked.address_tag)).due == made.due
    due, until = await hotline.courier.client_wrote(made.address)
    assert due == made.due + 10 * HOUR
    assert until == hotline.now() + 48 * HOUR
    hotline.clock.turn(47 * HOUR)
    assert await hotline.caretaker.forget_due(100) == ([], False), "48 hours from the last message"
    hotline.clock.turn(HOUR)
    (freed,), _ = await hotline.caretaker.forget_due(100)
    assert (freed.reference, freed.kind) == (made.address, 2)
    assert await hotline.courier.slot_keys(made.reference)


async def test_the_courier_moves_the_date_at_the_clients_command(hotline):
    _, made = await hotline.message_in()
    wish = hotline.now() + 5 * HOUR
    assert await hotline.courier.change_due(made.address, wish) == wish
    assert await hotline.courier.change_due(made.address, 2**64 - 1) == made.latest
    assert await hotline.courier.change_due(made.address, 0) == hotline.now()


async def test_erasing_takes_both_where_no_phrase_is_set(hotline, refused):
    asked, made = await hotline.message_in()
    erased = await hotline.courier.erase(made.address)
    assert erased.is_conversation_gone
    assert erased.conversation_id == asked.conversation_id
    for gone in (
        hotline.courier.find_address(asked.address_tag),
        hotline.courier.open_address(made.address, made.outer_address),
        hotline.courier.slot_keys(made.reference),
        hotline.courier.erase(made.address),
        hotline.courier.client_wrote(made.address),
    ):
        with refused:
            await gone


async def test_where_a_phrase_is_set_the_courier_only_drops_the_channel(hotline, refused):
    asked, made = await hotline.message_in()
    client = await set_phrase(hotline, made.reference)
    with refused:
        await hotline.courier.change_due(made.address, hotline.now() + HOUR)
    erased = await hotline.courier.erase(made.address)
    assert not erased.is_conversation_gone
    with refused:
        await hotline.courier.find_address(asked.address_tag)
    assert (await hotline.web.find(client.lookup_tag)).reference == made.reference


async def test_the_clients_own_erasure_takes_the_address_too(hotline, refused):
    asked, made = await hotline.message_in()
    client = await set_phrase(hotline, made.reference)
    await hotline.erase(client)
    with refused:
        await hotline.courier.find_address(asked.address_tag)
    assert (await hotline.operator.status())["live"]["address"] == 0


async def test_an_address_can_be_made_anew_after_erasing(hotline):
    """A redelivery after a crash finds an address without a stored wrap: erased, made anew."""
    asked, made = await hotline.message_in()
    await hotline.courier.erase(made.address)
    client = Client()
    _, again = await hotline.message_in(client, address_tag=asked.address_tag)
    assert again.reference != made.reference
    found = await hotline.courier.find_address(asked.address_tag)
    assert found.reference == again.reference
    assert await hotline.keeper.slots.find((Key.CONVERSATION, client.conversation_id)) == (
        again.reference.slot,
    )


async def test_a_full_file_takes_no_messenger_conversation(hotline):
    with contextlib.suppress(SlotsFull):
        while hotline.keeper.slots.free:
            hotline.clock.turn(1)  # above four fifths, new conversations are paced
            await hotline.message_in()
    with pytest.raises(SlotsFull):
        await hotline.message_in()
    live = (await hotline.operator.status())["live"]
    assert live["conversation"] == live["address"]


async def test_keys_are_announced_before_and_must_be_the_rosters_afterwards(hotline, refused):
    keys = hotline.courier_keys
    await hotline.courier.announce(keys.box.public, keys.sign.public)
    with refused:
        await hotline.courier.announce(keys.box.public, random_bytes(32))
    assert "courier_has_other_keys" in (await hotline.operator.status())["alarms"]


async def test_the_verbs_of_others_are_not_the_couriers(hotline):
    for verb in (Verb.CREATE, Verb.FIND, Verb.ERASE, Verb.FORGET_DUE, Verb.APPEND):
        with pytest.raises(NotYours):
            await hotline.courier._link.ask(verb)


def test_the_week_of_these_tests_is_within_the_rails():
    assert WEEK.inactivity < WEEK.absolute


async def test_starting_over_leaves_a_conversation_that_somebody_has_opened(hotline):
    """Only rows say that its rows are missing, and no row is believed."""
    _, unopened = await hotline.message_in()
    assert (await hotline.courier.start_over(unopened.address)).is_conversation_gone
    _, opened = await hotline.message_in()
    await hotline.reply(hotline.first, opened.reference)
    assert not (await hotline.courier.start_over(opened.address)).is_conversation_gone
    assert await hotline.caretaker.live([opened.reference]) == [True]
    assert "rows_missing" in json.dumps(await hotline.operator.status())


async def test_a_reply_to_the_web_is_not_wrapped_for_the_courier(hotline, refused):
    """Whoever writes rows could else have it sealed to the courier."""
    client, made = await hotline.write_in()
    start_key = (await hotline.desk.hello()).start_key
    item = sealed_inner(start_key, hotline.outbox_item(client, random_bytes(16)))
    with refused:
        await hotline.reply(hotline.first, made.reference, item)
    await hotline.reply(hotline.first, made.reference)
