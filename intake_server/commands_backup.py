"""`havenline backup` and `restore`."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from intake_server.cli import json_option, place_options, settings_of
from intake_server.clock import SystemClock
from intake_server.installation import (
    NotUsable,
    clear_leftovers,
    hold,
    make_folders,
    sqlite_path,
)
from intake_server.logs import open_log, tame_interpreter
from intake_server.restore import NotRestored, Restored, Tools, files_to_back_up
from intake_server.restore import restore as bring_back
from intake_server.settings import Settings
from vault.backend import DatabaseFailed
from vault.backup import BackupRefused, BackupReport, KeyFile, Passphrase, write_backup
from vault.keeper_client import KeeperDown
from vault.keeper_protocol import KeeperRefusal
from vault.sealing import CannotOpen

Command = TypeVar("Command", bound=Callable[..., Any])


def key_options(command: Command) -> Command:
    """Give a command `--key-file` and `--passphrase-file`, which `read_key` reads."""
    existing = click.Path(path_type=Path, dir_okay=False, exists=True)
    command = click.option(
        "--key-file", type=existing, help="A file of 32 random bytes, instead of a passphrase."
    )(command)
    return click.option(
        "--passphrase-file", type=existing, help="A file whose first line is the passphrase."
    )(command)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@place_options
@key_options
@json_option
def backup(
    *,
    file: Path,
    folder: Path | None,
    config: Path | None,
    passphrase_file: Path | None,
    key_file: Path | None,
    as_json: bool,
) -> None:
    """Write an encrypted backup to FILE, while Havenline is running or not.

    It holds the database and the keys of courier and caretaker, never the slot file: what is
    forgotten later is forgotten in the backup too. Keep the passphrase elsewhere.
    """
    settings = settings_of(folder, config)
    database = sqlite_path(settings.data)
    if database is not None and not database.is_file():
        raise click.ClickException(f"There is no database in {database.parent} to back up.")
    key = read_key(passphrase_file, key_file, new=True)
    click.echo("Writing the backup …", err=True)
    with sentences():
        report = back_up(settings, file, key)
    if as_json:
        told = {"file": str(report.target), "bytes": report.size, "files": dict(report.files)}
        click.echo(json.dumps(told))
        return
    click.echo(f"{report.target}: {report.size:,} bytes, encrypted.")
    click.echo("It holds " + ", ".join(report.files) + ".")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@place_options
@key_options
@click.option("--yes", is_flag=True, help="Replace the database without asking.")
@json_option
def restore(
    *,
    file: Path,
    folder: Path | None,
    config: Path | None,
    passphrase_file: Path | None,
    key_file: Path | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Bring back a backup, while Havenline is not running.

    What was forgotten since the backup stays forgotten. The slot file must be the one that the
    backup belongs to. The database that is there now is overwritten and deleted.
    """
    settings = settings_of(folder, config)
    with sentences():
        make_folders(settings.data)
        with hold(settings.data):
            clear_leftovers(settings.data)
            _ask_to_replace(settings, yes=yes)
            key = read_key(passphrase_file, key_file, new=False)
            restored = asyncio.run(bring_back(_tools(settings), file, key))
    if as_json:
        click.echo(json.dumps(asdict(restored)))
    else:
        click.echo("\n".join(told(restored)))


def back_up(settings: Settings, file: Path, key: Passphrase | KeyFile) -> BackupReport:
    """Write a backup of the database, wherever it lies. Raises what `sentences` turns into one."""
    data, extras = settings.data, files_to_back_up(settings)
    database = sqlite_path(data)
    if database is not None:
        return write_backup(database, extras, file, key)
    from vault import backup_postgres  # noqa: PLC0415  # who uses SQLite loads no libpq

    return backup_postgres.write_backup(data.database_url, data.database_dir, extras, file, key)


def told(restored: Restored) -> list[str]:
    """What came back and what did not, in sentences."""
    lines = [f"{_count(restored.conversations, 'conversation')} came back."]
    if restored.forgotten:
        were, they = ("was", "It stays") if restored.forgotten == 1 else ("were", "They stay")
        lines.append(
            f"{_count(restored.forgotten, 'conversation')} {were} forgotten since the backup. "
            f"{they} forgotten."
        )
    if restored.begun_since:
        lines.append(
            f"{_count(restored.begun_since, 'conversation')} began after the backup. Nothing of "
            "them is in it."
        )
    if restored.staff_missing:
        lines.append(
            f"{_count(restored.staff_missing, 'member')} of staff came after the backup and cannot "
            "sign in: a colleague must add them anew."
        )
    lines.append("Messages written after the backup are not in it.")
    return lines


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _tools(settings: Settings) -> Tools:
    clock = SystemClock()
    log = open_log("restore", level="warning", clock=clock, stream=sys.stderr)
    tame_interpreter(log)
    return Tools(settings, clock, log, lambda line: click.echo(line, err=True))


def _ask_to_replace(settings: Settings, *, yes: bool) -> None:
    database = sqlite_path(settings.data)
    if yes or (database is not None and not database.is_file()):
        return
    if database is None:
        click.confirm("Every table of the database in PostgreSQL is replaced. Go on?", abort=True)
        return
    click.confirm(
        f"The database in {database.parent} is replaced, overwritten and deleted. Go on?",
        abort=True,
    )


def read_key(
    passphrase_file: Path | None, key_file: Path | None, *, new: bool
) -> Passphrase | KeyFile:
    """The key of a backup, from a file or asked for; twice where it is `new`."""
    if passphrase_file is not None and key_file is not None:
        raise click.ClickException("Name a passphrase file or a key file, not both.")
    with sentences():
        if key_file is not None:
            return KeyFile.read(key_file)
        if passphrase_file is not None:
            lines = passphrase_file.read_text(encoding="utf-8").splitlines()
            return Passphrase.of(lines[0] if lines else "")
        return Passphrase.of(
            click.prompt("Passphrase of the backup", hide_input=True, confirmation_prompt=new)
        )


@contextmanager
def sentences() -> Iterator[None]:
    """Turn what can go wrong into a sentence that ends the command."""
    try:
        yield
    except CannotOpen:
        raise click.ClickException(
            "The backup does not open: another passphrase or key file belongs to it, or the file "
            "was changed. Nothing was replaced."
        ) from None
    except (BackupRefused, DatabaseFailed) as error:
        text = str(error)
        raise click.ClickException(f"{text[:1].upper()}{text[1:]}.") from None
    except (NotRestored, NotUsable) as error:
        raise click.ClickException(str(error)) from None
    except (KeeperDown, KeeperRefusal) as error:
        raise click.ClickException(f"The keeper did not help: {error}. Try again.") from None
    except UnicodeDecodeError:
        raise click.ClickException("The passphrase file is not UTF-8 text.") from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or 'A file'}: {error.strerror}.") from None
