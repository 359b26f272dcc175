"""One encrypted file with what a restored hotline needs, and no shred key.

A backup holds the database and the key files of courier and caretaker. It never holds the slot
file: what the keeper forgets becomes noise in every backup that was ever made.

Layout: `head ‖ stream`. Head: `"HLBACKUP" ‖ version u8 = 1 ‖ key kind u8 (1 passphrase, 2 key
file) ‖ Argon2id memory in KiB u32 ‖ passes u32 ‖ salt 16`. The stream is `vault.secretstream`'s
under a key from passphrase or key file, with the head as associated data; in it stand
`u32 length ‖ manifest (JSON) ‖ the files, one after the other`. Numbers are big-endian.
"""

from __future__ import annotations

import contextlib
import sqlite3
import struct
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, BinaryIO, Final

import msgspec

from vault import private_files, secretstream, tables
from vault.backend import DatabaseFailed
from vault.schema import copy_database
from vault.sealing import CannotOpen, Secret, argon2id, derive, labelled, mac, random_bytes
from vault.sqlite_file import Role, connect, failure_of, schema_of

DATABASE_NAME: Final = "database/havenline.sqlite3"
"""Where the database lies in a data folder, and what it is called in a backup."""

DUMP_NAME: Final = "database/havenline.pgdump"
"""What a database in PostgreSQL is called in a backup: pg_dump's archive."""

STAGING: Final = ".unpacking"
"""The folder, inside the one that is restored into, where a backup lies while it is checked."""

SHORTEST_PASSPHRASE: Final = 12
KEY_FILE_SIZE: Final = 32

_MAGIC: Final = b"HLBACKUP"
_VERSION: Final = 1
_HEAD: Final = struct.Struct(">8sBBII16s")
_LENGTH: Final = struct.Struct(">I")
_SALT_SIZE: Final = 16
_LARGEST_MANIFEST: Final = 1 << 20
_LARGEST_EXTRA: Final = 64 << 20
_MEMORY_KIB: Final = range(8, (1 << 20) + 1)
_PASSES: Final = range(1, 11)
_READ: Final = 1 << 20
_KEEPER: Final = "keeper"
_SLOT_FILE: Final = b"HLSLOTS"


class BackupRefused(Exception):
    """The backup was not written, or not restored; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Passphrase:
    """A passphrase and the cost of trying one: Argon2id memory in KiB and passes (RFC 9106)."""

    secret: Secret
    memory_kib: int = 256 * 1024
    passes: int = 3

    @staticmethod
    def of(text: str) -> Passphrase:
        """Take what a person typed; raises BackupRefused where it is too short."""
        normal = unicodedata.normalize("NFKC", text).strip()
        if len(normal) < SHORTEST_PASSPHRASE:
            raise BackupRefused(f"choose a passphrase of at least {SHORTEST_PASSPHRASE} characters")
        return Passphrase(Secret(normal.encode()))


@dataclass(frozen=True, slots=True)
class KeyFile:
    """The 32 random bytes of a key file."""

    secret: Secret

    @staticmethod
    def read(path: Path) -> KeyFile:
        """Read a key file; raises BackupRefused where it does not hold exactly 32 bytes."""
        data = path.read_bytes()
        if len(data) != KEY_FILE_SIZE:
            raise BackupRefused(f"a key file holds exactly {KEY_FILE_SIZE} random bytes")
        return KeyFile(Secret(data))


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What was written: its size and its files' sizes in bytes, and which database it is."""

    target: Path
    size: int
    files: Mapping[str, int]
    schema: str
    pairing: bytes | None
    commit_counter: int


@dataclass(frozen=True, slots=True)
class RestoredFiles:
    """What was put in place. The keeper is to adopt pairing id and commit counter."""

    files: Mapping[str, Path]
    schema: str
    pairing: bytes | None
    commit_counter: int


@dataclass(frozen=True, slots=True)
class Identity:
    """Which database a copy is of, and of which moment."""

    schema: str
    pairing: bytes | None
    commit_counter: int


class _Manifest(msgspec.Struct, forbid_unknown_fields=True):
    """The first thing inside a backup: which database, and its files in order with their sizes."""

    schema: str
    pairing: bytes | None
    commit_counter: int
    files: list[tuple[str, Annotated[int, msgspec.Meta(ge=0)]]]


# --- writing --------------------------------------------------------------------------------


def write_backup(
    db_path: Path, extra_files: Mapping[str, Path], target: Path, key: Passphrase | KeyFile
) -> BackupReport:
    """Write a backup of a database that may be in use.

    `extra_files` maps names inside a data folder ("courier/seed") to files. The copy of the
    database that is needed on the way lies beside it and is overwritten and deleted.
    Raises BackupRefused, DatabaseFailed, OSError; then there is no new file.
    """
    if target.exists():
        raise BackupRefused("there is a file of this name already: choose another name")
    copy = db_path.with_name(f"{db_path.name}-backup")
    with only_one_in(db_path.parent):
        private_files.remove(copy)  # what a crash may have left
        copy_database(db_path, copy)
        try:
            return write_around(copy, DATABASE_NAME, _identity(copy), extra_files, target, key)
        finally:
            private_files.remove(copy)


