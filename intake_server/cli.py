"""The command `havenline`: which commands there are, and how they fail.

Each command lies in a module of its own subject and is imported when it is called: whoever asks
for the status does not load the database.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from intake_server.settings import DEFAULT_FOLDER, Settings, SettingsError, load_settings

Command = TypeVar("Command", bound=Callable[..., Any])

_COMMANDS = {
    "up": "commands_up:up",
    "status": "commands_status:status",
    "check": "commands_status:check_command",
    "sweep": "commands_status:sweep",
    "backup": "commands_backup:backup",
    "restore": "commands_backup:restore",
    "upgrade": "commands_upgrade:upgrade",
    "database": "commands_database:database",
    "mirror": "commands_mirror:mirror",
    "restore-mirror": "commands_mirror:restore_mirror",
    "inventory": "commands_inventory:inventory",
    "staff": "commands_staff:staff",
    "channels": "commands_channels:channels",
    "duty": "commands_duty:duty",
    "screen": "commands_screening:screen_command",
    "indicators": "commands_screening:indicators",
    "clock-is-right": "commands_staff:clock_is_right",
}


class _LateGroup(click.Group):
    """Imports a command when somebody asks for it."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Name the commands in the order in which one meets them."""
        return list(_COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """Import a command; None where there is none of that name."""
        if name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[name].partition(":")
        found = getattr(importlib.import_module(f"intake_server.{module}"), attribute)
        return found if isinstance(found, click.Command) else None


@click.group(cls=_LateGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="havenline", message="Havenline %(version)s")
def main() -> None:
    """Hotline software for organisations that counsel people who must not be found out."""


def place_options(command: Command) -> Command:
    """Give a command `--data` and `--config`, which `settings_of` turns into settings."""
    command = click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The settings file; without it havenline.toml in the data folder, if there is one.",
    )(command)
    return click.option(
        "--data",
        "folder",
        # Under systemd others may pass through the data folder without listing it.
        type=click.Path(path_type=Path, file_okay=False, readable=False),
        help=f"The data folder.  [default: ./{DEFAULT_FOLDER}]",
    )(command)


def json_option(command: Command) -> Command:
    """Give a command `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")(command)


def settings_of(folder: Path | None, config: Path | None) -> Settings:
    """Read the settings; what is wrong with them ends the command with a sentence."""
    try:
        return load_settings(config=config, folder=folder)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()
