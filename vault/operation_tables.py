"""The second list: what the database holds about staff and its own operation.

The rules are those of `vault.tables`.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped

from vault.columns import (
    COUNT,
    HASH,
    HOUR,
    ID,
    MONTH,
    ORDER,
    PUBLIC,
    RULE,
    RUN,
    SEALED,
    SIGNED,
    STAFF,
    WORD,
    Base,
    Risk,
    column,
    next_number,
    one_of,
)

CHANGES: Final = (
    "new",
    "message",
    "finding",
    "claim",
    "release",
    "reply",
    "read",
    "close",
    "due",
    "erased",
    "urgency",
    "outbox",
)

_AUDIT: Final = "to tell clients who runs the hotline, and to show who changed what"
_KEPT: Final = "as long as the hotline runs"
VERDICTS: Final = ("agreed", "dismissed", "added")

_SHOW: Final = "to show staff what is new without their asking"
_LEARN: Final = "to find rules that are mostly wrong and languages that are poorly understood"
_COUNTED: Final = "24 months; names nobody, so it outlives what was counted (docs/decisions/0015)"


class Staff(Base):
    """What a member of staff needs to sign in; names and roles are in the keeper's roster."""

    __tablename__ = "staff"
    __table_args__ = (
        CheckConstraint("length(id) = 16 AND length(login_tag) = 16", name="ids"),
        CheckConstraint("length(outer_keys) BETWEEN 4 AND 4096", name="outer_keys"),
    )

    id: Mapped[bytes] = column("the person's id", ID, STAFF, Risk.LOW, primary_key=True)
    login_tag: Mapped[bytes] = column(
        "of the name the person signs in with", HASH, STAFF, Risk.MEDIUM, unique=True
    )
    outer_keys: Mapped[bytes] = column(
        "the person's keys, under their password, then under the shred key of their slot",
        SEALED,
        STAFF,
        Risk.HIGH,
    )


class Organisation(Base):
    """What the organisation says of itself, each version as an admin signed it."""

    __tablename__ = "organisation"
    __table_args__ = (
        CheckConstraint("number >= 1", name="number"),
        CheckConstraint("length(signer) = 16 AND length(signature) = 64", name="signed"),
        CheckConstraint("length(body) BETWEEN 2 AND 32768", name="body"),
    )

    number: Mapped[int] = column(
        "growing number of the version",
        COUNT,
        RUN,
        Risk.LOW,
        limits="1 and up",
        primary_key=True,
        autoincrement=False,
    )
    signer: Mapped[bytes] = column(
        "id of the admin who signed it", ID, STAFF, Risk.LOW, purpose=_AUDIT, retention=_KEPT
    )
    body: Mapped[bytes] = column(
        "what the client page says of the organisation, its hours and signposts, and the rules "
        "it runs by",
        PUBLIC,
        RUN,
        Risk.LOW,
        purpose=_AUDIT,
    )
    signature: Mapped[bytes] = column(
        "the admin's signature over number and text", SIGNED, RUN, Risk.LOW
    )


class Change(Base):
    """What happened, for the screens that follow live."""

    __tablename__ = "changes"
    __table_args__ = (
        CheckConstraint(one_of("what", CHANGES), name="what"),
        CheckConstraint("conversation IS NULL OR length(conversation) = 16", name="conversation"),
        CheckConstraint("what <> 'erased' OR conversation IS NULL", name="erased"),
    )

    number: Mapped[int] = column(
        "growing number from which a screen resumes",
        COUNT,
        RUN,
        Risk.LOW,
        limits="1 and up",
        primary_key=True,
        autoincrement=False,
        default=next_number("changes", "number"),
        retention="24 hours",
    )
    # No foreign key: it would want an index, written with every change. What is forgotten is
    # blanked by `vault.conversations.delete`.
    conversation: Mapped[bytes | None] = column(
        "the conversation it happened to",
        ID,
        ORDER,
        Risk.LOW,
        nullable=True,
        purpose=_SHOW,
        retention="24 hours; blanked when the conversation is forgotten",
    )
    what: Mapped[str] = column(
        "what happened",
        WORD,
        ORDER,
        Risk.MEDIUM,
        limits=", ".join(CHANGES),
        purpose=_SHOW,
        retention="24 hours",
    )


class Meta(Base):
    """One row about the database itself."""

    __tablename__ = "meta"
    __table_args__ = (
        CheckConstraint("one = 1", name="one"),
        CheckConstraint("pairing IS NULL OR length(pairing) = 16", name="pairing"),
        CheckConstraint("commit_counter >= 0", name="commit_counter"),
    )

    one: Mapped[int] = column(
        "says that there is one row",
        COUNT,
        RUN,
        Risk.LOW,
        limits="1",
        primary_key=True,
        autoincrement=False,
    )
    pairing: Mapped[bytes | None] = column(
        "the slot file that this database belongs to", ID, RUN, Risk.LOW, nullable=True
    )
    commit_counter: Mapped[int] = column(
        "how many commits there were; tells an old copy from the current one", COUNT, RUN, Risk.LOW
    )
    prune_below: Mapped[int] = column(
        "changes up to this number go at the next pruning", COUNT, RUN, Risk.LOW
    )
    prune_hour: Mapped[int] = column("the hour from which that pruning is due", HOUR, RUN, Risk.LOW)


class IndicatorCount(Base):
    """How often counsellors agreed with a rule, dismissed it, or added a sign: no more than that.

    No text, no conversation, no person and no day: a row is the same whoever was written about.
    """

    __tablename__ = "indicator_counts"
    __table_args__ = (
        CheckConstraint("month BETWEEN 0 AND 9999", name="month"),
        CheckConstraint("length(rule) BETWEEN 1 AND 80", name="rule"),
        CheckConstraint("length(language) BETWEEN 2 AND 16", name="language"),
        CheckConstraint(one_of("verdict", VERDICTS), name="verdict"),
        CheckConstraint("count > 0", name="count"),
    )

    month: Mapped[int] = column(
        "the month in which it was counted",
        MONTH,
        RUN,
        Risk.LOW,
        primary_key=True,
        autoincrement=False,
        purpose=_LEARN,
        retention=_COUNTED,
    )
    rule: Mapped[str] = column(
        "the rule of screening; of an added sign its category",
        RULE,
        RUN,
        Risk.LOW,
        primary_key=True,
        purpose=_LEARN,
        retention=_COUNTED,
    )
    language: Mapped[str] = column(
        "the language of the messages, as screening recognised it",
        WORD,
        RUN,
        Risk.MEDIUM,
        primary_key=True,
        purpose=_LEARN,
        retention=_COUNTED,
    )
    verdict: Mapped[str] = column(
        "what counsellors decided",
        WORD,
        RUN,
        Risk.LOW,
        limits=", ".join(VERDICTS),
        primary_key=True,
        purpose=_LEARN,
        retention=_COUNTED,
    )
    count: Mapped[int] = column(
        "how often; fewer than 5 are never shown, but stand here",
        COUNT,
        RUN,
        Risk.MEDIUM,
        limits="1 and up",
        purpose=_LEARN,
        retention=_COUNTED,
    )
