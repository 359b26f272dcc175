"""Forgetting by time, what lives, the commit counter, orphans."""

import asyncio

import pytest

from intake_server.keeper.caretaker_work import DAY
from tests.intake_server.keeper.world import Hotline
from vault.keeper_protocol import ClockInDoubt, NotYours, Reference, Refused, Verb
from vault.keeper_requests import Periods
from vault.sealing import random_bytes

HOUR = 3600


async def current(hotline: Hotline, counter: int = 1) -> None:
    """Report the database that belongs to this keeper."""
    pairing_id = (await hotline.caretaker.hello()).pairing_id
    assert await hotline.caretaker.report_counter(pairing_id, counter) == 0


# --- due ----------------------------------------------------------------------------------


async def test_what_is_due_is_forgotten_and_nothing_else(hotline, refused):
    early, made = await hotline.write_in(periods=Periods(1, 24, 1))
    late, _ = await hotline.write_in()
    assert await hotline.caretaker.forget_due(100) == ([], False)
    hotline.clock.turn(HOUR - 60)
    assert await hotline.caretaker.forget_due(100) == ([], False)
    hotline.clock.turn(60)
    (freed,), more = await hotline.caretaker.forget_due(100)
    assert (freed.reference, freed.kind) == (made.reference, 1)
    assert freed.conversation_id == early.conversation_id
    assert not more
    with refused:
        await hotline.web.find(early.lookup_tag)
    assert await hotline.web.find(late.lookup_tag)


async def test_a_limit_leaves_the_rest_for_the_next_time(hotline):
    for _ in range(10):
        await hotline.write_in(periods=Periods(1, 24, 1))
    hotline.clock.turn(HOUR)
    seen = []
    more = True
    while more:
        freed, more = await hotline.caretaker.forget_due(4)
        assert len(freed) <= 4
        seen += freed
    assert len({each.reference for each in seen}) == 10


async def test_an_address_goes_with_its_conversation(hotline):
    _, made = await hotline.message_in(periods=Periods(1, 24, 1), address_hours=100)
    hotline.clock.turn(HOUR)
    freed, _ = await hotline.caretaker.forget_due(100)
    assert {each.reference for each in freed} == {made.reference, made.address}


async def test_a_limit_of_one_does_not_part_them(hotline):
    await hotline.message_in(periods=Periods(1, 24, 1))
    hotline.clock.turn(HOUR)
    assert await hotline.caretaker.forget_due(1) == ([], True)
    freed, more = await hotline.caretaker.forget_due(2)
    assert (len(freed), more) == (2, False)


async def test_an_address_without_a_living_conversation_goes(hotline):
    _, made = await hotline.message_in()
    await hotline.keeper.slots.quiet(made.reference.slot)
    await hotline.keeper.slots.write({made.reference.slot: None})
    (freed,), _ = await hotline.caretaker.forget_due(100)
    assert freed.reference == made.address


async def test_a_hold_puts_it_off_until_its_end(hotline):
    _, made = await hotline.write_in(periods=Periods(1, 1000, 1))
    now = hotline.now()
    await hotline.hold(hotline.first, made.reference, now + 10 * HOUR)
    hotline.clock.turn(9 * HOUR)
    assert await hotline.caretaker.forget_due(100) == ([], False)
    hotline.clock.turn(HOUR)
    assert len((await hotline.caretaker.forget_due(100))[0]) == 1


async def test_a_hold_never_reaches_past_latest(hotline):
    _, made = await hotline.write_in(periods=Periods(1, 5, 1))
    until, _ = await hotline.hold(hotline.first, made.reference, hotline.now() + 100 * HOUR)
    assert until == made.latest
    hotline.clock.turn(5 * HOUR)
    assert len((await hotline.caretaker.forget_due(100))[0]) == 1


async def test_the_client_erases_what_is_held(hotline, refused):
    client, made = await hotline.write_in()
    await hotline.hold(hotline.first, made.reference, hotline.now() + 100 * HOUR)
    await hotline.erase(client)
    with refused:
        await hotline.web.slot_keys(made.reference)


async def test_everything_may_go_at_once_when_it_is_due(hotline):
    for _ in range(60):
        await hotline.write_in(periods=Periods(1, 24, 1))
    hotline.clock.turn(HOUR)
    freed, _ = await hotline.caretaker.forget_due(1000)
    assert len(freed) == 60


