"""Signing in: one answer for whatever is wrong, lock-out, codes used once."""

import pytest

from tests.intake_server.keeper.world import Member
from vault.keeper_protocol import Busy, NoRoot, Refused
from vault.keeper_requests import open_answer
from vault.roster import EntryType, Role, removal_payload
from vault.sealing import CannotOpen, Secret, new_box_keys, random_bytes
from vault.slot_files import SystemDisk
from vault.slot_index import Key
from vault.wraps import open_grant, open_staff_wrap


async def staff_record(hotline):
    (slot,) = await hotline.keeper.slots.find((Key.LOGIN, hotline.first.login_tag))
    return hotline.keeper.slots.get(slot)


async def fail(hotline, **changes):
    changes = changes or {"authentication": Secret(random_bytes(32))}
    with pytest.raises(Refused):
        await hotline.sign_in(hotline.first, **changes)


async def test_a_member_signs_in_and_gets_wrap_and_grant(hotline):
    first = hotline.first
    signed_in, (staff_id, roles, wrap, grant) = await hotline.sign_in(first)
    assert signed_in.staff_id == staff_id == first.staff_id
    assert roles == bytes((signed_in.roles,)) == b"\x07"
    assert open_staff_wrap(first.wrapping, first.staff_id, wrap) == first.seed
    assert open_grant(first.keys.box, grant, 1) == hotline.team_seeds[0]


async def test_everything_wrong_is_one_answer(hotline):
    stranger = random_bytes(16)
    for changes in (
        {"login_tag": stranger},
        {"authentication": Secret(random_bytes(32))},
        {"totp_code": (hotline.first.code(hotline.now()) + 1) % 10**6},
    ):
        with pytest.raises(Refused) as caught:
            await hotline.sign_in(hotline.first, **changes)
        assert str(caught.value) == "refused"


async def test_before_set_up_there_is_no_root(empty):
    with pytest.raises(NoRoot):
        await empty.sign_in(Member("Ada"))


async def test_the_salt_is_the_persons_or_a_made_up_one_that_stays(hotline):
    assert await hotline.desk.sign_in_salt(hotline.first.login_tag) == hotline.first.salt
    unknown = random_bytes(16)
    made_up = await hotline.desk.sign_in_salt(unknown)
    assert len(made_up) == 16
    await hotline.restart()
    assert await hotline.desk.sign_in_salt(unknown) == made_up
    assert await hotline.desk.sign_in_salt(random_bytes(16)) != made_up


async def test_a_code_is_good_one_step_either_side(hotline):
    for seconds in (-30, 0, 30):
        hotline.clock.turn(300)
        code = hotline.first.code(hotline.now() + seconds)
        assert await hotline.sign_in(hotline.first, totp_code=code)
    hotline.clock.turn(300)
    for seconds in (-60, 60):
        await fail(hotline, totp_code=hotline.first.code(hotline.now() + seconds))


async def test_a_code_is_used_once_and_earlier_ones_never_again(hotline):
    code = hotline.first.code(hotline.now())
    await hotline.sign_in(hotline.first)
    await fail(hotline, totp_code=code)
    await fail(hotline, totp_code=hotline.first.code(hotline.now() - 30))
    await hotline.restart()
    await fail(hotline, totp_code=code)
    assert await hotline.sign_in(hotline.first, totp_code=hotline.first.code(hotline.now() + 30))


async def test_a_wrong_password_does_not_use_up_the_code(hotline):
    await fail(hotline)
    assert await hotline.sign_in(hotline.first)


