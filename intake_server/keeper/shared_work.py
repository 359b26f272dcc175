"""What several peers ask: hello, roster, nonce, keys of a slot; and how a slot is reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from intake_server.keeper.parts import Keeper
from vault.keeper_protocol import (
    MOST_ADDRESSES,
    WAYS_SIZE,
    Peer,
    Reference,
    Refused,
    number_of,
    u8,
    u16,
    u32,
    u64,
)
from vault.roster import RECOVERY_NAME, Role
from vault.sealing import equal
from vault.slot_records import MESSENGERS, Address, Conversation, Record, seconds_of

Fields = tuple[bytes, ...]
Arguments = Sequence[bytes]


async def hello(keeper: Keeper, _peer: Peer, _arguments: Arguments) -> Fields:
    """Who this keeper is today."""
    header = keeper.slots.header
    root = header.root if header.has_root else b""
    return keeper.start.public, header.pairing_id, root, u64(keeper.clock.unix())


async def standing(keeper: Keeper, _peer: Peer, _arguments: Arguments) -> Fields:
    """How many hold the team key of today, whether the sheets on paper do, and the mirror."""
    known, mirror = keeper.chain.roster, keeper.mirror
    holders, on_paper = 0, False
    if known is not None:
        held = keeper.chain.holders()
        for staff_id, person in known.people.items():
            if Role.COUNSELLOR in person.roles and held.get(staff_id) == known.epoch.number:
                on_paper = on_paper or person.name == RECOVERY_NAME
                holders += person.name != RECOVERY_NAME
    return u32(holders), u8(on_paper), u8(bool(mirror.public)), u64(mirror.done)


async def roster(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """The head, and the entries after a number, as many as fit."""
    known = keeper.chain.roster
    if known is None:
        return (b"",)
    return known.head, *keeper.chain.entries_after(number_of(arguments[0]))


async def nonce(keeper: Keeper, peer: Peer, _arguments: Arguments) -> Fields:
    """A fresh number for a proof."""
    return (keeper.nonces.new(peer),)


async def slot_keys(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """The public keys and dates of a living conversation."""
    _, conversation = await referenced(keeper, arguments[0])
    return (
        conversation.conversation_id,
        conversation.cpk,
        conversation.npk,
        verify_key_of(conversation),
        u8(conversation.channel),
        date(conversation.due),
        date(conversation.latest),
    )


async def referenced(keeper: Keeper, packed: bytes) -> tuple[int, Conversation]:
    """The conversation of a slot reference, quiet; raises Refused."""
    reference = Reference.of(packed)
    await keeper.slots.quiet(reference.slot)
    record = living(keeper, reference)
    if not isinstance(record, Conversation):
        raise Refused("no living conversation has this reference")
    return reference.slot, record


async def referenced_address(
    keeper: Keeper, packed: bytes
) -> tuple[int, Address, int, Conversation]:
    """An address and its conversation; raises Refused where either does not live.

    Both are quiet, and so is every other address of the conversation.
    """
    reference = Reference.of(packed)
    await keeper.slots.quiet(reference.slot)
    address = living(keeper, reference)
    while isinstance(address, Address) and keeper.slots.is_busy(address.conversation_slot):
        await keeper.slots.quiet(address.conversation_slot)
        await keeper.slots.quiet(reference.slot)
        address = living(keeper, reference)
    if not isinstance(address, Address):
        raise Refused("no living address has this reference")
    return reference.slot, address, *conversation_of(keeper, address)


def conversation_of(keeper: Keeper, address: Address) -> tuple[int, Conversation]:
    """The living conversation of an address; raises Refused."""
    owner = Reference(address.conversation_slot, address.conversation_tag)
    conversation = living(keeper, owner)
    if not isinstance(conversation, Conversation):
        raise Refused("the conversation of this address does not live any more")
    return owner.slot, conversation


def living(keeper: Keeper, reference: Reference) -> Record | None:
    """The record with this slot and tag, or None."""
    record = keeper.slots.get(reference.slot)
    return record if record is not None and equal(record.tag, reference.tag) else None


def with_addresses(keeper: Keeper, slot: int, conversation: Conversation) -> dict[int, Record]:
    """What goes when this conversation goes, by slot: itself and its addresses."""
    going: dict[int, Record] = {slot: conversation}
    for at in keeper.slots.address_slots(slot):
        address = keeper.slots.get(at)
        if isinstance(address, Address) and equal(address.conversation_tag, conversation.tag):
            going[at] = address
    return going


def has_address(keeper: Keeper, slot: int, conversation: Conversation) -> bool:
    """Whether any messenger belongs to the conversation in `slot` now."""
    return len(with_addresses(keeper, slot, conversation)) > 1


def same_channel(keeper: Keeper, slot: int, channel: int) -> dict[int, Address]:
    """The addresses that the conversation in `slot` has on this channel, by their slots."""
    if channel not in MESSENGERS:
        return {}  # written before records named their channel
    found = ((at, keeper.slots.get(at)) for at in keeper.slots.address_slots(slot))
    return {at: one for at, one in found if isinstance(one, Address) and one.channel == channel}


def ways_of(keeper: Keeper, slot: int | None, conversation: Conversation) -> bytes:
    """What client and team are told of its messengers, always of one size (docs/keeper.md, 2)."""
    known = [] if slot is None else with_addresses(keeper, slot, conversation).values()
    ways = [
        u8(one.channel) + u16(one.begin) + u16(one.end) + u32(min(one.due, conversation.due))
        for one in known
        if isinstance(one, Address)
    ]
    told = u8(conversation.is_joined) + b"".join(ways[:MOST_ADDRESSES])
    return told.ljust(WAYS_SIZE, b"\0")


async def forget(keeper: Keeper, going: Mapping[int, Record]) -> None:
    """Free these slots; their conversation ids are not taken again. Raises DiskRefused.

    The ids are remembered before anything is awaited. Where the disk refuses, that does no harm:
    a conversation that still lives is found before its id is looked up among the forgotten.
    """
    for record in going.values():
        if isinstance(record, Conversation):
            keeper.forgotten.add(record.conversation_id)
    await keeper.slots.write(dict.fromkeys(going))


async def keep_known(keeper: Keeper, slot: int, conversation: Conversation) -> None:
    """Set the known bit at the first proof that names the slot; raises DiskRefused."""
    if not conversation.is_known:
        await keeper.slots.write({slot: replace(conversation, is_known=True)})


def verify_key_of(conversation: Conversation) -> bytes:
    """The phrase's Ed25519 key; empty where there is none, or only one that waits to be let in."""
    return conversation.verify_key if conversation.has_phrase else b""


def date(minutes: int) -> bytes:
    """A record's minutes as seconds on the wire."""
    return u64(seconds_of(minutes))


def reference_to(slot: int, record: Record) -> bytes:
    """The packed reference of a record."""
    return Reference(slot, record.tag).packed
