"""Sealed messages, findings, notes and handovers, in the order in which they were stored.

The number of a row says where it stands within its conversation and is believed for nothing
else: what is shown, and whether it is genuine, is decided by what stands inside the envelope.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, bindparam, exists, insert, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from vault import tables
from vault.conversations import STEP
from vault.rounding import HOUR, hour_of

MESSAGE: Final = 1
NOTE: Final = 2
CLIENT_TO_TEAM: Final = 1
TEAM_TO_CLIENT: Final = 2
FINDING: Final = 3
NOTED: Final = 4
HANDOVER: Final = 6

SIZES: Final = frozenset(bucket + 51 for bucket in (512, 1024, 2048, 4096, 8192, 16384))
"""How long an envelope can be (docs/envelope.md section 3)."""


class NotAnEnvelope(ValueError):
    """Only sealed envelopes are stored: header 1, 1, kind and one of six sizes."""

    def __init__(self) -> None:
        super().__init__("this is not a sealed envelope: seal it before storing it")


class UnknownConversation(LookupError):
    """The conversation is not there, or not any more."""

    def __init__(self) -> None:
        super().__init__("this conversation is gone: tell the writer that it was forgotten")


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A sealed message to store. `id` 16 bytes; `now` seconds since 1970.

    `kind` 1 for client and team (directions 1, 2), 2 for the team only (directions 3, 4, 6).
    """

    id: bytes
    conversation: bytes
    kind: int
    direction: int
    envelope: bytes = field(repr=False)
    now: int


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A sealed message as it was stored; `hour` is the hour it came in, in seconds since 1970."""

    number: int
    id: bytes
    kind: int
    direction: int
    envelope: bytes = field(repr=False)
    hour: int


_t: Final = tables.messages.c
_conversation: Final = tables.conversations.c
_last: Final = _conversation.last_number
_INSERT: Final = insert(tables.messages).inline()
_KNOWN: Final = select(_conversation.id).where(_conversation.id == bindparam("this"))


def _numbered(number: ColumnElement[int]) -> ReturningUpdate[*tuple[Any, ...]]:
    """Give the conversation's next number, unless it has a message with this id."""
    there = exists().where(_t.conversation == bindparam("this"), _t.id == bindparam("message"))
    return (
        update(tables.conversations)
        .where(_conversation.id == bindparam("this"), ~there)
        .values(last_number=number)
        .returning(_last)
    )


_NUMBER_MESSAGE: Final = _numbered((_last // STEP + 1) * STEP)
_NUMBER_NOTE: Final = _numbered(_last + 1)
_OF: Final = (
    select(_t.number, _t.id, _t.kind, _t.direction, _t.envelope, _t.hour)
    .where(
        _t.conversation == bindparam("conversation"),
        _t.number > bindparam("after"),
        _t.kind.in_(bindparam("kinds", expanding=True)),
    )
    .order_by(_t.number)
)


def check_envelope(kind: int, envelope: bytes) -> None:
    """Raise NotAnEnvelope for what does not look like a sealed envelope of this kind."""
    if len(envelope) not in SIZES or envelope[:3] != bytes((1, 1, kind)):
        raise NotAnEnvelope


def add(c: Connection, new: NewMessage) -> int | None:
    """Store a message and return its number, or None where its id is there already.

    A repeated id is answered as if it had been stored. Raises NotAnEnvelope, and
    UnknownConversation where there is nothing to store it in.
    """
    check_envelope(new.kind, new.envelope)
    statement = _NUMBER_MESSAGE if new.kind == MESSAGE else _NUMBER_NOTE
    number: int | None = c.scalar(statement, {"this": new.conversation, "message": new.id})
    if number is None:
        if c.scalar(_KNOWN, {"this": new.conversation}) is None:
            raise UnknownConversation
        return None
    c.execute(
        _INSERT,
        {
            "conversation": new.conversation,
            "id": new.id,
            "number": number,
            "kind": new.kind,
            "direction": new.direction,
            "hour": hour_of(new.now),
            "envelope": new.envelope,
        },
    )
    return number


def add_finding(
    c: Connection, *, conversation: bytes, finding: bytes, envelope: bytes, now: int
) -> int | None:
    """Store what screening found, sealed to the team; as `add`.

    `finding` is the finding's own id, derived from the screened message (docs/envelope.md
    section 3), so that screening the same message again stores nothing twice.
    """
    return add(c, NewMessage(finding, conversation, NOTE, FINDING, envelope, now))


def of(
    c: Connection, conversation: bytes, after: int = 0, kinds: tuple[int, ...] = (MESSAGE, NOTE)
) -> list[StoredMessage]:
    """Messages of a conversation whose number is greater than `after`, oldest first."""
    values = {"conversation": conversation, "after": after, "kinds": kinds}
    return [
        StoredMessage(row.number, row.id, row.kind, row.direction, row.envelope, row.hour * HOUR)
        for row in c.execute(_OF, values)
    ]
