"""Claiming, reading, answering, noting, closing: what the desk promises to two people at once."""

import asyncio
import json

import pytest

from intake_server.desk import steps
from intake_server.desk.bodies import Reply, read_body
from intake_server.desk.refusals import ClaimLost
from intake_server.screening_link import Screened
from intake_server.web.screening import ToScreen
from tests.flows.people import Refused
from tests.intake_server.desk.place import to_bytes, to_text
from vault import conversations, outbox, parting, wraps
from vault.envelope import Direction, Envelope, Format, Origin, Text, encode_body, seal_envelope
from vault.keeper_protocol import Reference
from vault.sealing import Kind, labelled_hash, random_bytes
from vault.ways import Ways, read_ways

TEAM_WAYS = 0x6D


async def refusal(awaitable):
    """The status and body of a refusal."""
    with pytest.raises(Refused) as refused:
        await awaitable
    return refused.value.status, refused.value.answer


def team_only(opened, text, direction, form):
    """A sealed note or draft and its message id."""
    content = Envelope(
        conversation_id=opened.conversation,
        message_id=random_bytes(16),
        writer_id=opened.by.writer,
        counter=1,
        direction=direction,
        origin=Origin.TEAM,
        epoch=1,
        time_ms=0,
        danger=False,
        format=form,
        body=encode_body(Text(text, opened.by.shown)),
    )
    sealed = seal_envelope(content, Kind.NOTE, opened.wrap.keys.notes.public, opened.by.team.sign)
    return to_text(content.message_id), to_text(sealed)


# --- the queue and opening ------------------------------------------------------------------


async def test_a_row_says_where_its_conversation_is(place, ana, client):
    answer = await ana.ask("/api/queue", {})
    (row,) = answer["rows"]
    stored = await place.row(client.conversation)
    assert row == {
        "conversation": to_text(client.conversation),
        "reference": to_text(Reference(stored.slot, stored.tag).packed),
        "channel": "web",
        "language": "",
        "urgency": 1,
        "urgency_by": "not_screened",
        "state": "waiting",
        "holder": None,
        "waiting_since": stored.waiting_since,
        "created": stored.created,
        "due": stored.due,
        "epoch": 1,
        "outbox": None,
    }
    assert answer["staff"] == {to_text(ana.staff_id): "Ana"}
    assert answer["screening"] == "off"
    assert answer["number"] == 1


async def test_some_rows_of_the_queue(place, ana, client):
    other = await place.client()
    names = [to_text(client.conversation), to_text(random_bytes(16))]
    answer = await ana.ask("/api/queue", {"conversations": names * 2})
    whole = await ana.queue()
    assert len(whole) == 2
    assert answer["rows"] == [row for row in whole if row["conversation"] == names[0]]
    await ana.claim(client.conversation)
    await (await ana.open(client.conversation)).close()
    names.append(to_text(other.conversation))
    answer = await ana.ask("/api/queue", {"conversations": names})
    assert [row["conversation"] for row in answer["rows"]] == names[2:]


async def test_messengers_are_told_to_who_opened_it_and_that_is_no_opening(ana, client):
    row = await ana.row(client.conversation)

    async def asked():
        fields, read = await ana.prove(TEAM_WAYS, to_bytes(row["reference"]), ana.staff_id)
        body = fields | {"conversation": row["conversation"]}
        return read((await ana.ask("/api/ways", body))["answer"], 3)

    assert await refusal(asked()) == (403, {"error": "refused"})
    opened = await ana.open(client.conversation)
    verify_key, ways = await asked()
    assert verify_key == opened.wrap.verify_key
    assert read_ways(ways) == Ways()
    await client.erase()
    assert await refusal(asked()) == (410, {"error": "gone"})


