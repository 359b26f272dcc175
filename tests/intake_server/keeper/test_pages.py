"""A page goes on with a chat's conversation: by the chat's word and then a counsellor's."""

import asyncio
from dataclasses import dataclass

import pytest

from intake_server.keeper import join_codes, page_asks
from tests.intake_server.keeper.world import Client, Member
from vault.keeper_protocol import (
    BadRequest,
    Busy,
    NotYours,
    Peer,
    Reference,
    Refused,
    Verb,
    u32,
)
from vault.keeper_requests import Proof, make_proof, open_answer
from vault.page_proposal import Proposal, number_for, sealed_proposal, sealed_wraps
from vault.roster import Role
from vault.sealing import CannotOpen, Kind, new_box_keys, random_bytes, seal, sign_keys
from vault.slot_index import Key
from vault.slot_records import Channel
from vault.ways import read_ways
from vault.wraps import (
    ClientWrap,
    TeamWrap,
    new_conversation_keys,
    open_client_wrap,
    open_team_wrap,
    seal_client_wrap,
    seal_team_wrap,
    sign_proof,
    team_keys,
)


@dataclass
class Chat:
    """Somebody who wrote from a chat, with what the courier and the team know of it."""

    client: Client
    tag: bytes
    reference: Reference
    address: Reference
    team_wrap: bytes


async def chat(hotline, label="in a chat") -> Chat:
    tag = random_bytes(32)
    client = hotline.client(label)
    request, made = await hotline.message_in(client, address_tag=tag)
    assert request.address_tag == tag
    return Chat(client, tag, made.reference, made.address, made.team_wrap)


def proposal_of(client: Client) -> Proposal:
    return Proposal(client.lookup_tag, client.sign.public, client.box.public)


async def propose(hotline, page: Client, code: str) -> Proposal:
    proposal = proposal_of(page)
    start_key = (await hotline.web.hello()).start_key
    await hotline.page_asks.propose(sealed_proposal(start_key, code, proposal))
    return proposal


async def asked_and_confirmed(hotline, there: Chat, page: Client) -> Proposal:
    code = await hotline.chat_pages.make_code(there.address)
    proposal = await propose(hotline, page, code)
    await hotline.chat_pages.confirm(there.address, proposal.hash)
    return proposal


async def asking(hotline, member: Member, there: Chat) -> Proposal:
    given = there.reference.packed, member.staff_id
    proof, reply = await hotline.staff_proof(member, Verb.PAGE_ASKING, *given)
    answer = await hotline.team_pages.asking(there.reference, member.staff_id, proof)
    return Proposal(*open_answer(reply, proof.nonce, answer))


async def wraps(hotline, member: Member, there: Chat, proposal: Proposal):
    epoch = len(hotline.team_seeds)
    owner, keys = there.client.conversation_id, there.client.keys
    team = seal_team_wrap(
        team_keys(hotline.team_seeds[-1]).box.public,
        TeamWrap(owner, epoch, keys, proposal.verify_key),
    )
    client = seal_client_wrap(
        proposal.box_key, ClientWrap(owner, keys.messages, bytes(32), bytes(32))
    )
    request = sealed_wraps((await hotline.desk.hello()).start_key, team, client)
    given = there.reference.packed, member.staff_id, u32(epoch), request
    proof, reply = await hotline.staff_proof(member, Verb.PAGE_WRAP, *given)
    made = await hotline.team_pages.wrap(there.reference, member.staff_id, epoch, request, proof)
    assert open_answer(reply, proof.nonce, made.answer) == ()
    return made


async def say(hotline, verb: Verb, member: Member, there: Chat, named: bytes) -> None:
    """A counsellor's yes or no."""
    ask = {
        Verb.PAGE_LET_IN: hotline.team_pages.let_in,
        Verb.PAGE_REFUSE: hotline.team_pages.refuse,
    }[verb]
    given = there.reference.packed, member.staff_id, named
    proof, reply = await hotline.staff_proof(member, verb, *given)
    answer = await ask(there.reference, member.staff_id, named, proof)
    assert open_answer(reply, proof.nonce, answer) == ()


async def opens_nothing(hotline, page: Client, outer: bytes = bytes(200)) -> None:
    """Neither reads, nor erases, nor changes anything."""
    with pytest.raises(Refused):
        await hotline.web.find(page.lookup_tag)
    with pytest.raises(Refused):
        await hotline.open_client_wrap(page, outer)
    with pytest.raises(Refused):
        await hotline.erase(page)
    with pytest.raises(Refused):
        await hotline.change_due(page, hotline.now() + 3600)
    with pytest.raises(Refused):
        await hotline.code(page)


