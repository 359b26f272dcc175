"""A page goes on with a chat's conversation, by four hands (docs/keeper.md, 0x65-0x6C).

The chat gets a code, the page proposes the keys of its phrase with it, the chat confirms them, a
counsellor's browser lets them in. Until the last step a proposed phrase opens nothing, erases
nothing and changes nothing.
"""

from __future__ import annotations

from dataclasses import replace

from intake_server.keeper.members import proven
from intake_server.keeper.new_conversations import outer_team_wrap
from intake_server.keeper.parts import Keeper
from intake_server.keeper.proofs import sealed_answer
from intake_server.keeper.shared_work import (
    Arguments,
    Fields,
    keep_known,
    living,
    referenced,
    referenced_address,
)
from vault.keeper_protocol import Busy, Peer, Reference, Refused, Verb, number_of, u8
from vault.keeper_requests import Proof
from vault.page_proposal import Proposal, open_proposal, open_wraps
from vault.roster import Role
from vault.sealing import Kind, equal, outer_seal, reader_of
from vault.slot_index import Key
from vault.slot_records import NO_KEY, NO_TAG, Channel, Conversation

# --- the chat -----------------------------------------------------------------------------


async def make_code(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """A code by which a page may ask; only who writes from this address is told it."""
    _, _, slot, conversation = await referenced_address(keeper, arguments[0])
    if conversation.has_phrase:
        raise Refused("this conversation has a phrase already")
    return (keeper.page_asks.new_code(Reference(slot, conversation.tag)).encode(),)


async def asked(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """What asks at this address's conversation, by which code, whether confirmed; or all empty.

    The number that the chat repeats is made of both. The code of what was confirmed is known no
    longer than any other.
    """
    _, _, slot, conversation = await referenced_address(keeper, arguments[0])
    fresh = keeper.page_asks.of(Reference(slot, conversation.tag))
    kept = _kept(conversation)
    if fresh is not None:
        return fresh.code.encode(), fresh.proposal.hash, u8(fresh.proposal == kept)
    return b"", b"" if kept is None else kept.hash, u8(kept is not None)


async def confirm(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """Keep what asks, at the chat's word; without a hash, forget it. May be repeated."""
    _, _, slot, conversation = await referenced_address(keeper, arguments[0])
    if conversation.has_phrase:
        raise Refused("this conversation has a phrase already")
    reference = Reference(slot, conversation.tag)
    kept = _kept(conversation)
    if not arguments[1]:
        keeper.page_asks.end(reference)
        if kept is not None:
            await keeper.slots.write({slot: _without(conversation)})
        return ()
    if kept is not None and equal(kept.hash, arguments[1]):
        return ()
    fresh = _fresh(keeper, reference, arguments[1])
    (taken,) = await keeper.slots.find((Key.LOOKUP, fresh.lookup_tag))
    while keeper.slots.is_busy(slot):
        await keeper.slots.quiet(slot)
        (taken,) = await keeper.slots.find((Key.LOOKUP, fresh.lookup_tag))
    record = living(keeper, reference)
    if taken is not None or not isinstance(record, Conversation) or record.has_phrase:
        raise Refused("this phrase belongs to another conversation, or this one is gone")
    fresh = _fresh(keeper, reference, arguments[1])  # another chat may have taken it back meanwhile
    await keeper.slots.write({slot: _with(record, fresh)})
    return ()


def _fresh(keeper: Keeper, reference: Reference, named: bytes) -> Proposal:
    """What asks now, where it is what is named; raises Refused."""
    asked = keeper.page_asks.of(reference)
    if asked is None or not equal(asked.proposal.hash, named):
        raise Refused("no page asks this, or not any more")
    return asked.proposal


# --- the page -----------------------------------------------------------------------------


async def propose(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """Ask with a code of a chat. Nothing is kept but in memory, for a quarter of an hour."""
    code, proposal = open_proposal(keeper.start, arguments[0])
    seconds = keeper.page_asks.codes.wait()
    if seconds:
        raise Busy(seconds)
    reference = keeper.page_asks.ask(code, proposal)
    if reference is None:
        raise Refused("there is no such code")
    await keeper.slots.quiet(reference.slot)
    conversation = living(keeper, reference)
    if not isinstance(conversation, Conversation) or conversation.has_phrase:
        keeper.page_asks.end(reference)
        raise Refused("the conversation of the code is gone, or has a phrase")
    return ()


# --- the team -----------------------------------------------------------------------------


async def asking(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """Which keys wait to be let in, or were, for a counsellor.

    Those that were are told too: a database that was restored may have lost their wraps.
    """
    _, _, proof, proposal = await _waiting(keeper, peer, Verb.PAGE_ASKING, arguments)
    keys = proposal.lookup_tag, proposal.verify_key, proposal.box_key
    return (sealed_answer(proof.reply_key, proof.nonce, *keys),)


async def wrap(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """The outer layers on both wraps for a page. Changes nothing: they are stored first."""
    slot, conversation, proof, proposal = await _waiting(keeper, peer, Verb.PAGE_WRAP, arguments)
    epoch = number_of(arguments[2])
    if epoch != keeper.roster().epoch.number:
        raise Refused("only the current team key is wrapped for")
    team, client = open_wraps(keeper.start, arguments[3])
    owner, reader = conversation.conversation_id, reader_of("client", proposal.lookup_tag)
    answer = sealed_answer(proof.reply_key, proof.nonce)
    await keep_known(keeper, slot, conversation)
    return (
        outer_team_wrap(conversation, epoch, team),
        outer_seal(conversation.s, Kind.CLIENT_WRAP, owner, reader, client),
        answer,
    )


async def let_in(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """From now on the phrase opens the conversation: it is a page's that a chat joined.

    May be repeated.
    """
    slot, conversation, proof, proposal = await _waiting(keeper, peer, Verb.PAGE_LET_IN, arguments)
    if not equal(proposal.hash, arguments[2]):
        raise Refused("another page asks by now")
    changed = replace(
        conversation, is_asked=False, channel=Channel.WEB, is_joined=True, is_known=True
    )
    answer = sealed_answer(proof.reply_key, proof.nonce)
    await keeper.slots.write({slot: changed})
    keeper.page_asks.end(Reference(slot, conversation.tag))
    return (answer,)


async def refuse(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """Forget what asks, at a counsellor's word."""
    slot, conversation, proof, proposal = await _waiting(keeper, peer, Verb.PAGE_REFUSE, arguments)
    if not conversation.is_asked or not equal(proposal.hash, arguments[2]):
        raise Refused("another page asks by now, or this one was let in")
    answer = sealed_answer(proof.reply_key, proof.nonce)
    await keeper.slots.write({slot: replace(_without(conversation), is_known=True)})
    keeper.page_asks.end(Reference(slot, conversation.tag))
    return (answer,)


async def _waiting(
    keeper: Keeper, peer: Peer, verb: Verb, arguments: Arguments
) -> tuple[int, Conversation, Proof, Proposal]:
    """The conversation and what waits there or was let in, for a counsellor; raises Refused."""
    try:
        slot, conversation = await referenced(keeper, arguments[0])
    finally:
        # The proof comes second so that a removal in between counts; its nonce is used up anyway.
        proof = proven(keeper, peer, verb, arguments, arguments[1], Role.COUNSELLOR)
    if conversation.box_key == NO_KEY:
        raise Refused("no page asks here")
    return slot, conversation, proof, _named(conversation)


# --- the record ---------------------------------------------------------------------------


def _kept(conversation: Conversation) -> Proposal | None:
    """What the chat has confirmed."""
    return _named(conversation) if conversation.is_asked else None


def _named(conversation: Conversation) -> Proposal:
    return Proposal(conversation.lookup_tag, conversation.verify_key, conversation.box_key)


def _with(conversation: Conversation, asked: Proposal) -> Conversation:
    return replace(
        conversation,
        lookup_tag=asked.lookup_tag,
        verify_key=asked.verify_key,
        box_key=asked.box_key,
        is_asked=True,
    )


def _without(conversation: Conversation) -> Conversation:
    return replace(
        conversation, lookup_tag=NO_TAG, verify_key=NO_KEY, box_key=NO_KEY, is_asked=False
    )
