"""Clients: create, find, open, erase, dates; and every way in which a proof is not good."""

import asyncio
import contextlib
from dataclasses import replace

import pytest

from tests.intake_server.keeper.world import NOON, Client
from vault.keeper_protocol import (
    BadRequest,
    NoRoot,
    NotYours,
    Refused,
    SlotsFull,
    Verb,
    u64,
)
from vault.keeper_requests import Periods, Proof, make_proof, open_answer
from vault.sealing import CannotOpen, Secret, new_box_keys, random_bytes, sign_keys
from vault.wraps import open_client_wrap

HOUR = 3600


async def test_nothing_is_created_before_a_root_is_pinned(empty):
    with pytest.raises(NoRoot):
        await empty.write_in()


async def test_what_is_created_is_found_and_opens_with_the_phrase(hotline):
    client, made = await hotline.write_in()
    found = await hotline.web.find(client.lookup_tag)
    assert found.reference == made.reference
    assert found.conversation_id == client.conversation_id
    inner, owner, due, latest, _ = await hotline.open_client_wrap(client, made.client_wrap)
    wrap = open_client_wrap(client.box, inner, client.conversation_id)
    assert wrap.messages.secret == client.keys.messages.secret
    assert owner == client.conversation_id
    assert (due, latest) == (u64(made.due), u64(made.latest))


async def test_dates_are_the_promise_rounded_up_to_the_minute(hotline):
    hotline.clock.wall = NOON + 601.0
    _, made = await hotline.write_in()
    assert made.due == NOON + 660 + 72 * HOUR
    assert made.latest == NOON + 660 + 7 * 24 * HOUR


async def test_due_is_never_past_latest(hotline):
    _, made = await hotline.write_in(periods=Periods(48, 2, 24))
    assert made.due == made.latest


async def test_the_keys_of_a_slot_are_told_to_every_peer(hotline):
    client, made = await hotline.write_in()
    for peer in (hotline.web, hotline.desk, hotline.courier, hotline.caretaker, hotline.operator):
        keys = await peer.slot_keys(made.reference)
        assert keys.cpk == client.keys.messages.public
        assert keys.npk == client.keys.notes.public
        assert keys.verify_key == client.sign.public
        assert keys.channel == 1


async def test_a_wrong_tag_does_nothing(hotline, refused):
    _, made = await hotline.write_in()
    with refused:
        await hotline.web.slot_keys(replace(made.reference, tag=random_bytes(16)))
    with refused:
        await hotline.web.slot_keys(replace(made.reference, slot=2**32 - 1))


async def test_the_same_request_again_gets_the_same_slot_and_new_outer_layers(hotline):
    client = Client()
    request = hotline.web_request(client)
    first = await hotline.web.create_here(request)
    second = await hotline.web.create_here(request)
    assert (first.reference, first.due) == (second.reference, second.due)
    assert first.client_wrap != second.client_wrap
    for made in (first, second):
        assert await hotline.open_client_wrap(client, made.client_wrap)


async def test_equal_requests_at_the_same_time_make_one_slot(hotline):
    client = Client()
    request = hotline.web_request(client)
    made = await asyncio.gather(*(hotline.web.create_here(request) for _ in range(20)))
    assert len({each.reference for each in made}) == 1
    assert (await hotline.operator.status())["live"]["conversation"] == 1


@pytest.mark.parametrize("field", ["lookup_tag", "verify_key", "cpk", "npk"])
async def test_the_same_id_with_a_difference_is_refused(hotline, refused, field):
    client = Client()
    request = hotline.web_request(client)
    made = await hotline.web.create_here(request)
    other = random_bytes(len(getattr(request, field)))
    with refused:
        await hotline.web.create_here(replace(request, **{field: other}))
    assert (await hotline.web.find(client.lookup_tag)).reference == made.reference


async def test_a_lookup_tag_of_another_conversation_is_refused(hotline, refused):
    client, _ = await hotline.write_in()
    with refused:
        await hotline.write_in(Client(root=client.root))


@pytest.mark.parametrize(
    "periods", [Periods(0, 24, 24), Periods(24, 8761, 24), Periods(24, 24, 0), Periods(8761, 1, 1)]
)
async def test_periods_outside_the_rails_are_malformed(hotline, periods):
    with pytest.raises(BadRequest):
        await hotline.write_in(periods=periods)


@pytest.mark.parametrize("field", ["lookup_tag", "verify_key"])
async def test_a_web_conversation_without_a_phrase_is_malformed(hotline, field):
    client = Client()
    zeros = bytes(len(getattr(hotline.web_request(client), field)))
    with pytest.raises(BadRequest):
        await hotline.write_in(client, **{field: zeros})


async def test_wraps_of_another_kind_are_malformed(hotline):
    client = Client()
    request = hotline.web_request(client)
    with pytest.raises(BadRequest):
        await hotline.web.create_here(
            replace(request, team_wrap=b"\x01\x01\x11" + request.team_wrap[3:])
        )


