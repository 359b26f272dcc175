"""A second person: invited, joined, let in; and what nobody becomes by any other way."""

from dataclasses import replace

import pytest

from intake_server.keeper.newcomers import INVITATION_LIFE, MOST, WAITING_LIFE
from tests.intake_server.keeper.world import Member
from vault.keeper_protocol import BadRequest, Verb
from vault.keeper_requests import make_proof, open_answer
from vault.roster import (
    RECOVERY_NAME,
    EntryType,
    Role,
    person_payload,
    removal_payload,
    sign_entry,
)
from vault.sealing import Secret, new_box_keys, pack, random_bytes, sign_keys, unpack
from vault.slot_records import RecordKind
from vault.wraps import open_grant, open_staff_wrap

COUNSELLOR = Role.COUNSELLOR


def staff_slots(hotline):
    return hotline.keeper.slots.live(RecordKind.STAFF)


async def joined(hotline, name="Ben", roles=COUNSELLOR):
    """Somebody who has joined and waits, with link and outer wrap."""
    ben = Member(name)
    link = await hotline.invite(hotline.first, ben, roles)
    answer = await hotline.join(link, ben)
    return ben, link, answer.staff_wrap


async def let_in(hotline, member, roles=COUNSELLOR):
    await hotline.append(EntryType.PERSON, person_payload(member.person(roles)))
    if COUNSELLOR in roles:
        await hotline.put_grant(hotline.first, member, 1, hotline.team_seeds[0])


async def test_invited_joined_let_in_signed_in(hotline):
    first = hotline.first
    ben = Member("Ben")
    link = await hotline.invite(first, ben, COUNSELLOR)
    told = await hotline.team.invitation(link.public)
    assert (told.staff_id, told.roles, told.is_joined) == (ben.staff_id, COUNSELLOR, False)
    assert told.until == hotline.now() + INVITATION_LIFE
    answer = await hotline.join(link, ben)
    assert (answer.staff_id, answer.login_tag) == (ben.staff_id, ben.login_tag)
    ((staff_id, roles, _, inviter, keys),), holders = await hotline.known_team(first)
    assert (staff_id, roles, inviter) == (ben.staff_id, bytes((COUNSELLOR,)), first.staff_id)
    assert ben.keys.box.public in keys
    assert ben.keys.sign.public in keys
    assert holders == {first.staff_id: 1}

    await hotline.restart()
    hotline.clock.turn(60)
    await let_in(hotline, ben)
    assert await hotline.known_team(first) == ([], {first.staff_id: 1, ben.staff_id: 1})
    signed_in, (_, _, wrap, grant) = await hotline.sign_in(ben, outer=answer.staff_wrap)
    assert signed_in.roles == COUNSELLOR
    assert open_staff_wrap(ben.wrapping, ben.staff_id, wrap) == ben.seed
    assert open_grant(ben.keys.box, grant, 1) == hotline.team_seeds[0]
    _, made = await hotline.write_in()
    assert await hotline.open_team_wrap(ben, made)
    hotline.clock.turn(60)
    assert await hotline.sign_in(first)


async def test_who_only_joined_does_not_sign_in_and_opens_nothing(hotline, refused):
    ben, _, wrap = await joined(hotline)
    hotline.clock.turn(60)
    with refused:
        await hotline.sign_in(ben, outer=wrap)
    _, made = await hotline.write_in()
    with refused:
        await hotline.open_team_wrap(ben, made)
    with refused:
        await hotline.known_team(ben)
    with refused:
        await hotline.put_grant(hotline.first, ben, 1, hotline.team_seeds[0])


@pytest.mark.parametrize("roles", [Role.COUNSELLOR, Role.AUDITOR])
async def test_neither_counsellor_nor_auditor_invites(hotline, refused, roles):
    other = await hotline.hire("Cem", roles)
    with refused:
        await hotline.invite(other, Member("Ben"), COUNSELLOR)
    ben, _, _ = await joined(hotline)
    with refused:
        await hotline.withdraw(other, ben.staff_id)


