"""What counsellors' decisions about findings say of the rules, in numbers that mean nobody.

Every number is rounded down to whole fives, and what is below five is withheld: somebody who asks
twice, or subtracts one sum from another, does not learn of a single decision. What is said about a
rule or a language is computed from these shown numbers alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Final, Literal

__all__ = [
    "OTHER",
    "RARE",
    "SMALLEST",
    "Added",
    "KnownRules",
    "LanguageLine",
    "Report",
    "RuleLine",
    "RuleOf",
    "Tally",
    "Verdict",
    "report",
    "shown",
]

SMALLEST: Final = 5
"""Numbers below it are withheld; others are rounded down to a multiple of it."""

RARE: Final = 10
"""A language with fewer conversations than this is not named in a counter."""

OTHER: Final = "other"
"""What stands in place of a language that is not named."""

Verdict = Literal["agreed", "dismissed", "added"]


@dataclass(frozen=True, slots=True)
class RuleOf:
    """A rule's category, and the language it is for ("" where it is for any)."""

    category: str
    language: str


@dataclass(frozen=True, slots=True)
class KnownRules:
    """The rules that run, by name, and the categories that a counsellor may add."""

    rules: Mapping[str, RuleOf]
    categories: frozenset[str]

    def knows(self, rule: str, verdict: Verdict) -> bool:
        """Whether a decision names a rule that runs, or, for an added sign, a category."""
        return rule in (self.categories if verdict == "added" else self.rules)

    def counted_as(
        self, rule: str, language: str, conversations: Mapping[str, int]
    ) -> tuple[str, str]:
        """The rule and language under which a decision is stored.

        Where few conversations are in its language, or in the rule's own, neither is named: the
        rule's category stands for it, and `OTHER` for the language. ``conversations`` are those
        there now, by language.
        """
        about = self.rules.get(rule)
        named = {language} | ({about.language} if about and about.language else set())
        if all(conversations.get(one, 0) >= RARE for one in named):
            return rule, language
        return rule if about is None else about.category, OTHER


@dataclass(frozen=True, slots=True)
class Tally:
    """How often something was decided about a rule; for an added sign ``rule`` is a category."""

    rule: str
    language: str
    verdict: Verdict
    count: int


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One rule in one language. ``None`` stands for fewer than five."""

    rule: str
    language: str
    agreed: int | None
    dismissed: int | None

    @property
    def mostly_dismissed(self) -> bool:
        """Whether counsellors said more often that it is wrong than that it is right."""
        return (self.dismissed or 0) > (self.agreed or 0)


@dataclass(frozen=True, slots=True)
class Added:
    """How often counsellors added a sign of a category that no rule saw."""

    category: str
    language: str
    count: int


@dataclass(frozen=True, slots=True)
class LanguageLine:
    """One language: findings that were decided on, signs added, conversations there are now."""

    language: str
    decided: int | None
    added: int | None
    conversations: int | None

    @property
    def few_findings(self) -> bool:
        """Whether people write in it, and rules hardly find anything, or less than counsellors."""
        found = self.decided or 0
        return (self.conversations or 0) > found or (self.added or 0) > found


@dataclass(frozen=True, slots=True)
class Report:
    """What an admin sees, most dismissed rules first; lines without a shown number are left out."""

    rules: tuple[RuleLine, ...]
    added: tuple[Added, ...]
    languages: tuple[LanguageLine, ...]

    def shape(self) -> Mapping[str, object]:
        """Return it as it stands in JSON."""
        return {
            "rules": [
                asdict(line) | {"mostly_dismissed": line.mostly_dismissed} for line in self.rules
            ],
            "added": [asdict(line) for line in self.added],
            "languages": [
                asdict(line) | {"few_findings": line.few_findings} for line in self.languages
            ],
        }


def shown(count: int) -> int | None:
    """Return a number as it may be shown; ``None`` means fewer than five."""
    return None if count < SMALLEST else count - count % SMALLEST


def report(tallies: Iterable[Tally], conversations: Mapping[str, int]) -> Report:
    """Return the report on ``tallies``; ``conversations`` are those there now, by language."""
    rules: dict[tuple[str, str], dict[str, int]] = {}
    languages: dict[str, dict[str, int]] = {code: {"now": n} for code, n in conversations.items()}
    added: list[Added] = []
    for one in tallies:
        of_language = languages.setdefault(one.language, {})
        of_language[one.verdict] = of_language.get(one.verdict, 0) + one.count
        if one.verdict == "added":
            count = shown(one.count)
            added += [] if count is None else [Added(one.rule, one.language, count)]
        else:
            of_rule = rules.setdefault((one.rule, one.language), {})
            of_rule[one.verdict] = of_rule.get(one.verdict, 0) + one.count
    return Report(_rules(rules), tuple(sorted(added, key=_most_added)), _languages(languages))


def _most_added(line: Added) -> tuple[int, str, str]:
    return -line.count, line.category, line.language


def _rules(counted: Mapping[tuple[str, str], Mapping[str, int]]) -> tuple[RuleLine, ...]:
    lines = [
        RuleLine(rule, language, shown(of.get("agreed", 0)), shown(of.get("dismissed", 0)))
        for (rule, language), of in counted.items()
    ]
    told = [line for line in lines if line.agreed is not None or line.dismissed is not None]
    return tuple(sorted(told, key=_most_dismissed))


def _most_dismissed(line: RuleLine) -> tuple[int, str, str]:
    return (line.agreed or 0) - (line.dismissed or 0), line.rule, line.language


def _languages(counted: Mapping[str, Mapping[str, int]]) -> tuple[LanguageLine, ...]:
    lines = [
        LanguageLine(
            code,
            shown(of.get("agreed", 0) + of.get("dismissed", 0)),
            shown(of.get("added", 0)),
            shown(of.get("now", 0)),
        )
        for code, of in sorted(counted.items())
    ]
    return tuple(
        line
        for line in lines
        if any(number is not None for number in (line.decided, line.added, line.conversations))
    )