@pytest.mark.parametrize("epoch", [0, 2])
async def test_only_the_head_epoch_is_wrapped_for(hotline, refused, epoch):
    with refused:
        await hotline.write_in(epoch=epoch)


async def test_a_request_to_an_earlier_start_key_is_refused(hotline, refused):
    request = hotline.web_request(Client()).sealed((await hotline.web.hello()).start_key)
    await hotline.restart()
    with refused:
        await hotline.web.create(request)


async def test_an_unknown_lookup_tag_is_not_found(hotline, refused):
    with refused:
        await hotline.web.find(random_bytes(16))
    with refused:
        await hotline.web.find(bytes(16))


# --- erasing and dates --------------------------------------------------------------------


async def test_erased_is_gone_at_once_and_told_under_seal(hotline, refused):
    client, made = await hotline.write_in()
    erased, (word, now) = await hotline.erase(client)
    assert (word, now) == (b"erased", u64(hotline.now()))
    assert erased.reference == made.reference
    assert erased.conversation_id == client.conversation_id
    for gone in (
        hotline.web.find(client.lookup_tag),
        hotline.web.slot_keys(made.reference),
        hotline.erase(client),
        hotline.open_client_wrap(client, made.client_wrap),
    ):
        with refused:
            await gone


async def test_a_client_moves_the_date_sooner_and_later_within_now_and_latest(hotline):
    client, made = await hotline.write_in()
    now = hotline.now()
    for wish, due in (
        (now + HOUR, now + HOUR),
        (now + 100 * HOUR, now + 100 * HOUR),
        (now - HOUR, now),
        (made.latest + HOUR, made.latest),
        (2**64 - 1, made.latest),
    ):
        told, (sealed,) = await hotline.change_due(client, wish)
        assert told == due
        assert sealed == u64(due)
        assert (await hotline.web.find(client.lookup_tag)).due == due


async def test_writing_moves_the_date_and_never_past_latest(hotline):
    client, made = await hotline.write_in()
    hotline.clock.turn(24 * HOUR)
    wrote, (sealed,) = await hotline.client_wrote(client)
    assert wrote.due == made.due + 24 * HOUR
    assert sealed == u64(wrote.due)
    hotline.clock.turn(5 * 24 * HOUR)
    assert (await hotline.client_wrote(client))[0].due == made.latest


async def test_writing_never_makes_it_sooner_unless_it_was_closed(hotline):
    client, made = await hotline.write_in()
    later, _ = await hotline.change_due(client, made.latest)
    assert (await hotline.client_wrote(client))[0].due == later
    await hotline.close_conversation(hotline.first, made.reference)
    assert (await hotline.client_wrote(client))[0].due == hotline.now() + 72 * HOUR
    assert (await hotline.change_due(client, made.latest))[0] == made.latest
    assert (await hotline.client_wrote(client))[0].due == made.latest, "it is open again"


async def test_dates_survive_a_restart(hotline):
    client, made = await hotline.write_in()
    due, _ = await hotline.change_due(client, made.due + 5 * HOUR)
    await hotline.restart()
    assert (await hotline.web.find(client.lookup_tag)).due == due


# --- proofs -------------------------------------------------------------------------------


async def erase_with(hotline, client, proof):
    return await hotline.web.erase(client.lookup_tag, proof)


@pytest.fixture
async def known(hotline):
    client, _ = await hotline.write_in()
    return client


async def test_a_signature_of_somebody_else_is_refused(hotline, known, refused):
    proof, _ = await hotline.client_proof(known, Verb.ERASE)
    stranger = sign_keys(Secret(random_bytes(32)))
    forged = make_proof(stranger, Verb.ERASE, (known.lookup_tag,), proof.nonce, proof.reply_key)
    with refused:
        await erase_with(hotline, known, forged)
    assert await hotline.web.find(known.lookup_tag)


async def test_a_missing_proof_is_refused(hotline, known, refused):
    with refused:
        await erase_with(hotline, known, Proof(bytes(32), bytes(32), bytes(64)))


async def test_a_proof_for_another_verb_is_refused(hotline, known, refused):
    proof, _ = await hotline.client_proof(known, Verb.CLIENT_WROTE)
    with refused:
        await erase_with(hotline, known, proof)


async def test_a_proof_of_another_date_is_refused(hotline, known, refused):
    proof, _ = await hotline.client_proof(known, Verb.CHANGE_DUE, u64(hotline.now() + HOUR))
    with refused:
        await hotline.web.change_due(known.lookup_tag, hotline.now() + 2 * HOUR, proof)


async def test_a_proof_for_another_conversation_is_refused(hotline, known, refused):
    other, _ = await hotline.write_in()
    proof, _ = await hotline.client_proof(known, Verb.ERASE)
    with refused:
        await erase_with(hotline, other, proof)


async def test_another_reply_key_is_refused(hotline, known, refused):
    proof, _ = await hotline.client_proof(known, Verb.ERASE)
    with refused:
        await erase_with(hotline, known, replace(proof, reply_key=new_box_keys().public))


