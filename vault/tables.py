"""The tables: what lies in the database about conversations, and nothing else.

`vault.attachment_tables` has what belongs to attachments; `vault.operation_tables` is the second
list: staff and operation.

Rules:

1.  Nothing that a person wrote, is called or is reached under stands here in clear. Columns named
    `envelope` and `outer…` are sealed (docs/envelope.md); the server cannot open them.
2.  No row is believed for authority: keys, roles and lives of conversations are the keeper's.
3.  Times are hours since 1970, rounded so that nothing is forgotten early. Two are minutes, and
    blank as soon as they have served: since when a client waits, and when sending is tried again.
4.  Every column says what it is (`vault.columns`); `havenline inventory` prints it.
5.  No full-text index, no trigger, no sequence that outlives its rows: each of them keeps copies
    or traces of what was deleted.

Changing a table needs a migration in `vault/migrations/versions`; a test compares both.
"""

from __future__ import annotations

from typing import Any, Final, cast

from sqlalchemy import CheckConstraint, Index, Table, UniqueConstraint, text
from sqlalchemy.orm import Mapped, MappedColumn

from triage.conversation import State
from vault.attachment_tables import Attachment, AttachmentChunk
from vault.columns import (
    CODE,
    COUNT,
    ENVELOPE,
    FLAG,
    HMAC,
    HOUR,
    ID,
    MINUTE,
    ORDER,
    SEALED,
    TALK,
    WORD,
    Base,
    Risk,
    column,
    next_number,
    one_of,
)
from vault.operation_tables import Change, IndicatorCount, Meta, Organisation, Staff

SCHEMA: Final = "0010"
"""The migration that makes these tables; numbers grow, so that a newer file is recognised."""

STORED_STATES: Final = tuple(state.value for state in State if state is not State.ERASED)
URGENCY_BY: Final = ("screened", "not_screened", "danger", "hand")
OUTBOX_STATES: Final = ("waiting", "sent", "failed", "returned")
_ENVELOPE_SIZE: Final = "length(envelope) - 51 IN (512, 1024, 2048, 4096, 8192, 16384)"


# --- columns that several tables have -------------------------------------------------------


def _row(table: str) -> MappedColumn[Any]:
    story = "place in the table; reveals the order of arrival, believed for nothing"
    number = next_number(table, "row")
    return column(
        story, COUNT, ORDER, Risk.LOW, primary_key=True, autoincrement=False, default=number
    )


def _conversation(**sql: Any) -> MappedColumn[Any]:  # noqa: ANN401  # as `column`
    story = "the conversation it belongs to"
    return column(story, ID, ORDER, Risk.LOW, parent="conversations.id", **sql)


def _slot() -> MappedColumn[Any]:
    story = "number of the keeper's record that holds the shred key"
    return column(story, COUNT, ORDER, Risk.LOW, limits="0 to 4294967295")


def _tag() -> MappedColumn[Any]:
    return column("random tag of that record", ID, ORDER, Risk.LOW)


def _channel(**sql: Any) -> MappedColumn[Any]:  # noqa: ANN401  # as `column`
    kinds = "web, signal, matrix, deltachat, loopback"
    return column("kind of channel", WORD, ORDER, Risk.MEDIUM, limits=kinds, **sql)


def _stored_hour() -> MappedColumn[Any]:
    return column("the hour in which it was stored, rounded down", HOUR, ORDER, Risk.MEDIUM)


# --- conversations and what goes with them --------------------------------------------------


