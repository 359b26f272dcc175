"""A running hotline with one counsellor, for the stories."""

import pytest

from tests.flows.people import Counsellor
from tests.flows.stack import a_stack, http


@pytest.fixture
async def net():
    async with http() as session:
        yield session


@pytest.fixture
async def stack():
    """A new installation, nobody set up."""
    async with a_stack() as running:
        yield running


@pytest.fixture
async def ana(stack, net):
    """The first person, set up and signed in."""
    counsellor = Counsellor(stack, net)
    await counsellor.set_up()
    await counsellor.sign_in()
    return counsellor
