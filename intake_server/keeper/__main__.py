"""The keeper's process: `python -m intake_server.keeper --data DIR --records N`.

Joins its parts, serves until it is told to end, and says in one sentence why when it cannot start.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import pwd
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

from intake_server.clock import Clock, SystemClock
from intake_server.keeper.alarms import Alarm
from intake_server.keeper.chain import DamagedRoster
from intake_server.keeper.clock_watch import ClockBehind
from intake_server.keeper.hardening import (
    OpenToOthers,
    harden_process,
    private_folder,
    shared_folder,
)
from intake_server.keeper.logs import LEVELS, KeeperLog
from intake_server.keeper.parts import Keeper
from intake_server.keeper.server import Access, Server
from intake_server.keeper.starting import FilesMissing, start
from vault.keeper_protocol import Peer
from vault.slot_files import AlreadyRunning, WrongSize
from vault.slot_records import DamagedHeader
from vault.slots import DiskRefused

RECORD_EVERY: Final = 60  # seconds between two recordings of the time
# Commits are finished in a thread; at the usual 5 ms a busy loop would keep it waiting.
_SWITCH_INTERVAL: Final = 0.0005


class Exit(IntEnum):
    """Why the process ended (docs/keeper.md, 8); 2 is argparse's for a wrong command line."""

    DONE = 0
    MISTAKE = 1
    ALREADY_RUNNING = 3
    FOLDER_RIGHTS = 4
    WRONG_RECORDS = 5
    DAMAGED = 6
    CLOCK_BEHIND = 7
    DISK = 8
    FILES_MISSING = 9


_REASONS: Final[Mapping[type[Exception], Exit]] = {
    AlreadyRunning: Exit.ALREADY_RUNNING,
    OpenToOthers: Exit.FOLDER_RIGHTS,
    WrongSize: Exit.WRONG_RECORDS,
    DamagedHeader: Exit.DAMAGED,
    DamagedRoster: Exit.DAMAGED,
    ClockBehind: Exit.CLOCK_BEHIND,
    FilesMissing: Exit.FILES_MISSING,
    DiskRefused: Exit.DISK,
    OSError: Exit.DISK,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the keeper; the answer is the process's exit code."""
    options = _options(arguments)
    clock = SystemClock()
    log = KeeperLog(sys.stderr, options.log_level, clock)
    sys.setswitchinterval(_SWITCH_INTERVAL)
    try:
        harden_process()
        return asyncio.run(_run(options, clock, log))
    except tuple(_REASONS) as why:
        code = next(code for kind, code in _REASONS.items() if isinstance(why, kind))
        sys.stderr.write(f"the keeper does not start: {why}\n")
        return code
    except Exception as error:  # noqa: BLE001  # its words might hold what nobody may read
        log.failure("keeper_failed", error)
        return Exit.MISTAKE


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m intake_server.keeper", allow_abbrev=False)
    parser.add_argument("--data", type=Path, required=True, help="the folder of all data")
    parser.add_argument("--records", type=int, required=True, help="size of the slot file")
    parser.add_argument(
        "--existing", action="store_true", help="do not make a slot file where there is none"
    )
    parser.add_argument(
        "--peer-uid", action="append", default=[], metavar="PEER=USER", help="who speaks as whom"
    )
    parser.add_argument(
        "--peer-gid", action="append", default=[], metavar="PEER=GID", help="a socket's group"
    )
    parser.add_argument("--log-level", choices=LEVELS, default="info")
    options = parser.parse_args(arguments)
    if options.records < 1:
        parser.error("--records must be at least 1")
    try:
        options.access = _access(options.peer_uid, options.peer_gid)
    except (ValueError, KeyError):
        parser.error(
            f"--peer-uid and --peer-gid are PEER=NUMBER (or, for --peer-uid, a user's name); "
            f"peers are {', '.join(Peer)}"
        )
    return options


def _access(uids: Sequence[str], gids: Sequence[str]) -> dict[Peer, Access]:
    """Who may use which socket; raises ValueError or KeyError."""
    access = {peer: Access(os.getuid()) for peer in Peer}
    for name, _, user in (each.partition("=") for each in uids):
        uid = int(user) if user.isdecimal() else pwd.getpwnam(user).pw_uid
        access[Peer(name)] = Access(uid)
    for name, _, group in (each.partition("=") for each in gids):
        peer = Peer(name)
        access[peer] = Access(access[peer].uid, int(group))
    return access


async def _run(options: argparse.Namespace, clock: Clock, log: KeeperLog) -> int:
    asyncio.get_running_loop().set_exception_handler(_wordless(log))
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    access: dict[Peer, Access] = options.access
    folder = private_folder(options.data / "keeper")
    is_shared = any(each.gid is not None or each.uid != os.getuid() for each in access.values())
    run = (shared_folder if is_shared else private_folder)(options.data / "run")
    keeper = await start(folder, options.records, clock, log, is_existing=options.existing)
    try:
        server = Server(keeper, run, access)
        await server.open()
        log.info("keeper_started", records=keeper.slots.records)
        await _until(stop, keeper)
        await server.close()
        with contextlib.suppress(DiskRefused):
            await keeper.watch.record()
        log.info("keeper_stopped")
    finally:
        await keeper.slots.close()
    return Exit.DONE


def _wordless(log: KeeperLog) -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    """Log what the event loop caught, without the words and objects it would print itself."""

    def caught(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        log.failure("loop_failed", context.get("exception") or RuntimeError())

    return caught


async def _until(stop: asyncio.Event, keeper: Keeper) -> None:
    """Record the time every minute until it is time to end."""
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), RECORD_EVERY)
        try:
            await keeper.watch.record()
        except DiskRefused:
            keeper.alarms.raise_(Alarm.DISK_REFUSED)


if __name__ == "__main__":
    sys.exit(main())
