"""What the processes have in common: their command line, settings, log, and how they end.

`python -m intake_server.NAME --data DIR [--config FILE]` runs until SIGTERM or SIGINT, says in one
sentence why when it cannot start, and closes what it opened in the opposite order. Whoever starts
it, it gives no core dump, and what it writes is for nobody but its owner.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from intake_server.clock import Clock, SystemClock
from intake_server.confine import forbid_core_dumps
from intake_server.logs import open_log, tame_interpreter
from intake_server.settings import Settings, SettingsError, load_settings
from triage.retention import DEFAULT_POLICY, Policy, PolicyRefusedError, policy_from_toml

CANNOT_START = 2
_RETENTION = "retention.toml"

Serving = Callable[[Settings, Clock, FilteringBoundLogger], AbstractAsyncContextManager[object]]
"""Opens everything, serves inside, closes everything; raises `CannotStart`."""


class CannotStart(Exception):
    """The process cannot do its work; the text says why and what to do."""


def run_process(name: str, serving: Serving, arguments: Sequence[str] | None = None) -> int:
    """Run a process to its end; the answer is its exit code. Called once, by its `__main__`."""
    parser = argparse.ArgumentParser(prog=f"python -m intake_server.{name}", allow_abbrev=False)
    parser.add_argument("--data", type=Path, required=True, help="the folder of all data")
    parser.add_argument("--config", type=Path, help="the settings, where not in that folder")
    options = parser.parse_args(arguments)
    forbid_core_dumps()
    os.umask(stat.S_IRWXG | stat.S_IRWXO)
    clock = SystemClock()
    try:
        settings = load_settings(config=options.config, folder=options.data)
        log = open_log(name, level=settings.log.level, clock=clock, stream=sys.stderr)
        tame_interpreter(log)
        asyncio.run(_until_told(serving(settings, clock, log), log))
    except (CannotStart, SettingsError) as why:
        sys.stderr.write(f"the {name} process does not start: {why}\n")
        return CANNOT_START
    return 0


async def _until_told(
    serving: AbstractAsyncContextManager[object], log: FilteringBoundLogger
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving:
        log.info("process_started")
        await stop.wait()
    log.info("process_stopped")


@contextlib.asynccontextmanager
async def beside(*duties: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run duties until this is left. One that fails ends what runs inside, and so the process.

    Its supervisor starts it again; a process that goes on without one of its duties would be
    healthy in name only.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(duty) for duty in duties]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


def retention_policy(settings: Settings) -> Policy:
    """Return the policy of `retention.toml` in the data folder, or the compiled-in one.

    Raises `CannotStart`.
    """
    if not has_own_policy(settings):
        return DEFAULT_POLICY
    file = settings.data.folder / _RETENTION
    try:
        return policy_from_toml(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise CannotStart(f"{file} cannot be read; check its permissions.") from None
    except PolicyRefusedError as refusal:
        raise CannotStart(f"{file} cannot be used:\n{refusal}") from None


def has_own_policy(settings: Settings) -> bool:
    """Whether the operator has put a policy into the data folder; then no other choice counts."""
    return (settings.data.folder / _RETENTION).is_file()
