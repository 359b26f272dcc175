"""What the client page says about who is on duty, in one language and at one moment.

With no hours in the settings it says nothing of them: no claim is better than a wrong one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from intake_server.languages import Language
from intake_server.web.dates import Dates
from triage.duty import Standing

_SOON = timedelta(days=6)  # within it a weekday's name is enough


@dataclass(frozen=True, slots=True)
class Helper:
    """Somebody else who can be called, from the organisation's signposts."""

    name: str
    telephone: str


@dataclass(frozen=True, slots=True)
class DutyWords:
    """The sentences; empty where nothing is to be said."""

    line: str = ""
    wait: str = ""
    unreached: str = ""
    no_answer: str = ""


def duty_words(
    standing: Standing | None,
    language: Language,
    dates: Dates,
    now: datetime,
    emergency: str,
    helper: Helper | None,
    wait_hours: int | None = None,
) -> DutyWords:
    """The sentences for this moment.

    `standing` is None where no hours are set; `wait_hours`, within which people are usually
    answered, where too few were.
    """
    t = language.text
    later, nothing_new = t("c18.wait_unmeasured"), t("c32.no_new_answer")
    here = t("c04.here")
    if wait_hours is not None:
        estimate = dates.period(wait_hours)
        later, here = (
            t("c18.wait", estimate=estimate),
            t("c04.here_with_estimate", estimate=estimate),
        )
    if standing is None:
        return DutyWords(wait=later, no_answer=nothing_new)
    if standing.on_duty:
        return DutyWords(line=here, wait=later, no_answer=nothing_new)
    if standing.changes is None:
        return DutyWords(wait=later, no_answer=nothing_new)
    back = _back(standing.changes, language, dates, now)
    if helper is None:
        unreached = t("c18.danger_unreached", time=back, number=emergency)
    else:
        unreached = t(
            "c18.danger_unreached_helper",
            time=back,
            number=emergency,
            helper=helper.name,
            helper_number=helper.telephone,
        )
    return DutyWords(
        line=t("c04.nobody_here", time=back),
        wait=t("c18.wait_off_duty", time=back),
        unreached=unreached,
        no_answer=f"{nothing_new} {t('c32.back_at', time=back)}",
    )


def _back(at: datetime, language: Language, dates: Dates, now: datetime) -> str:
    clock, city = dates.time(at), dates.city
    days = (dates.local_day(at) - dates.local_day(now)).days
    if days == 0:
        return language.text("c04.time_today", time=clock, city=city)
    if days == 1:
        return language.text("c04.time_tomorrow", time=clock, city=city)
    day = dates.weekday(at) if at - now < _SOON else dates.day(at)
    return language.text("c04.time_later", date=day, time=clock, city=city)
