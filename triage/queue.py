"""Who is answered next, and why.

Theory of operation
-------------------
1.  Higher effective urgency stands first. The effective urgency is the urgency, or more if the
    client has waited long enough to be lifted.
2.  A lift never goes above ``HIGHEST_LIFT``: urgency 3 never stands behind a lifted one.
3.  Within one effective urgency the one who has stood there longest is first. A lifted one
    counts from the moment of its lift, so it joins the end of its new level.
4.  So nobody starves: ahead of a waiting client stand only those in danger and those who
    reached the same level earlier, and no newcomer of the same level overtakes.
5.  Ties are broken by the time of waiting and then by the id, so that two screens agree.
6.  Nothing is ever left out: ordering returns every entry exactly once.

Targets, lifts and the last day are data (``QueueRules``). Nothing here has words: a reason is a
code with numbers, the desk says it in the reader's language.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Final

__all__ = [
    "HIGHEST_LIFT",
    "LONGEST_WAIT",
    "URGENCIES",
    "Entry",
    "Lift",
    "QueueRules",
    "Reason",
    "ReasonCode",
    "SetBy",
    "Standing",
    "Tag",
    "late_at",
    "oldest_wait",
    "order",
    "standing",
]

URGENCIES: Final = range(4)
"""0 information, 1 counselling, 2 strong indicators, 3 immediate danger."""

HIGHEST_LIFT: Final = 2
"""Waiting alone never makes an immediate danger."""

LONGEST_WAIT: Final = timedelta(hours=24)
"""After it everybody is late, whatever the urgency and the targets."""


@unique
class SetBy(StrEnum):
    """How the urgency of a conversation was set."""

    SCREENED = "screened"
    NOT_SCREENED = "not_screened"
    CLIENT = "client"
    """The client ticked "I am in danger now"."""
    BY_HAND = "by_hand"


@unique
class Tag(StrEnum):
    """Short signs on a row, in order of rank; a row shows at most the first."""

    LATE = "late"
    LAST_DAY = "last_day"
    HELD = "held"
    NOT_SCREENED = "not_screened"


@unique
class ReasonCode(StrEnum):
    """Why an entry stands where it stands."""

    URGENCY = "urgency"
    """``Urgency 3, waits 2 min``"""
    RAISED = "raised"
    """``Raised: waits 6 h``"""


@dataclass(frozen=True, slots=True)
class Lift:
    """After ``after`` of waiting, an entry of this urgency counts as urgency ``to``."""

    after: timedelta
    to: int


@dataclass(frozen=True, slots=True)
class QueueRules:
    """Targets and lifts, by urgency; checked when made."""

    late_after: Mapping[int, timedelta] = field(
        default_factory=lambda: MappingProxyType(
            {
                3: timedelta(minutes=5),
                2: timedelta(minutes=30),
                1: timedelta(hours=4),
                0: timedelta(hours=24),
            }
        )
    )
    lifts: Mapping[int, tuple[Lift, ...]] = field(
        default_factory=lambda: MappingProxyType(
            {
                1: (Lift(timedelta(hours=6), 2),),
                0: (Lift(timedelta(hours=24), 1), Lift(timedelta(hours=72), 2)),
            }
        )
    )
    last_day: timedelta = timedelta(hours=24)

    def __post_init__(self) -> None:
        """Refuse rules under which somebody could starve or pass a person in danger."""
        if set(self.late_after) != set(URGENCIES):
            raise ValueError("late_after needs a time for each urgency from 0 to 3")
        if not all(target > timedelta() for target in self.late_after.values()):
            raise ValueError("each time in late_after must be longer than nothing")
        if any(target > LONGEST_WAIT for target in self.late_after.values()):
            raise ValueError("nobody may wait longer than 24 hours without being late")
        if not set(self.lifts) <= set(URGENCIES):
            raise ValueError("lifts may only name urgencies from 0 to 3")
        for urgency in range(HIGHEST_LIFT):
            _check_lifts(urgency, self.lifts.get(urgency, ()))
        for urgency in range(HIGHEST_LIFT, len(URGENCIES)):
            if self.lifts.get(urgency):
                raise ValueError(f"urgency {urgency} cannot be lifted: remove its lifts")


def _check_lifts(urgency: int, lifts: tuple[Lift, ...]) -> None:
    """Lifts must climb, in time and in urgency, and end at ``HIGHEST_LIFT``."""
    after, level = timedelta(), urgency
    for lift in lifts:
        if lift.after <= after or lift.to <= level:
            raise ValueError(f"the lifts of urgency {urgency} must rise: sort them by time")
        after, level = lift.after, lift.to
    if level != HIGHEST_LIFT:
        raise ValueError(
            f"the lifts of urgency {urgency} must end at {HIGHEST_LIFT}, "
            "or somebody could wait for ever or pass a person in danger"
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """What the queue knows about a client who waits for an answer: only what is in clear.

    ``waiting_since`` is the time of the oldest message without an answer, ``due`` the time at
    which the conversation will be forgotten, a hold included; both aware.
    """

    conversation_id: bytes
    urgency: int
    waiting_since: datetime
    set_by: SetBy = SetBy.SCREENED
    due: datetime | None = None
    on_hold: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be ordered."""
        if self.urgency not in URGENCIES:
            raise ValueError("urgency must be 0, 1, 2 or 3")
        if self.waiting_since.tzinfo is None or (self.due and self.due.tzinfo is None):
            raise ValueError("times in the queue must name their time zone")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an entry stands here: a code and its arguments; times in whole minutes."""

    code: ReasonCode
    urgency: int
    effective: int
    waited_minutes: int
    set_by: SetBy


@dataclass(frozen=True, slots=True)
class Standing:
    """One place in the queue. ``tags`` are in order of rank."""

    entry: Entry
    effective: int
    level_since: datetime
    tags: tuple[Tag, ...]
    reason: Reason


def order(entries: Iterable[Entry], now: datetime, rules: QueueRules) -> list[Standing]:
    """Return every entry with its place, the next one to answer first."""
    places = [standing(entry, now, rules) for entry in entries]
    places.sort(
        key=lambda place: (
            -place.effective,
            place.level_since,
            place.entry.waiting_since,
            place.entry.conversation_id,
        )
    )
    return places


def standing(entry: Entry, now: datetime, rules: QueueRules) -> Standing:
    """Return where this entry stands, looked at alone."""
    effective, level_since = entry.urgency, entry.waiting_since
    for lift in rules.lifts.get(entry.urgency, ()):
        lifted_at = entry.waiting_since + lift.after
        if now >= lifted_at:
            effective, level_since = lift.to, lifted_at
    code = ReasonCode.RAISED if effective > entry.urgency else ReasonCode.URGENCY
    minutes = max(0, int((now - entry.waiting_since).total_seconds() // 60))
    return Standing(
        entry=entry,
        effective=effective,
        level_since=level_since,
        tags=_tags(entry, now, rules),
        reason=Reason(code, entry.urgency, effective, minutes, entry.set_by),
    )


def late_at(entry: Entry, rules: QueueRules) -> datetime:
    """Return the time from which this entry is late."""
    return entry.waiting_since + rules.late_after[entry.urgency]


def oldest_wait(entries: Iterable[Entry], now: datetime) -> dict[int, timedelta]:
    """Return the longest wait for each urgency that somebody waits with."""
    longest: dict[int, timedelta] = {}
    for entry in entries:
        waited = max(now - entry.waiting_since, timedelta())
        longest[entry.urgency] = max(longest.get(entry.urgency, timedelta()), waited)
    return longest


def _tags(entry: Entry, now: datetime, rules: QueueRules) -> tuple[Tag, ...]:
    last_day = entry.due is not None and entry.due - now <= rules.last_day
    applies = {
        Tag.LATE: now >= late_at(entry, rules),
        Tag.LAST_DAY: last_day,
        Tag.HELD: entry.on_hold,
        Tag.NOT_SCREENED: entry.set_by is SetBy.NOT_SCREENED,
    }
    return tuple(tag for tag in Tag if applies[tag])