async def test_the_head_of_the_queue_with_all_numbers_and_its_pages(place, ana):
    await place.client()
    calm = await place.client("When are you there?")
    urgent = await place.client("He is at the door", danger=True)
    whole = {row["conversation"]: row for row in await ana.queue()}
    head = await ana.ask("/api/queue", {"first": 1})
    assert head["rows"] == [whole[to_text(urgent.conversation)]]
    counts = head["counts"]
    assert (counts["open"], counts["queue"]) == (3, 3)
    assert [(urgency, count) for urgency, count, _ in counts["waiting"]] == [(3, 1), (1, 2)]
    await ana.claim(calm.conversation)
    held = await ana.ask("/api/queue", {"first": 1})
    named = [to_text(urgent.conversation), to_text(calm.conversation)]
    assert [row["conversation"] for row in held["rows"]] == named
    page = await ana.ask("/api/queue", {"after": ""})
    ids = [row["conversation"] for row in page["rows"]]
    assert set(ids) == set(whole)
    assert "counts" not in page
    rest = await ana.ask("/api/queue", {"after": ids[0]})
    assert [row["conversation"] for row in rest["rows"]] == ids[1:]
    assert (await ana.ask("/api/queue", {"after": ids[-1]}))["rows"] == []


async def test_opening_shows_what_was_written_and_marks_it_read(place, ana, client):
    assert (await client.poll())["state"] == "received"
    opened = await ana.open(client.conversation)
    assert [(one.text, one.verified) for one in opened.read()] == [("Can you help?", True)]
    assert opened.answer["holder"] is None
    assert opened.answer["draft"] is None
    assert opened.answer["outbox"] == []
    assert (await client.poll())["state"] == "read"
    await ana.open(client.conversation)
    assert await place.noted() == ["new", "read"]


async def test_opening_with_a_bad_proof_is_refused(place, ana, client):
    row = await ana.row(client.conversation)
    fields, _ = await ana.prove(0x45, to_bytes(row["reference"]), ana.staff_id, b"\0\0\0\2")
    body = fields | {"conversation": row["conversation"], "epoch": 1}
    assert await refusal(ana.ask("/api/open", body)) == (403, {"error": "refused"})
    assert (await place.row(client.conversation)).read_up_to == 0


async def test_erased_while_it_is_open(place, ana, client):
    await ana.claim(client.conversation)
    opened = await ana.open(client.conversation)
    row = await place.row(client.conversation)
    body = await opened.reply_body("Yes.")
    await client.erase()
    named = to_text(client.conversation)
    note = dict(zip(("message", "envelope"), team_only(opened, "x", 4, 3), strict=True))
    gone = (410, {"error": "gone"})
    assert await refusal(ana.ask("/api/reply", body)) == gone
    assert await refusal(ana.ask("/api/messages", {"conversation": named, "after": 0})) == gone
    assert await refusal(ana.ask("/api/note", {"conversation": named} | note)) == gone
    draft = {"conversation": named, "envelope": note["envelope"]}
    assert await refusal(ana.ask("/api/draft", draft)) == gone
    assert await refusal(ana.ask("/api/urgency", {"conversation": named, "urgency": 2})) == gone
    assert await refusal(ana.ask("/api/release", {"conversation": named})) == gone
    assert await ana.claim(client.conversation) == {"won": False, "holder": None}
    assert row is not None
    assert await ana.queue() == []


async def test_what_the_keeper_forgot_is_gone_though_its_rows_are_there(place, ana, client):
    """A full disk leaves rows behind an erasure; nothing opens them."""
    await ana.claim(client.conversation)
    opened = await ana.open(client.conversation)
    proof, _ = await place.hotline.client_proof(Asking(client), 0x13)
    await place.hotline.web.erase(client.own.lookup_tag, proof)
    gone = (410, {"error": "gone"})
    assert await refusal(ana.open(client.conversation)) == gone
    assert await refusal(opened.reply("Yes.")) == gone
    assert await refusal(opened.close()) == gone
    assert await place.texts(client.conversation) != []


