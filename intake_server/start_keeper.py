"""Starts the keeper where no supervisor does, under systemd: reads the settings and becomes it.

`python -m intake_server.start_keeper --data DIR [--config FILE]`. The keeper itself reads no
settings: it takes what it needs from its command line, so that it needs no parser.
"""

import argparse
import os
import pwd
import sys
from pathlib import Path

from intake_server.programs import keeper_arguments
from intake_server.settings import Settings, SettingsError, load_settings

CANNOT_START = 2


def command(settings: Settings) -> list[str]:
    """The keeper's command line. Each peer's socket goes to the first group of the peer's user.

    Raises KeyError with the name of a user whom this machine does not know.
    """
    groups = []
    for peer in ("web", "desk", "courier", "caretaker"):
        if user := getattr(settings.keeper, f"{peer}_user"):
            groups += ["--peer-gid", f"{peer}={_group_of(user)}"]
    keeper = (sys.executable, "-P", "-m", "intake_server.keeper")
    return [*keeper, *keeper_arguments(settings), *groups]


def _group_of(user: str) -> int:
    return (pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)).pw_gid


def main() -> int:
    """See the module's docstring; returns only where the keeper cannot be started."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--data", type=Path, required=True, help="the folder of all data")
    parser.add_argument("--config", type=Path, help="the settings, where not in that folder")
    options = parser.parse_args()
    try:
        words = command(load_settings(config=options.config, folder=options.data))
    except (SettingsError, KeyError) as why:
        sys.stderr.write(f"the keeper does not start: {why}\n")
        return CANNOT_START
    return os.execv(words[0], words)  # noqa: S606 - the same interpreter, no shell


if __name__ == "__main__":
    sys.exit(main())
