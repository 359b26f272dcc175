"""`havenline channels add deltachat`."""

import asyncio
import os
from pathlib import Path
from typing import Literal

import click

from bots.deltachat.account import (
    RELAY_SCHEME,
    STATE,
    AccountRefused,
    MailAccount,
    make_account,
)
from bots.deltachat.channel import DeltaChat
from bots.deltachat.core import Core, CoreGone, program
from intake_server.cli import place_options, settings_of
from intake_server.courier.channels import (
    DELTACHAT_CANARY,
    FolderRefused,
    channel_folder,
    deltachat_folder,
    deltachat_identity,
    private_folder,
)
from intake_server.courier.own_keys import OwnKeys
from intake_server.new_channel import New, secret_from, tell
from intake_server.seed import SeedError, own_seed
from intake_server.settings import Settings


@click.command("deltachat")
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
@click.option("--canary", is_flag=True, help="Make a second account that only tests the way.")
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
    canary: bool,
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
        password = secret_from(password_file, "Password of the mailbox")
        ports = (imap_host, imap_port, smtp_host, smtp_port)
        account = MailAccount(address, password, *ports, security=security)
    elif not relay.lower().startswith(RELAY_SCHEME):
        raise click.ClickException(f"A relay is written {RELAY_SCHEME}host.")
    click.echo("Making the account. This can take a minute.", err=True)
    if canary:
        asyncio.run(_make(settings, account, DELTACHAT_CANARY))
        click.echo("It is made. Switch it on in your settings, and start Havenline anew:\n")
        click.echo("[channels.deltachat]\ncanary = true")
        return
    invite = asyncio.run(_make(settings, account, DeltaChat.name))
    tell(settings, New(DeltaChat.name, invite))


async def _make(settings: Settings, account: MailAccount | str, which: str) -> str:
    """Make the account and return its invite; what is wrong ends the command with a sentence."""
    os.umask(0o077)
    binary = program()
    if binary is None:
        raise click.ClickException(
            "The Delta Chat core is not installed: pip install deltachat-rpc-server"
        )
    try:
        keys = OwnKeys.of(own_seed(settings.data.courier_dir / "seed"))
        identity = deltachat_identity(settings, keys, which)
        is_canary = which == DELTACHAT_CANARY
        place = channel_folder(settings, which) if is_canary else deltachat_folder(settings)
        state = private_folder(place) / STATE
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
