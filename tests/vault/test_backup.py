"""Backups: whole or refused, nothing in clear on the way, nothing forgotten comes back."""

import os
import sqlite3
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.vault.rows import first_contact, from_client, new_conversation, sealed
from vault import (
    backup,
    conversations,
    messages,
    meta,
    private_files,
    schema,
    secretstream,
    tables,
    writers_line,
)
from vault.backup import (
    DATABASE_NAME,
    BackupRefused,
    KeyFile,
    Passphrase,
    read_backup,
    write_backup,
)
from vault.engine import Database, DatabaseFailed
from vault.schema import migrate
from vault.sealing import CannotOpen, Secret
from vault.sqlite_file import Role, connect

CANARY = b"canary-51aa-in-a-backup"
SEED = b"seed of the courier, 32 bytes..."
KEY = KeyFile(Secret(os.urandom(32)))


def cheap(text: str) -> Passphrase:
    """A passphrase that costs little to try: for tests only."""
    return Passphrase(Passphrase.of(text).secret, memory_kib=64, passes=1)


@pytest.fixture
async def data(path) -> Path:
    """A data folder with 20 conversations, paired, and the courier's seed."""
    database = await Database.open(f"sqlite:///{path}")
    for _ in range(20):
        new = new_conversation()
        message = from_client(new.id, envelope=sealed(1, CANARY, 8192))
        await database.write(first_contact(new, message))
    await database.write(lambda c: meta.pair(c, b"p" * 16))
    await database.close()
    data = path.parents[1]
    private_files.make_folder(data / "courier")
    with private_files.create(data / "courier" / "seed") as seed:
        seed.write(SEED)
    return data


@pytest.fixture
def extras(data):
    return {"courier/seed": data / "courier" / "seed"}


@pytest.fixture
def written(data, extras, tmp_path):
    target = tmp_path / "backup"
    write_backup(data / DATABASE_NAME, extras, target, KEY)
    return target


def rows_of(data):
    connection = sqlite3.connect(data / DATABASE_NAME)
    rows = connection.execute("SELECT id, envelope FROM messages ORDER BY id").fetchall()
    connection.close()
    return rows


def everything_below(folder):
    """All names but that of the writers' line, which holds two numbers and no content."""
    names = (each for each in folder.rglob("*") if each.name != writers_line.NAME)
    return sorted(str(each.relative_to(folder)) for each in names)


def test_what_was_backed_up_comes_back(data, extras, tmp_path):
    before = rows_of(data)
    report = write_backup(data / DATABASE_NAME, extras, tmp_path / "backup", KEY)
    assert set(report.files) == {DATABASE_NAME, "courier/seed"}
    assert report.files["courier/seed"] == len(SEED)
    assert report.size == (tmp_path / "backup").stat().st_size
    assert (report.schema, report.pairing) == (tables.SCHEMA, b"p" * 16)
    restored = read_backup(tmp_path / "backup", KEY, tmp_path / "new")
    assert rows_of(tmp_path / "new") == before
    assert (tmp_path / "new" / "courier" / "seed").read_bytes() == SEED
    assert restored.files[DATABASE_NAME] == tmp_path / "new" / DATABASE_NAME
    assert (restored.schema, restored.pairing) == (tables.SCHEMA, b"p" * 16)
    assert restored.commit_counter == report.commit_counter > 0


async def test_what_was_restored_can_be_used(written, tmp_path):
    read_backup(written, KEY, tmp_path / "new")
    url = f"sqlite:///{tmp_path / 'new' / DATABASE_NAME}"
    migrate(url)
    database = await Database.open(url)
    new = new_conversation()
    await database.write(first_contact(new))
    assert len(await database.read(conversations.queue)) == 21
    await database.close()


def test_a_folder_and_those_above_it_are_for_this_account_alone(tmp_path):
    usual = os.umask(0o022)
    private_files.make_folder(tmp_path / "a" / "b")
    private_files.make_folder(tmp_path / "a" / "b")
    os.umask(usual)
    assert {stat.S_IMODE(each.stat().st_mode) for each in tmp_path.rglob("*")} == {0o700}


def test_files_are_for_this_account_alone(written, tmp_path):
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    read_backup(written, KEY, tmp_path / "new")
    for each in (tmp_path / "new").rglob("*"):
        assert stat.S_IMODE(each.stat().st_mode) == (0o700 if each.is_dir() else 0o600)


