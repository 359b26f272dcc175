"""The roster: who belongs to the team, in which roles, with which keys (docs/envelope.md, 7).

A chain of signed entries. The root key signs the first and is destroyed; every later one carries
the signature of a person whose role in the chain before it allows it. Whoever knows the root
fingerprint can verify the whole; one entry that does not hold refuses all.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum, IntFlag
from types import MappingProxyType
from typing import Final

from vault.phrase import WORD_COUNT, words_of
from vault.sealing import (
    HASH_SIZE,
    ID_SIZE,
    KEY_SIZE,
    SIGNATURE_SIZE,
    Kind,
    Malformed,
    SignKeys,
    equal,
    header,
    labelled_hash,
    pack,
    sign,
    unpack,
    verify,
)

ROOT_SIGNER: Final = bytes(ID_SIZE)
RECOVERY_NAME: Final = "recovery"
"""The name of the member whose keys lie on paper, in shares; everybody else's is empty."""
NO_ENTRY: Final = bytes(HASH_SIZE)

# header, number, previous hash, time, type, signer, payload length
_FIELDS: Final = struct.Struct(">3sI32sQB16sI")
_LABEL: Final = "roster-sign"
_EPOCH_SIZE: Final = 4
_MAX_TIME: Final = 2**53 - 1  # what a browser's numbers hold exactly
_FOUNDING_FIELDS: Final = 13


class RosterError(ValueError):
    """An entry does not hold, so nothing of the chain does; the text says which and why."""


class EntryType(IntEnum):
    """What an entry does."""

    FOUNDING = 1
    PERSON = 2  # new, or new names, keys or roles
    REMOVAL = 3
    EPOCH = 4
    POLICY = 5


class Role(IntFlag):
    """What a person may do; several at once."""

    COUNSELLOR = 1
    SUPERVISOR = 2
    ADMIN = 4
    AUDITOR = 8


_ALL_ROLES: Final = Role.COUNSELLOR | Role.SUPERVISOR | Role.ADMIN | Role.AUDITOR

# Who may sign what, after the founding.
AUTHORITY: Final[Mapping[EntryType, Role]] = MappingProxyType(
    {
        EntryType.PERSON: Role.ADMIN,
        EntryType.REMOVAL: Role.ADMIN,
        EntryType.EPOCH: Role.COUNSELLOR,
        EntryType.POLICY: Role.ADMIN,
    }
)


@dataclass(frozen=True, slots=True)
class Person:
    """A member of the team as the roster knows them."""

    staff_id: bytes = field(repr=False)
    name: str = field(repr=False)  # for signing in
    shown_name: str = field(repr=False)  # what clients see
    box_key: bytes
    sign_key: bytes
    roles: Role


@dataclass(frozen=True, slots=True)
class Epoch:
    """One of the team's keys in their succession."""

    number: int
    box_key: bytes
    sign_key: bytes
    earlier_seed: bytes  # kind 0x31: the seed before it, sealed to this one; empty in epoch 1


@dataclass(frozen=True, slots=True)
class Founding:
    """What the root key signs: first person, first epoch, the processes' keys, recovery."""

    root_key: bytes
    person: Person
    team_box_key: bytes
    team_sign_key: bytes
    courier_box_key: bytes
    courier_sign_key: bytes
    caretaker_sign_key: bytes
    recovery_box_key: bytes | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, taken apart and not yet believed."""

    number: int
    previous: bytes
    time: int  # seconds
    type: EntryType
    signer_id: bytes = field(repr=False)
    payload: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    raw: bytes = field(repr=False)

    @property
    def hash(self) -> bytes:
        """What the next entry names."""
        return labelled_hash("roster", self.raw)

    @property
    def signed(self) -> bytes:
        """What the signature covers, its label apart."""
        return self.raw[:-SIGNATURE_SIZE]


@dataclass(frozen=True, slots=True)
class Roster:
    """A verified chain: what it says now, and the hashes of its entries."""

    founding: Founding
    people: Mapping[bytes, Person]  # by staff id; who was removed is not among them
    removed: frozenset[bytes]
    epochs: tuple[Epoch, ...]
    policies: tuple[bytes, ...]  # TOML as signed, oldest first
    is_epoch_due: bool  # somebody has kept keys that must open nothing new
    hashes: tuple[bytes, ...]
    time: int  # of the last entry, seconds

    @property
    def fingerprint(self) -> bytes:
        """The root fingerprint, 32 bytes."""
        return root_fingerprint(self.founding.root_key)

    @property
    def number(self) -> int:
        """How many entries there are."""
        return len(self.hashes)

    @property
    def head(self) -> bytes:
        """The hash of the last entry."""
        return self.hashes[-1]

    @property
    def epoch(self) -> Epoch:
        """The team's current keys."""
        return self.epochs[-1]

    def epoch_numbered(self, number: int) -> Epoch | None:
        """The keys of an epoch, or None if there was none of this number."""
        return self.epochs[number - 1] if 1 <= number <= len(self.epochs) else None

    def lies_on_chain(self, head: bytes) -> bool:
        """Whether a head that somebody kept is one of this chain's."""
        return head in self.hashes

    def may_sign(self, staff_id: bytes, role: Role) -> bool:
        """Whether this person is a member with this role."""
        person = self.people.get(staff_id)
        return person is not None and role in person.roles


