"""The sweep: what the keeper has forgotten goes from the database, in the order that holds.

Theory of operation
-------------------
1.  The keeper frees what is due: slot and twin synced, the point of no return. Only then do rows
    go. A crash in between leaves rows that nothing opens; step 2 finds them.
2.  Every row whose slot does not live any more is deleted, whoever freed it and whenever: a
    client's erasure whose rows web could not delete, or what was forgotten after a backup.
3.  Orphans, slots of which the database knows nothing, are freed a day after their making, only
    with the current database, and never more than the keeper allows within a day.
4.  Attachments that never arrived whole go, old changes are pruned, free pages given back, and the
    log is emptied: only then are the bytes gone from the files. That is tried until it works, here
    and at the next run.
5.  Whatever became of these steps, it looks whether anybody has waited for an answer for a day:
    that is an alarm, for every urgency.
6.  Each step is a row of short transactions; a run that stops anywhere goes on at the next one.
    A clock in doubt pauses step 1 and 3 and nothing else.
"""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum, unique
from typing import Final

from structlog.typing import FilteringBoundLogger

from intake_server.caretaker.health import Alarm, Health
from intake_server.caretaker.work import Work
from intake_server.clock import Clock
from vault.conversations import Reference as Row
from vault.engine import DatabaseFailed
from vault.keeper_answers import Freed, Living
from vault.keeper_client import CaretakerKeeper, KeeperDown
from vault.keeper_protocol import ClockInDoubt, KeeperFailed, Reference, Refused

PAGE: Final = 512  # slots freed at once
ORPHAN_AGE: Final = 24 * 3600  # seconds, as the keeper has it
_DAY: Final = 24 * 3600.0
_ORPHANS_ALLOWED: Final = 10  # within a day, or one in a hundred of what lives: the keeper's rule
_ORPHAN_SHARE: Final = 100
_WAITS_AT_MOST: Final = 24 * 3600 - 15 * 60  # seconds; the next look may be the one after next
_CHECKPOINT_TRIES: Final = 20
_CHECKPOINT_PAUSE: Final = 0.25
_CONVERSATION: Final = 1  # kinds of records (docs/keeper.md, 1)


@unique
class Step(StrEnum):
    """Where a crash is tried."""

    FREED = "freed"
    ROWS_DELETED = "rows_deleted"


@unique
class Standing(IntEnum):
    """How the keeper says that the database stands (docs/keeper.md, 0x32)."""

    CURRENT = 0
    OLD = 1
    OTHER_PAIRING = 2


CrashAt = Callable[[Step], None]


def nowhere(_step: Step) -> None:
    """Do not crash."""


@dataclass(slots=True)
class Swept:
    """What one run did. `paused` and `failed` are constant words, or empty."""

    forgotten: int = 0  # conversations whose time was over
    addresses: int = 0  # messenger addresses whose time was over
    left_over: int = 0  # rows that nothing opened any more
    orphans: int = 0
    orphans_waiting: int = 0
    pages: int = 0  # given back to the file system
    emptied: bool = False  # nothing deleted is left in the database's log
    paused: str = ""
    failed: str = ""

    @property
    def complete(self) -> bool:
        """Whether it did all that it had to."""
        return self.emptied and not self.paused and not self.failed