async def test_a_reply_key_of_low_order_is_refused_and_changes_nothing(hotline, known, refused):
    nonce = await hotline.web.nonce()
    proof = make_proof(known.sign, Verb.ERASE, (known.lookup_tag,), nonce, bytes(32))
    with refused:
        await erase_with(hotline, known, proof)
    assert await hotline.web.find(known.lookup_tag)


async def test_a_nonce_is_used_once(hotline, known, refused):
    proof, _ = await hotline.client_proof(known, Verb.CLIENT_WROTE)
    await hotline.web.client_wrote(known.lookup_tag, proof)
    with refused:
        await hotline.web.client_wrote(known.lookup_tag, proof)


async def test_a_nonce_is_used_up_by_a_bad_proof(hotline, known, refused):
    proof, _ = await hotline.client_proof(known, Verb.ERASE)
    with refused:
        await erase_with(hotline, known, replace(proof, signature=bytes(64)))
    with refused:
        await erase_with(hotline, known, proof)


async def test_a_nonce_is_good_for_120_seconds(hotline, known, refused):
    proof, _ = await hotline.client_proof(known, Verb.CLIENT_WROTE)
    hotline.clock.turn(120)
    await hotline.web.client_wrote(known.lookup_tag, proof)
    proof, _ = await hotline.client_proof(known, Verb.CLIENT_WROTE)
    hotline.clock.turn(121)
    with refused:
        await hotline.web.client_wrote(known.lookup_tag, proof)


async def test_a_nonce_of_another_peer_is_refused(hotline, known, refused):
    nonce = await hotline.desk.nonce()
    reply = new_box_keys().public
    with refused:
        await erase_with(
            hotline, known, make_proof(known.sign, Verb.ERASE, (known.lookup_tag,), nonce, reply)
        )


async def test_a_made_up_nonce_and_one_of_before_a_restart_are_refused(hotline, known, refused):
    with refused:
        reply = new_box_keys().public
        nonce = random_bytes(32)
        await erase_with(
            hotline, known, make_proof(known.sign, Verb.ERASE, (known.lookup_tag,), nonce, reply)
        )
    proof, _ = await hotline.client_proof(known, Verb.ERASE)
    await hotline.restart()
    with refused:
        await erase_with(hotline, known, proof)


async def test_an_answer_is_for_its_asker_and_its_request(hotline, known):
    proof, reply = await hotline.client_proof(known, Verb.CLIENT_WROTE)
    answer = (await hotline.web.client_wrote(known.lookup_tag, proof)).answer
    with pytest.raises(CannotOpen):
        open_answer(new_box_keys(), proof.nonce, answer)
    with pytest.raises(CannotOpen):
        open_answer(reply, await hotline.web.nonce(), answer)


async def test_a_wrap_of_another_conversation_does_not_open(hotline, known, refused):
    _, other = await hotline.write_in()
    with refused:
        await hotline.open_client_wrap(known, other.client_wrap)


async def test_known_and_unknown_phrases_are_told_apart_by_nothing(hotline, known):
    """The same status, the same empty answer, whatever was wrong."""
    answers = set()
    for client in (known, Client()):
        for outer in (b"", random_bytes(210)):
            with pytest.raises(Refused) as caught:
                await hotline.open_client_wrap(client, outer)
            answers.add(str(caught.value))
    assert len(answers) == 1


async def fill(hotline):
    """Every conversation until there is no room for one more."""
    made = []
    with contextlib.suppress(SlotsFull):
        while hotline.keeper.slots.free:
            hotline.clock.turn(1)  # above four fifths, new conversations are paced
            made.append(await hotline.write_in())
    with pytest.raises(SlotsFull):
        await hotline.write_in()
    return made


# --- room ---------------------------------------------------------------------------------


async def test_the_last_slots_are_kept_for_staff_and_addresses(hotline):
    made = await fill(hotline)
    assert hotline.keeper.slots.free == hotline.keeper.slots.reserve == 128 // 16
    status = await hotline.operator.status()
    assert "slots_filling" in status["alarms"]
    await hotline.erase(made[0][0])
    hotline.clock.turn(1)
    assert await hotline.write_in()


async def test_a_full_file_still_answers_a_repeated_create(hotline):
    client, made = await hotline.write_in()
    await fill(hotline)
    assert (await hotline.write_in(client))[1].reference == made.reference


async def test_position_says_nothing_about_order(hotline):
    slots = [(await hotline.write_in())[1].reference.slot for _ in range(30)]
    assert slots != sorted(slots)


async def test_the_verbs_of_others_are_not_webs(hotline):
    for verb in (Verb.SIGN_IN, Verb.FORGET_DUE, Verb.OPEN_ADDRESS, Verb.STATUS, Verb.LIVE):
        with pytest.raises(NotYours):
            await hotline.web._link.ask(verb, b"whatever")
