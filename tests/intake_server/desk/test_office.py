"""The office: who may change what is said, what the client page makes of it, and when it opens."""

import asyncio
import re
import sqlite3

import msgspec
import pytest
from sqlalchemy import delete, make_url

from intake_server.desk.bodies import to_text
from intake_server.settings import WebSettings
from tests.flows import people
from tests.intake_server.desk.place import Place
from tests.intake_server.keeper.world import Member
from vault import organisation, tables, wraps
from vault.keeper_protocol import MOST_BEFORE_PINNING, Verb, u32
from vault.roster import RECOVERY_NAME, EntryType, Role, person_payload
from vault.sealing import Secret, new_box_keys

FULL = {
    "organisation": "Haven Example",
    "data_contact": "Kim, 0800 1",
    "must_tell": "When a child is hurt.",
    "hours": ["mon-sun 00:00-24:00"],
}
PUBLIC = "https://talk.example.org"


async def version(place, person, number, *, signer=None, mode="real", **details):
    """A version as a browser sends it, with a proof for the keeper."""
    made = place.clock.unix()
    body = msgspec.json.encode({"schema": 1, "made": made, "mode": mode} | details)
    fingerprint = person.chain.fingerprint
    keys = (signer or person).own.sign
    saved = organisation.signed(fingerprint, number, body, person.staff_id, keys)
    nonce = people.to_bytes((await place.ask("/api/nonce", {}, person.session))[1]["nonce"])
    signed = [person.staff_id, u32(number), organisation.hash_of(fingerprint, saved)]
    return {
        "number": number,
        "body": to_text(saved.body),
        "signed": to_text(saved.signature),
        **people.proof_fields(person.own.sign, nonce, Verb.PIN_DETAILS, signed, new_box_keys()),
    }


async def save(place, person, number, **more):
    asked = await version(place, person, number, **more)
    status, answer = await place.ask("/api/office/save", asked, person.session)
    answer.pop("answer", None)  # sealed to the browser
    return status, answer


async def ready(place, person):
    status, answer = await place.ask("/api/office/ready", {}, person.session)
    assert status == 200, answer
    return answer, {line["name"]: line["state"] for line in answer["lines"]}


async def page(place):
    """What somebody sees who opens the client page; the keys are asked for anew."""
    place.clock.turn(seconds=3)
    async with place.http.get(place.web) as response:
        return re.search(r'data-state="(\w+)"', text := await response.text())[1], text


async def test_details_signed_by_an_admin_are_kept_and_shown_without_a_restart(place, ana):
    state, text = await page(place)
    assert state == "opening"
    assert 'id="trial"' in text
    assert await save(place, ana, 1, mode="trial", **FULL) == (200, {"number": 1})
    state, text = await page(place)
    assert FULL["data_contact"] in text
    assert FULL["must_tell"] in text
    status, answer = await place.ask("/api/office/details", {}, ana.session)
    assert (status, answer["number"]) == (200, 1)
    assert answer["details"]["hours"] == FULL["hours"]
    assert [one["signer"] for one in answer["versions"]] == [to_text(ana.staff_id)]
    assert await save(place, ana, 2, mode="trial", **(FULL | {"data_contact": "Jo"})) == (
        200,
        {"number": 2},
    )
    assert FULL["data_contact"] not in (await page(place))[1]


async def test_what_is_promised_follows_the_choice(place, ana):
    client = people.Client(place, place.http)
    assert (await client.load())["promise"]["absolute_hours"] == 60 * 24
    await save(place, ana, 1, mode="trial", retention="hours")
    place.clock.turn(seconds=3)
    assert (await client.load())["promise"]["absolute_hours"] == 7 * 24


async def test_nobody_else_can_change_them(place, ana):
    kim = await place.colleague("Kim", Role.COUNSELLOR)
    assert (await save(place, kim, 1))[0] == 403
    assert await save(place, ana, 1, signer=kim) == (403, {"error": "refused"})
    assert (await save(place, ana, 1, retention="for ever"))[0] == 400
    asked = await version(place, ana, 1)
    assert (await place.ask("/api/office/save", asked, ana.session))[0] == 200
    again = await fresh_proof(place, ana, asked)
    assert (await place.ask("/api/office/save", again, ana.session))[0] == 200
    assert await save(place, ana, 1, organisation="Another") == (410, {"error": "moved_on"})
    assert await save(place, ana, 3) == (403, {"error": "refused"})


async def fresh_proof(place, person, asked):
    """The same request once more: a proof is used once."""
    nonce = people.to_bytes((await place.ask("/api/nonce", {}, person.session))[1]["nonce"])
    saved = organisation.Saved(
        asked["number"],
        person.staff_id,
        people.to_bytes(asked["body"]),
        people.to_bytes(asked["signed"]),
    )
    digest = organisation.hash_of(person.chain.fingerprint, saved)
    signed = [person.staff_id, u32(asked["number"]), digest]
    proof = people.proof_fields(person.own.sign, nonce, Verb.PIN_DETAILS, signed, new_box_keys())
    return asked | proof


