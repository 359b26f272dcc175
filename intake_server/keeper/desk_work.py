"""What the desk asks of conversations for who has signed in (docs/keeper.md, 0x45-0x49, 0x6D)."""

from __future__ import annotations

from dataclasses import replace

from intake_server.keeper.dates import after_closing, after_reply, with_hold
from intake_server.keeper.members import proven
from intake_server.keeper.new_conversations import outer_team_wrap
from intake_server.keeper.parts import Keeper
from intake_server.keeper.proofs import sealed_answer
from intake_server.keeper.shared_work import (
    Arguments,
    Fields,
    date,
    has_address,
    keep_known,
    referenced,
    verify_key_of,
    ways_of,
)
from vault.keeper_protocol import Busy, Peer, Reference, Refused, Verb, number_of
from vault.keeper_requests import Proof, open_inner
from vault.roster import Role
from vault.sealing import Kind, outer_open, outer_seal, reader_of
from vault.slot_records import Channel, Conversation


async def open_team_wrap(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """Take the outer layer off a team wrap, for a counsellor, within the budget."""
    slot, conversation, proof = await _asked(
        keeper, peer, Verb.OPEN_TEAM_WRAP, arguments, Role.COUNSELLOR
    )
    head, is_older = keeper.roster().epoch.number, False
    if number_of(arguments[2]) < head:
        is_older = keeper.rewrappings.is_first(slot, head)
    seconds = 0 if is_older else keeper.openings.spend(arguments[1])
    if seconds:
        raise Busy(seconds)
    inner = outer_open(
        conversation.s,
        Kind.TEAM_WRAP,
        conversation.conversation_id,
        reader_of("team", arguments[2]),
        arguments[3],
    )
    answer = sealed_answer(
        proof.reply_key,
        proof.nonce,
        inner,
        conversation.conversation_id,
        conversation.cpk,
        conversation.npk,
        verify_key_of(conversation),
        date(conversation.due),
        date(conversation.latest),
        ways_of(keeper, slot, conversation),
    )
    await keep_known(keeper, slot, conversation)
    reference = Reference(slot, conversation.tag)
    keeper.join_codes.opened(reference)
    keeper.page_asks.codes.opened(reference)
    keeper.last_opened.note(arguments[1], conversation.conversation_id)
    return (answer,)


async def ways(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """Tell the messengers of a conversation to a counsellor who opened it, outside the budget."""
    slot, conversation, proof = await _asked(
        keeper, peer, Verb.TEAM_WAYS, arguments, Role.COUNSELLOR
    )
    if not keeper.last_opened.has(arguments[1], conversation.conversation_id):
        raise Refused("who has not opened it learns nothing of it")
    told = verify_key_of(conversation), ways_of(keeper, slot, conversation)
    return (sealed_answer(proof.reply_key, proof.nonce, *told),)


async def replied(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """Move `due` for a reply; put the outer layer on what goes to a messenger."""
    slot, conversation, proof = await _asked(keeper, peer, Verb.REPLIED, arguments, Role.COUNSELLOR)
    outer = b""
    if arguments[3]:
        if conversation.channel == Channel.WEB and not conversation.is_joined:
            # Else whoever writes rows could have a reply to the web sealed to the courier.
            raise Refused("no messenger was joined to this conversation")
        inner = open_inner(keeper.start, Kind.OUTBOX, arguments[3])
        # On the page the answer stands anyway; where every chat has ended, it stands there alone.
        if conversation.channel != Channel.WEB or has_address(keeper, slot, conversation):
            reader = reader_of("outbox", arguments[2])
            owner = conversation.conversation_id
            outer = outer_seal(conversation.s, Kind.OUTBOX, owner, reader, inner)
    changed = after_reply(conversation, keeper.clock.unix())
    answer = sealed_answer(proof.reply_key, proof.nonce, date(changed.due))
    await keeper.slots.write({slot: replace(changed, is_known=True)})
    return date(changed.due), outer, answer


async def close(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """Mark a conversation as closed; it is due sooner then."""
    slot, conversation, proof = await _asked(
        keeper, peer, Verb.CLOSE, arguments, Role.COUNSELLOR | Role.SUPERVISOR
    )
    changed = after_closing(conversation, keeper.clock.unix())
    answer = sealed_answer(proof.reply_key, proof.nonce, date(changed.due))
    await keeper.slots.write({slot: replace(changed, is_known=True)})
    return date(changed.due), answer


async def rewrap(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """Put the outer layer on a wrap for the head epoch's team key."""
    slot, conversation, proof = await _asked(keeper, peer, Verb.REWRAP, arguments, Role.COUNSELLOR)
    epoch = number_of(arguments[2])
    if epoch != keeper.roster().epoch.number:
        raise Refused("only the current team key is wrapped for")
    inner = open_inner(keeper.start, Kind.TEAM_WRAP, arguments[3])
    answer = sealed_answer(proof.reply_key, proof.nonce)
    outer = outer_team_wrap(conversation, epoch, inner)
    await keep_known(keeper, slot, conversation)
    return outer, answer


async def hold(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """Put off forgetting by time, or end that."""
    slot, conversation, proof = await _asked(keeper, peer, Verb.HOLD, arguments, Role.SUPERVISOR)
    changed = with_hold(conversation, number_of(arguments[2]), keeper.clock.unix())
    answer = sealed_answer(proof.reply_key, proof.nonce, date(changed.hold_until))
    await keeper.slots.write({slot: replace(changed, is_known=True)})
    return date(changed.hold_until), answer


async def _asked(
    keeper: Keeper, peer: Peer, verb: Verb, arguments: Arguments, role: Role
) -> tuple[int, Conversation, Proof]:
    """The conversation that a member with one of these roles asks for, quiet; raises Refused."""
    try:
        slot, conversation = await referenced(keeper, arguments[0])
    finally:
        # The proof comes second so that a removal in between counts; its nonce is used up anyway.
        proof = proven(keeper, peer, verb, arguments, arguments[1], role)
    return slot, conversation, proof
