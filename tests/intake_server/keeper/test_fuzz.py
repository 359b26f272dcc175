"""Whatever arrives, the keeper answers with a clean status and lives."""

import asyncio

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intake_server.keeper.verbs import answer
from tests.intake_server.keeper.world import Hotline
from vault.keeper_protocol import (
    MAX_FRAME,
    RULES,
    Peer,
    Status,
    Verb,
    decode_answer,
    encode_request,
    read_frame,
    socket_name,
    u32,
)
from vault.sealing import Kind, pack, seal

CLEAN = {Status.OK, Status.REFUSED, Status.MALFORMED, Status.NOT_YOURS, Status.CLOCK}
CLEAN |= {Status.BUSY, Status.NO_ROOT, Status.FULL}
SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]

peers = st.sampled_from(list(Peer))
verbs = st.sampled_from(list(Verb))


def fields_of(verb):
    """Fields of the right sizes for a verb, with anything in them."""
    return st.tuples(
        *(
            st.integers(0, min((field.most - field.least) // field.step, 40)).flatmap(
                lambda extra, field=field: st.binary(
                    min_size=field.least + extra * field.step,
                    max_size=field.least + extra * field.step,
                )
            )
            for field in RULES[verb].arguments
        )
    )


class Fuzzed:
    """One keeper for many examples; Hypothesis drives it from outside the event loop."""

    def __init__(self, folder):
        self.loop = asyncio.new_event_loop()
        self.hotline = Hotline(folder)
        self.run(self.hotline.open())
        self.run(self.hotline.set_up())
        self.client, self.made = self.run(self.hotline.write_in())

    def run(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    def ask(self, peer, body):
        """One request; no answer says why, and none but *ok* and *busy* has fields."""
        number, status, packed = decode_answer(self.run(answer(self.hotline.keeper, peer, body)))
        assert status in CLEAN
        assert packed == b"" or status in {Status.OK, Status.BUSY}
        return number, status

    def end(self):
        assert self.run(self.hotline.web.find(self.client.lookup_tag))
        assert "verb_failed" not in self.hotline.log.getvalue()
        self.run(self.hotline.close())
        self.loop.close()


def test_arbitrary_bodies(short_dir):
    fuzzed = Fuzzed(short_dir)

    @settings(suppress_health_check=SLOW, max_examples=300)
    @given(peers, st.binary(max_size=300))
    def example(peer, body):
        fuzzed.ask(peer, body)

    example()
    fuzzed.end()


def test_every_verb_with_arbitrary_arguments(short_dir):
    fuzzed = Fuzzed(short_dir)

    @settings(suppress_health_check=SLOW, max_examples=300)
    @given(peers, verbs, st.lists(st.binary(max_size=80), max_size=7), st.integers(0, 2**32 - 1))
    def example(peer, verb, arguments, number):
        answered, status = fuzzed.ask(peer, encode_request(number, verb, *arguments))
        assert answered == number
        if peer not in RULES[verb].peers:
            assert status is Status.NOT_YOURS

    example()
    fuzzed.end()


def test_every_verb_with_fields_of_its_own_sizes(short_dir):
    fuzzed = Fuzzed(short_dir)

    @settings(suppress_health_check=SLOW, max_examples=600)
    @given(st.data(), verbs)
    def example(data, verb):
        # What the operator may do anyway would only get in the way of the rest.
        if verb in {Verb.ADOPT, Verb.SET_UP_TOKEN}:
            return
        peer = min(RULES[verb].peers)
        arguments = data.draw(fields_of(verb))
        fuzzed.ask(peer, encode_request(1, verb, *arguments))

    example()
    fuzzed.end()


def test_sealed_bodies_of_anything(short_dir):
    fuzzed = Fuzzed(short_dir)
    start_key = fuzzed.hotline.keeper.start.public
    sealed_verbs = st.sampled_from(
        [Verb.CREATE, Verb.COURIER_CREATE, Verb.SIGN_IN, Verb.SET_UP_PREPARE]
    )

    @settings(suppress_health_check=SLOW, max_examples=300)
    @given(sealed_verbs, st.lists(st.binary(max_size=200), max_size=12), st.binary(max_size=50))
    def example(verb, fields, rest):
        request = seal(Kind.KEEPER_REQUEST, start_key, pack(*fields) + rest)
        second = {Verb.SIGN_IN: (b"",), Verb.SET_UP_PREPARE: (bytes(32),)}.get(verb, ())
        peer = min(RULES[verb].peers)
        _, status = fuzzed.ask(peer, encode_request(1, verb, request, *second))
        assert status in {Status.REFUSED, Status.MALFORMED}

    example()
    fuzzed.end()


async def test_streams_of_anything_end_the_connection_and_nothing_else(hotline):
    path = hotline.folder / "run" / socket_name(Peer.WEB)
    streams = (
        b"",
        b"\0",
        u32(0),
        u32(0) * 50,
        u32(MAX_FRAME + 1) + bytes(100),
        b"\xff" * 5000,
        u32(10) + b"short",
        u32(6) + encode_request(9, Verb.HELLO),
        b"GET / HTTP/1.1\r\n\r\n",
    )
    for stream in streams:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(stream)
        writer.write_eof()
        while True:
            try:
                _, status, packed = decode_answer(await read_frame(reader))
            except EOFError:
                break
            assert status in {Status.OK, Status.MALFORMED}
            assert packed == b"" or status is Status.OK
        writer.close()
        await writer.wait_closed()
    assert await hotline.web.hello()


async def test_a_frame_that_is_too_long_is_told_before_the_end(hotline):
    reader, writer = await asyncio.open_unix_connection(
        hotline.folder / "run" / socket_name(Peer.WEB)
    )
    writer.write(u32(MAX_FRAME + 1))
    assert decode_answer(await read_frame(reader)) == (0, Status.MALFORMED, b"")
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_many_requests_at_once_are_all_answered(hotline):
    reader, writer = await asyncio.open_unix_connection(
        hotline.folder / "run" / socket_name(Peer.WEB)
    )
    bodies = [encode_request(number, Verb.NONCE) for number in range(2000)]
    writer.write(b"".join(u32(len(body)) + body for body in bodies))
    numbers = {decode_answer(await read_frame(reader))[0] for _ in bodies}
    assert numbers == set(range(2000))
    writer.close()
    await writer.wait_closed()