async def test_a_row_that_no_admin_signed_is_passed_over(place, ana):
    await save(place, ana, 1, mode="trial", **FULL)
    forged = organisation.Saved(2, ana.staff_id, b'{"schema":1,"made":1,"mode":"real"}', bytes(64))
    await place.write(lambda c: organisation.put(c, forged))
    state, text = await page(place)
    assert state == "opening"
    assert FULL["data_contact"] in text


async def drop(place, number):
    at = tables.organisation.c.number == number
    await place.write(lambda c: c.execute(delete(tables.organisation).where(at)))


async def test_an_older_version_never_takes_the_place_of_the_newest(place, ana):
    """Whoever writes rows deletes the newest: the page closes, and says so to admins."""
    await save(place, ana, 1, mode="trial", **(FULL | {"data_contact": "formerly@ngo.example"}))
    await save(place, ana, 2, mode="trial", **FULL)
    await page(place)
    await drop(place, 2)
    assert FULL["data_contact"] in (await page(place))[1], "what was seen stays while it is known"
    await place.close()
    await place.open()
    await place.let_in(ana)
    state, text = await page(place)
    assert state == "closed"
    assert "formerly@ngo.example" not in text
    answer, lines = await ready(place, ana)
    assert (answer["open"], lines["saved"]) == (False, "missing")
    details = (await place.ask("/api/office/details", {}, ana.session))[1]
    assert (details["number"], details["missing"]) == (2, True)
    assert details["details"]["data_contact"] != "older"
    assert await save(place, ana, 3, mode="trial", **FULL) == (200, {"number": 3})
    assert (await page(place))[0] == "opening"
    assert "saved" not in (await ready(place, ana))[1]


async def test_a_version_that_could_not_be_kept_is_not_pinned(place, ana):
    """Whatever comes between: the page shows what was saved before, and saving again mends it."""
    await save(place, ana, 1, mode="trial", **FULL)
    forbid = "BEFORE INSERT ON organisation BEGIN SELECT RAISE(FAIL, 'no room'); END"
    owner = sqlite3.connect(make_url(place.settings.data.database_url).database)
    owner.execute(f"CREATE TRIGGER no_room {forbid}")
    assert (await save(place, ana, 2, mode="trial", **FULL))[0] == 503
    assert (await place.served.work.keeper.details()).number == 1
    owner.execute("DROP TRIGGER no_room")
    owner.close()
    asked = await version(place, ana, 2, mode="trial", **(FULL | {"data_contact": "not pinned"}))
    kept = organisation.Saved(
        2, ana.staff_id, people.to_bytes(asked["body"]), people.to_bytes(asked["signed"])
    )
    await place.write(lambda c: organisation.put(c, kept))  # a crash before it was pinned
    await place.close()
    await place.open()
    await place.let_in(ana)
    state, shown = await page(place)
    assert state == "opening"
    assert "not pinned" not in shown
    assert (await place.ask("/api/office/details", {}, ana.session))[1]["number"] == 1
    assert await save(place, ana, 2, mode="trial", **FULL) == (200, {"number": 2})


async def test_of_two_admins_at_once_one_is_told_and_nothing_of_theirs_is_kept(place, ana):
    await save(place, ana, 1, mode="trial", **FULL)
    both = [await version(place, ana, 2, mode="trial", data_contact=who) for who in ("A", "B")]
    answers = await asyncio.gather(
        *(place.ask("/api/office/save", asked, ana.session) for asked in both)
    )
    assert sorted(status for status, _ in answers) == [200, 410]
    details = (await place.ask("/api/office/details", {}, ana.session))[1]
    assert (details["number"], details["missing"]) == (2, False)


@pytest.mark.parametrize("number", [MOST_BEFORE_PINNING + 1, 2**31 - 1])
async def test_no_first_version_leaves_no_room_for_others(place, ana, number):
    assert await save(place, ana, number, mode="trial", **FULL) == (403, {"error": "refused"})
    assert (await place.ask("/api/office/details", {}, ana.session))[1]["number"] == 0
    assert await save(place, ana, 1, mode="trial", **FULL) == (200, {"number": 1})


async def test_who_was_an_admin_once_cannot_sign_another(place, ana):
    kim = await place.colleague("Kim", Role.ADMIN)
    assert await save(place, kim, 1, mode="trial", **FULL) == (200, {"number": 1})
    assert await save(place, ana, 2, mode="trial", **FULL) == (200, {"number": 2})
    trap = msgspec.json.encode({"schema": 1, "made": 1, "mode": "trial", "data_contact": "trap"})
    await place.dismiss(kim)
    for number in (2, 3):
        signed = organisation.signed(
            ana.chain.fingerprint, number, trap, kim.staff_id, kim.own.sign
        )
        await place.write(lambda c, signed=signed: organisation.put(c, signed))
    await place.close()
    await place.open()
    await place.let_in(ana)
    state, text = await page(place)
    assert state == "closed"
    assert "trap" not in text


