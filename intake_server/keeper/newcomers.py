"""Invitations, and who waits to be let in: a small file, rewritten whole (docs/keeper.md, 1).

Nothing in it lets anybody in. It says for which id somebody may store a sign-in slot, and with
which keys the slot becomes active once the roster names them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from vault.keeper_protocol import Reference, number_of, u8, u64
from vault.roster import Person, Role
from vault.sealing import Malformed, equal, pack, unpack
from vault.slot_files import NEWCOMERS_STEPS, CrashAt, Disk, remove, rewrite

NEWCOMERS_NAME: Final = "newcomers.bin"
INVITATION_LIFE: Final = 24 * 3600  # seconds, to join
WAITING_LIFE: Final = 7 * 24 * 3600  # seconds, to be let in
MOST: Final = 64
_FIELDS: Final = 6
_JOINED_FIELDS: Final = 5


@dataclass(frozen=True, slots=True)
class Joining:
    """What a newcomer has stored: keys, and the slot that is not active yet."""

    shown_name: str = field(repr=False)
    box_key: bytes = field(repr=False)
    sign_key: bytes = field(repr=False)
    login_tag: bytes = field(repr=False)
    reference: Reference

    @property
    def packed(self) -> bytes:
        """As it stands in the file."""
        return pack(
            self.shown_name.encode(),
            self.box_key,
            self.sign_key,
            self.login_tag,
            self.reference.packed,
        )

    def is_named(self, person: Person | None) -> bool:
        """Whether the roster names these very keys."""
        return (
            person is not None
            and equal(person.box_key, self.box_key)
            and equal(person.sign_key, self.sign_key)
        )


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody who is invited (`joined` None) or waits; `until` in seconds."""

    staff_id: bytes = field(repr=False)
    roles: Role
    until: int
    inviter_id: bytes = field(repr=False)
    key: bytes = field(repr=False)
    joined: Joining | None

    @property
    def packed(self) -> bytes:
        """As it stands in the file."""
        joined = b"" if self.joined is None else self.joined.packed
        return pack(
            self.staff_id, u8(self.roles), u64(self.until), self.inviter_id, self.key, joined
        )


class Newcomers:
    """All of them, by id."""

    def __init__(self, folder: Path, disk: Disk, crash_at: CrashAt) -> None:
        self._path = folder / NEWCOMERS_NAME
        self._disk = disk
        self._crash_at = crash_at
        self._all: dict[bytes, Newcomer] = {}

    @property
    def all(self) -> Mapping[bytes, Newcomer]:
        """Everybody, by id."""
        return self._all

    def load(self) -> None:
        """Read the file; one that cannot be read is one without newcomers: they are asked again."""
        try:
            rows = unpack(self._path.read_bytes(), None)
            found = [_newcomer(row) for row in rows]
        except (FileNotFoundError, Malformed, ValueError):
            found = []
        self._all = {each.staff_id: each for each in found}

    def discard(self) -> None:
        """Take the file away. Raises OSError."""
        if self._path.exists():
            remove(self._path, self._disk)

    def with_key(self, key: bytes, now: int) -> Newcomer | None:
        """The living invitation of this key."""
        found = [each for each in self._all.values() if equal(each.key, key)]
        return next((each for each in found if each.until > now), None)

    def has_login(self, login_tag: bytes, staff_id: bytes) -> bool:
        """Whether somebody else who waits has this name."""
        return any(
            each.joined is not None and equal(each.joined.login_tag, login_tag)
            for each in self._all.values()
            if each.staff_id != staff_id
        )

    async def put(self, newcomer: Newcomer) -> None:
        """Keep one, in place of what was known of the same id. Raises OSError."""
        await self._write({**self._all, newcomer.staff_id: newcomer})

    async def drop(self, *staff_ids: bytes) -> None:
        """Forget these. Raises OSError."""
        kept = {key: each for key, each in self._all.items() if key not in staff_ids}
        if len(kept) != len(self._all):
            await self._write(kept)

    async def _write(self, newcomers: dict[bytes, Newcomer]) -> None:
        data = pack(*(each.packed for each in newcomers.values()))
        await asyncio.to_thread(
            rewrite, self._path, data, NEWCOMERS_STEPS, self._disk, self._crash_at
        )
        self._all = newcomers


def _newcomer(row: bytes) -> Newcomer:
    """One row; raises Malformed or ValueError."""
    staff_id, roles, until, inviter_id, key, joined = unpack(row, _FIELDS)
    return Newcomer(
        staff_id,
        Role(number_of(roles)),
        number_of(until),
        inviter_id,
        key,
        _joining(joined) if joined else None,
    )


def _joining(packed: bytes) -> Joining:
    name, box_key, sign_key, login_tag, reference = unpack(packed, _JOINED_FIELDS)
    return Joining(name.decode(), box_key, sign_key, login_tag, Reference.of(reference))
