"""What the vectors cannot say of vault.envelope: arbitrary input, what is not sealed, no leak."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault import envelope, sealing
from vault.envelope import Direction, Format, Origin
from vault.sealing import CannotOpen, Kind, Secret

KEYS = sealing.box_keys(Secret(b"\7" * 32))
SIGNER = sealing.sign_keys(Secret(b"\5" * 32))
CONTENT = envelope.Envelope(
    conversation_id=b"c" * 16,
    message_id=b"m" * 16,
    writer_id=b"w" * 16,
    counter=1,
    direction=Direction.CLIENT_TO_TEAM,
    origin=Origin.CLIENT,
    epoch=0,
    time_ms=0,
    danger=False,
    format=Format.MESSAGE,
    body=envelope.encode_body(envelope.Text("a quiet word", "Amal")),
)
ALL = frozenset(Direction)


def opened(blob, kind=Kind.MESSAGE, conversation_id=CONTENT.conversation_id):
    return envelope.open_envelope(blob, kind, KEYS, conversation_id, ALL)


def sealed(content=CONTENT, kind=Kind.MESSAGE):
    return envelope.seal_envelope(content, kind, KEYS.public, SIGNER)


def test_nothing_of_a_text_is_printed():
    shown = repr((CONTENT, opened(sealed()), envelope.Text("a quiet word", "Amal")))
    shown += repr(envelope.Findings("a quiet word", "de"))
    assert "quiet" not in shown
    assert "Amal" not in shown


@pytest.mark.parametrize(
    "change",
    [
        {"counter": 0},
        {"counter": 2**53},
        {"time_ms": -1},
        {"epoch": 1},
        {"direction": Direction.TEAM_TO_CLIENT},
        {"origin": Origin.TEAM},
        {"format": Format.NOTE},
        {"message_id": b"short"},
        {"writer_id": b"w" * 17},
    ],
)
def test_what_could_not_be_opened_again_is_not_sealed(change):
    with pytest.raises(ValueError, match=r"envelope\.md"):
        sealed(dataclasses.replace(CONTENT, **change))


@given(
    st.tuples(*[st.sampled_from(codes) for codes in (Direction, Origin, Format)]),
    st.sampled_from([Kind.MESSAGE, Kind.NOTE]),
    st.integers(0, 2),
)
def test_exactly_the_ten_combinations_are_sealed(codes, kind, epoch):
    direction, origin, form = codes
    content = dataclasses.replace(
        CONTENT, direction=direction, origin=origin, format=form, epoch=epoch
    )
    valid = {
        (Kind.MESSAGE, 1, 1, 1),
        (Kind.MESSAGE, 1, 2, 1),
        (Kind.MESSAGE, 1, 1, 5),
        (Kind.MESSAGE, 1, 2, 5),
        (Kind.MESSAGE, 2, 3, 1),
        (Kind.NOTE, 3, 4, 2),
        (Kind.NOTE, 4, 3, 3),
        (Kind.NOTE, 5, 3, 4),
        (Kind.NOTE, 6, 3, 3),
        (Kind.NOTE, 7, 3, 3),
    }
    if (kind, *codes) in valid and (epoch > 0) == (origin == Origin.TEAM):
        assert opened(sealed(content, kind), kind).envelope == content
    else:
        with pytest.raises(ValueError, match="envelope"):
            sealed(content, kind)


@given(st.binary(max_size=600))
def test_arbitrary_bytes_only_fail_to_open(data):
    for blob in (data, sealing.header(Kind.MESSAGE) + data):
        with pytest.raises(CannotOpen):
            opened(blob)


@given(st.binary(max_size=400))
def test_arbitrary_contents_only_fail_to_open(data):
    # Whoever knows the public key can seal anything: the fields must bear it.
    for plain in (data, CONTENT.conversation_id + data):
        blob = sealing.seal(Kind.MESSAGE, KEYS.public, plain, padded=True)
        try:
            result = opened(blob)
        except CannotOpen:
            continue
        assert not envelope.is_verified(result, SIGNER.public)


@given(st.text(max_size=300), st.text(max_size=30))
def test_texts_come_back_as_they_were(text, name):
    try:
        body = envelope.encode_body(envelope.Text(text, name))
    except UnicodeEncodeError:
        assert any(0xD800 <= ord(char) < 0xE000 for char in text + name)
        return
    content = dataclasses.replace(CONTENT, body=body)
    assert envelope.decode_text(opened(sealed(content)).envelope) == envelope.Text(text, name)


def test_a_body_is_read_only_in_its_own_format():
    finding = dataclasses.replace(CONTENT, format=Format.FINDINGS)
    with pytest.raises(CannotOpen):
        envelope.decode_text(finding)
    with pytest.raises(CannotOpen):
        envelope.decode_findings(CONTENT)


def test_an_envelope_lifted_into_another_conversation_is_not_verified():
    # Its owner opens it and seals content and signature to a second conversation, same id claimed.
    other = sealing.new_box_keys()
    plain = sealing.open_sealed(Kind.MESSAGE, KEYS, sealed(), padded=True)
    lifted = sealing.seal(Kind.MESSAGE, other.public, plain, padded=True)
    result = envelope.open_envelope(lifted, Kind.MESSAGE, other, CONTENT.conversation_id, ALL)
    assert result.envelope == CONTENT
    assert not envelope.is_verified(result, SIGNER.public)


def test_every_size_on_the_wire_is_a_bucket_and_51():
    sizes = set()
    for length in range(0, 16000, 400):
        body = envelope.encode_body(envelope.Text("x" * length, ""))
        sizes.add(len(sealed(dataclasses.replace(CONTENT, body=body))))
    assert sizes == {bucket + 51 for bucket in sealing.BUCKETS}
