"""An upgrade: never without being asked, a backup first, and whole or not at all when killed."""

import asyncio
import contextlib
import os
import secrets
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from intake_server.clock import SystemClock
from intake_server.prepare import prepare
from tests.operation import next_version
from tests.operation.place import CONFIG, free_port, started, until
from vault import tables
from vault.backup import KeyFile, read_backup
from vault.slots import Slots


class Place:
    """An installation of this version, and the next version of the program."""

    def __init__(self, folder: Path, sources: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.database = self.data / "database/havenline.sqlite3"
        self.config = folder / "havenline.toml"
        self.config.write_text(CONFIG.format(web=free_port(), desk=free_port(), more=""))
        self.key = folder / "backup.key"
        self.key.write_bytes(secrets.token_bytes(32))
        self.middle = folder / "middle"
        self.environment = os.environ | {
            "PYTHONPATH": str(sources),
            "IN_THE_MIDDLE": str(self.middle),
        }

    def command(self, *words: str) -> list[str]:
        where = ["--data", str(self.data), "--config", str(self.config)]
        return [sys.executable, "-P", "-m", "intake_server.cli", *words, *where]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def upgrade(self, name: str) -> subprocess.CompletedProcess[str]:
        return self.run("upgrade", name, "--key-file", str(self.key))

    def standing(self) -> tuple[str, int, list[str]]:
        """Schema, commit counter, and what lies beside the database."""
        with contextlib.closing(sqlite3.connect(self.database)) as raw:
            (schema,) = raw.execute("SELECT version_num FROM alembic_version").fetchone()
            (counter,) = raw.execute("SELECT commit_counter FROM meta").fetchone()
        beside = [each.name for each in self.database.parent.iterdir()]
        return schema, counter, sorted(name for name in beside if "before" in name)


@pytest.fixture
async def place(short_dir) -> Place:
    made = Place(short_dir, next_version.make(short_dir / "next", seconds=1.0))
    keeper = made.data / "keeper"
    keeper.mkdir(parents=True, mode=0o700)
    made.data.chmod(0o700)
    slots = Slots.create(keeper, 4096, SystemClock().unix())
    pairing = slots.header.pairing_id
    await slots.close()
    await prepare(f"sqlite:///{made.database}", pairing)
    return made


async def test_an_upgrade_is_asked_for_backed_up_and_survives_a_kill_in_the_middle(place):
    before = place.standing()
    assert before[0] == tables.SCHEMA

    refused = await asyncio.to_thread(place.run, "up")
    assert refused.returncode == 1
    assert f"schema {tables.SCHEMA}" in refused.stderr
    assert "`havenline upgrade FILE`" in refused.stderr
    assert place.standing() == before

    child = subprocess.Popen(  # noqa: ASYNC220 -- starting it takes no time
        place.command("upgrade", "first.hlb", "--key-file", str(place.key)),
        cwd=place.folder,
        env=place.environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
    )

    async def in_the_middle():
        return place.middle.exists()

    await until(in_the_middle, "the migration is under way")
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    schema, counter, beside = place.standing()
    assert (schema, counter) == before[:2]
    assert len(beside) == 1
    found = read_backup(place.folder / "first.hlb", KeyFile.read(place.key), place.folder / "out")
    assert (found.schema, found.commit_counter) == before[:2]

    done = await asyncio.to_thread(place.upgrade, "second.hlb")
    assert done.returncode == 0, done.stderr
    assert place.standing() == (next_version.NEXT, before[1] + 1000, [])
    again = await asyncio.to_thread(place.upgrade, "third.hlb")
    assert "already" in again.stdout
    assert not (place.folder / "third.hlb").exists()
    async with started(
        place.command("up"), place.data, cwd=place.folder, environment=place.environment
    ):
        assert place.standing()[0] == next_version.NEXT


async def test_a_copy_that_a_crash_after_the_upgrade_left_is_removed(place):
    await asyncio.to_thread(place.upgrade, "first.hlb")
    left = place.database.with_name(f"{place.database.name}-before-{next_version.NEXT}")
    left.write_bytes(b"rows of those who were forgotten")
    assert (await asyncio.to_thread(place.upgrade, "second.hlb")).returncode == 0
    assert not left.exists()
