"""`havenline up`: makes sure that everything may start, starts it, and stays until it is told."""

import asyncio
import contextlib
import getpass
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec
from structlog.typing import FilteringBoundLogger

from intake_server.checks import Unsafe, check, read_machine
from intake_server.cli import place_options, settings_of
from intake_server.clock import Clock, SystemClock
from intake_server.database_state import NotPrepared, clear_upgrade_copies, peek, see_to_database
from intake_server.health import serve_health
from intake_server.installation import (
    NotUsable,
    clear_leftovers,
    clear_sockets,
    examine,
    hold,
    make_folders,
)
from intake_server.keeper_operator import KeeperStanding, keeper_operator, standing_of
from intake_server.lent_sockets import Lent, held_open
from intake_server.logs import open_log, tame_interpreter
from intake_server.mirror_carrier import keep_carrying
from intake_server.programs import (
    COURIER,
    OTHERS,
    keeper_program,
    other_program,
    ports_held_open,
)
from intake_server.settings import Settings
from intake_server.setup_link import address, new_setup_link
from intake_server.supervisor import Say, Supervisor
from vault.keeper_client import OperatorKeeper

FIRST_MIRROR = 60.0  # seconds after the start
START_PATIENCE = 60.0  # seconds for one process to answer for the first time


class NotStarted(Exception):
    """Something essential does not start; the text says what, and where its reason stands."""


@dataclass(frozen=True)
class Installation:
    """What one start works with."""

    settings: Settings
    config: Path | None
    clock: Clock
    log: FilteringBoundLogger
    say: Say
    show_setup_link: bool

    @property
    def run(self) -> Path:
        """The folder of the sockets."""
        return self.settings.data.run_dir


@click.command()
@place_options
@click.option("--allow-swap", is_flag=True, help="Start although swap is active. For trials.")
@click.option(
    "--allow-core-dumps", is_flag=True, help="Start although crashes may be kept. For trials."
)
@click.option(
    "--setup-link",
    is_flag=True,
    help="Print the set-up link even where the output is no terminal. Not into a log.",
)
def up(
    *,
    folder: Path | None,
    config: Path | None,
    allow_swap: bool,
    allow_core_dumps: bool,
    setup_link: bool,
) -> None:
    """Start everything, and stay until Ctrl-C."""
    settings = _with_flags(settings_of(folder, config), allow_swap, allow_core_dumps)
    clock = SystemClock()
    log = open_log("supervisor", level=settings.log.level, clock=clock, stream=sys.stderr)
    tame_interpreter(log)
    installation = Installation(
        settings, config, clock, log, click.echo, setup_link or sys.stdout.isatty()
    )
    try:
        examine(settings.data)
        make_folders(settings.data)
        with hold(settings.data):
            clear_leftovers(settings.data)
            clear_upgrade_copies(settings.data)
            refuse_danger(check(settings, read_machine(os.environ)))
            clear_sockets(settings.data)
            asyncio.run(_run(installation))
    except (NotUsable, NotStarted, NotPrepared) as error:
        raise click.ClickException(str(error)) from None


def refuse_danger(found: Sequence[Unsafe]) -> None:
    """Print what is unsafe; end the command where it is dangerous."""
    for each in found:
        click.echo(f"{'Dangerous' if each.dangerous else 'Note'}: {each.what}", err=True)
        click.echo(click.wrap_text(each.remedy, 100, "  ", "  "), err=True)
    if any(each.dangerous for each in found):
        raise NotStarted("Nothing was started. `havenline check` says this again.")


def _with_flags(settings: Settings, allow_swap: bool, allow_core_dumps: bool) -> Settings:  # noqa: FBT001 - two flags of the command line, handed on by name there
    safety = msgspec.structs.replace(
        settings.safety,
        allow_swap=settings.safety.allow_swap or allow_swap,
        allow_core_dumps=settings.safety.allow_core_dumps or allow_core_dumps,
    )
    return msgspec.structs.replace(settings, safety=safety)


async def _run(it: Installation) -> None:
    """Start, wait for the end, stop. Raises `NotStarted`, `NotPrepared`."""
    with held_open(ports_held_open(it.settings)) as lent:
        await _run_with(it, lent)


