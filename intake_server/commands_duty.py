"""`havenline duty`: who is told over their own messenger that somebody waits, or of an alarm."""

import asyncio
import os
import zoneinfo
from pathlib import Path

import click

from intake_server.cli import place_options, settings_of
from intake_server.clock import SystemClock
from intake_server.courier.duty import CODE_SECONDS, Enrolled, Wish
from intake_server.courier.own_keys import OwnKeys
from intake_server.seed import SeedError, own_seed
from intake_server.settings import Settings
from triage.duty import DutyError, DutyHours


@click.group(invoke_without_command=True)
@place_options
@click.pass_context
def duty(context: click.Context, *, folder: Path | None, config: Path | None) -> None:
    """Show who is told that somebody waits, or of an alarm, and on which channel."""
    if context.invoked_subcommand is not None:
        return
    members = _enrolled(settings_of(folder, config)).members()
    if not members:
        click.echo("Nobody is told yet. Enrol somebody: havenline duty add NAME")
    for one in members:
        wish = one.wish
        what = " and ".join(
            name for name, wanted in (("waiting", wish.pings), ("alarms", wish.alarms)) if wanted
        )
        hours = ", ".join(wish.hours) or "the hotline's hours"
        click.echo(f"{wish.label}  {one.channel}  {what}  {hours}")


@duty.command("add")
@place_options
@click.argument("label")
@click.option("--alarms", is_flag=True, help="Also when something is wrong, at any hour.")
@click.option("--only-alarms", is_flag=True, help="Only when something is wrong.")
@click.option("--hours", multiple=True, help='"mon-fri 09:00-17:00"; may be given again.')
def add(
    *,
    folder: Path | None,
    config: Path | None,
    label: str,
    alarms: bool,
    only_alarms: bool,
    hours: tuple[str, ...],
) -> None:
    """Draw a code with which somebody enrols. LABEL is your word for them, such as a letter."""
    settings = settings_of(folder, config)
    if not settings.channels.is_any_on:
        raise click.ClickException(
            "No channel is switched on, so nobody could enrol. "
            "Add one first: havenline channels add deltachat"
        )
    try:
        DutyHours.read(hours, zoneinfo.ZoneInfo(settings.page.time_zone))
    except DutyError as why:
        raise click.ClickException(f"{why}.") from None
    wish = Wish(label, pings=not only_alarms, alarms=alarms or only_alarms, hours=hours)
    code = asyncio.run(_enrolled(settings).open_code(wish, SystemClock().unix()))
    click.echo(f"Within {CODE_SECONDS // 60} minutes, from their own app, to the hotline:\n")
    click.echo(f"    /duty {code}\n")
    click.echo("They scan the same invite as everybody. Use a phone that is not shared.")


@duty.command("remove")
@place_options
@click.argument("label")
def remove(*, folder: Path | None, config: Path | None, label: str) -> None:
    """Tell somebody nothing any more; their address is overwritten."""
    enrolled = _enrolled(settings_of(folder, config))
    gone = [one for one in enrolled.members() if one.wish.label == label]
    if not gone:
        raise click.ClickException(f"Nobody is called {label} here. `havenline duty` shows who is.")
    for one in gone:
        asyncio.run(enrolled.remove(one))
    click.echo(f"{label} is told nothing any more.")


def _enrolled(settings: Settings) -> Enrolled:
    os.umask(0o077)
    try:
        keys = OwnKeys.of(own_seed(settings.data.courier_dir / "seed"))
    except SeedError as why:
        raise click.ClickException(str(why)) from None
    return Enrolled(settings.data.courier_dir, keys)
