"""`havenline staff …` and `clock-is-right`: what the operator tells the keeper."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click

from intake_server.cli import json_option, place_options, settings_of
from intake_server.clock import SystemClock
from intake_server.keeper_operator import keeper_operator
from intake_server.setup_link import new_setup_link
from vault.keeper_client import KeeperDown, OperatorKeeper
from vault.keeper_protocol import KeeperRefusal, Refused
from vault.roster import Role, Roster, verify_chain

T = TypeVar("T")


@click.group()
def staff() -> None:
    """People who work at the desk."""


@staff.command("setup-link")
@place_options
@json_option
def print_setup_link(*, folder: Path | None, config: Path | None, as_json: bool) -> None:
    """Print the link that makes the first person. Only while nobody is set up.

    It works once, for 30 minutes; a link made before works no longer. Everybody else is added at
    the desk, by somebody who is there already.
    """
    settings = settings_of(folder, config)
    try:
        link = _ask(
            settings.data.run_dir, lambda keeper: new_setup_link(keeper, settings, SystemClock())
        )
    except Refused:
        raise click.ClickException(
            "Somebody is set up already, so there is no such link any more. Further people are "
            "added at the desk."
        ) from None
    if as_json:
        click.echo(json.dumps({"url": link.url, "minutes": link.minutes}))
        return
    click.echo(f"Works once, for {link.minutes} minutes. Show it to nobody else:\n\n  {link.url}\n")


@staff.command("list")
@place_options
@json_option
def list_staff(*, folder: Path | None, config: Path | None, as_json: bool) -> None:
    """Print who belongs to the team, in which roles, as the keeper's roster says."""
    known = _ask(settings_of(folder, config).data.run_dir, _verified_roster)
    if known is None:
        raise click.ClickException("Nobody is set up yet. Start with `havenline staff setup-link`.")
    people = [
        {"name": _printable(person.shown_name), "roles": _role_names(person.roles)}
        for person in known.people.values()
    ]
    if as_json:
        told = {
            "people": people,
            "removed": len(known.removed),
            "epoch": known.epoch.number,
            "epoch_due": known.is_epoch_due,
            "entries": known.number,
        }
        click.echo(json.dumps(told))
        return
    for each in people:
        click.echo(f"{each['name']}: {', '.join(each['roles'])}")
    click.echo(f"Removed so far: {len(known.removed)}. Team key number {known.epoch.number}.")
    if known.is_epoch_due:
        click.echo("A new team key is due: the next counsellor who signs in makes it.")


def _printable(name: str) -> str:
    """A name as a terminal may show it."""
    return "".join(sign if sign.isprintable() else "?" for sign in name)


def _role_names(roles: Role) -> list[str]:
    return [str(role.name).lower() for role in Role if role in roles]


async def _verified_roster(keeper: OperatorKeeper) -> Roster | None:
    """The keeper's roster, verified from its root; None before set-up."""
    root, part = (await keeper.hello()).root, await keeper.roster()
    return None if root is None else verify_chain(part.entries, fingerprint=root)


@click.command("clock-is-right")
@place_options
@click.confirmation_option(
    prompt="Forgetting follows this machine's clock. Did you check its date and time?"
)
def clock_is_right(*, folder: Path | None, config: Path | None) -> None:
    """Say that the machine's clock is right, so that forgetting by time goes on."""
    _ask(settings_of(folder, config).data.run_dir, lambda keeper: keeper.clock_is_right())
    click.echo("Forgetting by time goes on.")


def _ask(run: Path, question: Callable[[OperatorKeeper], Awaitable[T]]) -> T:
    """Ask the running keeper; what it cannot do ends the command with a sentence."""

    async def ask() -> T:
        async with keeper_operator(run) as keeper:
            return await question(keeper)

    try:
        return asyncio.run(ask())
    except Refused:
        raise
    except KeeperDown:
        raise click.ClickException(
            f"Havenline is not running with {run.parent}. Start it with `havenline up`, or name "
            "the right folder with --data."
        ) from None
    except KeeperRefusal as refusal:
        raise click.ClickException(f"The keeper did not do it: {refusal}.") from None
