"""What was forgotten is not taken again, however it went and whoever asks."""

import asyncio

import pytest

from intake_server.keeper.caretaker_work import DAY
from intake_server.keeper.forgotten import ForgottenIds
from tests.intake_server.keeper.world import Client
from tests.vault.slot_parts import FailingDisk
from vault.keeper_protocol import KeeperFailed, Refused, Verb
from vault.keeper_requests import Periods
from vault.sealing import random_bytes
from vault.slot_records import RecordKind

HOUR = 3600
SHORT = Periods(1, 24, 1)


async def sealed_request(hotline, client, **changes):
    """What web is handed, and could hand on once more."""
    start_key = (await hotline.web.hello()).start_key
    return hotline.web_request(client, **changes).sealed(start_key)


async def current(hotline):
    pairing_id = (await hotline.caretaker.hello()).pairing_id
    await hotline.caretaker.report_counter(pairing_id, 1)


async def test_a_request_played_again_after_erasing_brings_nothing_back(hotline, refused):
    client = Client()
    request = await sealed_request(hotline, client)
    await hotline.web.create(request)
    await hotline.erase(client)
    for _ in range(2):
        with refused:
            await hotline.web.create(request)
    with refused:
        await hotline.write_in(client)  # sealed anew: the id is the same
    with refused:
        await hotline.message_in(client)
    assert hotline.keeper.slots.live(RecordKind.CONVERSATION) == 0
    assert await hotline.write_in()


async def test_nor_while_the_erasure_is_still_being_written(hotline):
    client = Client()
    request = await sealed_request(hotline, client)
    await hotline.web.create(request)
    proof, _ = await hotline.client_proof(client, Verb.ERASE)
    erasing = hotline.web.erase(client.lookup_tag, proof)
    tries = (hotline.web.create(request) for _ in range(5))
    erased, *_ = await asyncio.gather(erasing, *tries, return_exceptions=True)
    assert erased.conversation_id == client.conversation_id
    assert hotline.keeper.slots.live(RecordKind.CONVERSATION) == 0


@pytest.mark.parametrize("how", ["due", "orphan"])
async def test_nor_after_the_caretaker_let_it_be_forgotten(hotline, refused, how):
    client, made = await hotline.write_in(periods=SHORT if how == "due" else Periods(72, 99, 1))
    if how == "due":
        hotline.clock.turn(HOUR)
        assert len((await hotline.caretaker.forget_due(100))[0]) == 1
    else:
        await current(hotline)
        hotline.clock.turn(DAY)
        assert await hotline.caretaker.free_orphans([made.reference]) == 1
    with refused:
        await hotline.write_in(client)


@pytest.mark.parametrize("how", ["erased", "due", "orphan"])
async def test_nor_a_conversation_of_a_messenger(hotline, refused, how):
    client = Client()
    periods = SHORT if how == "due" else Periods(72, 99, 1)
    asked, made = await hotline.message_in(client, periods=periods)
    if how == "erased":
        await hotline.courier.erase(made.address)
    elif how == "due":
        hotline.clock.turn(HOUR)
        assert len((await hotline.caretaker.forget_due(100))[0]) == 2
    else:
        await current(hotline)
        hotline.clock.turn(DAY)
        assert await hotline.caretaker.free_orphans([made.reference]) == 1
    with refused:
        await hotline.courier.create(asked)
    with refused:
        await hotline.write_in(client)
    assert await hotline.message_in(address_tag=asked.address_tag)


async def test_a_request_of_before_a_restart_opens_no_more(hotline, refused):
    client = Client()
    request = await sealed_request(hotline, client)
    await hotline.web.create(request)
    await hotline.erase(client)
    await hotline.restart()
    with refused:
        await hotline.web.create(request)


async def test_an_erasure_that_the_disk_refused_leaves_a_conversation_that_answers(hotline):
    disk = FailingDisk()
    await hotline.restart(disk=disk)
    client, made = await hotline.write_in()
    disk.sync_fails = True
    with pytest.raises(KeeperFailed):
        await hotline.erase(client)
    disk.mend()
    assert (await hotline.write_in(client))[1].reference == made.reference
    await hotline.erase(client)
    with pytest.raises(Refused):
        await hotline.write_in(client)


async def test_a_creation_that_the_disk_refused_may_be_asked_for_again(hotline):
    disk = FailingDisk()
    await hotline.restart(disk=disk)
    client = Client()
    disk.sync_fails = True
    with pytest.raises(KeeperFailed):
        await hotline.write_in(client)
    disk.mend()
    assert await hotline.write_in(client)


# --- the set ------------------------------------------------------------------------------


def test_every_id_is_known_and_no_other():
    forgotten, ids = ForgottenIds(), [random_bytes(16) for _ in range(5000)]
    for each in ids * 2:
        forgotten.add(each)
    assert all(each in forgotten for each in ids)
    assert not any(random_bytes(16) in forgotten for _ in range(5000))


def test_where_there_are_too_many_the_oldest_go_first():
    forgotten, ids = ForgottenIds(most=100), [random_bytes(16) for _ in range(250)]
    for each in ids:
        forgotten.add(each)
    assert all(each in forgotten for each in ids[100:])
    assert not any(each in forgotten for each in ids[:100])
