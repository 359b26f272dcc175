"""Kills around sending, by the thousand: every reply is sent, or a counsellor is told.

HAVENLINE_SEND_KILLS is how many. The channel is loopback, which forgets what it took with its
process, so that what was being sent at a kill is never sent again and always told.
"""

import asyncio
import collections
import contextlib
import os
import random
import signal
import sys

import pytest

from intake_server.courier.outbound import Reason
from tests.intake_server.courier.stage import Stage
from tests.intake_server.courier.test_process import QUIET, SETTINGS, courier, met

KILLS = int(os.environ.get("HAVENLINE_SEND_KILLS", "2000"))
MOMENTS = (
    *((when, "send", 1) for when in ("before", "after")),
    *((when, "note", nth) for when in ("before", "after") for nth in (1, 2)),
    *((when, "sent", 1) for when in ("before", "after")),
)


@contextlib.asynccontextmanager
async def lives(stage):
    """Runs one courier after the other, each killed at the moment that a line names."""
    (stage.folder / "havenline.toml").write_text(SETTINGS)
    (stage.folder / "courier" / "answers.json").write_text(QUIET)
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.proof.killed_sending", str(stage.folder)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )

    async def live(when, name, nth) -> int:
        child.stdin.write(f"{when} {name} {nth}\n".encode())
        async with asyncio.timeout(60):
            return int(await child.stdout.readline())

    try:
        yield live
    finally:
        child.stdin.close()
        await child.wait()


@pytest.fixture
async def stage(short_dir):
    stage = Stage(short_dir, screening="off")
    await stage.raise_curtain()
    await stage.set_up()
    yield stage
    await stage.fall()


@pytest.mark.proof
@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_kills_around_sending_lose_nothing_and_double_nothing(stage):
    row = await met(stage)
    drawn, written = random.Random(20), []
    async with lives(stage) as live:
        for number in range(KILLS):
            written.append(await stage.answer(row, f"answer {number}"))
            assert await live(*drawn.choice(MOMENTS)) == -signal.SIGKILL
    lines = (stage.folder / "taken").read_text().split()
    taken = collections.Counter(bytes.fromhex(line) for line in lines)
    before = [(await stage.standing(row, message))[0] for message in written]
    async with courier(stage):  # an ordinary one, whose network writes nothing down
        standing = [await stage.ended(row, message) for message in written]
    assert set(taken.values()) == {1}  # nothing twice
    for message, was, end in zip(written, before, standing, strict=True):
        # Sent, and then it was; or a counsellor is told that nobody knows. Never neither.
        assert end in (("sent", None), ("failed", Reason.UNCERTAIN))
        if end == ("sent", None):
            assert taken[message] == 1 or was == "waiting"  # those the last one sent
    ends = collections.Counter(state for state, _ in standing)
    assert min(ends["sent"], ends["failed"]) > 0
    sys.stdout.write(f"{KILLS} kills: {dict(ends)}, {len(taken)} taken by the network\n")
