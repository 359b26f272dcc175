"""The first person: token, request, prepare, pin; repeated, interrupted, forged."""

from dataclasses import replace

import pytest

from tests.intake_server.keeper.world import Member
from vault.keeper_protocol import BadRequest, Busy, Refused
from vault.keeper_requests import set_up_mac
from vault.roster import Role, root_fingerprint, sign_founding
from vault.sealing import Secret, mac, pack, random_bytes, sign_keys

HALF_AN_HOUR = 1800


@pytest.fixture
async def announced(empty):
    await empty.announce()
    return empty


async def live_staff(hotline) -> int:
    return (await hotline.operator.status())["live"]["staff"]


async def test_the_keys_come_under_the_token(announced):
    token = await announced.operator.set_up_token()
    assert token.ends == announced.now() + HALF_AN_HOUR
    keys = await announced.desk.set_up_keys()
    courier = announced.courier_keys
    fields = (
        *(courier.box.public, courier.sign.public),
        *(announced.caretaker_keys.public, (await announced.desk.hello()).start_key),
    )
    assert (
        *(keys.courier_box_key, keys.courier_sign_key),
        *(keys.caretaker_sign_key, keys.start_key),
    ) == fields
    assert keys.mac == mac(token.token, pack(*fields))


async def test_keys_wait_for_courier_and_caretaker(empty):
    await empty.operator.set_up_token()
    with pytest.raises(Busy):
        await empty.desk.set_up_keys()
    await empty.caretaker.announce(empty.caretaker_keys.public)
    with pytest.raises(Busy):
        await empty.desk.set_up_keys()
    await empty.announce()
    assert await empty.desk.set_up_keys()


async def test_without_a_living_token_nothing_is_set_up(announced, refused):
    with refused:
        await announced.desk.set_up_keys()
    request, mac_ = await announced.set_up_request()
    announced.clock.turn(HALF_AN_HOUR)
    with refused:
        await announced.desk.set_up_keys()
    with refused:
        await announced.desk.set_up_prepare(request, mac_)
    assert await live_staff(announced) == 0


async def test_a_new_token_ends_the_one_before(announced, refused):
    request, mac_ = await announced.set_up_request()
    await announced.operator.set_up_token()
    with refused:
        await announced.desk.set_up_prepare(request, mac_)


async def test_prepared_is_not_yet_able_to_sign_in(announced):
    request, mac_ = await announced.set_up_request()
    prepared = await announced.desk.set_up_prepare(request, mac_)
    assert prepared.staff_id == announced.first.staff_id
    assert prepared.login_tag == announced.first.login_tag
    assert await live_staff(announced) == 1
    salt = await announced.desk.sign_in_salt(announced.first.login_tag)
    assert salt != announced.first.salt
    assert (await announced.desk.hello()).root is None


async def test_pinned_the_root_is_told_and_nothing_more_is_set_up(announced, refused):
    request, mac_ = await announced.set_up_request()
    await announced.desk.set_up_prepare(request, mac_)
    root = await announced.desk.set_up_pin(request, mac_)
    assert root == root_fingerprint(announced.root.public)
    assert (await announced.web.hello()).root == root
    status = await announced.operator.status()
    assert status["root_pinned"]
    assert len(status["fingerprint_words"]) == 8
    assert status["people"] == 1
    with refused:
        await announced.operator.set_up_token()
    with refused:
        await announced.desk.set_up_keys()


async def test_every_step_may_be_repeated(announced):
    request, mac_ = await announced.set_up_request()
    prepared = [await announced.desk.set_up_prepare(request, mac_) for _ in range(3)]
    assert len(set(prepared)) == 1
    announced.clock.turn(HALF_AN_HOUR)
    roots = {await announced.desk.set_up_pin(request, mac_) for _ in range(3)}
    assert len(roots) == 1
    assert await announced.desk.set_up_prepare(request, mac_) == prepared[0]
    await announced.restart()
    assert {await announced.desk.set_up_pin(request, mac_)} == roots
    again = await announced.desk.set_up_prepare(request, mac_)
    assert again == replace(prepared[0], staff_wrap=None)
    assert await live_staff(announced) == 1


async def test_after_pinning_another_request_is_refused(announced, refused):
    request, mac_ = await announced.set_up_request()
    other = announced.set_up_body().sealed((await announced.desk.hello()).start_key)
    await announced.desk.set_up_prepare(request, mac_)
    await announced.desk.set_up_pin(request, mac_)
    for verb in (announced.desk.set_up_prepare, announced.desk.set_up_pin):
        with refused:
            await verb(other, mac_)
        with refused:
            await verb(request, random_bytes(32))
    await announced.restart()
    with refused:
        await announced.desk.set_up_prepare(other, mac_)


