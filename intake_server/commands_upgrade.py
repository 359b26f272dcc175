"""`havenline upgrade`: brings the database of an older version to this one, a backup first.

Order: the backup is written and synced; a copy is put beside the database; the migrations run in
one transaction; the copy is overwritten and deleted. A crash leaves the old database or the new
one, whole: the same command again, with another FILE, ends it.
"""

import asyncio
from pathlib import Path

import click

from intake_server.cli import place_options, settings_of
from intake_server.commands_backup import back_up, key_options, read_key, sentences
from intake_server.database_state import (
    NotPrepared,
    clear_upgrade_copies,
    newest_schema,
    older_schema,
    prepare,
)
from intake_server.installation import clear_leftovers, hold, sqlite_path
from intake_server.programs import ask_each
from intake_server.settings import Settings


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@place_options
@key_options
def upgrade(
    *,
    file: Path,
    folder: Path | None,
    config: Path | None,
    passphrase_file: Path | None,
    key_file: Path | None,
) -> None:
    """Bring the database to this version, while Havenline is not running.

    An encrypted backup is written to FILE first. What is forgotten later is forgotten in it too.
    """
    settings = settings_of(folder, config)
    database = sqlite_path(settings.data)
    if database is not None and not database.is_file():
        raise click.ClickException(f"There is no database in {database.parent} to upgrade.")
    with sentences(), hold(settings.data):
        _refuse_while_running(settings)
        clear_leftovers(settings.data)
        before = _older(settings)
        if before is None:
            _remove_copies(settings)
            click.echo(f"The database is of this version (schema {newest_schema()}) already.")
            return
        key = read_key(passphrase_file, key_file, new=True)
        click.echo("Writing the backup …", err=True)
        report = back_up(settings, file, key)
        click.echo(f"{report.target}: {report.size:,} bytes, encrypted.")
        click.echo(f"Upgrading from schema {before} to {newest_schema()} …", err=True)
        _migrate(settings)
    click.echo("The database is upgraded. Start Havenline, and try that everything is there.")


def _older(settings: Settings) -> str | None:
    if sqlite_path(settings.data) is not None:
        return older_schema(settings.data)
    from vault import schema_postgres  # noqa: PLC0415  # who uses SQLite loads no libpq

    return schema_postgres.older_schema(settings.data.database_url)


def _refuse_while_running(settings: Settings) -> None:
    """Where systemd starts the processes, nobody holds the data folder for all of them."""
    answers = asyncio.run(ask_each(settings))
    answers.pop("keeper")  # it does not know the database
    running = [f"havenline-{name}" for name, health in answers.items() if health is not None]
    if running:
        raise click.ClickException(f"Havenline is running. Run: systemctl stop {' '.join(running)}")


def _migrate(settings: Settings) -> None:
    try:
        asyncio.run(prepare(settings.data.database_url, None, upgrade=True))
    except NotPrepared as why:
        raise click.ClickException(f"{why} Nothing is lost: the backup is whole.") from None


def _remove_copies(settings: Settings) -> None:
    try:
        clear_upgrade_copies(settings.data)
    except NotPrepared as why:
        raise click.ClickException(str(why)) from None
