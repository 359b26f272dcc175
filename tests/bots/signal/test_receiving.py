"""Coming in over Signal: both ways at once, what is lost and what is not, and who is who."""

import asyncio
import io
import os
import stat

import aiohttp
import pytest

from bots.attachments import AttachmentLost, Lost
from bots.channel import (
    Attachment,
    ChannelRefused,
    ChannelUnavailable,
    Refusal,
    RefusedBecause,
)
from bots.signal import arrivals, downloads
from tests.bots.signal.bench import NOBODY_READ, PATH, Desk, until
from tests.bots.signal.stand_in import ACCOUNT


async def test_both_ways_at_once_hand_over_each_message_once(bench):
    desk, person, _ = await bench.in_contact()
    bench.server.behaviour.copies = 3
    for number in range(50):
        await person.say(f"number {number}")
    texts = [(await desk.next()).text for _ in range(50)]
    await bench.settled()
    assert texts == [f"number {number}" for number in range(50)]
    assert desk.all() == []


@pytest.mark.parametrize("wrapped", [False, True], ids=["plain", "wrapped"])
async def test_the_webhook_brings_what_a_busy_websocket_drops(bench, wrapped):
    desk, person, _ = await bench.in_contact()
    bench.server.behaviour.drop_websocket = True
    bench.server.behaviour.wrapped = wrapped
    await person.say("only by webhook")
    assert (await desk.next()).text == "only by webhook"
    assert bench.server.lost_for_webhook == 0


async def test_without_a_webhook_a_gap_is_suspected_and_said(websocket_only):
    bench = websocket_only
    desk, person, _ = await bench.in_contact()
    assert "no_webhook" in bench.channel.health().alarms
    assert "gap_suspected" not in bench.channel.health().alarms
    await bench.server.drop_readers()
    await person.say("lost: nobody is attached")
    await until(lambda: "gap_suspected" in bench.channel.health().alarms)
    await bench.attached()
    await person.say("after")
    assert (await desk.next()).text == "after"
    bench.later = arrivals.GAP_SECONDS + 1
    assert "gap_suspected" not in bench.channel.health().alarms


async def test_a_reconnect_storm_is_answered_with_growing_pauses_and_loses_nothing(bench):
    desk, person, _ = await bench.in_contact()
    attached = 0
    storm_ends = asyncio.get_running_loop().time() + 2
    number = 0
    while asyncio.get_running_loop().time() < storm_ends:
        if bench.server.readers:
            attached += 1
            await bench.server.drop_readers()
        await person.say(f"in the storm {number}")
        number += 1
        await asyncio.sleep(0.1)
    assert attached < 6
    assert [(await desk.next()).text for _ in range(number)] == [
        f"in the storm {place}" for place in range(number)
    ]


async def test_while_nothing_runs_the_open_socket_keeps_the_next_events(bench):
    desk, person, _ = await bench.in_contact()
    await bench.channel.stop()
    for number in range(3):
        await person.say(f"meanwhile {number}")
    await asyncio.sleep(0.2)
    await (await bench.restarted()).start(desk.take)
    texts = [(await desk.next()).text for _ in range(3)]
    assert texts == [f"meanwhile {number}" for number in range(3)]
    assert bench.server.lost_for_webhook == 0


