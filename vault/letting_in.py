"""The rows of a conversation with which a page goes on (docs/decisions/0036)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, bindparam, update

from vault import tables

PAGE_CHANNEL: Final = "web"

_t: Final = tables.conversations.c
_LET_IN: Final = (
    update(tables.conversations)
    .where(_t.id == bindparam("this"), _t.epoch <= bindparam("head"))
    .values(
        epoch=bindparam("head"),
        outer_team=bindparam("for_team"),
        outer_client=bindparam("for_client"),
        channel=PAGE_CHANNEL,
    )
)


def let_in(
    c: Connection, conversation: bytes, epoch: int, outer_team: bytes, outer_client: bytes
) -> bool:
    """Store both wraps: from now on it is a page's conversation. Whether it was stored.

    Not where it is gone, nor where a later epoch's wrap stands there by now.
    """
    values = {"this": conversation, "head": epoch}
    values |= {"for_team": outer_team, "for_client": outer_client}
    return c.execute(_LET_IN, values).rowcount > 0
