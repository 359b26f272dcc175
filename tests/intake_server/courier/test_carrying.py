"""A counsellor's attachments leave over a messenger: with the keys sealed to us, each once."""

import asyncio
import base64

import msgspec
import pytest
from sqlalchemy import delete, select, update

from bots.channel import ChannelRefused, ChannelUncertain, RefusedBecause
from intake_server.attachment_settings import AttachmentSettings
from intake_server.courier import outbound
from intake_server.courier.outbound import Reason
from intake_server.courier.work import Work
from tests.intake_server.courier.files import JPEG, OGG, jpeg, reply_with
from tests.intake_server.courier.test_outbound import met
from vault import tables
from vault.attachment_format import describe
from vault.sealing import Secret, random_bytes, sign_keys

HOUR = 3600


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(outbound, "_LOOK", 0.05)
    monkeypatch.setattr(outbound, "PACE", 0.01)


async def hear(queue):
    """Type and contents of the next file, or the next text."""
    async with asyncio.timeout(60):
        line = await queue.get()
    return line.get("text") or (line["type"], base64.b64decode(line["content"]))


async def test_each_arrives_once_in_order_and_is_cleaned_again(stage):
    _, _, rows, heard = await met(stage, "kim", "jo")
    message, _ = await reply_with(stage, rows["kim"], JPEG, OGG)
    after = await stage.answer(rows["kim"], "Did you see it?")
    assert await hear(heard["kim"]) == ("image/jpeg", jpeg())
    assert await hear(heard["kim"]) == ("audio/ogg", OGG)
    assert await hear(heard["kim"]) == "Did you see it?"
    assert await stage.settled(rows["kim"], after) == ("sent", None)
    assert await stage.standing(rows["kim"], message) == ("sent", None)
    assert heard["jo"].empty()


async def test_the_keys_go_from_the_outbox_and_nothing_lies_anywhere(stage):
    _, _, rows, heard = await met(stage, "kim")
    message, (one,) = await reply_with(stage, rows["kim"], jpeg(b"a very particular picture"))
    await hear(heard["kim"])
    assert await stage.settled(rows["kim"], message) == ("sent", None)
    (left,) = await stage.database.read(
        lambda c: c.scalars(select(tables.outbox.c.outer_item)).all()
    )
    assert left is None
    await stage.dismiss_all()
    written = b"".join(file.read_bytes() for file in stage.folder.rglob("*") if file.is_file())
    for secret in (b"particular picture", one.key.reveal()):
        assert secret not in written


# --- an attacker who writes to the database -------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"signer": sign_keys(Secret(bytes(32)))},
        {"epoch": 2},
        {"channel": "signal"},
        {"message_id": bytes(16)},
        {"described": (describe("jpeg", 9),), "signer": sign_keys(Secret(bytes(32)))},
    ],
    ids=["unsigned", "future epoch", "other channel", "other id", "another file, unsigned"],
)
async def test_what_the_team_did_not_sign_is_not_sent(stage, changed):
    _, _, rows, heard = await met(stage, "kim")
    message, _ = await reply_with(stage, rows["kim"], JPEG, **changed)
    assert await stage.settled(rows["kim"], message) == ("failed", Reason.NOT_VERIFIED)
    assert heard["kim"].empty()


def without_a_chunk(c):
    c.execute(delete(tables.attachment_chunks).where(tables.attachment_chunks.c.number == 1))


def swapped(c):
    chunk = tables.attachment_chunks.c
    rows = c.execute(select(chunk.attachment, chunk.number, chunk.sealed)).all()
    for row, other in zip(rows, reversed(rows), strict=True):
        this = (chunk.attachment == row.attachment) & (chunk.number == row.number)
        c.execute(update(tables.attachment_chunks).where(this).values(sealed=other.sealed))


def made_up(c):
    sealed = bytes((1, 1, 0x60)) + random_bytes(65_552)
    c.execute(update(tables.attachment_chunks).values(sealed=sealed))


def gone(c):
    c.execute(delete(tables.attachment_chunks))
    c.execute(delete(tables.attachments))


