"""When a record is forgotten: `due`, `latest` and `hold until` (docs/keeper.md, 1 and 3).

Rules only: `now` and wishes are in seconds, what stands in records in minutes, rounded up.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from vault.keeper_requests import Periods
from vault.slot_records import Address, Conversation, minutes_up, seconds_of

HOUR: Final = 3600
DAY: Final = 24 * HOUR
SHORTEST_HOURS: Final = 1
LONGEST_HOURS: Final = 365 * 24
LONGEST_HOLD: Final = 180 * DAY


def are_within_rails(*hours: int) -> bool:
    """Whether each period lies between an hour and 365 days."""
    return all(SHORTEST_HOURS <= each <= LONGEST_HOURS for each in hours)


def first_dates(periods: Periods, now: int) -> tuple[int, int]:
    """`due` and `latest` of a new conversation, in minutes."""
    latest = minutes_up(now + periods.absolute * HOUR)
    return min(minutes_up(now + periods.inactivity * HOUR), latest), latest


def after_client_wrote(conversation: Conversation, now: int) -> Conversation:
    """Later by the inactivity period, and open again."""
    return replace(_after_a_message(conversation, now), is_closed=False)


def after_reply(conversation: Conversation, now: int) -> Conversation:
    """Later by the inactivity period; what was closed stays closed."""
    return _after_a_message(conversation, now)


def _after_a_message(conversation: Conversation, now: int) -> Conversation:
    due = minutes_up(now + conversation.inactivity * HOUR)
    if not conversation.is_closed:
        due = max(due, conversation.due)
    return replace(conversation, due=min(due, conversation.latest))


def after_closing(conversation: Conversation, now: int) -> Conversation:
    """Sooner: the period after closing, unless it is due before that."""
    due = min(conversation.due, minutes_up(now + conversation.closed_after * HOUR))
    return replace(conversation, due=due, is_closed=True)


def with_due(conversation: Conversation, wish: int, now: int) -> Conversation:
    """Due when the client wishes, not before now and not past `latest`."""
    due = max(minutes_up(wish), minutes_up(now))
    return replace(conversation, due=min(due, conversation.latest))


def with_hold(conversation: Conversation, wish: int, now: int) -> Conversation:
    """Held until then, for 180 days and to `latest` at most; a wish in the past ends the hold."""
    until = min(minutes_up(min(wish, now + LONGEST_HOLD)), conversation.latest)
    return replace(conversation, hold_until=until if wish > now else 0)


def address_after_message(address: Address, now: int) -> Address:
    """An address lives its own hours after the last message from it."""
    return replace(address, due=minutes_up(now + address.hours * HOUR))


def is_conversation_over(conversation: Conversation, now: int) -> bool:
    """Whether it must be forgotten: due and not held, or past `latest` whatever stands."""
    if seconds_of(conversation.latest) <= now:
        return True
    return seconds_of(max(conversation.due, conversation.hold_until)) <= now


def is_address_over(address: Address, now: int) -> bool:
    """Whether it must be forgotten for its own date."""
    return seconds_of(address.due) <= now
