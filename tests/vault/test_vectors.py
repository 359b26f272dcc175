"""Every vector of sealing, envelope and phrase; browser/tests/vectors.test.mjs reads the same."""

import subprocess
import sys

import pytest

from tests.vectors.reading import FOLDER, box, cases, read, signer, unhex
from vault import envelope, phrase, roster, sealing
from vault.sealing import CannotOpen, Kind, Secret

SEALING, ENVELOPE, PHRASE = map(read, ("sealing", "envelope", "phrase"))


def test_the_files_are_what_their_generator_makes():
    done = subprocess.run(
        [sys.executable, FOLDER / "make.py", "--check"], capture_output=True, check=False, text=True
    )
    assert done.returncode == 0, done.stderr


# --- sealing ------------------------------------------------------------------------------


@pytest.mark.parametrize("case", cases(SEALING["good"]["pack"]))
def test_fields_pack_and_unpack(case):
    fields = [unhex(field) for field in case["fields"]]
    assert sealing.pack(*fields).hex() == case["packed"]
    assert sealing.unpack(unhex(case["packed"]), len(fields)) == tuple(fields)
    assert sealing.unpack(unhex(case["packed"]), None) == tuple(fields)


def test_hashes():
    for case in SEALING["good"]["hash"]:
        assert sealing.labelled_hash(case["label"], unhex(case["message"])).hex() == case["hash"]
    for case in SEALING["good"]["derive"]:
        derived = sealing.derive(Secret(unhex(case["key"])), case["label"])
        assert derived.reveal().hex() == case["derived"]
    for case in SEALING["good"]["mac"]:
        made = sealing.mac(Secret(unhex(case["key"])), unhex(case["message"]), case["size"])
        assert made.hex() == case["mac"]
    for case in SEALING["good"]["reader"]:
        assert sealing.reader_of(case["role"], unhex(case["detail"])).hex() == case["reader"]


