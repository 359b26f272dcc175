"""Hotlines for the keeper's tests."""

import pytest
import pytest_asyncio

from tests.intake_server.keeper.world import Hotline, HotlineProcess


@pytest_asyncio.fixture
async def empty(short_dir):
    """A keeper that nobody has set up."""
    hotline = Hotline(short_dir)
    await hotline.open()
    yield hotline
    await hotline.close()


@pytest_asyncio.fixture
async def hotline(empty):
    """A hotline with one person: counsellor, supervisor and admin."""
    await empty.set_up()
    return empty


@pytest_asyncio.fixture
async def process(short_dir):
    """A real keeper process that nobody has set up."""
    hotline = HotlineProcess(short_dir)
    await hotline.open()
    yield hotline
    await hotline.close()


@pytest.fixture
def refused():
    """What every bad tag, name or proof ends in."""
    from vault.keeper_protocol import Refused

    return pytest.raises(Refused)
