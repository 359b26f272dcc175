"""A set-up hotline with a database and a courier with the loopback channel."""

import pytest_asyncio

from tests.intake_server.courier.stage import Stage


@pytest_asyncio.fixture
async def bare(short_dir):
    """Keeper and database; nobody is set up."""
    stage = Stage(short_dir, screening="off")
    await stage.raise_curtain()
    yield stage
    await stage.fall()


@pytest_asyncio.fixture
async def stage(bare):
    """A set-up hotline; the test calls the courier."""
    await bare.set_up()
    return bare