async def test_a_supervisor_invites_but_an_admin_lets_in(hotline, refused):
    cem = await hotline.hire("Cem", Role.SUPERVISOR)
    ben = Member("Ben")
    await hotline.join(await hotline.invite(cem, ben, COUNSELLOR), ben)
    roster, payload = await hotline.roster(), person_payload(ben.person(COUNSELLOR))
    with pytest.raises(ValueError, match="not an admin"):
        sign_entry(roster, EntryType.PERSON, payload, cem.staff_id, cem.keys.sign, hotline.now())
    await hotline.append(EntryType.PERSON, payload)
    with refused:
        await hotline.put_grant(cem, ben, 1, hotline.team_seeds[0])


async def test_a_link_works_once_and_the_same_request_again_is_the_same(hotline, refused):
    ben, link, _ = await joined(hotline)
    again = await hotline.join(link, ben)
    assert again.staff_wrap
    hotline.clock.turn(40)
    assert (await hotline.join(link, ben)).staff_wrap  # the code was checked the first time
    await hotline.restart()
    await hotline.join(link, ben)
    assert staff_slots(hotline) == 2
    eve = Member("Eve", staff_id=ben.staff_id)
    with refused:
        await hotline.join(link, eve)
    for change in ({"box_key": new_box_keys().public}, {"shown_name": "Other"}):
        with refused:
            await hotline.join(link, ben, **change)
    hotline.clock.turn(60)
    await let_in(hotline, ben)
    with refused:
        await hotline.join(link, ben)
    with refused:
        await hotline.team.invitation(link.public)


async def test_a_link_lives_a_day(hotline, refused):
    ben = Member("Ben")
    link = await hotline.invite(hotline.first, ben, COUNSELLOR)
    hotline.clock.turn(INVITATION_LIFE)
    with refused:
        await hotline.join(link, ben)
    with refused:
        await hotline.team.invitation(link.public)


async def test_who_waits_too_long_is_forgotten_with_the_slot(hotline):
    await joined(hotline)
    assert staff_slots(hotline) == 2
    hotline.clock.turn(WAITING_LIFE)
    await hotline.restart()
    assert staff_slots(hotline) == 1
    assert await hotline.known_team(hotline.first) == ([], {hotline.first.staff_id: 1})


async def test_a_crash_before_the_newcomer_was_written_leaves_no_slot(hotline):
    await joined(hotline)
    await hotline.close()
    (hotline.folder / "keeper" / "newcomers.bin").unlink()
    await hotline.open()
    assert staff_slots(hotline) == 1


async def test_a_crash_between_the_entry_and_what_follows_is_mended_at_the_start(hotline):
    """The entry counts: at the next start the slot is active and the grant is in its place."""
    ben, _, wrap = await joined(hotline)
    entry = sign_entry(
        await hotline.roster(),
        EntryType.PERSON,
        person_payload(ben.person(COUNSELLOR)),
        hotline.first.staff_id,
        hotline.first.keys.sign,
        hotline.now(),
    )
    path = hotline.folder / "keeper" / "roster.bin"
    await hotline.close()
    path.write_bytes(pack(*unpack(path.read_bytes(), None), entry))
    await hotline.open()
    assert await hotline.known_team(hotline.first) == ([], {hotline.first.staff_id: 1})
    hotline.clock.turn(60)
    assert await hotline.sign_in(ben, outer=wrap)


async def test_withdrawing_ends_the_link_and_frees_the_slot(hotline, refused):
    ben, link, _ = await joined(hotline)
    await hotline.withdraw(hotline.first, ben.staff_id)
    assert staff_slots(hotline) == 1
    with refused:
        await hotline.join(link, ben)


