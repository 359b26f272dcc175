"""Status, alarms, and the clock that can or cannot be believed."""

import pytest

from intake_server.keeper.clock_watch import ClockBehind
from tests.vault.slot_parts import FailingDisk
from vault.keeper_protocol import KeeperFailed, NotYours, Verb
from vault.slot_files import TWIN_NAME

HOUR = 3600


async def test_status_tells_numbers_and_no_people(hotline):
    client, made = await hotline.write_in()
    await hotline.message_in()
    status = await hotline.operator.status()
    assert status["live"] == {"conversation": 2, "address": 1, "staff": 1}
    assert status["records"] == 128
    assert status["share_used"] == round(4 / 128, 4)
    assert (status["damaged"], status["repaired"], status["alarms"]) == (0, 0, {})
    assert not status["clock_in_doubt"]
    assert status["people"] == 1
    text = repr(status)
    for secret in (client.conversation_id, client.lookup_tag, made.reference.tag):
        assert secret.hex() not in text


async def test_the_operators_verbs_are_nobody_elses(hotline):
    for verb in (Verb.STATUS, Verb.CLOCK_IS_RIGHT, Verb.ADOPT):
        for peer in (hotline.web, hotline.desk, hotline.courier, hotline.caretaker):
            with pytest.raises(NotYours):
                await peer._link.ask(verb)


async def test_the_operator_gets_no_inner_blob(hotline):
    for verb in (Verb.OPEN_TEAM_WRAP, Verb.OPEN_CLIENT_WRAP, Verb.OPEN_ADDRESS, Verb.SIGN_IN):
        with pytest.raises(NotYours):
            await hotline.operator._link.ask(verb)


# --- clock --------------------------------------------------------------------------------


async def doubt(hotline):
    return (await hotline.operator.status())["clock_in_doubt"]


async def test_a_clock_behind_the_last_recorded_time_does_not_start(hotline):
    await hotline.keeper.watch.record()
    hotline.clock.set_wall(by=-61)
    await hotline.close()
    with pytest.raises(ClockBehind, match="61 seconds"):
        await hotline.open()
    hotline.clock.set_wall(by=1)
    await hotline.open()


async def test_a_gap_of_more_than_48_hours_puts_the_clock_in_doubt(hotline):
    await hotline.keeper.watch.record()
    hotline.clock.turn(48 * HOUR)
    await hotline.restart()
    assert not await doubt(hotline)
    hotline.clock.turn(48 * HOUR + 1)
    await hotline.restart()
    assert await doubt(hotline)
    assert "clock_in_doubt" in (await hotline.operator.status())["alarms"]


async def test_doubt_outlives_a_restart_until_the_operator_ends_it(hotline):
    hotline.clock.turn(49 * HOUR)
    await hotline.restart()
    await hotline.restart()
    assert await doubt(hotline)
    await hotline.operator.clock_is_right()
    assert not await doubt(hotline)
    assert (await hotline.operator.status())["alarms"] == {}
    await hotline.restart()
    assert not await doubt(hotline)


@pytest.mark.parametrize(("jump", "is_doubted"), [(3600, False), (3601, True), (-3601, True)])
async def test_wall_and_monotonic_clock_may_part_by_an_hour_between_two_looks(
    hotline, jump, is_doubted
):
    hotline.clock.set_wall(by=jump)
    await hotline.keeper.watch.record()
    assert await doubt(hotline) == is_doubted


async def test_while_in_doubt_the_time_is_not_recorded(hotline):
    before = (await hotline.operator.status())["last_time"]
    hotline.clock.set_wall(by=10 * HOUR)
    await hotline.keeper.watch.record()
    status = await hotline.operator.status()
    assert status["last_time"] == before
    await hotline.operator.clock_is_right()
    assert (await hotline.operator.status())["last_time"] == hotline.now()


@pytest.mark.parametrize(("step", "is_doubted"), [(50 * 60, True), (-50 * 60, True), (20, False)])
async def test_a_clock_may_not_creep_away_by_more_than_an_hour_in_total(hotline, step, is_doubted):
    for _ in range(3):
        hotline.clock.turn(HOUR)
        hotline.clock.set_wall(by=step)
        await hotline.keeper.watch.record()
    assert await doubt(hotline) == is_doubted


async def test_the_operators_word_starts_the_count_of_creeping_anew(hotline):
    for _ in range(2):
        hotline.clock.set_wall(by=50 * 60)
        await hotline.keeper.watch.record()
    assert await doubt(hotline)
    await hotline.operator.clock_is_right()
    hotline.clock.set_wall(by=50 * 60)
    await hotline.keeper.watch.record()
    assert not await doubt(hotline)
    hotline.clock.set_wall(by=50 * 60)
    await hotline.keeper.watch.record()
    assert await doubt(hotline)


async def test_time_that_passes_is_no_jump(hotline):
    hotline.clock.turn(1000 * HOUR)
    await hotline.keeper.watch.record()
    assert not await doubt(hotline)


# --- disk ---------------------------------------------------------------------------------


async def test_a_refusing_disk_fails_writes_and_the_keeper_goes_on(short_dir):
    from tests.intake_server.keeper.world import Hotline

    disk = FailingDisk()
    hotline = Hotline(short_dir)
    await hotline.open(disk=disk)
    await hotline.set_up()
    client, made = await hotline.write_in()
    disk.sync_fails = True
    for failing in (
        hotline.write_in(),
        hotline.erase(client),
        hotline.change_due(client, hotline.now()),
        hotline.close_conversation(hotline.first, made.reference),
        hotline.hire("Ben", 1),
        hotline.message_in(),
    ):
        with pytest.raises(KeeperFailed):
            await failing
    assert (await hotline.web.find(client.lookup_tag)).due == made.due
    assert "disk_refused" in (await hotline.operator.status())["alarms"]
    assert len((await hotline.web.roster()).entries) == 1
    disk.mend()
    assert await hotline.write_in()
    await hotline.erase(client)
    await hotline.hire("Ben", 1)
    await hotline.keeper.watch.record()
    assert (await hotline.operator.status())["alarms"] == {}
    await hotline.close()


async def test_a_missing_twin_is_made_again_with_an_alarm(hotline):
    client, _ = await hotline.write_in()
    await hotline.close()
    (hotline.folder / "keeper" / TWIN_NAME).unlink()
    await hotline.open()
    assert await hotline.web.find(client.lookup_tag)
    assert "file_was_missing" in (await hotline.operator.status())["alarms"]


async def test_alarms_are_logged_once_and_without_anything_of_a_request(hotline):
    client, _ = await hotline.write_in()
    hotline.clock.set_wall(by=10 * HOUR)
    for _ in range(3):
        await hotline.keeper.watch.record()
    log = hotline.log.getvalue()
    assert log.count("clock_in_doubt") == 1
    for secret in (client.conversation_id, client.lookup_tag):
        assert secret.hex() not in log