async def test_five_failures_lock_for_a_minute_each_further_one_twice_as_long(hotline):
    for _ in range(5):
        await fail(hotline)
    minutes = []
    for _ in range(8):
        with pytest.raises(Busy) as caught:
            await hotline.sign_in(hotline.first)
        assert caught.value.seconds % 60 == 0
        minutes.append(caught.value.seconds // 60)
        hotline.clock.turn(caught.value.seconds)
        await fail(hotline)
    assert minutes == [1, 2, 4, 8, 16, 32, 60, 60]


async def test_the_lock_outlives_a_restart_and_success_ends_the_count(hotline):
    for _ in range(5):
        await fail(hotline)
    await hotline.restart()
    with pytest.raises(Busy):
        await hotline.sign_in(hotline.first)
    hotline.clock.turn(60)
    await hotline.sign_in(hotline.first)
    assert (await staff_record(hotline)).failures == 0
    for _ in range(4):
        await fail(hotline)
    hotline.clock.turn(30)
    assert await hotline.sign_in(hotline.first)


async def test_a_right_password_while_locked_changes_nothing(hotline):
    for _ in range(5):
        await fail(hotline)
    before = await staff_record(hotline)
    with pytest.raises(Busy):
        await hotline.sign_in(hotline.first)
    assert await staff_record(hotline) == before


class CountingDisk(SystemDisk):
    """A disk that counts what it is asked."""

    def __init__(self):
        self.writes = self.syncs = 0

    def write(self, fd, data, offset):
        self.writes += 1
        super().write(fd, data, offset)

    def sync(self, fd):
        self.syncs += 1
        super().sync(fd)


async def test_locked_wrong_and_unknown_names_cost_the_same_writes(hotline):
    disk = CountingDisk()
    await hotline.restart(disk=disk)

    async def cost(**changes):
        before = disk.writes, disk.syncs
        with pytest.raises((Refused, Busy)) as caught:
            await hotline.sign_in(hotline.first, **changes)
        return caught.type, disk.writes - before[0], disk.syncs - before[1]

    wrong = {"authentication": Secret(random_bytes(32))}
    costs = [await cost(**wrong) for _ in range(5)]
    assert set(costs) == {(Refused, 2, 2)}
    assert await cost(**wrong) == await cost() == (Busy, 2, 2)
    for _ in range(2):
        assert await cost(login_tag=random_bytes(16)) == (Refused, 2, 2)


async def test_stale_and_reused_nonces_are_refused_and_not_counted(hotline):
    request, *_ = await hotline.sign_in_request(hotline.first)
    hotline.clock.turn(121)
    with pytest.raises(Refused):
        await hotline.desk.sign_in(request, hotline.staff_wrap)
    request, *_ = await hotline.sign_in_request(hotline.first)
    await hotline.desk.sign_in(request, hotline.staff_wrap)
    with pytest.raises(Refused):
        await hotline.desk.sign_in(request, hotline.staff_wrap)
    nonce = await hotline.web.nonce()
    with pytest.raises(Refused):
        await hotline.sign_in(hotline.first, nonce=nonce)
    assert (await staff_record(hotline)).failures == 0


async def test_a_wrap_that_is_not_theirs_does_not_open(hotline):
    for wrap in (b"", random_bytes(len(hotline.staff_wrap))):
        hotline.clock.turn(60)
        request, *_ = await hotline.sign_in_request(hotline.first)
        with pytest.raises(Refused):
            await hotline.desk.sign_in(request, wrap)


async def test_a_reply_key_of_low_order_is_refused(hotline):
    with pytest.raises(Refused):
        await hotline.sign_in(hotline.first, reply_key=bytes(32))


async def test_removal_ends_signing_in_and_forgets_the_record(hotline):
    boss = await hotline.hire("Bea", Role.ADMIN | Role.COUNSELLOR)
    await hotline.put_grant(hotline.first, boss, 1, hotline.team_seeds[0])
    await hotline.append(EntryType.REMOVAL, removal_payload(hotline.first.staff_id), signer=boss)
    with pytest.raises(Refused):
        await hotline.sign_in(hotline.first)
    assert (await hotline.operator.status())["live"]["staff"] == 0
    salt = await hotline.desk.sign_in_salt(hotline.first.login_tag)
    assert salt != hotline.first.salt


async def test_only_the_asker_reads_the_answer(hotline):
    request, _, nonce = await hotline.sign_in_request(hotline.first)
    signed_in = await hotline.desk.sign_in(request, hotline.staff_wrap)
    with pytest.raises(CannotOpen):
        open_answer(new_box_keys(), nonce, signed_in.answer)