async def test_the_desk_that_saw_the_public_key_cannot_join(hotline, refused):
    link = await hotline.invite(hotline.first, Member("Ben"), COUNSELLOR)
    eve = Member("Eve")
    for signer in (sign_keys(Secret(random_bytes(32))), eve.keys.sign):
        with refused:
            await hotline.join(link, eve, signer=signer)
    assert staff_slots(hotline) == 1


async def test_a_recorded_join_is_worth_nothing_a_second_time(hotline, refused):
    ben = Member("Ben")
    link = await hotline.invite(hotline.first, ben, COUNSELLOR)
    request = hotline.join_body(ben).sealed((await hotline.desk.hello()).start_key)
    nonce, reply = await hotline.desk.nonce(), new_box_keys()
    proof = make_proof(link, Verb.JOIN, (link.public, request), nonce, reply.public)
    await hotline.team.join(link.public, request, proof)
    await hotline.withdraw(hotline.first, ben.staff_id)
    await hotline.invite(hotline.first, ben, COUNSELLOR)
    with refused:
        await hotline.team.join(link.public, request, proof)


async def test_an_entry_with_other_keys_activates_nothing(hotline, refused):
    ben, _, wrap = await joined(hotline)
    swapped = Member("Ben", staff_id=ben.staff_id)
    await hotline.append(EntryType.PERSON, person_payload(swapped.person(COUNSELLOR)))
    hotline.clock.turn(60)
    with refused:
        await hotline.sign_in(ben, outer=wrap)
    _, made = await hotline.write_in()
    with refused:
        await hotline.open_team_wrap(ben, made)


async def test_a_name_is_one_persons(hotline):
    await joined(hotline)
    for taken in ("Ben", "Ada"):
        other = Member(taken)
        link = await hotline.invite(hotline.first, other, COUNSELLOR)
        assert (await hotline.join(link, other)).staff_wrap is None
        free = Member(f"{taken} B", staff_id=other.staff_id)
        assert (await hotline.join(link, free)).staff_wrap
    hotline.clock.turn(60)
    assert await hotline.sign_in(hotline.first)


@pytest.mark.parametrize("name", ["a\nb", " Ben", "\u202enaB", "B\x00n"])
async def test_a_name_hides_nothing(hotline, name):
    ben = Member("Ben")
    link = await hotline.invite(hotline.first, ben, COUNSELLOR)
    with pytest.raises(BadRequest):
        await hotline.join(link, ben, shown_name=name)


async def test_a_wrong_code_stores_nothing_and_uses_up_nothing(hotline, refused):
    ben = Member("Ben")
    link = await hotline.invite(hotline.first, ben, COUNSELLOR)
    with refused:
        await hotline.join(link, ben, totp_code=(ben.code(hotline.now()) + 1) % 10**6)
    assert (await hotline.join(link, ben)).staff_wrap


async def test_invitations_are_bounded(hotline, refused):
    for number in range(MOST):
        await hotline.invite(hotline.first, Member(str(number)), COUNSELLOR)
    with refused:
        await hotline.invite(hotline.first, Member("one more"), COUNSELLOR)
    hotline.clock.turn(INVITATION_LIFE)
    await hotline.invite(hotline.first, Member("tomorrow"), COUNSELLOR)


async def test_a_removed_persons_id_is_never_invited_again(hotline, refused):
    ben, _, _ = await joined(hotline)
    await let_in(hotline, ben)
    await hotline.dismiss(ben)
    with refused:
        await hotline.invite(hotline.first, ben, COUNSELLOR)


# --- lost password or phone -----------------------------------------------------------------


