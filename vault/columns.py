"""What a column is made of: how it is stored, and what must be known about it.

Regulation (EU) 2016/679: purpose and storage limitation (Article 5), lawful basis (Articles 6
and 9), record of processing (Article 30). The basis named here is the project's proposal; the
organisation that runs the hotline confirms it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    TextClause,
    text,
)
from sqlalchemy.orm import DeclarativeBase, MappedColumn, mapped_column
from sqlalchemy.types import TypeEngine

KEYS: Final = (
    "about",
    "definition",
    "type",
    "limits",
    "required",
    "purpose",
    "lawful_basis",
    "risk",
    "readers",
    "where",
    "retention",
)
"""What every column says about itself in its `info`."""


class Risk(StrEnum):
    """How much a person could be harmed if strangers read this value."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class About(StrEnum):
    """Which of the two lists a value stands in."""

    CONVERSATIONS = "conversations"
    STAFF_AND_OPERATION = "staff and operation"


@dataclass(frozen=True, slots=True)
class Use:
    """Why values are kept, on what basis, who may read them, where and how long."""

    about: About
    purpose: str
    lawful_basis: str
    readers: str
    where: str
    retention: str


@dataclass(frozen=True, slots=True)
class Kind:
    """How a value is stored, and what it is in words."""

    stored: TypeEngine[Any]
    words: str
    limits: str


# SQLite's INTEGER holds 64 bits; PostgreSQL's holds 32, and slots go up to 2^32 - 1.
WHOLE: Final = BigInteger().with_variant(Integer(), "sqlite")

ID: Final = Kind(LargeBinary(16), "random bytes", "16 bytes")
HASH: Final = Kind(LargeBinary(16), "hash", "16 bytes")
HMAC: Final = Kind(LargeBinary(32), "HMAC", "32 bytes")
SEALED: Final = Kind(LargeBinary(), "sealed blob (docs/envelope.md, 0x20)", "4 to 4096 bytes")
ENVELOPE: Final = Kind(
    LargeBinary(),
    "sealed envelope (docs/envelope.md, 0x01 and 0x02)",
    "563, 1075, 2099, 4147, 8243 or 16435 bytes",
)
PUBLIC: Final = Kind(LargeBinary(), "public text (JSON)", "2 to 32768 bytes")
SIGNED: Final = Kind(LargeBinary(64), "Ed25519 signature", "64 bytes")
COUNT: Final = Kind(WHOLE, "whole number", "0 and up")
HOUR: Final = Kind(WHOLE, "whole number: hours since 1970", "0 to 4294967295")
MINUTE: Final = Kind(WHOLE, "whole number: minutes since 1970", "0 to 4294967295")
WORD: Final = Kind(String(16), "word", "1 to 16 characters")
CODE: Final = Kind(String(32), "word", "1 to 32 lower-case letters and _")
FLAG: Final = Kind(Boolean(), "yes or no", "0, 1")
MONTH: Final = Kind(WHOLE, "whole number: months since 1970", "0 to 9999")
RULE: Final = Kind(String(80), "name of a rule", "1 to 80 ASCII characters without spaces")

_GONE: Final = "until the conversation is forgotten; deleted and overwritten with it"
_COUNSEL: Final = (
    "GDPR Art. 6(1)(f) and 9(2)(d), counselling by a non-profit body; or the client's consent, "
    "9(2)(a)"
)
_WHERE: Final = (
    "database/havenline.sqlite3, or PostgreSQL with its write-ahead log; encrypted backups of it"
)

TALK: Final = Use(
    About.CONVERSATIONS,
    "to counsel the client",
    _COUNSEL,
    "sealed: nobody without the keys; web, desk, courier and caretaker carry it",
    _WHERE,
    _GONE,
)
ORDER: Final = Use(
    About.CONVERSATIONS,
    "to find, order and forget conversations without reading them",
    _COUNSEL,
    "web, desk, courier, caretaker; counsellors on screen; whoever takes the database",
    _WHERE,
    _GONE,
)
STAFF: Final = Use(
    About.STAFF_AND_OPERATION,
    "to let staff sign in with keys that only their password opens",
    "GDPR Art. 6(1)(b)/(f), working for the hotline",
    "desk; whoever takes the database",
    _WHERE,
    "until the person is removed",
)
RUN: Final = Use(
    About.STAFF_AND_OPERATION,
    "to run the hotline and to recognise an old or foreign database",
    "GDPR Art. 6(1)(f) with 32, keeping the hotline safe",
    "web, desk, courier, caretaker; whoever takes the database",
    _WHERE,
    "as long as the hotline runs",
)


def column(
    definition: str,
    kind: Kind,
    use: Use,
    risk: Risk,
    *,
    limits: str | None = None,
    purpose: str | None = None,
    retention: str | None = None,
    parent: str | None = None,
    **sql: Any,  # noqa: ANN401  # what mapped_column takes: primary_key, unique, index, nullable
) -> MappedColumn[Any]:
    """A column and its story; what is not said differently is its kind's and its use's.

    `parent` is the column it refers to and is deleted with.
    """
    info = asdict(use) | {
        "definition": definition,
        "type": kind.words,
        "limits": limits or kind.limits,
        "required": not sql.get("nullable", False),
        "purpose": purpose or use.purpose,
        "risk": risk,
        "retention": retention or use.retention,
    }
    keys = [] if parent is None else [ForeignKey(parent, ondelete="CASCADE")]
    return mapped_column(kind.stored, *keys, info=info, **({"nullable": False} | sql))


def next_number(table: str, name: str) -> TextClause:
    """The greatest number of a column and one, found in the transaction that stores the row.

    There is one writer at a time, so no two rows take the same; and no sequence is left that
    tells how many rows there ever were.
    """
    newest = f'SELECT coalesce(max("{name}"), 0)'
    return text(f"({newest} + 1 FROM {table})")


def one_of(name: str, values: tuple[str, ...]) -> str:
    """The check that a column holds one of a few words."""
    return f"{name} IN ({', '.join(repr(value) for value in values)})"


class Base(DeclarativeBase):
    """The models; constraints have fixed names so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
