"""Without code too, a former key of the team speaks only until a later one has spoken."""

import pytest

from intake_server.web.form_client import _shown, _Signers
from vault import roster as rosters
from vault import wraps
from vault.envelope import (
    Direction,
    Envelope,
    Format,
    Origin,
    Text,
    encode_body,
    seal_envelope,
)
from vault.messages import StoredMessage
from vault.phrase import new_phrase, phrase_keys
from vault.sealing import Kind, Secret, new_box_keys, random_bytes, sign_keys

OWNER = bytes(range(16))
NOW = 1_800_000_000


def team():
    return wraps.team_keys(Secret(random_bytes(32)))


@pytest.fixture(scope="module")
def epochs():
    """The team's keys of epochs 1 and 2."""
    return [team(), team()]


@pytest.fixture(scope="module")
def roster(epochs):
    staff, courier = team(), team()
    root, caretaker = sign_keys(Secret(random_bytes(32))), sign_keys(Secret(random_bytes(32)))
    roles = rosters.Role.COUNSELLOR | rosters.Role.ADMIN
    staff_id = random_bytes(16)
    person = rosters.Person(staff_id, "", "Ana", staff.box.public, staff.sign.public, roles)
    first, second = epochs
    founding = rosters.Founding(
        root.public,
        person,
        first.box.public,
        first.sign.public,
        courier.box.public,
        courier.sign.public,
        caretaker.public,
        None,
    )
    founded = rosters.verify_chain([rosters.sign_founding(founding, root, NOW)])
    epoch = rosters.Epoch(2, second.box.public, second.sign.public, b"earlier")
    entry = rosters.sign_entry(
        founded,
        rosters.EntryType.EPOCH,
        rosters.epoch_payload(epoch),
        staff_id,
        staff.sign,
        NOW,
    )
    return rosters.extend(founded, entry)


@pytest.fixture(scope="module")
def client():
    return phrase_keys(new_phrase())


@pytest.fixture
def shown(roster, epochs, client):
    """Whether each message is shown as verified; 0 is the client's, others the epoch's."""
    csk, signers = new_box_keys(), _Signers(client.sign.public, None, roster)
    wrap = wraps.ClientWrap(OWNER, csk, roster.fingerprint, roster.head)

    def row(place, number, signer):
        is_client = number == 0
        content = Envelope(
            conversation_id=OWNER,
            message_id=random_bytes(16),
            writer_id=random_bytes(16),
            counter=1,
            direction=Direction.CLIENT_TO_TEAM if is_client else Direction.TEAM_TO_CLIENT,
            origin=Origin.CLIENT if is_client else Origin.TEAM,
            epoch=number,
            time_ms=NOW * 1000,
            danger=False,
            format=Format.MESSAGE,
            body=encode_body(Text("Come", "")),
        )
        envelope = seal_envelope(content, Kind.MESSAGE, csk.public, signer)
        return StoredMessage(place * 1024, content.message_id, 1, 1, envelope, NOW)

    def read(*numbers, forged=()):
        rows = []
        for place, number in enumerate(numbers, 1):
            signer = client.sign if number == 0 else epochs[number - 1].sign
            rows.append(row(place, number, client.sign if place in forged else signer))
        return [one.verified for one in _shown(rows, wrap, signers)]

    return read


def test_epochs_follow_each_other(shown):
    assert shown(0, 1, 0, 1, 2, 0, 2) == [True] * 7


def test_an_earlier_epoch_after_a_later_one_is_not_verified(shown):
    assert shown(1, 2, 1, 0, 2) == [True, True, False, True, True]


def test_what_is_not_verified_ends_no_epoch(shown):
    assert shown(1, 2, 1, forged=(2,)) == [True, False, True]
