"""Times and periods in words, as CLDR writes them in each language.

Times are shown in the hotline's time zone, and the zone's city is named beside a time of day, since
nobody knows where the reader's clock stands. Digits are 0 to 9 and hours 0 to 23 in every language,
as in phrases and telephone numbers. Code in the browser gets the same words for days: browsers know
fewer languages than this page.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale, localedata
from babel.dates import format_date, format_skeleton, get_timezone_location
from babel.numbers import format_decimal

from intake_server.languages import Language
from intake_server.web.periods import period_of

_DAY_HOURS: Final = 24
_MONTHS: Final = range(1, 13)
_SAMPLE: Final = 22  # a day that is no other number in a date
# A language without a country would be written as in its largest one: "December 5" for English;
# Serbian stands in the letters of its texts.
_LOCALES: Final = {"en": "en_GB", "sr": "sr_Latn"}


@dataclass(frozen=True, slots=True)
class Dates:
    """Writes times for one language and one time zone.

    `days` are the twelve forms of a day and month, with {day} for the number; `weekdays` begin with
    Monday; `city` is the one by which the zone is known; `comma` parts thousands.
    """

    language: str
    zone: ZoneInfo
    days: tuple[str, ...]
    weekdays: tuple[str, ...]
    city: str
    comma: str
    plural: Callable[[int], str] = field(repr=False)

    def day(self, at: datetime) -> str:
        """5 December."""
        here = self.local_day(at)
        return self.days[here.month - 1].format(day=here.day)

    def moment(self, at: datetime) -> str:
        """21 November, 14:32 (Berlin)."""
        return f"{self.day(at)}, {self.time(at)} ({self.city})"

    def clock(self, at: datetime) -> str:
        """15:10 (Berlin)."""
        return f"{self.time(at)} ({self.city})"

    def weekday(self, at: datetime) -> str:
        """Monday."""
        return self.weekdays[self.local_day(at).weekday()]

    def is_today(self, at: datetime, now: datetime) -> bool:
        """Whether `at` falls on the same day as `now`, here."""
        return self.local_day(at) == self.local_day(now)

    def period(self, hours: int) -> str:
        """14 days, or 36 hours where it is no whole number of days."""
        if hours % _DAY_HOURS:
            return period_of(hours, "hour", self.language, self.plural)
        return period_of(hours // _DAY_HOURS, "day", self.language, self.plural)

    def minutes(self, number: int) -> str:
        """10 minutes."""
        return period_of(number, "minute", self.language, self.plural)

    def number(self, number: int) -> str:
        """1,200."""
        return f"{number:,}".replace(",", self.comma)

    def time(self, at: datetime) -> str:
        """15:10."""
        return f"{at.astimezone(self.zone):%H:%M}"

    def local_day(self, at: datetime) -> date:
        """The day that `at` falls on, here."""
        return at.astimezone(self.zone).date()

    def end_of(self, day: date) -> datetime:
        """The last whole hour of a day here, in UTC."""
        return datetime.combine(day, time(23), self.zone).astimezone(UTC)


def dates_for(language: Language, zone: ZoneInfo) -> Dates:
    """The writer of times for `language`. It reads what it needs out of Babel once."""
    code = _LOCALES.get(language.code, language.code.replace("-", "_"))
    locale = Locale.parse(code)
    samples = [date(2026, month, _SAMPLE) for month in _MONTHS]
    dates = Dates(
        language.code,
        zone,
        tuple(
            format_skeleton("MMMMd", one, locale=locale).replace(str(_SAMPLE), "{day}")
            for one in samples
        ),
        tuple(format_date(date(2026, 6, day), "EEEE", locale=locale) for day in range(1, 8)),
        get_timezone_location(zone, locale=locale, return_city=True),
        format_decimal(11_111, locale=locale).strip("1"),
        locale.plural_form,
    )
    # Babel keeps a megabyte of each language that it was ever asked for.
    localedata._cache.clear()  # noqa: SLF001  # it has no other way to let go
    gc.collect()
    return dates
