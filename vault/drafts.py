"""Drafts, sealed to the team: at most one for each conversation and member of staff."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, bindparam, delete, insert, select

from vault import tables
from vault.messages import NOTE, UnknownConversation, check_envelope
from vault.rounding import hour_of

_t: Final = tables.drafts.c
_whose: Final = (_t.conversation == bindparam("of"), _t.staff == bindparam("by"))
_conversation: Final = tables.conversations.c.id
_LIVING: Final = select(_conversation).where(_conversation == bindparam("of"))
_GET: Final = select(_t.envelope).where(*_whose)
_THERE: Final = select(_t.conversation).where(*_whose)
_DROP: Final = delete(tables.drafts).where(*_whose)
_INSERT: Final = insert(tables.drafts)


def put(c: Connection, conversation: bytes, staff: bytes, envelope: bytes, now: int) -> None:
    """Keep a draft in place of the one before; `now` in seconds since 1970.

    Raises NotAnEnvelope and UnknownConversation of `vault.messages`.
    """
    check_envelope(NOTE, envelope)
    if c.scalar(_LIVING, {"of": conversation}) is None:
        raise UnknownConversation
    drop(c, conversation, staff)
    c.execute(
        _INSERT,
        {
            "conversation": conversation,
            "staff": staff,
            "hour": hour_of(now),
            "envelope": envelope,
        },
    )


def get(c: Connection, conversation: bytes, staff: bytes) -> bytes | None:
    """The envelope of the draft, or None."""
    envelope: bytes | None = c.scalar(_GET, {"of": conversation, "by": staff})
    return envelope


def is_begun(c: Connection, conversation: bytes, staff: bytes) -> bool:
    """Whether there is a draft; for whoever may not read it."""
    return c.scalar(_THERE, {"of": conversation, "by": staff}) is not None


def drop(c: Connection, conversation: bytes, staff: bytes) -> None:
    """Delete the draft, if there is one."""
    c.execute(_DROP, {"of": conversation, "by": staff})
