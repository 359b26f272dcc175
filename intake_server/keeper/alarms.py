"""What a person must look at; shown by `havenline status` until it is over."""

from __future__ import annotations

from enum import StrEnum

from intake_server.clock import Clock
from intake_server.keeper.logs import KeeperLog


class Alarm(StrEnum):
    """Why somebody should look."""

    RECORDS_DAMAGED = "records_damaged"  # in both files; they are free now
    FILE_WAS_MISSING = "file_was_missing"  # slot file or twin, made again from the other
    SLOTS_FILLING = "slots_filling"  # more than four fifths are used
    CLOCK_IN_DOUBT = "clock_in_doubt"
    COURIER_KEYS = "courier_has_other_keys"
    CARETAKER_KEYS = "caretaker_has_other_keys"
    TOO_MANY_ORPHANS = "too_many_orphans"
    DATABASE_IS_OLD = "database_is_old"
    OTHER_DATABASE = "database_of_another_pairing"
    ROWS_MISSING = "rows_missing"  # of a conversation that somebody has opened
    MIRROR_LATE = "mirror_late"  # no whole mirror for two hours
    DISK_REFUSED = "disk_refused"
    RECOVERY_USED = "recovery_used"  # somebody came in with the shares on paper


class Alarms:
    """Which alarms stand, and since when (seconds since 1970)."""

    def __init__(self, clock: Clock, log: KeeperLog) -> None:
        self._clock = clock
        self._log = log
        self._since: dict[Alarm, int] = {}

    def raise_(self, alarm: Alarm) -> None:
        """Let it stand; it is logged when it is new."""
        if alarm not in self._since:
            self._since[alarm] = self._clock.unix()
            self._log.warning("alarm_raised", reason=alarm.value)

    def end(self, *alarms: Alarm) -> None:
        """It is over."""
        for alarm in alarms:
            if self._since.pop(alarm, None) is not None:
                self._log.info("alarm_ended", reason=alarm.value)

    def standing(self) -> dict[str, int]:
        """Every alarm that stands with the second it was raised in."""
        return {alarm.value: since for alarm, since in self._since.items()}