class Conversation(Base):
    """One row for each conversation that is not forgotten."""

    __tablename__ = "conversations"
    __table_args__ = (
        CheckConstraint("length(id) = 16 AND length(tag) = 16", name="ids"),
        CheckConstraint(one_of("state", STORED_STATES), name="state"),
        CheckConstraint(
            "(state = 'claimed') = (holder IS NOT NULL)"
            " AND (holder IS NULL) = (claimed_hour IS NULL)"
            " AND (holder IS NULL OR length(holder) = 16)",
            name="holder",
        ),
        CheckConstraint("state <> 'waiting' OR waiting_minute IS NOT NULL", name="waiting"),
        CheckConstraint(
            "waiting_minute IS NULL OR (state IN ('waiting', 'claimed') AND NOT answered)",
            name="blanked",
        ),
        CheckConstraint("urgency BETWEEN 0 AND 3", name="urgency"),
        CheckConstraint(one_of("urgency_by", URGENCY_BY), name="urgency_by"),
        CheckConstraint("urgency_by <> 'danger' OR urgency = 3", name="danger"),
        CheckConstraint("due_hour <= latest_hour", name="due"),
        CheckConstraint(
            "slot >= 0 AND epoch >= 1 AND last_number >= 0 AND read_up_to >= 0", name="counts"
        ),
        CheckConstraint("length(outer_team) BETWEEN 4 AND 4096", name="outer_team"),
        CheckConstraint(
            "outer_client IS NULL OR length(outer_client) BETWEEN 4 AND 4096", name="outer_client"
        ),
        CheckConstraint(
            "length(channel) BETWEEN 1 AND 16 AND length(language) <= 16", name="words"
        ),
        # The head of the queue and its numbers (vault/queue_head.py) come from these alone.
        Index(
            "ix_conversations_waiting",
            "urgency",
            "waiting_minute",
            "id",
            "holder",
            sqlite_where=text("waiting_minute IS NOT NULL"),
        ),
        Index("ix_conversations_held", "holder", sqlite_where=text("holder IS NOT NULL")),
        Index("ix_conversations_state", "state"),
    )

    row: Mapped[int] = _row("conversations")
    id: Mapped[bytes] = column("the conversation's name", ID, ORDER, Risk.LOW, unique=True)
    slot: Mapped[int] = _slot()
    tag: Mapped[bytes] = _tag()
    channel: Mapped[str] = _channel()
    language: Mapped[str] = column(
        "code of the language the client writes in; empty while unknown",
        WORD,
        ORDER,
        Risk.MEDIUM,
        limits="0 to 16 characters (BCP 47)",
        purpose="to bring the client to a counsellor who speaks the language",
    )
    state: Mapped[str] = column(
        "where the conversation stands", WORD, ORDER, Risk.MEDIUM, limits=", ".join(STORED_STATES)
    )
    urgency: Mapped[int] = column(
        "0 information, 1 counselling, 2 strong indicators, 3 immediate danger",
        COUNT,
        ORDER,
        Risk.HIGH,
        limits="0 to 3",
        purpose="to answer those in danger first",
    )
    urgency_by: Mapped[str] = column(
        "how the urgency was set",
        WORD,
        ORDER,
        Risk.MEDIUM,
        limits=", ".join(URGENCY_BY),
        purpose="to show staff what the order rests on",
    )
    holder: Mapped[bytes | None] = column(
        "id of the member of staff who claimed it",
        ID,
        ORDER,
        Risk.MEDIUM,
        nullable=True,
        retention="until released, handed over, closed or forgotten",
    )
    claimed_hour: Mapped[int | None] = column(
        "the hour of the claim, rounded down",
        HOUR,
        ORDER,
        Risk.MEDIUM,
        nullable=True,
        retention="until released, closed or forgotten",
    )
    waiting_minute: Mapped[int | None] = column(
        "minute of the oldest client message without an answer, rounded down",
        MINUTE,
        ORDER,
        Risk.HIGH,
        nullable=True,
        purpose="to answer in order of waiting",
        retention="blanked at the answer, at closing and with the conversation",
    )
    created_hour: Mapped[int] = column(
        "the hour of the first message, rounded down", HOUR, ORDER, Risk.MEDIUM
    )
    due_hour: Mapped[int] = column(
        "the hour in which it is due to be forgotten, rounded up; 0 while it is being deleted",
        HOUR,
        ORDER,
        Risk.MEDIUM,
    )
    latest_hour: Mapped[int] = column(
        "the hour past which nothing keeps it, rounded up", HOUR, ORDER, Risk.MEDIUM
    )
    epoch: Mapped[int] = column(
        "the team key's epoch that the team wrap is sealed to",
        COUNT,
        ORDER,
        Risk.LOW,
        limits="1 and up",
    )
    last_number: Mapped[int] = column(
        "number of its newest message, finding or note; messages are 1024 apart",
        COUNT,
        ORDER,
        Risk.MEDIUM,
        purpose="to show messages in order",
    )
    read_up_to: Mapped[int] = column(
        "number of the newest message that a counsellor has opened",
        COUNT,
        ORDER,
        Risk.MEDIUM,
        purpose="to tell the client that the message was read",
    )
    answered: Mapped[bool] = column(
        "whether a counsellor has answered since the client's last message",
        FLAG,
        ORDER,
        Risk.MEDIUM,
    )
    outer_team: Mapped[bytes] = column(
        "the conversation's keys, sealed to the team, then under the shred key",
        SEALED,
        TALK,
        Risk.HIGH,
    )
    outer_client: Mapped[bytes | None] = column(
        "the conversation's key, sealed to the return phrase, then under the shred key",
        SEALED,
        TALK,
        Risk.HIGH,
        nullable=True,
    )


