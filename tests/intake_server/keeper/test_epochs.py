"""Who begins an epoch: for everybody who holds the team key, never to be its only holder."""

from dataclasses import replace

import pytest

from tests.intake_server.keeper.world import Member
from vault.roster import (
    RECOVERY_NAME,
    EntryType,
    Epoch,
    Role,
    epoch_payload,
    person_payload,
    removal_payload,
)
from vault.sealing import Secret, pack, random_bytes, unpack
from vault.wraps import open_grant, seal_earlier_seed, team_keys

COUNSELLOR, ADMIN = Role.COUNSELLOR, Role.ADMIN


@pytest.fixture
async def team(hotline):
    """Ada, who set up; Bea, an admin who reads too; Mal, who has just been given the key."""
    bea = await hotline.hire("Bea", ADMIN | COUNSELLOR)
    mal = await hotline.hire("Mal", COUNSELLOR)
    for member in (bea, mal):
        await hotline.put_grant(hotline.first, member, 1, hotline.team_seeds[0])
    return hotline.first, bea, mal


async def begin(hotline, beginner, number, seed=None):
    """An epoch's entry by this member, without anybody's grant."""
    keys = team_keys(seed or Secret(random_bytes(32)))
    earlier = seal_earlier_seed(keys.box.public, number - 1, Secret(random_bytes(32)))
    epoch = Epoch(number, keys.box.public, keys.sign.public, earlier)
    await hotline.append(EntryType.EPOCH, epoch_payload(epoch), signer=beginner)


async def give(hotline, granter, number, *members):
    for member in members:
        await hotline.put_grant(granter, member, number, Secret(random_bytes(32)))


async def remove(hotline, member, by):
    await hotline.append(EntryType.REMOVAL, removal_payload(member.staff_id), signer=by)


async def only_holder(hotline, holder, number):
    """The disk as it was where a member could begin an epoch for themself alone."""
    path = hotline.folder / "keeper" / "grants.bin"
    await hotline.close()
    rows = [
        row
        for row in unpack(path.read_bytes(), None)
        if unpack(row, 6)[0] == holder.staff_id or unpack(row, 6)[1] != number.to_bytes(4, "big")
    ]
    path.write_bytes(pack(*rows))
    await hotline.open()


async def test_nobody_begins_an_epoch_without_everybody_who_holds_the_key(hotline, team, refused):
    ada, bea, mal = team
    before = await hotline.roster()
    with refused:
        await begin(hotline, mal, 2)
    await give(hotline, mal, 2, mal, ada)
    with refused:
        await begin(hotline, mal, 2)
    await give(hotline, ada, 2, bea)  # somebody else's, for another epoch that may begin
    with refused:
        await begin(hotline, mal, 2)
    assert (await hotline.roster()).head == before.head
    await give(hotline, mal, 2, bea)
    await begin(hotline, mal, 2)
    assert (await hotline.known_team(ada))[1] == dict.fromkeys((m.staff_id for m in team), 2)


async def test_the_sheets_are_given_the_next_key_too(hotline, refused):
    ada, paper = hotline.first, Member("On paper")
    named = replace(paper.person(COUNSELLOR | ADMIN), name=RECOVERY_NAME)
    await hotline.append(EntryType.PERSON, person_payload(named))
    await hotline.put_grant(ada, paper, 1, hotline.team_seeds[0])
    await give(hotline, ada, 2, ada)
    with refused:
        await begin(hotline, ada, 2)
    await give(hotline, ada, 2, paper)
    await begin(hotline, ada, 2)


async def test_a_colleague_without_the_key_keeps_nobody_from_an_epoch(hotline, team):
    ada, bea, mal = team
    await hotline.hire("Cem", COUNSELLOR)
    await remove(hotline, mal, by=ada)  # whoever is gone is not waited for
    await give(hotline, bea, 2, bea, ada)
    await begin(hotline, bea, 2)


async def test_who_began_an_epoch_with_worthless_grants_can_be_removed(hotline, team):
    ada, bea, mal = team
    await give(hotline, mal, 2, *team)
    await begin(hotline, mal, 2)
    await remove(hotline, mal, by=ada)
    roster = await hotline.roster()
    assert mal.staff_id in roster.removed
    assert roster.is_epoch_due
    await give(hotline, bea, 3, ada, bea)
    await begin(hotline, bea, 3)
    assert not (await hotline.roster()).is_epoch_due


async def test_a_worthless_grant_takes_nobody_elses_place(hotline, team):
    ada, bea, mal = team
    await give(hotline, mal, 1, ada, bea)
    await give(hotline, mal, 1, bea)
    told, worthless = await hotline.own_grants(bea)
    assert open_grant(bea.keys.box, told, 1) == hotline.team_seeds[0]
    assert open_grant(bea.keys.box, worthless, 1) != hotline.team_seeds[0]
    assert len(await hotline.own_grants(ada)) == 2


async def test_who_alone_holds_what_they_began_can_be_removed(hotline, team, refused):
    ada, bea, mal = team
    for number in (2, 3):
        await give(hotline, mal, number, *team)
        await begin(hotline, mal, number)
        await only_holder(hotline, mal, number)
    with refused:  # Mal stays a member, so that this is no removal
        await hotline.append(EntryType.PERSON, person_payload(mal.person(Role.AUDITOR)))
    await remove(hotline, mal, by=ada)
    await give(hotline, bea, 3, bea)  # Ada was given none of 2 and 3: she is not left out by that
    await give(hotline, bea, 4, bea)
    with refused:
        await begin(hotline, bea, 4)
    await give(hotline, bea, 4, ada)
    await begin(hotline, bea, 4)


async def test_the_last_holder_of_a_key_that_another_began_stays(hotline, team, refused):
    ada, bea, mal = team
    await give(hotline, mal, 2, *team)
    await begin(hotline, mal, 2)
    await give(hotline, bea, 3, *team)
    await begin(hotline, bea, 3)
    await only_holder(hotline, mal, 3)  # which Bea began
    with refused:
        await remove(hotline, mal, by=ada)
