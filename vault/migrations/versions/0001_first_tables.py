"""The first tables.

Revision: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# SQLite's INTEGER holds 64 bits, PostgreSQL's 32.
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _conversations() -> None:
    op.create_table(
        "conversations",
        sa.Column("row", WHOLE, autoincrement=False, nullable=False),
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("slot", WHOLE, nullable=False),
        sa.Column("tag", sa.LargeBinary(length=16), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("urgency", WHOLE, nullable=False),
        sa.Column("urgency_by", sa.String(length=16), nullable=False),
        sa.Column("holder", sa.LargeBinary(length=16), nullable=True),
        sa.Column("claimed_hour", WHOLE, nullable=True),
        sa.Column("waiting_minute", WHOLE, nullable=True),
        sa.Column("created_hour", WHOLE, nullable=False),
        sa.Column("due_hour", WHOLE, nullable=False),
        sa.Column("latest_hour", WHOLE, nullable=False),
        sa.Column("epoch", WHOLE, nullable=False),
        sa.Column("last_number", WHOLE, nullable=False),
        sa.Column("read_up_to", WHOLE, nullable=False),
        sa.Column("answered", sa.Boolean(), nullable=False),
        sa.Column("outer_team", sa.LargeBinary(), nullable=False),
        sa.Column("outer_client", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "(state = 'claimed') = (holder IS NOT NULL)"
            " AND (holder IS NULL) = (claimed_hour IS NULL)"
            " AND (holder IS NULL OR length(holder) = 16)",
            name="holder",
        ),
        sa.CheckConstraint("state <> 'waiting' OR waiting_minute IS NOT NULL", name="waiting"),
        sa.CheckConstraint("state IN ('waiting', 'claimed', 'resting', 'closed')", name="state"),
        sa.CheckConstraint("urgency_by <> 'danger' OR urgency = 3", name="danger"),
        sa.CheckConstraint(
            "urgency_by IN ('screened', 'not_screened', 'danger', 'hand')",
            name="urgency_by",
        ),
        sa.CheckConstraint(
            "waiting_minute IS NULL OR (state IN ('waiting', 'claimed') AND NOT answered)",
            name="blanked",
        ),
        sa.CheckConstraint("due_hour <= latest_hour", name="due"),
        sa.CheckConstraint(
            "length(channel) BETWEEN 1 AND 16 AND length(language) <= 16",
            name="words",
        ),
        sa.CheckConstraint("length(id) = 16 AND length(tag) = 16", name="ids"),
        sa.CheckConstraint("length(outer_team) BETWEEN 4 AND 4096", name="outer_team"),
        sa.CheckConstraint(
            "outer_client IS NULL OR length(outer_client) BETWEEN 4 AND 4096",
            name="outer_client",
        ),
        sa.CheckConstraint(
            "slot >= 0 AND epoch >= 1 AND last_number >= 0 AND read_up_to >= 0",
            name="counts",
        ),
        sa.CheckConstraint("urgency BETWEEN 0 AND 3", name="urgency"),
        sa.PrimaryKeyConstraint("row", name="pk_conversations"),
        sa.UniqueConstraint("id", name="uq_conversations_id"),
    )


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("row", WHOLE, autoincrement=False, nullable=False),
        sa.Column("conversation", sa.LargeBinary(length=16), nullable=False),
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("kind", WHOLE, nullable=False),
        sa.Column("direction", WHOLE, nullable=False),
        sa.Column("hour", WHOLE, nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "(kind = 1 AND direction IN (1, 2)) OR (kind = 2 AND direction IN (3, 4, 6))",
            name="kind",
        ),
        sa.CheckConstraint(
            "length(envelope) - 51 IN (512, 1024, 2048, 4096, 8192, 16384)", name="size"
        ),
        sa.CheckConstraint("length(id) = 16", name="id"),
        sa.CheckConstraint("number >= 1", name="number"),
        sa.ForeignKeyConstraint(
            ["conversation"],
            ["conversations.id"],
            name="fk_messages_conversation",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("row", name="pk_messages"),
        sa.UniqueConstraint("conversation", "id", name="uq_messages_conversation"),
    )


def _drafts() -> None:
    op.create_table(
        "drafts",
        sa.Column("conversation", sa.LargeBinary(length=16), nullable=False),
        sa.Column("staff", sa.LargeBinary(length=16), nullable=False),
        sa.Column("hour", WHOLE, nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "length(envelope) - 51 IN (512, 1024, 2048, 4096, 8192, 16384)", name="size"
        ),
        sa.CheckConstraint("length(staff) = 16", name="staff"),
        sa.ForeignKeyConstraint(
            ["conversation"],
            ["conversations.id"],
            name="fk_drafts_conversation",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("conversation", "staff", name="pk_drafts"),
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("row", WHOLE, autoincrement=False, nullable=False),
        sa.Column("message", sa.LargeBinary(length=16), nullable=False),
        sa.Column("conversation", sa.LargeBinary(length=16), nullable=False),
        sa.Column("slot", WHOLE, nullable=False),
        sa.Column("tag", sa.LargeBinary(length=16), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("epoch", WHOLE, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("tries", WHOLE, nullable=False),
        sa.Column("retry_minute", WHOLE, nullable=True),
        sa.Column("hour", WHOLE, nullable=False),
        sa.Column("outer_item", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "(state = 'waiting') = (outer_item IS NOT NULL)"
            " AND (state = 'waiting' OR retry_minute IS NULL)",
            name="blanked",
        ),
        sa.CheckConstraint("state IN ('waiting', 'sent', 'failed', 'returned')", name="state"),
        sa.CheckConstraint("length(channel) BETWEEN 1 AND 16", name="channel"),
        sa.CheckConstraint("length(message) = 16 AND length(tag) = 16", name="ids"),
        sa.CheckConstraint(
            "outer_item IS NULL OR length(outer_item) BETWEEN 4 AND 32768",
            name="outer_item",
        ),
        sa.CheckConstraint("reason IS NULL OR length(reason) BETWEEN 1 AND 32", name="reason"),
        sa.CheckConstraint("slot >= 0 AND epoch >= 1 AND tries >= 0", name="counts"),
        sa.ForeignKeyConstraint(
            ["conversation"],
            ["conversations.id"],
            name="fk_outbox_conversation",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("row", name="pk_outbox"),
        sa.UniqueConstraint("message", name="uq_outbox_message"),
    )
    op.create_index("ix_outbox_conversation", "outbox", ["conversation"], unique=False)
    op.create_index(
        "ix_outbox_unsent",
        "outbox",
        ["state", "retry_minute"],
        unique=False,
        sqlite_where=sa.text("state <> 'sent'"),
        postgresql_where=sa.text("state <> 'sent'"),
    )


def _inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("transport", sa.LargeBinary(length=32), nullable=False),
        sa.Column("conversation", sa.LargeBinary(length=16), nullable=False),
        sa.Column("hour", WHOLE, nullable=False),
        sa.CheckConstraint("length(transport) = 32", name="transport"),
        sa.ForeignKeyConstraint(
            ["conversation"], ["conversations.id"], name="fk_inbox_conversation", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("transport", name="pk_inbox"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_inbox_conversation", "inbox", ["conversation"], unique=False)


def _addresses() -> None:
    op.create_table(
        "addresses",
        sa.Column("conversation", sa.LargeBinary(length=16), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("slot", WHOLE, nullable=False),
        sa.Column("tag", sa.LargeBinary(length=16), nullable=False),
        sa.Column("outer_address", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("length(channel) BETWEEN 1 AND 16", name="channel"),
        sa.CheckConstraint("length(outer_address) BETWEEN 4 AND 32768", name="outer_address"),
        sa.CheckConstraint("length(tag) = 16 AND slot >= 0", name="reference"),
        sa.ForeignKeyConstraint(
            ["conversation"],
            ["conversations.id"],
            name="fk_addresses_conversation",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("conversation", "channel", name="pk_addresses"),
    )


def _staff() -> None:
    op.create_table(
        "staff",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("login_tag", sa.LargeBinary(length=16), nullable=False),
        sa.Column("outer_keys", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("length(id) = 16 AND length(login_tag) = 16", name="ids"),
        sa.CheckConstraint("length(outer_keys) BETWEEN 4 AND 4096", name="outer_keys"),
        sa.PrimaryKeyConstraint("id", name="pk_staff"),
        sa.UniqueConstraint("login_tag", name="uq_staff_login_tag"),
    )


def _changes() -> None:
    op.create_table(
        "changes",
        sa.Column("number", WHOLE, autoincrement=False, nullable=False),
        sa.Column("conversation", sa.LargeBinary(length=16), nullable=True),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.CheckConstraint("what <> 'erased' OR conversation IS NULL", name="erased"),
        sa.CheckConstraint(
            "what IN ('new', 'message', 'finding', 'claim', 'release', 'reply', 'read', "
            "'close', 'due', 'erased', 'urgency', 'outbox')",
            name="what",
        ),
        sa.CheckConstraint(
            "conversation IS NULL OR length(conversation) = 16", name="conversation"
        ),
        sa.PrimaryKeyConstraint("number", name="pk_changes"),
    )


def _meta() -> None:
    op.create_table(
        "meta",
        sa.Column("one", WHOLE, autoincrement=False, nullable=False),
        sa.Column("pairing", sa.LargeBinary(length=16), nullable=True),
        sa.Column("commit_counter", WHOLE, nullable=False),
        sa.Column("prune_below", WHOLE, nullable=False),
        sa.Column("prune_hour", WHOLE, nullable=False),
        sa.CheckConstraint("commit_counter >= 0", name="commit_counter"),
        sa.CheckConstraint("one = 1", name="one"),
        sa.CheckConstraint("pairing IS NULL OR length(pairing) = 16", name="pairing"),
        sa.PrimaryKeyConstraint("one", name="pk_meta"),
    )
    op.execute(
        "INSERT INTO meta (one, pairing, commit_counter, prune_below, prune_hour) "
        "VALUES (1, NULL, 0, 0, 0)"
    )


def upgrade() -> None:
    _conversations()
    _messages()
    _drafts()
    _outbox()
    _inbox()
    _addresses()
    _staff()
    _changes()
    _meta()


def downgrade() -> None:
    for table in (
        "meta",
        "changes",
        "staff",
        "addresses",
        "inbox",
        "outbox",
        "drafts",
        "messages",
        "conversations",
    ):
        op.drop_table(table)
