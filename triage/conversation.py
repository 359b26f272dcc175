"""The life of a conversation, as one table.

Theory of operation
-------------------
1.  Everything that changes the state of a conversation is an entry of ``TRANSITIONS``; what is
    not in the table does not happen.
2.  What the client does is never refused while the conversation exists: a client can always
    write and can always erase.
3.  At most one counsellor holds a conversation: a claimed one cannot be claimed again, it is
    handed over or released.
4.  Only the holder answers and only the holder closes: both need a claimed conversation.
5.  A conversation that nobody holds is waiting while the client wants an answer and resting
    while it is the client's turn; what a release leads to says which of the two.
6.  A closed conversation opens again only when the client writes; staff cannot reopen it,
    because closing has shortened its life and the client was told so.
7.  Erasing works in every state and is final: after it there is nothing left to act on.
8.  ``waiting_since`` is the time of the oldest client message without an answer. Further
    messages do not move it, claiming or handing over does not end it; an answer or closing does.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Final

__all__ = [
    "TRANSITIONS",
    "Event",
    "Refusal",
    "State",
    "StepRefusedError",
    "release_event",
    "step",
    "waiting_since_after",
]


@unique
class State(StrEnum):
    """Where a conversation stands. ``ERASED`` is never stored: nothing is left to store it in."""

    WAITING = "waiting"
    """Nobody holds it and the client wants an answer."""
    CLAIMED = "claimed"
    """A counsellor holds it."""
    RESTING = "resting"
    """Nobody holds it, the client has an answer: it is the client's turn."""
    CLOSED = "closed"
    """Closed by a counsellor; the client can still open it by writing."""
    ERASED = "erased"
    """Forgotten, by the client, by a member of staff or by the sweep."""


@unique
class Event(StrEnum):
    """What can happen to a conversation."""

    CLIENT_MESSAGE = "client_message"
    CLAIM = "claim"
    HAND_OVER = "hand_over"
    """Another counsellor accepted it; an offer alone changes nothing."""
    RELEASE_UNANSWERED = "release_unanswered"
    RELEASE_ANSWERED = "release_answered"
    REPLY = "reply"
    CLOSE = "close"
    ERASE = "erase"


@unique
class Refusal(StrEnum):
    """Why a step is not possible; the words for it belong to the desk."""

    HELD_BY_SOMEBODY = "held_by_somebody"
    CLAIM_FIRST = "claim_first"
    CLOSED = "closed"
    ERASED = "erased"


class StepRefusedError(Exception):
    """This step is not possible in the state the conversation is in."""

    def __init__(self, state: State, event: Event, reason: Refusal) -> None:
        """Keep the pair that was refused and the reason, for the desk to put into words."""
        super().__init__(f"{event.value} is not possible while {state.value}: {_REMEDY[reason]}")
        self.state = state
        self.event = event
        self.reason = reason


_REMEDY: Final[Mapping[Refusal, str]] = MappingProxyType(
    {
        Refusal.HELD_BY_SOMEBODY: "somebody holds it, ask for a handover",
        Refusal.CLAIM_FIRST: "nobody holds it, claim it first",
        Refusal.CLOSED: "it is closed, it opens again when the client writes",
        Refusal.ERASED: "it is erased, a new message starts a new conversation",
    }
)

TRANSITIONS: Final[Mapping[tuple[State, Event], State]] = MappingProxyType(
    {
        (State.WAITING, Event.CLIENT_MESSAGE): State.WAITING,
        (State.WAITING, Event.CLAIM): State.CLAIMED,
        (State.WAITING, Event.ERASE): State.ERASED,
        (State.CLAIMED, Event.CLIENT_MESSAGE): State.CLAIMED,
        (State.CLAIMED, Event.HAND_OVER): State.CLAIMED,
        (State.CLAIMED, Event.RELEASE_UNANSWERED): State.WAITING,
        (State.CLAIMED, Event.RELEASE_ANSWERED): State.RESTING,
        (State.CLAIMED, Event.REPLY): State.CLAIMED,
        (State.CLAIMED, Event.CLOSE): State.CLOSED,
        (State.CLAIMED, Event.ERASE): State.ERASED,
        (State.RESTING, Event.CLIENT_MESSAGE): State.WAITING,
        (State.RESTING, Event.CLAIM): State.CLAIMED,
        (State.RESTING, Event.ERASE): State.ERASED,
        (State.CLOSED, Event.CLIENT_MESSAGE): State.WAITING,
        (State.CLOSED, Event.ERASE): State.ERASED,
    }
)

_REFUSED_IN: Final[Mapping[State, Refusal]] = MappingProxyType(
    {
        State.WAITING: Refusal.CLAIM_FIRST,
        State.CLAIMED: Refusal.HELD_BY_SOMEBODY,
        State.RESTING: Refusal.CLAIM_FIRST,
        State.CLOSED: Refusal.CLOSED,
        State.ERASED: Refusal.ERASED,
    }
)


def step(state: State, event: Event) -> State:
    """Return the state after ``event``; raise ``StepRefusedError`` if the table has no entry."""
    after = TRANSITIONS.get((state, event))
    if after is None:
        raise StepRefusedError(state, event, _REFUSED_IN[state])
    return after


def release_event(waiting_since: datetime | None) -> Event:
    """Say which release it is: with a client who still waits, or with one who has an answer."""
    return Event.RELEASE_ANSWERED if waiting_since is None else Event.RELEASE_UNANSWERED


def waiting_since_after(
    event: Event, waiting_since: datetime | None, at: datetime
) -> datetime | None:
    """Return the time since when the client waits, after ``event`` at the time ``at`` (rule 8)."""
    if event is Event.CLIENT_MESSAGE:
        return waiting_since if waiting_since is not None else at
    if event in {Event.REPLY, Event.CLOSE, Event.ERASE}:
        return None
    return waiting_since