def test_padding():
    for case in SEALING["good"]["pad"]:
        plain = b"\x80\0" * (case["size"] // 2) + b"\0" * (case["size"] % 2)
        padded = sealing.pad(plain)
        assert padded == (plain + b"\x80").ljust(case["bucket"], b"\0")
        assert sealing.unpad(padded) == plain


def test_public_keys():
    for case in SEALING["good"]["box_keys"]:
        assert box(case["secret"]).public.hex() == case["public"]
    for case in SEALING["good"]["sign_keys"]:
        assert signer(case["seed"]).public.hex() == case["public"]


@pytest.mark.parametrize("case", cases(SEALING["good"]["sign"]))
def test_signatures(case):
    message = unhex(case["message"])
    made = sealing.sign(signer(case["seed"]), case["label"], message)
    assert made.hex() == case["signature"]
    assert sealing.verify(unhex(case["public"]), made, case["label"], message)


@pytest.mark.parametrize("case", cases(SEALING["good"]["seal"]))
def test_what_is_sealed_opens(case):
    keys, padded = box(case["secret"]), case["padded"]
    opened = sealing.open_sealed(Kind(case["kind"]), keys, unhex(case["blob"]), padded=padded)
    assert opened.hex() == case["body"]
    again = sealing.seal(Kind(case["kind"]), keys.public, opened, padded=padded)
    assert len(again) == len(unhex(case["blob"]))
    assert sealing.open_sealed(Kind(case["kind"]), keys, again, padded=padded) == opened


def test_symmetric_seals():
    for case in SEALING["good"]["aead"]:
        key, associated = Secret(unhex(case["key"])), unhex(case["associated"])
        made = sealing.aead_seal(key, associated, unhex(case["plain"]), nonce=unhex(case["nonce"]))
        assert made.hex() == case["blob"]
        assert sealing.aead_open(key, associated, made).hex() == case["plain"]
    for case in SEALING["good"]["outer"]:
        assert outer(case).hex() == case["inner"]
        again = sealing.outer_seal(*outer_arguments(case), unhex(case["inner"]))
        assert outer({**case, "blob": again.hex()}).hex() == case["inner"]


def outer_arguments(case):
    owner, reader = unhex(case["owner"]), unhex(case["reader"])
    return Secret(unhex(case["s"])), Kind(case["inner_kind"]), owner, reader


def outer(case):
    return sealing.outer_open(*outer_arguments(case), unhex(case["blob"]))


@pytest.mark.parametrize("case", cases(SEALING["refused"]["unpack"]))
def test_other_layouts_do_not_unpack(case):
    with pytest.raises(sealing.Malformed):
        sealing.unpack(unhex(case["data"]), case["count"])


@pytest.mark.parametrize("case", cases(SEALING["refused"]["unpad"]))
def test_other_paddings_are_refused(case):
    with pytest.raises(sealing.Malformed):
        sealing.unpad(unhex(case["padded"]))


@pytest.mark.parametrize("case", cases(SEALING["refused"]["pad"]))
def test_too_long_a_text_is_refused(case):
    with pytest.raises(sealing.TooLong):
        sealing.pad(bytes(case["size"]))


@pytest.mark.parametrize("case", cases(SEALING["refused"]["verify"]))
def test_signatures_that_do_not_hold(case):
    public, signature, message = (unhex(case[x]) for x in ("public", "signature", "message"))
    assert not sealing.verify(public, signature, case["label"], message)


@pytest.mark.parametrize("case", cases(SEALING["refused"]["seal_to"]))
def test_nothing_is_sealed_to_a_low_order_key(case):
    with pytest.raises(ValueError, match="public key"):
        sealing.seal(Kind.MESSAGE, unhex(case["public"]), b"body")


@pytest.mark.parametrize("case", cases(SEALING["refused"]["seal"], SEALING["good"]["seal"]))
def test_what_was_changed_does_not_open(case):
    with pytest.raises(CannotOpen):
        sealing.open_sealed(
            Kind(case["kind"]), box(case["secret"]), unhex(case["blob"]), padded=case["padded"]
        )


@pytest.mark.parametrize("case", cases(SEALING["refused"]["aead"], SEALING["good"]["aead"]))
def test_a_changed_symmetric_seal_does_not_open(case):
    key, associated = Secret(unhex(case["key"])), unhex(case["associated"])
    with pytest.raises(CannotOpen):
        sealing.aead_open(key, associated, unhex(case["blob"]))


@pytest.mark.parametrize("case", cases(SEALING["refused"]["outer"], SEALING["good"]["outer"]))
def test_a_changed_outer_layer_does_not_open(case):
    with pytest.raises(CannotOpen):
        outer(case)


# --- envelope -----------------------------------------------------------------------------


def open_envelope(case):
    # A code that is no direction is asked for by nobody; the refusal must not depend on that.
    directions = {envelope.Direction(number) for number in case["directions"]}
    return envelope.open_envelope(
        unhex(case["blob"]),
        Kind(case["kind"]),
        box(case["secret"]),
        unhex(case["conversation_id"]),
        directions,
    )


def content_of(case):
    form = envelope.Format(case["format"])
    make = envelope.Findings if form is envelope.Format.FINDINGS else envelope.Text
    return envelope.Envelope(
        conversation_id=unhex(case["conversation_id"]),
        message_id=unhex(case["message_id"]),
        writer_id=unhex(case["writer_id"]),
        counter=case["counter"],
        direction=envelope.Direction(case["direction"]),
        origin=envelope.Origin(case["origin"]),
        epoch=case["epoch"],
        time_ms=case["time_ms"],
        danger=case["danger"],
        format=form,
        body=envelope.encode_body(make(case["text"], case["name"])),
    )


@pytest.mark.parametrize("case", cases(ENVELOPE["good"]))
def test_envelopes_open_and_are_verified(case):
    opened = open_envelope(case)
    assert opened.envelope == content_of(case)
    assert envelope.is_verified(opened, unhex(case["signer_public"]))
    if case["format"] == envelope.Format.FINDINGS:
        expected = envelope.Findings(case["text"], case["name"])
        assert envelope.decode_findings(opened.envelope) == expected
    else:
        expected = envelope.Text(case["text"], case["name"])
        assert envelope.decode_text(opened.envelope) == expected


@pytest.mark.parametrize("case", cases(ENVELOPE["good"]))
def test_envelopes_made_again_are_the_same_inside(case):
    keys = box(case["secret"])
    blob = envelope.seal_envelope(
        content_of(case), Kind(case["kind"]), keys.public, signer(case["signer_seed"])
    )
    assert len(blob) == len(unhex(case["blob"]))
    assert open_envelope({**case, "blob": blob.hex()}) == open_envelope(case)


@pytest.mark.parametrize("case", cases(ENVELOPE["not_verified"], ENVELOPE["good"]))
def test_envelopes_that_open_and_are_not_verified(case):
    assert not envelope.is_verified(open_envelope(case), unhex(case["signer_public"]))


@pytest.mark.parametrize("case", cases(ENVELOPE["refused"], ENVELOPE["good"]))
def test_envelopes_that_do_not_open(case):
    with pytest.raises(CannotOpen):
        open_envelope(case)


def test_the_longest_envelope_and_one_byte_more():
    assert ENVELOPE["max_body"] == envelope.MAX_BODY
    case = ENVELOPE["good"][0]
    public, room = box(case["secret"]).public, ENVELOPE["max_body"] - 8

    def blob(size):
        content = content_of({**case, "text": "x" * size, "name": ""})
        return envelope.seal_envelope(content, Kind.MESSAGE, public, signer(case["signer_seed"]))

    opened = open_envelope({**case, "blob": blob(room).hex()})
    assert envelope.decode_text(opened.envelope).text == "x" * room
    with pytest.raises(sealing.TooLong):
        blob(room + 1)


def test_the_id_of_a_finding():
    for case in ENVELOPE["finding_id"]:
        assert envelope.finding_id(unhex(case["message_id"])).hex() == case["id"]


@pytest.mark.parametrize("case", cases(ENVELOPE["reading"]))
def test_repeats_and_gaps(case):
    reading = envelope.Reading()
    for row, place in zip(case["rows"], case["places"], strict=True):
        content = content_of({**ENVELOPE["good"][0], **row})
        taken = reading.take(content, verified=row["verified"])
        assert taken == envelope.Place(**place)
    assert reading.repeats == sum(place["repeated"] for place in case["places"])


# --- phrase -------------------------------------------------------------------------------


@pytest.mark.parametrize("case", cases(PHRASE["good"]))
def test_phrases_are_shown_and_give_their_keys(case):
    shown = phrase.Phrase(Secret(unhex(case["phrase"])))
    assert list(phrase.words(shown)) == case["words"]
    assert list(phrase.digits(shown)) == case["digits"]
    assert phrase.read_phrase(" ".join(case["words"])) == shown
    assert phrase.read_phrase(" ".join(case["digits"])) == shown
    keys = phrase.phrase_keys(shown)
    assert keys.lookup_tag.hex() == case["lookup_tag"]
    assert keys.box.public.hex() == case["box_public"]
    assert keys.sign.public.hex() == case["sign_public"]


@pytest.mark.parametrize("case", cases(PHRASE["read"]))
def test_phrases_are_read_forgivingly(case):
    assert phrase.read_phrase(case["text"]).secret.reveal().hex() == case["phrase"]


@pytest.mark.parametrize("case", cases(PHRASE["refused"]))
def test_what_is_no_phrase_is_told_at_once(case):
    with pytest.raises(phrase.NotAPhrase) as caught:
        phrase.read_phrase(case["text"])
    refusal = caught.value
    assert refusal.reason.value == case["reason"]
    assert refusal.digits == case["digits"]
    assert refusal.found == case["found"]
    assert refusal.position == case["position"]
    assert list(refusal.candidates) == case["candidates"]


@pytest.mark.parametrize("case", cases(PHRASE["fingerprint"]))
def test_fingerprints_in_words(case):
    assert list(roster.fingerprint_words(unhex(case["fingerprint"]))) == case["words"]
