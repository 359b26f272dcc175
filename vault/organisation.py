"""What an organisation says of itself, as its admins have signed it: the newest, and all before it.

A row is believed only by its signature, which covers the root fingerprint, the row's number and its
body. Signed rows are added and never changed: they are the record of who changed what. What a body
means is nobody's business here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from vault import tables
from vault.roster import Role, Roster, extend, verify_chain
from vault.sealing import SignKeys, pack, sign, verify

MAX_BODY: Final = 32_768
LABEL: Final = "organisation"
_NUMBER_SIZE: Final = 4

SignedBy = dict[bytes, frozenset[bytes]]
"""The signing keys that each person has had as an admin, by staff id."""


@dataclass(frozen=True, slots=True)
class Saved:
    """One version: its number, from 1 on, who signed it, and the signature over both and `body`."""

    number: int
    signer: bytes = field(repr=False)
    body: bytes = field(repr=False)
    signature: bytes = field(repr=False)


IsTrue = Callable[[Saved], bool]
"""Whether a version is to be believed."""


def signed_part(fingerprint: bytes, number: int, body: bytes) -> bytes:
    """What a signature covers, its label apart."""
    return pack(fingerprint, number.to_bytes(_NUMBER_SIZE, "big"), body)


def signed(fingerprint: bytes, number: int, body: bytes, signer: bytes, keys: SignKeys) -> Saved:
    """A version that this person signs."""
    return Saved(number, signer, body, sign(keys, LABEL, signed_part(fingerprint, number, body)))


def admins_of(entries: Iterable[bytes]) -> SignedBy:
    """Who may ever have signed, from a whole chain: somebody who left has signed what stands.

    Raises RosterError.
    """
    found: SignedBy = {}
    roster: Roster | None = None
    for entry in entries:
        roster = verify_chain((entry,)) if roster is None else extend(roster, entry)
        for staff_id, person in roster.people.items():
            if Role.ADMIN in person.roles:
                found[staff_id] = found.get(staff_id, frozenset()) | {person.sign_key}
    return found


def is_signed(saved: Saved, fingerprint: bytes, admins: SignedBy) -> bool:
    """Whether one of these admins has signed this very version."""
    part = signed_part(fingerprint, saved.number, saved.body)
    keys = admins.get(saved.signer, frozenset())
    return any(verify(key, saved.signature, LABEL, part) for key in keys)


# --- rows ---------------------------------------------------------------------------------

_t: Final = tables.organisation.c
_COLUMNS: Final = (_t.number, _t.signer, _t.body, _t.signature)
_ALL: Final = select(*_COLUMNS).order_by(_t.number.desc())
_TOP: Final = select(_t.number, _t.signature).order_by(_t.number.desc()).limit(1)


def top(c: Connection) -> tuple[int, bytes]:
    """Number and signature of the highest row, signed by whomever; another one after any change."""
    row = c.execute(_TOP).first()
    return (0, b"") if row is None else (row.number, row.signature)


def versions(c: Connection, is_true: IsTrue, most: int = 1) -> list[Saved]:
    """The newest versions that are true, the newest first; however many other rows there are."""
    found: list[Saved] = []
    rows = c.execute(_ALL)
    for row in rows:
        saved = Saved(*row)
        if is_true(saved):
            found.append(saved)
        if len(found) == most:
            break
    rows.close()
    return found


def add(c: Connection, saved: Saved, is_true: IsTrue) -> bool:
    """Add the version after the newest true one; False where it is not the next.

    Rows from its number on, which nobody signed, make room: they must not keep an admin from
    putting things right.
    """
    newest = versions(c, is_true)
    if saved.number != (newest[0].number if newest else 0) + 1:
        return False
    c.execute(delete(tables.organisation).where(_t.number >= saved.number))
    c.execute(
        insert(tables.organisation),
        {
            "number": saved.number,
            "signer": saved.signer,
            "body": saved.body,
            "signature": saved.signature,
        },
    )
    return True
