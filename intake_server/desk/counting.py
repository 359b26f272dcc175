"""Decisions on their way into the counters: a week of them together, kept in memory until then.

So two backups, subtracted, show the sum of a week or more and no day (docs/decisions/0025). A
restart loses what was not stored yet; that is the price. Nothing wakes up to store: what was held
is stored when somebody decides something in a later week.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from intake_server import learning_work
from intake_server.clock import Clock
from triage.learning import KnownRules
from vault.engine import Database
from vault.indicator_counters import Decision

MOST_HELD: Final = 10_000
"""Kinds of decisions held at once; beyond it only those held already are counted."""

_DAY: Final = 24 * 60 * 60
_TO_MONDAY: Final = 3  # 1 January 1970 was a Thursday


class Counting:
    """Holds decisions about rules that are known, and stores a week's when it is over."""

    def __init__(self, known: KnownRules, database: Database, clock: Clock) -> None:
        self._known = known
        self._database = database
        self._clock = clock
        self._held: Counter[Decision] = Counter()
        self._week = 0

    async def take(self, decisions: Iterable[Decision]) -> None:
        """Hold these; one about a rule or category that does not run here is passed over.

        Raises DatabaseFailed; then nothing of this is held, and what was held stays.
        """
        now = self._clock.unix()
        week = week_of(now)
        if self._held and week != self._week:
            await self._store(now)
        self._week = week
        for one in decisions:
            has_room = len(self._held) < MOST_HELD or one in self._held
            if has_room and self._known.knows(one.rule, one.verdict):
                self._held[one] += 1

    async def _store(self, now: int) -> None:
        held, self._held = self._held, Counter()
        try:
            await learning_work.count(self._database, held, self._known, now)
        except BaseException:
            self._held.update(held)
            raise


def week_of(seconds: int) -> int:
    """Weeks since 1970, each from Monday to Sunday (UTC)."""
    return (seconds // _DAY + _TO_MONDAY) // 7
