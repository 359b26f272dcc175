"""Transactions on what counsellors decided about findings: counting, and the report."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from triage.learning import KnownRules, Report, report
from vault import counts, indicator_counters
from vault.engine import Connection, Database
from vault.indicator_counters import Decision

REPORT_MONTHS: Final = 12
_UNKNOWN: Final = "und"  # as findings say it (triage.screening.findings), which desk does not load


async def count(
    database: Database, held: Mapping[Decision, int], known: KnownRules, now: int
) -> None:
    """Count decisions, each so many times, those in rare languages together.

    Raises DatabaseFailed.
    """
    await database.write(lambda c: _count(c, held, known, now))


async def read_report(database: Database, now: int) -> Report:
    """The report on the last `REPORT_MONTHS` months; raises DatabaseFailed."""
    return await database.read(lambda c: _report(c, now))


def _count(c: Connection, held: Mapping[Decision, int], known: KnownRules, now: int) -> None:
    languages = _languages(c)
    folded: Counter[Decision] = Counter()
    for one, times in held.items():
        rule, language = known.counted_as(one.rule, one.language, languages)
        folded[Decision(rule, language, one.verdict)] += times
    indicator_counters.count(c, folded, now)


def _report(c: Connection, now: int) -> Report:
    return report(indicator_counters.totals(c, now, REPORT_MONTHS), _languages(c))


def _languages(c: Connection) -> dict[str, int]:
    found = counts.by_language(c)
    found[_UNKNOWN] = found.get(_UNKNOWN, 0) + found.pop("", 0)
    return found
