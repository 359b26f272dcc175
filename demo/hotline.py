"""A hotline with throw-away data on this machine, whose client pages say that nobody reads them.

It is the real one: the same five processes under the same supervisor. Only the web process is
started with a word more than `havenline up` can say.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import click
from structlog.typing import FilteringBoundLogger

from intake_server.clock import Clock
from intake_server.database_state import see_to_database
from intake_server.installation import hold, make_folders
from intake_server.keeper_operator import keeper_operator, standing_of
from intake_server.programs import OTHERS, keeper_program, other_program
from intake_server.settings import Settings
from intake_server.setup_link import new_setup_link
from intake_server.supervisor import Program, Supervisor

PATIENCE: Final = 60.0  # seconds for one process to answer for the first time

SETTINGS: Final = """
[web]
port = {client_page}
[desk]
port = {desk}
[slots]
records = 8192
[page]
organisation = "Example House, which does not exist"
exit_url = "http://127.0.0.1:{front_door}/"
[channels.loopback]
enabled = true
[safety]
allow_swap = true
allow_core_dumps = true
[log]
level = "error"
"""


class NotStarted(Exception):
    """A process does not start; what it said stands above."""


def _programs(settings: Settings, config: Path) -> list[Program]:
    others = [other_program(name, settings, config) for name in OTHERS]
    return [
        replace(one, command=(*one.command, "--nobody-reads")) if one.name == "web" else one
        for one in others
    ]


@contextlib.asynccontextmanager
async def hotline(
    settings: Settings, config: Path, clock: Clock, log: FilteringBoundLogger
) -> AsyncIterator[str]:
    """Start a new hotline, stop it in the end; gives its set-up link. Raises `NotStarted`."""
    make_folders(settings.data)
    with hold(settings.data):
        async with keeper_operator(settings.data.run_dir) as operator:
            programs = [keeper_program(settings, operator), *_programs(settings, config)]
            supervisor = Supervisor(programs, clock=clock, log=log, say=click.echo)
            supervisor.start()
            try:
                supervisor.let_run("keeper")
                await _healthy(supervisor, "keeper")
                standing = await standing_of(operator)
                pairing = (await operator.hello()).pairing_id
                await see_to_database(settings.data, pairing, is_fresh=standing.is_fresh)
                supervisor.let_run(*OTHERS)
                await _healthy(supervisor, *OTHERS)
                yield (await new_setup_link(operator, settings, clock)).url
            finally:
                await asyncio.shield(supervisor.stop())


async def _healthy(supervisor: Supervisor, *names: str) -> None:
    late = await supervisor.healthy(*names, patience=PATIENCE)
    if late:
        raise NotStarted(f"The {late[0]} process does not start. What it said stands above.")