# --- fingerprint --------------------------------------------------------------------------


def root_fingerprint(root_key: bytes) -> bytes:
    """`hash("root", root public key)`: what a wrap carries and what people compare."""
    return labelled_hash("root", root_key)


def fingerprint_words(fingerprint: bytes) -> tuple[str, ...]:
    """The first 88 bits as eight words of the phrase list, to be read aloud."""
    return words_of(fingerprint, WORD_COUNT)


def newcomer_words(fingerprint: bytes, person: Person) -> tuple[str, ...]:
    """Eight words that name root, id, shown name, keys and roles: docs/keeper.md, joining."""
    named = pack(
        fingerprint,
        person.staff_id,
        person.shown_name.encode(),
        person.box_key,
        person.sign_key,
        bytes((person.roles,)),
    )
    return words_of(labelled_hash("newcomer", named), WORD_COUNT)


# --- making entries -----------------------------------------------------------------------


def founding_payload(founding: Founding) -> bytes:
    """The payload of entry 1."""
    person = founding.person
    return pack(
        founding.root_key,
        *_person_fields(person),
        founding.team_box_key,
        founding.team_sign_key,
        founding.courier_box_key,
        founding.courier_sign_key,
        founding.caretaker_sign_key,
        founding.recovery_box_key or b"",
    )


def person_payload(person: Person) -> bytes:
    """The payload that adds or changes a person."""
    return pack(*_person_fields(person))


def removal_payload(staff_id: bytes) -> bytes:
    """The payload that removes a person."""
    return pack(staff_id)


def epoch_payload(epoch: Epoch) -> bytes:
    """The payload that starts an epoch."""
    number = epoch.number.to_bytes(_EPOCH_SIZE, "big")
    return pack(number, epoch.box_key, epoch.sign_key, epoch.earlier_seed)


def policy_payload(policy: bytes) -> bytes:
    """The payload that puts a retention policy (TOML) in force by shortening."""
    return pack(policy)


def _person_fields(person: Person) -> tuple[bytes, ...]:
    return (
        person.staff_id,
        person.name.encode(),
        person.shown_name.encode(),
        person.box_key,
        person.sign_key,
        bytes((person.roles,)),
    )


def sign_founding(founding: Founding, root: SignKeys, time: int) -> bytes:
    """Entry 1; the root's private half is forgotten after it. Raises RosterError."""
    payload = founding_payload(founding)
    entry = _signed(1, NO_ENTRY, time, EntryType.FOUNDING, ROOT_SIGNER, payload, root)
    verify_chain((entry,))
    return entry


def sign_entry(  # the next entry is these things and nothing else
    roster: Roster, kind: EntryType, payload: bytes, signer_id: bytes, keys: SignKeys, time: int
) -> bytes:
    """The next entry of `roster`; raises RosterError if it would not hold."""
    entry = _signed(roster.number + 1, roster.head, time, kind, signer_id, payload, keys)
    extend(roster, entry)
    return entry


def _signed(
    number: int,
    previous: bytes,
    time: int,
    kind: EntryType,
    signer_id: bytes,
    payload: bytes,
    keys: SignKeys,
) -> bytes:
    fields = _FIELDS.pack(
        header(Kind.ROSTER_ENTRY), number, previous, time, kind, signer_id, len(payload)
    )
    unsigned = fields + payload
    return unsigned + sign(keys, _LABEL, unsigned)


