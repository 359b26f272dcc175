"""Reading the rules of screening from files: those that are shipped, and an organisation's own."""

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import triage.screening
from triage.screening.rule_files import RuleProblem, RulesRefusedError, load_rules
from triage.screening.rules import RuleSet
from triage.screening.taxonomy import Taxonomy, TaxonomyRefusedError, read_taxonomy

__all__ = [
    "OWN_RULES",
    "SHIPPED",
    "RefusedFile",
    "RulesUnusable",
    "SoundRules",
    "read_rules",
    "read_sound_rules",
    "rule_texts",
    "shipped_taxonomy",
]

SHIPPED: Final = Path(triage.screening.__path__[0])
OWN_RULES: Final = "indicators"
"""A folder in the data folder, with an organisation's own files."""


_QUOTED: Final = re.compile(r'"[^"]*"')


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


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """One of an organisation's own files that is not used, with everything wrong in it."""

    file: str
    problems: tuple[RuleProblem, ...]

    @property
    def reason(self) -> str:
        """The first thing wrong, without any word of the file: fit for alarms and logs."""
        return _QUOTED.sub('"…"', self.problems[0].problem).partition(": ")[0]


@dataclass(frozen=True, slots=True)
class SoundRules:
    """The shipped rules with those own files that are sound, and the other own files."""

    rules: RuleSet
    refused: tuple[RefusedFile, ...]


def read_sound_rules(own: Path, languages: Collection[str] | None = None) -> SoundRules:
    """Return the rules without those own files that are broken: a mistake stops no screening.

    A file that only goes together with a refused one is refused as well. Where one is refused,
    each is tried alone with the shipped files of its language. Raises ``RulesUnusable`` where the
    shipped rules themselves cannot be used.
    """
    taxonomy, forms = shipped_taxonomy(), word_forms()
    shipped = rule_texts(None, languages)
    texts, refused = _own_texts(own)
    if not refused:
        try:
            return SoundRules(load_rules(taxonomy, {**shipped, **texts}, forms), ())
        except RulesRefusedError:
            pass  # the shipped files or the own ones: the trial below shows which
    kept: dict[str, str] = {}
    for name, text in texts.items():
        together = _same_language({**shipped, **kept}, text)
        try:
            load_rules(taxonomy, {**together, name: text}, forms)
        except RulesRefusedError as wrong:
            refused.append(RefusedFile(name, _about(name, wrong.problems)))
        else:
            kept[name] = text
    try:
        rules = load_rules(taxonomy, {**shipped, **kept}, forms)
    except RulesRefusedError as wrong:
        raise RulesUnusable(f"the rules of screening cannot be used:\n{wrong}") from None
    return SoundRules(rules, tuple(sorted(refused, key=lambda one: one.file)))


def _own_texts(own: Path) -> tuple[dict[str, str], list[RefusedFile]]:
    """Return the texts of own files, and those that are no text."""
    texts: dict[str, str] = {}
    refused: list[RefusedFile] = []
    for file in sorted(own.glob("*.toml")):
        name = f"{file.parent.name}/{file.name}"
        try:
            texts[name] = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            wrong = RuleProblem(name, "file", "it cannot be read as UTF-8 text", "mend it")
            refused.append(RefusedFile(name, (wrong,)))
    return texts, refused


def _same_language(texts: Mapping[str, str], text: str) -> dict[str, str]:
    """Return those of ``texts`` that are for the language of ``text``; none where it says none."""
    wanted = _language_of(text)
    return {name: one for name, one in texts.items() if wanted and _language_of(one) == wanted}


def _language_of(text: str) -> str | None:
    """Return the language that a file names, in its first lines as a rule."""
    match = re.search(r'^language\s*=\s*"([^"\n]+)"', text, re.MULTILINE)
    if match is not None:
        return match[1]
    try:
        language = tomllib.loads(text).get("language")
    except (tomllib.TOMLDecodeError, RecursionError):
        return None
    return language if isinstance(language, str) else None


def _about(name: str, problems: Iterable[RuleProblem]) -> tuple[RuleProblem, ...]:
    """Return the problems in the file that was tried; all, where none names it."""
    every = tuple(problems)
    return tuple(one for one in every if one.file == name) or every


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
