"""The sweep: what is due goes from keeper, database and files; what is not due stays."""

import asyncio

import pytest

from intake_server.caretaker.forgetting import Step
from intake_server.process import CannotStart
from vault import addresses, changes, conversations, meta
from vault.keeper_protocol import Refused
from vault.keeper_requests import Periods
from vault.sealing import random_bytes

HOUR = 3600
DAY = 24 * HOUR
SHORT = Periods(inactivity=1, absolute=24, closed=1)


class Crash(Exception):
    pass


def crash_at(step: Step):
    def crash(at: Step) -> None:
        if at is step:
            raise Crash

    return crash


async def ids(stage) -> set[bytes]:
    return {row.id for row in await stage.rows()}


async def test_what_is_due_goes_from_the_files_and_the_rest_stays(stage):
    gone, _ = await stage.write_web(periods=SHORT)
    stays, _ = await stage.write_web()
    sweep = await stage.with_caretaker()
    assert await ids(stage) == {gone.conversation_id, stays.conversation_id}
    assert gone.conversation_id in stage.files()
    stage.clock.turn(2 * HOUR)
    swept = await sweep.run()
    assert (swept.forgotten, swept.left_over, swept.complete) == (1, 0, True)
    assert await ids(stage) == {stays.conversation_id}
    assert gone.conversation_id not in stage.files()
    assert stays.conversation_id in stage.files()
    with pytest.raises(Refused):
        await stage.web.find(gone.lookup_tag)


async def test_many_are_forgotten_page_by_page(stage, monkeypatch):
    monkeypatch.setattr("intake_server.caretaker.forgetting.PAGE", 2)
    for _ in range(7):
        await stage.write_web(periods=SHORT)
    sweep = await stage.with_caretaker()
    stage.clock.turn(2 * HOUR)
    assert (await sweep.run()).forgotten == 7
    assert await ids(stage) == set()


@pytest.mark.parametrize("step", Step)
async def test_a_crash_between_the_steps_brings_nothing_back(stage, step):
    client, _ = await stage.write_web(periods=SHORT)
    sweep = await stage.with_caretaker()
    stage.clock.turn(2 * HOUR)
    sweep.crash_at = crash_at(step)
    with pytest.raises(Crash):
        await sweep.run()
    await stage.dismiss_all()
    with pytest.raises(Refused):
        await stage.web.find(client.lookup_tag)
    await stage.with_caretaker()  # sweeps before it listens
    assert await ids(stage) == set()
    assert client.conversation_id not in stage.files()


async def test_rows_that_an_erasure_left_behind_are_deleted(stage):
    client, _ = await stage.write_web()
    other, _ = await stage.write_web()
    await stage.erase(client)
    sweep = await stage.with_caretaker()
    assert await ids(stage) == {other.conversation_id}
    assert client.conversation_id not in stage.files()
    assert (await sweep.run()).left_over == 0
    (told,) = [
        one
        for one in await stage.database.read(lambda c: changes.since(c, 0))
        if one.what == "erased"
    ]
    assert told.conversation is None


async def test_an_address_goes_before_its_conversation(stage):
    request, made = await stage.message_in()

    def store(c):
        conversations.create(
            c,
            conversations.NewConversation(
                id=request.conversation_id,
                slot=made.reference.slot,
                tag=made.reference.tag,
                channel="signal",
                language="",
                danger=False,
                epoch=1,
                outer_team=made.team_wrap,
                outer_client=None,
                due=made.due,
                latest=made.latest,
                now=stage.now(),
            ),
        )
        addresses.put(
            c,
            request.conversation_id,
            "signal",
            made.address.slot,
            made.address.tag,
            made.outer_address,
        )

    await stage.database.write(store)
    sweep = await stage.with_caretaker()
    stage.clock.turn(49 * HOUR)
    swept = await sweep.run()
    assert (swept.addresses, swept.forgotten) == (1, 0)
    assert await ids(stage) == {request.conversation_id}
    assert await stage.database.read(addresses.all_references) == []


# --- clock --------------------------------------------------------------------------------


async def test_a_doubtful_clock_pauses_forgetting_with_an_alarm_and_nothing_else(stage):
    due, _ = await stage.write_web(periods=SHORT)
    erased, _ = await stage.write_web()
    sweep = await stage.with_caretaker()
    stage.clock.set_wall(by=30 * DAY)
    await stage.erase(erased)
    swept = await sweep.run()
    assert (swept.paused, swept.forgotten, swept.left_over) == ("clock_in_doubt", 0, 1)
    assert await ids(stage) == {due.conversation_id}
    assert sweep.health.report()["alarms"] == ["clock_in_doubt", "waiting_a_day"]
    await stage.operator.clock_is_right()
    assert (await sweep.run()).forgotten == 1
    assert sweep.health.report()["alarms"] == []


