"""What the vectors cannot say of vault.wraps: arbitrary contents, sizes, no leak."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault import sealing, wraps
from vault.sealing import CannotOpen, Kind, Secret

KEYS = sealing.box_keys(Secret(b"\7" * 32))
SIGNER = sealing.sign_keys(Secret(b"\5" * 32))
ID = b"i" * 16

OPENINGS = {
    Kind.TEAM_WRAP: lambda blob: wraps.open_team_wrap(KEYS, blob, ID, 1),
    Kind.CLIENT_WRAP: lambda blob: wraps.open_client_wrap(KEYS, blob, ID),
    Kind.OUTBOX: lambda blob: wraps.open_outbox_item(KEYS, blob, ID, ID),
    Kind.ADDRESS: lambda blob: wraps.open_address(KEYS, blob, ID),
    Kind.SCREENING: lambda blob: wraps.open_screening_copy(KEYS, blob),
    Kind.STAFF_WRAP: lambda blob: wraps.open_staff_wrap(KEYS.secret, ID, blob),
    Kind.GRANT: lambda blob: wraps.open_grant(KEYS, blob, 1),
    Kind.EARLIER_SEED: lambda blob: wraps.open_earlier_seed(KEYS, blob, 1),
}
PADDED = {Kind.OUTBOX, Kind.ADDRESS, Kind.SCREENING}


@given(st.sampled_from(list(OPENINGS)), st.binary(max_size=300))
def test_arbitrary_bytes_only_fail_to_open(kind, data):
    for blob in (data, sealing.header(kind) + data):
        with pytest.raises(CannotOpen):
            OPENINGS[kind](blob)


@given(st.sampled_from(list(OPENINGS)), st.binary(max_size=90), st.integers(0, 2))
def test_arbitrary_contents_only_fail_to_open(kind, data, start):
    # Whoever knows a public key can seal anything to it: the fields must bear it.
    body = ID * start + b"\xff" + data
    blob = sealing.seal(kind, KEYS.public, body, padded=kind in PADDED)
    with pytest.raises(CannotOpen):
        OPENINGS[kind](blob)


def test_nothing_private_is_printed():
    item = wraps.OutboxItem(ID, ID, 1, "signal", "a quiet word")
    blob = wraps.seal_outbox_item(KEYS.public, item, SIGNER)
    shown = [
        item,
        wraps.open_outbox_item(KEYS, blob, ID, ID),
        wraps.Address(ID, "signal", "+49 quiet", "quiet hours"),
        wraps.ScreeningCopy(ID, ID, danger=False, text="a quiet word", language_hint=""),
        wraps.TeamWrap(ID, 1, wraps.conversation_keys(Secret(ID * 2), Secret(ID * 2)), ID * 2),
        wraps.ClientWrap(ID, sealing.box_keys(Secret(ID * 2)), bytes(32), bytes(32)),
    ]
    assert "quiet" not in repr(shown)
    assert "iiii" not in repr(shown)


@pytest.mark.parametrize("size", [0, 15, 17])
def test_an_id_of_another_size_is_not_sealed(size):
    wrong = bytes(size)
    tries = [
        lambda: wraps.seal_address(KEYS.public, wraps.Address(wrong, "signal", "+49", "")),
        lambda: wraps.seal_staff_wrap(SIGNER.seed, wrong, SIGNER.seed),
        lambda: wraps.seal_outbox_item(
            KEYS.public, wraps.OutboxItem(ID, wrong, 1, "signal", ""), SIGNER
        ),
    ]
    for attempt in tries:
        with pytest.raises(ValueError, match="16 bytes"):
            attempt()


def test_another_channel_or_courier_gives_another_address_tag():
    tags = {
        wraps.address_tag(Secret(seed * 32), channel, address)
        for seed in (b"a", b"b")
        for channel in ("signal", "matrix")
        for address in ("+49", "+491")
    }
    assert len(tags) == 8


@given(st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=80))
def test_a_proof_of_other_sizes_is_no_proof(nonce, reply_key, signature):
    assert not wraps.is_proof_verified(SIGNER.public, signature, nonce, 1, (), reply_key)


def test_a_person_is_found_whatever_the_case():
    assert wraps.login_tag(" Mara ") == wraps.login_tag("mara")
    assert wraps.login_tag("mara") != wraps.login_tag("mar a")
