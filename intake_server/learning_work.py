"""Transactions on what counsellors decided about findings: counting, and the report."""

from collections.abc import Sequence
from typing import Final

from triage.learning import Report, report
from vault import counts, indicator_counters
from vault.engine import Connection, Database
from vault.indicator_counters import Decision

REPORT_MONTHS: Final = 12
_UNKNOWN: Final = "und"  # as findings say it (triage.screening.findings), which desk does not load


async def count(database: Database, decisions: Sequence[Decision], now: int) -> None:
    """Count decisions; raises DatabaseFailed."""
    await database.write(lambda c: indicator_counters.count(c, decisions, now))


async def read_report(database: Database, now: int) -> Report:
    """The report on the last `REPORT_MONTHS` months; raises DatabaseFailed."""
    return await database.read(lambda c: _report(c, now))


def _report(c: Connection, now: int) -> Report:
    languages = counts.by_language(c)
    languages[_UNKNOWN] = languages.get(_UNKNOWN, 0) + languages.pop("", 0)
    return report(indicator_counters.totals(c, now, REPORT_MONTHS), languages)
