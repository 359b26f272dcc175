"""An organisation's own rules of screening, read so that a mistake in one file stops nothing."""

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from intake_server.screening_rules import RulesUnusable, read_texts, rule_texts
from triage.screening.rule_files import RuleProblem, RulesRefusedError
from triage.screening.rules import RuleSet

_QUOTED: Final = re.compile(r'"[^"]*"')


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
    shipped = rule_texts(None, languages)
    texts, refused = _own_texts(own)
    if not refused:
        try:
            return SoundRules(read_texts({**shipped, **texts}), ())
        except RulesRefusedError:
            pass  # the shipped files or the own ones: the trial below shows which
    kept: dict[str, str] = {}
    for name, text in texts.items():
        together = _same_language({**shipped, **kept}, text)
        try:
            read_texts({**together, name: text})
        except RulesRefusedError as wrong:
            refused.append(RefusedFile(name, _about(name, wrong.problems)))
        else:
            kept[name] = text
    try:
        rules = read_texts({**shipped, **kept})
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