# --- verifying ----------------------------------------------------------------------------


def verify_chain(entries: Iterable[bytes], *, fingerprint: bytes | None = None) -> Roster:
    """What a whole chain says, from its first entry; with `fingerprint`, from that root only.

    Raises RosterError if any entry does not hold.
    """
    roster: Roster | None = None
    for raw in entries:
        roster = _found(raw, fingerprint) if roster is None else extend(roster, raw)
    if roster is None:
        raise RosterError("the chain has no entries")
    return roster


def extend(roster: Roster, raw: bytes) -> Roster:
    """The roster after one more entry; raises RosterError if it does not hold."""
    entry = read_entry(raw)
    _check_place(entry, roster.number + 1, roster.head)
    if entry.type is EntryType.FOUNDING:
        raise _refusal(entry, "only the first entry founds a roster")
    signer = roster.people.get(entry.signer_id)
    if signer is None:
        raise _refusal(entry, "its signer is not a member")
    needed = AUTHORITY[entry.type]
    if needed not in signer.roles:
        raise _refusal(entry, f"its signer is not {_ARTICLE[needed]}")
    if not verify(signer.sign_key, entry.signature, _LABEL, entry.signed):
        raise _refusal(entry, "its signature does not hold")
    applied = _APPLY[entry.type](roster, entry)
    return replace(applied, hashes=(*roster.hashes, entry.hash), time=entry.time)


def read_entry(raw: bytes) -> Entry:
    """An entry taken apart; raises RosterError for another layout. Nothing is believed yet."""
    if len(raw) < _FIELDS.size + SIGNATURE_SIZE:
        raise RosterError("a roster entry is cut short")
    head, number, previous, time, kind, signer_id, size = _FIELDS.unpack_from(raw)
    if head != header(Kind.ROSTER_ENTRY):
        raise RosterError("this is not a roster entry of this version")
    end = _FIELDS.size + size
    if len(raw) != end + SIGNATURE_SIZE or time > _MAX_TIME:
        raise RosterError(f"roster entry {number}: its length or time is wrong")
    try:
        entry_type = EntryType(kind)
    except ValueError:
        raise RosterError(f"roster entry {number}: its type is unknown") from None
    payload = raw[_FIELDS.size : end]
    return Entry(number, previous, time, entry_type, signer_id, payload, raw[end:], raw)


def _found(raw: bytes, fingerprint: bytes | None) -> Roster:
    entry = read_entry(raw)
    _check_place(entry, 1, NO_ENTRY)
    if entry.type is not EntryType.FOUNDING or entry.signer_id != ROOT_SIGNER:
        raise _refusal(entry, "it does not found a roster")
    founding = _read_founding(entry)
    if not verify(founding.root_key, entry.signature, _LABEL, entry.signed):
        raise _refusal(entry, "its signature does not hold")
    if fingerprint is not None and not equal(fingerprint, root_fingerprint(founding.root_key)):
        raise _refusal(entry, "it is another root than the one that was compared")
    person = founding.person
    epoch = Epoch(1, founding.team_box_key, founding.team_sign_key, b"")
    return Roster(
        founding=founding,
        people=MappingProxyType({person.staff_id: person}),
        removed=frozenset(),
        epochs=(epoch,),
        policies=(),
        is_epoch_due=False,
        hashes=(entry.hash,),
        time=entry.time,
    )


def _check_place(entry: Entry, number: int, previous: bytes) -> None:
    if entry.number != number:
        raise _refusal(entry, f"number {number} is due here")
    if not equal(entry.previous, previous):
        raise _refusal(entry, "it does not follow the entry before it")


def _refusal(entry: Entry, why: str) -> RosterError:
    return RosterError(f"roster entry {entry.number}: {why}")


_ARTICLE: Final[Mapping[Role, str]] = MappingProxyType(
    {Role.ADMIN: "an admin", Role.COUNSELLOR: "a counsellor"}
)


# --- what each type of entry does ---------------------------------------------------------