ATTACKS = {"one missing": without_a_chunk, "swapped": swapped, "made up": made_up, "gone": gone}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
async def test_chunks_of_the_databases_own_making_are_not_sent(stage, attack):
    _, loopback, rows, heard = await met(stage, "kim")
    loopback.cut()
    message, _ = await reply_with(stage, rows["kim"], OGG)
    assert await stage.settled(rows["kim"], message) == ("waiting", Reason.UNAVAILABLE)
    await stage.database.write(attack)
    loopback.restore()
    stage.clock.turn(HOUR)
    assert await stage.ended(rows["kim"], message) == ("failed", Reason.NOT_WHOLE)
    assert heard["kim"].empty()


async def test_a_row_put_back_sends_nothing_twice(stage):
    _, _, rows, heard = await met(stage, "kim")
    loopback_row = rows["kim"]
    kept = []

    def look(c):
        kept.extend(c.scalars(select(tables.outbox.c.outer_item)).all())

    stop = asyncio.Event()
    real = Work.address_of

    async def held(self, item):
        await stop.wait()
        return await real(self, item)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Work, "address_of", held)
        message, _ = await reply_with(stage, loopback_row, JPEG)
        await stage.database.read(look)
        stop.set()
        assert await hear(heard["kim"]) == ("image/jpeg", jpeg())
        assert await stage.settled(loopback_row, message) == ("sent", None)
    back = update(tables.outbox).values(state="waiting", outer_item=kept[0], reason=None)
    await stage.database.write(lambda c: c.execute(back))
    assert await stage.until(loopback_row, message, lambda now: now == ("sent", None))
    assert heard["kim"].empty()


# --- troubles -----------------------------------------------------------------------------


async def test_a_network_that_goes_half_way_gets_only_the_rest(stage, monkeypatch):
    _, loopback, rows, heard = await met(stage, "kim")
    real, taken = type(loopback).send_attachment, []

    async def one_only(self, address, file, message_id):
        if len(taken) == 1:
            self.cut()
        taken.append(message_id)
        return await real(self, address, file, message_id)

    monkeypatch.setattr(type(loopback), "send_attachment", one_only)
    message, described = await reply_with(stage, rows["kim"], JPEG, OGG)
    assert await hear(heard["kim"]) == ("image/jpeg", jpeg())
    assert await stage.settled(rows["kim"], message) == ("waiting", Reason.UNAVAILABLE)
    loopback.restore()
    stage.clock.turn(HOUR)
    assert await hear(heard["kim"]) == ("audio/ogg", OGG)
    assert await stage.ended(rows["kim"], message) == ("sent", None)
    assert taken == [described[0].id, described[1].id, described[1].id]


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (ChannelRefused(RefusedBecause.TOO_LONG), Reason.PARTLY),
        (ChannelUncertain(), Reason.UNCERTAIN),
    ],
)
async def test_a_part_that_does_not_go_is_shown(stage, monkeypatch, second, reason):
    _, loopback, rows, heard = await met(stage, "kim")
    real, taken = type(loopback).send_attachment, []

    async def one_only(self, address, file, message_id):
        taken.append(message_id)
        if len(taken) > 1:
            raise second
        return await real(self, address, file, message_id)

    monkeypatch.setattr(type(loopback), "send_attachment", one_only)
    message, _ = await reply_with(stage, rows["kim"], JPEG, OGG)
    assert await stage.settled(rows["kim"], message) == ("failed", reason)
    assert await hear(heard["kim"]) == ("image/jpeg", jpeg())
    assert heard["kim"].empty()


async def test_where_attachments_are_off_none_is_sent_and_that_is_shown(stage):
    settings = AttachmentSettings(channels=("web",))
    stage.settings = msgspec.structs.replace(stage.settings, attachments=settings)
    _, _, rows, heard = await met(stage, "kim")
    message, _ = await reply_with(stage, rows["kim"], JPEG)
    assert await stage.settled(rows["kim"], message) == ("failed", Reason.NOT_OFFERED)
    assert heard["kim"].empty()