async def test_a_page_goes_on_with_a_chat_once_chat_and_team_have_said_so(hotline):
    there, page = await chat(hotline), Client()
    proposal = await asked_and_confirmed(hotline, there, page)
    await opens_nothing(hotline, page)
    assert await asking(hotline, hotline.first, there) == proposal
    made = await wraps(hotline, hotline.first, there, proposal)
    await opens_nothing(hotline, page, made.client_wrap)
    await say(hotline, Verb.PAGE_LET_IN, hotline.first, there, proposal.hash)

    inner, owner, *_, told = await hotline.open_client_wrap(page, made.client_wrap)
    assert owner == there.client.conversation_id
    opened = open_client_wrap(page.box, inner, owner)
    assert opened.messages.public == there.client.keys.messages.public
    ways = read_ways(told)
    assert ways.is_joined
    assert [way.channel for way in ways.each] == ["signal"]
    there.team_wrap = made.team_wrap
    inner, *_, verify_key, _due, _latest, _ways = await hotline.open_team_wrap(hotline.first, there)
    assert verify_key == page.sign.public
    mine = open_team_wrap(team_keys(hotline.team_seeds[-1]).box, inner, owner, 1)
    assert mine.verify_key == page.sign.public
    record = hotline.keeper.slots.get(there.reference.slot)
    assert record.channel == Channel.WEB
    await say(hotline, Verb.PAGE_LET_IN, hotline.first, there, proposal.hash)  # may be repeated
    with pytest.raises(Refused):
        await say(hotline, Verb.PAGE_REFUSE, hotline.first, there, proposal.hash)
    assert await asking(hotline, hotline.first, there) == proposal
    erased, _ = await hotline.erase(page)
    assert erased.conversation_id == owner
    with pytest.raises(Refused):
        await hotline.courier.find_address(there.tag)


async def test_then_the_chat_ends_itself_alone_and_makes_no_codes(hotline, refused):
    there, page = await chat(hotline), Client()
    proposal = await asked_and_confirmed(hotline, there, page)
    made = await wraps(hotline, hotline.first, there, proposal)
    await say(hotline, Verb.PAGE_LET_IN, hotline.first, there, proposal.hash)
    with refused:
        await hotline.joins.make_code(there.address)
    with refused:
        await hotline.chat_pages.make_code(there.address)
    with refused:
        await hotline.chat_pages.confirm(there.address, proposal.hash)
    with refused:
        await hotline.chat_pages.take_back(there.address)
    erased = await hotline.courier.erase(there.address)
    assert not erased.is_conversation_gone
    await hotline.open_client_wrap(page, made.client_wrap)


async def test_who_saw_the_code_gets_no_further_than_to_ask(hotline, refused):
    """Their page shows a number that nobody repeats in the chat; the client's own code is new."""
    there, page, thief = await chat(hotline), Client(), Client()
    code = await hotline.chat_pages.make_code(there.address)
    seen = await propose(hotline, thief, code)
    with refused:
        await propose(hotline, page, code)
    asked = await hotline.chat_pages.asked(there.address)
    assert asked.hash == seen.hash
    assert not asked.is_confirmed
    own = proposal_of(page)
    assert asked.code == code
    assert number_for(code, own.hash) != number_for(code, seen.hash)
    with refused:
        await hotline.chat_pages.confirm(there.address, own.hash)
    with refused:
        await asking(hotline, hotline.first, there)
    await asked_and_confirmed(hotline, there, page)
    with refused:
        await hotline.chat_pages.confirm(there.address, seen.hash)
    assert await asking(hotline, hotline.first, there) == own
    await opens_nothing(hotline, thief)


async def test_a_courier_that_asks_for_itself_reads_nothing_without_a_counsellor(hotline, refused):
    """It has the chat's code, proposes a page of its own and confirms it: all that it can do."""
    there, own = await chat(hotline), Client()
    proposal = await asked_and_confirmed(hotline, there, own)
    stored = random_bytes(300)  # whatever stands in the row
    await opens_nothing(hotline, own, stored)
    await opens_nothing(hotline, own, there.team_wrap)
    courier = hotline.links[Peer.COURIER]
    for verb in (Verb.PAGE_WRAP, Verb.PAGE_LET_IN, Verb.PAGE_ASKING, Verb.OPEN_TEAM_WRAP):
        with pytest.raises(NotYours):
            await courier.ask(verb, there.reference.packed, proposal.hash)
    with refused:
        await hotline.web.find(proposal.lookup_tag)


