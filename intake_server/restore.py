"""Bringing a backup back without bringing back what was forgotten (docs/keeper.md, section 4).

Order:

1.  The backup is opened and checked in a folder of its own; nothing is replaced yet.
2.  A keeper runs for the time of the restore. The database must belong to its slot file.
3.  Rows whose slots do not live any more are deleted from the copy, and their bytes with them.
4.  The log of the database that is there is brought into it. The keeper adopts the copy's commit
    counter, and the copy takes the database's place. What stood there is overwritten and deleted.

A crash leaves the database that was there before, whole, or the new one; the same command again
ends it. Copies on the way lie under one fixed name, which `up` and `restore` clear when they start.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from intake_server import work
from intake_server.clock import Clock
from intake_server.installation import RESTORING, SETTINGS_FILES, is_answered, sqlite_path
from intake_server.keeper_operator import keeper_operator, standing_of
from intake_server.programs import ask_each, keeper_program
from intake_server.settings import Settings
from intake_server.supervisor import Say, Supervisor
from intake_server.work import Pruned
from vault import private_files
from vault.backup import (
    DATABASE_NAME,
    DUMP_NAME,
    KeyFile,
    Passphrase,
    RestoredFiles,
    empty_log,
    only_one_in,
    read_backup,
)
from vault.engine import Database
from vault.keeper_client import OperatorKeeper
from vault.keeper_protocol import Reference
from vault.schema import migrate

KEEPER_PATIENCE = 60.0  # seconds
_READABLE = 0o644
_ENTERED = 0o755


class NotRestored(Exception):
    """Nothing was replaced; the text says why and what to do."""


@dataclass(frozen=True)
class Restored:
    """What came back, and what did not.

    `begun_since`: conversations that live and are not in the backup. `staff_missing`: people on
    the keeper's roster who have no keys in the backup and cannot sign in any more.
    """

    conversations: int
    forgotten: int
    addresses_forgotten: int
    begun_since: int
    staff_missing: int
    files: tuple[str, ...]


@dataclass(frozen=True)
class Tools:
    """What a restore works with."""

    settings: Settings
    clock: Clock
    log: FilteringBoundLogger
    say: Say


def files_to_back_up(settings: Settings) -> Mapping[str, Path]:
    """The files besides the database that a backup holds, by their names in a data folder.

    Never the keeper's, and not the courier's list of what it has sent: an older one would let
    replies be sent twice.
    """
    folder = settings.data.folder
    found = [folder / "courier" / "seed", folder / "caretaker" / "seed"]
    found.append(folder / "courier" / "answers.json")
    found += (folder / "courier").glob("*/identity.backup")  # encrypted under courier/seed
    for name in SETTINGS_FILES:
        found += [folder / name, *(folder / name).rglob("*")]
    return {str(path.relative_to(folder)): path for path in found if path.is_file()}


async def restore(it: Tools, source: Path, key: Passphrase | KeyFile) -> Restored:
    """Restore a backup into the data folder, which the caller holds and has cleared of leftovers.

    Raises NotRestored, CannotOpen, BackupRefused, DatabaseFailed, KeeperDown, OSError; then
    everything is as it was.
    """
    data = it.settings.data
    database = sqlite_path(data)
    await _refuse_while_running(it.settings)
    scratch = data.folder / RESTORING
    try:
        it.say("Opening and checking the backup …")
        found = await asyncio.to_thread(read_backup, source, key, scratch)
        _refuse_other_kind(found, database)
        it.say("Asking the keeper what still lives …")
        private_files.make_folder(data.database_dir if database is None else database.parent)
        async with _keeper(it) as keeper:
            await _refuse_other_pairing(it, keeper, found)
            with only_one_in(data.database_dir if database is None else database.parent):
                if database is None:
                    restored = await _restore_postgres(it, keeper, found, scratch)
                else:
                    restored = await _restore_sqlite(it, keeper, found, scratch, database)
    finally:
        await asyncio.to_thread(private_files.remove_folder, scratch)
    return restored


async def _refuse_while_running(settings: Settings) -> None:
    """Raises NotRestored where a process may write to what is being replaced.

    Where systemd starts the processes, the keeper stays: nobody else may start it as its user.
    """
    data = settings.data
    if await is_answered(data.run_dir / "supervisor.sock"):
        raise NotRestored("Havenline is running. Stop it first.")
    answers = await ask_each(settings)
    keeper_runs = bool(answers.pop("keeper"))
    running = [f"havenline-{name}" for name, health in answers.items() if health is not None]
    if running and settings.keeper.is_user_each:
        raise NotRestored(f"Havenline is running. Run: systemctl stop {' '.join(running)}")
    if running or keeper_runs != settings.keeper.is_user_each:
        raise NotRestored(
            "The keeper is not running. Run: systemctl start havenline-keeper"
            if settings.keeper.is_user_each
            else "The keeper is running. Stop Havenline first."
        )


@contextlib.asynccontextmanager
async def _keeper(it: Tools) -> AsyncIterator[OperatorKeeper]:
    """A keeper of the existing slot file, for the time of the restore."""
    data = it.settings.data
    async with keeper_operator(data.run_dir) as operator:
        if it.settings.keeper.is_user_each:
            yield operator
            return
        program = keeper_program(it.settings, operator, existing=True)
        supervisor = Supervisor([program], clock=it.clock, log=it.log, say=it.say)
        supervisor.start()
        supervisor.let_run("keeper")
        try:
            if await supervisor.healthy("keeper", patience=KEEPER_PATIENCE):
                raise NotRestored(
                    "The keeper does not start; what it said stands above. A backup cannot be "
                    "opened without the slot file it belongs to."
                )
            yield operator
        finally:
            await supervisor.stop()


def _refuse_other_kind(found: RestoredFiles, database: Path | None) -> None:
    if (DUMP_NAME if database is None else DATABASE_NAME) not in found.files:
        kind = "SQLite" if database is None else "PostgreSQL"
        raise NotRestored(
            f"This backup is of a database in {kind}, and the settings (data.database_url) name "
            "another kind. Set it as it was."
        )


async def _refuse_other_pairing(it: Tools, keeper: OperatorKeeper, found: RestoredFiles) -> None:
    if found.pairing != (await keeper.hello()).pairing_id:
        raise NotRestored(
            f"This backup belongs to another slot file than the one in "
            f"{it.settings.data.keeper_dir}: nothing in it could be opened."
        )


async def _restore_sqlite(
    it: Tools, keeper: OperatorKeeper, found: RestoredFiles, scratch: Path, database: Path
) -> Restored:
    """Bring the copy to what the keeper knows, then put it in the place of the database."""

    async def adopt(counter: int) -> None:
        await asyncio.to_thread(empty_log, database)  # the last that can be refused
        await keeper.adopt((await keeper.hello()).pairing_id, counter)

    url = f"sqlite:///{scratch / DATABASE_NAME}"
    restored = await _settle(keeper, found, url, adopt)
    await asyncio.to_thread(_put_in_place, it.settings, scratch, found.files)
    await asyncio.to_thread(private_files.replace, scratch / DATABASE_NAME, database)
    return restored


async def _restore_postgres(
    it: Tools, keeper: OperatorKeeper, found: RestoredFiles, scratch: Path
) -> Restored:
    """Replace the tables, then bring them to what the keeper knows.

    Cut off in between, the database is older than the keeper knows: nothing forgotten opens, the
    keeper's alarm stands, and the same command again ends it.
    """
    # libpq is loaded by who uses PostgreSQL alone.
    from vault.backup_postgres import check_archive, replace_database  # noqa: PLC0415 - libpq, as said above

    async def adopt(counter: int) -> None:
        await keeper.adopt((await keeper.hello()).pairing_id, counter)

    url, archive = it.settings.data.database_url, scratch / DUMP_NAME
    await asyncio.to_thread(check_archive, archive, found.schema)
    await asyncio.to_thread(replace_database, url, archive)
    restored = await _settle(keeper, found, url, adopt)
    await asyncio.to_thread(_put_in_place, it.settings, scratch, found.files)
    return restored


async def _settle(
    keeper: OperatorKeeper,
    found: RestoredFiles,
    url: str,
    adopt: Callable[[int], Awaitable[None]],
) -> Restored:
    """Bring a restored database to what the keeper knows, and have the keeper adopt it."""
    await asyncio.to_thread(migrate, url)
    database = await Database.open(url, readers=1)
    try:
        pruned = await work.delete_forgotten(database, _living(keeper))
        staff = await work.count_staff(database)
        counter = (await work.standing(database)).commit_counter
    finally:
        await database.close()
    standing = await standing_of(keeper)
    await adopt(counter)
    return Restored(
        conversations=pruned.conversations,
        forgotten=pruned.forgotten,
        addresses_forgotten=pruned.addresses_forgotten,
        begun_since=_begun_since(standing.live, pruned),
        staff_missing=max(0, standing.live.get("staff", 0) - staff),
        files=tuple(sorted(found.files)),
    )


def _begun_since(live: Mapping[str, int], pruned: Pruned) -> int:
    return max(0, live.get("conversation", 0) - pruned.conversations)


def _living(keeper: OperatorKeeper) -> work.AskLiving:
    async def ask(references: Sequence[tuple[int, bytes]]) -> Sequence[bool]:
        return await keeper.live([Reference(slot, tag) for slot, tag in references])

    return ask


def _put_in_place(settings: Settings, scratch: Path, names: Mapping[str, Path]) -> None:
    """Replace key files, before the database. Settings that are there stay as they are."""
    folder = settings.data.folder
    for name in names:
        place = folder / name
        is_setting = Path(name).parts[0] in SETTINGS_FILES
        if name in {DATABASE_NAME, DUMP_NAME} or (is_setting and place.exists()):
            continue
        private_files.replace(scratch / name, place)
        if is_setting and settings.keeper.is_user_each:
            _let_all_read(place, folder)


def _let_all_read(place: Path, folder: Path) -> None:
    """Settings hold no secret, and processes with users of their own must read them."""
    place.chmod(_READABLE)
    for each in place.parents:
        if each == folder:
            return
        each.chmod(_ENTERED)