class Message(Base):
    """One sealed message, finding, note or handover."""

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("conversation", "id"),
        CheckConstraint("length(id) = 16", name="id"),
        CheckConstraint(
            "(kind = 1 AND direction IN (1, 2)) OR (kind = 2 AND direction IN (3, 4, 6))",
            name="kind",
        ),
        CheckConstraint(_ENVELOPE_SIZE, name="size"),
        CheckConstraint("number >= 1", name="number"),
    )

    row: Mapped[int] = _row("messages")
    conversation: Mapped[bytes] = _conversation()
    id: Mapped[bytes] = column(
        "the message's name, made by who wrote it; refuses repetition", ID, ORDER, Risk.LOW
    )
    number: Mapped[int] = column(
        "its place within the conversation", COUNT, ORDER, Risk.MEDIUM, limits="1 and up"
    )
    kind: Mapped[int] = column(
        "1 for client and team, 2 for the team only", COUNT, ORDER, Risk.MEDIUM, limits="1, 2"
    )
    direction: Mapped[int] = column(
        "1 client to team, 2 team to client, 3 finding, 4 note, 6 handover",
        COUNT,
        ORDER,
        Risk.MEDIUM,
        limits="1, 2, 3, 4, 6",
    )
    hour: Mapped[int] = _stored_hour()
    envelope: Mapped[bytes] = column(
        "what was written; its size is one of six", ENVELOPE, TALK, Risk.HIGH
    )


class Draft(Base):
    """What a counsellor has begun to write; at most one for each conversation and person."""

    __tablename__ = "drafts"
    __table_args__ = (
        CheckConstraint("length(staff) = 16", name="staff"),
        CheckConstraint(_ENVELOPE_SIZE, name="size"),
    )

    conversation: Mapped[bytes] = _conversation(primary_key=True)
    staff: Mapped[bytes] = column(
        "id of the member of staff who writes it", ID, ORDER, Risk.MEDIUM, primary_key=True
    )
    hour: Mapped[int] = _stored_hour()
    envelope: Mapped[bytes] = column(
        "the draft, sealed to the team",
        ENVELOPE,
        TALK,
        Risk.HIGH,
        retention="until sent or dropped, or the conversation is forgotten",
    )


class Outbox(Base):
    """A reply on its way to a messenger."""

    __tablename__ = "outbox"
    __table_args__ = (
        CheckConstraint("length(message) = 16 AND length(tag) = 16", name="ids"),
        CheckConstraint(one_of("state", OUTBOX_STATES), name="state"),
        CheckConstraint(
            "(state = 'waiting') = (outer_item IS NOT NULL)"
            " AND (state = 'waiting' OR retry_minute IS NULL)",
            name="blanked",
        ),
        CheckConstraint(
            "outer_item IS NULL OR length(outer_item) BETWEEN 4 AND 32768", name="outer_item"
        ),
        CheckConstraint("slot >= 0 AND epoch >= 1 AND tries >= 0", name="counts"),
        CheckConstraint("reason IS NULL OR length(reason) BETWEEN 1 AND 32", name="reason"),
        CheckConstraint("length(channel) BETWEEN 1 AND 16", name="channel"),
        Index(
            "ix_outbox_unsent",
            "state",
            "retry_minute",
            # On PostgreSQL as well, which the migration says: saying so here would load that
            # dialect into every process.
            sqlite_where=text("state <> 'sent'"),
        ),
    )

    row: Mapped[int] = _row("outbox")
    message: Mapped[bytes] = column("the reply's message id", ID, ORDER, Risk.LOW, unique=True)
    conversation: Mapped[bytes] = _conversation(index=True)
    slot: Mapped[int] = _slot()
    tag: Mapped[bytes] = _tag()
    channel: Mapped[str] = _channel()
    epoch: Mapped[int] = column(
        "the team key's epoch under which the reply was signed",
        COUNT,
        ORDER,
        Risk.LOW,
        limits="1 and up",
    )
    state: Mapped[str] = column(
        "whether it was sent", WORD, ORDER, Risk.MEDIUM, limits=", ".join(OUTBOX_STATES)
    )
    reason: Mapped[str | None] = column(
        "why it was not sent, never a server's words", CODE, ORDER, Risk.LOW, nullable=True
    )
    tries: Mapped[int] = column("how often sending failed", COUNT, ORDER, Risk.LOW)
    retry_minute: Mapped[int | None] = column(
        "when sending is tried again, rounded up",
        MINUTE,
        ORDER,
        Risk.MEDIUM,
        nullable=True,
        retention="blanked as soon as it is sent or given up",
    )
    hour: Mapped[int] = _stored_hour()
    outer_item: Mapped[bytes | None] = column(
        "the reply, signed, sealed to the courier, then under the shred key",
        SEALED,
        TALK,
        Risk.HIGH,
        limits="4 to 32768 bytes",
        nullable=True,
        retention="blanked and overwritten as soon as it is sent or given up",
    )