def test_nothing_lies_in_clear(data, written, tmp_path):
    assert CANARY not in written.read_bytes()
    assert SEED not in written.read_bytes()
    assert b"SQLite format" not in written.read_bytes()
    assert everything_below(data) == [
        "courier",
        "courier/seed",
        "database",
        DATABASE_NAME,
    ]
    read_backup(written, KEY, tmp_path / "new")
    assert {each.name for each in tmp_path.iterdir()} == {"backup", "data", "new"}


def test_the_copy_on_the_way_is_overwritten_before_it_is_deleted(
    data, extras, tmp_path, monkeypatch
):
    seen = []

    def watch(path):
        with path.open("r+b") as file:
            removed(path)
            file.seek(0)
            seen.append((path.name, set(file.read())))

    removed = private_files.remove
    write_backup(data / DATABASE_NAME, extras, tmp_path / "first", KEY)
    (data / "database" / "havenline.sqlite3-backup").write_bytes(b"left by a crash")
    monkeypatch.setattr(backup.private_files, "remove", watch)
    write_backup(data / DATABASE_NAME, extras, tmp_path / "second", KEY)
    assert seen == [("havenline.sqlite3-backup", {0})] * 2


def test_a_backup_is_made_of_a_database_in_use(data, extras, tmp_path):
    busy = connect(data / DATABASE_NAME, Role.WRITER)
    busy.execute("BEGIN IMMEDIATE")
    busy.execute("UPDATE meta SET commit_counter = 99999")
    report = write_backup(data / DATABASE_NAME, extras, tmp_path / "backup", KEY)
    busy.execute("ROLLBACK")
    busy.close()
    assert report.commit_counter < 99999


async def test_what_was_deleted_before_is_in_no_backup(data, extras, tmp_path):
    database = await Database.open(f"sqlite:///{data / DATABASE_NAME}")
    ids = [row.id for row in await database.read(conversations.queue)]
    await database.write(lambda c: conversations.delete(c, ids))
    write_backup(data / DATABASE_NAME, extras, tmp_path / "backup", KEY)  # before any checkpoint
    await database.close()
    read_backup(tmp_path / "backup", KEY, tmp_path / "new")
    assert CANARY not in (tmp_path / "new" / DATABASE_NAME).read_bytes()


# --- refusals -------------------------------------------------------------------------------


def test_another_key_does_not_open_it(data, extras, written, tmp_path):
    with pytest.raises(CannotOpen):
        read_backup(written, KeyFile(Secret(os.urandom(32))), tmp_path / "new")
    by_phrase = tmp_path / "by phrase"
    write_backup(data / DATABASE_NAME, extras, by_phrase, cheap("a long passphrase"))
    with pytest.raises(CannotOpen):
        read_backup(by_phrase, cheap("a long passphrasf"), tmp_path / "new")
    with pytest.raises(BackupRefused, match="other kind of key"):
        read_backup(by_phrase, KEY, tmp_path / "new")
    with pytest.raises(BackupRefused, match="other kind of key"):
        read_backup(written, cheap("a long passphrase"), tmp_path / "new")
    assert everything_below(tmp_path / "new") == []
    read_backup(by_phrase, cheap(" a long passphrase "), tmp_path / "new")