async def test_staff_never_goes_by_time(hotline):
    hotline.clock.turn(400 * DAY)
    await hotline.operator.clock_is_right()
    assert await hotline.caretaker.forget_due(100) == ([], False)
    assert (await hotline.operator.status())["live"]["staff"] == 1


async def test_a_clock_in_doubt_pauses_forgetting_but_not_the_client(hotline):
    client, _ = await hotline.write_in(periods=Periods(1, 24, 1))
    await hotline.write_in(periods=Periods(1, 24, 1))
    hotline.clock.set_wall(by=2 * HOUR)
    with pytest.raises(ClockInDoubt):
        await hotline.caretaker.forget_due(100)
    await hotline.erase(client)
    await hotline.operator.clock_is_right()
    assert len((await hotline.caretaker.forget_due(100))[0]) == 1


# --- what lives ---------------------------------------------------------------------------


async def test_live_says_of_each_whether_it_lives(hotline):
    client, made = await hotline.write_in()
    _, other = await hotline.message_in()
    gone, dead = await hotline.write_in()
    await hotline.erase(gone)
    asked = [
        made.reference,
        dead.reference,
        other.address,
        Reference(made.reference.slot, random_bytes(16)),
        Reference(2**32 - 1, random_bytes(16)),
        other.reference,
    ]
    for peer in (hotline.caretaker, hotline.operator):
        assert await peer.live(asked) == [True, False, True, False, False, True]
    assert await hotline.caretaker.live([]) == []
    assert len(await hotline.caretaker.live([made.reference] * 7000)) == 7000
    assert await hotline.web.find(client.lookup_tag)


