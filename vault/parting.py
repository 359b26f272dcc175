"""The end of one messenger address: what web, too, may do about addresses, and all that it may."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, bindparam, delete

from vault import tables

_t: Final = tables.addresses.c
_DROP: Final = delete(tables.addresses).where(
    _t.conversation == bindparam("of"), _t.channel == bindparam("over")
)


def drop(c: Connection, conversation: bytes, channel: str) -> None:
    """Delete one address, if it is there."""
    c.execute(_DROP, {"of": conversation, "over": channel})
