"""Backup and restore on the command line, around a real keeper with conversations in it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import pytest_asyncio
from click.testing import CliRunner

from intake_server.cli import main
from intake_server.clock import SystemClock
from intake_server.installation import NotUsable, clear_leftovers, hold, make_folders
from intake_server.logs import open_log
from intake_server.prepare import prepare
from intake_server.restore import Tools, restore
from intake_server.seed import own_seed
from intake_server.settings import DataSettings, load_settings
from tests.intake_server.keeper.world import HotlineProcess
from tests.vault.rows import first_contact, from_client, new_conversation, sealed
from vault import addresses, conversations, messages, meta, private_files, staff
from vault.backup import KeyFile
from vault.engine import Database
from vault.envelope import Kind
from vault.staff import StaffRow

ROOT = Path(__file__).parents[2]
RECORDS = 2048
PASSPHRASE = "seven grey herons at noon"
CANARY = b"canary-of-what-was-forgotten"


class Place:
    """A data folder with a real keeper and a database beside it."""

    def __init__(self, folder: Path) -> None:
        self.data = DataSettings(folder=folder / "data")
        self.passphrase = folder / "passphrase"
        self.passphrase.write_text(PASSPHRASE + "\n")
        self.key = folder / "key"  # quicker than a passphrase, which is meant to be slow
        self.key.write_bytes(bytes(range(32)))
        self.config = folder / "settings.toml"
        self.config.write_text(f"[slots]\nrecords = {RECORDS}\n")
        self.hotline = HotlineProcess(self.data.folder, records=RECORDS)

    async def open(self) -> None:
        make_folders(self.data)
        own_seed(self.data.courier_dir / "seed")
        own_seed(self.data.caretaker_dir / "seed")
        await self.hotline.open()
        await self.hotline.set_up()
        pairing = (await self.hotline.operator.hello()).pairing_id
        await prepare(self.data.database_url, pairing)
        first = self.hotline.first
        row = StaffRow(first.staff_id, first.login_tag, self.hotline.staff_wrap)
        await self.store(lambda c: staff.put(c, row))

    async def store(self, work):
        database = await Database.open(self.data.database_url)
        try:
            return await database.write(work)
        finally:
            await database.close()

    async def someone_writes(self, canary: bytes = b""):
        client, made = await self.hotline.write_in()
        new = new_conversation(
            id=made.conversation_id,
            slot=made.reference.slot,
            tag=made.reference.tag,
            outer_team=made.team_wrap,
            outer_client=made.client_wrap,
        )
        envelope = sealed(Kind.MESSAGE, canary)
        await self.store(first_contact(new, from_client(new.id, envelope=envelope)))
        return client

    async def a_messenger_writes(self) -> bytes:
        _, made = await self.hotline.message_in()
        new = new_conversation(
            id=made.conversation_id,
            slot=made.reference.slot,
            tag=made.reference.tag,
            channel="signal",
            outer_team=made.team_wrap,
            outer_client=None,
        )
        await self.store(first_contact(new))
        await self.store(
            lambda c: addresses.put(
                c, new.id, "signal", made.address.slot, made.address.tag, made.outer_address
            )
        )
        return new.id

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        place = ("--data", str(self.data.folder), "--config", str(self.config))
        return subprocess.run(
            [sys.executable, "-m", "intake_server.cli", *words, *place],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def backup(self, file: Path) -> None:
        done = self.ask("backup", str(file), "--key-file", str(self.key))
        assert done.returncode == 0, done.stderr

    def restore(self, file: Path, *more: str) -> subprocess.CompletedProcess[str]:
        return self.ask("restore", str(file), "--key-file", str(self.key), "--yes", *more)

    def bytes_of_everything(self) -> dict[str, bytes]:
        found = [path for path in self.data.folder.rglob("*") if path.is_file()]
        return {str(path.relative_to(self.data.folder)): path.read_bytes() for path in found}


@pytest_asyncio.fixture
async def place(short_dir):
    one = Place(short_dir)
    await one.open()
    yield one
    await one.hotline.close()


@pytest.mark.proof
async def test_what_was_forgotten_since_the_backup_stays_forgotten(place, tmp_path):
    kept, erased = await place.someone_writes(), await place.someone_writes(CANARY)
    texted = await place.a_messenger_writes()
    words = place.data.courier_dir / "answers.json"
    words.write_text('{"erased": "Done."}')
    file = tmp_path / "backup.hlb"
    place.backup(file)
    assert CANARY not in file.read_bytes()

    await place.hotline.erase(erased)
    await place.store(lambda c: conversations.delete(c, [erased.conversation_id]))
    later = await place.someone_writes()
    own = (place.data.courier_dir / "seed").read_bytes()
    await place.hotline.close()
    (place.data.database_dir / "havenline.sqlite3").unlink()
    (place.data.courier_dir / "seed").unlink()
    words.unlink()

    done = place.restore(file, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["conversations"], told["forgotten"], told["begun_since"]) == (2, 1, 1)
    assert told["staff_missing"] == 0
    assert (place.data.courier_dir / "seed").read_bytes() == own
    assert words.read_text() == '{"erased": "Done."}'
    assert not any(CANARY in content for content in place.bytes_of_everything().values())

    database = await Database.open(place.data.database_url)
    wanted = {kept.conversation_id, texted}
    every = {kept.conversation_id, texted, erased.conversation_id, later.conversation_id}
    assert await database.read(lambda c: conversations.existing(c, every)) == wanted
    assert len(await database.read(lambda c: messages.of(c, kept.conversation_id))) == 1
    assert len(await database.read(addresses.all_references)) == 1
    here = await database.read(meta.get)
    await database.close()
    await place.hotline.open()
    standing = await place.hotline.caretaker.report_counter(here.pairing, here.commit_counter)
    assert standing == 0, "the keeper did not adopt the restored database"


async def test_it_says_in_sentences_what_came_back_and_what_did_not(place, tmp_path):
    one, two = await place.someone_writes(), await place.someone_writes()
    file = tmp_path / "backup.hlb"
    place.backup(file)
    await place.hotline.erase(one)
    await place.hotline.erase(two)
    await place.hotline.close()
    said = place.restore(file).stdout.splitlines()
    assert said[0] == "0 conversations came back."
    assert said[1] == "2 conversations were forgotten since the backup. They stay forgotten."
    assert said[-1] == "Messages written after the backup are not in it."


async def refused_and_unchanged(place: Place, file: Path) -> str:
    before = place.bytes_of_everything()
    done = place.restore(file)
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    after = place.bytes_of_everything()
    # The keeper notes the time in the headers of its files when it starts.
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert changed <= {"keeper/slots.bin", "keeper/slots.twin"}
    return " ".join(done.stderr.split())


async def test_nothing_is_restored_while_the_keeper_runs(place, tmp_path):
    file = tmp_path / "backup.hlb"
    place.backup(file)
    assert "Stop Havenline first" in await refused_and_unchanged(place, file)


async def test_a_passphrase_opens_and_another_one_replaces_nothing(place, tmp_path):
    file = tmp_path / "backup.hlb"
    by_passphrase = ("--passphrase-file", str(place.passphrase))
    typed = CliRunner().invoke(
        main,
        ["backup", str(file), "--data", str(place.data.folder)],
        input=f"{PASSPHRASE}\na slip of the fingers\n{PASSPHRASE}\n{PASSPHRASE}\n",
    )
    assert typed.exit_code == 0, typed.output
    assert "do not match" in typed.output
    assert PASSPHRASE not in typed.output
    assert PASSPHRASE.encode() not in file.read_bytes()
    await place.hotline.close()
    assert "other kind of key" in await refused_and_unchanged(place, file)
    place.passphrase.write_text("eight grey herons at noon\n")
    done = place.ask("restore", str(file), *by_passphrase, "--yes")
    assert "does not open" in done.stderr
    place.passphrase.write_text(PASSPHRASE)
    done = place.ask("restore", str(file), *by_passphrase, "--yes")
    assert done.returncode == 0, done.stderr


async def test_a_changed_backup_replaces_nothing(place, tmp_path):
    file = tmp_path / "backup.hlb"
    place.backup(file)
    await place.hotline.close()
    content = bytearray(file.read_bytes())
    content[-30] ^= 1
    file.write_bytes(content)
    assert "does not open" in await refused_and_unchanged(place, file)


async def test_a_backup_of_another_slot_file_replaces_nothing(place, short_dir, tmp_path):
    (short_dir / "o").mkdir()
    other = Place(short_dir / "o")
    await other.open()
    file = tmp_path / "backup.hlb"
    other.backup(file)
    await other.hotline.close()
    await place.hotline.close()
    assert "another slot file" in await refused_and_unchanged(place, file)


async def test_without_its_slot_file_a_backup_is_nothing_and_none_is_made(place, tmp_path):
    file = tmp_path / "backup.hlb"
    place.backup(file)
    await place.hotline.close()
    for name in ("slots.bin", "slots.twin"):
        (place.data.keeper_dir / name).unlink()
    assert "slot file" in await refused_and_unchanged(place, file)


async def test_a_backup_is_never_written_over_another(place, tmp_path):
    file = tmp_path / "backup.hlb"
    file.write_text("something")
    done = place.ask("backup", str(file), "--passphrase-file", str(place.passphrase))
    assert done.returncode == 1
    assert "choose another name" in done.stderr
    assert file.read_text() == "something"


async def test_a_short_passphrase_and_two_keys_are_refused(place, tmp_path):
    place.passphrase.write_text("short\n")
    done = place.ask("backup", str(tmp_path / "b"), "--passphrase-file", str(place.passphrase))
    assert "12 characters" in done.stderr
    both = ("--passphrase-file", str(place.passphrase), "--key-file", str(place.passphrase))
    assert "not both" in place.ask("backup", str(tmp_path / "b"), *both).stderr
    assert not (tmp_path / "b").exists()


async def test_settings_come_back_only_where_they_are_missing(place, tmp_path):
    await place.someone_writes()
    policy = place.data.folder / "retention.toml"
    policy.write_text("# as it was\n")
    (place.data.folder / "indicators").mkdir()
    (place.data.folder / "indicators" / "own.toml").write_text("# own\n")
    file = tmp_path / "backup.hlb"
    done = place.ask("backup", str(file), "--key-file", str(place.key), "--json")
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["files"]) == {
        "database/havenline.sqlite3",
        "courier/seed",
        "caretaker/seed",
        "retention.toml",
        "indicators/own.toml",
    }
    await place.hotline.close()
    policy.write_text("# as it is\n")
    (place.data.folder / "indicators" / "own.toml").unlink()
    assert "1 conversation came back." in place.restore(file).stdout
    assert policy.read_text() == "# as it is\n"
    assert (place.data.folder / "indicators" / "own.toml").read_text() == "# own\n"


async def test_a_crash_before_the_new_database_stands_loses_nothing_of_the_old_one(
    place, tmp_path, monkeypatch
):
    await place.someone_writes()
    file = tmp_path / "backup.hlb"
    place.backup(file)
    database = await Database.open(place.data.database_url)
    folder, crashed = place.data.database_dir, tmp_path / "crashed"
    crashed.mkdir()
    for _ in range(2):
        await database.write(first_contact(new_conversation()))
    for each in folder.iterdir():  # an unclean stop: what was acknowledged stands in the log
        (crashed / each.name).write_bytes(each.read_bytes())
    await database.close()
    for each in crashed.iterdir():
        (folder / each.name).write_bytes(each.read_bytes())
    assert (folder / "havenline.sqlite3-wal").stat().st_size > 0
    await place.hotline.close()

    replace = Path.replace

    def crash(self, target):
        if target == folder / "havenline.sqlite3":
            raise OSError("power failed")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", crash)
    settings = load_settings(config=place.config, folder=place.data.folder)
    clock = SystemClock()
    log = open_log("restore", level="warning", clock=clock, stream=sys.stderr)
    with pytest.raises(OSError, match="power"):
        await restore(Tools(settings, clock, log, print), file, KeyFile.read(place.key))

    database = await Database.open(place.data.database_url)
    assert len(await database.read(conversations.queue)) == 3
    await database.close()


def leave(path: Path) -> Path:
    """Leave a file as a crash does."""
    private_files.make_folder(path.parent)
    path.write_bytes(CANARY)
    return path


async def test_a_restore_clears_what_an_earlier_one_left_also_where_it_is_refused(place, tmp_path):
    file = tmp_path / "backup.hlb"
    place.backup(file)
    await place.hotline.close()
    unpacked = leave(place.data.folder / ".restoring" / ".unpacking" / "courier" / "seed")
    copies = [
        leave(place.data.database_dir / f"havenline.sqlite3-backup{end}") for end in ("", "-wal")
    ]
    file.write_bytes(file.read_bytes()[:-1])
    with unpacked.open("rb") as left:
        assert "does not open" in place.restore(file).stderr
        assert set(left.read()) == {0}
    assert not (place.data.folder / ".restoring").exists()
    assert not any(each.exists() for each in copies)


def test_leftovers_are_cleared_and_a_backup_that_is_being_written_is_left_alone(tmp_path):
    data = DataSettings(folder=tmp_path / "data")
    make_folders(data)
    clear_leftovers(data)  # there are none
    outside = tmp_path / "outside"
    outside.write_bytes(b"not ours")
    unpacked = leave(data.folder / ".restoring" / "database" / "havenline.sqlite3")
    (unpacked.parent / "link").symlink_to(outside)
    copy = leave(data.database_dir / "havenline.sqlite3-backup")
    with unpacked.open("rb") as left, private_files.hold(data.database_dir):
        clear_leftovers(data)
        assert set(left.read()) == {0}
        assert copy.read_bytes() == CANARY
    with copy.open("rb") as left:
        clear_leftovers(data)
        assert set(left.read()) == {0}
    assert not copy.exists()
    assert not (data.folder / ".restoring").exists()
    assert outside.read_bytes() == b"not ours"


def test_a_held_folder_is_held_against_others(tmp_path):
    data = DataSettings(folder=tmp_path / "data")
    make_folders(data)
    with hold(data), pytest.raises(NotUsable, match="already"), hold(data):
        pass
    with hold(data):
        pass
