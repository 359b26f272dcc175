"""A bench for each test: with the webhook, and without."""

import pytest

from tests.bots.signal.bench import SignalBench


@pytest.fixture
async def bench():
    made = await SignalBench.of()
    yield made
    await made.close()


@pytest.fixture
async def websocket_only():
    made = await SignalBench.of(webhook=False)
    yield made
    await made.close()
