"""Times and periods in words, as CLDR writes them in each language.

Times are shown in the hotline's time zone, and the zone's city is named beside a time of day, since
nobody knows where the reader's clock stands.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import (
    format_datetime,
    format_skeleton,
    format_time,
    get_timezone_location,
)
from babel.numbers import format_decimal
from babel.units import format_unit

from intake_server.languages import Language

_DAY_HOURS: Final = 24
# A language without a country would be written as in its largest one: "December 5" for English;
# Serbian stands in the letters of its texts.
_LOCALES: Final = {"en": "en_GB", "sr": "sr_Latn"}


@dataclass(frozen=True, slots=True)
class Dates:
    """Writes times for one language and one time zone."""

    locale: Locale
    zone: ZoneInfo

    def day(self, at: datetime) -> str:
        """5 December."""
        return format_skeleton("MMMMd", at, tzinfo=self.zone, locale=self.locale)

    def moment(self, at: datetime) -> str:
        """21 November, 14:32 (Berlin)."""
        return f"{self.day(at)}, {self.time(at)} ({self.city})"

    def clock(self, at: datetime) -> str:
        """15:10 (Berlin)."""
        return f"{self.time(at)} ({self.city})"

    def weekday(self, at: datetime) -> str:
        """Monday."""
        return format_datetime(at, "EEEE", tzinfo=self.zone, locale=self.locale)

    def is_today(self, at: datetime, now: datetime) -> bool:
        """Whether `at` falls on the same day as `now`, here."""
        return self.local_day(at) == self.local_day(now)

    def period(self, hours: int) -> str:
        """14 days, or 36 hours where it is no whole number of days."""
        if hours % _DAY_HOURS:
            return format_unit(hours, "duration-hour", length="long", locale=self.locale)
        return format_unit(hours // _DAY_HOURS, "duration-day", length="long", locale=self.locale)

    def minutes(self, number: int) -> str:
        """10 minutes."""
        return format_unit(number, "duration-minute", length="long", locale=self.locale)

    def number(self, number: int) -> str:
        """1,200."""
        return format_decimal(number, locale=self.locale)

    @property
    def city(self) -> str:
        """The city by which the time zone is known."""
        return get_timezone_location(self.zone, locale=self.locale, return_city=True)

    def time(self, at: datetime) -> str:
        """15:10."""
        return format_time(at, format="short", tzinfo=self.zone, locale=self.locale)

    def local_day(self, at: datetime) -> date:
        """The day that `at` falls on, here."""
        return at.astimezone(self.zone).date()

    def end_of(self, day: date) -> datetime:
        """The last whole hour of a day here, in UTC."""
        return datetime.combine(day, time(23), self.zone).astimezone(UTC)


def dates_for(language: Language, zone: ZoneInfo) -> Dates:
    """The writer of times for `language`."""
    code = _LOCALES.get(language.code, language.code.replace("-", "_"))
    return Dates(Locale.parse(code), zone)
