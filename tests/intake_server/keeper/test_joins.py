"""A code joins another chat to a conversation: once, for a while, and hardly to be guessed."""

import asyncio

import pytest

from intake_server.keeper import join_codes
from tests.intake_server.keeper.world import Client
from vault.keeper_joins import JoinKeeper
from vault.keeper_protocol import BadRequest, Busy, Reference, Refused
from vault.sealing import random_bytes
from vault.wraps import Address, open_address, seal_address

HOUR = 3600
SIGNAL, MATRIX = 2, 3


@pytest.fixture
def joins(hotline):
    return JoinKeeper(hotline.courier._link)


async def test_a_code_makes_an_address_for_the_same_conversation(hotline, joins):
    asked, made = await hotline.message_in()
    code = await joins.make_code(made.address)
    assert len(code) == 10
    assert code.isdigit()
    tag = random_bytes(32)
    joined = await joins.redeem(code, tag, MATRIX, 48)
    assert (joined.found.reference, joined.found.conversation_id) == (
        made.reference,
        asked.conversation_id,
    )
    assert joined.until == hotline.now() + 48 * HOUR
    assert await hotline.courier.find_address(tag) == joined.found
    inner = seal_address(
        hotline.courier_keys.box.public, Address(asked.conversation_id, "matrix", "room", "")
    )
    outer = await hotline.courier.seal_address(joined.found.address, inner)
    opened = await hotline.courier.open_address(joined.found.address, outer)
    there = open_address(hotline.courier_keys.box, opened.inner, asked.conversation_id)
    assert there.address == "room"


async def test_a_code_is_good_once(hotline, joins, refused):
    _, made = await hotline.message_in()
    code = await joins.make_code(made.address)
    await joins.redeem(code, random_bytes(32), MATRIX, 48)
    with refused:
        await joins.redeem(code, random_bytes(32), MATRIX, 48)


