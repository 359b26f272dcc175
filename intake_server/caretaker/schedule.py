"""When the caretaker does what: the sweep every ten minutes, the commit counter after commits."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC
from typing import Final

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from intake_server.caretaker.forgetting import Sweep
from intake_server.caretaker.health import Alarm, Health
from vault.engine import DatabaseFailed
from vault.keeper_client import CaretakerKeeper, KeeperDown
from vault.keeper_protocol import KeeperRefusal

SWEEP_MINUTES: Final = 10
TICK: Final = 1.0  # seconds between two looks at the commit counter
_LAST_SECONDS: Final = 2.0
_TOLD_ANYWAY: Final = 30  # ticks after which the keeper, maybe a new one, is told in any case


@contextlib.asynccontextmanager
async def sweeping(sweep: Sweep) -> AsyncIterator[None]:
    """Sweep every ten minutes until this is left; a run under way ends by itself first.

    A run that comes late (a sleeping machine, a busy loop) is made up for, once.
    """
    scheduler = AsyncIOScheduler(timezone=UTC)
    scheduler.add_job(
        sweep.run,
        "interval",
        minutes=SWEEP_MINUTES,
        misfire_grace_time=None,
        coalesce=True,
        max_instances=1,
    )
    scheduler.start()
    try:
        yield
    finally:
        # The scheduler would cancel a run in the middle of its steps.
        scheduler.pause()
        await sweep.rest()
        scheduler.shutdown(wait=False)


async def follow(sweep: Sweep, keeper: CaretakerKeeper, sign_key: bytes, health: Health) -> None:
    """Report the commit counter after commits, and announce the key; runs as long as the process.

    A keeper that was started again knows neither, so both are told again now and then.
    """
    told, ticks = -1, 0
    while True:
        try:
            counter = (await sweep.work.meta()).commit_counter
            if counter != told or ticks % _TOLD_ANYWAY == 0:
                await keeper.announce(sign_key)
                await sweep.report_counter()
                told = counter
            health.set(Alarm.KEEPER_DOWN, to=False)
        except (KeeperDown, KeeperRefusal):
            health.set(Alarm.KEEPER_DOWN, to=True)
            told = -1
        except DatabaseFailed:
            health.set(Alarm.DATABASE_FAILED, to=True)
            told = -1
        ticks += 1
        await asyncio.sleep(TICK)


async def last_report(sweep: Sweep) -> None:
    """Report the commit counter once more, so that what was just stored is not passed off as all.

    On the way out nobody waits for a keeper or a database that does not answer.
    """
    with contextlib.suppress(KeeperDown, KeeperRefusal, DatabaseFailed, TimeoutError):
        async with asyncio.timeout(_LAST_SECONDS):
            await sweep.report_counter()
