"""What every new conversation has in common, whoever brings it."""

from __future__ import annotations

from intake_server.keeper.dates import are_within_rails, first_dates
from intake_server.keeper.parts import Keeper
from vault.keeper_protocol import Refused
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


def check_new(epoch: int, head: int, periods: Periods) -> None:
    """Refuse another epoch than the head; raises Malformed for periods outside the rails."""
    if not are_within_rails(periods.inactivity, periods.absolute, periods.closed):
        raise Malformed("each period lies between an hour and 365 days")
    if epoch != head:
        raise Refused("the team key of this wrap is not the current one")


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