async def test_what_was_taken_and_not_stored_survives_in_the_journal(bench):
    before = os.umask(0o022)
    try:
        desk, person, _ = await bench.in_contact()
        desk.closed = True
        text = "kept but not readable"
        for number in range(12):
            await person.say(f"{text} {number}")
        await until(lambda: bench.channel.health().waiting == 12)
        await bench.settled()
    finally:
        os.umask(before)
    kept = bench.on_disk()
    assert text.encode() not in kept
    assert person.somebody.uuid.encode() not in kept
    files = list((bench.folder / "journal").iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert len(files) == 12
    await bench.channel.stop()
    desk.closed = False
    await (await bench.restarted()).start(desk.take)
    assert [(await desk.next()).text for _ in range(12)] == [f"{text} {n}" for n in range(12)]
    await until(lambda: list((bench.folder / "journal").iterdir()) == [])


async def test_where_nothing_can_be_written_the_server_waits(bench, monkeypatch):
    monkeypatch.setattr(arrivals, "_DISK_PAUSE", 0.05)
    desk, person, _ = await bench.in_contact()
    journal = bench.channel._arrivals.journal
    monkeypatch.setattr(journal, "_write", full_disk)
    await person.say("written later")
    await person.say("and this one behind it")
    await until(lambda: "cannot_write" in bench.channel.health().alarms)
    assert desk.all() == []
    monkeypatch.undo()
    assert (await desk.next()).text == "written later"
    assert (await desk.next()).text == "and this one behind it"
    assert bench.channel.health().alarms == ()


async def test_a_file_whose_message_waits_for_a_full_disk_is_no_stray(bench, monkeypatch):
    monkeypatch.setattr(arrivals, "LOOK_EVERY", 0.02)
    desk, person, _ = await bench.in_contact()
    monkeypatch.setattr(bench.channel._arrivals.journal, "_write", full_disk)
    await person.say("written first")
    await until(lambda: "cannot_write" in bench.channel.health().alarms)
    await person.show(Attachment.VOICE, b"a voice")
    for later in range(1, 4):
        bench.later = later * downloads.STRAY_SECONDS
        await asyncio.sleep(0.2)  # several looks
    assert len(bench.server.attachments) == 1
    monkeypatch.undo()
    assert (await desk.next()).text == "written first"
    assert (await desk.next()).attachments == (Attachment.VOICE,)


def full_disk(*_arguments):
    raise OSError(28, "no space")


async def test_a_damaged_record_is_put_aside_and_alarms(bench):
    desk, person, _ = await bench.in_contact()
    desk.closed = True
    await person.say("whole")
    await until(lambda: bench.channel.health().waiting == 1)
    await bench.settled()
    await bench.channel.stop()
    (bench.folder / "journal" / f"{0:016d}-abcd.sealed").write_bytes(b"torn")
    desk.closed = False
    await (await bench.restarted()).start(desk.take)
    assert (await desk.next()).text == "whole"
    assert "journal_damaged" in bench.channel.health().alarms


IDLE = {
    "receipt": {"receiptMessage": {"when": 1, "isDelivery": True, "timestamps": [1]}},
    "typing": {"typingMessage": {"action": "STARTED", "timestamp": 1}},
    "sync": {"syncMessage": {"sentMessage": {"message": "from our linked device"}}},
    "read sync": {"syncMessage": {"readMessages": []}},
    "story": {"storyMessage": {"allowsReplies": True}},
    "call": {"callMessage": {"offerMessage": {"id": 1}}},
    "reaction": {"dataMessage": {"message": None, "reaction": {"emoji": "+1"}}},
    "timer": {"dataMessage": {"message": None, "isExpirationUpdate": True, "expiresInSeconds": 9}},
    "deletion": {"dataMessage": {"message": None, "remoteDelete": {"timestamp": 1}}},
    "nothing": {},
    "unheard of": {"pollCreateMessage": {"question": "?"}},
}


@pytest.mark.parametrize("parts", IDLE.values(), ids=IDLE.keys())
async def test_what_is_no_message_reaches_nobody(bench, parts):
    desk, person, _ = await bench.in_contact()
    envelope = bench.server.envelope(person.somebody)
    bench.server.send_event({"envelope": envelope | parts, "account": ACCOUNT})
    await person.say("a message")
    assert (await desk.next()).text == "a message"
    assert dict(bench.channel.health().refused) == {}


@pytest.mark.parametrize("event", [{"error": "Connection closed"}, {}, [], 3, {"envelope": []}])
async def test_nonsense_from_the_server_harms_nothing(bench, event):
    desk, person, _ = await bench.in_contact()
    bench.server.send_event(event)
    await person.say("a message")
    assert (await desk.next()).text == "a message"


async def test_events_of_another_account_are_not_ours(bench):
    desk, person, _ = await bench.in_contact()
    event = bench.server.say(person.somebody, "for somebody else")
    event["account"] = "+15559999"
    await person.say("for us")
    assert (await desk.next()).text == "for us"


async def test_groups_are_refused_and_counted_once(bench):
    desk, person, _ = await bench.in_contact()
    group = {"groupId": "abc=", "type": "DELIVER", "revision": 3}
    attachment = {"contentType": "image/jpeg", "id": "group.jpg"}
    bench.server.say(person.somebody, "to all", groupInfo=group, attachments=[attachment])
    await person.say("to you")
    assert (await desk.next()).text == "to you"
    await bench.settled()
    assert bench.refused(Refusal.GROUP) == 1
    await until(lambda: not bench.server.attachments)


async def test_attachments_are_deleted_when_stored_and_later_those_that_nobody_names(bench):
    bench.server.attachments = {"from-an-earlier-crash.jpg": b""}
    desk, person, _ = await bench.in_contact()
    attachments = [
        {"contentType": "image/png", "id": "a.png", "filename": "passport.png"},
        {"contentType": "audio/aac", "id": "b.aac"},
        {"contentType": "application/pdf", "id": "c d.pdf"},
    ]
    bench.server.say(person.somebody, "look", attachments=attachments)
    incoming = await desk.next()
    assert incoming.text == "look"
    assert incoming.attachments == (Attachment.PICTURE, Attachment.VOICE, Attachment.FILE)
    await until(lambda: list(bench.server.attachments) == ["from-an-earlier-crash.jpg"])
    bench.later = downloads.STRAY_SECONDS
    await person.show(Attachment.PICTURE, b"another")
    await desk.next()
    await until(lambda: not bench.server.attachments)


async def test_what_waits_for_a_message_in_the_journal_is_not_taken_for_a_stray(bench):
    desk, person, _ = await bench.in_contact()
    desk.closed = True
    await person.show(Attachment.VOICE, b"a voice")
    await until(lambda: bench.channel.health().waiting == 1)
    await bench.channel.stop()
    desk.closed = False
    for later in (1, 2, 3):
        bench.later = later * downloads.STRAY_SECONDS
        desk.closed = later < 3
        await (await bench.restarted()).start(desk.take)
        await bench.attached()
        if later < 3:
            await bench.channel.stop()
    incoming = await desk.next()
    assert incoming.attachments == (Attachment.VOICE,)


@pytest.mark.parametrize("kind", ["failing", "cut_off"])
async def test_an_attachment_that_does_not_come_whole_may_be_asked_for_again(bench, kind):
    bench.server.behaviour.attachment = kind
    fetched = await fetching(bench, b"a long voice message")
    with pytest.raises(ChannelUnavailable):
        await fetched(1_000)
    bench.server.behaviour.attachment = "good"
    assert await fetched(1_000) == b"a long voice message"
    with pytest.raises(AttachmentLost) as lost:
        await fetched(5)
    assert lost.value.reason is Lost.TOO_LARGE
    bench.server.attachments.clear()
    with pytest.raises(AttachmentLost) as lost:
        await fetched(1_000)
    assert lost.value.reason is Lost.GONE


async def fetching(bench, content):
    """What fetches an attachment that came, and that nobody has stored yet."""
    desk, came = Desk(), asyncio.Queue()
    desk.closed = True

    async def take(incoming):
        came.put_nowait(incoming)
        await desk.take(incoming)

    await bench.channel.start(take)
    await bench.attached()
    await (await bench.person()).show(Attachment.VOICE, content)
    async with asyncio.timeout(20):
        (fetch,) = (await came.get()).fetches
    return fetch


async def test_an_edit_arrives_as_a_message_of_its_own(bench):
    desk, person, met = await bench.in_contact()
    envelope = bench.server.envelope(person.somebody)
    edited = {"targetSentTimestamp": 1, "dataMessage": {"message": "corrected"}}
    event = {"envelope": envelope | {"editMessage": edited}, "account": ACCOUNT}
    bench.server.send_event(event)
    incoming = await desk.next()
    assert (incoming.text, incoming.address) == ("corrected", met.address)
    assert incoming.transport_id != met.transport_id


@pytest.mark.proof
@pytest.mark.long
async def test_three_hundred_messages_and_thirty_restarts_lose_and_double_nothing(bench):
    desk, person, _ = await bench.in_contact()
    bench.server.behaviour.copies = 2
    for number in range(300):
        await person.say(str(number))
        if number % 10 == 0:
            desk.closed = number % 20 == 0  # every other time with something not yet stored
            await asyncio.sleep(0.02)
            await bench.channel.stop()
            desk.closed = False
            await (await bench.restarted()).start(desk.take)
    heard: dict[str, str] = {}  # by transport id: the handler drops repeats
    while len(heard) < 300:
        incoming = await desk.next()
        heard.setdefault(incoming.transport_id, incoming.text or "")
    assert list(heard.values()) == [str(number) for number in range(300)]
    assert bench.server.lost_for_webhook == 0


# --- who is who -----------------------------------------------------------------------------


async def test_two_people_who_swap_numbers_stay_who_they_are(bench):
    desk, first, met_first = await bench.in_contact()
    second = await bench.person()
    first.somebody.number, second.somebody.number = "+15550101", "+15550102"
    await second.say("hello")
    met_second = await desk.next()
    first.somebody.number, second.somebody.number = "+15550102", "+15550101"
    await first.say("first")
    assert (await desk.next()).address == met_first.address == first.somebody.uuid
    await second.say("second")
    assert (await desk.next()).address == met_second.address == second.somebody.uuid
    await bench.channel.send(met_first.address, "for the first", b"0123456789abcdef")
    assert await first.hear() == "for the first"
    assert second.somebody.heard.empty()


async def test_one_account_on_three_devices_is_one_person(bench):
    desk, person, met = await bench.in_contact()
    event = bench.server.say(person.somebody, "one", device=1)
    stamp = event["envelope"]["timestamp"]
    for device, text in ((2, "two"), (3, "three")):
        bench.server.say(person.somebody, text, device=device, stamp=stamp)
    heard = [await desk.next() for _ in range(3)]
    assert [incoming.text for incoming in heard] == ["one", "two", "three"]
    assert {incoming.address for incoming in heard} == {met.address}
    assert len({incoming.transport_id for incoming in heard}) == 3


@pytest.mark.parametrize("source", [None, "+15550109", "PNI:8f6d1a8e-0000-4000-8000-000000000009"])
async def test_who_has_no_account_id_is_nobody_we_could_tell_from_another(bench, source):
    desk, person, _ = await bench.in_contact()
    event = bench.server.say(person.somebody, "who am I?")
    event["envelope"] |= {"source": source, "sourceUuid": source}
    await person.say("me")
    assert (await desk.next()).text == "me"
    assert bench.refused(Refusal.UNVERIFIED) == 1


async def test_a_changed_key_is_marked_refused_and_taken_when_the_person_writes(bench, monkeypatch):
    monkeypatch.setattr(arrivals, "IDENTITY_SECONDS", 0.0)
    desk, person, met = await bench.in_contact()
    assert not met.identity_changed
    bench.server.identities[met.address] = "UNTRUSTED"
    with pytest.raises(ChannelRefused) as refused:
        await bench.channel.send(met.address, "not to a new key", b"0123456789abcdef")
    assert refused.value.reason is RefusedBecause.IDENTITY_CHANGED
    assert bench.server.identities[met.address] == "UNTRUSTED", "a key is never trusted unasked"
    await person.say("I have a new phone")
    incoming = await desk.next()
    assert incoming.address == met.address
    assert incoming.identity_changed
    await until(lambda: bench.server.identities[met.address] != "UNTRUSTED")
    await bench.channel.send(met.address, "welcome", b"0123456789abcdef")
    assert await person.hear() == "welcome"
    await person.say("thanks")
    assert not (await desk.next()).identity_changed


@pytest.mark.parametrize(
    ("kind", "changed", "reason"),
    [
        ("UntrustedIdentityException", True, Refusal.UNVERIFIED),
        ("ProtocolInvalidMessageException", False, Refusal.UNREADABLE),
    ],
)
async def test_what_could_not_be_opened_is_not_lost_silently(bench, kind, changed, reason):
    desk, person, met = await bench.in_contact()
    envelope = bench.server.envelope(person.somebody)
    exception = {"message": "a sentence with the name in it", "type": kind}
    event = {"exception": exception, "envelope": envelope, "account": ACCOUNT}
    bench.server.send_event(event)
    incoming = await desk.next()
    assert (incoming.address, incoming.text, incoming.attachments) == (met.address, None, ())
    assert incoming.identity_changed is changed
    assert bench.refused(reason) == 1
    if not changed:
        assert await person.hear() == NOBODY_READ
    # The app sends it once more, with the same timestamp: that one is not a repeat.
    bench.server.say(person.somebody, "readable now", stamp=envelope["timestamp"])
    assert (await desk.next()).text == "readable now"


async def test_names_texts_and_numbers_are_in_no_log(bench):
    desk, person, _ = await bench.in_contact()
    await person.say("a very private text")
    await desk.next()
    await bench.channel.send(person.somebody.uuid, "a very private answer", b"0123456789abcdef")
    await bench.server.drop_readers()
    await asyncio.sleep(0.1)
    said = bench.log.getvalue()
    assert "channel_connected" in said
    for private in ("very private", person.somebody.uuid, ACCOUNT, "profile"):
        assert private not in said


# --- the webhook's door ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/", b"{}", 404),
        ("GET", PATH, b"", 404),
        ("POST", PATH, b"not json", 400),
        ("POST", PATH, b"{}", 200),
        ("POST", PATH, b"x" * (4 * 2**20 + 1), 413),
    ],
)
async def test_only_the_server_with_its_path_is_heard(bench, method, path, body, status):
    await bench.channel.start(Desk().take)
    url = bench.server.webhook.removesuffix(PATH) + path
    length = {"Content-Length": str(len(body))}
    async with aiohttp.ClientSession() as http:
        try:
            async with http.request(method, url, data=io.BytesIO(body), headers=length) as answer:
                assert answer.status == status
        except aiohttp.ClientError:
            assert status == 413, "a body that nobody reads may be cut off"


async def test_half_a_request_harms_nothing(bench):
    desk, person, _ = await bench.in_contact()
    port = bench.listener.getsockname()[1]
    for raw in (b"POST", b"\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(raw)
        writer.close()
    await person.say("still here")
    assert (await desk.next()).text == "still here"


@pytest.mark.parametrize(("away", "suspected"), [(10, False), (3600, True)])
async def test_a_gap_is_suspected_after_a_time_without_anybody(bench, away, suspected):
    await bench.in_contact()
    await until((bench.folder / "alive").exists)
    await bench.channel.stop()
    bench.later += away
    channel = await bench.restarted()
    await channel.start(Desk().take)
    assert ("gap_suspected" in channel.health().alarms) is suspected
    bench.later += 3601
    assert "gap_suspected" not in channel.health().alarms
