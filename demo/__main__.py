"""`make demo`, or `python -m demo [--port 8080]`: a hotline to look at, on this machine alone.

Two made-up counsellors are signed in with one click, made-up people write by themselves, and the
pages for clients say that nobody reads them. Ctrl-C removes everything.
"""

import asyncio
import contextlib
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import aiohttp
import click
import msgspec
from aiohttp import web

from demo.hotline import SETTINGS, NotStarted, hotline
from demo.people import HOST, Desk, FrontDoor, Team
from intake_server.clock import SystemClock
from intake_server.database_state import NotPrepared
from intake_server.logs import open_log
from intake_server.settings import Settings, load_settings

ROOT: Final = Path(__file__).parents[1]
HIGHEST_PORT: Final = 65_531


def _address(port: int) -> str:
    return f"http://{HOST}:{port}/"


@click.command()
@click.option(
    "--port",
    type=click.IntRange(1024, HIGHEST_PORT),
    default=8080,
    help="The client page's; the next four are used, too.",
)
@click.option(
    "--every",
    type=click.IntRange(1),
    default=20,
    help="Seconds from one who writes to the next.",
)
def main(port: int, every: int) -> None:
    """Start the demonstration, and stay until Ctrl-C."""
    folder = Path(tempfile.mkdtemp(prefix="havenline-demo-"))
    try:
        asyncio.run(_run(folder, port, every))
    except (NotStarted, NotPrepared, OSError) as error:
        raise click.ClickException(str(error)) from None
    finally:
        shutil.rmtree(folder)
        click.echo("Everything of the demonstration is removed.")


async def _run(folder: Path, port: int, every: int) -> None:
    config = folder / "havenline.toml"
    ports = {"client_page": port, "front_door": port + 1, "desk": port + 2}
    config.write_text(SETTINGS.format(**ports), encoding="utf-8")
    settings = load_settings(config=config, folder=folder / "data")
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    showing = asyncio.create_task(_show(settings, config, port, every))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({showing, stopping}, return_when=asyncio.FIRST_COMPLETED)
    showing.cancel()
    stopping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await showing


async def _show(settings: Settings, config: Path, port: int, every: int) -> None:
    """Start everything in order, and stay until this is cancelled."""
    clock = SystemClock()
    log = open_log("demonstration", level="error", clock=clock, stream=sys.stderr)
    click.echo("Starting a hotline, and setting up two people who do not exist …")
    async with (
        hotline(settings, config, clock, log) as link,
        aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None), cookie_jar=aiohttp.DummyCookieJar()
        ) as net,
        contextlib.AsyncExitStack() as stack,
    ):
        desk = _address(port + 2)
        team = await _set_up(desk, link.partition("#setup=")[2])
        desks = []
        for place, person in enumerate(team.people, port + 3):
            handler = Desk(person, team.fingerprint, desk.rstrip("/"), net, clock)
            await stack.enter_async_context(_served(handler, place))
            desks.append((person, _address(place)))
        door = FrontDoor(_address(port), desks)
        await stack.enter_async_context(_served(door, port + 1))
        click.echo(
            f"\nOpen {_address(port + 1)} in a browser.\n\n"
            f"  Clients   {_address(port)}\n"
            + "".join(f"  {person.shown:9} {url}\n" for person, url in desks)
            + "  Stop      Ctrl-C, which removes everything\n"
        )
        socket = settings.data.run_dir / "loopback.sock"
        await _node("arrivals.mjs", _address(port), str(socket), str(every))


async def _set_up(desk: str, token: str) -> Team:
    """Two people, by the desk's own code. Raises `NotStarted`."""
    said = await _node("team.mjs", told=json.dumps({"desk": desk, "token": token}).encode())
    return msgspec.json.decode(said, type=Team)


async def _node(program: str, *arguments: str, told: bytes | None = None) -> bytes:
    """What a program prints that is told something; one that is not stays, and prints here."""
    process = await asyncio.create_subprocess_exec(
        "node",
        str(ROOT / "demo" / program),
        *arguments,
        stdin=asyncio.subprocess.PIPE if told is not None else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE if told is not None else None,
        start_new_session=True,  # Ctrl-C reaches this process alone, which ends all in order
    )
    try:
        said, _ = await process.communicate(told)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise NotStarted(f"{program} ended with {process.returncode}. What it said stands above.")
    return said or b""


@contextlib.asynccontextmanager
async def _served(handler: Desk | FrontDoor, port: int) -> AsyncIterator[None]:
    runner = web.ServerRunner(web.Server(handler, access_log=None), shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port).start()
        yield
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    main()