def write_around(
    copy: Path,
    name: str,
    identity: Identity,
    extra_files: Mapping[str, Path],
    target: Path,
    key: Passphrase | KeyFile,
) -> BackupReport:
    """Write `copy`, a database that is called `name` in the backup, and the other files."""
    extras = {each: _extra(each, path) for each, path in extra_files.items()}
    sizes = [(name, copy.stat().st_size)]
    sizes += [(each, len(data)) for each, data in extras.items()]
    manifest = _Manifest(identity.schema, identity.pairing, identity.commit_counter, sizes)
    _write(target, key, _plain(manifest, copy, extras))
    return BackupReport(
        target,
        target.stat().st_size,
        dict(manifest.files),
        manifest.schema,
        manifest.pairing,
        manifest.commit_counter,
    )


@contextlib.contextmanager
def only_one_in(folder: Path) -> Iterator[None]:
    """Hold the database's folder, as whoever copies or replaces it does; raises BackupRefused."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(private_files.hold(folder))
        except BlockingIOError:
            raise BackupRefused("another backup is being written: wait for its end") from None
        yield


def _extra(name: str, path: Path) -> bytes:
    """The content of one further file; small, and read at once so that it is of one piece."""
    _check_name(name)
    if path.stat().st_size > _LARGEST_EXTRA:
        raise BackupRefused(f"{name} is too large for a key file: leave it out")
    data = path.read_bytes()
    if data.startswith(_SLOT_FILE) or path.resolve().parent.name == _KEEPER:
        raise BackupRefused("the keeper's files never go into a backup: leave them out")
    return data


def _check_name(name: str) -> None:
    path = PurePosixPath(name)
    if (
        path.is_absolute()
        or str(path) != name
        or not path.parts
        or {"..", "."} & set(path.parts)
        or path.parts[0] == _KEEPER
        or name.startswith((DATABASE_NAME, DUMP_NAME))
    ):
        raise BackupRefused("a file in a backup has a plain name inside the data folder")


def _identity(copy: Path) -> Identity:
    with contextlib.closing(connect(copy, Role.UPKEEP)) as raw:
        schema, (pairing, counter) = schema_of(raw), raw.execute(_IDENTITY).fetchone()
    return Identity(schema or "", pairing, counter)


_IDENTITY: Final = "SELECT pairing, commit_counter FROM meta"


def _plain(manifest: _Manifest, copy: Path, extras: Mapping[str, bytes]) -> Iterator[bytes]:
    encoded = msgspec.json.encode(manifest)
    yield _LENGTH.pack(len(encoded)) + encoded
    with copy.open("rb") as file:
        while piece := file.read(_READ):
            yield piece
    yield from extras.values()


def _write(target: Path, key: Passphrase | KeyFile, plain: Iterator[bytes]) -> None:
    partial = target.with_name(f".{target.name}.partial")
    partial.unlink(missing_ok=True)
    head = _new_head(key)
    try:
        with private_files.create(partial) as file:
            file.write(head)
            for piece in secretstream.sealed(plain, _stream_key(key, head), head):
                file.write(piece)
            private_files.sync(file)
        partial.rename(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    private_files.sync_folder(target.parent)


# --- keys -----------------------------------------------------------------------------------


def _new_head(key: Passphrase | KeyFile) -> bytes:
    salt = random_bytes(_SALT_SIZE)
    if isinstance(key, Passphrase):
        return _HEAD.pack(_MAGIC, _VERSION, _BY_PASSPHRASE, key.memory_kib, key.passes, salt)
    return _HEAD.pack(_MAGIC, _VERSION, _BY_KEY_FILE, 0, 0, salt)


_BY_PASSPHRASE: Final = 1
_BY_KEY_FILE: Final = 2


def _stream_key(key: Passphrase | KeyFile, head: bytes) -> Secret:
    """The key of the stream behind this head; raises BackupRefused where they do not fit."""
    if len(head) != _HEAD.size:
        raise BackupRefused("this is not a backup of Havenline")
    magic, version, kind, memory_kib, passes, salt = _HEAD.unpack(head)
    if magic != _MAGIC:
        raise BackupRefused("this is not a backup of Havenline")
    if version != _VERSION:
        raise BackupRefused("this backup was made by a newer version of Havenline: install it")
    if kind != (_BY_PASSPHRASE if isinstance(key, Passphrase) else _BY_KEY_FILE):
        raise BackupRefused("this backup opens with the other kind of key: passphrase or key file")
    if isinstance(key, KeyFile):
        return derive(Secret(mac(key.secret, labelled("backup-salt", salt))), "backup")
    # A head made by somebody else must not cost this machine its memory.
    if memory_kib not in _MEMORY_KIB or passes not in _PASSES:
        raise CannotOpen
    root = argon2id(key.secret, salt, memory_kib=memory_kib, passes=passes, size=32)
    return derive(root, "backup")


# --- restoring ------------------------------------------------------------------------------


def read_backup(source: Path, key: Passphrase | KeyFile, into: Path) -> RestoredFiles:
    """Put a backup's files in their places in the data folder `into`, while nothing runs.

    Everything is opened and checked in the folder `STAGING` first. Then each file takes its
    place in one step, the database last; what stood there is overwritten and deleted. After a
    crash in between, do it again: what that left in `STAGING` is overwritten and deleted too. The
    keeper's files stay as they are.
    Raises CannotOpen (wrong key, or the file was changed), BackupRefused, DatabaseFailed,
    OSError; then everything is as it was.
    """
    private_files.make_folder(into)
    staging = into / STAGING
    private_files.remove_folder(staging)  # what a crash may have left
    private_files.make_folder(staging)
    try:
        manifest = _unpack(source, key, staging)
        database = manifest.files[0][0] if manifest.files else ""
        if database == DATABASE_NAME:
            _check_database(staging / DATABASE_NAME)
            empty_log(into / DATABASE_NAME)
        elif database != DUMP_NAME:
            raise BackupRefused("there is no database in this backup")
        names = [name for name, _ in manifest.files if name != database]
        for name in [*names, database]:
            private_files.replace(staging / name, into / name)
    finally:
        private_files.remove_folder(staging)
    return RestoredFiles(
        {name: into / name for name, _ in manifest.files},
        manifest.schema,
        manifest.pairing,
        manifest.commit_counter,
    )


def _unpack(source: Path, key: Passphrase | KeyFile, staging: Path) -> _Manifest:
    with source.open("rb") as file:
        head = file.read(_HEAD.size)
        stream = _Pieces(secretstream.opened(file, _stream_key(key, head), head))
        (length,) = _LENGTH.unpack(stream.read(_LENGTH.size))
        if length > _LARGEST_MANIFEST:
            raise CannotOpen
        try:
            manifest = msgspec.json.decode(stream.read(length), type=_Manifest)
        except msgspec.MsgspecError:
            raise CannotOpen from None
        for name, size in manifest.files:
            if name not in {DATABASE_NAME, DUMP_NAME}:
                _check_name(name)
            private_files.make_folder((staging / name).parent)
            with private_files.create(staging / name) as target:
                stream.copy(size, target)
                private_files.sync(target)
        stream.end()
    return manifest


class _Pieces:
    """Reads a stream of chunks by number of bytes; too few or too many raise CannotOpen."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._waiting = b""

    def read(self, size: int) -> bytes:
        while len(self._waiting) < size:
            self._waiting += self._next()
        taken, self._waiting = self._waiting[:size], self._waiting[size:]
        return taken

    def copy(self, size: int, target: BinaryIO) -> None:
        while size > 0:
            piece = self.read(min(size, secretstream.CHUNK))
            target.write(piece)
            size -= len(piece)

    def end(self) -> None:
        if self._waiting or any(self._chunks):
            raise CannotOpen

    def _next(self) -> bytes:
        try:
            return next(self._chunks)
        except StopIteration:
            raise CannotOpen from None


