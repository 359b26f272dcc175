"""When messages may come to a client: hours of the day that the client chose.

Outside them somebody else may hold the phone. Both ends are minutes of the day in one time zone;
where the end is not after the beginning, the hours go past midnight. Nothing here decides that a
message is urgent enough: only the client changes the hours.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

__all__ = ["SafeHours", "opens_at", "read_hours"]

_MINUTES_A_DAY: Final = 24 * 60
_TIME: Final = re.compile(r"(\d{1,2})(?:[:.h](\d{2}))?")
_HOURS: Final = re.compile(rf"{_TIME.pattern}\s*(?:-|\u2013|\u2014|\s)\s*{_TIME.pattern}")
_LAST_HOUR: Final = 24


@dataclass(frozen=True, slots=True)
class SafeHours:
    """From `begin` to before `end`, minutes since midnight; past midnight where end < begin."""

    begin: int
    end: int

    def __str__(self) -> str:
        """As they are kept and shown: "18:00-22:30"."""
        return f"{_shown(self.begin)}-{_shown(self.end)}"

    def holds(self, minute: int) -> bool:
        """Whether a message may come in this minute of the day."""
        if self.begin < self.end:
            return self.begin <= minute < self.end
        return minute >= self.begin or minute < self.end


def read_hours(text: str) -> SafeHours | None:
    """Return the hours that a text names, like "18-22" or "18:00 - 6:30"; None for anything else.

    Digits of every script count. Hours that begin when they end would be none or all: not taken.
    """
    digits = (str(unicodedata.digit(sign, sign)) for sign in unicodedata.normalize("NFKC", text))
    found = _HOURS.fullmatch("".join(digits).strip())
    if found is None:
        return None
    begin, end = (_minute(found[1], found[2]), _minute(found[3], found[4]))
    if begin is None or end is None or begin % _MINUTES_A_DAY == end % _MINUTES_A_DAY:
        return None
    return SafeHours(begin % _MINUTES_A_DAY, end % _MINUTES_A_DAY)


def opens_at(hours: SafeHours, now: int, zone: tzinfo) -> int | None:
    """Return when the next safe hours begin (seconds since 1970); None where it is safe now.

    On the day of a clock change the wall clock of `zone` counts: what the client sees.
    """
    here = datetime.fromtimestamp(now, zone)
    minute = here.hour * 60 + here.minute
    if hours.holds(minute):
        return None
    day = here.date() + timedelta(days=1 if minute >= hours.begin else 0)
    begin = datetime(day.year, day.month, day.day, hours.begin // 60, hours.begin % 60, tzinfo=zone)
    return max(int(begin.astimezone(UTC).timestamp()), now + 60)


def _minute(hour: str, minute: str | None) -> int | None:
    """Return a time as minutes since midnight; 24:00 is the day's end."""
    whole, part = int(hour), int(minute or 0)
    if whole > _LAST_HOUR or part > 59 or (whole == _LAST_HOUR and part):  # noqa: PLR2004  # minutes of an hour
        return None
    return whole * 60 + part


def _shown(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