class Asking:
    """A client of the flows as the keeper's tests know them."""

    def __init__(self, client):
        self.lookup_tag, self.sign = client.own.lookup_tag, client.own.sign


# --- holding --------------------------------------------------------------------------------


async def test_of_fifty_who_claim_at_once_one_wins(place, ana, client):
    colleagues = [await place.colleague(f"Person {number}") for number in range(49)]
    claims = await asyncio.gather(*(one.claim(client.conversation) for one in [*colleagues, ana]))
    winner = to_text((await place.row(client.conversation)).holder)
    assert sorted(claim["won"] for claim in claims) == [False] * 49 + [True]
    assert {claim["holder"] for claim in claims} == {winner}


async def test_claiming_again_and_releasing(place, ana, client):
    jo = await place.colleague("Jo")
    own = {"won": True, "holder": to_text(ana.staff_id)}
    named = {"conversation": to_text(client.conversation)}
    assert [await ana.claim(client.conversation) for _ in range(2)] == [own, own]
    lost = {"won": False, "holder": to_text(ana.staff_id)}
    assert await jo.claim(client.conversation) == lost
    assert await jo.ask("/api/release", named) == lost
    assert await ana.ask("/api/release", named) == {"won": True, "holder": None}
    assert (await jo.claim(client.conversation))["won"]


async def test_what_a_removed_person_holds_can_be_claimed(place, ana, client):
    jo = await place.colleague("Jo")
    await jo.claim(client.conversation)
    assert not (await ana.claim(client.conversation))["won"]
    await place.dismiss(jo)
    place.clock.turn(seconds=6)
    assert await ana.claim(client.conversation) == {"won": True, "holder": to_text(ana.staff_id)}


# --- answering ------------------------------------------------------------------------------


async def test_an_answer_reaches_the_client(place, ana, client):
    await ana.claim(client.conversation)
    opened = await ana.open(client.conversation)
    named = {"conversation": to_text(client.conversation)}
    _, draft = team_only(opened, "We are", Direction.DRAFT, Format.DRAFT)
    await ana.ask("/api/draft", named | {"envelope": draft})
    stored = await opened.reply("We are here.")
    assert stored["number"] == 2048
    read = await client.come_back()
    assert [one.text for one in read] == ["Can you help?", "We are here."]
    row = await place.row(client.conversation)
    assert (row.answered, row.waiting_since) == (True, None)
    assert (await ana.open(client.conversation)).answer["draft"] is None
    assert abs(stored["due"] - row.due) <= 3600


async def test_an_answer_sent_twice_is_stored_once(place, ana, client):
    await ana.claim(client.conversation)
    opened = await ana.open(client.conversation)
    body = await opened.reply_body("We are here.")
    first = await ana.ask("/api/reply", body)
    # Each attempt needs its own proof; the message stays. The claim and the client's next message
    # do not change what is stored already.
    await client.write("Hello?")
    await ana.ask("/api/release", {"conversation": body["conversation"]})
    again = await ana.ask("/api/reply", body | await proof_for(opened, body))
    assert again["number"] == first["number"]
    assert [number for number, _, _ in await place.texts(client.conversation)] == [1024, 2048, 3072]
    assert (await place.noted()).count("reply") == 1


async def proof_for(opened, body):
    """A fresh proof for a reply that was sent before."""
    fields, _ = await opened.by.prove(
        0x46,
        opened.reference,
        opened.by.staff_id,
        to_bytes(body["message"]),
        labelled_hash("outbox", b""),
    )
    return fields


async def test_a_used_proof_is_refused(place, ana, client):
    await ana.claim(client.conversation)
    opened = await ana.open(client.conversation)
    body = await opened.reply_body("We are here.")
    await ana.ask("/api/reply", body)
    assert await refusal(ana.ask("/api/reply", body)) == (403, {"error": "refused"})
    assert len(await place.texts(client.conversation)) == 2


