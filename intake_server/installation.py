"""The data folder as a whole: whose it is, what lies in it, and who holds it right now.

Slot file and database belong together. Neither is ever made beside an existing other one: a new
slot file beside an old database opens nothing, and a new database beside an old slot file has
forgotten everything that the slots still open.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from intake_server.settings import FILE_NAME, DataSettings
from vault import private_files

PRIVATE = 0o700
RESTORING = ".restoring"  # where a backup lies while it is brought back
SETTINGS_FILES = (FILE_NAME, "retention.toml", "indicators")  # what a person puts there


class NotUsable(Exception):
    """The data folder cannot be used as it is; the text says why and what to do."""


@dataclass(frozen=True)
class Found:
    """What lies in the data folder. A database in PostgreSQL is not seen from here."""

    slots: bool
    database: bool


def examine(data: DataSettings) -> Found:
    """Look what is there. Raises `NotUsable` for a folder that is not one of ours, or half of one.

    A slot file without a database passes: it may be the rest of a first start that was cut off,
    and only the keeper can tell whether anything lives in it.
    """
    folder = data.folder
    if folder.exists() and not folder.is_dir():
        raise NotUsable(f"{folder} is not a folder. Name another one with --data.")
    ours = (data.keeper_dir, data.database_dir, data.run_dir)
    # Somebody may add a channel before the first start.
    is_begun = any(each.is_dir() for each in ours) or (data.courier_dir / "seed").is_file()
    if folder.is_dir() and not is_begun:
        strangers = _strangers(folder)
        if strangers:
            raise NotUsable(
                f"{folder} holds other things ({strangers[0]}) and nothing of Havenline's. "
                "Name an empty or a new folder with --data."
            )
    found = Found(
        slots=any((data.keeper_dir / name).exists() for name in ("slots.bin", "slots.twin")),
        database=(path := sqlite_path(data)) is not None and path.exists(),
    )
    if found.database and not found.slots:
        raise NotUsable(
            f"There is a database in {data.database_dir} but no slot file in {data.keeper_dir}. "
            "Without its slot file nothing in the database can be opened. Put the slot file back. "
            "If it is lost, everything in the database is: move the whole data folder away and "
            "start anew."
        )
    return found


def _strangers(folder: Path) -> list[str]:
    """What lies there besides settings."""
    return sorted(each.name for each in folder.iterdir() if each.name not in SETTINGS_FILES)


def make_folders(data: DataSettings) -> None:
    """Make the folders that are missing, for nobody but their owner. Raises `NotUsable`."""
    try:
        is_new = not data.folder.exists() or not _strangers(data.folder)
        data.folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        if is_new:  # an empty folder that somebody made beforehand
            data.folder.chmod(PRIVATE)
        for each in (
            data.keeper_dir,
            data.database_dir,
            data.courier_dir,
            data.caretaker_dir,
            data.run_dir,
        ):
            each.mkdir(mode=PRIVATE, exist_ok=True)
    except OSError as error:
        raise NotUsable(
            f"{data.folder} cannot be made or written to ({error.strerror}). Check who owns it."
        ) from None


@contextlib.contextmanager
def hold(data: DataSettings) -> Iterator[None]:
    """Hold the data folder; it is free again when this process ends, however it ends.

    Raises `NotUsable` when somebody else holds it. The folder must exist.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(private_files.hold(data.folder))
        except BlockingIOError:
            raise NotUsable(
                f"Havenline is running with {data.folder} already. `havenline status` shows how "
                "it is; one Ctrl-C where it was started stops it."
            ) from None
        yield


def clear_leftovers(data: DataSettings) -> None:
    """Overwrite and delete the copies that a killed restore or backup left in clear.

    Only for who holds the folder. A backup that is being written right now keeps its copy, and
    deletes it itself. Raises `NotUsable`.
    """
    try:
        private_files.remove_folder(data.folder / RESTORING)
        path = sqlite_path(data) or data.database_dir / "havenline.pgdump"
        if not path.parent.is_dir():
            return
        with contextlib.suppress(BlockingIOError), private_files.hold(path.parent):
            for copy in sorted(path.parent.glob(f"{path.name}-backup*")):
                private_files.remove(copy)
    except OSError as error:
        raise NotUsable(
            f"An unfinished backup or restore left copies in {data.folder} that cannot be removed "
            f"({error.strerror}). Check who owns them."
        ) from None


def clear_sockets(data: DataSettings) -> None:
    """Remove sockets that a killed process left behind; only for who holds the folder."""
    for path in data.run_dir.iterdir():
        if path.is_socket():
            path.unlink()


async def is_answered(socket: Path) -> bool:
    """Whether somebody listens at this socket."""
    try:
        _, writer = await asyncio.open_unix_connection(socket)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


def sqlite_path(data: DataSettings) -> Path | None:
    """The database's file; None where it lies in PostgreSQL."""
    scheme, _, path = data.database_url.partition("://")
    return Path(path.removeprefix("/")) if scheme.startswith("sqlite") else None
