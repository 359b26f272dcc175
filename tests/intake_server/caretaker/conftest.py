"""A hotline with a database, on which the caretaker is called."""

import pytest_asyncio

from tests.intake_server.courier.stage import Stage


@pytest_asyncio.fixture
async def bare(short_dir):
    """Nobody is set up."""
    stage = Stage(short_dir, screening="off")  # the rules take a second to load
    await stage.raise_curtain()
    yield stage
    await stage.fall()


@pytest_asyncio.fixture
async def stage(bare):
    """A set-up hotline."""
    await bare.set_up()
    return bare
