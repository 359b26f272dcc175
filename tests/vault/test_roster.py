"""What the vectors cannot say of vault.roster: arbitrary entries, questions asked of a roster."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault import roster, sealing
from vault.roster import EntryType, Role, RosterError
from vault.sealing import Secret

NOW = 1_763_000_000
ROOT, ADA_KEYS, BEN_KEYS = (sealing.sign_keys(Secret(bytes([n]) * 32)) for n in (1, 2, 3))
ADA = roster.Person(
    b"a" * 16, "ada", "Ada", bytes(32), ADA_KEYS.public, Role.ADMIN | Role.COUNSELLOR
)
BEN = roster.Person(b"b" * 16, "ben", "Ben", bytes(32), BEN_KEYS.public, Role.COUNSELLOR)
FOUNDING = roster.Founding(
    root_key=ROOT.public,
    person=ADA,
    team_box_key=b"1" * 32,
    team_sign_key=b"2" * 32,
    courier_box_key=b"3" * 32,
    courier_sign_key=b"4" * 32,
    caretaker_sign_key=b"5" * 32,
    recovery_box_key=None,
)
FIRST = roster.sign_founding(FOUNDING, ROOT, NOW)
START = roster.verify_chain([FIRST])


def with_ben():
    entry = roster.sign_entry(
        START, EntryType.PERSON, roster.person_payload(BEN), ADA.staff_id, ADA_KEYS, NOW + 1
    )
    return roster.extend(START, entry), entry


def test_a_founded_roster_says_who_and_what():
    assert START.founding == FOUNDING
    assert START.people == {ADA.staff_id: ADA}
    assert START.epoch.number == 1
    assert START.epoch.box_key == FOUNDING.team_box_key
    assert START.number == 1
    assert START.may_sign(ADA.staff_id, Role.ADMIN)
    assert not START.may_sign(ADA.staff_id, Role.SUPERVISOR)
    assert not START.may_sign(BEN.staff_id, Role.COUNSELLOR)


def test_extending_leaves_the_roster_before_it_as_it_was():
    after, _entry = with_ben()
    assert BEN.staff_id not in START.people
    assert after.people[BEN.staff_id] == BEN
    assert (START.number, after.number) == (1, 2)
    assert after.lies_on_chain(START.head)
    assert not START.lies_on_chain(after.head)


def test_the_people_of_a_roster_cannot_be_written_to():
    with pytest.raises(TypeError):
        START.people[BEN.staff_id] = BEN


def test_epochs_are_found_by_number():
    after, _entry = with_ben()
    epoch = roster.Epoch(2, b"6" * 32, b"7" * 32, b"earlier")
    entry = roster.sign_entry(
        after, EntryType.EPOCH, roster.epoch_payload(epoch), BEN.staff_id, BEN_KEYS, NOW + 2
    )
    later = roster.extend(after, entry)
    assert later.epoch == epoch
    assert later.epoch_numbered(2) == epoch
    assert later.epoch_numbered(1) == START.epoch
    assert [later.epoch_numbered(n) for n in (-1, 0, 3)] == [None, None, None]


def test_an_entry_that_would_not_hold_is_not_made():
    after, _entry = with_ben()
    with pytest.raises(RosterError, match="not an admin"):
        roster.sign_entry(
            after,
            EntryType.REMOVAL,
            roster.removal_payload(ADA.staff_id),
            BEN.staff_id,
            BEN_KEYS,
            NOW + 2,
        )
    no_admin = dataclasses.replace(ADA, roles=Role.COUNSELLOR)
    founding = dataclasses.replace(FOUNDING, person=no_admin)
    with pytest.raises(RosterError, match="is an admin"):
        roster.sign_founding(founding, ROOT, NOW)


def test_a_removed_person_signs_nothing_more():
    after, _entry = with_ben()
    removal = roster.sign_entry(
        after,
        EntryType.REMOVAL,
        roster.removal_payload(BEN.staff_id),
        ADA.staff_id,
        ADA_KEYS,
        NOW + 2,
    )
    gone = roster.extend(after, removal)
    assert BEN.staff_id in gone.removed
    epoch = roster.Epoch(2, b"6" * 32, b"7" * 32, b"")
    with pytest.raises(RosterError, match="not a member"):
        roster.sign_entry(
            gone, EntryType.EPOCH, roster.epoch_payload(epoch), BEN.staff_id, BEN_KEYS, NOW + 3
        )


def test_names_are_not_printed():
    shown = repr((ADA, START, roster.read_entry(FIRST)))
    assert "ada" not in shown.lower().replace("staff", "")


@given(st.binary(max_size=400))
def test_arbitrary_bytes_only_fail_to_verify(data):
    for entry in (data, sealing.header(sealing.Kind.ROSTER_ENTRY) + data):
        with pytest.raises(RosterError):
            roster.verify_chain([entry])
        with pytest.raises(RosterError):
            roster.extend(START, entry)


@given(st.sampled_from(EntryType), st.binary(max_size=200))
def test_arbitrary_payloads_of_an_admin_are_refused_or_leave_an_admin(kind, payload):
    try:
        entry = roster.sign_entry(START, kind, payload, ADA.staff_id, ADA_KEYS, NOW + 1)
    except RosterError:
        return
    after = roster.extend(START, entry)
    assert any(Role.ADMIN in person.roles for person in after.people.values())


@given(st.integers(0, len(FIRST) - 1), st.integers(1, 255))
def test_no_byte_of_an_entry_may_change(at, mask):
    changed = FIRST[:at] + bytes([FIRST[at] ^ mask]) + FIRST[at + 1 :]
    with pytest.raises(RosterError):
        roster.verify_chain([changed])
