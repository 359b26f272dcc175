"""`havenline channels`: how each messenger channel is, and how one is added."""

import asyncio
from pathlib import Path
from typing import Final

import click
import msgspec

from intake_server.channel_health import ChannelState, read_states
from intake_server.cli import json_option, place_options, settings_of
from intake_server.commands_add_deltachat import add_deltachat
from intake_server.commands_add_matrix import add_matrix
from intake_server.commands_add_signal import add_signal, bring_back_signal, give_captcha

_PATIENCE: Final = 5.0


@click.group(invoke_without_command=True)
@place_options
@json_option
@click.pass_context
def channels(
    context: click.Context, *, folder: Path | None, config: Path | None, as_json: bool
) -> None:
    """Show each messenger channel. Exit code 0: all are connected and without alarm."""
    if context.invoked_subcommand is not None:
        return
    run = settings_of(folder, config).data.run_dir
    try:
        shown = asyncio.run(read_states(run / "courier-health.sock", _PATIENCE))
    except (OSError, ValueError):
        raise click.ClickException(
            "The courier does not answer. `havenline status` shows whether it is running."
        ) from None
    if as_json:
        click.echo(msgspec.json.encode(shown).decode())
    elif not shown:
        click.echo("No channel is switched on. Add one: havenline channels add deltachat")
    else:
        click.echo("\n".join(_table(shown)))
        for one in shown:
            if one.why:
                click.echo(f"\n{one.name} does not start: {one.why}")
            if one.leaving:
                click.echo(f"\n{one.name} has still to forget, of who is forgotten: {one.leaving}")
    if not all(one.connected and not one.alarms for one in shown):
        raise click.exceptions.Exit(1)


def _table(shown: tuple[ChannelState, ...]) -> list[str]:
    head = (
        "channel",
        "state",
        "last in",
        "last out",
        "kept",
        "queue",
        "files",
        "refused",
        "alarms",
    )
    rows = [head, *(_row(one) for one in shown)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _row(one: ChannelState) -> tuple[str, ...]:
    state = "connected" if one.connected else "unreachable"
    if one.limited_seconds:
        state = f"limited for {one.limited_seconds} s"
    refused = ", ".join(f"{count} {reason}" for reason, count in sorted(one.refused.items()))
    return (
        one.name,
        state,
        _ago(one.last_inbound_seconds),
        _ago(one.last_delivery_seconds),
        str(one.kept),
        str(one.queue),
        "yes" if one.attachments else "off",
        refused or "-",
        ", ".join(one.alarms) or "-",
    )


def _ago(seconds: int | None) -> str:
    """In the largest unit that fits; `-`: nothing since the courier started."""
    if seconds is None:
        return "-"
    units = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
    size, unit = next(((size, unit) for size, unit in units if seconds >= size), units[-1])
    return f"{seconds // size} {unit} ago"


# --- adding one -----------------------------------------------------------------------------


@channels.group("add")
def add() -> None:
    """Add a channel: walks through it and prints the invite and a poster."""


add.add_command(add_deltachat)
add.add_command(add_matrix)
add.add_command(add_signal)
channels.add_command(give_captcha)
channels.add_command(bring_back_signal)
