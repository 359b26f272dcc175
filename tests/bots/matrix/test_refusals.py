"""What Matrix refuses: clear text, rooms with others in them, what cannot be opened or harms."""

import asyncio

import pytest

from bots.channel import ChannelRefused, Refusal, RefusedBecause
from bots.matrix import arrivals
from tests.bots.matrix.bench import NOBODY_READ, Desk, until

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:mautrix")


def is_leave(event) -> bool:
    return getattr(event.content, "membership", None) is not None and (
        event.content.membership.value == "leave"
    )


async def test_a_room_without_encryption_reads_one_sentence_and_is_left(bench):
    desk = Desk()
    await bench.channel.start(desk.take)
    phone = await bench.person()
    await phone.open_room(encrypted=False)
    await phone.joined.wait()
    await phone.say("read by the server")
    heard = await phone.until(lambda event: getattr(event.content, "body", None))
    assert heard.content.body == NOBODY_READ
    await phone.until(is_leave)
    assert bench.refused(Refusal.NOT_ENCRYPTED) == 1
    assert desk.stored.empty()
    with pytest.raises(ChannelRefused) as refused:
        await bench.channel.send(phone.mxid, "never in clear", b"0123456789abcdef")
    assert refused.value.reason in {RefusedBecause.GONE, RefusedBecause.NOT_ENCRYPTED}


async def test_the_sentence_is_said_once_a_day(bench):
    desk, phone, _ = await bench.in_contact()
    await phone.say_openly("first")
    assert await phone.hear() == NOBODY_READ
    await phone.say_openly("second")
    await phone.say("sealed")
    assert (await desk.next()).text == "sealed"
    assert bench.refused(Refusal.NOT_ENCRYPTED) == 2
    assert phone.heard.empty()
    bench.later = 86_400
    await phone.say_openly("third, a day later")
    assert await phone.hear() == NOBODY_READ


async def test_a_group_is_left_and_nothing_of_it_is_handed_over(bench):
    desk = Desk()
    await bench.channel.start(desk.take)
    phone, third = await bench.person(), await bench.person()
    await phone.open_room(others=(third.mxid,))
    await phone.say("for all of you")
    await phone.until(is_leave)
    assert bench.refused(Refusal.GROUP) == 1
    assert desk.stored.empty()


async def test_somebody_invited_later_ends_the_room_for_us(bench):
    desk, phone, met = await bench.in_contact()
    third = await bench.person()
    await phone.client.invite_user(phone.room, third.mxid)
    await phone.until(is_leave)
    assert bench.refused(Refusal.GROUP) == 1
    with pytest.raises(ChannelRefused) as refused:
        await bench.channel.send(met.address, "for one", b"0123456789abcdef")
    assert refused.value.reason is RefusedBecause.GONE
    await until(lambda: phone.room is None)
    await phone.say("alone again")
    assert (await desk.next()).text == "alone again"


async def test_a_message_without_its_key_is_not_lost_silently(bench, monkeypatch):
    monkeypatch.setattr(arrivals, "KEY_PATIENCE", 0.5)
    desk, phone, met = await bench.in_contact()
    sealed = {
        "algorithm": "m.megolm.v1.aes-sha2",
        "ciphertext": "AwgAEpABqOCAaP6NqXquQcEsrGCVInjRTLHmVH8exqYO0b5Aulhg",
        "device_id": phone.client.device_id,
        "sender_key": "A" * 43,
        "session_id": "B" * 43,
    }
    path = f"/_matrix/client/v3/rooms/{phone.room}/send/m.room.encrypted/lost"
    event_id = (await phone.request("PUT", path, sealed))["event_id"]
    await phone.say("the next one")
    lost = await desk.next()
    assert (lost.address, lost.transport_id) == (met.address, event_id)
    assert (lost.text, lost.attachments) == (None, ())
    assert (await desk.next()).text == "the next one"
    assert bench.refused(Refusal.UNREADABLE) == 1
    assert await phone.hear() == NOBODY_READ


BROKEN = [
    {"algorithm": "m.megolm.v1.aes-sha2"},
    {"algorithm": "m.megolm.v9", "ciphertext": {"x": 1}},
    {
        "algorithm": "m.megolm.v1.aes-sha2",
        "ciphertext": "!",
        "device_id": "D",
        "sender_key": "not base64 \u0000",
        "session_id": "S",
    },
]


async def test_what_a_stranger_sends_does_not_stop_the_channel(bench, monkeypatch):
    monkeypatch.setattr(arrivals, "KEY_PATIENCE", 0.2)
    desk, phone, _ = await bench.in_contact()
    key = bench.channel._arrivals.client.nio.olm.account.identity_keys["curve25519"]
    for number, body in enumerate(("", "AAAA", "not base64!")):
        content = {
            "algorithm": "m.olm.v1.curve25519-aes-sha2",
            "sender_key": "A" * 43,
            "ciphertext": {key: {"type": number % 2, "body": body}},
        }
        path = f"/_matrix/client/v3/sendToDevice/m.room.encrypted/bad{number}"
        await phone.request("PUT", path, {"messages": {bench.hotline: {"*": content}}})
    for number, sealed in enumerate(BROKEN):
        path = f"/_matrix/client/v3/rooms/{phone.room}/send/m.room.encrypted/broken{number}"
        await phone.request("PUT", path, sealed)
    await phone.say("still there?")
    texts = [(await desk.next()).text for _ in range(4)]
    assert texts == [None, None, None, "still there?"]
    assert "failing" not in bench.channel.health().alarms


@pytest.mark.long
async def test_reactions_receipts_and_typing_reach_nobody(bench):
    desk, phone, met = await bench.in_contact()
    room = f"/_matrix/client/v3/rooms/{phone.room}"
    await phone.request("PUT", f"{room}/typing/{phone.mxid}", {"typing": True, "timeout": 30_000})
    await phone.request("POST", f"{room}/receipt/m.read/{met.transport_id}", {})
    reaction = {"m.relates_to": {"rel_type": "m.annotation", "event_id": met.transport_id}}
    reaction["m.relates_to"]["key"] = "👍"
    await phone.request("PUT", f"{room}/send/m.reaction/react", reaction)
    await phone.say("after")
    assert (await desk.next()).text == "after"
    assert dict(bench.channel.health().refused) == {}
    # And the other way round: nothing of ours tells that somebody has read or is there.
    await asyncio.sleep(0.3)
    synced = await phone.request("GET", "/_matrix/client/v3/sync?timeout=0")
    told = [
        event
        for event in synced["rooms"]["join"][phone.room]["ephemeral"]["events"]
        if bench.hotline in str(event)
    ]
    assert told == []
