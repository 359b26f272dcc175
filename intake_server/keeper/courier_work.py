"""What the courier asks for messenger clients (docs/keeper.md, 0x20-0x2A)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from intake_server.keeper.alarms import Alarm
from intake_server.keeper.dates import (
    address_after_message,
    after_client_wrote,
    are_within_rails,
    with_due,
)
from intake_server.keeper.new_conversations import (
    check_arrival,
    check_new,
    new_conversation,
    outer_team_wrap,
)
from intake_server.keeper.parts import Keeper
from intake_server.keeper.shared_work import (
    Arguments,
    Fields,
    conversation_of,
    date,
    forget,
    reference_to,
    referenced,
    referenced_address,
    same_channel,
    with_addresses,
)
from vault.keeper_protocol import Peer, Refused, number_of, u8, u16
from vault.keeper_requests import NewMessengerConversation
from vault.sealing import (
    KEY_SIZE,
    TAG_SIZE,
    Kind,
    Malformed,
    Secret,
    equal,
    outer_open,
    outer_seal,
    random_bytes,
    reader_of,
)
from vault.slot_index import Key
from vault.slot_records import MESSENGERS, Address, Conversation, RecordKind

_MINUTES_A_DAY: Final = 24 * 60
_BOTH_GONE = u8(1)
_ADDRESS_GONE = u8(2)


async def create(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """Make a conversation's and its address's slot, or find those of the same request."""
    epoch = keeper.roster().epoch.number
    asked = NewMessengerConversation.open(keeper.start, arguments[0])
    if asked.channel not in MESSENGERS or not are_within_rails(asked.address_hours):
        raise Malformed("the channel is unknown, or the address lives too short or too long")
    check_new(asked.epoch, epoch, asked.periods)
    slot, address_slot = await keeper.slots.find(
        (Key.CONVERSATION, asked.conversation_id), (Key.ADDRESS, asked.address_tag)
    )
    if slot is None and address_slot is None:
        slot, conversation, address_slot, address = await _made(keeper, asked)
    else:
        slot, conversation, address_slot, address = _same(keeper, slot, address_slot, asked)
    reader = reader_of("address", address.address_tag)
    return (
        reference_to(slot, conversation),
        conversation.conversation_id,
        outer_team_wrap(conversation, epoch, asked.team_wrap),
        date(conversation.due),
        date(conversation.latest),
        reference_to(address_slot, address),
        outer_seal(address.s, Kind.ADDRESS, address.conversation_id, reader, asked.address),
    )


async def _made(
    keeper: Keeper, asked: NewMessengerConversation
) -> tuple[int, Conversation, int, Address]:
    check_arrival(keeper, asked.conversation_id)
    conversation = new_conversation(
        keeper, asked.conversation_id, asked.cpk, asked.npk, asked.periods, asked.channel
    )
    slot, address_slot = keeper.slots.take(RecordKind.CONVERSATION, RecordKind.ADDRESS)
    address = Address(
        tag=random_bytes(TAG_SIZE),
        conversation_id=asked.conversation_id,
        s=Secret(random_bytes(KEY_SIZE)),
        address_tag=asked.address_tag,
        conversation_slot=slot,
        conversation_tag=conversation.tag,
        created=conversation.created,
        due=0,
        hours=asked.address_hours,
        channel=asked.channel,
    )
    address = address_after_message(address, keeper.clock.unix())
    await keeper.slots.write({slot: conversation, address_slot: address})
    return slot, conversation, address_slot, address


def _same(
    keeper: Keeper, slot: int | None, address_slot: int | None, asked: NewMessengerConversation
) -> tuple[int, Conversation, int, Address]:
    """What an equal request made; raises Refused for any difference."""
    conversation = None if slot is None else keeper.slots.get(slot)
    address = None if address_slot is None else keeper.slots.get(address_slot)
    if (
        slot is not None
        and address_slot is not None
        and isinstance(conversation, Conversation)
        and isinstance(address, Address)
        and (conversation.cpk, conversation.npk) == (asked.cpk, asked.npk)
        and conversation.channel == asked.channel
        and equal(address.conversation_tag, conversation.tag)
    ):
        return slot, conversation, address_slot, address
    raise Refused("this id or address belongs to another conversation")


async def find_address(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """The address slot of an address tag, and the conversation it belongs to."""
    (slot,) = await keeper.slots.find((Key.ADDRESS, arguments[0]))
    address = None if slot is None else keeper.slots.get(slot)
    if slot is None or not isinstance(address, Address):
        raise Refused("no living address has this tag")
    at, conversation = conversation_of(keeper, address)
    return (
        reference_to(slot, address),
        reference_to(at, conversation),
        conversation.conversation_id,
        conversation.cpk,
        conversation.npk,
        date(conversation.due),
    )


async def open_address(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """Take the outer layer off an address, and tell its safe hours.

    The hours stand here and not under the layer: an older row would bring older hours back.
    """
    _, address, _, _ = await referenced_address(keeper, arguments[0])
    reader = reader_of("address", address.address_tag)
    owner = address.conversation_id
    inner = outer_open(address.s, Kind.ADDRESS, owner, reader, arguments[1])
    return inner, u16(address.begin), u16(address.end)


async def safe_hours(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """Keep when messages may come to an address, as its client chose."""
    begin, end = number_of(arguments[1]), number_of(arguments[2])
    if max(begin, end) >= _MINUTES_A_DAY:
        raise Malformed("safe hours are minutes of the day")
    slot, address, _, _ = await referenced_address(keeper, arguments[0])
    await keeper.slots.write({slot: replace(address, begin=begin, end=end)})
    return ()


async def seal_address(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """Put the outer layer around an address that joined; it takes the place of its elder.

    The elder, the conversation's earlier address on this channel, goes here and not when the code
    is redeemed: then the new one is in both files, and a crash leaves one of the two at least.
    """
    slot, address, at, conversation = await referenced_address(keeper, arguments[0])
    if conversation.has_phrase and not conversation.is_joined:
        # A crash lost this half of what redeeming the code had written.
        await keeper.slots.write({at: replace(conversation, is_joined=True)})
        slot, address, at, _ = await referenced_address(keeper, arguments[0])
    elders = same_channel(keeper, at, address.channel)
    elders.pop(slot, None)
    if elders:
        await forget(keeper, elders)
    reader = reader_of("address", address.address_tag)
    owner = address.conversation_id
    return (outer_seal(address.s, Kind.ADDRESS, owner, reader, arguments[1]),)


async def unwrap_outbox(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """Take the outer layer off a reply that is to be sent."""
    _, conversation = await referenced(keeper, arguments[0])
    reader = reader_of("outbox", arguments[1])
    owner = conversation.conversation_id
    return (outer_open(conversation.s, Kind.OUTBOX, owner, reader, arguments[2]),)


async def erase(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """Forget address and conversation; only the address where a phrase still finds the rest."""
    address_slot, address, slot, conversation = await referenced_address(keeper, arguments[0])
    if conversation.has_phrase:
        await forget(keeper, {address_slot: address})
        return _ADDRESS_GONE, conversation.conversation_id
    await forget(keeper, with_addresses(keeper, slot, conversation))
    return _BOTH_GONE, conversation.conversation_id


async def start_over(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """Forget what a crash left half done: an address whose conversation has no rows.

    The database alone says that the rows are missing, and no row is believed: a conversation that
    somebody has opened stays, loses only this address, and an alarm is raised.
    """
    address_slot, address, slot, conversation = await referenced_address(keeper, arguments[0])
    if conversation.is_known or conversation.has_phrase:
        keeper.alarms.raise_(Alarm.ROWS_MISSING)
        await forget(keeper, {address_slot: address})
        return _ADDRESS_GONE, conversation.conversation_id
    await forget(keeper, with_addresses(keeper, slot, conversation))
    return _BOTH_GONE, conversation.conversation_id


async def client_wrote(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """Move the dates of conversation and address for a message that arrived."""
    address_slot, address, slot, conversation = await referenced_address(keeper, arguments[0])
    now = keeper.clock.unix()
    changed = after_client_wrote(conversation, now)
    moved = address_after_message(address, now)
    await keeper.slots.write({slot: changed, address_slot: moved})
    return date(changed.due), date(moved.due)


async def change_due(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """Forget sooner or later at the client's command, where no phrase is set."""
    _, _, slot, conversation = await referenced_address(keeper, arguments[0])
    if conversation.has_phrase:
        raise Refused("where a phrase is set, its proof changes the date")
    changed = with_due(conversation, number_of(arguments[1]), keeper.clock.unix())
    await keeper.slots.write({slot: changed})
    return (date(changed.due),)


async def announce(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """Take the courier's keys for the first roster, or compare them with the pinned ones."""
    keys = (arguments[0], arguments[1])
    known = keeper.chain.roster
    if known is not None:
        founding = known.founding
        if keys != (founding.courier_box_key, founding.courier_sign_key):
            keeper.alarms.raise_(Alarm.COURIER_KEYS)
            raise Refused("these are not the courier's keys of the roster")
    keeper.seen.courier_keys = keys
    return ()
