"""From what lies on disk to a keeper that can answer."""

from __future__ import annotations

from pathlib import Path

from intake_server.clock import Clock
from intake_server.keeper.chain import Chain
from intake_server.keeper.clock_watch import check_at_start
from intake_server.keeper.logs import KeeperLog
from intake_server.keeper.newcomers import Newcomers
from intake_server.keeper.parts import Keeper, join
from intake_server.keeper.roster_work import settle
from intake_server.keeper.set_up_work import free_staff
from vault.slot_files import CrashAt, Disk, SystemDisk, exists, nowhere
from vault.slots import Slots


class FilesMissing(Exception):
    """There is no slot file where one must be."""


async def start(
    folder: Path,
    records: int,
    clock: Clock,
    log: KeeperLog,
    *,
    is_existing: bool = False,
    disk: Disk | None = None,
    crash_at: CrashAt = nowhere,
) -> Keeper:
    """A keeper over the files in `folder`; the caller closes its slots.

    Files are made where there were none, unless `is_existing`. Raises FilesMissing, AlreadyRunning,
    WrongSize, DamagedHeader, DamagedRoster, ClockBehind, DiskRefused, OSError.
    """
    disk = disk or SystemDisk()
    chain = Chain(folder, disk, crash_at)
    newcomers = Newcomers(folder, disk, crash_at)
    if exists(folder):
        slots = Slots.open(folder, records, disk=disk, crash_at=crash_at)
    elif is_existing or chain.is_on_disk():
        raise FilesMissing(
            f"there is no slot file in {folder}, but there should be one. Find slots.bin or "
            "slots.twin; without them every conversation is lost, and only an empty folder can "
            "be started anew"
        )
    else:
        slots = Slots.create(folder, records, clock.unix(), disk=disk, crash_at=crash_at)
    try:
        return await _joined(slots, chain, newcomers, clock, log)
    except BaseException:
        await slots.close()
        raise


async def _joined(
    slots: Slots, chain: Chain, newcomers: Newcomers, clock: Clock, log: KeeperLog
) -> Keeper:
    """The keeper, once clock and roster hold; what an unfinished set-up left is cleared away."""
    header = slots.header
    is_in_doubt = check_at_start(header, clock.unix()) or header.is_in_doubt
    if header.has_root:
        chain.load(header.root, header.roster_number, header.roster_head)
        newcomers.load()
    else:
        chain.discard()
        newcomers.discard()
    keeper = join(slots, chain, newcomers, clock, log, is_clock_in_doubt=is_in_doubt)
    if header.has_root:
        await settle(keeper)
    else:
        await free_staff(keeper)
    keeper.mirror.load(chain.folder)
    if slots.copied or slots.damaged:
        log.info("records_repaired", count=slots.copied + slots.damaged)
    await keeper.watch.record()
    return keeper