async def test_new_keys_for_a_member_free_the_old_slot_and_grants(hotline, refused):
    ben, _, old_wrap = await joined(hotline)
    await let_in(hotline, ben)
    hotline.clock.turn(60)
    again = Member("Ben", staff_id=ben.staff_id)
    link = await hotline.invite(hotline.first, again, COUNSELLOR)
    new_wrap = (await hotline.join(link, again)).staff_wrap
    assert await hotline.sign_in(ben, outer=old_wrap)  # until a colleague has let the new in
    await hotline.append(EntryType.PERSON, person_payload(again.person(COUNSELLOR)))
    roster = await hotline.roster()
    assert roster.is_epoch_due
    assert [each.staff_id for each in roster.people.values()].count(ben.staff_id) == 1
    _, made = await hotline.write_in()
    with refused:
        await hotline.open_team_wrap(ben, made)
    hotline.clock.turn(60)
    with refused:
        await hotline.sign_in(ben, outer=old_wrap)
    assert staff_slots(hotline) == 2
    assert (await hotline.known_team(hotline.first))[1] == {hotline.first.staff_id: 1}
    await hotline.put_grant(hotline.first, again, 1, hotline.team_seeds[0])
    hotline.clock.turn(60)
    assert await hotline.sign_in(again, outer=new_wrap)


# --- the last who can read ------------------------------------------------------------------


async def test_nobody_takes_the_team_key_from_the_last_who_holds_it(hotline, refused):
    first = hotline.first
    bea = await hotline.hire("Bea", Role.ADMIN | COUNSELLOR)  # let in, without the key so far
    steps = [
        (EntryType.REMOVAL, removal_payload(first.staff_id)),
        (EntryType.PERSON, person_payload(first.person(Role.ADMIN))),
        (EntryType.PERSON, person_payload(new_keys_of(first).person(Role.ADMIN | COUNSELLOR))),
    ]
    for kind, payload in steps:
        with refused:
            await hotline.append(kind, payload, signer=bea)
    await hotline.put_grant(first, bea, 1, hotline.team_seeds[0])
    kind, payload = steps[0]
    await hotline.append(kind, payload, signer=bea)
    assert first.staff_id in (await hotline.roster()).removed


async def test_sheets_that_were_read_back_hold_the_team_key(hotline, refused):
    first = hotline.first
    kim = await hotline.hire("Kim", Role.ADMIN)
    paper = Member("On paper")
    named = replace(paper.person(COUNSELLOR | Role.ADMIN), name=RECOVERY_NAME)
    await hotline.append(EntryType.PERSON, person_payload(named))
    with refused:  # named, and not given the key yet
        await hotline.append(EntryType.REMOVAL, removal_payload(first.staff_id), signer=kim)
    await hotline.put_grant(first, paper, 1, hotline.team_seeds[0])
    await hotline.append(EntryType.REMOVAL, removal_payload(first.staff_id), signer=kim)
    with refused:
        await hotline.append(EntryType.REMOVAL, removal_payload(paper.staff_id), signer=kim)


def new_keys_of(member):
    return Member(member.name, staff_id=member.staff_id)


# --- grants of epochs -----------------------------------------------------------------------


async def test_a_new_epoch_is_due_after_a_removal_and_begins_with_everybodys_grants(hotline):
    first = hotline.first
    ben = await hotline.hire("Ben", COUNSELLOR)
    cem = await hotline.hire("Cem", COUNSELLOR)
    await hotline.put_grant(first, ben, 1, hotline.team_seeds[0])
    assert not (await hotline.roster()).is_epoch_due
    await hotline.dismiss(cem)
    assert (await hotline.roster()).is_epoch_due
    junk, good = Secret(random_bytes(32)), Secret(random_bytes(32))
    await hotline.put_grant(ben, first, 2, junk)  # who is about to begin another one at once
    await hotline.put_grant(first, first, 2, good)
    await hotline.put_grant(first, ben, 2, good)
    assert (await hotline.known_team(first))[1] == {first.staff_id: 1, ben.staff_id: 1}
    await hotline.next_epoch(good)
    assert not (await hotline.roster()).is_epoch_due
    assert (await hotline.known_team(ben))[1] == {first.staff_id: 2, ben.staff_id: 2}
    for member in (first, ben):
        *_, grant = await hotline.own_grants(member)
        assert open_grant(member.keys.box, grant, 2) == good
    assert len(await hotline.own_grants(first)) == 2  # Ben's for an epoch that never began is gone


