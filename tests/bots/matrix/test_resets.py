"""The connection to the homeserver is reset in one place after another."""

import tempfile
from pathlib import Path

import pytest

from bots.matrix.account import sign_in
from tests.bots import resets
from tests.bots.matrix.bench import MatrixBench
from tests.bots.matrix.homeserver import PASSWORD, Wire
from tests.bots.resetting import ResettingLine

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mautrix"),
    pytest.mark.long,
    pytest.mark.timeout(600),
]


async def test_resets_lose_and_double_nothing(homeserver):
    line = await ResettingLine(homeserver.port).open()
    wire = Wire(line.port)
    await wire.join()
    folder = Path(tempfile.mkdtemp(prefix="hl-mx"))
    await sign_in(wire.url, await homeserver.new_person(), PASSWORD, folder)
    bench = MatrixBench(homeserver, wire, folder)
    try:
        desk, person, met = await bench.in_contact()
        await resets.lose_and_double_nothing(bench.channel, person, desk, met, [line])
        await resets.spoil_no_other_operation(bench.channel, person, desk, met, [line])
    finally:
        await bench.close()
        await line.close()
