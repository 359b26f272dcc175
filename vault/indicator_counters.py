"""Counters of what counsellors decided about findings, by month, rule, language and verdict.

They learn nothing about anybody: the caller hands in no conversation, no person and no time finer
than a month, and a row is only ever raised. So they stay when conversations are forgotten, for
`KEPT_MONTHS` (docs/decisions/0015). Who shows them withholds small numbers: `triage.learning`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from triage.learning import OTHER, Tally, Verdict
from vault import tables

KEPT_MONTHS: Final = 24
MOST_ROWS: Final = 20_000
"""Beyond this many rows nothing new is counted: nobody fills the disk with names of rules."""

_RULE: Final = re.compile(r"[!-~]{1,80}")  # as triage.screening.rule_entry takes it
_LANGUAGE: Final = re.compile(rf"[a-z]{{2,3}}(-[A-Za-z0-9]{{2,8}})?|{OTHER}")


class NotCountable(Exception):
    """This names no rule or no language; nothing was counted."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision: about a rule (or, added, a category) in messages of a language."""

    rule: str
    language: str
    verdict: Verdict

    def __post_init__(self) -> None:
        """Take names of rules and languages only, so that nothing else can be kept here."""
        if not _RULE.fullmatch(self.rule) or not _LANGUAGE.fullmatch(self.language):
            raise NotCountable


_t: Final = tables.indicator_counts.c
_RAISE: Final = (
    update(tables.indicator_counts)
    .where(
        _t.month == bindparam("this_month"),
        _t.rule == bindparam("this_rule"),
        _t.language == bindparam("this_language"),
        _t.verdict == bindparam("this_verdict"),
    )
    .values(count=_t["count"] + bindparam("times"))
)
_ROWS: Final = select(func.count()).select_from(tables.indicator_counts)
_TOTALS: Final = (
    select(_t.rule, _t.language, _t.verdict, func.sum(_t["count"]))
    .where(_t.month >= bindparam("first"))
    .group_by(_t.rule, _t.language, _t.verdict)
    .order_by(_t.rule, _t.language, _t.verdict)
)


def month_of(seconds: int) -> int:
    """Months since 1970 at a time in seconds, UTC."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return (moment.year - 1970) * 12 + moment.month - 1


def count(c: Connection, decisions: Mapping[Decision, int], now: int) -> None:
    """Count decisions, each so many times, in the month of `now`.

    What is older than `KEPT_MONTHS` goes.
    """
    month = month_of(now)
    c.execute(delete(tables.indicator_counts).where(_t.month <= month - KEPT_MONTHS))
    for one, times in sorted(decisions.items(), key=_order):
        key = {
            "this_month": month,
            "this_rule": one.rule,
            "this_language": one.language,
            "this_verdict": one.verdict,
        }
        raised = c.execute(_RAISE, key | {"times": times}).rowcount
        if raised == 0 and (c.scalar(_ROWS) or 0) < MOST_ROWS:
            row = {name.removeprefix("this_"): value for name, value in key.items()}
            c.execute(insert(tables.indicator_counts), row | {"count": times})


def _order(item: tuple[Decision, int]) -> tuple[str, str, str]:
    """By name, so that rows do not stand in the order of what was decided first."""
    one, _ = item
    return one.rule, one.language, one.verdict


def totals(c: Connection, now: int, months: int) -> list[Tally]:
    """The sums over the last `months` months, that of `now` among them; exact, not for showing."""
    first = month_of(now) - months + 1
    return [
        Tally(rule, language, verdict, int(total))
        for rule, language, verdict, total in c.execute(_TOTALS, {"first": first})
    ]
