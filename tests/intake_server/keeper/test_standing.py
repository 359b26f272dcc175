"""Numbers for the readiness list: who holds the team key, on paper or off it, and the mirror."""

import pytest

from tests.intake_server.keeper.world import Member
from vault.keeper_protocol import NotYours
from vault.roster import RECOVERY_NAME, EntryType, Role, person_payload


async def test_holders_are_those_with_a_grant_of_today(hotline):
    assert (await hotline.web.standing()).holders == 1
    ben = await hotline.hire("Ben", Role.COUNSELLOR)
    assert (await hotline.desk.standing()).holders == 1
    await hotline.put_grant(hotline.first, ben, 1, hotline.team_seeds[0])
    assert (await hotline.desk.standing()).holders == 2
    await hotline.hire("Kim", Role.ADMIN)
    assert (await hotline.desk.standing()).holders == 2
    await hotline.dismiss(ben)
    assert (await hotline.desk.standing()).holders == 1


async def test_sheets_on_paper_are_told_apart(hotline):
    sheets = Member("Recovery")
    fields = sheets.person(Role.COUNSELLOR)
    named = type(fields)(
        fields.staff_id, RECOVERY_NAME, "Recovery", fields.box_key, fields.sign_key, fields.roles
    )
    await hotline.append(EntryType.PERSON, person_payload(named))
    assert (await hotline.web.standing()).on_paper is False
    await hotline.put_grant(hotline.first, sheets, 1, hotline.team_seeds[0])
    told = await hotline.web.standing()
    assert (told.holders, told.on_paper) == (1, True)
    assert (told.has_mirror, told.mirrored) == (False, 0)


async def test_it_is_for_those_who_show_the_list(hotline):
    with pytest.raises(NotYours):
        await type(hotline.web).standing(hotline.courier)