async def test_a_page_code_joins_no_chat_and_a_chat_code_lets_no_page_ask(hotline, refused):
    there = await chat(hotline)
    code = await hotline.chat_pages.make_code(there.address)
    with refused:
        await hotline.joins.redeem(code, random_bytes(32), 3, 48)
    other = await hotline.joins.make_code(there.address)
    with refused:
        await propose(hotline, Client(), other)
    await propose(hotline, Client(), code)


async def test_a_code_is_good_once_for_a_while_and_its_answer_may_be_lost(hotline, refused):
    there, page = await chat(hotline), Client()
    first = await hotline.chat_pages.make_code(there.address)
    second = await hotline.chat_pages.make_code(there.address)
    with refused:
        await propose(hotline, page, first)
    await propose(hotline, page, second)
    proposal = await propose(hotline, page, second)
    with refused:
        await propose(hotline, Client(), second)
    hotline.clock.turn(join_codes.LIFE + 1)
    assert await hotline.chat_pages.asked(there.address) is None
    with refused:
        await hotline.chat_pages.confirm(there.address, proposal.hash)
    late = await hotline.chat_pages.make_code(there.address)
    hotline.clock.turn(join_codes.LIFE + 1)
    with refused:
        await propose(hotline, page, late)


async def test_confirming_may_be_repeated_and_is_taken_back(hotline, refused):
    there, page = await chat(hotline), Client()
    proposal = await asked_and_confirmed(hotline, there, page)
    await hotline.chat_pages.confirm(there.address, proposal.hash)
    assert (await hotline.chat_pages.asked(there.address)).is_confirmed
    assert (await hotline.chat_pages.asked(there.address)).code != ""
    await hotline.restart()
    assert (await hotline.chat_pages.asked(there.address)).is_confirmed
    assert (await hotline.chat_pages.asked(there.address)).code == ""
    assert await asking(hotline, hotline.first, there) == proposal
    await hotline.chat_pages.take_back(there.address)
    assert await hotline.chat_pages.asked(there.address) is None
    with refused:
        await asking(hotline, hotline.first, there)
    await asked_and_confirmed(hotline, there, page)


async def test_a_later_page_takes_the_place_of_one_that_waits(hotline, refused):
    there, earlier, later = await chat(hotline), Client(), Client()
    old = await asked_and_confirmed(hotline, there, earlier)
    made = await wraps(hotline, hotline.first, there, old)
    new = await asked_and_confirmed(hotline, there, later)
    with refused:
        await say(hotline, Verb.PAGE_LET_IN, hotline.first, there, old.hash)
    await say(hotline, Verb.PAGE_LET_IN, hotline.first, there, new.hash)
    await opens_nothing(hotline, earlier, made.client_wrap)
    with refused:  # wrapped for the earlier one's tag
        await hotline.open_client_wrap(later, made.client_wrap)


async def test_a_counsellor_says_no(hotline, refused):
    there, page = await chat(hotline), Client()
    proposal = await asked_and_confirmed(hotline, there, page)
    with refused:
        await say(hotline, Verb.PAGE_REFUSE, hotline.first, there, bytes(32))
    await say(hotline, Verb.PAGE_REFUSE, hotline.first, there, proposal.hash)
    await opens_nothing(hotline, page)
    with refused:
        await say(hotline, Verb.PAGE_LET_IN, hotline.first, there, proposal.hash)
    with refused:  # the same number again is no longer one of a page that asks
        await hotline.chat_pages.confirm(there.address, proposal.hash)
    erased = await hotline.courier.erase(there.address)
    assert erased.is_conversation_gone


async def test_nobody_but_a_counsellor_lets_a_page_in(hotline, refused):
    there, page = await chat(hotline), Client()
    proposal = await asked_and_confirmed(hotline, there, page)
    auditor = await hotline.hire("Ben", Role.AUDITOR)
    stranger = Member("Eve")
    for member in (auditor, stranger):
        with refused:
            await asking(hotline, member, there)
        with refused:
            await say(hotline, Verb.PAGE_LET_IN, member, there, proposal.hash)
        with refused:
            await say(hotline, Verb.PAGE_REFUSE, member, there, proposal.hash)
        with refused:
            await wraps(hotline, member, there, proposal)


