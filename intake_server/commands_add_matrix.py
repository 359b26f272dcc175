"""`havenline channels add matrix`."""

import asyncio
import os
from pathlib import Path

import click

from intake_server.cli import place_options, settings_of
from intake_server.courier.channels import (
    MATRIX,
    MATRIX_CANARY,
    FolderRefused,
    channel_folder,
    matrix_place,
    private_folder,
)
from intake_server.courier.own_keys import OwnKeys
from intake_server.new_channel import New, secret_from, tell
from intake_server.seed import SeedError, own_seed
from intake_server.settings import Settings

_BEFORE = """\
You need an account for the hotline alone, on a homeserver you trust.
  1. Make it in any Matrix app or in the homeserver's own page. Choose a neutral name, without the
     organisation's: it stands on the lock screen of people's phones. No picture.
  2. Write the password down where the hotline's other passwords are. Sign out in that app: what
     is signed in elsewhere could read along.
Now Havenline signs in, makes the account's keys, and signs its own device with them, so that apps
show no warning. It keeps no password. Rooms are made by the people who write; the hotline accepts
encrypted, closed rooms of two and leaves all others.
"""


@click.command("matrix")
@place_options
@click.option("--homeserver", default="", help="Such as https://matrix.example.org.")
@click.option("--user", default="", help="The account's name, with or without the server's.")
@click.option("--password-file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--canary", is_flag=True, help="Sign in a second account that only tests the way.")
@click.option("--again", is_flag=True, help="Sign in anew where somebody is signed in already.")
def add_matrix(
    *,
    folder: Path | None,
    config: Path | None,
    homeserver: str,
    user: str,
    password_file: Path | None,
    canary: bool,
    again: bool,
) -> None:
    """Sign in to the hotline's Matrix account; the invite and a poster follow."""
    settings = settings_of(folder, config)
    if not homeserver or not user:
        click.echo(_BEFORE)
    homeserver = homeserver or click.prompt("Homeserver (https://…)")
    user = user or click.prompt("Name of the account")
    password = secret_from(password_file, "Password")
    click.echo("Signing in. This can take a minute.", err=True)
    if canary:
        asyncio.run(_canary(settings, homeserver, user, password))
        click.echo("It is signed in. Switch it on in your settings, and start Havenline anew:\n")
        click.echo("[channels.matrix]\ncanary = true")
        return
    tell(settings, asyncio.run(_signed_in(settings, homeserver, user, password, again=again)))


async def _canary(settings: Settings, homeserver: str, user: str, password: str) -> None:
    from bots.matrix import account  # noqa: PLC0415 - its libraries need long to load

    os.umask(0o077)
    try:
        place = private_folder(channel_folder(settings, MATRIX_CANARY))
        proxy = settings.channels.matrix.proxy
        if (place / account.FILE_NAME).is_file():
            raise click.ClickException(f"Remove {place} first: somebody is signed in there.")
        await account.sign_in(homeserver, user, password, place, proxy=proxy)
    except (FolderRefused, account.AccountError) as why:
        raise click.ClickException(str(why)) from None


async def _signed_in(
    settings: Settings, homeserver: str, user: str, password: str, *, again: bool
) -> New:
    """Sign in and return what was made; what is wrong ends the command with a sentence."""
    from bots.matrix import identity  # noqa: PLC0415 - its libraries need long to load
    from bots.matrix.account import (  # noqa: PLC0415 - its libraries need long to load
        AccountError,
        invite_to,
    )

    os.umask(0o077)
    try:
        keys = OwnKeys.of(own_seed(settings.data.courier_dir / "seed"))
        place = matrix_place(settings, keys)
        if (identity.has_account(place.folder) or place.identity.is_file()) and not again:
            raise click.ClickException(
                f"Somebody is signed in already: {place.folder}. To sign in anew, stop Havenline "
                "and add --again; the invite stays right if it is the same account."
            )
        account = await identity.set_up(place, homeserver, user, password)
        return New(MATRIX, invite_to(account.user_id), name=account.user_id)
    except (SeedError, FolderRefused, AccountError) as why:
        raise click.ClickException(str(why)) from None
