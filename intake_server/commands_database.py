"""`havenline database`: what PostgreSQL has to be told before it holds the hotline's tables."""

from pathlib import Path

import click

from intake_server.cli import place_options, settings_of
from intake_server.commands_backup import sentences
from intake_server.installation import sqlite_path
from vault.postgres_roles import script


@click.group()
def database() -> None:
    """Prepare a database in PostgreSQL; SQLite, the default, needs nothing."""


@database.command()
@place_options
def roles(*, folder: Path | None, config: Path | None) -> None:
    """Print the SQL that makes roles and database, for a superuser's psql.

    One role owns the tables, each process has one with the rights it needs, and nothing that they
    store reaches the server's log. It may be run again at any time.
    """
    settings = settings_of(folder, config)
    if sqlite_path(settings.data) is not None:
        raise click.ClickException(
            "The database is SQLite, which has no roles. Set data.database_url first, for example "
            "to postgresql:///havenline?host=/run/postgresql"
        )
    from vault.postgres_server import server_of  # noqa: PLC0415  # who uses SQLite loads no libpq

    with sentences():
        server = server_of(settings.data.database_url)
    click.echo(script(server.owner, server.database), nl=False)


@database.command()
@place_options
def tables(*, folder: Path | None, config: Path | None) -> None:
    """Make the tables as their owner, and give each process its rights (again).

    Where one user runs everything, `havenline up` makes them by itself.
    """
    settings = settings_of(folder, config)
    if sqlite_path(settings.data) is not None:
        raise click.ClickException("The database is SQLite. `havenline up` makes it.")
    from vault import schema_postgres  # noqa: PLC0415  # who uses SQLite loads no libpq
    from vault.postgres_server import server_of  # noqa: PLC0415  # PostgreSQL alone, as above

    url = settings.data.database_url
    with sentences():
        made = schema_postgres.migrate(url, upgrade=False)
        schema_postgres.grant_anew(server_of(url))
    click.echo(f"The tables are there (schema {made.after}), and each process has its rights.")
