"""Killed at every named step of every kind of write; what was acknowledged holds afterwards."""

import asyncio
import random
import subprocess
import sys

import pytest

from tests.intake_server.keeper.operations import OPERATIONS, check_all
from tests.intake_server.keeper.world import Hotline, HotlineProcess
from vault.keeper_client import KeeperDown
from vault.keeper_protocol import Refused
from vault.sealing import random_bytes
from vault.slot_files import Step

MAKING = {Step.SLOTS_MADE, Step.TWIN_PLACED, Step.SLOTS_PLACED}
JOINING = {step for step in Step if step.startswith("newcomers")}


def steps_of(name):
    touches = OPERATIONS[name].writes_file
    steps = [step for step in Step if step not in MAKING]
    if touches == "all":
        # The last sync of a set-up is the header's alone; records are synced before it.
        return [*(step for step in steps if step not in JOINING), "answered"]
    if touches == "joining":
        return [*(step for step in steps if step.startswith(("records", "newcomers"))), "answered"]
    return [*(step for step in steps if step.startswith(touches)), "answered"]


CASES = [
    *((name, step, "system") for name in OPERATIONS for step in steps_of(name)),
    *((name, step, "lossy") for name in OPERATIONS for step in steps_of(name)),
    *((name, "between the syncs", "half") for name in OPERATIONS),
]


async def ended(*arguments):
    """A Python program, run to its end."""
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("operation", "step", "disk"), CASES)
async def test_killed_at_a_step(short_dir, operation, step, disk):
    seed = random_bytes(32)
    child = await ended(
        *("-m", "tests.intake_server.keeper.killed_keeper"),
        *(str(short_dir), seed.hex(), disk, operation, step),
    )
    assert child.returncode == -9, child.stderr
    assert child.stdout.split() == ["ready", *["acknowledged"] * (step == "answered")]
    hotline = Hotline(short_dir, seed=seed)
    hotline.clock.turn(3 * 3600)
    await hotline.open()
    try:
        await check_all(hotline, operation, acknowledged=step == "answered")
    finally:
        await hotline.close()


@pytest.mark.parametrize("step", sorted(MAKING))
async def test_killed_while_the_files_are_made(short_dir, step):
    folder = short_dir / "keeper"
    folder.mkdir(mode=0o700)
    program = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from vault.slots import Slots\n"
        f"def crash_at(step):\n"
        f"    if step == {str(step)!r}:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        f"Slots.create(Path({str(folder)!r}), 128, 1_800_000_000, crash_at=crash_at)"
    )
    child = await ended("-c", program)
    assert child.returncode == -9, child.stderr
    hotline = Hotline(short_dir)
    await hotline.open()
    await hotline.set_up()
    await hotline.write_in()
    await hotline.close()
    names = {path.name for path in (short_dir / "keeper").iterdir()}
    assert names == {"slots.bin", "slots.twin", "roster.bin", "grants.bin"}


async def test_killed_at_random_moments_under_load(short_dir):
    """A real process, again and again: all that was acknowledged is true after each kill."""
    hotline = HotlineProcess(short_dir, records=1024)
    await hotline.open()
    await hotline.set_up()
    alive, erased = {}, {}

    async def work():
        while True:
            client, made = await hotline.write_in()
            alive[client.lookup_tag] = (client, made)
            if random.random() < 0.5:
                doomed, _ = alive.pop(random.choice(list(alive)))
                try:
                    await hotline.erase(doomed)
                    erased[doomed.lookup_tag] = doomed
                except (KeeperDown, Refused):
                    continue  # whether it took effect is not known

    for _ in range(6):
        workers = [asyncio.create_task(work()) for _ in range(6)]
        await asyncio.sleep(random.uniform(0.02, 0.2))
        await hotline.kill()
        for worker in workers:
            worker.cancel()
        ended = await asyncio.gather(*workers, return_exceptions=True)
        assert all(isinstance(each, KeeperDown | asyncio.CancelledError) for each in ended), ended
        await hotline.open()
        status = await hotline.operator.status()
        assert status["damaged"] == 0
        for client, made in alive.values():
            assert (await hotline.web.find(client.lookup_tag)).reference == made.reference
        for lookup_tag in erased:
            with pytest.raises(Refused):
                await hotline.web.find(lookup_tag)
    assert alive
    assert erased
    await hotline.close()
