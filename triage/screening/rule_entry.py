"""Reading one ``[[rule]]`` of a rule file; ``rule_files`` says how it is written."""

from collections.abc import Mapping
from typing import Final, TypeVar

from triage.screening.findings import Flag, Route, Strength
from triage.screening.rules import Negation, Rule, Signal
from triage.screening.taxonomy import Taxonomy

__all__ = [
    "LONGEST_EXPLANATION",
    "WrongError",
    "as_string",
    "as_strings",
    "as_table",
    "read_rule",
    "split",
]

T = TypeVar("T")

_MOST_PARTS: Final = 5
_MOST_PARTS_ANY_ORDER: Final = 3
_WIDEST_GAP: Final = 12
_LONGEST_ID: Final = 80
LONGEST_EXPLANATION: Final = 200

_TARGETS: Final = ("category", "flag", "route", "signal")
_NAME_KEYS: Final = ("needs", "unless", "unless_before", "unless_after", "unless_next")
_RULE_KEYS: Final = frozenset(
    {
        *_TARGETS,
        *_NAME_KEYS,
        *("id", "find", "explain", "gap", "order", "negation", "by_others", "across"),
        *("longest_text", "strength", "source", "hits", "misses"),
    }
)


class WrongError(Exception):
    """One problem inside one part of a file: what is wrong, and the remedy."""

    def __init__(self, problem: str, remedy: str) -> None:
        """Keep both, for the report."""
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


def read_rule(file: str, table: Mapping[str, object], taxonomy: Taxonomy) -> Rule:
    """Return the rule in this table; raise ``WrongError`` with what to change."""
    return _Entry(file, table, taxonomy).rule()


class _Entry:
    def __init__(self, file: str, table: Mapping[str, object], taxonomy: Taxonomy) -> None:
        self._file = file
        self._table = table
        self._taxonomy = taxonomy

    def rule(self) -> Rule:
        for key in sorted(set(self._table) - _RULE_KEYS):
            raise WrongError(f'"{key}" is not known', "remove it")
        category, flag, route, signal = self._target()
        find = as_strings("find", self._table.get("find"))
        if not 1 <= len(find) <= _MOST_PARTS:
            raise WrongError("a rule needs parts to find", f'find = ["…"], up to {_MOST_PARTS}')
        parts = tuple(frozenset(split(part, "|")) for part in find)
        if not all(parts):
            raise WrongError("a part to find is empty", "name a concept")
        any_order = self._choice("order", ("fixed", "any"), "fixed") == "any"
        if any_order and len(parts) > _MOST_PARTS_ANY_ORDER:
            raise WrongError(
                f"in any order there can be {_MOST_PARTS_ANY_ORDER} parts", 'use order = "fixed"'
            )
        instrument, item = self._source(category)
        strength = self._table.get("strength")
        return Rule(
            id=self._id(),
            file=self._file,
            parts=parts,
            explain=self._explanation(category),
            category=category,
            flag=flag,
            route=route,
            signal=signal,
            gap=self._count("gap", 0, _WIDEST_GAP, 4),
            any_order=any_order,
            negation=Negation(self._choice("negation", tuple(Negation), Negation.BLOCKS)),
            across=self._choice("across", (True, False), default=False) is True,
            by_others=self._choice("by_others", (True, False), default=False) is True,
            **{key: self._names(key) for key in _NAME_KEYS},
            longest_text=(
                self._count("longest_text", 1, 200, 1) if "longest_text" in self._table else None
            ),
            strength=(
                Strength(self._choice("strength", tuple(Strength), "")) if strength else None
            ),
            instrument=instrument,
            item=item,
            hits=as_strings("hits", self._table.get("hits", [])),
            misses=as_strings("misses", self._table.get("misses", [])),
        )

    def _id(self) -> str:
        value = as_string("id", self._table.get("id"))
        if not value or len(value) > _LONGEST_ID or not value.isascii() or " " in value:
            raise WrongError("the id is missing or odd", 'write for example id = "en.papers.held"')
        return value

    def _target(self) -> tuple[str | None, Flag | None, Route | None, Signal | None]:
        named = [key for key in _TARGETS if key in self._table]
        if len(named) != 1:
            raise WrongError("a rule says one thing", "give it a category, flag, route or signal")
        key = named[0]
        if key == "category":
            return self._choice(key, tuple(self._taxonomy.categories), ""), None, None, None
        if key == "flag":
            return None, Flag(self._choice(key, tuple(Flag), "")), None, None
        if key == "route":
            return None, None, Route(self._choice(key, tuple(Route), "")), None
        return None, None, None, Signal(self._choice(key, tuple(Signal), ""))

    def _explanation(self, category: str | None) -> str:
        text = as_string("explain", self._table.get("explain", ""))
        if len(text) > LONGEST_EXPLANATION or (category is not None and not text.strip()):
            raise WrongError(
                "the explanation is missing or too long",
                f"say in one plain sentence, up to {LONGEST_EXPLANATION} letters, what was found",
            )
        return text

    def _source(self, category: str | None) -> tuple[str, str]:
        source = self._table.get("source")
        if source is None:
            known = self._taxonomy.categories.get(category or "")
            return (known.instrument, known.item) if known else ("", "")
        table = as_table(source)
        if set(table) != {"instrument", "item"}:
            raise WrongError("a source has two parts", 'write {instrument = "…", item = "…"}')
        instrument = as_string("instrument", table["instrument"])
        if instrument not in self._taxonomy.sources:
            known_sources = ", ".join(sorted(self._taxonomy.sources))
            raise WrongError(f'"{instrument}" is no known source', f"use one of {known_sources}")
        return instrument, as_string("item", table["item"])

    def _names(self, key: str) -> frozenset[str]:
        return frozenset(as_strings(key, self._table.get(key, [])))

    def _count(self, key: str, low: int, high: int, default: int) -> int:
        value = self._table.get(key, default)
        if type(value) is not int or not low <= value <= high:
            raise WrongError(f'"{key}" is out of range', f"a number from {low} to {high}")
        return value

    def _choice(self, key: str, allowed: tuple[T, ...], default: T) -> T:
        value = self._table.get(key, default)
        for one in allowed:
            if value == one and isinstance(value, bool) == isinstance(one, bool):
                return one
        choices = ", ".join(str(one).lower() for one in allowed)
        raise WrongError(f'"{key}" is not one of those known', f"use one of {choices}")


def as_table(value: object) -> Mapping[str, object]:
    """Return a table, or say that it is none."""
    if not isinstance(value, dict):
        raise WrongError("this is not a table", "write key = value lines")
    return value


def as_string(key: str, value: object) -> str:
    """Return a text, or say that it is none."""
    if not isinstance(value, str):
        raise WrongError(f'"{key}" is not a text', "put it in quotes")
    return value


def as_strings(key: str, value: object) -> tuple[str, ...]:
    """Return a list of texts, or say that it is none."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise WrongError(f'"{key}" is not a list of texts', f'write {key} = ["…", "…"]')
    return tuple(value)


def split(text: str, separator: str = ",") -> list[str]:
    """Return the parts of a text without empty ones."""
    return [part.strip() for part in text.split(separator) if part.strip()]
