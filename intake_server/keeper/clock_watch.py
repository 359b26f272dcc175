"""Whether the clock can be believed: forgetting by time depends on it (docs/keeper.md, 5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from intake_server.clock import Clock
from intake_server.keeper.alarms import Alarm, Alarms
from vault.slot_records import Header
from vault.slots import Slots

BEHIND_ALLOWED: Final = 60
LONGEST_GAP: Final = 48 * 3600
LARGEST_JUMP: Final = 3600


class ClockBehind(Exception):
    """The clock stands before a time that this keeper has already recorded."""


def check_at_start(header: Header, now: int) -> bool:
    """Whether the gap since the last run puts the clock in doubt; raises ClockBehind."""
    behind = header.last_time - now
    if behind > BEHIND_ALLOWED:
        raise ClockBehind(
            f"the clock stands {behind} seconds before the last time that was recorded. "
            "Set the clock right and start again; nothing is forgotten meanwhile"
        )
    return -behind > LONGEST_GAP


class ClockWatch:
    """Compares wall clock and monotonic clock, and records the time.

    From look to look a jump is seen; since the start, or since the operator last said that the
    clock is right, a clock that creeps away.
    """

    def __init__(self, clock: Clock, slots: Slots, alarms: Alarms, *, is_in_doubt: bool) -> None:
        self._clock = clock
        self._slots = slots
        self._alarms = alarms
        self._seen = self._trusted = (clock.unix(), clock.monotonic())
        self.is_in_doubt = False
        if is_in_doubt:
            self._doubt()

    def look(self) -> None:
        """Put the clock in doubt if both clocks have gone apart by more than an hour."""
        now = self._both()
        jump, crept = _apart(self._seen, now), _apart(self._trusted, now)
        self._seen = now
        if max(jump, crept) > LARGEST_JUMP:
            self._doubt()

    async def record(self) -> None:
        """Look, and write the time into the header; while in doubt, only the doubt.

        Raises DiskRefused.
        """
        self.look()
        await self._write()

    async def trust(self) -> None:
        """The operator says that the clock is right. Raises DiskRefused; then the doubt stays."""
        self._seen = now = self._both()
        await self._slots.write({}, lambda h: replace(h, last_time=now[0], is_in_doubt=False))
        self._trusted = now
        self.is_in_doubt = False
        self._alarms.end(Alarm.CLOCK_IN_DOUBT)

    async def _write(self) -> None:
        if self.is_in_doubt:
            await self._slots.write({}, lambda header: replace(header, is_in_doubt=True))
        else:
            now = self._clock.unix()
            await self._slots.write({}, lambda header: replace(header, last_time=now))
        self._alarms.end(Alarm.DISK_REFUSED)

    def _both(self) -> tuple[int, float]:
        return self._clock.unix(), self._clock.monotonic()

    def _doubt(self) -> None:
        self.is_in_doubt = True
        self._alarms.raise_(Alarm.CLOCK_IN_DOUBT)


def _apart(before: tuple[int, float], now: tuple[int, float]) -> float:
    """By how many seconds wall clock and monotonic clock have gone apart between two looks."""
    return abs((now[0] - before[0]) - (now[1] - before[1]))
