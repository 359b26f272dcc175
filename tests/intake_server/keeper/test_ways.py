"""A page's conversation takes a chat in: only by the client's own signature, and ends it so."""

import pytest

from intake_server.keeper import join_codes
from intake_server.keeper.parts import OPENINGS_AN_HOUR
from intake_server.keeper.proofs import LastOpened
from tests.intake_server.keeper.world import Client
from vault.keeper_joins import WaysKeeper
from vault.keeper_protocol import BadRequest, Busy, NotYours, Peer, Refused, Verb, u8, u16
from vault.keeper_requests import Proof, make_proof, sealed_inner
from vault.roster import Role
from vault.sealing import CannotOpen, new_box_keys, random_bytes, sign_keys
from vault.ways import Way, Ways, read_ways
from vault.wraps import Address, seal_address, sign_proof

HOUR = 3600
SIGNAL, MATRIX = 2, 3


async def joined(hotline, client, channel=MATRIX, hours=48):
    return await hotline.joins.redeem(await hotline.code(client), random_bytes(32), channel, hours)


async def ways_of(hotline, client, made) -> Ways:
    *_, told = await hotline.open_client_wrap(client, made.client_wrap)
    return read_ways(told)


async def test_a_code_of_the_page_makes_an_address_for_its_conversation(hotline):
    client, made = await hotline.write_in()
    assert await ways_of(hotline, client, made) == Ways()
    code = await hotline.code(client)
    assert len(code) == 10
    assert code.isdigit()
    there = await hotline.joins.redeem(code, random_bytes(32), MATRIX, 48)
    assert there.found.conversation_id == client.conversation_id
    assert there.found.cpk == client.keys.messages.public
    until = hotline.now() + 48 * HOUR
    told = Ways(is_joined=True, each=(Way("matrix", 0, 0, until),))
    assert await ways_of(hotline, client, made) == told
    *_, to_team = await hotline.open_team_wrap(hotline.first, made)
    assert read_ways(to_team) == told


async def test_a_code_of_the_page_is_good_once_and_ends_with_the_next(hotline, refused):
    client, _ = await hotline.write_in()
    first, second = await hotline.code(client), await hotline.code(client)
    with refused:
        await hotline.joins.redeem(first, random_bytes(32), MATRIX, 48)
    await hotline.joins.redeem(second, random_bytes(32), MATRIX, 48)
    with refused:
        await hotline.joins.redeem(second, random_bytes(32), SIGNAL, 48)
    late = await hotline.code(client)
    hotline.clock.turn(901)
    with refused:
        await hotline.joins.redeem(late, random_bytes(32), SIGNAL, 48)


async def test_guessing_a_code_of_the_page_is_bounded_for_everybody(hotline, monkeypatch):
    monkeypatch.setattr(join_codes, "TRIES", 2)
    client, _ = await hotline.write_in()
    code = await hotline.code(client)
    for step in (1, 2):
        with pytest.raises(Refused):
            await hotline.joins.redeem(
                f"{(int(code) + step) % 10**10:010}", random_bytes(32), MATRIX, 48
            )
    with pytest.raises(Busy):
        await hotline.joins.redeem(code, random_bytes(32), MATRIX, 48)


async def test_without_the_clients_signature_nothing_of_it_happens(hotline, refused):
    """Who owns web, or takes a proof for another verb or another time, joins nothing."""
    client, _ = await hotline.write_in()
    await joined(hotline, client)
    tag, stranger = client.lookup_tag, sign_keys(hotline.secret("stranger"))
    asked = {
        Verb.CLIENT_JOIN_CODE: ((), hotline.ways.code),
        Verb.CLIENT_HOURS: ((u8(MATRIX), u16(1), u16(2)), hotline.ways.hours),
        Verb.CLIENT_PART: ((u8(MATRIX),), hotline.ways.part),
    }
    for verb, (rest, ask) in asked.items():
        plain = [int.from_bytes(one, "big") for one in rest]
        reply = new_box_keys()
        by_stranger = make_proof(
            stranger, verb, (tag, *rest), await hotline.web.nonce(), reply.public
        )
        with refused:
            await ask(tag, *plain, by_stranger)
        for other in {Verb.ERASE, *asked} - {verb}:
            nonce = await hotline.web.nonce()
            forged = sign_proof(client.sign, nonce, other, (tag, *rest), reply.public)
            with refused:
                await ask(tag, *plain, Proof(nonce, reply.public, forged))
        proof, _ = await hotline.client_proof(client, verb, *rest)
        late, _ = await hotline.client_proof(client, verb, *rest)
        await ask(tag, *plain, proof)
        with refused:
            await ask(tag, *plain, proof)  # again
        hotline.clock.turn(121)
        with refused:
            await ask(tag, *plain, late)


