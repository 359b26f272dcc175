"""What Matrix keeps, where, and what is left after storing, forgetting and a restart."""

import os
import stat

import pytest
from mautrix.types import RoomCreatePreset

from bots.channel import Remains
from bots.matrix.account import AccountError, read_account
from bots.matrix.arrivals import TIDY_EVERY
from bots.matrix.channel import MatrixChannel
from bots.matrix.client import Client
from bots.matrix.keys import KeyRing
from tests.bots.matrix.bench import PICKLE_KEY, Desk, until

pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("ignore::DeprecationWarning:mautrix")]

CANARY = "a canary of forty letters, sung to nobody"


async def test_nothing_readable_lies_in_the_folder_or_on_the_homeserver(bench):
    before = os.umask(0o022)
    try:
        desk, phone, met = await bench.in_contact()
        await phone.say(CANARY)
        await desk.next()
        await bench.channel.send(met.address, CANARY[::-1], b"0123456789abcdef")
        assert await phone.hear() == CANARY[::-1]
        await bench.channel.stop()
    finally:
        os.umask(before)
    for kept in (bench.on_disk(), bench.server.on_disk(), bench.log.getvalue().encode()):
        for text in (CANARY, CANARY[::-1]):
            assert text.encode() not in kept
    assert phone.mxid not in bench.log.getvalue()
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in bench.folder.iterdir()}
    assert set(modes) >= {"account.json", "keys.db", "position.json"}
    assert {name for name, mode in modes.items() if mode != 0o600} == set()


async def test_the_keys_open_with_their_own_key_only(bench):
    await bench.in_contact()
    await bench.channel.stop()
    wrong = MatrixChannel(
        account=read_account(bench.folder),
        folder=bench.folder,
        pickle_key=bytes(32),
        now=bench.now,
        log=bench.channel._log,
    )
    with pytest.raises(AccountError, match="cannot be opened"):
        await wrong.start(Desk().take)


def first_indexes(keys: KeyRing) -> list[int]:
    own = keys._nio.olm.account.identity_keys["curve25519"]
    sessions = keys._nio.olm.inbound_group_store
    return [session.first_known_index for session in sessions if session.sender_key != own]


async def test_some_minutes_after_storing_the_key_opens_nothing_of_it_any_more(bench):
    desk, phone, met = await bench.in_contact()
    for number in range(2):
        await phone.say(f"message {number}")
        await desk.next()
    await bench.channel.send(met.address, "an answer", b"0123456789abcdef")
    keys = bench.channel._arrivals.keys
    assert set(first_indexes(keys)) == {0}
    for number in range(2):
        bench.later += TIDY_EVERY
        expected = bench.now()
        await phone.say(f"time passes {number}")
        assert (await desk.next()).text == f"time passes {number}"
        await until(lambda since=expected: bench.channel._arrivals._tidied >= since)
    assert min(first_indexes(keys)) > 0
    await bench.channel.stop()
    reopened = Client(read_account(bench.folder), bench.folder, PICKLE_KEY)
    reopened.open()
    left = list(reopened.nio.olm.inbound_group_store)
    assert [session.first_known_index for session in left] == first_indexes(keys)
    own = reopened.nio.olm.account.identity_keys["curve25519"]
    assert own not in {session.sender_key for session in left}
    await reopened.close()
    await (await bench.restarted()).start(desk.take)
    await phone.say("and the next one still opens")
    assert (await desk.next()).text == "and the next one still opens"


async def test_forgetting_empties_the_room_and_deletes_keys_and_devices(bench):
    desk, phone, met = await bench.in_contact()
    room = phone.room
    sent = await bench.channel.send(met.address, "an answer", b"0123456789abcdef")
    await phone.hear()
    assert await bench.channel.people() == [met.address]
    remains = await bench.channel.withdraw(met.address)
    assert remains == Remains(on_server=False, in_app=False, vanishes=False)
    receipt = await bench.channel.send(met.address, "the receipt stays", b"0123456789abcdeg")
    assert await phone.hear() == "the receipt stays"
    await bench.channel.forget(met.address)
    assert await bench.channel.people() == []
    event = f"/_matrix/client/v3/rooms/{room}/event/{receipt.transport_id}"
    assert (await phone.request("GET", event))["content"] != {}
    for event_id in (met.transport_id, sent.transport_id):
        event = f"/_matrix/client/v3/rooms/{room}/event/{event_id}"
        assert (await phone.request("GET", event)).get("content", {}) == {}
    assert desk.stored.empty()
    await bench.channel.stop()
    kept = bench.on_disk()
    assert phone.mxid.encode() not in kept
    assert room.encode() not in kept


@pytest.mark.long
async def test_what_we_may_not_delete_is_said(bench):
    desk = Desk()
    await bench.channel.start(desk.take)
    phone = await bench.person()
    await phone.open_room(preset=RoomCreatePreset.PRIVATE)
    await phone.say("hello")
    met = await desk.next()
    await bench.channel.delete(met.address, met.transport_id)
    remains = await bench.channel.withdraw(met.address)
    assert remains == Remains(on_server=True, in_app=True, vanishes=False)


@pytest.mark.long
async def test_a_long_absence_is_made_up_for_in_order(bench):
    desk, phone, _ = await bench.in_contact()
    await bench.channel.stop()
    texts = [f"number {number}" for number in range(60)]  # more than one answer holds
    for text in texts:
        await phone.say(text)
    await (await bench.restarted()).start(desk.take)
    assert [(await desk.next()).text for _ in texts] == texts
    assert desk.stored.empty()
    await until(lambda: bench.channel.health().waiting == 0)


async def test_what_was_not_stored_before_a_kill_comes_again_and_the_rest_does_not(bench):
    desk, phone, _ = await bench.in_contact()
    await phone.say("stored")
    await desk.next()
    await until(lambda: bench.channel.health().waiting == 0)
    desk.closed = True
    await phone.say("not stored")
    other = await bench.person()
    await other.say("nor this")
    await until(lambda: bench.channel.health().waiting == 2)
    await bench.channel.stop()
    desk.closed = False
    await (await bench.restarted()).start(desk.take)
    again = [(await desk.next()).text for _ in range(2)]
    assert sorted(again) == ["nor this", "not stored"]
    assert desk.stored.empty()