async def _run_with(it: Installation, lent: Lent) -> None:
    """The same, with the sockets that stay open while a process starts anew."""
    stop = asyncio.Event()
    async with keeper_operator(it.run) as operator:
        programs = [
            keeper_program(it.settings, operator, _RootWatch(it.say).look),
            *(
                other_program(name, it.settings, it.config, lent if name == COURIER else None)
                for name in OTHERS
            ),
        ]
        supervisor = Supervisor(programs, clock=it.clock, log=it.log, say=it.say)
        with _signals(stop, supervisor):
            carrying = _carry_mirror(it)
            server = await serve_health(it.run / "supervisor.sock", supervisor.report)
            starting = asyncio.create_task(_start(it, supervisor, operator))
            stopping = asyncio.create_task(stop.wait())
            try:
                await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if starting.done():
                    await starting
                    await stopping
            finally:
                for task in (starting, stopping):
                    task.cancel()
                await asyncio.wait({starting, stopping})
                carrying.cancel()
                server.close()
                if stop.is_set():
                    it.say("Stopping.")
                await supervisor.stop()
                clear_sockets(it.settings.data)


def _carry_mirror(it: Installation) -> asyncio.Task[None]:
    """Carry the keeper's mirror every hour, where a folder for it is set."""
    folder = it.settings.mirror.folder

    async def carry() -> None:
        if folder is not None:
            await asyncio.sleep(FIRST_MIRROR)
            await keep_carrying(it.settings.data, folder, it.log)

    return asyncio.create_task(carry(), name="mirror")


@contextlib.contextmanager
def _signals(stop: asyncio.Event, supervisor: Supervisor) -> Iterator[None]:
    """One signal stops in order; a second one kills."""
    loop = asyncio.get_running_loop()

    def asked() -> None:
        if stop.is_set():
            supervisor.kill()
        stop.set()

    wanted = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup(1) keeps it running
        wanted.append(signal.SIGHUP)
    for number in wanted:
        loop.add_signal_handler(number, asked)
    try:
        yield
    finally:
        for number in wanted:
            loop.remove_signal_handler(number)


class _RootWatch:
    """Shows the fingerprint on the terminal when the first person has been set up."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._was_pinned: bool | None = None

    def look(self, standing: KeeperStanding) -> None:
        """Compare with the last look; an installation that had a root at start shows nothing."""
        if standing.root_pinned and self._was_pinned is False:
            words = "  ".join(standing.fingerprint_words)
            self._say(
                "\nThe first person is set up. The browser shows eight words. Compare them, word "
                f"by word, before anybody goes on:\n\n  {words}\n"
            )
        self._was_pinned = standing.root_pinned


async def _start(it: Installation, supervisor: Supervisor, operator: OperatorKeeper) -> None:
    """Start everything in order and say where it is. Raises `NotStarted`, `NotPrepared`."""
    since = it.clock.monotonic()
    # All import at once; none opens anything before it is known that it may.
    supervisor.start()
    known = await asyncio.to_thread(peek, it.settings.data)
    supervisor.let_run("keeper")
    if await supervisor.healthy("keeper", patience=START_PATIENCE):
        raise NotStarted(
            "The keeper does not start, so nothing does. What it said stands above this line."
        )
    standing = await standing_of(operator)
    pairing = (await operator.hello()).pairing_id
    await see_to_database(it.settings.data, pairing, is_fresh=standing.is_fresh, known=known)
    supervisor.let_run(*OTHERS)
    late = await supervisor.healthy(*OTHERS, patience=START_PATIENCE)
    for name in late:
        it.say(
            f"!! The {name} process is not well yet. It is tried again; what it said stands above. "
            "`havenline status` shows how it goes on."
        )
    _say_where(it, it.clock.monotonic() - since)
    if not standing.root_pinned:
        await _say_setup_link(it, operator)


def _say_where(it: Installation, seconds: float) -> None:
    settings = it.settings
    web, desk = settings.web, settings.desk
    host = socket.gethostname()
    tunnel = f"-L {web.port}:{web.host}:{web.port} -L {desk.port}:{desk.host}:{desk.port}"
    it.say(
        f"\nHavenline is running (ready after {seconds:.1f} seconds).\n\n"
        f"  Clients   {address(web.public_url, web.host, web.port)}\n"
        f"  Staff     {address(desk.public_url, desk.host, desk.port)}\n"
        f"  Data      {settings.data.folder}\n"
        "  Stop      Ctrl-C\n\n"
        "From another computer, run this there and open the same addresses:\n\n"
        f"  ssh -N {tunnel} {getpass.getuser()}@{host}\n"
    )


async def _say_setup_link(it: Installation, operator: OperatorKeeper) -> None:
    if not it.show_setup_link:
        it.say("Nobody is set up yet. `havenline staff setup-link` prints the link for that.\n")
        return
    link = await new_setup_link(operator, it.settings, it.clock)
    it.say(
        "Nobody is set up yet, and the client page stays closed until somebody is. The first "
        f"counsellor opens this\nlink within {link.minutes} minutes. It works once; "
        "`havenline staff setup-link` makes a new one.\n\n"
        f"  {link.url}\n"
    )