async def test_the_code_is_read_by_who_asked_alone(hotline):
    client, _ = await hotline.write_in()
    proof, _ = await hotline.client_proof(client, Verb.CLIENT_JOIN_CODE)
    answer = await hotline.ways.code(client.lookup_tag, proof)
    code = next(iter(hotline.keeper.join_codes._made))
    assert code.encode() not in answer


async def test_a_chat_of_a_page_gets_no_code_for_another_chat(hotline, refused):
    client, _ = await hotline.write_in()
    there = await joined(hotline, client)
    with refused:
        await hotline.joins.make_code(there.found.address)


async def test_a_chat_of_a_page_ends_itself_and_nothing_else(hotline):
    client, made = await hotline.write_in()
    there = await joined(hotline, client)
    erased = await hotline.courier.erase(there.found.address)
    assert not erased.is_conversation_gone
    assert await ways_of(hotline, client, made) == Ways(is_joined=True)
    with pytest.raises(Refused):
        await hotline.courier.change_due(there.found.address, 0)


async def test_strangers_on_the_page_push_out_no_code_of_a_chat_or_of_who_is_read(
    hotline, monkeypatch
):
    """Anybody may begin on the page, as often as they like."""
    monkeypatch.setattr(join_codes, "MOST", 3)
    client, made = await hotline.write_in()
    await hotline.open_team_wrap(hotline.first, made)
    code, tag = await hotline.code(client), random_bytes(32)
    await hotline.message_in(hotline.client("in a chat"), address_tag=tag)
    of_chat = await hotline.joins.make_code((await hotline.courier.find_address(tag)).address)
    codes = []
    for _ in range(4):
        stranger, _made = await hotline.write_in()
        codes.append(await hotline.code(stranger))
    await hotline.joins.redeem(code, random_bytes(32), MATRIX, 48)
    await hotline.joins.redeem(of_chat, random_bytes(32), MATRIX, 48)
    with pytest.raises(Refused):
        await hotline.joins.redeem(codes[0], random_bytes(32), MATRIX, 48)
    await hotline.joins.redeem(codes[-1], random_bytes(32), MATRIX, 48)


async def test_hours_are_the_clients_and_minutes_of_the_day(hotline, refused):
    client, _ = await hotline.write_in()
    there = await joined(hotline, client)
    place = Address(client.conversation_id, "matrix", "room", "")
    inner = seal_address(hotline.courier_keys.box.public, place)
    outer = await hotline.courier.seal_address(there.found.address, inner)
    told = await hotline.choose_hours(client, MATRIX, 1080, 390)
    assert [(one.begin, one.end) for one in told.each] == [(1080, 390)]
    opened = await hotline.courier.open_address(there.found.address, outer)
    assert (opened.begin, opened.end) == (1080, 390)
    for wrong in ((1440, 0), (0, 1440)):
        with pytest.raises(BadRequest):
            await hotline.choose_hours(client, MATRIX, *wrong)
    with refused:
        await hotline.choose_hours(client, SIGNAL, 0, 1)


async def test_parting_frees_the_address_and_leaves_the_conversation(hotline, refused):
    client, made = await hotline.write_in()
    tag = random_bytes(32)
    await hotline.joins.redeem(await hotline.code(client), tag, MATRIX, 48)
    await joined(hotline, client, SIGNAL)
    told = await hotline.part(client, MATRIX)
    assert [one.channel for one in told.each] == ["signal"]
    with refused:
        await hotline.courier.find_address(tag)
    with refused:
        await hotline.part(client, MATRIX)
    assert await hotline.web.find(client.lookup_tag)
    assert (await ways_of(hotline, client, made)).is_joined


