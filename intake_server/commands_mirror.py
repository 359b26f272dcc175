"""`havenline mirror` and `restore-mirror`: the keeper's files on another disk, and back."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import click

from intake_server.cli import place_options, settings_of
from intake_server.clock import SystemClock
from intake_server.commands_backup import sentences
from intake_server.installation import hold, make_folders
from intake_server.mirror_carrier import NotMirrored, bring_back, carry, check_folder, set_key
from intake_server.settings import Settings
from vault.mirror import FRESH_SECONDS, KeyFileRefused, new_offline_key
from vault.sealing import CannotOpen


@click.command()
@click.argument(
    "target", metavar="[FOLDER]", required=False, type=click.Path(path_type=Path, file_okay=False)
)
@place_options
@click.option(
    "--new-key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Make the offline key in this new file, and seal to it from now on.",
)
@click.option("--same-disk", is_flag=True, help="FOLDER lies on the data's own disk. For trials.")
@click.option("--stop", is_flag=True, help="Make no mirror any more, and raise no alarm for it.")
def mirror(
    *,
    target: Path | None,
    folder: Path | None,
    config: Path | None,
    new_key: Path | None,
    same_disk: bool,
    stop: bool,
) -> None:
    """Write the keeper's mirror to FOLDER, on another disk, over the one before.

    It is sealed to a key that is kept offline: without that key nobody opens it. FOLDER may be
    left out where mirror.folder names it.
    """
    settings = settings_of(folder, config)
    try:
        if stop:
            asyncio.run(set_key(settings.data.run_dir, None))
            click.echo("There is no mirror any more. Delete the last one, and its key.")
            return
        place = _place(target, settings)
        check_folder(settings.data, place, same_disk=same_disk)
        if new_key is not None:
            asyncio.run(set_key(settings.data.run_dir, new_offline_key(new_key)))
            click.echo(f"The mirror's key is {new_key}. Keep it offline, apart from the mirror.")
        mirrored = asyncio.run(carry(settings.data, place, same_disk=same_disk))
    except NotMirrored as why:
        raise click.ClickException(str(why)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}.") from None
    click.echo(f"{mirrored.place}: {mirrored.size:,} bytes, sealed.")


def _place(target: Path | None, settings: Settings) -> Path:
    place = target or settings.mirror.folder
    if place is None:
        raise NotMirrored("Name the folder on the other disk, here or as mirror.folder.")
    return place


@click.command("restore-mirror")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@place_options
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    required=True,
    help="The mirror's key, from where it is kept.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def restore_mirror(
    *, file: Path, folder: Path | None, config: Path | None, key: Path, yes: bool
) -> None:
    """Put the keeper's files in place from a mirror, on a machine that has none."""
    settings = settings_of(folder, config)
    if not yes:
        click.confirm(
            "What was forgotten after the mirror was made, and who was removed from the team "
            "since, comes back with it. Go on?",
            abort=True,
        )
    try:
        with sentences():
            make_folders(settings.data)
            with hold(settings.data):
                content = bring_back(settings.data, file, key)
    except CannotOpen:
        raise click.ClickException(
            "The mirror does not open: another key belongs to it, or the file was changed. "
            "Nothing was put in place."
        ) from None
    except (NotMirrored, KeyFileRefused) as why:
        raise click.ClickException(str(why)) from None
    made = datetime.fromtimestamp(content.made, UTC)
    click.echo(f"The keeper's files are as they were on {made:%Y-%m-%d at %H:%M} UTC.")
    if SystemClock().unix() - content.made > FRESH_SECONDS:
        click.echo("That is long ago. Erase again whatever you know was erased since.")
    click.echo("Now bring back the database: havenline restore FILE")