async def test_who_does_not_hold_the_claim_cannot_answer(place, ana, client):
    jo = await place.colleague("Jo")
    opened = await ana.open(client.conversation)
    nobody = (409, {"error": "claim_lost", "holder": None})
    assert await refusal(opened.reply("Yes.")) == nobody
    await jo.claim(client.conversation)
    jos = (409, {"error": "claim_lost", "holder": to_text(jo.staff_id)})
    assert await refusal(opened.reply("Yes.")) == jos
    assert await refusal(opened.reply("Yes.", anyway=True)) == jos
    assert await refusal(opened.close()) == jos
    assert len(await place.texts(client.conversation)) == 1


async def test_a_claim_that_was_taken_while_the_keeper_agreed(place, ana, client):
    """The transaction looks again, and keeps the date that the keeper has moved."""
    jo = await place.colleague("Jo")
    await ana.claim(client.conversation)
    opened = await ana.open(client.conversation)
    asked = read_body(json.dumps(await opened.reply_body("Yes.")).encode(), Reply)
    due = (await place.row(client.conversation)).due

    def too_late(c):
        steps.before_reply(c, asked, ana.staff_id)
        conversations.take_over(c, client.conversation, ana.staff_id, jo.staff_id)
        return steps.store_reply(c, asked, ana.staff_id, due - 7200, None, place.clock.unix())

    refused = await place.write(too_late)
    assert isinstance(refused, ClaimLost)
    assert refused.detail(0) == {"holder": to_text(jo.staff_id)}
    assert len(await place.texts(client.conversation)) == 1
    assert (await place.row(client.conversation)).due == due - 7200
    assert "due" in await place.noted()


async def test_nobody_answers_past_a_message(place, ana, client):
    await ana.claim(client.conversation)
    opened = await ana.open(client.conversation)
    await client.write("One more thing.")
    await client.write("And another.")
    moved = (409, {"error": "moved_on", "number": 3072})
    assert await refusal(opened.reply("Yes.")) == moved
    assert await refusal(opened.reply("Yes.", seen=2048)) == moved
    assert (await place.row(client.conversation)).waiting_since is not None
    assert (await opened.reply("Yes.", seen=3072))["number"] == 4096


async def test_an_answer_anyway(ana, client):
    await ana.claim(client.conversation)
    opened = await ana.open(client.conversation)
    await client.write("One more thing.")
    assert (await opened.reply("Yes.", anyway=True))["number"] == 3072


async def test_own_answers_and_notes_are_not_news(ana, client):
    await ana.claim(client.conversation)
    opened = await ana.open(client.conversation)
    await opened.reply("One.")
    message, envelope = team_only(opened, "for us", Direction.NOTE, Format.NOTE)
    note = {"conversation": to_text(client.conversation), "message": message, "envelope": envelope}
    await ana.ask("/api/note", note)
    assert (await opened.reply("Two."))["number"] == 3072


async def test_an_envelope_of_another_kind_is_malformed(ana, client):
    await ana.claim(client.conversation)
    opened = await ana.open(client.conversation)
    body = await opened.reply_body("Yes.")
    _, note = team_only(opened, "x", Direction.NOTE, Format.NOTE)
    malformed = (400, {"error": "malformed"})
    assert await refusal(ana.ask("/api/reply", body | {"envelope": note})) == malformed
    as_note = {name: body[name] for name in ("conversation", "message", "envelope")}
    assert await refusal(ana.ask("/api/note", as_note)) == malformed


# --- messengers -----------------------------------------------------------------------------


