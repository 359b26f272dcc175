"""What an organisation says of itself, as its admins have signed it: the newest, and all before it.

A row is believed only by its signature, which covers the root fingerprint, the row's number and its
body. Rows are added and never changed: they are the record of who changed what. What a body means
is nobody's business here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, bindparam, func, insert, select

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


def newest_signed(versions: Sequence[Saved], fingerprint: bytes, admins: SignedBy) -> Saved | None:
    """The newest version that is signed; what is not is passed over."""
    for saved in sorted(versions, key=lambda each: -each.number):
        if is_signed(saved, fingerprint, admins):
            return saved
    return None


# --- rows ---------------------------------------------------------------------------------

_t: Final = tables.organisation.c
_COLUMNS: Final = (_t.number, _t.signer, _t.body, _t.signature)
_NUMBER: Final = select(func.max(_t.number))
_LATEST: Final = select(*_COLUMNS).order_by(_t.number.desc()).limit(bindparam("most"))


def number_of_newest(c: Connection) -> int:
    """The newest version's number; 0 where there is none."""
    return c.scalar(_NUMBER) or 0


def latest(c: Connection, most: int = 100) -> list[Saved]:
    """The newest versions, the newest first."""
    return [Saved(*row) for row in c.execute(_LATEST, {"most": most})]


def add(c: Connection, saved: Saved) -> bool:
    """Add the next version; False where another one has its number already."""
    if saved.number != number_of_newest(c) + 1:
        return False
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
