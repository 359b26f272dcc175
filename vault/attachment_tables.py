"""Tables of attachments: sealed chunks, and which message they came with.

The third part of what lies in the database about conversations (`vault.tables` has the rules).
The key that opens a chunk stands inside the envelope of its message and nowhere else.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import CheckConstraint, LargeBinary
from sqlalchemy.orm import Mapped

from vault.attachment_format import CHUNK_COUNTS
from vault.columns import COUNT, HOUR, ID, ORDER, TALK, Base, Kind, Risk, column, next_number

SEALED_CHUNK: Final = Kind(LargeBinary(), "sealed chunk (docs/envelope.md, 0x60)", "65555 bytes")


class Attachment(Base):
    """One attachment, whole or still arriving."""

    __tablename__ = "attachments"
    __table_args__ = (
        CheckConstraint("length(id) = 16", name="id"),
        CheckConstraint("message IS NULL OR length(message) = 16", name="message"),
        CheckConstraint(f"chunks IN {CHUNK_COUNTS}", name="chunks"),
    )

    row: Mapped[int] = column(
        "place in the table; reveals the order of arrival, believed for nothing",
        COUNT,
        ORDER,
        Risk.LOW,
        primary_key=True,
        autoincrement=False,
        default=next_number("attachments", "row"),
    )
    id: Mapped[bytes] = column(
        "the attachment's name, made by who sealed it", ID, ORDER, Risk.LOW, unique=True
    )
    conversation: Mapped[bytes] = column(
        "the conversation it belongs to",
        ID,
        ORDER,
        Risk.LOW,
        parent="conversations.id",
        index=True,
    )
    message: Mapped[bytes | None] = column(
        "id of the message that holds its key; empty while it is arriving",
        ID,
        ORDER,
        Risk.LOW,
        nullable=True,
        retention="what no message names is deleted within two hours",
    )
    chunks: Mapped[int] = column(
        "how many chunks it has; says its size to a factor of two",
        COUNT,
        ORDER,
        Risk.MEDIUM,
        limits=", ".join(map(str, CHUNK_COUNTS)),
        purpose="to give each conversation, and all together, a limit",
    )
    hour: Mapped[int] = column(
        "the hour in which it began to arrive, rounded down", HOUR, ORDER, Risk.MEDIUM
    )


class AttachmentChunk(Base):
    """One sealed piece of an attachment."""

    __tablename__ = "attachment_chunks"
    __table_args__ = (
        CheckConstraint("length(sealed) = 65555", name="size"),
        CheckConstraint("number >= 0", name="number"),
    )

    attachment: Mapped[bytes] = column(
        "the attachment it is a piece of",
        ID,
        ORDER,
        Risk.LOW,
        parent="attachments.id",
        primary_key=True,
    )
    number: Mapped[int] = column(
        "its place, from 0", COUNT, ORDER, Risk.LOW, primary_key=True, autoincrement=False
    )
    conversation: Mapped[bytes] = column(
        "the conversation it belongs to",
        ID,
        ORDER,
        Risk.LOW,
        parent="conversations.id",
        index=True,
    )
    sealed: Mapped[bytes] = column(
        "65,536 bytes of a picture, a recording or a document, padded, sealed under the key in "
        "its message",
        SEALED_CHUNK,
        TALK,
        Risk.HIGH,
    )
