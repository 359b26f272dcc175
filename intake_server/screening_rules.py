"""Reading the rules of screening from files: those that are shipped, and an organisation's own."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

import triage.screening
from triage.screening.rule_files import RulesRefusedError, load_rules
from triage.screening.rules import RuleSet
from triage.screening.taxonomy import Taxonomy, TaxonomyRefusedError, read_taxonomy

__all__ = ["OWN_RULES", "SHIPPED", "RulesUnusable", "read_rules", "rule_texts", "shipped_taxonomy"]

SHIPPED: Final = Path(triage.screening.__path__[0])
OWN_RULES: Final = "indicators"
"""A folder in the data folder, with an organisation's own files."""


class RulesUnusable(Exception):
    """The rules cannot be used; the message says which place of which file to change, and how."""


def read_rules(own: Path | None = None, languages: Collection[str] | None = None) -> RuleSet:
    """Return the shipped rules, of these languages or of all, and those in the folder ``own``.

    Takes a few seconds where ``own`` has words of which the shipped files know no forms. Raises
    ``RulesUnusable``.
    """
    try:
        return load_rules(shipped_taxonomy(), rule_texts(own, languages), word_forms())
    except RulesRefusedError as refused:
        raise RulesUnusable(f"the rules of screening cannot be used:\n{refused}") from None


def shipped_taxonomy() -> Taxonomy:
    """Return the categories."""
    try:
        return read_taxonomy((SHIPPED / "taxonomy.json").read_text(encoding="utf-8"))
    except TaxonomyRefusedError as refused:
        raise RulesUnusable(str(refused)) from None


def rule_texts(
    own: Path | None = None, languages: Collection[str] | None = None
) -> Mapping[str, str]:
    """Return the texts of rule files by name, in the order in which they are read."""
    shipped = sorted((SHIPPED / "rules").glob("*.toml"))
    files = [file for file in shipped if languages is None or file.stem in languages]
    files += sorted(own.glob("*.toml")) if own is not None else []
    texts: dict[str, str] = {}
    for file in files:
        try:
            texts[f"{file.parent.name}/{file.name}"] = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise RulesUnusable(f"{file} cannot be read as UTF-8 text: mend it") from None
    return texts


def word_forms() -> Mapping[str, str]:
    """Return the shipped files of forms by simplemma's code of their language."""
    files = sorted((SHIPPED / "word_forms").glob("*.txt"))
    return {file.stem: file.read_text(encoding="utf-8") for file in files}
