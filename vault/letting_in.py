"""The rows of a conversation with which a page goes on (docs/decisions/0036)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, bindparam, update

from vault import tables

PAGE_CHANNEL: Final = "web"

_t: Final = tables.conversations.c
_WRAPS: Final = (
    update(tables.conversations)
    .where(_t.id == bindparam("this"), _t.epoch <= bindparam("head"))
    .values(
        epoch=bindparam("head"),
        outer_team=bindparam("for_team"),
        outer_client=bindparam("for_client"),
    )
)
_IS_PAGE: Final = (
    update(tables.conversations).where(_t.id == bindparam("this")).values(channel=PAGE_CHANNEL)
)


def store_wraps(
    c: Connection, conversation: bytes, epoch: int, outer_team: bytes, outer_client: bytes
) -> bool:
    """Store both wraps, before the keeper lets the page in. Whether they were stored.

    Not where it is gone, nor where a later epoch's wrap stands there by now.
    """
    values = {"this": conversation, "head": epoch}
    values |= {"for_team": outer_team, "for_client": outer_client}
    return c.execute(_WRAPS, values).rowcount > 0


def become_page(c: Connection, conversation: bytes) -> bool:
    """Note that the keeper has let the page in; whether the conversation is there."""
    return c.execute(_IS_PAGE, {"this": conversation}).rowcount > 0
