"""Between two files of a reply everything is asked again, and a part that went is never denied."""

import asyncio

import pytest
from sqlalchemy import delete

from intake_server.attachment_settings import AttachmentSettings
from intake_server.courier import outbound
from intake_server.courier.outbound import Reason
from tests.intake_server.courier import test_hours as hours
from tests.intake_server.courier.files import JPEG, OGG, jpeg, reply_with
from tests.intake_server.courier.test_carrying import hear
from tests.intake_server.courier.test_outbound import met
from vault import tables

HOUR = 3600


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(outbound, "_LOOK", 0.05)
    monkeypatch.setattr(outbound, "PACE", 0.01)


async def until_evening(stage, loopback, heard):
    """The client wants answers from 18 to 22; it is 21."""
    hours.turned_to(stage, 12)
    await hours.chosen(loopback, heard, "/hours 18-22")
    hours.turned_to(stage, 21)


async def test_no_file_goes_after_the_safe_hours_have_ended(stage, monkeypatch):
    loopback, heard, row = await hours.met(stage)
    await until_evening(stage, loopback, heard)
    real = type(loopback).send_attachment

    async def slow(self, address, file, message_id):
        answer = await real(self, address, file, message_id)
        hours.turned_to(stage, 23)
        return answer

    monkeypatch.setattr(type(loopback), "send_attachment", slow)
    message, _ = await reply_with(stage, row, JPEG, OGG)
    now = await stage.until(row, message, lambda state: state != ("waiting", None))
    assert await hear(heard) == ("image/jpeg", jpeg())
    assert (now, heard.qsize()) == (("waiting", Reason.LATER), 0)
    monkeypatch.setattr(type(loopback), "send_attachment", real)
    hours.turned_to(stage, 19)
    assert await hear(heard) == ("audio/ogg", OGG)
    assert await stage.ended(row, message) == ("sent", None)


async def test_waiting_for_a_place_does_not_outlast_the_safe_hours(stage):
    courier = await stage.with_courier()
    loopback = courier.channels["loopback"]
    heard = loopback.listen("kim")
    await loopback.say("kim", "hello")
    await heard.get(), await heard.get()
    row = await stage.only_row()
    await until_evening(stage, loopback, heard)
    place = courier.outbound.carrying.place("loopback")
    await place.acquire(), await place.acquire()  # files of two other conversations go
    message, _ = await reply_with(stage, row, JPEG)
    async with asyncio.timeout(30):
        while not place._waiters:  # noqa: ASYNC110 - nothing else tells that it waits
            await asyncio.sleep(0.02)
    hours.turned_to(stage, 23)
    place.release(), place.release()
    assert (await stage.settled(row, message), heard.qsize()) == (("waiting", Reason.LATER), 0)


async def test_files_that_go_slowly_over_one_channel_hold_up_no_other(stage):
    carrying = (await stage.with_courier()).outbound.carrying
    place = carrying.place("matrix")
    await place.acquire(), await place.acquire()
    async with asyncio.timeout(5), carrying.place("loopback"):
        assert place.locked()


@pytest.mark.parametrize("what", ["another chat took its place", "somebody left the team"])
async def test_the_rest_does_not_go_when_the_way_ended_meanwhile(stage, monkeypatch, what):
    _, loopback, rows, heard = await met(stage, "kim")
    real, taken = type(loopback).send_attachment, []

    async def slow(self, address, file, message_id):
        answer = await real(self, address, file, message_id)
        taken.append(message_id)
        if len(taken) == 1 and what.startswith("another"):
            await stage.database.write(lambda c: c.execute(delete(tables.addresses)))
        elif len(taken) == 1:
            await stage.next_epoch()
        return answer

    monkeypatch.setattr(type(loopback), "send_attachment", slow)
    message, described = await reply_with(stage, rows["kim"], JPEG, OGG)
    assert await stage.ended(rows["kim"], message) == ("failed", Reason.PARTLY)
    assert taken == [described[0].id]
    assert await hear(heard["kim"]) == ("image/jpeg", jpeg())


@pytest.mark.parametrize("what", ["address", "epoch", "channel", "off"])
async def test_a_reply_of_which_a_part_went_says_so(stage, monkeypatch, what):
    courier, loopback, rows, heard = await met(stage, "kim")
    real, taken = type(loopback).send_attachment, []

    async def one_only(self, address, file, message_id):
        if len(taken) == 1:
            self.cut()
        taken.append(message_id)
        return await real(self, address, file, message_id)

    monkeypatch.setattr(type(loopback), "send_attachment", one_only)
    message, _ = await reply_with(stage, rows["kim"], JPEG, OGG)
    assert await stage.settled(rows["kim"], message) == ("waiting", Reason.UNAVAILABLE)
    if what == "address":
        await stage.database.write(lambda c: c.execute(delete(tables.addresses)))
    elif what == "epoch":
        await stage.next_epoch()
    elif what == "channel":
        courier.outbound.channels = {}
    else:
        courier.outbound.carrying.settings = AttachmentSettings(channels=("web",))
    loopback.restore()
    stage.clock.turn(HOUR)
    assert await stage.ended(rows["kim"], message) == ("failed", Reason.PARTLY)
    assert await hear(heard["kim"]) == ("image/jpeg", jpeg())
    assert heard["kim"].empty()
