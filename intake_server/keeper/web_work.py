"""What web asks for clients: create, find, open, erase, dates (docs/keeper.md, 0x10-0x15).

An unknown or expired lookup tag is given the same work as a living one: its proof is checked
against a made-up key and an answer of the same size is sealed before it is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from intake_server.keeper.dates import after_client_wrote, with_due
from intake_server.keeper.new_conversations import (
    check_arrival,
    check_new,
    new_conversation,
    outer_team_wrap,
)
from intake_server.keeper.parts import Keeper
from intake_server.keeper.proofs import sealed_answer
from intake_server.keeper.shared_work import (
    Arguments,
    Fields,
    date,
    forget,
    keep_known,
    reference_to,
    ways_of,
    with_addresses,
)
from vault.keeper_protocol import CLIENT_WRAP_SIZE, PROOF, Peer, Refused, Verb, number_of, u64
from vault.keeper_requests import NewConversation, Proof, is_proof_of
from vault.sealing import CannotOpen, Kind, Malformed, outer_open, outer_seal, reader_of
from vault.slot_index import Key
from vault.slot_records import NO_KEY, NO_TAG, Channel, Conversation, RecordKind


async def create(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """Make a conversation's slot, or find the one that the same request made before."""
    epoch = keeper.roster().epoch.number
    asked = NewConversation.open(keeper.start, arguments[0])
    if asked.lookup_tag == NO_TAG or asked.verify_key == NO_KEY:
        raise Malformed("a web conversation has a phrase")
    check_new(asked.epoch, epoch, asked.periods)
    slot, other = await keeper.slots.find(
        (Key.CONVERSATION, asked.conversation_id), (Key.LOOKUP, asked.lookup_tag)
    )
    if slot is None and other is None:
        check_arrival(keeper, asked.conversation_id)
        made = new_conversation(
            keeper, asked.conversation_id, asked.cpk, asked.npk, asked.periods, Channel.WEB
        )
        conversation = replace(made, lookup_tag=asked.lookup_tag, verify_key=asked.verify_key)
        (slot,) = keeper.slots.take(RecordKind.CONVERSATION)
        await keeper.slots.write({slot: conversation})
    else:
        slot, conversation = _same(keeper, slot, other, asked)
    owner, s = conversation.conversation_id, conversation.s
    client = reader_of("client", conversation.lookup_tag)
    return (
        reference_to(slot, conversation),
        owner,
        outer_team_wrap(conversation, epoch, asked.team_wrap),
        outer_seal(s, Kind.CLIENT_WRAP, owner, client, asked.client_wrap),
        date(conversation.due),
        date(conversation.latest),
    )


def _same(
    keeper: Keeper, slot: int | None, other: int | None, asked: NewConversation
) -> tuple[int, Conversation]:
    """The conversation that an equal request made; raises Refused for any difference."""
    found = None if slot is None or slot != other else keeper.slots.get(slot)
    if slot is not None and isinstance(found, Conversation) and found.has_phrase:
        mine = (found.verify_key, found.cpk, found.npk)
        if mine == (asked.verify_key, asked.cpk, asked.npk):
            return slot, found
    raise Refused("this id or lookup tag belongs to another conversation")


async def find(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """Where the conversation of a lookup tag is, and its dates."""
    (slot,) = await keeper.slots.find((Key.LOOKUP, arguments[0]))
    record = None if slot is None else keeper.slots.get(slot)
    if slot is None or not isinstance(record, Conversation) or not record.has_phrase:
        raise Refused("no living conversation has this lookup tag")
    return (
        reference_to(slot, record),
        record.conversation_id,
        date(record.due),
        date(record.latest),
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with a client's proof; on a made-up record where it is not to be granted."""

    slot: int | None
    conversation: Conversation
    proof: Proof

    def granted(self) -> int:
        """The slot; raises Refused, after all the work has been done."""
        if self.slot is None:
            raise Refused("no living conversation has this lookup tag, or the proof is not good")
        return self.slot


async def asked_by_client(keeper: Keeper, peer: Peer, verb: Verb, arguments: Arguments) -> Asked:
    """Who asks, with the same work for who is not to be granted it; its slots are quiet."""
    proof = Proof.of(arguments)
    is_fresh = keeper.nonces.use(peer, proof.nonce)
    (slot,) = await keeper.slots.find((Key.LOOKUP, arguments[0]))
    found = None if slot is None else keeper.slots.get(slot)
    is_known = isinstance(found, Conversation) and found.has_phrase
    record = found if isinstance(found, Conversation) and is_known else keeper.made_up.conversation
    is_proven = is_proof_of(record.verify_key, verb, arguments[: -len(PROOF)], proof)
    if is_fresh and is_proven and record is found:
        return Asked(slot, record, proof)
    return Asked(None, keeper.made_up.conversation, proof)


async def open_client_wrap(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """Take the outer layer off a client wrap, for whoever has the phrase."""
    asked = await asked_by_client(keeper, peer, Verb.OPEN_CLIENT_WRAP, arguments)
    record = asked.conversation
    reader = reader_of("client", record.lookup_tag)
    ways = ways_of(keeper, asked.slot, record)
    try:
        inner = outer_open(record.s, Kind.CLIENT_WRAP, record.conversation_id, reader, arguments[1])
    except CannotOpen:
        asked = replace(asked, slot=None)
        inner = bytes(CLIENT_WRAP_SIZE)
    answer = sealed_answer(
        asked.proof.reply_key,
        asked.proof.nonce,
        inner,
        record.conversation_id,
        date(record.due),
        date(record.latest),
        ways,
    )
    await keep_known(keeper, asked.granted(), record)
    return (answer,)


async def erase(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """Forget a conversation now, with its address; answered after the overwrite."""
    asked = await asked_by_client(keeper, peer, Verb.ERASE, arguments)
    record = asked.conversation
    now = u64(keeper.clock.unix())
    answer = sealed_answer(asked.proof.reply_key, asked.proof.nonce, b"erased", now)
    slot = asked.granted()
    await forget(keeper, with_addresses(keeper, slot, record))
    return reference_to(slot, record), record.conversation_id, answer


async def change_due(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """Forget sooner or later, as the client wishes."""
    asked = await asked_by_client(keeper, peer, Verb.CHANGE_DUE, arguments)
    changed = with_due(asked.conversation, number_of(arguments[1]), keeper.clock.unix())
    answer = sealed_answer(asked.proof.reply_key, asked.proof.nonce, date(changed.due))
    await keeper.slots.write({asked.granted(): replace(changed, is_known=True)})
    return date(changed.due), answer


async def client_wrote(keeper: Keeper, peer: Peer, arguments: Arguments) -> Fields:
    """Move `due` for a message that the client has sent."""
    asked = await asked_by_client(keeper, peer, Verb.CLIENT_WROTE, arguments)
    changed = after_client_wrote(asked.conversation, keeper.clock.unix())
    answer = sealed_answer(asked.proof.reply_key, asked.proof.nonce, date(changed.due))
    slot = asked.granted()
    await keeper.slots.write({slot: replace(changed, is_known=True)})
    return reference_to(slot, changed), changed.conversation_id, date(changed.due), answer
