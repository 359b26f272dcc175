"""What an organisation says of itself, as its admins have signed it: the newest, and all before it.

A row is believed only by its signature, which covers the root fingerprint, the row's number and its
body. Which row is the newest is not the database's to say: the keeper pins its number and hash, in
order, for somebody who is an admin at that moment. Signed rows are added and never changed: they
are the record of who changed what. What a body means is nobody's business here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, bindparam, delete, insert, select

from vault import tables
from vault.keeper_answers import PinnedDetails
from vault.keeper_protocol import MOST_BEFORE_PINNING
from vault.roster import Role, Roster, extend, verify_chain
from vault.sealing import SignKeys, equal, labelled_hash, pack, sign, verify

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


def hash_of(fingerprint: bytes, saved: Saved) -> bytes:
    """What the keeper pins of a version."""
    number = saved.number.to_bytes(_NUMBER_SIZE, "big")
    return labelled_hash(
        "details", pack(fingerprint, number, saved.signer, saved.body, saved.signature)
    )


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
_UP_TO: Final = select(*_COLUMNS).where(_t.number <= bindparam("newest")).order_by(_t.number.desc())
_ONE: Final = select(*_COLUMNS).where(_t.number == bindparam("number"))


def pinned(c: Connection, pin: PinnedDetails, fingerprint: bytes) -> Saved | None:
    """The version that the keeper has pinned; None where its row is gone or another."""
    row = c.execute(_ONE, {"number": pin.number}).first()
    saved = None if row is None else Saved(*row)
    is_it = saved is not None and equal(hash_of(fingerprint, saved), pin.digest)
    return saved if is_it else None


def versions(
    c: Connection, is_true: IsTrue, most: int = 1, newest: int = MOST_BEFORE_PINNING
) -> list[Saved]:
    """The latest versions that are true, from number `newest` down; however many other rows.

    Without a number, those that the first pin can take.
    """
    found: list[Saved] = []
    rows = c.execute(_UP_TO, {"newest": newest})
    for row in rows:
        saved = Saved(*row)
        if is_true(saved):
            found.append(saved)
        if len(found) == most:
            break
    rows.close()
    return found


def put(c: Connection, saved: Saved) -> None:
    """Keep a version that is to be pinned, in place of whatever stands at its number."""
    c.execute(delete(tables.organisation).where(_t.number == saved.number))
    c.execute(
        insert(tables.organisation),
        {
            "number": saved.number,
            "signer": saved.signer,
            "body": saved.body,
            "signature": saved.signature,
        },
    )