async def test_erasing_on_the_page_frees_every_chat(hotline):
    client, _ = await hotline.write_in()
    for channel in (SIGNAL, MATRIX):
        await joined(hotline, client, channel)
    await hotline.erase(client)
    assert await hotline.caretaker.all_live() == ([], False)


async def test_an_answer_to_a_page_is_sealed_for_the_courier_only_where_a_chat_joined(
    hotline, refused
):
    """Whoever writes rows cannot have a page's answers given to the courier."""
    client, made = await hotline.write_in()
    inner = hotline.outbox_item(client, random_bytes(16))
    request = sealed_inner((await hotline.desk.hello()).start_key, inner)
    with refused:
        await hotline.reply(hotline.first, made.reference, request)
    await joined(hotline, client)
    replied, *_ = await hotline.reply(hotline.first, made.reference, request)
    assert replied.outbox_item


async def test_after_the_last_chat_ended_no_answer_is_sealed_for_the_courier(hotline):
    """The mark *joined* stays; the answer stands on the page, and not in the courier's hands."""
    client, made = await hotline.write_in()
    await joined(hotline, client)
    await hotline.part(client, MATRIX)
    inner = hotline.outbox_item(client, random_bytes(16))
    request = sealed_inner((await hotline.desk.hello()).start_key, inner)
    replied, *_ = await hotline.reply(hotline.first, made.reference, request)
    assert replied.outbox_item is None
    await joined(hotline, client, SIGNAL)
    replied, *_ = await hotline.reply(hotline.first, made.reference, request)
    assert replied.outbox_item


async def test_a_chat_that_joins_again_after_another_kept_its_hours(hotline):
    client, _ = await hotline.write_in()
    await joined(hotline, client)
    await hotline.choose_hours(client, MATRIX, 60, 120)
    there = await joined(hotline, client)
    place = Address(client.conversation_id, "matrix", "another room", "")
    inner = seal_address(hotline.courier_keys.box.public, place)
    outer = await hotline.courier.seal_address(there.found.address, inner)
    opened = await hotline.courier.open_address(there.found.address, outer)
    assert (opened.begin, opened.end) == (60, 120)


async def test_nobody_but_web_asks_for_the_client(hotline):
    client = Client()
    for peer in set(Peer) - {Peer.WEB}:
        proof, _ = await hotline.client_proof(client, Verb.CLIENT_JOIN_CODE)
        with pytest.raises(NotYours):
            await WaysKeeper(hotline.links[peer]).code(client.lookup_tag, proof)


async def test_a_counsellor_hears_of_messengers_of_what_they_opened_without_an_opening(
    hotline, refused
):
    client, made = await hotline.write_in()
    with refused:
        await hotline.team_ways(hotline.first, made.reference)
    for _ in range(OPENINGS_AN_HOUR):
        await hotline.open_team_wrap(hotline.first, made)
    there = await joined(hotline, client)
    told = Ways(is_joined=True, each=(Way("matrix", 0, 0, there.until),))
    for _ in range(3):
        verify_key, ways = await hotline.team_ways(hotline.first, made.reference)
        assert (verify_key, read_ways(ways)) == (client.sign.public, told)
    other = await hotline.hire("Ben", Role.COUNSELLOR)
    with refused:
        await hotline.team_ways(other, made.reference)
    await hotline.open_team_wrap(other, made)
    assert await hotline.team_ways(other, made.reference)
    await hotline.dismiss(other)
    with refused:
        await hotline.team_ways(other, made.reference)
    await hotline.erase(client)
    with refused:
        await hotline.team_ways(hotline.first, made.reference)


def test_of_what_somebody_opened_the_last_are_known():
    opened, own, others = LastOpened(2), b"o" * 16, b"x" * 16
    for one in (b"1", b"2", b"1", b"3"):
        opened.note(own, one)
    opened.note(others, b"2")
    assert [opened.has(own, one) for one in (b"1", b"2", b"3")] == [True, False, True]
    assert [opened.has(others, one) for one in (b"1", b"2", b"3")] == [False, True, False]
    assert not opened.has(b"nobody", b"1")


def test_ways_that_are_none_are_not_read():
    for told in (b"", bytes(36), bytes(38), b"\x02" + bytes(36)):
        with pytest.raises(CannotOpen):
            read_ways(told)
