"""Frames, shapes and tables of the keeper's protocol."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.keeper_protocol import (
    MAX_FRAME,
    PROOF,
    RULES,
    BadRequest,
    Busy,
    Field,
    KeeperRefusal,
    Peer,
    Reference,
    Status,
    Verb,
    decode_answer,
    decode_request,
    encode_answer,
    encode_request,
    exactly,
    frame,
    items,
    optional,
    read_fields,
    read_frame,
    refusal_of,
    u32,
)
from vault.keeper_requests import (
    Periods,
    Proof,
    SignIn,
    is_proof_of,
    make_proof,
    open_answer,
    signed_arguments,
)
from vault.sealing import (
    CannotOpen,
    Kind,
    Malformed,
    Secret,
    labelled,
    labelled_hash,
    new_box_keys,
    pack,
    random_bytes,
    seal,
    sign_keys,
    unpack,
    verify,
)


def test_a_request_byte_for_byte():
    assert encode_request(7, Verb.FIND, b"abc") == (
        b"\x01\x00\x00\x00\x07\x11" + b"\x00\x00\x00\x03abc"
    )
    assert encode_answer(7, Status.REFUSED) == b"\x01\x00\x00\x00\x07\x01"
    assert frame(b"abc") == b"\x00\x00\x00\x03abc"


@given(st.integers(0, 2**32 - 1), st.sampled_from(list(Verb)), st.lists(st.binary(max_size=50)))
def test_requests_and_answers_are_read_as_they_were_made(number, verb, fields):
    read_number, read_verb, packed = decode_request(encode_request(number, verb, *fields))
    assert (read_number, read_verb) == (number, verb)
    assert unpack(packed, None) == tuple(fields)
    for status in Status:
        answer = decode_answer(encode_answer(number, status, *fields))
        assert answer == (number, status, pack(*fields))


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_malformed(body):
    for decode in (decode_request, decode_answer):
        try:
            decode(body)
        except Malformed:
            continue


@pytest.mark.parametrize("body", [b"", b"\x01\0\0\0\0", b"\x02\0\0\0\0\x01"])
def test_short_bodies_and_other_versions_are_malformed(body):
    with pytest.raises(Malformed):
        decode_request(body)


async def test_frames_of_a_stream():
    reader = asyncio.StreamReader()
    reader.feed_data(frame(b"one") + frame(b"") + u32(MAX_FRAME + 1))
    assert await read_frame(reader) == b"one"
    assert await read_frame(reader) == b""
    with pytest.raises(Malformed):
        await read_frame(reader)
    with pytest.raises(Malformed):
        frame(bytes(MAX_FRAME + 1))


async def test_a_stream_that_ends_within_a_frame_has_ended():
    for rest in (b"", b"\0\0", u32(5) + b"abc"):
        reader = asyncio.StreamReader()
        reader.feed_data(rest)
        reader.feed_eof()
        with pytest.raises(EOFError):
            await read_frame(reader)


@given(st.integers(0, 100), st.integers(0, 100), st.integers(1, 9), st.integers(0, 120))
def test_a_field_takes_its_sizes_and_no_others(least, more, step, size):
    sizes = set(range(least, least + more + 1, step))
    assert Field(least, least + more, step).fits(bytes(size)) == (size in sizes)


def test_shapes_refuse_other_numbers_and_sizes():
    shape = (exactly(2), optional(3), items(4, 2))
    assert read_fields(shape, pack(b"ab", b"", b"abcdabcd")) == (b"ab", b"", b"abcdabcd")
    for fields in ((b"ab", b""), (b"a", b"", b""), (b"ab", b"a", b""), (b"ab", b"", b"abc")):
        with pytest.raises(Malformed):
            read_fields(shape, pack(*fields))


def test_every_verb_has_a_rule_and_every_rule_somebody():
    from intake_server.keeper.verbs import HANDLERS

    assert set(RULES) == set(HANDLERS) == set(Verb)
    assert all(rule.peers for rule in RULES.values())


def test_no_verb_of_one_peer_is_anothers_but_what_the_page_lists():
    shared = {verb for verb, rule in RULES.items() if len(rule.peers) > 1}
    everybody = {Verb.HELLO, Verb.ROSTER, Verb.NONCE, Verb.SLOT_KEYS}
    assert {verb for verb in shared if RULES[verb].peers == set(Peer)} == everybody
    assert shared - everybody == {Verb.LIVE, Verb.ALL_LIVE, Verb.STANDING, Verb.DETAILS}
    for verb, rule in RULES.items():
        if len(rule.peers) == 1:
            (peer,) = rule.peers
            pages = {"web": {1, 6}, "courier": {2, 6}, "caretaker": {3}, "desk": {4, 6, 8}}
            assert verb >> 4 in pages.get(peer, {5, 7})  # the operator's; 7 is the mirror


def test_every_status_has_its_exception():
    for status in Status:
        if status is Status.BUSY:
            refusal = refusal_of(status, pack(u32(90)))
            assert isinstance(refusal, Busy)
            assert refusal.seconds == 90
        elif status is not Status.OK:
            assert refusal_of(status, b"").status is status
    assert issubclass(BadRequest, KeeperRefusal)


def test_a_reference_has_twenty_bytes():
    reference = Reference(258, b"t" * 16)
    assert reference.packed == b"\0\0\x01\x02" + b"t" * 16
    assert Reference.of(reference.packed) == reference
    for other in (b"", reference.packed + b"?"):
        with pytest.raises(Malformed):
            Reference.of(other)


# --- proofs -------------------------------------------------------------------------------

PROVEN = [verb for verb in Verb if RULES[verb].arguments[-3:] == PROOF]


def arguments_of(verb):
    return [random_bytes(max(field.least, 1)) for field in RULES[verb].arguments[:-3]]


@pytest.mark.parametrize("verb", PROVEN)
def test_a_proof_holds_for_its_verb_and_arguments_alone(verb):
    keys = sign_keys(Secret(random_bytes(32)))
    given_arguments = arguments_of(verb)
    proof = make_proof(keys, verb, given_arguments, random_bytes(32), random_bytes(32))
    assert is_proof_of(keys.public, verb, given_arguments, proof)
    message = labelled(
        "proof",
        proof.nonce
        + bytes((verb,))
        + labelled_hash("arguments", pack(*signed_arguments(verb, given_arguments)))
        + proof.reply_key,
    )
    label, _, rest = message[len(b"havenline/1/") :].partition(b"\0")
    assert verify(keys.public, proof.signature, label.decode(), rest)
    for other in set(PROVEN) - {verb}:
        if len(arguments_of(other)) == len(given_arguments):
            assert not is_proof_of(keys.public, other, given_arguments, proof)
    unsigned = {Verb.OPEN_CLIENT_WRAP: {1}, Verb.OPEN_TEAM_WRAP: {3}}.get(verb, set())
    for place in range(len(given_arguments)):
        altered = list(given_arguments)
        altered[place] = random_bytes(len(altered[place]) + 1)
        assert is_proof_of(keys.public, verb, altered, proof) == (place in unsigned)


def test_proofs_are_asked_for_by_these_verbs():
    assert {verb.name for verb in PROVEN} == {
        *("OPEN_CLIENT_WRAP", "ERASE", "CHANGE_DUE", "CLIENT_WROTE", "OPEN_TEAM_WRAP"),
        *("REPLIED", "CLOSE", "REWRAP", "HOLD", "APPEND", "PUT_GRANT", "PIN_DETAILS"),
        *("INVITE", "JOIN", "TEAM", "WITHDRAW", "OWN_GRANTS", "RECOVER"),
        *("CLIENT_JOIN_CODE", "CLIENT_HOURS", "CLIENT_PART", "TEAM_WAYS"),
        *("PAGE_ASKING", "PAGE_WRAP", "PAGE_LET_IN", "PAGE_REFUSE"),
    }


def test_a_proof_is_the_last_three_fields():
    proof = Proof(b"n" * 32, b"r" * 32, b"s" * 64)
    assert Proof.of((b"tag", *proof.fields)) == proof


def test_an_answer_is_opened_by_its_asker_for_its_nonce():
    reply, nonce = new_box_keys(), random_bytes(32)
    sealed = seal(Kind.KEEPER_ANSWER, reply.public, pack(nonce, b"one", b""))
    assert open_answer(reply, nonce, sealed) == (b"one", b"")
    for keys, asked, blob in (
        (new_box_keys(), nonce, sealed),
        (reply, random_bytes(32), sealed),
        (reply, nonce, sealed[:-1]),
        (reply, nonce, seal(Kind.KEEPER_ANSWER, reply.public, b"")),
        (reply, nonce, seal(Kind.KEEPER_ANSWER, reply.public, b"odd")),
        (reply, nonce, seal(Kind.KEEPER_REQUEST, reply.public, pack(nonce))),
    ):
        with pytest.raises(CannotOpen):
            open_answer(keys, asked, blob)


def test_a_sealed_body_is_read_by_the_keeper_it_was_sealed_to():
    start = new_box_keys()
    body = SignIn(b"l" * 16, Secret(b"a" * 32), 123456, b"n" * 32, b"r" * 32)
    assert SignIn.open(start, body.sealed(start.public)) == body
    with pytest.raises(CannotOpen):
        SignIn.open(new_box_keys(), body.sealed(start.public))
    assert "123456" not in repr(body)
    assert Periods(1, 2, 3) == Periods(inactivity=1, absolute=2, closed=3)
