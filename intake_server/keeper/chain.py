"""Roster and grants on the keeper's disk: each file rewritten whole, verified when it is read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from vault.keeper_protocol import MAX_ROSTER_ANSWER, number_of, u8, u32
from vault.roster import EntryType, Role, Roster, RosterError, read_entry, verify_chain
from vault.sealing import Malformed, pack, unpack
from vault.slot_files import GRANTS_STEPS, ROSTER_STEPS, CrashAt, Disk, remove, rewrite

ROSTER_NAME: Final = "roster.bin"
GRANTS_NAME: Final = "grants.bin"
_GRANT_FIELDS: Final = 6


@dataclass(frozen=True, slots=True)
class Grant:
    """A team key sealed to a member's key, by whom, and whether its epoch has yet to begin."""

    staff_id: bytes = field(repr=False)
    epoch: int
    granter_id: bytes = field(repr=False)
    box_key: bytes = field(repr=False)
    is_early: bool
    sealed: bytes = field(repr=False)

    @property
    def packed(self) -> bytes:
        """As it stands in the file."""
        return pack(
            self.staff_id,
            u32(self.epoch),
            self.granter_id,
            self.box_key,
            u8(self.is_early),
            self.sealed,
        )


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
        self._grants: tuple[Grant, ...] = ()
        self.roster: Roster | None = None
        self.changing = asyncio.Lock()  # held from reading the roster to having written the next

    def load(self, root: bytes, number: int, head: bytes) -> None:
        """Read both files from before.

        The chain must begin at this root fingerprint, and its entry of this number must have this
        hash: what was pinned. Raises DamagedRoster.
        """
        try:
            entries = unpack(self._roster_path.read_bytes(), None)
            roster = _pinned(verify_chain(entries, fingerprint=root), number, head)
        except (FileNotFoundError, Malformed, RosterError) as why:
            raise DamagedRoster(
                f"{self._roster_path} cannot be used ({why}). Put its last good copy back: without "
                "the roster nobody can sign in"
            ) from None
        self._entries, self.roster = entries, roster
        self._grants = self._read_grants()

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
        own = [each for each in self._grants if each.staff_id == staff_id]
        return [each.sealed for each in sorted(own, key=lambda each: each.epoch)]

    def holders(self) -> dict[bytes, int]:
        """The newest epoch that has begun for which each person has a grant."""
        newest: dict[bytes, int] = {}
        for each in self._grants:
            if not each.is_early:
                newest[each.staff_id] = max(each.epoch, newest.get(each.staff_id, 0))
        return newest

    def keeps_a_holder(self, roster: Roster) -> bool:
        """Whether somebody still opens today's team key under `roster`, if anybody does now.

        A member on paper counts: they are named only once their sheets were read back. Who alone
        holds what they began themself can be removed while others hold the key before it.
        """
        now = self.roster
        if now is None:
            return True
        held = [each for each in self._begun(now) if each.epoch == now.epoch.number]
        alone = {each.staff_id for each in held}
        return (
            not held
            or any(_is_members(each, roster) for each in held)
            or (alone <= roster.removed and self._is_held_before(alone, roster))
        )

    def is_given_to_all(self, beginner_id: bytes) -> bool:
        """Whether who begins the next epoch has given it to everybody who was given one before.

        A grant may be worth nothing, only its receiver sees that; but whoever was given one counts
        as a holder, so that the beginner can be removed.
        """
        now = self.roster
        if now is None:
            return False
        given = {
            each.staff_id
            for each in self._grants
            if each.is_early
            and (each.epoch, each.granter_id) == (now.epoch.number + 1, beginner_id)
            and _is_members(each, now)
        }
        return {each.staff_id for each in self._begun(now)} <= given

    def _begun(self, roster: Roster) -> list[Grant]:
        """The members' grants of epochs that have begun."""
        return [each for each in self._grants if not each.is_early and _is_members(each, roster)]

    def _is_held_before(self, alone: set[bytes], roster: Roster) -> bool:
        """Whether a member has a key from just before this one person began those up to today's.

        Only the conversations of those epochs are lost with them, and nobody else can read these.
        """
        beginners = self._beginners()
        before = head = max(beginners)
        while before > 1 and alone == {beginners[before]}:
            before -= 1
        return any(before <= each.epoch < head for each in self._begun(roster))

    def ends_with(self, entry: bytes) -> bool:
        """Whether this is the last entry: a request that is repeated gets the same answer."""
        return self._entries[-1:] == (entry,)

    def verified_with(self, entry: bytes) -> Roster:
        """The roster with one more entry, the whole chain verified anew; raises RosterError."""
        return verify_chain((*self._entries, entry))

    async def found(self, entry: bytes, grant: bytes) -> None:
        """Write a chain of one entry and its person's grant of epoch 1. Raises OSError.

        They count once the root is pinned and they are loaded.
        """
        person = verify_chain((entry,)).founding.person
        await self._write_roster((entry,))
        own = person.staff_id
        await self._write_grants((Grant(own, 1, own, person.box_key, False, grant),))  # noqa: FBT003 -- not early: epoch 1 begins with this

    async def append(self, entry: bytes, roster: Roster) -> None:
        """Write one more entry and take `roster`, which was verified with it. Raises OSError."""
        entries = (*self._entries, entry)
        await self._write_roster(entries)
        self._entries, self.roster = entries, roster

    async def put_grant(self, new: Grant) -> None:
        """Keep a grant in place of those it makes needless. Raises OSError.

        One of the head epoch does so for those that have begun, one of the next for those of the
        next; but each only for the same granter's, so that nobody puts a worthless one in the
        place of another's.
        """

        def is_needless(old: Grant) -> bool:
            is_same = old.granter_id == new.granter_id
            return old.staff_id == new.staff_id and old.is_early == new.is_early and is_same

        kept = (each for each in self._grants if not is_needless(each))
        await self._write_grants((*kept, new))

    async def tidy_grants(self) -> None:
        """Forget grants that are nobody's any more. Raises OSError.

        What was put before an epoch began counts from its beginning, if who began it had put it.
        """
        if self.roster is not None:
            beginners = self._beginners()
            kept = tuple(
                replace(each, is_early=each.epoch not in beginners)
                for each in self._grants
                if _is_members(each, self.roster)
                and not (
                    each.is_early and beginners.get(each.epoch, each.granter_id) != each.granter_id
                )
            )
            if kept != self._grants:
                await self._write_grants(kept)

    def _beginners(self) -> dict[int, bytes]:
        """Who signed each epoch's beginning; the first one's is the root."""
        entries = map(read_entry, self._entries)
        signers = [each.signer_id for each in entries if each.type is EntryType.EPOCH]
        first = b"" if self.roster is None else self.roster.founding.person.staff_id
        return dict(enumerate([first, *signers], 1))

    def _read_grants(self) -> tuple[Grant, ...]:
        """The grants; a file that cannot be read is one without grants: colleagues give them anew.

        A person without a grant is seen by everybody, a wrong one opens nothing.
        """
        try:
            packed = unpack(self._grants_path.read_bytes(), None)
            return tuple(_grant(row) for row in packed)
        except (FileNotFoundError, Malformed):
            return ()

    async def _write_roster(self, entries: Sequence[bytes]) -> None:
        await asyncio.to_thread(
            rewrite, self._roster_path, pack(*entries), ROSTER_STEPS, self._disk, self._crash_at
        )

    async def _write_grants(self, grants: Iterable[Grant]) -> None:
        written = tuple(grants)
        data = pack(*(each.packed for each in written))
        await asyncio.to_thread(
            rewrite, self._grants_path, data, GRANTS_STEPS, self._disk, self._crash_at
        )
        self._grants = written


def _pinned(roster: Roster, number: int, head: bytes) -> Roster:
    """The roster, if it holds the pinned entry at its place; raises RosterError."""
    if roster.number < number or (number and roster.hashes[number - 1] != head):
        raise RosterError("it is an older one, or another")
    return roster


def _grant(row: bytes) -> Grant:
    """One row of the file; raises Malformed."""
    staff_id, epoch, granter_id, box_key, early, sealed = unpack(row, _GRANT_FIELDS)
    return Grant(staff_id, number_of(epoch), granter_id, box_key, early == b"\x01", sealed)


def _is_members(grant: Grant, roster: Roster) -> bool:
    """Whether it was sealed to the key of somebody who is a counsellor now."""
    person = roster.people.get(grant.staff_id)
    return (
        person is not None and Role.COUNSELLOR in person.roles and person.box_key == grant.box_key
    )
