"""What has already arrived from messengers, so that a message delivered twice is stored once.

Only the courier can say which message an entry stands for: it is an HMAC under its own key.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, bindparam, insert, select

from vault import tables
from vault.rounding import hour_of

_t: Final = tables.inbox.c
_SEEN: Final = select(_t.conversation).where(_t.transport == bindparam("this"))
_INSERT: Final = insert(tables.inbox)


def seen(c: Connection, transport: bytes) -> bool:
    """Whether the message with this HMAC (32 bytes) has been noted."""
    return c.scalar(_SEEN, {"this": transport}) is not None


def note(c: Connection, transport: bytes, conversation: bytes, now: int) -> bool:
    """Note that it arrived; False where it had been noted. `now` in seconds since 1970."""
    if seen(c, transport):
        return False
    values = {"transport": transport, "conversation": conversation, "hour": hour_of(now)}
    c.execute(_INSERT, values)
    return True