@pytest.mark.parametrize("host", ["abcd.onion", "hotline.example:443", "[::2]", "[", ""])
async def test_a_trial_is_closed_to_who_comes_by_another_name(place, ana, host):
    await save(place, ana, 1, mode="trial", **FULL)
    async with place.http.get(place.web, headers={"Host": host}) as response:
        assert 'data-state="closed"' in await response.text()
    assert (await page(place))[0] == "opening"


async def test_for_real_the_page_waits_and_those_with_words_come_back(place, ana, client):
    await save(place, ana, 1, mode="real", **FULL)
    state, text = await page(place)
    assert state == "closed"
    assert 'id="trial"' not in text
    answer, lines = await ready(place, ana)
    assert not answer["open"]
    assert {name for name, state in lines.items() if state == "missing"} >= {"second", "shelter"}
    assert [one.text for one in await client.come_back()] == ["Can you help?"]
    with pytest.raises(people.Refused):
        await people.Client(place, place.http).write_first("am I heard?")
    async with place.http.post(place.web, data={"do": "back"}) as response:
        assert 'data-state="back"' in await response.text()


async def put_grant(place, member):
    seed = place.hotline.team_seeds[0]
    await place.hotline.put_grant(place.hotline.first, member, 1, seed)


@pytest.fixture
async def public(short_dir, http):
    """A hotline behind a server that speaks https."""
    place = Place(short_dir, http)
    place.settings = msgspec.structs.replace(
        place.settings, web=WebSettings(port=0, public_url=PUBLIC)
    )
    await place.open()
    place.ana = await place.first_person()
    yield place
    await place.close()


async def test_in_public_it_opens_with_the_last_required_line(public):
    place, ana = public, public.ana
    state, text = await page(place)
    assert (state, 'id="trial"' in text) == ("closed", False)
    await save(place, ana, 1, mode="trial", **FULL)  # a trial it cannot be
    assert (await ready(place, ana))[0]["mode"] == "real"
    assert (await page(place))[0] == "closed"
    sheets = Member("Sheets")
    person = sheets.person(Role.COUNSELLOR)
    named = type(person)(
        person.staff_id, RECOVERY_NAME, "On paper", person.box_key, person.sign_key, person.roles
    )
    await place.hotline.append(EntryType.PERSON, person_payload(named))
    assert (await page(place))[0] == "closed"
    await put_grant(place, sheets)
    assert (await page(place))[0] == "opening"
    answer, lines = await ready(place, ana)
    assert answer["open"]
    assert lines["mirror"] == "missing"
    client = await place.client()
    assert [one.text for one in await client.come_back()] == ["Can you help?"]


async def test_a_copy_from_before_opens_until_it_is_erased(place, ana, client):
    status, copy = await place.ask(
        "/api/story/copy", {"conversation": to_text(client.conversation)}, ana.session
    )
    assert (status, len(copy["messages"])) == (200, 1)
    status, opened = await open_copy(place, ana, copy)
    assert status == 200
    assert opened["answer"]
    await client.erase()
    assert await open_copy(place, ana, copy) == (410, {"error": "gone"})
    gone = await place.ask(
        "/api/story/copy", {"conversation": to_text(client.conversation)}, ana.session
    )
    assert gone == (410, {"error": "gone"})


async def open_copy(place, ana, copy):
    nonce = people.to_bytes((await place.ask("/api/nonce", {}, ana.session))[1]["nonce"])
    reference, epoch = people.to_bytes(copy["reference"]), copy["epoch"]
    signed = [reference, ana.staff_id, epoch.to_bytes(4, "big")]
    fields = people.proof_fields(ana.own.sign, nonce, Verb.OPEN_TEAM_WRAP, signed, new_box_keys())
    asked = {"reference": copy["reference"], "epoch": epoch, "outer": copy["outer"], **fields}
    return await place.ask("/api/story/open", asked, ana.session)


def test_a_browser_pins_the_same_hash():
    """What `browser/desk/organisation.js` has pinned; its own test holds the other half."""
    saved = organisation.Saved(7, b"s" * 16, b'{"a":1}', b"\x09" * 64)
    assert organisation.hash_of(b"f" * 32, saved).hex() == (
        "c6165fa9b9ab0b6f63ca1af6d22e662376a6ec58663cd202607a38f5c8e42344"
    )


def test_a_browser_signs_the_same_bytes():
    """What `browser/desk/organisation.js` signs; its own test holds the other half."""
    keys = wraps.staff_keys(Secret(bytes(range(32)))).sign
    saved = organisation.signed(b"f" * 32, 7, b'{"a":1}', b"s" * 16, keys)
    assert saved.signature.hex() == (
        "f815f6e4d192c2e43bed5984ae1ca259641dfbda4052e7035511ec3fcc196df9"
        "38d11ad68ebbea6a804a4814768710af19fc3afe2f9711a8b6026f491ee9df0a"
    )