async def test_opening_under_an_older_epoch_is_once_outside_the_budget(hotline):
    _, made = await hotline.write_in()
    await hotline.next_epoch()
    budget = hotline.keeper.openings
    await hotline.open_team_wrap(hotline.first, made)
    assert not budget._spent.get(hotline.first.staff_id)
    await hotline.open_team_wrap(hotline.first, made)
    assert len(budget._spent[hotline.first.staff_id]) == 1


async def test_own_grants_are_ones_own(hotline, refused):
    ben = await hotline.hire("Ben", COUNSELLOR)
    with refused:
        await hotline.own_grants(Member("Ada", staff_id=hotline.first.staff_id))
    assert await hotline.own_grants(ben) == ()
    hotline.clock.turn(60)


async def test_keys_alone_let_nobody_in_but_the_member_on_paper(hotline, refused):
    async def recover(member):
        proof, reply = await hotline.staff_proof(member, Verb.RECOVER, member.staff_id)
        return open_answer(reply, proof.nonce, await hotline.team.recover(member.staff_id, proof))

    paper = Member("recovery")  # the world's members carry their names in the roster
    await hotline.append(EntryType.PERSON, person_payload(paper.person(COUNSELLOR)))
    await hotline.put_grant(hotline.first, paper, 1, hotline.team_seeds[0])
    with refused:
        await recover(hotline.first)
    assert "recovery_used" not in (await hotline.operator.status())["alarms"]
    _, grant = await recover(paper)
    assert open_grant(paper.keys.box, grant, 1) == hotline.team_seeds[0]
    assert "recovery_used" in (await hotline.operator.status())["alarms"]
    await hotline.dismiss(paper)
    with refused:
        await recover(paper)


# --- a roster that was changed on the disk --------------------------------------------------


async def test_a_roster_whose_tail_was_dropped_does_not_start(hotline):
    from intake_server.keeper.chain import DamagedRoster

    ben = await hotline.hire("Ben", COUNSELLOR)
    path = hotline.folder / "keeper" / "roster.bin"
    with_ben = path.read_bytes()
    await hotline.dismiss(ben)
    await hotline.close()
    path.write_bytes(with_ben)
    with pytest.raises(DamagedRoster, match="older"):
        await hotline.open()


async def test_a_roster_of_another_branch_does_not_start(hotline):
    """Even one signed by an admin: what was pinned is what the team has worked with."""
    from intake_server.keeper.chain import DamagedRoster

    path = hotline.folder / "keeper" / "roster.bin"
    (founding,) = unpack(path.read_bytes(), None)
    roster = await hotline.roster()
    await hotline.hire("Ben", COUNSELLOR)
    other = sign_entry(
        roster,
        EntryType.PERSON,
        person_payload(Member("Eve").person(COUNSELLOR)),
        hotline.first.staff_id,
        hotline.first.keys.sign,
        hotline.now(),
    )
    await hotline.close()
    path.write_bytes(pack(founding, other))
    with pytest.raises(DamagedRoster):
        await hotline.open()


async def test_a_longer_roster_is_a_crash_before_the_pin_and_is_pinned(hotline):
    roster = await hotline.roster()
    entry = sign_entry(
        roster,
        EntryType.PERSON,
        person_payload(Member("Ben").person(COUNSELLOR)),
        hotline.first.staff_id,
        hotline.first.keys.sign,
        hotline.now(),
    )
    path = hotline.folder / "keeper" / "roster.bin"
    await hotline.close()
    path.write_bytes(pack(*unpack(path.read_bytes(), None), entry))
    await hotline.open()
    assert hotline.keeper.slots.header.roster_number == 2
    assert hotline.keeper.slots.header.roster_head == (await hotline.roster()).head
