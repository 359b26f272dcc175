"""From a messenger through screening to the queue, with the real caretaker."""

import asyncio

import pytest_asyncio

from bots.channel import Attachment
from intake_server import screening_link
from tests.intake_server.courier.stage import Stage
from vault import changes


@pytest_asyncio.fixture
async def stage(short_dir):
    stage = Stage(short_dir)
    await stage.raise_curtain()
    await stage.set_up()
    yield stage
    await stage.fall()


async def found(stage, number: int = 1) -> None:
    """Return when so many findings are stored."""
    async with asyncio.timeout(30):
        async for _ in stage.database.changes(0):
            told = await stage.database.read(lambda c: changes.since(c, 0))
            if sum(one.what == "finding" for one in told) >= number:
                return


async def test_screening_orders_the_queue_and_explains_itself_to_the_team_alone(stage):
    await stage.with_caretaker()
    courier = await stage.with_courier()
    loopback = courier.channels["loopback"]
    text = "my boss took my passport and he will kill me tonight"
    await loopback.say("kim", text)
    await found(stage)
    row = await stage.only_row()
    assert (row.urgency, row.urgency_by, row.language) == (3, "screened", "en")
    (finding,) = await stage.findings(row)
    assert finding["urgency"] == 3
    assert any(text[one["start"] : one["end"]] for one in finding["findings"])


async def test_a_long_text_is_screened_part_by_part_and_a_voice_message_is_not(stage):
    await stage.with_caretaker()
    courier = await stage.with_courier()
    loopback = courier.channels["loopback"]
    await loopback.say("kim", "thank you for asking how it is here " * 200)
    await loopback.say("kim", None, attachments=(Attachment.VOICE,))
    await found(stage, 2)
    row = await stage.only_row()
    assert len(await stage.findings(row)) == 2
    assert (row.urgency, row.urgency_by) == (1, "not_screened")


async def test_without_a_caretaker_a_message_waits_at_one_unscreened(stage, monkeypatch):
    monkeypatch.setattr(screening_link, "PATIENCE", 0.2)
    courier = await stage.with_courier()
    loopback = courier.channels["loopback"]
    await loopback.say("kim", "he will kill me tonight")
    while courier.inbound.screening.passed_over == 0:  # noqa: ASYNC110 - another task's doing
        await asyncio.sleep(0.02)
    row = await stage.only_row()
    assert (row.urgency, row.urgency_by) == (1, "not_screened")
    assert await stage.findings(row) == []


async def test_a_caretaker_that_comes_later_screens_what_waits(stage):
    courier = await stage.with_courier()
    loopback = courier.channels["loopback"]
    await loopback.say("kim", "he will kill me tonight")
    await stage.with_caretaker()
    await found(stage)
    assert (await stage.only_row()).urgency == 3
