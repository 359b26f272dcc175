"""Who is who on Matrix: devices that come later, several devices, several rooms."""

import asyncio

import pytest

from bots.channel import ChannelHealth, ChannelRefused, ChannelUnavailable, RefusedBecause
from bots.matrix import client
from tests.bots.matrix.bench import Desk, until

pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("ignore::DeprecationWarning:mautrix")]


async def test_one_account_on_three_devices_is_one_person_and_all_read(bench):
    desk = Desk()
    await bench.channel.start(desk.take)
    name = await bench.server.new_person()
    phones = [await bench.phone_of(name) for _ in range(3)]
    await phones[0].say("from the first")
    first = await desk.next()
    for phone in phones[1:]:
        phone.room = phones[0].room
        await until(lambda phone=phone: phone.room in phone.client.state_store.members)
    await phones[1].say("from the second")
    second = await desk.next()
    assert first.address == second.address == phones[0].mxid
    assert not first.identity_changed
    assert not second.identity_changed
    await bench.channel.send(first.address, "to all three", b"0123456789abcdef")
    for phone in phones:
        assert await phone.hear() == "to all three"


async def test_a_device_that_comes_later_is_marked_and_reads_nothing_before_it_wrote(bench):
    desk, phone, met = await bench.in_contact()
    await bench.channel.send(met.address, "one", b"0123456789abcde1")
    assert await phone.hear() == "one"
    later = await bench.phone_of(phone.mxid)
    later.room = phone.room
    await bench.channel.send(met.address, "two", b"0123456789abcde2")
    assert await phone.hear() == "two"
    await bench.channel.stop()  # what is known of devices outlives the process
    await (await bench.restarted()).start(desk.take)
    await bench.published()
    await bench.channel.send(met.address, "three", b"0123456789abcde3")
    assert await phone.hear() == "three"
    await asyncio.sleep(0.3)
    assert later.heard.empty()
    await later.say("it is me, with a new phone")
    incoming = await desk.next()
    assert incoming.address == met.address
    assert incoming.identity_changed
    await bench.channel.send(met.address, "four", b"0123456789abcde4")
    assert await phone.hear() == await later.hear() == "four"
    await later.say("and again")
    assert not (await desk.next()).identity_changed


@pytest.mark.long
async def test_replies_wait_for_the_person_when_only_unknown_devices_are_left(bench):
    _desk, phone, met = await bench.in_contact()
    await bench.phone_of(phone.mxid)
    await phone.request("POST", "/_matrix/client/v3/logout", {})
    reason = None
    for number in range(200):  # until the homeserver has told about the devices
        try:
            await bench.channel.send(met.address, "who reads?", bytes([number]) * 16)
        except ChannelRefused as refused:
            reason = refused.reason
            break
        except ChannelUnavailable:
            await asyncio.sleep(0.1)
    assert reason is RefusedBecause.IDENTITY_CHANGED


@pytest.mark.long
async def test_a_second_room_of_one_person_is_the_one_that_is_answered(bench):
    desk, phone, met = await bench.in_contact()
    first = phone.room
    await phone.open_room()
    second = phone.room
    await phone.say("from another room")
    assert (await desk.next()).address == met.address
    await bench.channel.stop()
    await (await bench.restarted()).start(desk.take)
    await bench.published()
    await bench.channel.send(met.address, "in the second", b"0123456789abcde1")
    heard = await phone.until(lambda event: getattr(event.content, "body", None))
    assert (heard.room_id, heard.content.body) == (second, "in the second")
    phone.room = first
    await phone.say("back in the first")
    await desk.next()
    await bench.channel.send(met.address, "in the first", b"0123456789abcde2")
    heard = await phone.until(lambda event: getattr(event.content, "body", None))
    assert (heard.room_id, heard.content.body) == (first, "in the first")


@pytest.mark.long
async def test_edits_replies_and_captions_arrive_as_what_was_said(bench):
    desk, phone, met = await bench.in_contact()
    sent = await bench.channel.send(met.address, "a counsellor's words", b"0123456789abcdef")
    await phone.hear()
    quote = f"> <{bench.hotline}> a counsellor's words\n\nmy own words"
    related = {"m.in_reply_to": {"event_id": sent.transport_id}}
    await phone.send({"msgtype": "m.text", "body": quote, "m.relates_to": related})
    assert (await desk.next()).text == "my own words"
    await phone.edit(met.transport_id, "corrected")
    edited = await desk.next()
    assert edited.text == "corrected"
    assert edited.transport_id != met.transport_id


@pytest.mark.long
async def test_somebody_who_left_is_gone_and_their_last_words_arrive(bench):
    desk, phone, met = await bench.in_contact()
    desk.closed = True
    await phone.say("last words")
    await phone.leave()
    await asyncio.sleep(0.5)
    desk.closed = False
    assert (await desk.next()).text == "last words"
    await until(lambda: not bench.channel._arrivals.client.rooms())
    with pytest.raises(ChannelRefused) as refused:
        await bench.channel.send(met.address, "too late", b"0123456789abcdef")
    assert refused.value.reason is RefusedBecause.GONE


@pytest.mark.long
async def test_too_much_at_once_is_told_with_its_time_and_nothing_is_doubled(bench):
    _desk, phone, met = await bench.in_contact()
    await bench.channel.send(met.address, "0", b"0123456789abcde0")
    await bench.server.limit(bench.hotline, per_second=1, burst=2)
    limited: list[tuple[float | None, ChannelHealth]] = []
    for number in range(1, 6):
        while True:
            try:
                await bench.channel.send(met.address, str(number), bytes([number]) * 16)
            except ChannelUnavailable as unavailable:
                limited.append((unavailable.retry_after, bench.channel.health()))
                await asyncio.sleep(unavailable.retry_after or 0)
            else:
                break
    assert limited
    assert all(wait for wait, _ in limited)
    assert all(health.connected and health.limited_seconds > 0 for _, health in limited)
    assert [await phone.hear() for _ in range(6)] == [str(number) for number in range(6)]


@pytest.mark.long
async def test_a_homeserver_that_hangs_is_unavailable(bench, monkeypatch):
    monkeypatch.setattr(client, "PATIENCE", 0.5)
    monkeypatch.setattr(client.asked, "__kwdefaults__", {"patience": 0.5})
    _desk, _phone, met = await bench.in_contact()
    await bench.wire.hang()
    with pytest.raises(ChannelUnavailable):
        await bench.channel.send(met.address, "into the silence", b"0123456789abcdef")
    assert not bench.channel.health().connected


@pytest.mark.long
async def test_an_account_that_was_signed_out_alarms(bench):
    _desk, phone, _met = await bench.in_contact()
    token = bench.channel._account.access_token
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{bench.server.url}/_matrix/client/v3/logout"
    async with phone.client.api.session.post(url, headers=headers) as answer:
        assert answer.status == 200
    await until(lambda: "signed_out" in bench.channel.health().alarms)
    assert not bench.channel.health().connected
