"""Which rooms the hotline talks in: encrypted ones, closed, with one other person. Pure."""

from dataclasses import dataclass
from enum import Enum, auto, unique
from typing import Final

_CLOSED: Final = frozenset({"invite", "knock", "private"})


@unique
class Verdict(Enum):
    """What a room is to the hotline."""

    TALK = auto()  # encrypted, closed, one other person
    OPEN = auto()  # one other person, but not encrypted
    GROUP = auto()  # others read along, or may come in unasked
    EMPTY = auto()  # nobody else is there


@dataclass(frozen=True, slots=True)
class RoomState:
    """A room that the hotline's account is in; `others` are joined, `invited` others are not."""

    others: frozenset[str]
    invited: frozenset[str]
    encrypted: bool
    join_rule: str
    is_space: bool


def judge(room: RoomState) -> Verdict:
    """Return what the room is. Who was invited counts: they will read along."""
    people = room.others | room.invited
    if room.is_space or len(people) > 1 or room.join_rule not in _CLOSED:
        return Verdict.GROUP
    if not room.others:
        return Verdict.EMPTY
    return Verdict.TALK if room.encrypted else Verdict.OPEN


def person_in(room: RoomState) -> str | None:
    """Return the one other person in the room, None where there is not exactly one."""
    return next(iter(room.others)) if len(room.others) == 1 else None
