"""What the page's code asks: JSON, sealed blobs, and answers that tell a stranger nothing."""

import asyncio
import json

import pytest

from intake_server.web import api
from intake_server.web.pace import AT_ONCE
from intake_server.web.work import MOST_SHOWN, MalformedRequest
from vault import conversations, messages
from vault.conversations import STEP
from vault.keeper_protocol import Peer, Verb
from vault.sealing import CannotOpen, random_bytes

DAY = 24 * 3600


async def test_a_message_is_stored_and_opens_again(client, counsellor):
    stored = await client.first("They keep my passport.")
    assert stored["stored"] is True
    assert stored["due"] < stored["latest"]
    await counsellor.answer(client.conversation, "Are you alone?")
    opened = await client.open()
    wrap = client.unwrap(opened)
    assert wrap.conversation_id == client.conversation
    assert client.texts(opened, wrap) == ["They keep my passport.", "Are you alone?"]
    assert opened["state"] == "read"
    assert opened["roster"] == client.public["roster"]
    assert (await counsellor.texts(client.conversation))[0][0] == "They keep my passport."


async def test_the_same_request_again_is_the_same_message(client, hotline):
    await client.learn()
    body = client.first_body("Once")
    answers = [await client.post("/api/first", **body) for _ in range(2)]
    answers += await asyncio.gather(*(client.post("/api/first", **body) for _ in range(5)))
    assert all(answer["stored"] for answer in answers)
    assert len({answer["due"] for answer in answers}) == 1
    assert len((await hotline.all_messages())[client.conversation]) == 1


async def test_danger_stands_first_at_once(client, hotline):
    await client.first("Help", danger=True)
    row = await hotline.read(lambda c: conversations.get(c, client.conversation))
    assert (row.urgency, row.urgency_by, row.language) == (3, "danger", "")


async def test_without_screening_a_message_waits_at_urgency_one(client, hotline):
    await client.first("Help")
    row = await hotline.read(lambda c: conversations.get(c, client.conversation))
    assert (row.urgency, row.urgency_by) == (1, "not_screened")


async def test_an_open_page_follows_its_conversation(client, counsellor):
    stored = await client.first("One")
    first = await client.post("/api/poll", view=stored["view"], after=0)
    assert [one["number"] for one in first["messages"]] == [1024]
    assert (first["state"], first["gone"]) == ("received", False)
    await counsellor.answer(client.conversation, "Two")
    second = await client.post("/api/poll", view=stored["view"], after=1024)
    assert len(second["messages"]) == 1
    assert second["state"] == "read"
    await client.erase()
    third = await client.post("/api/poll", view=stored["view"], after=0)
    assert third["gone"] is True
    assert third["messages"] == []


async def test_polls_have_one_size_while_little_is_new(client, counsellor):
    stored = await client.first("One")
    await client.post("/api/poll", view=stored["view"], after=1024)
    empty = client.size
    await counsellor.answer(client.conversation, "Two")
    answer = await client.post("/api/poll", view=stored["view"], after=1024)
    assert len(answer["messages"]) == 1
    assert client.size == empty


async def test_a_view_of_another_process_or_made_up_is_refused(client, hotline):
    stored = await client.first("One")
    for view in (api.encode(random_bytes(64)), "", stored["view"][:-4] + "AAAA"):
        assert await client.post("/api/poll", view=view, after=0) == {"error": "refused"}
        assert client.status == 403
    await hotline.restart()
    assert await client.post("/api/poll", view=stored["view"], after=0) == {"error": "refused"}


async def test_writing_again_moves_the_date_and_is_stored_once(client, hotline):
    await client.first("One")
    body = await client.proof(Verb.CLIENT_WROTE)
    message = client.sealed_message("Two")
    first = await client.post("/api/send", **body, **message)
    again = await client.post("/api/send", **await client.proof(Verb.CLIENT_WROTE), **message)
    assert first["number"] == again["number"] == 2048
    assert len((await hotline.all_messages())[client.conversation]) == 2
    # A proof is good for one request.
    assert await client.post("/api/send", **body, **message) == {"error": "refused"}


async def test_the_budget_tells_when_and_lets_danger_through(client, hotline):
    await client.first("0")
    for number in range(3):
        assert (await client.send(str(number)))["stored"]
    refused = await client.send("one more")
    assert refused["error"] == "too_many"
    assert client.status == 429
    assert 0 < refused["at"] - hotline.clock.unix() <= 3602
    assert (await client.send("now", danger=True))["stored"]


