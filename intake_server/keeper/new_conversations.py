"""What every new conversation has in common, whoever brings it."""

from __future__ import annotations

from typing import Final

from intake_server.keeper.dates import are_within_rails, first_dates
from intake_server.keeper.parts import Keeper
from vault.keeper_protocol import Busy, Refused
from vault.keeper_requests import Periods
from vault.sealing import (
    KEY_SIZE,
    TAG_SIZE,
    Kind,
    Malformed,
    Secret,
    outer_seal,
    random_bytes,
    reader_of,
)
from vault.slot_records import NO_KEY, NO_TAG, Conversation, minutes_up
from vault.slots import Slots

FILLING: Final = 0.8  # share of the slots from which an alarm stands and arrivals are paced


def check_new(epoch: int, head: int, periods: Periods) -> None:
    """Refuse another epoch than the head; raises Malformed for periods outside the rails."""
    if not are_within_rails(periods.inactivity, periods.absolute, periods.closed):
        raise Malformed("each period lies between an hour and 365 days")
    if epoch != head:
        raise Refused("the team key of this wrap is not the current one")


def share_used(slots: Slots) -> float:
    """How much of the slot file is in use, from 0 to 1."""
    return 1 - slots.free / slots.records


def check_arrival(keeper: Keeper, owner: bytes) -> None:
    """Whether a conversation that does not live may be made now; nothing is awaited after it.

    Raises Refused for an id that was forgotten, Busy where a file that fills up takes arrivals
    more slowly than they come. Of a full file nothing is said here: taking a slot does.
    """
    if owner in keeper.forgotten:
        raise Refused("this conversation was forgotten, and its keys are not taken again")
    is_full = keeper.slots.free <= keeper.slots.reserve
    if share_used(keeper.slots) > FILLING and not is_full:
        seconds = keeper.arrivals.spend()
        if seconds:
            raise Busy(seconds)


def new_conversation(  # what a record holds
    keeper: Keeper, owner: bytes, cpk: bytes, npk: bytes, periods: Periods, channel: int
) -> Conversation:
    """A record with a new shred key and a new tag, without a phrase."""
    now = keeper.clock.unix()
    due, latest = first_dates(periods, now)
    return Conversation(
        tag=random_bytes(TAG_SIZE),
        conversation_id=owner,
        s=Secret(random_bytes(KEY_SIZE)),
        cpk=cpk,
        npk=npk,
        lookup_tag=NO_TAG,
        verify_key=NO_KEY,
        created=minutes_up(now),
        due=due,
        latest=latest,
        hold_until=0,
        inactivity=periods.inactivity,
        closed_after=periods.closed,
        channel=channel,
    )


def outer_team_wrap(conversation: Conversation, epoch: int, inner: bytes) -> bytes:
    """A team wrap under the conversation's shred key."""
    reader = reader_of("team", epoch.to_bytes(4, "big"))
    return outer_seal(conversation.s, Kind.TEAM_WRAP, conversation.conversation_id, reader, inner)
