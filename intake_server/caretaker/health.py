"""What the caretaker says about itself: alarms that a person must look at, and counts."""

from collections.abc import Callable, Mapping
from enum import StrEnum, unique
from typing import Final

SWEEP_LATE: Final = 25 * 60.0  # seconds; two runs were missed
CHECKPOINT_LATE: Final = 15 * 60.0


@unique
class Alarm(StrEnum):
    """Each is a constant word; `havenline status` and the desk put it into a sentence."""

    KEEPER_DOWN = "keeper_down"
    CLOCK_IN_DOUBT = "clock_in_doubt"
    DATABASE_FAILED = "database_failed"
    DATABASE_IS_OLD = "database_is_old"
    OTHER_DATABASE = "other_database"
    SWEEP_LATE = "sweep_late"
    CHECKPOINT_LATE = "checkpoint_late"
    ORPHANS_WAIT = "orphans_wait"
    OWN_RULES_REFUSED = "own_rules_refused"
    WAITING_A_DAY = "waiting_a_day"


class Health:
    """The caretaker's state, told to whoever asks; `now` never goes back, in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._alarms: set[Alarm] = set()
        self._swept = now()
        self._checkpointed = now()
        self.screened = 0
        self.refused_busy = 0
        self.own_rules_refused: Mapping[str, str] = {}
        """Own rule files that are not used, each with its reason; no word of them."""

    def set(self, alarm: Alarm, *, to: bool) -> None:
        """Raise an alarm or end it."""
        if to:
            self._alarms.add(alarm)
        else:
            self._alarms.discard(alarm)

    def swept(self) -> None:
        """Note a sweep that did all it had to."""
        self._swept = self._now()

    def checkpointed(self) -> None:
        """Note that nothing deleted is left in the database's log."""
        self._checkpointed = self._now()

    def report(self) -> dict[str, object]:
        """What the health socket answers."""
        now = self._now()
        alarms = set(self._alarms)
        if now - self._swept > SWEEP_LATE:
            alarms.add(Alarm.SWEEP_LATE)
        if now - self._checkpointed > CHECKPOINT_LATE:
            alarms.add(Alarm.CHECKPOINT_LATE)
        refused = [{"file": f, "reason": why} for f, why in self.own_rules_refused.items()]
        return {
            "ok": not alarms,
            "age_seconds": int(now - self._swept),
            "alarms": sorted(alarms),
            "screened": self.screened,
            "not_screened": self.refused_busy,
            **({"own_rules_refused": refused} if refused else {}),
        }