async def test_the_budget_holds_for_first_messages_of_a_conversation_that_is_there(client, hotline):
    """Forty at once, each with another message id, beside what came the usual way."""
    await client.first("0")
    await client.send("1")
    bodies = [client.first_body(str(number)) for number in range(40)]
    answers = await asyncio.gather(*(client.post("/api/first", **body) for body in bodies))
    assert sum("stored" in answer for answer in answers) == 2
    assert {answer.get("error") for answer in answers if "stored" not in answer} == {"too_many"}
    assert (await client.send("one more"))["error"] == "too_many"
    assert len((await hotline.all_messages())[client.conversation]) == 4
    assert (await client.first("now", danger=True))["stored"]
    assert (await client.send("and now", danger=True))["stored"]
    assert len((await hotline.all_messages())[client.conversation]) == 6


async def test_many_at_once_do_not_slip_through_the_budget(client, hotline):
    await client.first("0")
    bodies = [
        await client.proof(Verb.CLIENT_WROTE) | client.sealed_message(str(number))
        for number in range(10)
    ]
    answers = await asyncio.gather(*(client.post("/api/send", **body) for body in bodies))
    assert sum("stored" in answer for answer in answers) == 3
    assert len((await hotline.all_messages())[client.conversation]) == 4


async def test_an_answer_carries_the_newest_messages_only(client, hotline):
    stored = await client.first("0")
    ids = [random_bytes(16) for _ in range(MOST_SHOWN + 20)]
    envelope = api.decode(client.sealed_message("again")["envelope"])

    def store(c):
        for one in ids:
            new = messages.NewMessage(one, client.conversation, 1, 1, envelope, 1_800_000_000)
            messages.add(c, new)
        # Notes of the team stand between the numbers and take nobody's place.
        note = bytes((1, 1, 2)) + envelope[3:]
        messages.add_finding(
            c, conversation=client.conversation, finding=bytes(16), envelope=note, now=1
        )

    await hotline.work.database.write(store)
    newest = [(number + 2) * STEP for number in range(20, MOST_SHOWN + 20)]
    opened = await client.open()
    client.unwrap(opened)
    assert [one["number"] for one in opened["messages"]] == newest
    polled = await client.post("/api/poll", view=stored["view"], after=0)
    assert [one["number"] for one in polled["messages"]] == newest
    polled = await client.post("/api/poll", view=stored["view"], after=newest[-3])
    assert [one["number"] for one in polled["messages"]] == newest[-2:]


async def test_a_flood_of_nonces_is_told_to_wait(client, hotline):
    hotline.clock.stands_at = 1000.0
    await hotline.restart()
    asked = await asyncio.gather(*(client.post("/api/nonce") for _ in range(AT_ONCE + 20)))
    refused = [answer for answer in asked if "nonce" not in answer]
    assert len(refused) == 20
    assert {answer["error"] for answer in refused} == {"too_many"}
    assert all(answer["at"] > hotline.clock.unix() - 60 for answer in refused)
    hotline.clock.stands_at += 1
    assert "nonce" in await client.post("/api/nonce")


async def test_an_erased_conversation_cannot_be_made_again(client, hotline):
    await client.learn()
    body = client.first_body("Once")
    assert (await client.post("/api/first", **body))["stored"]
    await client.erase()
    assert await client.post("/api/first", **body) == {"error": "stale_keys"}
    assert await hotline.all_messages() == {}


async def test_the_date_moves_within_its_limits(client, hotline):
    stored = await client.first("One")
    soon = hotline.clock.unix() + 2 * DAY
    changed = await client.due(soon)
    assert abs(changed["due"] - soon) < 3600
    row = await hotline.read(lambda c: conversations.get(c, client.conversation))
    assert 0 <= row.due - changed["due"] < 3600
    late = await client.due(stored["latest"] + 2 * DAY)
    assert late["due"] == stored["latest"]
    past = await client.due(hotline.clock.unix() - DAY)
    assert past["due"] >= hotline.clock.unix() - 60


async def test_erasing_leaves_nothing_that_opens(client, hotline):
    await client.first("One")
    assert set(await client.erase()) == {"answer"}
    assert client.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert await hotline.all_messages() == {}
    opened = await client.open()
    with pytest.raises(CannotOpen):
        client.unwrap(opened)
    assert await client.erase() == {"error": "refused"}


