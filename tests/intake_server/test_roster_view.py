import tempfile
from pathlib import Path

import pytest
import pytest_asyncio

from intake_server.roster_view import RosterView
from tests.intake_server.keeper.world import Hotline
from vault.keeper_client import KeeperDown
from vault.keeper_protocol import NoRoot
from vault.roster import Role, RosterError


@pytest_asyncio.fixture
async def hotline(short_dir):
    hotline = Hotline(short_dir)
    await hotline.open()
    yield hotline
    await hotline.close()


async def test_before_set_up_there_is_no_roster(hotline):
    with pytest.raises(NoRoot):
        await RosterView(hotline.courier).current()


async def test_every_look_sees_what_is_new(hotline):
    await hotline.set_up()
    view = RosterView(hotline.courier)
    assert (await view.current()).roster.number == 1
    jo = await hotline.hire("Jo", Role.COUNSELLOR)
    known = await view.current()
    assert jo.staff_id in known.roster.people
    assert len(known.entries) == 2
    await hotline.next_epoch()
    assert (await view.current()).roster.epoch.number == 2
    await hotline.dismiss(jo)
    assert jo.staff_id not in (await view.current()).roster.people


async def test_without_a_keeper_nothing_old_is_told_as_new(hotline):
    await hotline.set_up()
    view = RosterView(hotline.courier)
    await view.current()
    await hotline.close()
    with pytest.raises(KeeperDown):
        await view.current()


async def test_another_chain_than_the_one_seen_before_is_refused(hotline):
    await hotline.set_up()
    view = RosterView(hotline.courier)
    await view.current()
    with tempfile.TemporaryDirectory(prefix="hl") as folder:
        other = Hotline(Path(folder))
        await other.open()
        await other.set_up()
        view._keeper = other.courier
        with pytest.raises(RosterError):
            await view.current()
        await other.close()
