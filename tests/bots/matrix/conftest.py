"""One Synapse for all tests of a worker, and a bench for each test."""

import pytest

from tests.bots.matrix.bench import MatrixBench
from tests.bots.matrix.homeserver import Homeserver


@pytest.fixture(scope="session")
def homeserver():
    server = Homeserver()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
async def bench(homeserver):
    made = await MatrixBench.of(homeserver)
    yield made
    await made.close()