async def test_found_and_unknown_look_alike(client, new_client, hotline):
    await client.first("One")
    found, found_size = await client.open(), client.size
    stranger = new_client(hotline)
    unknown = await stranger.open()
    assert stranger.size == found_size == 16 * 1024
    assert stranger.status == client.status == 200
    assert unknown.keys() == found.keys()
    assert len(unknown["answer"]) == len(found["answer"])
    assert len(unknown["view"]) == len(found["view"])
    assert unknown["messages"] == []
    assert unknown["roster"] == found["roster"]
    poll = await stranger.post("/api/poll", view=unknown["view"], after=0)
    assert poll["gone"] is True


async def test_somebody_elses_signature_opens_and_erases_nothing(client, new_client, hotline):
    await client.first("One")
    thief = new_client(hotline)
    forged = client.sealed_message("forged")
    for verb, path, more in (
        (Verb.ERASE, "/api/erase", {}),
        (Verb.CLIENT_WROTE, "/api/send", forged),
    ):
        body = await thief.proof(verb) | {"tag": api.encode(client.keys.lookup_tag)}
        assert await thief.post(path, **body, **more) == {"error": "refused"}
    assert len((await hotline.all_messages())[client.conversation]) == 1


async def test_keys_of_an_earlier_start_are_told_to_be_stale(client, hotline):
    await client.learn()
    await hotline.keeper.stop()
    await hotline.keeper.start(existing=True)
    assert await client.first("One") == {"error": "stale_keys"}
    assert client.status == 409
    await client.learn()
    assert (await client.first("One"))["stored"]


async def test_without_a_keeper_nothing_is_acknowledged(client, hotline):
    await client.learn()
    await hotline.keeper.stop()
    assert await client.first("One") == {"error": "unavailable"}
    assert client.status == 503
    assert await client.post("/api/nonce") == {"error": "unavailable"}
    assert await hotline.all_messages() == {}


async def test_before_the_hotline_is_open_the_api_takes_nothing(closed_hotline, new_client):
    client = new_client(closed_hotline)
    assert await client.post("/api/keys") == {"error": "closed"}


async def test_what_is_no_request_is_malformed(hotline, session):
    bodies = [b"", b"[]", b"{", b"null", b'{"x": 1}', b"\xff\xfe", b'{"tag": 5}', b"[" * 50_000]
    for path in api.STEPS:
        for body in bodies:
            async with session.post(
                hotline.url + path, data=body, headers={"Content-Type": "application/json"}
            ) as response:
                assert await response.json() == {"error": "malformed"}
                assert response.status == 400


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("envelope", api.encode(bytes(563))),
        ("envelope", api.encode(b"\x01\x01\x02" + bytes(560))),
        ("envelope", api.encode(b"\x01\x01\x01" + bytes(100))),
        ("message", api.encode(bytes(15))),
        ("message", "=="),
        ("conversation", api.encode(bytes(16))),
        ("copy", api.encode(bytes(100))),
        ("danger", "yes"),
        ("create", api.encode(bytes(5000))),
        ("extra", "field"),
    ],
)
async def test_a_first_message_with_a_wrong_field_is_not_stored(client, hotline, field, value):
    await client.learn()
    body = client.first_body("One") | {field: value}
    assert await client.post("/api/first", **body) == {"error": "malformed"}
    assert await hotline.all_messages() == {}


@pytest.mark.parametrize("text", ["a", "a=", "YQ==", "+/+/", "a b=", "ä", "\n"])
def test_base64url_is_read_strictly(text):
    with pytest.raises(MalformedRequest):
        api.decode(text)


def test_base64url_goes_both_ways():
    for size in range(70):
        data = random_bytes(size)
        assert api.decode(api.encode(data), size) == data


async def test_the_keeper_and_not_web_decides_what_lives(client, hotline):
    """A row whose slot is gone opens nothing, whatever the database says."""
    await client.first("One")
    row = await hotline.read(lambda c: conversations.get(c, client.conversation))
    proof = await client.proof(Verb.ERASE)
    fields = [api.decode(proof[name]) for name in ("tag", "nonce", "reply", "signature")]
    # The nonce belongs to web's socket: the same proof is refused on another one's.
    with pytest.raises(AssertionError):
        await hotline.keeper.ask(Peer.DESK, Verb.ERASE, *fields)
    await hotline.keeper.ask(Peer.WEB, Verb.ERASE, *fields)
    assert row is not None
    opened = await client.open()
    with pytest.raises(CannotOpen):
        client.unwrap(opened)


async def test_answers_are_json_of_this_shape_only(client):
    await client.first("One")
    assert client.headers["Content-Type"] == "application/json"
    assert json.loads(json.dumps(await client.post("/api/nonce"))).keys() == {"nonce"}
