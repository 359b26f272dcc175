"""What the vectors cannot say of vault.sealing: secrets, arbitrary input, one error."""

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault import sealing
from vault.sealing import CannotOpen, Kind, Malformed, Secret

KEYS = sealing.box_keys(Secret(b"\7" * 32))
SECRET = Secret(b"these bytes are never to be seen")


@pytest.mark.parametrize("shown", [repr, str, format, "{0!r} {0:>20}".format, "%s".__mod__])
def test_a_secret_shows_nothing(shown):
    assert "<secret>" in shown(SECRET)
    assert "bytes" not in shown(SECRET)


def test_key_pairs_show_no_secret():
    keys = sealing.sign_keys(SECRET)
    assert "bytes" not in repr((keys, sealing.box_keys(SECRET)))


@pytest.mark.parametrize("keep", [pickle.dumps, copy.copy, copy.deepcopy, hash])
def test_a_secret_is_not_pickled_copied_or_hashed(keep):
    with pytest.raises(TypeError):
        keep(SECRET)


def test_secrets_compare_by_what_they_hold():
    assert Secret(b"a") == Secret(b"a")
    assert Secret(b"a") != Secret(b"b")
    assert Secret(b"a") != Secret(b"ab")
    assert Secret(b"a") != b"a"


def test_every_failed_opening_says_the_same():
    blob = sealing.seal(Kind.GRANT, KEYS.public, b"body")
    tries = [
        lambda: sealing.open_sealed(Kind.GRANT, sealing.new_box_keys(), blob),
        lambda: sealing.open_sealed(Kind.EARLIER_SEED, KEYS, blob),
        lambda: sealing.open_sealed(Kind.GRANT, KEYS, blob, padded=True),
        lambda: sealing.open_sealed(Kind.GRANT, KEYS, blob[:20]),
        lambda: sealing.aead_open(SECRET, b"", b"short"),
        lambda: sealing.outer_open(SECRET, Kind.GRANT, bytes(16), bytes(32), blob),
    ]
    said = set()
    for attempt in tries:
        with pytest.raises(CannotOpen) as caught:
            attempt()
        said.add(str(caught.value))
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert len(said) == 1


@given(st.lists(st.binary(max_size=50), max_size=8))
def test_what_is_packed_unpacks(fields):
    packed = sealing.pack(*fields)
    assert sealing.unpack(packed, len(fields)) == tuple(fields)
    with pytest.raises(Malformed):
        sealing.unpack(packed, len(fields) + 1)
    with pytest.raises(Malformed):
        sealing.unpack(packed + b"\0", None)


@given(st.binary(max_size=200), st.none() | st.integers(0, 5))
def test_arbitrary_bytes_unpack_to_what_packs_to_them(data, count):
    try:
        fields = sealing.unpack(data, count)
    except Malformed:
        return
    assert sealing.pack(*fields) == data


@given(st.binary(max_size=5000).map(lambda data: data + b"\0" * (len(data) % 3)))
def test_what_is_padded_unpads(plain):
    padded = sealing.pad(plain)
    assert len(padded) in sealing.BUCKETS
    assert sealing.unpad(padded) == plain


@given(st.binary(max_size=600))
def test_arbitrary_bytes_only_fail_to_unpad(data):
    padded = data.ljust(512, b"\0")
    try:
        plain = sealing.unpad(padded)
    except Malformed:
        return
    assert padded == plain + b"\x80" + bytes(len(padded) - len(plain) - 1)


@given(st.binary(max_size=200), st.sampled_from(Kind), st.booleans())
def test_arbitrary_bytes_only_fail_to_open(data, kind, padded):
    for blob in (data, sealing.header(kind) + data):
        with pytest.raises(CannotOpen):
            sealing.open_sealed(kind, KEYS, blob, padded=padded)
        with pytest.raises(CannotOpen):
            sealing.outer_open(SECRET, kind, bytes(16), bytes(32), blob)


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_arbitrary_signatures_do_not_hold(public, signature):
    assert not sealing.verify(public, signature, "proof", b"")


@given(st.binary(max_size=3000), st.sampled_from(Kind), st.booleans())
def test_what_is_sealed_opens_for_the_same_kind_only(body, kind, padded):
    blob = sealing.seal(kind, KEYS.public, body, padded=padded)
    assert sealing.open_sealed(kind, KEYS, blob, padded=padded) == body
    other = Kind.MESSAGE if kind is not Kind.MESSAGE else Kind.NOTE
    with pytest.raises(CannotOpen):
        sealing.open_sealed(other, KEYS, blob, padded=padded)


def test_two_seals_of_the_same_differ():
    one, two = (sealing.seal(Kind.GRANT, KEYS.public, b"body") for _ in range(2))
    assert one != two
    one, two = (sealing.aead_seal(SECRET, b"", b"body") for _ in range(2))
    assert one != two