async def test_of_two_who_redeem_at_once_one_joins(hotline, joins):
    _, made = await hotline.message_in()
    code = await joins.make_code(made.address)
    tries = [joins.redeem(code, random_bytes(32), MATRIX, 48) for _ in range(5)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(isinstance(one, Refused) for one in done) == [False, True, True, True, True]


async def test_a_code_ends_after_a_quarter_of_an_hour_and_with_the_next(hotline, joins, refused):
    _, made = await hotline.message_in()
    first = await joins.make_code(made.address)
    second = await joins.make_code(made.address)
    with refused:
        await joins.redeem(first, random_bytes(32), MATRIX, 48)
    hotline.clock.turn(901)
    with refused:
        await joins.redeem(second, random_bytes(32), MATRIX, 48)


async def test_guessing_ends_soon_for_everybody_and_begins_again_later(hotline, joins, monkeypatch):
    monkeypatch.setattr(join_codes, "TRIES", 3)
    _, made = await hotline.message_in()
    code = await joins.make_code(made.address)
    wrong = f"{(int(code) + 1) % 10**10:010}"
    for _ in range(3):
        with pytest.raises(Refused):
            await joins.redeem(wrong, random_bytes(32), MATRIX, 48)
    with pytest.raises(Busy):
        await joins.redeem(code, random_bytes(32), MATRIX, 48)
    hotline.clock.turn(901)
    fresh = await joins.make_code(made.address)
    assert await joins.redeem(fresh, random_bytes(32), MATRIX, 48)


async def test_who_has_a_conversation_keeps_it(hotline, joins, refused):
    _, made = await hotline.message_in()
    asked, other = await hotline.message_in(Client())
    with refused:
        await joins.redeem(await joins.make_code(made.address), asked.address_tag, MATRIX, 48)
    assert (await hotline.courier.find_address(asked.address_tag)).reference == other.reference


async def test_a_conversation_takes_no_more_than_four(hotline, joins, refused):
    _, made = await hotline.message_in()
    for _ in range(3):
        await joins.redeem(await joins.make_code(made.address), random_bytes(32), MATRIX, 48)
    with refused:
        await joins.redeem(await joins.make_code(made.address), random_bytes(32), MATRIX, 48)


async def test_a_later_chat_of_the_same_messenger_takes_the_earlier_ones_place(
    hotline, joins, refused
):
    """From the moment that it is sealed; those of other messengers stay, and a repeat is quiet."""
    asked, made = await hotline.message_in()  # on Signal
    there = await joins.redeem(await joins.make_code(made.address), random_bytes(32), MATRIX, 48)
    await sealed(hotline, there)
    later = await joins.redeem(await joins.make_code(made.address), random_bytes(32), SIGNAL, 48)
    assert await hotline.courier.find_address(asked.address_tag)
    outer = await sealed(hotline, later)
    for _ in range(2):
        for gone in (
            hotline.courier.find_address(asked.address_tag),
            hotline.courier.open_address(made.address, made.outer_address),
            hotline.courier.open_address(made.address, outer),
            joins.make_code(made.address),
            hotline.courier.set_safe_hours(made.address, 0, 1),
            hotline.courier.client_wrote(made.address),
            hotline.courier.erase(made.address),
        ):
            with refused:
                await gone
        outer = await sealed(hotline, later)
    assert await hotline.courier.open_address(later.found.address, outer)
    assert await joins.make_code(there.found.address)


async def sealed(hotline, joined) -> bytes:
    at = Address(joined.found.conversation_id, "signal", "+49", "")
    inner = seal_address(hotline.courier_keys.box.public, at)
    return await hotline.courier.seal_address(joined.found.address, inner)


async def test_safe_hours_go_over_to_a_later_chat_of_the_same_messenger(hotline, joins):
    _, made = await hotline.message_in()
    await hotline.courier.set_safe_hours(made.address, 1080, 390)
    for channel, hours in ((MATRIX, (0, 0)), (SIGNAL, (1080, 390))):
        code = await joins.make_code(made.address)
        joined = await joins.redeem(code, random_bytes(32), channel, 48)
        outer = await sealed(hotline, joined)
        opened = await hotline.courier.open_address(joined.found.address, outer)
        assert (opened.begin, opened.end) == hours


async def test_safe_hours_outlive_the_keeper_and_are_minutes_of_the_day(hotline):
    _, made = await hotline.message_in()
    await hotline.courier.set_safe_hours(made.address, 1080, 1439)
    for wrong in ((1440, 0), (0, 1440)):
        with pytest.raises(BadRequest):
            await hotline.courier.set_safe_hours(made.address, *wrong)
    await hotline.close()
    await hotline.open()
    opened = await hotline.courier.open_address(made.address, made.outer_address)
    assert (opened.begin, opened.end) == (1080, 1439)


async def test_a_code_of_what_was_erased_joins_nothing(hotline, joins, refused):
    _, made = await hotline.message_in()
    code = await joins.make_code(made.address)
    await hotline.courier.erase(made.address)
    with refused:
        await joins.redeem(code, random_bytes(32), MATRIX, 48)


async def test_nobody_but_an_address_gets_a_code(hotline, joins, refused):
    _, made = await hotline.message_in()
    for reference in (made.reference, Reference(made.address.slot, random_bytes(16))):
        with refused:
            await joins.make_code(reference)


async def test_erasing_from_one_address_frees_all_of_them(hotline, joins):
    _, made = await hotline.message_in()
    tags = [random_bytes(32) for _ in range(3)]
    for tag in tags:
        joined = await joins.redeem(await joins.make_code(made.address), tag, MATRIX, 48)
    erased = await hotline.courier.erase(joined.found.address)
    assert erased.is_conversation_gone
    for tag in tags:
        with pytest.raises(Refused):
            await hotline.courier.find_address(tag)
    assert await hotline.caretaker.all_live() == ([], False)


async def test_each_address_has_its_own_clock(hotline, joins):
    asked, made = await hotline.message_in()  # 48 hours
    tag = random_bytes(32)
    joined = await joins.redeem(await joins.make_code(made.address), tag, MATRIX, 24)
    hotline.clock.turn(24 * HOUR)
    freed, _ = await hotline.caretaker.forget_due(100)
    assert [one.reference for one in freed] == [joined.found.address]
    assert await hotline.courier.find_address(asked.address_tag)


async def test_what_is_due_goes_with_every_address(hotline, joins):
    _, made = await hotline.message_in()
    await joins.redeem(await joins.make_code(made.address), random_bytes(32), MATRIX, 8760)
    hotline.clock.turn(400 * 24 * HOUR)
    freed, more = await hotline.caretaker.forget_due(100)
    assert (sorted(one.kind for one in freed), more) == ([1, 2, 2], False)


async def test_writing_and_erasing_side_by_side_leave_all_or_nothing(hotline, joins):
    _, made = await hotline.message_in()
    places = [made.address]
    for _ in range(3):
        code = await joins.make_code(made.address)
        places.append((await joins.redeem(code, random_bytes(32), MATRIX, 48)).found.address)
    calls = [hotline.courier.client_wrote(at) for at in places * 3]
    calls.insert(5, hotline.courier.erase(places[1]))
    done = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(one, Refused) or not isinstance(one, Exception) for one in done)
    assert await hotline.caretaker.all_live() == ([], False)