async def test_a_proof_for_another_step_or_page_lets_nobody_in(hotline, refused):
    there, page = await chat(hotline), Client()
    proposal = await asked_and_confirmed(hotline, there, page)
    first, reply = hotline.first, new_box_keys()
    for verb in (Verb.PAGE_REFUSE, Verb.PAGE_ASKING, Verb.CLOSE):
        nonce = await hotline.desk.nonce()
        signed = there.reference.packed, first.staff_id, proposal.hash
        forged = sign_proof(first.keys.sign, nonce, verb, signed, reply.public)
        with refused:
            await hotline.team_pages.let_in(
                there.reference,
                first.staff_id,
                proposal.hash,
                Proof(nonce, reply.public, forged),
            )
    given = there.reference.packed, first.staff_id, bytes(32)
    other = make_proof(
        first.keys.sign, Verb.PAGE_LET_IN, given, await hotline.desk.nonce(), reply.public
    )
    with refused:
        await hotline.team_pages.let_in(there.reference, first.staff_id, proposal.hash, other)
    await opens_nothing(hotline, page)


async def test_each_hand_does_its_own_step_alone(hotline):
    there = await chat(hotline)
    given = {
        Verb.PAGE_CODE: (Peer.COURIER, (there.address.packed,)),
        Verb.PAGE_PROPOSE: (Peer.WEB, (bytes(200),)),
        Verb.PAGE_ASKED: (Peer.COURIER, (there.address.packed,)),
        Verb.PAGE_CONFIRM: (Peer.COURIER, (there.address.packed, bytes(32))),
    }
    for verb, (owner, arguments) in given.items():
        for peer in set(Peer) - {owner}:
            with pytest.raises(NotYours):
                await hotline.links[peer].ask(verb, *arguments)


async def test_what_a_page_proposes_has_its_form(hotline):
    start_key = (await hotline.web.hello()).start_key
    there = await chat(hotline)
    code = await hotline.chat_pages.make_code(there.address)
    page = proposal_of(Client())
    for bad in (
        Proposal(bytes(16), page.verify_key, page.box_key),
        Proposal(page.lookup_tag, bytes(32), page.box_key),
        Proposal(page.lookup_tag, page.verify_key, bytes(32)),
    ):
        with pytest.raises(BadRequest):
            await hotline.page_asks.propose(sealed_proposal(start_key, code, bad))
    with pytest.raises(BadRequest):
        await hotline.page_asks.propose(seal(Kind.KEEPER_REQUEST, start_key, b"short"))
    with pytest.raises(Refused):
        await hotline.page_asks.propose(sealed_proposal(new_box_keys().public, code, page))
    await hotline.page_asks.propose(sealed_proposal(start_key, code, page))


async def test_guesses_of_strangers_are_bounded_and_stop_no_chat_from_joining(hotline):
    there = await chat(hotline)
    joins = await hotline.joins.make_code(there.address)
    code = await hotline.chat_pages.make_code(there.address)
    hotline.keeper.page_asks.codes.tries = 2
    for step in (1, 2):
        with pytest.raises(Refused):
            await propose(hotline, Client(), f"{(int(code) + step) % 10**10:010}")
    with pytest.raises(Busy):
        await propose(hotline, Client(), code)
    await hotline.joins.redeem(joins, random_bytes(32), 3, 48)
    hotline.clock.turn(join_codes.LIFE + 1)
    await propose(hotline, Client(), await hotline.chat_pages.make_code(there.address))
    assert page_asks.TRIES > join_codes.TRIES


async def test_a_phrase_of_somebody_else_is_taken_by_nobody(hotline, refused):
    """Who knows the public side of another phrase cannot have it name their own chat."""
    client, made = await hotline.write_in()
    there = await chat(hotline)
    code = await hotline.chat_pages.make_code(there.address)
    proposal = await propose(hotline, client, code)
    with refused:
        await hotline.chat_pages.confirm(there.address, proposal.hash)
    waiting = Client()
    await asked_and_confirmed(hotline, there, waiting)
    with refused:
        await hotline.write_in(waiting)
    await hotline.open_client_wrap(client, made.client_wrap)


async def test_erasing_and_forgetting_take_what_waits_with_them(hotline, refused):
    there, page = await chat(hotline), Client()
    proposal = await asked_and_confirmed(hotline, there, page)
    erased = await hotline.courier.erase(there.address)
    assert erased.is_conversation_gone
    with refused:
        await asking(hotline, hotline.first, there)
    with refused:
        await say(hotline, Verb.PAGE_LET_IN, hotline.first, there, proposal.hash)
    await opens_nothing(hotline, page)
    for file in ("slots.bin", "slots.twin"):
        held = (hotline.folder / "keeper" / file).read_bytes()
        for key in (proposal.lookup_tag, proposal.verify_key, proposal.box_key):
            assert key not in held
    other = await chat(hotline, "another")
    code = await hotline.chat_pages.make_code(other.address)
    await hotline.courier.erase(other.address)
    with refused:
        await propose(hotline, Client(), code)


