"""The end of one messenger address: what web, too, may do about addresses, and all that it may."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, and_, bindparam, delete, or_, select

from vault import tables

_t: Final = tables.addresses.c
_DROP: Final = delete(tables.addresses).where(
    _t.conversation == bindparam("of"), _t.channel == bindparam("over")
)


def drop(c: Connection, conversation: bytes, channel: str) -> None:
    """Delete one address, if it is there."""
    c.execute(_DROP, {"of": conversation, "over": channel})


def at(c: Connection, conversation: bytes, channel: str) -> list[tuple[int, bytes]]:
    """Slot and tag of what `drop` would delete now."""
    where = and_(_t.conversation == conversation, _t.channel == channel)
    return [(one.slot, one.tag) for one in c.execute(select(_t.slot, _t.tag).where(where))]


def drop_at(c: Connection, references: Sequence[tuple[int, bytes]]) -> None:
    """Delete these addresses, and none that took their place meanwhile."""
    if references:
        these = or_(*(and_(_t.slot == slot, _t.tag == tag) for slot, tag in references))
        c.execute(delete(tables.addresses).where(these))