@dataclass(slots=True)
class Sweep:
    """The run; one at a time."""

    keeper: CaretakerKeeper
    work: Work
    health: Health
    clock: Clock
    log: FilteringBoundLogger
    crash_at: CrashAt = nowhere
    _running: asyncio.Lock = field(default_factory=asyncio.Lock)
    _reporting: asyncio.Lock = field(default_factory=asyncio.Lock)
    _freed_orphans: deque[tuple[float, int]] = field(default_factory=deque)

    async def run(self) -> Swept:
        """Forget what is due; returns what was done. Never raises what keeper or database raise."""
        async with self._running:
            swept = Swept()
            try:
                await self._steps(swept)
            except (KeeperDown, KeeperFailed) as down:
                swept.failed = Alarm.KEEPER_DOWN
                self.log.warning("sweep_stopped", exc_info=down)
            except DatabaseFailed as failed:
                swept.failed = Alarm.DATABASE_FAILED
                self.log.warning("sweep_stopped", exc_info=failed)
            with contextlib.suppress(DatabaseFailed):  # the next run looks again
                await self._look_who_waits()
            self._tell(swept)
            return swept

    async def rest(self) -> None:
        """Return when no run is under way."""
        async with self._running:
            return

    async def _steps(self, swept: Swept) -> None:
        standing = await self.report_counter()
        if standing is Standing.OTHER_PAIRING:
            swept.paused = Alarm.OTHER_DATABASE  # nothing here tells what lives in this database
            return
        try:
            await self._forget_due(swept)
        except ClockInDoubt:
            swept.paused = Alarm.CLOCK_IN_DOUBT
        await self._delete_left_over(swept)
        if standing is Standing.CURRENT and not swept.paused:
            await self._free_orphans(swept)
        await self.work.delete_stale_attachments(self.clock.unix())
        await self.work.prune_changes(self.clock.unix())
        swept.pages = await self.work.database.vacuum()
        swept.emptied = await self._empty_log()

    async def _look_who_waits(self) -> None:
        """No conversation waits longer than a day without an alarm."""
        before = self.clock.unix() - _WAITS_AT_MOST
        self.health.set(Alarm.WAITING_A_DAY, to=await self.work.waits_since_before(before))

    def _tell(self, swept: Swept) -> None:
        health = self.health
        health.set(Alarm.CLOCK_IN_DOUBT, to=swept.paused == Alarm.CLOCK_IN_DOUBT)
        health.set(Alarm.DATABASE_FAILED, to=swept.failed == Alarm.DATABASE_FAILED)
        health.set(Alarm.ORPHANS_WAIT, to=swept.orphans_waiting > 0)
        if swept.complete:
            health.swept()
        if swept.emptied:
            health.checkpointed()
        self.log.info("sweep_done", count=swept.forgotten + swept.left_over, state=_state_of(swept))

    # --- the commit counter ---------------------------------------------------------------

    async def report_counter(self) -> Standing:
        """Tell the keeper how far the database is; how it stands.

        One at a time, so that no earlier answer hides a later one. Raises KeeperDown,
        DatabaseFailed.
        """
        async with self._reporting:
            there = await self.work.meta()
            if there.pairing is None:
                return Standing.OTHER_PAIRING
            answer = await self.keeper.report_counter(there.pairing, there.commit_counter)
            standing = Standing(answer)
            self.health.set(Alarm.OTHER_DATABASE, to=standing is Standing.OTHER_PAIRING)
            self.health.set(Alarm.DATABASE_IS_OLD, to=standing is Standing.OLD)
            return standing

    # --- step 1 ---------------------------------------------------------------------------

    async def _forget_due(self, swept: Swept) -> None:
        has_more = True
        while has_more:
            freed, has_more = await self.keeper.forget_due(PAGE)
            self.crash_at(Step.FREED)
            await self._delete(freed)
            swept.forgotten += sum(one.kind == _CONVERSATION for one in freed)
            swept.addresses += sum(one.kind != _CONVERSATION for one in freed)
            self.crash_at(Step.ROWS_DELETED)
            if not freed:
                await asyncio.sleep(_CHECKPOINT_PAUSE)  # what remains is being written just now

    async def _delete(self, freed: Sequence[Freed]) -> None:
        conversations = [
            Row(one.conversation_id, one.reference.slot, one.reference.tag)
            for one in freed
            if one.kind == _CONVERSATION
        ]
        others = [one.reference for one in freed if one.kind != _CONVERSATION]
        await self.work.delete(conversations)
        await self.work.delete_addresses([(one.slot, one.tag) for one in others])

    # --- step 2 ---------------------------------------------------------------------------

    async def _delete_left_over(self, swept: Swept) -> None:
        after = b""
        while rows := await self.work.references(after):
            alive = await self.keeper.live([Reference(row.slot, row.tag) for row in rows])
            dead = [row for row, lives in zip(rows, alive, strict=True) if not lives]
            swept.left_over += (await self.work.delete(dead)).conversations
            after = rows[-1].id
        addresses = await self.work.addresses()
        alive = await self.keeper.live([Reference(*address) for address in addresses])
        gone = [address for address, lives in zip(addresses, alive, strict=True) if not lives]
        await self.work.delete_addresses(gone)

    # --- step 3 ---------------------------------------------------------------------------

    async def _free_orphans(self, swept: Swept) -> None:
        orphans, living = await self._orphans()
        now = self.clock.monotonic()
        while self._freed_orphans and now - self._freed_orphans[0][0] >= _DAY:
            self._freed_orphans.popleft()
        allowed = max(_ORPHANS_ALLOWED, living // _ORPHAN_SHARE)
        allowed -= sum(number for _, number in self._freed_orphans)
        # Some may be known to the keeper and stay: chosen by lot, they do not keep others waiting.
        chosen = random.sample(orphans, max(0, min(allowed, len(orphans))))
        if chosen:
            try:
                swept.orphans = await self.keeper.free_orphans(chosen)
            except Refused:
                self.log.warning("orphans_refused", count=len(chosen))
            self._freed_orphans.append((now, swept.orphans))
        swept.orphans_waiting = len(orphans) - swept.orphans

    async def _orphans(self) -> tuple[list[Reference], int]:
        """Slots older than a day of which the database knows nothing; how many conversations live.

        What is between its slot and its commit just now is younger than that.
        """
        oldest = self.clock.unix() - ORPHAN_AGE
        found: list[Reference] = []
        living, after, has_more = 0, None, True
        while has_more:
            page, has_more = await self.keeper.all_live(after)
            if not page:
                break
            after = page[-1].reference.slot
            conversations = [one for one in page if one.kind == _CONVERSATION]
            living += len(conversations)
            found += await self._unknown([one for one in conversations if _made(one) <= oldest])
        return found, living

    async def _unknown(self, living: Sequence[Living]) -> list[Reference]:
        there = await self.work.existing([one.conversation_id for one in living])
        return [one.reference for one in living if one.conversation_id not in there]

    # --- step 4 ---------------------------------------------------------------------------

    async def _empty_log(self) -> bool:
        for _ in range(_CHECKPOINT_TRIES):
            if await self.work.database.checkpoint():
                return True
            await asyncio.sleep(_CHECKPOINT_PAUSE)
        return False


def _made(one: Living) -> int:
    """When it was made, in seconds; the record has minutes, rounded up."""
    return one.created * 60


def _state_of(swept: Swept) -> str:
    return swept.failed or swept.paused or ("complete" if swept.emptied else "log_not_emptied")
