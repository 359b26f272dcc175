"""Roster and grants on the keeper's disk: each file rewritten whole, verified when it is read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from vault.keeper_protocol import MAX_ROSTER_ANSWER, number_of, u32
from vault.roster import Roster, RosterError, verify_chain
from vault.sealing import Malformed, pack, unpack
from vault.slot_files import GRANTS_STEPS, ROSTER_STEPS, CrashAt, Disk, remove, rewrite

ROSTER_NAME: Final = "roster.bin"
GRANTS_NAME: Final = "grants.bin"
_GRANT_FIELDS: Final = 3

Grants = Mapping[tuple[bytes, int], bytes]
"""The grant of each person (staff id) and epoch."""


class DamagedRoster(Exception):
    """The roster on disk is not the one that was pinned."""


class Chain:
    """The verified roster, its entries as they were signed, and the current grants."""

    def __init__(self, folder: Path, disk: Disk, crash_at: CrashAt) -> None:
        self._roster_path = folder / ROSTER_NAME
        self._grants_path = folder / GRANTS_NAME
        self._disk = disk
        self._crash_at = crash_at
        self._entries: tuple[bytes, ...] = ()
        self._grants: dict[tuple[bytes, int], bytes] = {}
        self.roster: Roster | None = None
        self.changing = asyncio.Lock()  # held from reading the roster to having written the next

    def load(self, root: bytes) -> None:
        """Read both files from before; the chain must begin at this root fingerprint.

        Raises DamagedRoster.
        """
        try:
            entries = unpack(self._roster_path.read_bytes(), None)
            self.roster = verify_chain(entries, fingerprint=root)
        except (FileNotFoundError, Malformed, RosterError) as why:
            raise DamagedRoster(
                f"{self._roster_path} cannot be used ({why}). Put its last good copy back: without "
                "the roster nobody can sign in"
            ) from None
        self._entries = entries
        self._grants = self._without_strangers(self._read_grants(), self.roster)

    @property
    def folder(self) -> Path:
        """Where the keeper's files lie."""
        return self._roster_path.parent

    def discard(self) -> None:
        """Take away what a set-up left that never pinned a root. Raises OSError."""
        for path in (self._roster_path, self._grants_path):
            remove(path, self._disk)

    def is_on_disk(self) -> bool:
        """Whether there is a roster file."""
        return self._roster_path.exists()

    def entries_after(self, number: int) -> list[bytes]:
        """The entries after that number, as many as fit into an answer."""
        fitting: list[bytes] = []
        size = 0
        for entry in self._entries[number:]:
            size += len(entry) + 4
            if size > MAX_ROSTER_ANSWER:
                break
            fitting.append(entry)
        return fitting

    def grants_of(self, staff_id: bytes) -> list[bytes]:
        """A person's grants, oldest epoch first."""
        return [self._grants[key] for key in sorted(self._grants) if key[0] == staff_id]

    def ends_with(self, entry: bytes) -> bool:
        """Whether this is the last entry: a request that is repeated gets the same answer."""
        return self._entries[-1:] == (entry,)

    def verified_with(self, entry: bytes) -> Roster:
        """The roster with one more entry, the whole chain verified anew; raises RosterError."""
        return verify_chain((*self._entries, entry))

    async def found(self, entry: bytes, staff_id: bytes, grant: bytes) -> None:
        """Write a chain of one entry and its person's grant of epoch 1. Raises OSError.

        They count once the root is pinned and they are loaded.
        """
        await self._write_roster((entry,))
        await self._write_grants({(staff_id, 1): grant})

    async def append(self, entry: bytes, roster: Roster) -> None:
        """Write one more entry and take `roster`, which was verified with it. Raises OSError."""
        entries = (*self._entries, entry)
        await self._write_roster(entries)
        self._entries, self.roster = entries, roster

    async def put_grant(self, staff_id: bytes, epoch: int, grant: bytes) -> None:
        """Keep a grant; those of the same person below the head epoch go. Raises OSError."""
        head = self.roster.epoch.number if self.roster is not None else epoch
        kept = {
            key: value
            for key, value in self._grants.items()
            if key[0] != staff_id or key[1] >= head
        }
        await self._write_grants({**kept, (staff_id, epoch): grant})

    async def drop_strangers(self) -> None:
        """Forget the grants of whoever is no longer a member. Raises OSError."""
        if self.roster is not None:
            kept = self._without_strangers(self._grants, self.roster)
            if kept != self._grants:
                await self._write_grants(kept)

    def _without_strangers(self, grants: Grants, roster: Roster) -> dict[tuple[bytes, int], bytes]:
        return {key: grant for key, grant in grants.items() if key[0] in roster.people}

    def _read_grants(self) -> dict[tuple[bytes, int], bytes]:
        """The grants; a file that cannot be read is one without grants: colleagues give them anew.

        A person without a grant is seen by everybody, a wrong one opens nothing.
        """
        try:
            packed = unpack(self._grants_path.read_bytes(), None)
            rows = [unpack(row, _GRANT_FIELDS) for row in packed]
        except (FileNotFoundError, Malformed):
            return {}
        return {(staff_id, number_of(epoch)): grant for staff_id, epoch, grant in rows}

    async def _write_roster(self, entries: Sequence[bytes]) -> None:
        await asyncio.to_thread(
            rewrite, self._roster_path, pack(*entries), ROSTER_STEPS, self._disk, self._crash_at
        )

    async def _write_grants(self, grants: Grants) -> None:
        rows: Iterable[bytes] = (
            pack(staff_id, u32(epoch), grant) for (staff_id, epoch), grant in grants.items()
        )
        await asyncio.to_thread(
            rewrite, self._grants_path, pack(*rows), GRANTS_STEPS, self._disk, self._crash_at
        )
        self._grants = dict(grants)