def _apply_person(roster: Roster, entry: Entry) -> Roster:
    person = _read_person(entry, _fields(entry, 6))
    if person.staff_id in roster.removed:
        raise _refusal(entry, "a removed person's id is never used again")
    return _with_people(roster, entry, {**roster.people, person.staff_id: person})


def _apply_removal(roster: Roster, entry: Entry) -> Roster:
    (staff_id,) = _fields(entry, 1)
    if staff_id not in roster.people:
        raise _refusal(entry, "who is removed is not a member")
    others = {key: person for key, person in roster.people.items() if key != staff_id}
    changed = _with_people(roster, entry, others)
    return replace(changed, removed=roster.removed | {staff_id})


def _with_people(roster: Roster, entry: Entry, people: dict[bytes, Person]) -> Roster:
    if not any(Role.ADMIN in person.roles for person in people.values()):
        raise _refusal(entry, "the last admin stays an admin")
    is_due = roster.is_epoch_due or any(
        Role.COUNSELLOR in before.roles and not _still_counsels(before, people.get(staff_id))
        for staff_id, before in roster.people.items()
    )
    return replace(roster, people=MappingProxyType(people), is_epoch_due=is_due)


def _still_counsels(before: Person, now: Person | None) -> bool:
    """Whether a counsellor is still one, with the same keys."""
    return (
        now is not None
        and Role.COUNSELLOR in now.roles
        and (now.box_key, now.sign_key) == (before.box_key, before.sign_key)
    )


def _apply_epoch(roster: Roster, entry: Entry) -> Roster:
    number, box_key, sign_key, earlier_seed = _fields(entry, 4)
    following = roster.epoch.number + 1
    if number != following.to_bytes(_EPOCH_SIZE, "big"):
        raise _refusal(entry, f"epoch {following} is due here")
    _check_keys(entry, box_key, sign_key)
    epoch = Epoch(following, box_key, sign_key, earlier_seed)
    return replace(roster, epochs=(*roster.epochs, epoch), is_epoch_due=False)


def _apply_policy(roster: Roster, entry: Entry) -> Roster:
    (policy,) = _fields(entry, 1)
    return replace(roster, policies=(*roster.policies, policy))


_APPLY: Final = {
    EntryType.PERSON: _apply_person,
    EntryType.REMOVAL: _apply_removal,
    EntryType.EPOCH: _apply_epoch,
    EntryType.POLICY: _apply_policy,
}


def _fields(entry: Entry, count: int) -> tuple[bytes, ...]:
    try:
        return unpack(entry.payload, count)
    except Malformed:
        raise _refusal(entry, "its fields are not laid out as its type asks") from None


def _check_keys(entry: Entry, *keys: bytes) -> None:
    if any(len(key) != KEY_SIZE for key in keys):
        raise _refusal(entry, "a public key has 32 bytes")


def _read_person(entry: Entry, fields: tuple[bytes, ...]) -> Person:
    staff_id, name, shown_name, box_key, sign_key, roles = fields
    _check_keys(entry, box_key, sign_key)
    if len(staff_id) != ID_SIZE or staff_id == ROOT_SIGNER:
        raise _refusal(entry, "a staff id has 16 bytes that are not all zero")
    if len(roles) != 1 or not 0 < roles[0] <= _ALL_ROLES:
        raise _refusal(entry, "its roles are unknown")
    try:
        names = name.decode(), shown_name.decode()
    except UnicodeDecodeError:
        raise _refusal(entry, "a name is not readable") from None
    return Person(staff_id, *names, box_key, sign_key, Role(roles[0]))


def _read_founding(entry: Entry) -> Founding:
    fields = _fields(entry, _FOUNDING_FIELDS)
    root_key, person_fields, recovery = fields[0], fields[1:7], fields[12]
    team_box, team_sign, courier_box, courier_sign, caretaker_sign = fields[7:12]
    _check_keys(entry, root_key, *fields[7:12])
    if recovery:
        _check_keys(entry, recovery)
    person = _read_person(entry, person_fields)
    if Role.ADMIN not in person.roles:
        raise _refusal(entry, "the first person is an admin")
    return Founding(
        root_key=root_key,
        person=person,
        team_box_key=team_box,
        team_sign_key=team_sign,
        courier_box_key=courier_box,
        courier_sign_key=courier_sign,
        caretaker_sign_key=caretaker_sign,
        recovery_box_key=recovery or None,
    )