def _check_database(path: Path) -> None:
    """Refuse a database that is damaged, or newer than this version."""
    try:
        with contextlib.closing(connect(path, Role.UPKEEP)) as raw:
            is_whole = raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            is_whole = is_whole and not raw.execute("PRAGMA foreign_key_check").fetchall()
            schema = schema_of(raw)
    except sqlite3.Error as error:
        raise failure_of(error) from None
    if not is_whole or schema is None:
        raise BackupRefused("the database in this backup is damaged: restore an older backup")
    if schema > tables.SCHEMA:
        raise BackupRefused("this backup was made by a newer version of Havenline: install it")


def empty_log(path: Path) -> None:
    """Bring the log of a database that is about to be replaced into it; refuse while it is in use.

    Until it is replaced nothing that was acknowledged is lost, and no log of the old one is left
    to change the new one. Raises BackupRefused, DatabaseFailed.
    """
    log, index = (path.with_name(path.name + end) for end in ("-wal", "-shm"))
    if not path.exists():
        private_files.remove(log)  # the database that it belonged to is gone
        private_files.remove(index)
        return
    try:
        # Whoever closes an SQLite database last brings its log into it and deletes the log.
        connect(path, Role.UPKEEP).close()
    except DatabaseFailed:
        pass  # not set as Havenline sets it; it was closed all the same
    except sqlite3.DatabaseError as error:
        if not _is_damaged(error):
            raise failure_of(error) from None
        private_files.remove(log)  # nothing can bring it into this database any more
        private_files.remove(index)
    if log.exists():
        raise BackupRefused("Havenline is running: stop it, then restore")


def _is_damaged(error: sqlite3.DatabaseError) -> bool:
    name = getattr(error, "sqlite_errorname", "")
    return name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))
