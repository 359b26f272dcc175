"""Which rules of screening there are, by name: for who counts decisions about them.

Only names are read, not what they find: the desk runs no rules. A rule of an organisation's own
file that is written in an unusual way is not found here; then decisions about it are not counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

import triage
from intake_server.settings import Settings
from triage.guided import QUESTIONS
from triage.learning import KnownRules, RuleOf

OWN_RULES: Final = "indicators"
WEIGHED: Final = "xx.weighed."
"""What weighing finds is called so (triage/screening/weights.py, which the desk does not load)."""

_SHIPPED: Final = Path(triage.__path__[0]) / "screening"
_LINE: Final = re.compile(
    r"""^(\[\[rule\]\]|(?:id|category|language)[ \t]*=[ \t]*(?:"[^"\n]*"|'[^'\n]*'))""",
    re.MULTILINE,
)


def known_rules(settings: Settings) -> KnownRules:
    """Read the names of the rules that run with these settings, in some tens of milliseconds.

    A file that cannot be read has none.
    """
    languages = settings.screening.languages
    shipped = sorted((_SHIPPED / "rules").glob("*.toml"))
    files = [file for file in shipped if not languages or file.stem in languages]
    files += sorted((settings.data.folder / OWN_RULES).glob("*.toml"))
    rules = {f"guided.{one.id}": RuleOf(one.category, "") for one in QUESTIONS}
    categories = _categories()
    rules |= {f"{WEIGHED}{category}": RuleOf(category, "") for category in categories}
    rules[f"{WEIGHED}danger_now"] = RuleOf("immediate_danger", "")
    for file in files:
        rules.update(_rules_in(file))
    return KnownRules(rules, categories)


def _rules_in(file: Path) -> Iterator[tuple[str, RuleOf]]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    language = name = ""
    for line in _LINE.findall(text):
        key, _, value = line.partition("=")
        value = value.strip()[1:-1]
        match key.strip():
            case "language":
                language = language or value
            case "id":
                name = value
            case "category" if name:
                yield name, RuleOf(value, language)
            case "[[rule]]":
                name = ""


class _Category(msgspec.Struct):
    id: str


class _Taxonomy(msgspec.Struct):
    categories: list[_Category]


def _categories() -> frozenset[str]:
    raw = (_SHIPPED / "taxonomy.json").read_bytes()
    return frozenset(one.id for one in msgspec.json.decode(raw, type=_Taxonomy).categories)
