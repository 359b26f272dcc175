"""When somebody is on duty: the hours that an organisation says it answers in.

Hours are weekly and local: "mon-fri 09:00-17:00". A span may end after midnight ("sat
22:00-02:00"); spans may touch and overlap. Where the clock is put forward or back, a span begins
and ends at its times on the wall, whatever lies between (PEP 495: of a time that comes twice the
first is meant).

The client page says what follows from the hours and nothing more: they are a promise of the
organisation, not an observation.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

__all__ = ["DAYS", "DutyError", "DutyHours", "Standing"]

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_WEEK: Final = len(DAYS)
_SPAN: Final = re.compile(
    r"(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))? "
    r"(?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d)"
)
_MIDNIGHT: Final = "24:00"


class DutyError(ValueError):
    """Hours that cannot be read; the text says how to write them."""

    def __init__(self, written: str) -> None:
        super().__init__(
            f'"{written}" are no hours of duty; write days and times such as '
            '"mon-fri 09:00-17:00" or "sat 22:00-02:00"'
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether somebody is on duty; `changes` is when that ends or begins, None for never."""

    on_duty: bool
    changes: datetime | None


@dataclass(frozen=True, slots=True)
class _Span:
    """One span of one weekday (0 is Monday); it ends on the next day where `over` is set."""

    day: int
    start: time
    end: time
    over: bool


@dataclass(frozen=True, slots=True)
class DutyHours:
    """Weekly hours in one time zone. Make them with `DutyHours.read`."""

    spans: tuple[_Span, ...]
    zone: tzinfo

    @staticmethod
    def read(written: Sequence[str], zone: tzinfo) -> "DutyHours":
        """The hours that these lines say; raises DutyError."""
        return DutyHours(tuple(span for line in written for span in _spans(line)), zone)

    def standing(self, now: datetime) -> Standing:
        """Whether somebody is on duty at `now`, an aware time, and until when that holds."""
        ahead = sorted(self._around(now))
        until = now
        for start, end in ahead:
            if start <= until < end:
                until = end
        if until > now:
            whole_week = until - now > timedelta(days=_WEEK)
            return Standing(on_duty=True, changes=None if whole_week else until)
        return Standing(on_duty=False, changes=min((s for s, _ in ahead if s > now), default=None))

    def _around(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Every span from yesterday to eight days ahead, as moments in UTC."""
        today = now.astimezone(self.zone).date()
        for ahead in range(-1, _WEEK + 2):
            day = today + timedelta(days=ahead)
            for span in self.spans:
                if span.day == day.weekday():
                    last = day + timedelta(days=span.over)
                    yield self._moment(day, span.start), self._moment(last, span.end)

    def _moment(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, self.zone).astimezone(UTC)


def _spans(line: str) -> Iterable[_Span]:
    found = _SPAN.fullmatch(" ".join(line.lower().split()))
    if found is None:
        raise DutyError(line)
    try:
        first = DAYS.index(found["first"])
        last = DAYS.index(found["last"] or found["first"])
        start = time.fromisoformat(found["start"])
        is_midnight = found["end"] == _MIDNIGHT
        end = time() if is_midnight else time.fromisoformat(found["end"])
    except ValueError:
        raise DutyError(line) from None
    if start == end and not is_midnight:
        raise DutyError(line)
    days = range(first, last + 1 if first <= last else last + 1 + _WEEK)
    return [_Span(day % _WEEK, start, end, over=end <= start) for day in days]