class Inbox(Base):
    """What has already arrived from a messenger, so that nothing is stored twice."""

    __tablename__ = "inbox"
    __table_args__ = (
        CheckConstraint("length(transport) = 32", name="transport"),
        {"sqlite_with_rowid": False},
    )

    transport: Mapped[bytes] = column(
        "the messenger's id of the message, under the courier's own key",
        HMAC,
        ORDER,
        Risk.LOW,
        primary_key=True,
        purpose="to store a message that is delivered twice once",
    )
    conversation: Mapped[bytes] = _conversation(index=True)
    hour: Mapped[int] = _stored_hour()


class Address(Base):
    """Where a messenger client is reached, sealed to the courier under its own shred key."""

    __tablename__ = "addresses"
    __table_args__ = (
        CheckConstraint("length(tag) = 16 AND slot >= 0", name="reference"),
        CheckConstraint("length(outer_address) BETWEEN 4 AND 32768", name="outer_address"),
        CheckConstraint("length(channel) BETWEEN 1 AND 16", name="channel"),
    )

    conversation: Mapped[bytes] = _conversation(primary_key=True)
    channel: Mapped[str] = _channel(primary_key=True)
    slot: Mapped[int] = _slot()
    tag: Mapped[bytes] = _tag()
    outer_address: Mapped[bytes] = column(
        "the messenger address, sealed to the courier, then under its own shred key",
        SEALED,
        TALK,
        Risk.HIGH,
        limits="4 to 32768 bytes",
        purpose="to answer the client",
        retention="may be forgotten before the conversation, never after it",
    )
    until_hour: Mapped[int | None] = column(
        "the hour in which the address is due to be forgotten, rounded down",
        HOUR,
        ORDER,
        Risk.MEDIUM,
        nullable=True,
        purpose="to tell staff until when the client can be answered",
        retention="goes with the address",
    )


# Statements are written on the tables, and storage functions return frozen dataclasses: there is
# no session, nothing is loaded late, and no mapped object leaves the vault.


def _table(model: type[Base]) -> Table:
    return cast("Table", model.__table__)


conversations: Final = _table(Conversation)
messages: Final = _table(Message)
drafts: Final = _table(Draft)
outbox: Final = _table(Outbox)
inbox: Final = _table(Inbox)
addresses: Final = _table(Address)
attachments: Final = _table(Attachment)
attachment_chunks: Final = _table(AttachmentChunk)
staff: Final = _table(Staff)
organisation: Final = _table(Organisation)
changes: Final = _table(Change)
meta: Final = _table(Meta)
indicator_counts: Final = _table(IndicatorCount)

CONVERSATION_TABLES: Final = (
    conversations,
    messages,
    drafts,
    outbox,
    inbox,
    addresses,
    attachment_chunks,
    attachments,
)
OPERATION_TABLES: Final = (staff, organisation, changes, meta, indicator_counts)

OF_A_CONVERSATION: Final = CONVERSATION_TABLES[1:]
"""Tables whose rows go with their conversation."""