async def test_nothing_is_pinned_that_was_not_prepared(announced, refused):
    request, mac_ = await announced.set_up_request()
    with refused:
        await announced.desk.set_up_pin(request, mac_)
    await announced.desk.set_up_prepare(request, mac_)
    with refused:
        await announced.desk.set_up_pin(request, random_bytes(32))
    assert (await announced.desk.hello()).root is None


async def test_another_request_under_the_same_token_takes_the_place_of_the_first(announced):
    """A mistyped code is put right without a new link, and nothing is left of the first try."""
    token = (await announced.operator.set_up_token()).token
    start_key = (await announced.desk.hello()).start_key

    def signed(body):
        request = body.sealed(start_key)
        return request, set_up_mac(token, request)

    with pytest.raises(Refused):
        await announced.desk.set_up_prepare(*signed(announced.set_up_body(code=1)))
    first = signed(announced.set_up_body())
    await announced.desk.set_up_prepare(*first)
    second = signed(announced.set_up_body())
    await announced.desk.set_up_prepare(*second)
    assert await live_staff(announced) == 1
    with pytest.raises(Refused):
        await announced.desk.set_up_pin(*first)
    assert await announced.desk.set_up_pin(*second)


async def test_a_set_up_that_stops_before_pinning_starts_over(announced, refused):
    request, mac_ = await announced.set_up_request()
    await announced.desk.set_up_prepare(request, mac_)
    await announced.restart()
    assert await live_staff(announced) == 0
    with refused:
        await announced.desk.set_up_pin(request, mac_)
    announced.clock.turn(60)
    await announced.set_up()
    assert await announced.sign_in(announced.first)


async def test_a_new_link_frees_what_was_prepared(announced, refused):
    request, mac_ = await announced.set_up_request()
    await announced.desk.set_up_prepare(request, mac_)
    await announced.operator.set_up_token()
    assert await live_staff(announced) == 0
    with refused:
        await announced.desk.set_up_pin(request, mac_)


async def prepare_with(hotline, **changes):
    return await hotline.desk.set_up_prepare(*await hotline.set_up_request(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"courier_box_key": random_bytes(32)},
        {"courier_sign_key": random_bytes(32)},
        {"caretaker_sign_key": random_bytes(32)},
        {"code": 10**6},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_a_request_that_does_not_fit_is_refused(announced, refused, changes):
    keys = {
        name: sign_keys(Secret(value)).public
        for name, value in changes.items()
        if isinstance(value, bytes)
    }
    with refused:
        await prepare_with(announced, **{**changes, **keys})
    assert await live_staff(announced) == 0


@pytest.mark.parametrize("roles", [Role.ADMIN, Role.COUNSELLOR | Role.ADMIN])
async def test_the_first_person_is_counsellor_and_admin(announced, roles):
    changes = {"person": announced.first.person(roles)}
    if Role.COUNSELLOR in roles:
        assert await prepare_with(announced, **changes)
    else:
        with pytest.raises(Refused):
            await prepare_with(announced, **changes)


async def test_a_founding_entry_that_does_not_hold_is_refused(announced, refused):
    token = (await announced.operator.set_up_token()).token
    start_key = (await announced.desk.hello()).start_key
    body = announced.set_up_body()
    stranger = sign_founding(
        announced.founding(root_key=sign_keys(Secret(bytes(32))).public),
        sign_keys(Secret(bytes(32))),
        announced.now(),
    )
    for entry in (b"", body.founding_entry[:-1] + b"?", stranger + b"?"):
        request = replace(body, founding_entry=entry).sealed(start_key)
        with refused:
            await announced.desk.set_up_prepare(request, set_up_mac(token, request))
    request = replace(body, grant=body.grant[:2] + b"\x31" + body.grant[3:]).sealed(start_key)
    with pytest.raises(BadRequest):
        await announced.desk.set_up_prepare(request, set_up_mac(token, request))


async def test_the_code_that_set_it_up_is_used(announced, refused):
    await announced.set_up()
    announced.clock.turn(-60)
    with refused:
        await announced.sign_in(announced.first)


async def test_nobody_else_makes_a_token(announced):
    from vault.keeper_protocol import NotYours, Verb

    for peer in (announced.web, announced.desk, announced.courier, announced.caretaker):
        with pytest.raises(NotYours):
            await peer._link.ask(Verb.SET_UP_TOKEN)


async def test_a_name_that_is_not_the_first_persons_signs_nobody_in(announced, refused):
    await announced.set_up()
    with refused:
        await announced.sign_in(Member("Eve"))