def test_the_real_cost_of_a_passphrase(data, extras, tmp_path):
    key = Passphrase.of("Grüße aus dem Büro")
    assert (key.memory_kib, key.passes) == (256 * 1024, 3)
    write_backup(data / DATABASE_NAME, extras, tmp_path / "backup", key)
    decomposed = Passphrase.of("Gru\u0308ße aus dem Bu\u0308ro")
    read_backup(tmp_path / "backup", decomposed, tmp_path / "new")
    assert rows_of(tmp_path / "new") == rows_of(data)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_every_flipped_bit_is_refused(written, tmp_path, place, bit):
    content = bytearray(written.read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    refuse(bytes(content), tmp_path)


@pytest.mark.parametrize("at", range(35 + 24 + 4))
def test_every_changed_byte_of_the_head_is_refused(written, tmp_path, at):
    content = bytearray(written.read_bytes())
    content[at] ^= 0x10
    refuse(bytes(content), tmp_path)


def refuse(content, tmp_path):
    changed = tmp_path / "changed"
    changed.write_bytes(content)
    with pytest.raises((CannotOpen, BackupRefused)):
        read_backup(changed, KEY, tmp_path / "new")
    assert everything_below(tmp_path / "new") == []
    assert not list(tmp_path.glob(".new*"))


def test_cut_lengthened_and_reordered_are_refused(written, tmp_path):
    content = written.read_bytes()
    size, start = secretstream.CHUNK + secretstream.OVERHEAD, 35 + secretstream.START_SIZE
    assert len(content) > start + 2 * size
    head, chunks = content[:start], content[start:]
    first, second, rest = chunks[:size], chunks[size : 2 * size], chunks[2 * size :]
    for cut in (0, 7, 34, 35, 58, start, start + 10, start + size, len(content) - 1):
        refuse(content[:cut], tmp_path)
    refuse(content + b"\0", tmp_path)
    refuse(content + first, tmp_path)
    refuse(head + second + first + rest, tmp_path)
    refuse(head + first + rest, tmp_path)
    refuse(head + first + first + second + rest, tmp_path)


def test_a_head_that_asks_for_too_much_memory_is_refused_before_it_costs(written, tmp_path):
    content = bytearray(written.read_bytes())
    content[9] = 1  # by passphrase
    content[10:14] = (0xFFFFFFFF).to_bytes(4, "big")
    (tmp_path / "greedy").write_bytes(content)
    with pytest.raises(CannotOpen):
        read_backup(tmp_path / "greedy", cheap("a long passphrase"), tmp_path / "new")


def test_no_file_is_overwritten(data, extras, written):
    before = written.read_bytes()
    with pytest.raises(BackupRefused, match="another name"):
        write_backup(data / DATABASE_NAME, extras, written, KEY)
    assert written.read_bytes() == before


def test_one_backup_at_a_time(data, extras, tmp_path):
    with (
        backup.only_one_in(data / "database"),
        pytest.raises(BackupRefused, match="another backup"),
    ):
        write_backup(data / DATABASE_NAME, extras, tmp_path / "backup", KEY)
    assert not (tmp_path / "backup").exists()


@pytest.mark.parametrize(
    "name", ["keeper/slots.bin", "../seed", "/etc/passwd", DATABASE_NAME, "", "a/../b", "./a"]
)
def test_names_that_lead_elsewhere_are_refused(data, tmp_path, name):
    with pytest.raises(BackupRefused):
        write_backup(
            data / DATABASE_NAME, {name: data / "courier" / "seed"}, tmp_path / "backup", KEY
        )
    assert not (tmp_path / "backup").exists()


@pytest.mark.parametrize("content", [b"HLSLOTS1" + bytes(5000), b"roster"])
def test_the_keepers_files_never_go_into_a_backup(data, tmp_path, content):
    private_files.make_folder(data / "keeper")
    (data / "keeper" / "slots.bin").write_bytes(content)
    (data / "courier" / "link").symlink_to(data / "keeper" / "slots.bin")
    extras = {"courier/link": data / "courier" / "link"}
    with pytest.raises(BackupRefused, match="keeper"):
        write_backup(data / DATABASE_NAME, extras, tmp_path / "backup", KEY)


def test_a_copied_slot_file_is_recognised_by_its_first_bytes(data, tmp_path):
    (data / "courier" / "copy").write_bytes(b"HLSLOTS1" + bytes(5000))
    extras = {"courier/copy": data / "courier" / "copy"}
    with pytest.raises(BackupRefused, match="keeper"):
        write_backup(data / DATABASE_NAME, extras, tmp_path / "backup", KEY)


@pytest.mark.parametrize("text", ["", "short", "   eleven chr   "])
def test_a_short_passphrase_is_refused(text):
    with pytest.raises(BackupRefused, match="at least 12"):
        Passphrase.of(text)


def test_a_key_file_has_32_bytes(tmp_path):
    (tmp_path / "key").write_bytes(b"k" * 32)
    assert KeyFile.read(tmp_path / "key").secret == Secret(b"k" * 32)
    (tmp_path / "key").write_bytes(b"k" * 33)
    with pytest.raises(BackupRefused, match="32"):
        KeyFile.read(tmp_path / "key")


def test_what_fails_on_the_way_leaves_no_file(data, extras, tmp_path, monkeypatch):
    def disk_is_full(_file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup.private_files, "sync", disk_is_full)
    with pytest.raises(OSError, match="space"):
        write_backup(data / DATABASE_NAME, extras, tmp_path / "backup", KEY)
    assert {each.name for each in tmp_path.iterdir()} == {"data"}


# --- into an existing hotline ---------------------------------------------------------------


async def add_one(data):
    database = await Database.open(f"sqlite:///{data / DATABASE_NAME}")
    await database.write(first_contact(new_conversation()))
    await database.close()


async def test_restoring_replaces_the_database_and_leaves_the_keeper_alone(data, written):
    before = rows_of(data)
    await add_one(data)
    private_files.make_folder(data / "keeper")
    (data / "keeper" / "slots.bin").write_bytes(b"HLSLOTS1")
    (data / "courier" / "sent.bin").write_bytes(b"newer than the backup")
    (data / "courier" / "seed").write_bytes(b"changed")
    with (data / DATABASE_NAME).open("rb") as old:
        read_backup(written, KEY, data)
        old.seek(0)
        assert set(old.read()) == {0}
    assert rows_of(data) == before
    assert (data / "courier" / "seed").read_bytes() == SEED
    assert (data / "courier" / "sent.bin").read_bytes() == b"newer than the backup"
    assert (data / "keeper" / "slots.bin").read_bytes() == b"HLSLOTS1"


async def test_restoring_while_something_runs_is_refused(data, written):
    database = await Database.open(f"sqlite:///{data / DATABASE_NAME}")
    await database.write(first_contact(new_conversation()))
    with pytest.raises(BackupRefused, match="stop it"):
        read_backup(written, KEY, data)
    assert len(await database.read(conversations.queue)) == 21
    await database.close()


def test_a_damaged_database_can_be_replaced(data, written):
    before = rows_of(data)
    (data / DATABASE_NAME).write_bytes(os.urandom(50_000))
    (data / (DATABASE_NAME + "-wal")).write_bytes(os.urandom(50_000))
    read_backup(written, KEY, data)
    assert rows_of(data) == before


async def test_a_log_of_the_old_database_does_not_change_the_new_one(data, written, tmp_path):
    database = await Database.open(f"sqlite:///{data / DATABASE_NAME}")
    await database.write(first_contact(new_conversation()))
    left = tmp_path / "crashed"
    for each in (data / "database").iterdir():  # as after a crash, with a log
        private_files.make_folder(left / "database")
        (left / "database" / each.name).write_bytes(each.read_bytes())
    await database.close()
    assert (left / (DATABASE_NAME + "-wal")).stat().st_size > 0
    read_backup(written, KEY, left)
    assert len(rows_of(left)) == 20
    assert everything_below(left / "database") == ["havenline.sqlite3"]


def test_a_backup_of_a_newer_version_is_refused(data, extras, tmp_path):
    connection = connect(data / DATABASE_NAME, Role.MIGRATION)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    write_backup(data / DATABASE_NAME, extras, tmp_path / "backup", KEY)
    with pytest.raises(BackupRefused, match="newer"):
        read_backup(tmp_path / "backup", KEY, tmp_path / "new")
    assert everything_below(tmp_path / "new") == []


def test_a_database_that_breaks_its_own_rules_is_refused(data, extras, tmp_path):
    connection = connect(data / DATABASE_NAME, Role.MIGRATION)
    connection.execute("DELETE FROM conversations")  # their messages stay behind
    connection.close()
    write_backup(data / DATABASE_NAME, extras, tmp_path / "backup", KEY)
    with pytest.raises(BackupRefused, match="damaged"):
        read_backup(tmp_path / "backup", KEY, tmp_path / "new")


def test_a_crash_between_two_files_is_mended_by_doing_it_again(data, written, monkeypatch):
    before = rows_of(data)
    (data / "courier" / "seed").write_bytes(b"changed")
    replace = Path.replace

    def crash(self, target):
        if target == data / DATABASE_NAME:
            raise OSError("power failed")
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", crash)
        with pytest.raises(OSError, match="power"):
            read_backup(written, KEY, data)
    assert rows_of(data) == before
    read_backup(written, KEY, data)
    assert (data / "courier" / "seed").read_bytes() == SEED


def test_what_a_crash_left_unpacked_is_overwritten_and_deleted(data, written):
    left = data / backup.STAGING / "database" / "left"
    private_files.make_folder(left.parent)
    left.write_bytes(CANARY)
    with left.open("rb") as file:
        read_backup(written, KEY, data)
        assert set(file.read()) == {0}
    assert not (data / backup.STAGING).exists()


def test_a_backup_lies_under_one_fixed_name_while_it_is_unpacked(written, tmp_path):
    child = os.fork()
    if child == 0:  # dies in the middle, as by SIGKILL
        backup._check_database = lambda _path: os._exit(0)
        try:
            read_backup(written, KEY, tmp_path / "new")
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert [each.name for each in (tmp_path / "new").iterdir()] == [backup.STAGING]
    assert {each.name for each in tmp_path.iterdir()} == {"backup", "data", "new"}
    read_backup(written, KEY, tmp_path / "new")
    assert not (tmp_path / "new" / backup.STAGING).exists()


def as_after_a_crash(folder: Path, to: Path) -> None:
    """Copy a database that is open, with its log, to where nobody has it open."""
    private_files.make_folder(to)
    for each in folder.iterdir():
        (to / each.name).write_bytes(each.read_bytes())


async def test_emptying_the_log_of_the_old_database_loses_nothing_of_it(data, tmp_path):
    database = await Database.open(f"sqlite:///{data / DATABASE_NAME}")
    await database.write(first_contact(new_conversation()))
    as_after_a_crash(data / "database", tmp_path / "left")
    await database.close()
    left = tmp_path / "left" / "havenline.sqlite3"
    backup.empty_log(left)
    assert everything_below(left.parent) == ["havenline.sqlite3"]
    connection = sqlite3.connect(left)
    assert connection.execute("SELECT count(*) FROM conversations").fetchone() == (21,)
    connection.close()


async def test_a_log_whose_database_is_gone_does_not_change_the_new_one(data, written, tmp_path):
    database = await Database.open(f"sqlite:///{data / DATABASE_NAME}")
    await database.write(first_contact(new_conversation()))
    as_after_a_crash(data / "database", tmp_path / "left" / "database")
    await database.close()
    (tmp_path / "left" / DATABASE_NAME).unlink()
    read_backup(written, KEY, tmp_path / "left")
    assert everything_below(tmp_path / "left" / "database") == ["havenline.sqlite3"]
    assert len(rows_of(tmp_path / "left")) == 20


def test_a_log_that_cannot_be_brought_in_now_is_kept(data, monkeypatch):
    log = data / (DATABASE_NAME + "-wal")
    log.write_bytes(b"acknowledged")

    def refuse(_path, _role):
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode, error.sqlite_errorname = 10, "SQLITE_IOERR"
        raise error

    monkeypatch.setattr(backup, "connect", refuse)
    with pytest.raises(DatabaseFailed):
        backup.empty_log(data / DATABASE_NAME)
    assert log.read_bytes() == b"acknowledged"


# --- the stream itself ----------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 131072, 200_000])
def test_the_stream_carries_every_size(tmp_path, size):
    key, plain = Secret(os.urandom(32)), os.urandom(size)
    file = tmp_path / "stream"
    file.write_bytes(b"".join(secretstream.sealed([plain[:5], plain[5:]], key, b"head")))
    chunks = max(1, -(-size // secretstream.CHUNK))
    assert file.stat().st_size == secretstream.START_SIZE + size + chunks * secretstream.OVERHEAD
    with file.open("rb") as source:
        assert b"".join(secretstream.opened(source, key, b"head")) == plain
    with file.open("rb") as source, pytest.raises(CannotOpen):
        list(secretstream.opened(source, key, b"other"))


def test_copying_a_database_that_is_none_is_said(tmp_path):
    (tmp_path / "text").write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(DatabaseFailed):
        schema.copy_database(tmp_path / "text", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_the_messages_of_a_restored_database_are_read_as_before(written, tmp_path):
    read_backup(written, KEY, tmp_path / "new")
    connection = sqlite3.connect(tmp_path / "new" / DATABASE_NAME)
    (envelope,) = connection.execute("SELECT envelope FROM messages").fetchone()
    connection.close()
    messages.check_envelope(messages.MESSAGE, envelope)
    assert envelope[3 : 3 + len(CANARY)] == CANARY
