"""Replies on their way to a messenger.

An item waits until it is sent, failed for good, or returned because it was signed under an
earlier epoch. From then on the row says what became of it and its sealed content is gone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal

from sqlalchemy import Connection, bindparam, case, func, insert, or_, select, update

from triage.conversation import State
from vault import tables
from vault.rounding import MINUTE, hour_of, minute_after, minute_of

OutboxState = Literal["waiting", "sent", "failed", "returned"]


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """A reply to send: `message` is its 16-byte id, `outer` the keeper's layer around it.

    `slot` and `tag` name the conversation at the keeper; `now` in seconds since 1970.
    """

    message: bytes
    conversation: bytes
    slot: int
    tag: bytes
    channel: str
    outer: bytes = field(repr=False)
    epoch: int
    now: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A reply that waits to be sent; `tries` is how often sending has failed."""

    message: bytes
    conversation: bytes
    slot: int
    tag: bytes
    channel: str
    outer: bytes = field(repr=False)
    epoch: int
    tries: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What became of one reply; `reason` is a code, or None.

    `again`: when a reply that waits is tried again (seconds), None where it is at once or never.
    """

    message: bytes
    state: OutboxState
    reason: str | None
    again: int | None = None


_CODE: Final = re.compile(r"[a-z_]{1,32}")
_t: Final = tables.outbox.c
_this: Final = (_t.message == bindparam("this"), _t.state == "waiting")
_THERE: Final = select(_t.row).where(_t.message == bindparam("this"))
_INSERT: Final = insert(tables.outbox).inline()
_WAITING: Final = (
    select(
        _t.message, _t.conversation, _t.slot, _t.tag, _t.channel, _t.outer_item, _t.epoch, _t.tries
    )
    .where(
        _t.state == "waiting",
        or_(_t.retry_minute.is_(None), _t.retry_minute <= bindparam("minute")),
    )
    .order_by(_t.row)
    .limit(bindparam("most"))
)
_END: Final = (
    update(tables.outbox)
    .where(*_this)
    .values(state=bindparam("end"), reason=bindparam("why"), outer_item=None, retry_minute=None)
)
_RETRY: Final = (
    update(tables.outbox)
    .where(*_this)
    .values(reason=bindparam("why"), tries=_t.tries + 1, retry_minute=bindparam("minute"))
)
_POSTPONE: Final = (
    update(tables.outbox)
    .where(*_this)
    .values(reason=bindparam("why"), retry_minute=bindparam("minute"))
)
_HURRY: Final = (
    update(tables.outbox)
    .where(_t.conversation == bindparam("of"), _t.state == "waiting", _t.reason == bindparam("why"))
    .values(reason=None, retry_minute=None)
)
_OF: Final = (
    select(_t.message, _t.state, _t.reason, _t.retry_minute)
    .where(_t.conversation == bindparam("of"))
    .order_by(_t.row)
)
_conversation: Final = tables.conversations.c
_WAITS_AGAIN: Final = (
    update(tables.conversations)
    .where(
        _conversation.id
        == select(_t.conversation).where(_t.message == bindparam("this")).scalar_subquery(),
        _conversation.state != State.CLOSED.value,
    )
    .values(
        answered=False,
        waiting_minute=func.coalesce(_conversation.waiting_minute, bindparam("minute")),
        state=case(
            (_conversation.holder.is_(None), State.WAITING.value), else_=State.CLAIMED.value
        ),
    )
)


def add(c: Connection, item: OutboxItem) -> bool:
    """Store a reply to send; False where one with this message id is there already."""
    if c.scalar(_THERE, {"this": item.message}) is not None:
        return False
    c.execute(
        _INSERT,
        {
            "message": item.message,
            "conversation": item.conversation,
            "slot": item.slot,
            "tag": item.tag,
            "channel": item.channel,
            "epoch": item.epoch,
            "state": "waiting",
            "reason": None,
            "tries": 0,
            "retry_minute": None,
            "hour": hour_of(item.now),
            "outer_item": item.outer,
        },
    )
    return True


def waiting(c: Connection, now: int, limit: int = 64) -> list[Waiting]:
    """What is to be sent now, oldest first; retries only from their time on."""
    rows = c.execute(_WAITING, {"minute": minute_of(now), "most": limit})
    return [Waiting(*row) for row in rows]


def sent(c: Connection, message: bytes) -> bool:
    """Note that it was sent; False where it does not wait."""
    return _end(c, message, "sent", None)


def failed(c: Connection, message: bytes, reason: str, retry_at: int | None) -> bool:
    """Note that sending failed, to be tried again at `retry_at` (seconds), or never: None.

    `reason` is a code of lower-case letters and `_`; a server's own words may name people and
    are refused with ValueError. False where the reply does not wait.
    """
    _check(reason)
    if retry_at is None:
        return _end(c, message, "failed", reason)
    values = {"this": message, "why": reason, "minute": minute_after(retry_at)}
    return c.execute(_RETRY, values).rowcount > 0


def postpone(c: Connection, message: bytes, reason: str, until: int) -> bool:
    """Note that it is not tried before `until` (seconds), through no failure of sending.

    False where the reply does not wait.
    """
    _check(reason)
    values = {"this": message, "why": reason, "minute": minute_after(until)}
    return c.execute(_POSTPONE, values).rowcount > 0


def hurry(c: Connection, conversation: bytes, reason: str) -> int:
    """Have tried at once what was postponed for `reason`; how many replies that were."""
    return c.execute(_HURRY, {"of": conversation, "why": reason}).rowcount


def back_to_draft(c: Connection, message: bytes, reason: str, now: int) -> bool:
    """Note that it will not be sent as it stands and that the client waits again.

    The text is still in the conversation, in the reply's own envelope; the desk offers it as a
    draft. False where the reply does not wait.
    """
    _check(reason)
    if not _end(c, message, "returned", reason):
        return False
    c.execute(_WAITS_AGAIN, {"this": message, "minute": minute_of(now)})
    return True


def state_of(c: Connection, conversation: bytes) -> list[Standing]:
    """What became of each reply of a conversation, oldest first."""
    rows = c.execute(_OF, {"of": conversation})
    return [
        Standing(one.message, one.state, one.reason, one.retry_minute and one.retry_minute * MINUTE)
        for one in rows
    ]


def _check(reason: str) -> None:
    if not _CODE.fullmatch(reason):
        raise ValueError("a reason is a code of lower-case letters and _, at most 32")


def _end(c: Connection, message: bytes, end: OutboxState, reason: str | None) -> bool:
    return c.execute(_END, {"this": message, "end": end, "why": reason}).rowcount > 0
