"""`havenline channels add signal`, and what its account needs later: a captcha, a lost folder."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import msgspec
import segno

from bots.signal.api import Api, ApiDown, ApiLimited, ApiRefused, ApiSilent, check_url
from bots.signal.identity import IdentityRefused, bring_back, keep
from bots.signal.set_up import CAPTCHA_SCHEME, leave_captcha, set_up
from intake_server.cli import place_options, settings_of
from intake_server.courier.channels import (
    IDENTITY_FILE,
    SIGNAL,
    FolderRefused,
    channel_folder,
    private_folder,
    webhook_path,
)
from intake_server.courier.own_keys import ChannelBox, OwnKeys
from intake_server.lent_sockets import LOCAL
from intake_server.new_channel import New, tell
from intake_server.seed import SeedError, own_seed
from intake_server.settings import Settings, SignalSettings

CAPTCHA_PAGE: Final = "https://signalcaptchas.org/registration/generate.html"
CHALLENGE_PAGE: Final = "https://signalcaptchas.org/challenge/generate.html"
_DEVICE: Final = "server"
WEBHOOK_PORT: Final = 8091

_BEFORE = """\
Signal needs a telephone number that belongs to the organisation and to nobody's life. It must
receive one text or call. People never see it: they reach the hotline by a username's link.
Signal's own network could not be part of our tests. Try everything with two phones before you
print a poster; docs/channels-signal.md has the list.
"""
_SERVER = """\
Run signal-cli-rest-api on this machine, reachable from here alone, with these settings:

    MODE=json-rpc
{attachments}    RECEIVE_WEBHOOK_URL={webhook}

The last line holds a secret: whoever has it can put words into people's mouths.
"""
_NO_ATTACHMENTS = "    JSON_RPC_IGNORE_ATTACHMENTS=true\n"
_REGISTER = f"""\
The number is not registered with Signal on that server. There are two ways.
  register  The number is only the hotline's. Signal wants a captcha first: open
            {CAPTCHA_PAGE}
            in a browser, solve it, and copy the address behind "Open Signal". It begins with
            {CAPTCHA_SCHEME} and is good for some minutes.
  link      A phone has the account already. It will read everything too: lock it away.
"""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a person answered, or gave as an option."""

    username: str
    name: str
    captcha: str
    by_voice: bool


@click.command("signal")
@place_options
@click.option("--url", default="", help="Of signal-cli-rest-api; http:// for this machine alone.")
@click.option("--number", default="", help="The hotline's, such as +4915550001111.")
@click.option(
    "--webhook-port", default=0, help=f"Of this machine; {WEBHOOK_PORT} if nothing is said."
)
@click.option("--username", default="", help="A neutral word of at least 3 letters.")
@click.option("--name", default="", help="What stands above the chat on people's phones.")
@click.option("--captcha", default="", help=f"Where Signal wants one: {CAPTCHA_SCHEME}…")
@click.option("--voice", is_flag=True, help="Have the code told in a call instead of a text.")
@click.option(
    "--account-folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="signal-cli's folder data: its identity is then kept, encrypted, for the backup.",
)
def add_signal(  # noqa: PLR0913 - one parameter for each option
    *,
    folder: Path | None,
    config: Path | None,
    url: str,
    number: str,
    webhook_port: int,
    username: str,
    name: str,
    captcha: str,
    voice: bool,
    account_folder: Path | None,
) -> None:
    """Set up the hotline's Signal account; the invite and a poster follow."""
    settings = settings_of(folder, config)
    os.umask(0o077)
    click.echo(_BEFORE)
    wanted = _wanted(settings, url, number, webhook_port)
    keys, place = _place(settings)
    path = webhook_path(keys)
    webhook = f"http://{LOCAL}:{wanted.webhook_port}{path}"
    downloads = "" if settings.attachments.allows(SIGNAL) else _NO_ATTACHMENTS
    click.echo(_SERVER.format(webhook=webhook, attachments=downloads))
    username = username or click.prompt("Username: a neutral word; Signal adds two digits")
    name = name or click.prompt("Name above the chat on people's phones", default="Info")
    asked = _Asked(username, name, captcha, voice)
    invite = asyncio.run(_set_up(wanted, place, asked))
    if account_folder is not None:
        _keep(wanted.number, account_folder, place, keys)
    else:
        click.echo("The account's identity is not in the backup yet: docs/channels-signal.md.")
    lines: dict[str, str | int] = {
        "url": wanted.url,
        "number": wanted.number,
        "webhook_port": wanted.webhook_port,
    }
    tell(settings, New(SIGNAL, invite, settings=lines))