async def test_what_waits_is_told_to_neither_page_nor_desk_as_a_phrase(hotline):
    there, page = await chat(hotline), Client()
    await asked_and_confirmed(hotline, there, page)
    assert (await hotline.desk.slot_keys(there.reference)).verify_key is None
    _, _, _, _, verify_key, *_ = await hotline.open_team_wrap(hotline.first, there)
    assert verify_key == b""
    code = await hotline.joins.make_code(there.address)  # still a chat's conversation
    assert len(code) == 10


async def test_wraps_are_for_the_head_epoch_and_of_their_kinds(hotline, refused):
    there, page = await chat(hotline), Client()
    proposal = await asked_and_confirmed(hotline, there, page)
    await hotline.next_epoch()
    first, start_key = hotline.first, (await hotline.desk.hello()).start_key
    owner, keys = there.client.conversation_id, new_conversation_keys()
    team = seal_team_wrap(
        team_keys(hotline.team_seeds[0]).box.public,
        TeamWrap(owner, 1, keys, proposal.verify_key),
    )
    client = seal_client_wrap(
        proposal.box_key, ClientWrap(owner, keys.messages, bytes(32), bytes(32))
    )

    async def asks(epoch: int, request: bytes) -> None:
        given = there.reference.packed, first.staff_id, u32(epoch), request
        proof, _ = await hotline.staff_proof(first, Verb.PAGE_WRAP, *given)
        await hotline.team_pages.wrap(there.reference, first.staff_id, epoch, request, proof)

    with refused:
        await asks(1, sealed_wraps(start_key, team, client))
    with pytest.raises(BadRequest):
        await asks(2, sealed_wraps(start_key, team[:-1], client))
    with pytest.raises(BadRequest):
        await asks(2, sealed_wraps(start_key, bytes(len(team)), client))
    await asks(2, sealed_wraps(start_key, team, client))


async def test_the_number_is_of_the_code_and_the_keys_and_of_all_of_them():
    """Nobody computes beforehand which keys have which number: the code is drawn in the chat."""
    page, other = proposal_of(Client()), proposal_of(Client())
    number = number_for("0123456789", page.hash)
    assert len(number) == 10
    assert number.isdigit()
    mixed = [
        Proposal(other.lookup_tag, page.verify_key, page.box_key),
        Proposal(page.lookup_tag, other.verify_key, page.box_key),
        Proposal(page.lookup_tag, page.verify_key, other.box_key),
    ]
    numbers = {number_for("0123456789", one.hash) for one in mixed}
    assert len({number, *numbers, number_for("0123456780", page.hash)}) == 5


async def test_what_was_taken_back_meanwhile_is_not_confirmed_after_all(
    hotline, refused, monkeypatch
):
    """Another chat of the same conversation takes back what this one is about to confirm."""
    there, page = await chat(hotline), Client()
    code = await hotline.chat_pages.make_code(there.address)
    proposal = await propose(hotline, page, code)
    slots, real = hotline.keeper.slots, hotline.keeper.slots.find
    go, at = asyncio.Event(), asyncio.Event()

    async def slow(*keys):  # it waits for a slot that is being written
        if keys[0][0] is Key.LOOKUP:
            at.set()
            await go.wait()
        return await real(*keys)

    monkeypatch.setattr(slots, "find", slow)
    confirming = asyncio.create_task(hotline.chat_pages.confirm(there.address, proposal.hash))
    await at.wait()
    hotline.keeper.page_asks.end(there.reference)
    go.set()
    with refused:
        await confirming


async def test_a_key_of_nobody_names_no_page(hotline):
    """Who answers in the keeper's place cannot be opened by another key than the asker's."""
    there, page = await chat(hotline), Client()
    await asked_and_confirmed(hotline, there, page)
    given = there.reference.packed, hotline.first.staff_id
    proof, _ = await hotline.staff_proof(hotline.first, Verb.PAGE_ASKING, *given)
    answer = await hotline.team_pages.asking(there.reference, hotline.first.staff_id, proof)
    with pytest.raises(CannotOpen):
        open_answer(new_box_keys(), proof.nonce, answer)
    assert page.box.public not in answer
    assert sign_keys(hotline.secret("nobody")).public not in answer
