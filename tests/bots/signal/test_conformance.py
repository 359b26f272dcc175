"""Signal passes the suite of every channel, on the stand-in for its server."""

import pytest

from bots import conformance


@pytest.mark.parametrize("check", conformance.CHECKS, ids=lambda check: check.__name__)
async def test_the_signal_channel_conforms(check: conformance.Check, bench):
    await conformance.run(check, bench)
