"""What the database says about itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, or_, select, update

from vault import tables


class WrongPairing(Exception):
    """This database belongs to another slot file; never put one beside the other."""

    def __init__(self) -> None:
        super().__init__(
            "this database and this slot file do not belong together: restore the database that "
            "belongs to the slot file, or move both away and set up anew"
        )


@dataclass(frozen=True, slots=True)
class Meta:
    """Pairing id (16 bytes, None before it is paired), number of commits, schema number."""

    pairing: bytes | None
    commit_counter: int
    schema: str


_t: Final = tables.meta.c
_GET: Final = select(_t.pairing, _t.commit_counter)
_PAIR: Final = (
    update(tables.meta)
    .where(or_(_t.pairing.is_(None), _t.pairing == bindparam("id")))
    .values(pairing=bindparam("id"))
)


def get(c: Connection) -> Meta:
    """The one row."""
    row = c.execute(_GET).one()
    return Meta(row.pairing, row.commit_counter, tables.SCHEMA)


def pair(c: Connection, pairing: bytes) -> None:
    """Bind the database to a slot file; again with the same id does nothing.

    Raises WrongPairing where it is bound to another one.
    """
    if not c.execute(_PAIR, {"id": pairing}).rowcount:
        raise WrongPairing
