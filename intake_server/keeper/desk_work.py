"""What the desk asks for staff who have signed in (docs/keeper.md, 0x45-0x4B)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from intake_server.keeper.alarms import Alarm
from intake_server.keeper.dates import after_closing, after_reply, with_hold
from intake_server.keeper.new_conversations import outer_team_wrap
from intake_server.keeper.parts import Keeper
from intake_server.keeper.proofs import sealed_answer
from intake_server.keeper.shared_work import (
    Arguments,
    Fields,
    date,
    keep_known,
    referenced,
    verify_key_of,
)
from vault.keeper_protocol import PROOF, Busy, Peer, Refused, Verb, number_of
from vault.keeper_requests import Proof, is_proof_of, open_inner
from vault.roster import Role, Roster, RosterError, read_entry
from vault.sealing import Kind, Malformed, header, outer_open, outer_seal, reader_of
from vault.slot_records import Channel, Conversation, RecordKind, Staff
from vault.slots import DiskRefused

_ANYBODY: Final = Role(0)


async def open_team_wrap(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """Take the outer layer off a team wrap, for a counsellor, within the budget."""
    slot, conversation, proof = await _asked(
        keeper, peer, Verb.OPEN_TEAM_WRAP, arguments, Role.COUNSELLOR
    )
    seconds = keeper.openings.spend(arguments[1])
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
    )
    await keep_known(keeper, slot, conversation)
    return (answer,)


async def replied(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """Move `due` for a reply; put the outer layer on what goes to a messenger."""
    slot, conversation, proof = await _asked(keeper, peer, Verb.REPLIED, arguments, Role.COUNSELLOR)
    outer = b""
    if arguments[3]:
        if conversation.channel == Channel.WEB:
            # Else whoever writes rows could have a reply to the web sealed to the courier.
            raise Refused("a conversation born on the web has no messenger")
        inner = open_inner(keeper.start, Kind.OUTBOX, arguments[3])
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


async def append(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """Add an entry to the roster; a removal takes effect with it."""
    signer, entry = arguments[0], arguments[1]
    async with keeper.chain.changing:
        proof = _proven(keeper, peer, Verb.APPEND, arguments, signer, _ANYBODY)
        answer = sealed_answer(proof.reply_key, proof.nonce)
        if not keeper.chain.ends_with(entry):
            await keeper.chain.append(entry, _extended(keeper, entry, signer))
            await free_strangers(keeper)
    return keeper.roster().head, answer


def _extended(keeper: Keeper, entry: bytes, signer: bytes) -> Roster:
    """The roster with this entry; raises Refused unless it holds and the asker signed it."""
    try:
        roster = keeper.chain.verified_with(entry)
        is_signers = read_entry(entry).signer_id == signer
    except RosterError:
        raise Refused("the chain does not hold with this entry") from None
    if not is_signers:
        raise Refused("somebody else signed this entry")
    return roster


async def free_strangers(keeper: Keeper) -> None:
    """Forget grants and sign-in records of whoever is no longer a member.

    The removal counts already, so a disk that refuses raises an alarm and the next start tries
    again.
    """
    try:
        await keeper.chain.drop_strangers()
        await _free_removed(keeper)
    except (OSError, DiskRefused):
        keeper.alarms.raise_(Alarm.DISK_REFUSED)


async def _free_removed(keeper: Keeper) -> None:
    roster = keeper.roster()
    strangers = [
        slot
        async for slot, record in keeper.slots.scan((RecordKind.STAFF,))
        if isinstance(record, Staff) and record.staff_id in roster.removed
    ]
    for slot in strangers:
        await keeper.slots.quiet(slot)
        record = keeper.slots.get(slot)
        if isinstance(record, Staff) and record.staff_id in roster.removed:
            await keeper.slots.write({slot: None})


async def put_grant(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """Keep a team key sealed to a member, of the current epoch or the one about to begin."""
    granter, member, epoch, grant = (
        arguments[0],
        arguments[1],
        number_of(arguments[2]),
        arguments[3],
    )
    async with keeper.chain.changing:
        proof = _proven(keeper, peer, Verb.PUT_GRANT, arguments, granter, Role.COUNSELLOR)
        roster = keeper.roster()
        head = roster.epoch.number
        if member not in roster.people or epoch not in (head, head + 1):
            raise Refused("a grant is for a member, and for the current team key or the next")
        if not grant.startswith(header(Kind.GRANT)):
            raise Malformed("this is not a grant")
        answer = sealed_answer(proof.reply_key, proof.nonce)
        await keeper.chain.put_grant(member, epoch, grant)
    return (answer,)


async def _asked(
    keeper: Keeper, peer: Peer, verb: Verb, arguments: Arguments, role: Role
) -> tuple[int, Conversation, Proof]:
    """The conversation that a member with one of these roles asks for, quiet; raises Refused."""
    try:
        slot, conversation = await referenced(keeper, arguments[0])
    finally:
        # The proof comes second so that a removal in between counts; its nonce is used up anyway.
        proof = _proven(keeper, peer, verb, arguments, arguments[1], role)
    return slot, conversation, proof


def _proven(
    keeper: Keeper, peer: Peer, verb: Verb, arguments: Arguments, staff_id: bytes, role: Role
) -> Proof:
    """The proof of a member with one of these roles, for this very request; raises Refused."""
    proof = Proof.of(arguments)
    is_fresh = keeper.nonces.use(peer, proof.nonce)
    person = keeper.roster().people.get(staff_id)
    key = keeper.made_up.sign_key if person is None else person.sign_key
    is_proven = is_proof_of(key, verb, arguments[: -len(PROOF)], proof)
    if person is None or not (is_fresh and is_proven):
        raise Refused("the proof is not good")
    if role and not role & person.roles:
        raise Refused("this needs another role")
    return proof
