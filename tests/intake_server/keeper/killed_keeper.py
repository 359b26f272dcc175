"""A keeper that is killed at a named step: `killed_keeper.py FOLDER SEED DISK OPERATION STEP`.

Prints `ready` before the operation begins and `acknowledged` once it was answered. DISK is
`system`; `lossy`, where whatever was not synced is lost with the power; or `half`, where that
happens after the first sync of the operation.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from tests.intake_server.keeper.operations import OPERATIONS, prepare
from tests.intake_server.keeper.world import Hotline
from tests.vault.slot_parts import HalfSyncedDisk, LossyDisk
from vault.slot_files import SystemDisk


class Bomb:
    """Ends the process at a step, as a power cut would: no handler runs."""

    def __init__(self, step: str) -> None:
        self._step = step
        self.is_armed = False

    def __call__(self, step: str) -> None:
        if self.is_armed and step == self._step:
            os.kill(os.getpid(), signal.SIGKILL)


def say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


async def main(folder: str, seed: str, disk: str, operation: str, step: str) -> None:
    hotline = Hotline(Path(folder), seed=bytes.fromhex(seed))
    bomb = Bomb(step)
    made = {"system": SystemDisk, "lossy": LossyDisk, "half": HalfSyncedDisk}[disk]()
    await hotline.open(disk=made, crash_at=bomb)
    await prepare(hotline, operation)
    say("ready")
    bomb.is_armed = True
    if isinstance(made, HalfSyncedDisk):
        made.is_armed = True
    await OPERATIONS[operation].run(hotline)
    say("acknowledged")
    bomb("answered")


asyncio.run(main(*sys.argv[1:]))
