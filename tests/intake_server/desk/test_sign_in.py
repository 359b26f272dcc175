"""Signing in: whatever is wrong is one answer, and the keeper alone decides."""

import asyncio
import time

import pytest

from tests.flows.people import Counsellor, Refused, to_text, totp
from tests.intake_server.desk.place import to_bytes
from vault import wraps
from vault.keeper_requests import SignIn
from vault.sealing import Secret, new_box_keys, random_bytes


@pytest.fixture
async def ana(empty):
    """Set up, with the password that was typed; not signed in."""
    await empty.new_link()
    person = Counsellor(empty, empty.http)
    await person.set_up()
    return person


async def attempt(place, name, *, authentication=None, code=0):
    """Status, headers and body of the answer to a sign-in."""
    given = (await place.ask("/api/nonce", {}))[1]
    tag = wraps.login_tag(name)
    part = authentication or Secret(random_bytes(32))
    nonce, reply = to_bytes(given["nonce"]), new_box_keys()
    request = SignIn(tag, part, code, nonce, reply.public).sealed(to_bytes(given["start_key"]))
    return await place.raw(
        "/api/signin",
        b'{"tag": "%s", "request": "%s"}' % (to_text(tag).encode(), to_text(request).encode()),
    )


def comparable(answer):
    status, headers, body = answer
    named = {name: value for name, value in headers.items() if name != "Date"}
    return status, named, body


async def test_the_right_one_is_let_in(empty, ana):
    await ana.sign_in()
    assert len(to_bytes(ana.session)) == 32
    hello = (await empty.ask("/api/hello", {}))[1]
    assert ana.chain.fingerprint == to_bytes(hello["fingerprint"])
    assert await ana.queue() == []


async def test_every_wrong_sign_in_gets_one_answer(empty, ana):
    salt = to_bytes((await ana.ask("/api/signin/salt", {"tag": name_tag(ana)}))["salt"])
    part = wraps.password_parts(ana.password, salt).authentication
    good_code = totp(ana.secret, time.time())
    answers = [
        await attempt(empty, "nobody"),
        await attempt(empty, ana.name),
        await attempt(empty, ana.name, authentication=part, code=(good_code + 1) % 1_000_000),
        await attempt(
            empty, ana.name, authentication=part, code=totp(ana.secret, ana.used_step * 30)
        ),
    ]
    # Now the name is locked for a minute.
    answers += [await attempt(empty, ana.name) for _ in range(4)]
    answers.append(await attempt(empty, ana.name, authentication=part, code=good_code))
    first = comparable(answers[0])
    assert (first[0], first[2]) == (403, b'{"error":"refused"}')
    assert [comparable(answer) for answer in answers] == [first] * len(answers)


def name_tag(person):
    return to_text(wraps.login_tag(person.name))


async def test_salts_of_unknown_names_look_the_same_and_stay(empty, ana):
    unknown = [
        comparable(await empty.raw("/api/signin/salt", b'{"tag": "%s"}' % tag))
        for tag in [to_text(random_bytes(16)).encode()] * 2
    ]
    known = comparable(
        await empty.raw("/api/signin/salt", b'{"tag": "%s"}' % name_tag(ana).encode())
    )
    assert unknown[0] == unknown[1]
    assert unknown[0][:2] == known[:2]
    assert len(unknown[0][2]) == len(known[2])


async def test_another_password_or_start_key_is_refused(empty, ana):
    with pytest.raises(Refused) as refusal:
        await ana.sign_in(password="not this one at all")
    assert (refusal.value.status, refusal.value.answer) == (403, {"error": "refused"})
    stale = SignIn(wraps.login_tag(ana.name), Secret(bytes(32)), 1, bytes(32), bytes(32))
    body = {"tag": name_tag(ana), "request": to_text(stale.sealed(new_box_keys().public))}
    assert await empty.ask("/api/signin", body) == (403, {"error": "refused"})


async def test_signing_out_ends_the_session(empty, ana):
    await ana.sign_in()
    token = ana.session
    await ana.sign_out()
    assert await empty.ask("/api/queue", {}, token) == (401, {"error": "signed_out"})


async def test_a_removed_person_is_not_let_in(place):
    await place.colleague("Jo", roles=7)
    jo = await place.colleague("Mo", roles=5)
    hotline, removed = place.hotline, place.ana
    await hotline.put_grant(hotline.first, member_of(jo), 1, hotline.team_seeds[0])
    hotline.first = member_of(jo)
    await place.dismiss(removed)
    answer = await attempt(place, removed.name)
    assert (answer[0], answer[2]) == (403, b'{"error":"refused"}')


def member_of(person):
    from tests.intake_server.keeper.world import Member

    return Member(person.name, staff_id=person.staff_id, seed=person.seed)


async def test_strangers_cannot_use_up_the_keepers_nonces(place, ana_signed_in):
    async def asked_often():  # at once: one after the other a slow machine stays below the pace
        return await asyncio.gather(*(place.ask("/api/nonce", {}) for _ in range(40)))

    refusals = []
    for _ in range(40):
        refusals += [answer for status, answer in await asked_often() if status == 429]
        if refusals:
            break
    assert refusals
    assert refusals[0].keys() == {"error", "at"}
    assert refusals[0]["error"] == "busy"
    assert "nonce" in await ana_signed_in.ask("/api/nonce", {})


@pytest.fixture
def ana_signed_in(place):
    return place.ana


async def test_without_the_keeper_nobody_is_let_in(empty, ana):
    await ana.sign_in()
    await empty.hotline.kill()
    empty.clock.turn(seconds=6)
    for path in ("/api/hello", "/api/nonce"):
        assert await empty.ask(path, {}) == (503, {"error": "unavailable"})
    assert await empty.ask("/api/queue", {}, ana.session) == (503, {"error": "unavailable"})
    await empty.hotline.open()
    assert (await empty.ask("/api/queue", {}, ana.session))[0] == 200
