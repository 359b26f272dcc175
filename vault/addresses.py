"""Messenger addresses, sealed to the courier under a shred key of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, or_, select, update

from vault import parting, tables
from vault.rounding import HOUR


@dataclass(frozen=True, slots=True)
class Address:
    """A sealed address and where the keeper keeps its shred key."""

    conversation: bytes
    channel: str
    slot: int
    tag: bytes
    outer: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reach:
    """A channel by which the client can be answered; `until` in seconds, None: not known."""

    channel: str
    until: int | None


_t: Final = tables.addresses.c
_COLUMNS: Final = (_t.conversation, _t.channel, _t.slot, _t.tag, _t.outer_address)
_OF: Final = select(*_COLUMNS).where(_t.conversation == bindparam("of")).order_by(_t.channel)
_EVERY: Final = select(*_COLUMNS)
_INSERT: Final = insert(tables.addresses)
_REACHES: Final = (
    select(_t.channel, _t.until_hour)
    .where(_t.conversation == bindparam("of"))
    .order_by(func.coalesce(_t.until_hour, 0).desc(), _t.channel)
)
_UNTIL: Final = (
    update(tables.addresses)
    .where(_t.conversation == bindparam("of"), _t.channel == bindparam("over"))
    .values(until_hour=bindparam("hour"))
)


def put(
    c: Connection, conversation: bytes, channel: str, slot: int, tag: bytes, outer: bytes
) -> None:
    """Keep the address of a conversation on a channel, in place of the one before."""
    parting.drop(c, conversation, channel)
    c.execute(
        _INSERT,
        {
            "conversation": conversation,
            "channel": channel,
            "slot": slot,
            "tag": tag,
            "outer_address": outer,
        },
    )


def set_until(c: Connection, conversation: bytes, channel: str, until: int) -> None:
    """Note until when (seconds) the keeper keeps an address; rounded down to the hour."""
    c.execute(_UNTIL, {"of": conversation, "over": channel, "hour": until // HOUR})


def reaches(c: Connection, conversation: bytes) -> list[Reach]:
    """By which channels the client can be answered, the one last written from first."""
    rows = c.execute(_REACHES, {"of": conversation})
    return [Reach(one.channel, one.until_hour and one.until_hour * HOUR) for one in rows]


def of(c: Connection, conversation: bytes) -> list[Address]:
    """The addresses of a conversation."""
    return [Address(*row) for row in c.execute(_OF, {"of": conversation})]


def every(c: Connection) -> list[Address]:
    """All addresses, for the courier to notice which go."""
    return [Address(*row) for row in c.execute(_EVERY)]


def all_references(c: Connection) -> list[tuple[int, bytes]]:
    """Slot and tag of every address, for the repair at start."""
    return [(row.slot, row.tag) for row in c.execute(select(_t.slot, _t.tag))]


def delete_forgotten(c: Connection, references: Sequence[tuple[int, bytes]]) -> int:
    """Delete the addresses whose slots the keeper has freed; how many there were."""
    if not references:
        return 0
    freed = or_(*(and_(_t.slot == slot, _t.tag == tag) for slot, tag in references))
    return c.execute(delete(tables.addresses).where(freed)).rowcount