async def test_an_answer_to_a_messenger_waits_in_the_outbox(place, ana):
    conversation = await place.messenger_conversation()
    await ana.claim(conversation)
    opened = await ana.open(conversation)
    body = await opened.reply_body("We are here.")
    first = await ana.ask("/api/reply", body)
    (waiting,) = await place.read(lambda c: outbox.waiting(c, place.clock.unix()))
    assert (to_text(waiting.message), waiting.channel, waiting.epoch) == (
        body["message"],
        "signal",
        1,
    )
    inner = await place.hotline.courier.unwrap_outbox(
        Reference(waiting.slot, waiting.tag), waiting.message, waiting.outer
    )
    item = wraps.open_outbox_item(
        place.hotline.courier_keys.box, inner, conversation, waiting.message
    )
    assert item.item.text == "We are here."
    row = await ana.row(conversation)
    assert row["outbox"] == "waiting"
    named = await ana.ask("/api/queue", {"conversations": [body["conversation"]]})
    assert named["rows"] == [row]
    answer = await ana.ask("/api/messages", {"conversation": body["conversation"], "after": 0})
    standing = {"message": body["message"], "state": "waiting", "reason": None, "again": None}
    assert answer["outbox"] == [standing]
    assert [one["number"] for one in answer["messages"]] == [first["number"]]


async def test_an_answer_to_a_messenger_needs_something_to_send(place, ana):
    conversation = await place.messenger_conversation()
    await ana.claim(conversation)
    opened = await ana.open(conversation)
    body = await opened.reply_body("We are here.") | {"outbox_request": None}
    assert await refusal(ana.ask("/api/reply", body)) == (400, {"error": "malformed"})
    assert await place.texts(conversation) == []


async def test_the_desk_tells_until_when_a_client_can_be_answered(place, ana, client):
    conversation = await place.messenger_conversation()
    answer = await ana.ask("/api/messages", {"conversation": to_text(conversation), "after": 0})
    (reach,) = answer["reaches"]
    until = place.clock.unix() + 48 * 3600
    assert reach["channel"] == "signal"
    assert until - 3600 < reach["until"] <= until, "never told later than it is"
    web = {"conversation": to_text(client.conversation), "after": 0}
    assert (await ana.ask("/api/messages", web))["reaches"] == []


async def test_nothing_is_stored_that_nobody_could_be_sent(place, ana):
    conversation = await place.messenger_conversation()
    await ana.claim(conversation)
    opened = await ana.open(conversation)
    await place.write(lambda c: parting.drop(c, conversation, "signal"))
    body = await opened.reply_body("Are you there?")
    assert await refusal(ana.ask("/api/reply", body)) == (409, {"error": "no_way"})
    assert await place.texts(conversation) == []


# --- notes, drafts, urgency, closing --------------------------------------------------------


async def test_notes_are_stored_once_and_never_reach_the_client(ana, client):
    opened = await ana.open(client.conversation)
    message, envelope = team_only(opened, "for us", Direction.NOTE, Format.NOTE)
    body = {"conversation": to_text(client.conversation), "message": message, "envelope": envelope}
    assert await ana.ask("/api/note", body) == {"number": 1025}
    assert await ana.ask("/api/note", body) == {"number": 1025}
    answer = await ana.ask("/api/messages", {"conversation": body["conversation"], "after": 1024})
    (note,) = answer["messages"]
    assert (note["number"], note["kind"], note["direction"]) == (1025, 2, 4)
    assert note["envelope"] == envelope
    assert len((await client.poll())["messages"]) == 1


async def test_a_draft_is_kept_for_its_writer(place, ana, client):
    jo = await place.colleague("Jo")
    await ana.claim(client.conversation)
    opened = await ana.open(client.conversation)
    named = {"conversation": to_text(client.conversation)}
    for text in ("We", "We are"):
        _, draft = team_only(opened, text, Direction.DRAFT, Format.DRAFT)
        assert await ana.ask("/api/draft", named | {"envelope": draft}) == {}
    assert (await ana.open(client.conversation)).answer["draft"] == draft
    assert (await jo.open(client.conversation)).answer["draft"] is None
    assert (await client.poll())["state"] == "answering"
    await ana.ask("/api/draft", named | {"envelope": None})
    assert (await ana.open(client.conversation)).answer["draft"] is None