def _wanted(settings: Settings, url: str, number: str, port: int) -> SignalSettings:
    """The section as it is to stand in the settings."""
    known = settings.channels.signal
    number = number or known.number or click.prompt("Number of the hotline (+…)")
    try:
        check_url(url or known.url)
        return SignalSettings(
            enabled=True,
            url=url or known.url,
            number=number.replace(" ", ""),
            webhook_port=port or known.webhook_port or WEBHOOK_PORT,
        )
    except (ValueError, msgspec.ValidationError) as why:
        raise click.ClickException(f"{why}.") from None


def _place(settings: Settings) -> tuple[OwnKeys, Path]:
    try:
        keys = OwnKeys.of(own_seed(settings.data.courier_dir / "seed"))
        return keys, private_folder(channel_folder(settings, SIGNAL))
    except (SeedError, FolderRefused) as why:
        raise click.ClickException(str(why)) from None


async def _set_up(wanted: SignalSettings, place: Path, asked: _Asked) -> str:
    api = Api(wanted.url, wanted.number)
    await api.open()
    try:
        if not await api.is_registered():
            await _register(api, asked)
        return await set_up(api, place, asked.username, asked.name)
    except (ApiDown, ApiSilent):
        raise click.ClickException(
            f"The server at {wanted.url} does not answer. Start it, wait a minute, and repeat."
        ) from None
    except ApiLimited:
        raise click.ClickException(
            "Signal takes nothing more for now: too many tries. Wait a day, and repeat."
        ) from None
    except ApiRefused as refused:
        raise click.ClickException(
            "Signal refused. A captcha is good for minutes and once; a username may be taken; a "
            f"code may be mistyped. Its own words: {refused.why or 'none'}"
        ) from None
    finally:
        await api.close()


async def _register(api: Api, asked: _Asked) -> None:
    """Bring the number to the server: by a captcha and a code, or as a phone's linked device."""
    click.echo(_REGISTER)
    ways = click.Choice(["register", "link"])
    if not asked.captcha and click.prompt("Which way", type=ways) == "link":
        uri = await api.link(_DEVICE)
        segno.make(uri, error="l").terminal(compact=True)
        click.echo("On the phone: Signal, Settings, Linked devices, add; scan this.")
        click.confirm("Is it done", default=True, abort=True)
        if not await api.is_registered():
            raise ApiRefused(200, "the number of that phone is another one")
        return
    captcha = asked.captcha or click.prompt("Captcha")
    await api.register(captcha, by_voice=asked.by_voice)
    code = click.prompt("Code that came to the number").replace("-", "").strip()
    pin = click.prompt("PIN of an earlier account with this number, if any", default="")
    await api.verify(code, pin)
    click.echo("A PIN keeps the number's next owner from taking the account. Write it down.")
    await api.set_lock(pin or click.prompt("New PIN, at least 4 digits", hide_input=True))


def _keep(number: str, account_folder: Path, place: Path, keys: OwnKeys) -> None:
    try:
        keep(account_folder, number, place / IDENTITY_FILE, _box(keys))
    except IdentityRefused as why:
        raise click.ClickException(str(why)) from None


def _box(keys: OwnKeys) -> ChannelBox:
    return keys.box_for(f"{SIGNAL}-identity")


@click.command("captcha")
@place_options
@click.argument("captcha", default="")
def give_captcha(*, folder: Path | None, config: Path | None, captcha: str) -> None:
    """Give a solved captcha to the running courier when Signal asks for one."""
    settings = settings_of(folder, config)
    _, place = _place(settings)
    if not captcha:
        click.echo(f'Open {CHALLENGE_PAGE}, solve it, copy the address behind "Open Signal".')
        captcha = click.prompt("Captcha")
    if not captcha.strip().startswith(CAPTCHA_SCHEME):
        raise click.ClickException(f"A captcha's address begins with {CAPTCHA_SCHEME}.")
    leave_captcha(place, captcha)
    click.echo("The courier takes it within seconds. `havenline channels` then shows no")
    click.echo("captcha_wanted any more, or captcha_refused: then solve another one.")


@click.command("bring-back-signal")
@place_options
@click.argument("account_folder", type=click.Path(path_type=Path, file_okay=False))
def bring_back_signal(*, folder: Path | None, config: Path | None, account_folder: Path) -> None:
    """Put the kept identity back into signal-cli's lost folder data. Stop its server first."""
    settings = settings_of(folder, config)
    os.umask(0o077)
    keys, place = _place(settings)
    try:
        bring_back(account_folder, place / IDENTITY_FILE, _box(keys))
    except IdentityRefused as why:
        raise click.ClickException(str(why)) from None
    click.echo("The account is back. Give the files to the server's user, and start it.")