# --- orphans ------------------------------------------------------------------------------


async def test_a_slot_without_a_row_is_freed_after_a_day(stage):
    orphan, _ = await stage.write_in()
    kept, _ = await stage.write_web()
    sweep = await stage.with_caretaker()
    stage.clock.turn(DAY - HOUR)
    assert (await sweep.run()).orphans == 0
    stage.clock.turn(2 * HOUR)
    swept = await sweep.run()
    assert (swept.orphans, swept.orphans_waiting) == (1, 0)
    with pytest.raises(Refused):
        await stage.web.find(orphan.lookup_tag)
    assert await stage.web.find(kept.lookup_tag)


async def test_no_more_orphans_go_within_a_day_than_the_keeper_allows(stage):
    for _ in range(13):
        await stage.write_in()
    sweep = await stage.with_caretaker()
    stage.clock.turn(25 * HOUR)
    swept = await sweep.run()
    assert (swept.orphans, swept.orphans_waiting) == (10, 3)
    assert sweep.health.report()["alarms"] == ["orphans_wait"]
    assert (await sweep.run()).orphans == 0
    assert not (await stage.operator.status())["alarms"]
    stage.clock.turn(25 * HOUR)
    assert (await sweep.run()).orphans == 3


async def test_an_old_database_frees_no_orphans_and_alarms(stage):
    orphan, _ = await stage.write_in()
    pairing = (await stage.caretaker.hello()).pairing_id
    # The keeper was told of a database further on than this one.
    assert await stage.caretaker.report_counter(pairing, 1_000_000) == 0
    sweep = await stage.with_caretaker()
    stage.clock.turn(25 * HOUR)
    swept = await sweep.run()
    assert (swept.orphans, swept.left_over) == (0, 0)
    assert sweep.health.report()["alarms"] == ["database_is_old"]
    assert await stage.web.find(orphan.lookup_tag)


# --- pairing and the commit counter -------------------------------------------------------


async def test_the_database_takes_the_pairing_of_the_keeper(stage):
    await stage.with_caretaker()
    pairing = (await stage.caretaker.hello()).pairing_id
    assert (await stage.database.read(meta.get)).pairing == pairing


async def test_a_database_of_another_slot_file_is_refused(stage):
    await stage.database.write(lambda c: meta.pair(c, random_bytes(16)))
    client, _ = await stage.write_web()
    await stage.erase(client)
    with pytest.raises(CannotStart, match="do not belong together"):
        await stage.with_caretaker()
    assert await ids(stage) == {client.conversation_id}


async def test_commits_are_reported(stage, monkeypatch):
    monkeypatch.setattr("intake_server.caretaker.schedule.TICK", 0.01)
    await stage.with_caretaker()
    for _ in range(3):
        await stage.write_web()
    counter = (await stage.database.read(meta.get)).commit_counter
    while stage.keeper.slots.header.commits < counter:  # noqa: ASYNC110 - another task's doing
        await asyncio.sleep(0.01)
    assert stage.keeper.slots.header.commits == counter


async def test_without_a_keeper_the_sweep_fails_calmly(stage):
    client, _ = await stage.write_web(periods=SHORT)
    sweep = await stage.with_caretaker()
    await stage.close()
    stage.clock.turn(2 * HOUR)
    swept = await sweep.run()
    assert (swept.failed, swept.complete) == ("keeper_down", False)
    await stage.open()
    assert (await sweep.run()).forgotten == 1
    assert client.conversation_id not in await ids(stage)


async def test_a_key_that_the_roster_does_not_name_is_refused(stage):
    (stage.folder / "caretaker" / "seed").write_bytes(random_bytes(32))
    with pytest.raises(CannotStart, match="another caretaker"):
        await stage.with_caretaker()


async def test_health_is_told_over_its_socket(stage):
    await stage.with_caretaker()
    reader, writer = await asyncio.open_unix_connection(
        stage.settings.data.run_dir / "caretaker-health.sock"
    )
    line = await reader.readline()
    writer.close()
    assert b'"ok":true' in line


@pytest.mark.parametrize("is_answered", [False, True])
async def test_nobody_waits_a_day_without_an_alarm(stage, is_answered):
    await stage.write_web()
    sweep = await stage.with_caretaker()

    def answer(c):
        conversations.claim(c, row.id, b"s" * 16, stage.clock.unix())
        conversations.answered(c, row.id, row.due)

    if is_answered:
        row = await stage.only_row()
        await sweep.work.database.write(answer)
    stage.clock.turn(23 * HOUR)
    await sweep.run()
    assert "waiting_a_day" not in sweep.health.report()["alarms"]
    stage.clock.turn(HOUR - 600)
    await sweep.run()
    assert ("waiting_a_day" in sweep.health.report()["alarms"]) is not is_answered
