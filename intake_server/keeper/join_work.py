"""Another chat for a conversation, by a code from where it is already (docs/keeper.md, 0x60-0x61).

Where there is a return phrase the code comes from the page (`ways_work`), never from a chat.
"""

from __future__ import annotations

from dataclasses import replace

from intake_server.keeper.dates import address_after_message, are_within_rails
from intake_server.keeper.parts import Keeper
from intake_server.keeper.shared_work import (
    Arguments,
    Fields,
    date,
    living,
    reference_to,
    referenced_address,
    same_channel,
)
from vault.keeper_protocol import (
    MOST_ADDRESSES,
    Busy,
    Peer,
    Reference,
    Refused,
    number_of,
)
from vault.sealing import KEY_SIZE, TAG_SIZE, Malformed, Secret, random_bytes
from vault.slot_index import Key
from vault.slot_records import (
    MESSENGERS,
    Address,
    Conversation,
    RecordKind,
    minutes_up,
)


async def make_code(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """A code for the conversation of this address; only who writes from there is told it."""
    _, _, slot, conversation = await referenced_address(keeper, arguments[0])
    if conversation.has_phrase:
        raise Refused("where there is a phrase, who has it makes the code")
    reference = Reference(slot, conversation.tag)
    return (keeper.join_codes.new(reference, is_page=False).encode(),)


async def redeem(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """A new address for the conversation of a code. Used or wrong, the code is gone.

    An address that has a conversation already keeps it: two are never made one by a guess, and
    nothing is left behind that its person believes erased.
    """
    code, address_tag = arguments[0], arguments[1]
    channel, hours = number_of(arguments[2]), number_of(arguments[3])
    if channel not in MESSENGERS or not are_within_rails(hours):
        raise Malformed("the channel is unknown, or the address lives too short or too long")
    seconds = keeper.join_codes.wait()
    if seconds:
        raise Busy(seconds)
    reference = keeper.join_codes.redeem(code.decode("ascii", errors="replace"))
    if reference is None:
        raise Refused("there is no such code")
    (known,) = await keeper.slots.find((Key.ADDRESS, address_tag))
    while keeper.slots.is_busy(reference.slot):
        await keeper.slots.quiet(reference.slot)
        (known,) = await keeper.slots.find((Key.ADDRESS, address_tag))
    conversation = living(keeper, reference)
    if known is not None or not isinstance(conversation, Conversation):
        raise Refused("this address has a conversation, or that of the code is gone")
    if _is_full(keeper, reference.slot):
        raise Refused("this conversation takes no further address")
    at = reference.slot
    begin, end = _safe_hours(keeper, at, channel)
    slot, address = await _joined(
        keeper,
        at,
        conversation,
        Address(
            tag=random_bytes(TAG_SIZE),
            conversation_id=conversation.conversation_id,
            s=Secret(random_bytes(KEY_SIZE)),
            address_tag=address_tag,
            conversation_slot=at,
            conversation_tag=conversation.tag,
            created=minutes_up(keeper.clock.unix()),
            due=0,
            hours=hours,
            channel=channel,
            begin=begin,
            end=end,
        ),
    )
    return (
        reference_to(slot, address),
        reference.packed,
        conversation.conversation_id,
        conversation.cpk,
        conversation.npk,
        date(conversation.due),
        date(address.due),
    )


async def _joined(
    keeper: Keeper, at: int, conversation: Conversation, made: Address
) -> tuple[int, Address]:
    (slot,) = keeper.slots.take(RecordKind.ADDRESS)
    address = address_after_message(made, keeper.clock.unix())
    # With the conversation's own slot, so that nobody forgets it in between.
    joined = replace(conversation, is_joined=conversation.has_phrase)
    await keeper.slots.write({at: joined, slot: address})
    return slot, address


def _safe_hours(keeper: Keeper, at: int, channel: int) -> tuple[int, int]:
    """Those of the address whose place is taken: a new phone does not end them."""
    chosen = ((one.begin, one.end) for one in same_channel(keeper, at, channel).values())
    return next(((begin, end) for begin, end in chosen if begin != end), (0, 0))


def _is_full(keeper: Keeper, slot: int) -> bool:
    return len(keeper.slots.address_slots(slot)) >= MOST_ADDRESSES