async def test_urgency_by_hand(ana, client):
    body = {"conversation": to_text(client.conversation), "urgency": 3}
    assert await ana.ask("/api/urgency", body) == {}
    row = await ana.row(client.conversation)
    assert (row["urgency"], row["urgency_by"]) == (3, "hand")
    assert await refusal(ana.ask("/api/urgency", body | {"urgency": 4})) == (
        400,
        {"error": "malformed"},
    )


async def test_a_hand_is_remembered_and_only_a_later_message_raises_it(place, ana, client):
    async def screened(message, urgency):
        item = ToScreen(random_bytes(20), client.conversation, message, b"")
        await place.web_work.store_finding(item, Screened(None, urgency, "en", screened=True))
        row = await ana.row(client.conversation)
        return row["urgency"], row["urgency_by"]

    await ana.open(client.conversation)
    ((seen, _, first),) = await place.texts(client.conversation)
    body = {"conversation": to_text(client.conversation), "urgency": 1, "seen": seen}
    await ana.ask("/api/urgency", body)
    assert await screened(first, 3) == (1, "hand")  # its own screening was late
    await client.write("And another thing.")
    ((_, _, second),) = (await place.texts(client.conversation))[1:]
    assert await screened(second, 0) == (1, "hand")
    assert await screened(first, 3) == (1, "hand")
    assert await screened(second, 2) == (2, "screened")
    ((seen, _, _),) = (await place.texts(client.conversation))[1:]
    await ana.ask("/api/urgency", body | {"urgency": 0, "seen": seen})
    assert await screened(second, 3) == (0, "hand")
    await client.write("He is at the door.", danger=True)
    row = await ana.row(client.conversation)
    assert (row["urgency"], row["urgency_by"]) == (3, "danger")


async def test_closing_takes_it_off_the_queue_and_brings_the_date_near(place, ana, client):
    await ana.claim(client.conversation)
    opened = await ana.open(client.conversation)
    before = (await place.row(client.conversation)).due
    closed = await opened.close()
    assert closed["due"] < before
    assert await ana.queue() == []
    row = await place.row(client.conversation)
    assert (row.state.value, row.holder) == ("closed", None)
    assert 0 <= row.due - closed["due"] < 3600
    # The answer may have been lost on its way.
    assert (await opened.close())["due"] == row.due
    assert (await place.noted()).count("close") == 1
    await client.write("Are you still there?")
    assert (await ana.row(client.conversation))["state"] == "waiting"


async def test_closing_past_a_message_is_refused_where_it_is_asked(place, ana, client):
    await ana.claim(client.conversation)
    opened = await ana.open(client.conversation)
    await client.write("One more thing.")
    fields, _ = await ana.prove(0x47, opened.reference, ana.staff_id)
    body = fields | {"conversation": to_text(client.conversation), "seen": 1024}
    moved = (409, {"error": "moved_on", "number": 2048})
    assert await refusal(ana.ask("/api/close", body)) == moved
    assert (await place.row(client.conversation)).state.value == "claimed"


async def test_the_keeper_stands_over_the_rows(place, ana, client):
    """A claim in the database alone lets nobody close or answer: the signature decides."""
    jo = await place.colleague("Jo")
    await jo.claim(client.conversation)
    row = await jo.row(client.conversation)
    reference = to_bytes(row["reference"])
    fields, _ = await ana.prove(0x47, reference, jo.staff_id)  # Ana's key in Jo's name
    body = fields | {"conversation": to_text(client.conversation)}
    assert await refusal(jo.ask("/api/close", body)) == (403, {"error": "refused"})
    assert (await place.row(client.conversation)).state.value == "claimed"


async def test_a_silent_keeper_stores_nothing(place, ana, client):
    await ana.claim(client.conversation)
    opened = await ana.open(client.conversation)
    body = await opened.reply_body("Yes.")
    await place.hotline.kill()
    assert await refusal(ana.ask("/api/reply", body)) == (503, {"error": "unavailable"})
    assert len(await place.texts(client.conversation)) == 1
