"""`havenline channels`: how each messenger channel is, and how one is added."""

import asyncio
import os
from pathlib import Path
from typing import Final, Literal

import click
import msgspec

from bots.deltachat.account import (
    RELAY_SCHEME,
    STATE,
    AccountRefused,
    MailAccount,
    make_account,
)
from bots.deltachat.core import Core, CoreGone, program
from intake_server.cli import json_option, place_options, settings_of
from intake_server.courier.channels import (
    FolderRefused,
    deltachat_folder,
    deltachat_identity,
    private_folder,
)
from intake_server.courier.own_keys import OwnKeys
from intake_server.poster import picture, poster
from intake_server.seed import SeedError, own_seed
from intake_server.settings import FILE_NAME, Settings

_PATIENCE: Final = 5.0
_SECTION: Final = "[channels.deltachat]"


class _Shown(msgspec.Struct, frozen=True):
    """One channel, as the courier's health tells of it."""

    name: str
    connected: bool
    last_inbound_seconds: int | None
    last_delivery_seconds: int | None
    kept: int
    queue: int
    refused: dict[str, int]
    limited_seconds: int
    alarms: tuple[str, ...]
    why: str = ""  # what a person must do before it can start


class _Health(msgspec.Struct, frozen=True):
    channels: tuple[_Shown, ...]


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
        line = asyncio.run(_read_line(run / "courier-health.sock"))
        shown = msgspec.json.decode(line, type=_Health).channels
    except (OSError, TimeoutError, msgspec.DecodeError):
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
    if not all(one.connected and not one.alarms for one in shown):
        raise click.exceptions.Exit(1)


async def _read_line(path: Path) -> bytes:
    async with asyncio.timeout(_PATIENCE):
        reader, writer = await asyncio.open_unix_connection(path)
        try:
            return await reader.readline()
        finally:
            writer.close()


def _table(shown: tuple[_Shown, ...]) -> list[str]:
    head = ("channel", "state", "last in", "last out", "kept", "queue", "refused", "alarms")
    rows = [head, *(_row(one) for one in shown)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _row(one: _Shown) -> tuple[str, ...]:
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


@add.command("deltachat")
@place_options
@click.option("--relay", default="", help=f"A chatmail relay, {RELAY_SCHEME}host: no name needed.")
@click.option("--address", default="", help="A mail address of the hotline's own, instead.")
@click.option("--password-file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--imap-host", default="", help="Where it is not found by itself.")
@click.option("--imap-port", default=0)
@click.option("--smtp-host", default="")
@click.option("--smtp-port", default=0)
@click.option(
    "--security", type=click.Choice(["automatic", "ssl", "starttls", "plain"]), default="automatic"
)
def add_deltachat(  # noqa: PLR0913 - one parameter for each option
    *,
    folder: Path | None,
    config: Path | None,
    relay: str,
    address: str,
    password_file: Path | None,
    imap_host: str,
    imap_port: int,
    smtp_host: str,
    smtp_port: int,
    security: Literal["automatic", "ssl", "starttls", "plain"],
) -> None:
    """Make the hotline's Delta Chat account, with its invite and a poster.

    People reach it by scanning the invite. They need no telephone number and no real name.
    """
    settings = settings_of(folder, config)
    if not relay and not address:
        click.echo("An account at a chatmail relay has no name and no owner. Or use a mailbox that")
        click.echo("belongs to the hotline alone: what lies in it is read and deleted.\n")
        relay = click.prompt(f"Relay ({RELAY_SCHEME}host), or empty for a mailbox", default="")
        address = "" if relay else click.prompt("Mail address")
    account: MailAccount | str = relay
    if not relay:
        password = _password(password_file)
        ports = (imap_host, imap_port, smtp_host, smtp_port)
        account = MailAccount(address, password, *ports, security=security)
    elif not relay.lower().startswith(RELAY_SCHEME):
        raise click.ClickException(f"A relay is written {RELAY_SCHEME}host.")
    click.echo("Making the account. This can take a minute.", err=True)
    invite = asyncio.run(_make(settings, account))
    _tell(settings, invite)


def _password(file: Path | None) -> str:
    if file is not None:
        return file.read_text(encoding="utf-8").partition("\n")[0]
    asked: str = click.prompt("Password of the mailbox", hide_input=True)
    return asked


async def _make(settings: Settings, account: MailAccount | str) -> str:
    """Make the account and return its invite; what is wrong ends the command with a sentence."""
    os.umask(0o077)
    binary = program()
    if binary is None:
        raise click.ClickException(
            "The Delta Chat core is not installed: pip install deltachat-rpc-server"
        )
    try:
        keys = OwnKeys.of(own_seed(settings.data.courier_dir / "seed"))
        identity = deltachat_identity(settings, keys)
        state = private_folder(deltachat_folder(settings)) / STATE
        private_folder(identity.file.parent)
        if identity.file.exists():
            raise click.ClickException(
                f"There is an account already: {identity.file}. To begin anew, move the folder "
                f"{identity.file.parent} away first; old posters then lead nowhere."
            )
        core = await Core.start(binary, state)
        try:
            name = settings.channels.deltachat.name
            return await make_account(core, account, display_name=name, identity=identity)
        finally:
            await core.close()
    except (SeedError, FolderRefused, AccountRefused) as why:
        raise click.ClickException(str(why)) from None
    except CoreGone:
        raise click.ClickException(
            "The Delta Chat core does not start. If Havenline is running, stop it for a moment."
        ) from None


def _tell(settings: Settings, invite: str) -> None:
    """Write invite and poster, switch the channel on, and say what comes next."""
    folder = settings.data.courier_dir / "deltachat"
    language = settings.page.language
    for name, text in (
        ("invite.svg", picture(invite)),
        ("poster.html", poster("deltachat", invite, language)),
        ("invite.txt", invite + "\n"),
    ):
        (folder / name).write_text(text, encoding="utf-8")
    click.echo(f"\nInvite   {invite}")
    click.echo(f"Picture  {folder / 'invite.svg'}")
    click.echo(f"Poster   {folder / 'poster.html'}\n")
    if _switched_on(settings.data.folder / FILE_NAME):
        click.echo(f"{_SECTION} is switched on in {settings.data.folder / FILE_NAME}.")
    else:
        click.echo(f"Switch it on in your settings:\n\n{_SECTION}\nenabled = true\n")
    click.echo("Start Havenline anew, scan the invite with a phone of your own, and write to it.")
    click.echo("Then make a backup: it holds this account, encrypted. See docs/channels.md.")


def _switched_on(file: Path) -> bool:
    """Switch the channel on where the settings say nothing about it yet."""
    written = file.read_text(encoding="utf-8") if file.is_file() else ""
    if "channels.deltachat" in written:
        return "enabled = true" in written.partition(_SECTION)[2].partition("\n[")[0]
    gap = "\n" if written else ""
    file.write_text(f"{written}{gap}{_SECTION}\nenabled = true\n", encoding="utf-8")
    return True
