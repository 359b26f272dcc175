"""Delta Chat passes the suite of every channel, with real cores and a real mail server."""

import pytest

from bots import conformance

pytestmark = pytest.mark.asyncio(loop_scope="module")


LONG = (
    conformance.texts_arrive_as_they_were_written,
    conformance.replies_reach_only_their_address,
    conformance.an_outage_loses_nothing,
    conformance.attachments_reach_only_their_address,
)
"""Dozens of mails each, or a core that takes its time to try again; `make proof` runs them. A file
goes in `test_whole.py`, too."""


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, marks=pytest.mark.long if check in LONG else ())
        for check in conformance.CHECKS
    ],
    ids=lambda check: check.__name__,
)
async def test_delta_chat_conforms(check: conformance.Check, bench):
    await conformance.run(check, bench)
