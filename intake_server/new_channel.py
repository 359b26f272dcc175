"""What follows when a channel was added: its invite as link, picture and poster; switched on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import click

from intake_server.poster import picture, poster, posters
from intake_server.settings import FILE_NAME, Settings

POSTERS: Final = "posters"


@dataclass(frozen=True, slots=True)
class New:
    """A channel that was set up. `name` is what people can type where nothing can be scanned."""

    channel: str
    invite: str
    name: str = ""
    settings: Mapping[str, str | int] = field(default_factory=dict)  # besides `enabled`


def secret_from(file: Path | None, question: str) -> str:
    """Return the first line of `file`, or what a person types, unseen."""
    if file is not None:
        return file.read_text(encoding="utf-8").partition("\n")[0]
    asked: str = click.prompt(question, hide_input=True)
    return asked


def tell(settings: Settings, new: New) -> None:
    """Write invite and poster, switch the channel on, and say what comes next."""
    folder = settings.data.courier_dir / new.channel
    page = poster(new.channel, new.invite, settings.page.language, new.name)
    for name, text in (
        ("invite.svg", picture(new.invite)),
        ("poster.html", page),
        ("invite.txt", new.invite + "\n"),
    ):
        (folder / name).write_text(text, encoding="utf-8")
    others = folder / POSTERS
    others.mkdir(mode=0o700, exist_ok=True)
    for code, text in posters(new.channel, new.invite, new.name).items():
        (others / f"{code}.html").write_text(text, encoding="utf-8")
    click.echo(f"\nInvite   {new.invite}")
    if new.name:
        click.echo(f"Name     {new.name}")
    click.echo(f"Picture  {folder / 'invite.svg'}")
    click.echo(f"Poster   {folder / 'poster.html'}")
    click.echo(f"         {others} holds it in {len(list(others.iterdir()))} languages\n")
    file = settings.data.folder / FILE_NAME
    if _switched_on(file, new):
        click.echo(f"[channels.{new.channel}] is switched on in {file}.")
    else:
        click.echo(f"Switch it on in your settings:\n\n{_section(new)}")
    click.echo("Start Havenline anew, scan the invite with a phone of your own, and write to it.")
    click.echo("Then make a backup: it holds this account, encrypted. See docs/channels.md.")


def _section(new: New) -> str:
    lines = [f"[channels.{new.channel}]", "enabled = true"]
    for key, value in new.settings.items():
        lines.append(f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value}")
    return "\n".join(lines) + "\n"


def _switched_on(file: Path, new: New) -> bool:
    """Switch the channel on where the settings say nothing about it yet."""
    written = file.read_text(encoding="utf-8") if file.is_file() else ""
    head, _, after = written.partition(f"[channels.{new.channel}]\n")
    if f"channels.{new.channel}" in head:
        return False
    if after:
        said = after.partition("\n[")[0].splitlines()
        return all(line in said for line in _section(new).splitlines()[1:])
    gap = "\n" if written else ""
    file.write_text(f"{written}{gap}{_section(new)}", encoding="utf-8")
    return True
