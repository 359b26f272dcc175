"""A messenger at its worst: delivering twice and out of order, to a courier that is killed.

HAVENLINE_CHANNEL_MESSAGES and HAVENLINE_CHANNEL_KILLS are how many; the courier is a process of its
own, ended by kill -9 at random moments, over the loopback channel's socket. At the end every
message is there once, in the order of its sending, none is missing and no gap would be shown.
"""

import asyncio
import contextlib
import os
import random
import signal
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.flows.stack import until
from tests.intake_server.courier.stage import Stage
from tests.intake_server.courier.test_process import QUIET, SETTINGS
from tests.proof.rough_network import RoughNetwork
from vault.envelope import decode_text

MESSAGES = int(os.environ.get("HAVENLINE_CHANNEL_MESSAGES", "10000"))
KILLS = int(os.environ.get("HAVENLINE_CHANNEL_KILLS", "200"))
SEED = int(os.environ.get("HAVENLINE_PROOF_SEED", "2026"))
PEOPLE = 100


@pytest.mark.proof
@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_killed_again_and_again_every_message_is_there_once_and_in_order(short_dir):
    await run(short_dir, people=PEOPLE, messages=MESSAGES, kills=KILLS)


@pytest.mark.long
async def test_the_same_in_short(short_dir):
    await run(short_dir, people=10, messages=200, kills=6)


async def run(folder, *, people: int, messages: int, kills: int) -> None:
    # Twice as many slots as people need: new ones are not to be paced.
    stage = Stage(folder, screening="off", records=max(128, 4 * people))
    await stage.raise_curtain()
    try:
        await stage.set_up()
        began = time.monotonic()
        network = RoughNetwork(people, messages, SEED)
        async with a_nursery(stage) as nursery:
            killed = await deliver_all(stage, network, kills, nursery)
        assert killed == kills
        gaps = await compare(stage, network)
        print(  # noqa: T201 -- what a proof showed, for docs/proofs.md
            f"{messages} messages of {people} people, delivered {network.delivered} times, "
            f"{network.twice} doubled and {network.swapped} swapped, {killed} couriers killed: "
            f"each there once and in order, {gaps} gaps, {time.monotonic() - began:.0f} s"
        )
    finally:
        await stage.fall()


async def deliver_all(stage, network: RoughNetwork, kills: int, nursery: "Nursery") -> int:
    """Until everything is acknowledged; how many couriers were killed in the middle of it."""
    chance, killed = random.Random(SEED), 0
    socket = stage.settings.data.run_dir / "loopback.sock"
    while network.left:
        share = network.left / (kills - killed + 1)
        most = network.left if killed == kills else int(share * chance.uniform(0.5, 1.2)) or 1
        socket.unlink(missing_ok=True)  # what the killed one left
        courier = await nursery.one_more()
        await network.deliver(socket, most)
        killed += network.left > 0
        os.kill(courier, signal.SIGKILL)
        await nursery.gone(courier)
    return killed


class Nursery:
    """Forks couriers on demand; what they log goes nowhere."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def one_more(self) -> int:
        """The process id of a courier that is just starting."""
        self._process.stdin.write(b"\n")
        async with asyncio.timeout(60):
            return int(await self._process.stdout.readline())

    async def gone(self, courier: int) -> None:
        """Wait until it is not there any more."""

        def is_gone() -> bool:
            return not Path(f"/proc/{courier}").exists()

        await until(is_gone, "the killed courier is gone")


@contextlib.asynccontextmanager
async def a_nursery(stage) -> AsyncIterator[Nursery]:
    (stage.folder / "havenline.toml").write_text(SETTINGS)
    (stage.folder / "courier" / "answers.json").write_text(QUIET)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.proof.nursery", "--data", str(stage.folder)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield Nursery(process)
    finally:
        process.kill()
        await process.wait()


async def compare(stage, network: RoughNetwork) -> int:
    """Everybody's conversation holds what they sent; how many gaps their writers' counts have."""
    rows = await stage.rows()
    assert len(rows) == len(network.senders)
    gaps, found = 0, {}
    for row in rows:
        envelopes = await stage.envelopes(row)
        texts = [decode_text(envelope).text for envelope in envelopes]
        name = texts[0].partition(" ")[0]
        assert name not in found
        found[name] = texts
        counts = defaultdict(list)
        for envelope in envelopes:
            counts[envelope.writer_id].append(envelope.counter)
        gaps += sum(seen != list(range(1, len(seen) + 1)) for seen in counts.values())
    for name, sender in network.senders.items():
        assert found[name] == sender.texts
    assert gaps == 0
    return gaps
