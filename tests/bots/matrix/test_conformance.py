"""Matrix passes the suite of every channel, over a real Synapse, with another library's phones."""

import pytest

from bots import conformance

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:mautrix")


@pytest.mark.parametrize("check", conformance.CHECKS, ids=lambda check: check.__name__)
async def test_the_matrix_channel_conforms(check: conformance.Check, bench):
    await conformance.run(check, bench)
