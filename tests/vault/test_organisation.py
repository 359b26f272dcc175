"""Versions of what an organisation says: added in order, believed only by an admin's signature."""

from dataclasses import replace

from sqlalchemy import insert

from tests.vault.rows import an_id
from vault import organisation as org
from vault import tables
from vault.keeper_answers import PinnedDetails
from vault.roster import (
    EntryType,
    Founding,
    Person,
    Role,
    person_payload,
    removal_payload,
    sign_entry,
    sign_founding,
    verify_chain,
)
from vault.sealing import Secret, box_keys, random_bytes, sign_keys

ROOT = sign_keys(Secret(b"r" * 32))
NOW = 1_700_000_000


def person(keys, roles):
    staff_id, box = an_id(), box_keys(Secret(random_bytes(32)))
    return Person(staff_id, "", "Somebody", box.public, keys.public, roles)


def chain(first):
    key = b"\x09" + bytes(31)
    founding = Founding(
        root_key=ROOT.public,
        person=first,
        team_box_key=key,
        team_sign_key=ROOT.public,
        courier_box_key=key,
        courier_sign_key=ROOT.public,
        caretaker_sign_key=ROOT.public,
        recovery_box_key=None,
    )
    return [sign_founding(founding, ROOT, NOW)]


def add(entries, kind, payload, signer, keys):
    roster = verify_chain(entries)
    entries.append(sign_entry(roster, kind, payload, signer.staff_id, keys, NOW))


def a_team():
    """Ana and Kim are admins, Ben counsels; Kim was removed again."""
    keys = {name: sign_keys(Secret(name.encode().ljust(32))) for name in ("ana", "kim", "ben")}
    people = {
        "ana": person(keys["ana"], Role.ADMIN | Role.COUNSELLOR),
        "kim": person(keys["kim"], Role.ADMIN),
        "ben": person(keys["ben"], Role.COUNSELLOR),
    }
    entries = chain(people["ana"])
    for name in ("kim", "ben"):
        add(entries, EntryType.PERSON, person_payload(people[name]), people["ana"], keys["ana"])
    left = removal_payload(people["kim"].staff_id)
    add(entries, EntryType.REMOVAL, left, people["ana"], keys["ana"])
    return keys, people, entries


def test_the_newest_that_an_admin_signed_counts(c):
    keys, people, entries = a_team()
    fingerprint, admins = verify_chain(entries).fingerprint, org.admins_of(entries)

    def by(name, number, body=b"{}"):
        return org.signed(fingerprint, number, body, people[name].staff_id, keys[name])

    def is_true(saved):
        return org.is_signed(saved, fingerprint, admins)

    ana, kim = by("ana", 1), by("kim", 2)
    for forged in (
        by("ben", 3),
        replace(ana, number=9),
        replace(ana, body=b'{"x":1}'),
        replace(ana, signer=people["ben"].staff_id),
        replace(ana, signature=bytes(64)),
        org.signed(bytes(32), 9, b"{}", people["ana"].staff_id, keys["ana"]),
    ):
        assert not is_true(forged)
    assert is_true(kim)  # she has left since
    assert org.versions(c, is_true) == []
    org.put(c, ana)
    for number in range(2, 300):
        junk = {"number": number, "signer": ana.signer, "body": b"{}", "signature": bytes(64)}
        c.execute(insert(tables.organisation), junk)
    assert org.versions(c, is_true) == [ana]
    org.put(c, kim)  # rows that nobody signed keep no admin from saving
    assert org.versions(c, is_true, 5) == [kim, ana]
    assert org.versions(c, is_true, 5, newest=1) == [ana]


def pin_of(saved, fingerprint):
    return PinnedDetails(saved.number, org.hash_of(fingerprint, saved))


def test_only_the_version_that_the_keeper_has_pinned_is_the_newest(c):
    keys, people, entries = a_team()
    fingerprint = verify_chain(entries).fingerprint
    ana = people["ana"].staff_id
    first, second, third = (
        org.signed(fingerprint, n, b'{"n":%d}' % n, ana, keys["ana"]) for n in (1, 2, 3)
    )
    kims = org.signed(fingerprint, 2, b'{"trap":1}', people["kim"].staff_id, keys["kim"])
    pin = pin_of(second, fingerprint)
    for one in (first, third):  # the newest is deleted, or a later one was never pinned
        org.put(c, one)
        assert org.pinned(c, pin, fingerprint) is None
    org.put(c, kims)  # somebody who was an admin once
    assert org.pinned(c, pin, fingerprint) is None
    for other in (replace(second, body=b"{}"), replace(second, signature=bytes(64))):
        org.put(c, other)
        assert org.pinned(c, pin, fingerprint) is None
    org.put(c, second)
    assert org.pinned(c, pin, fingerprint) == second
    assert org.pinned(c, pin, bytes(32)) is None