async def test_all_live_lists_conversations_and_addresses_page_by_page_and_no_staff(hotline):
    expected = set()
    for _ in range(10):
        client, made = await hotline.write_in()
        expected.add((made.reference, 1, client.conversation_id))
        asked, both = await hotline.message_in()
        expected.add((both.reference, 1, asked.conversation_id))
        expected.add((both.address, 2, asked.conversation_id))
    for peer in (hotline.caretaker, hotline.operator):
        seen, after, more = [], None, True
        while more:
            page, more = await peer.all_live(after, limit=7)
            assert len(page) <= 7
            seen += page
            after = page[-1].reference.slot if page else after
        assert {(each.reference, each.kind, each.conversation_id) for each in seen} == expected
        assert {each.created for each in seen} == {hotline.now() // 60}


# --- the database's counter ---------------------------------------------------------------


async def test_a_database_below_the_highest_reported_is_old(hotline):
    pairing_id = (await hotline.caretaker.hello()).pairing_id
    report = hotline.caretaker.report_counter
    assert await report(pairing_id, 10) == 0
    assert await report(pairing_id, 10) == 0
    assert await report(pairing_id, 9) == 1
    assert "database_is_old" in (await hotline.operator.status())["alarms"]
    await hotline.restart()
    assert await report(pairing_id, 9) == 1
    assert await report(pairing_id, 11) == 0
    assert "database_is_old" not in (await hotline.operator.status())["alarms"]


async def test_a_database_of_another_pairing_is_told(hotline):
    assert await hotline.caretaker.report_counter(random_bytes(16), 10) == 2
    assert "database_of_another_pairing" in (await hotline.operator.status())["alarms"]


async def test_restore_adopts_an_older_database_or_another_pairing(hotline):
    pairing_id = (await hotline.caretaker.hello()).pairing_id
    await hotline.caretaker.report_counter(pairing_id, 10)
    await hotline.operator.adopt(pairing_id, 3)
    assert await hotline.caretaker.report_counter(pairing_id, 4) == 0
    other = random_bytes(16)
    await hotline.operator.adopt(other, 1)
    assert (await hotline.caretaker.hello()).pairing_id == other
    assert await hotline.caretaker.report_counter(other, 1) == 0
    assert (await hotline.operator.status())["alarms"] == {}


# --- orphans ------------------------------------------------------------------------------


async def test_an_orphan_is_freed_after_a_day_with_a_current_database(hotline, refused):
    _, made = await hotline.write_in()
    await current(hotline)
    assert await hotline.caretaker.free_orphans([made.reference]) == 0
    hotline.clock.turn(DAY - 60)
    assert await hotline.caretaker.free_orphans([made.reference]) == 0
    hotline.clock.turn(60)
    assert await hotline.caretaker.free_orphans([made.reference]) == 1
    with refused:
        await hotline.web.slot_keys(made.reference)


async def test_an_orphan_takes_its_address_along(hotline):
    _, made = await hotline.message_in()
    await current(hotline)
    hotline.clock.turn(DAY)
    assert await hotline.caretaker.free_orphans([made.reference]) == 1
    assert (await hotline.operator.status())["live"]["address"] == 0


@pytest.mark.parametrize("how", ["opened", "wrote", "date", "read", "replied", "closed", "held"])
async def test_what_anybody_ever_proved_something_about_is_no_orphan(hotline, how):
    client, made = await hotline.write_in()
    first, reference = hotline.first, made.reference
    if how == "opened":
        await hotline.open_client_wrap(client, made.client_wrap)
    elif how == "wrote":
        await hotline.client_wrote(client)
    elif how == "date":
        await hotline.change_due(client, made.due)
    elif how == "read":
        await hotline.open_team_wrap(first, made)
    elif how == "replied":
        await hotline.reply(first, reference)
    elif how == "closed":
        await hotline.close_conversation(first, reference)
        await hotline.change_due(client, made.due)
    else:
        await hotline.hold(first, reference, hotline.now() + 100 * HOUR)
    await current(hotline)
    hotline.clock.turn(DAY + HOUR)
    assert await hotline.caretaker.free_orphans([reference]) == 0
    assert await hotline.web.find(client.lookup_tag)


async def test_without_a_current_database_nothing_is_an_orphan(hotline, refused):
    _, made = await hotline.write_in()
    hotline.clock.turn(DAY)
    with refused:
        await hotline.caretaker.free_orphans([made.reference])
    await current(hotline, counter=5)
    pairing_id = (await hotline.caretaker.hello()).pairing_id
    await hotline.caretaker.report_counter(pairing_id, 4)
    with refused:
        await hotline.caretaker.free_orphans([made.reference])
    assert await hotline.web.slot_keys(made.reference)


async def test_more_than_a_few_orphans_a_day_are_refused_with_an_alarm(hotline, refused):
    made = [(await hotline.write_in())[1].reference for _ in range(30)]
    await current(hotline)
    hotline.clock.turn(DAY)
    with refused:
        await hotline.caretaker.free_orphans(made[:11])
    assert "too_many_orphans" in (await hotline.operator.status())["alarms"]
    assert await hotline.caretaker.free_orphans(made[:10]) == 10
    with refused:
        await hotline.caretaker.free_orphans(made[10:11])
    hotline.clock.turn(DAY)
    assert await hotline.caretaker.free_orphans(made[10:11]) == 1


async def test_requests_side_by_side_free_no_more_than_one_after_the_other(hotline):
    made = [(await hotline.write_in())[1].reference for _ in range(80)]
    await current(hotline)
    hotline.clock.turn(DAY)
    answers = await asyncio.gather(
        *(hotline.caretaker.free_orphans(made[at : at + 10]) for at in range(0, 80, 10)),
        return_exceptions=True,
    )
    assert sorted(answer for answer in answers if isinstance(answer, int)) == [10]
    assert all(isinstance(each, Refused) for each in answers if not isinstance(each, int))
    assert (await hotline.operator.status())["live"]["conversation"] == 70


async def test_only_conversations_are_orphans(hotline):
    _, made = await hotline.message_in()
    await current(hotline)
    hotline.clock.turn(DAY)
    odd = [made.address, Reference(0, random_bytes(16)), Reference(2**32 - 1, bytes(16))]
    assert await hotline.caretaker.free_orphans(odd) == 0
    assert await hotline.caretaker.free_orphans([]) == 0
    assert await hotline.caretaker.free_orphans([made.reference, made.reference]) == 1


async def test_orphans_wait_for_a_clock_that_is_trusted(hotline):
    _, made = await hotline.write_in()
    await current(hotline)
    hotline.clock.set_wall(by=2 * DAY)
    with pytest.raises(ClockInDoubt):
        await hotline.caretaker.free_orphans([made.reference])


# --- keys and verbs -----------------------------------------------------------------------


async def test_another_key_than_the_rosters_is_refused_with_an_alarm(hotline, refused):
    await hotline.caretaker.announce(hotline.caretaker_keys.public)
    with refused:
        await hotline.caretaker.announce(random_bytes(32))
    assert "caretaker_has_other_keys" in (await hotline.operator.status())["alarms"]


async def test_the_verbs_of_others_are_not_the_caretakers(hotline):
    for verb in (Verb.ERASE, Verb.COURIER_ERASE, Verb.OPEN_TEAM_WRAP, Verb.ADOPT, Verb.HOLD):
        with pytest.raises(NotYours):
            await hotline.caretaker._link.ask(verb)
