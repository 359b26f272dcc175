"""What members of staff need to sign in. Who may do what is the keeper's roster, never a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, bindparam, delete, insert, or_, select

from vault import tables
from vault.keeper_protocol import MAX_WRAPS


@dataclass(frozen=True, slots=True)
class StaffRow:
    """Ids 16 bytes; `outer` is the person's wrapped keys as the keeper gave them."""

    id: bytes
    login_tag: bytes
    outer: bytes = field(repr=False)


_t: Final = tables.staff.c
_ALL: Final = select(_t.id, _t.login_tag, _t.outer_keys).order_by(_t.id)
_BY_TAG: Final = select(_t.id, _t.login_tag, _t.outer_keys).where(_t.login_tag == bindparam("this"))
_BY_ID: Final = select(_t.id, _t.login_tag, _t.outer_keys).where(_t.id == bindparam("this"))
_DROP: Final = delete(tables.staff).where(
    or_(_t.id == bindparam("of"), _t.login_tag == bindparam("name"))
)
_INSERT: Final = insert(tables.staff)


def put(c: Connection, row: StaffRow) -> None:
    """Keep a person's row; the same again changes nothing.

    The keeper gives a login tag to one person: who had it here before was never made a member
    (a set-up that was started over) and goes.
    """
    c.execute(_DROP, {"of": row.id, "name": row.login_tag})
    c.execute(_INSERT, {"id": row.id, "login_tag": row.login_tag, "outer_keys": row.outer})


def put_waiting(c: Connection, row: StaffRow) -> None:
    """Keep a newcomer's row; of somebody who signs in with this name already, both wraps.

    Which of them opens is the keeper's to know: the new one from the moment it lets them in.
    """
    there = by_login_tag(c, row.login_tag)
    known = there.outer if there is not None and there.id == row.id else b""
    kept = (known + row.outer)[-MAX_WRAPS * len(row.outer) :]
    put(c, StaffRow(row.id, row.login_tag, kept))


def by_login_tag(c: Connection, login_tag: bytes) -> StaffRow | None:
    """The row found by the name's tag, or None."""
    row = c.execute(_BY_TAG, {"this": login_tag}).one_or_none()
    return None if row is None else StaffRow(*row)


def by_id(c: Connection, staff: bytes) -> StaffRow | None:
    """The row of this person, or None."""
    row = c.execute(_BY_ID, {"this": staff}).one_or_none()
    return None if row is None else StaffRow(*row)


def all(c: Connection) -> list[StaffRow]:  # noqa: A001  # read as staff.all, like the others
    """Every row."""
    return [StaffRow(*row) for row in c.execute(_ALL)]


def remove(c: Connection, ids: Sequence[bytes]) -> int:
    """Delete the rows of people who were removed; how many there were."""
    return c.execute(delete(tables.staff).where(_t.id.in_(ids))).rowcount
