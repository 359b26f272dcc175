"""Screening one message.

``screen`` never raises for any text, works in time linear in its length, and says for each hit
where in the original text it stands, which rule found it and on which source it rests. It puts
messages in order for people; it rejects nothing and decides about nobody.

Every language reads every message (``reading``), so a wrong guess at the language costs nothing
and mixed messages work, but for single words amid a sentence.

Not screened, and therefore urgency 1, are messages without words and messages in a language that
the rules do not know, unless a rule found something all the same. Of a very long message the
first ``LONGEST_SCREENED`` characters are read; it is then never below 1.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from triage.screening.evidence import with_evidence
from triage.screening.findings import UNKNOWN_LANGUAGE, Screening, Why
from triage.screening.reading import Reading, read_all, read_by
from triage.screening.rules import Rule, RuleSet, WordList, waking
from triage.screening.weigh import Weighed, weigh
from triage.screening.words import read_words

__all__ = ["LONGEST_SCREENED", "FailedExample", "failed_examples", "screen"]

LONGEST_SCREENED: Final = 20_000
"""Five times the longest message of the page; messengers allow more."""

_KNOWN_SHARE: Final = 0.4
"""Of the words of a text, at least so many are frequent ones of its language."""
_KNOWN_SHARE_HINTED: Final = 0.25


def screen(text: str | None, rules: RuleSet, *, language_hints: Sequence[str] = ()) -> Screening:
    """Return what the rules say about a message.

    ``language_hints`` are language codes that make a language more likely, such as that of the
    page; they never keep the other languages from being tried.
    """
    read = (text or "")[:LONGEST_SCREENED]
    if not _has_words(read):
        return Screening(screened=False, urgency=1, why=Why.NO_TEXT, version=rules.version)
    words = read_words(read)
    readings = read_all(words, rules.packs, rules.index)
    language = _language(readings, language_hints)
    weighed = weigh(readings, rules.taxonomy)
    outcome = _outcome(weighed, language, rules.version)
    outcome = with_evidence(outcome, weighed, read, words, readings, rules)
    if text is not None and len(text) > len(read) and outcome.urgency == 0:
        return replace(outcome, urgency=1, why=Why.TOO_LONG)
    return outcome


def _has_words(text: str) -> bool:
    return any(unicodedata.category(character)[0] == "L" for character in text)


def _outcome(weighed: Weighed, language: str, version: str) -> Screening:
    """Urgency 0 needs a language that was understood; findings are kept in any."""
    understood = language != UNKNOWN_LANGUAGE
    screened = understood or bool(weighed.findings)
    return Screening(
        screened=screened,
        urgency=weighed.urgency if screened else 1,
        why=weighed.why if screened else Why.LANGUAGE,
        findings=weighed.findings,
        flags=weighed.flags,
        routes=weighed.routes,
        set_aside=weighed.set_aside,
        flag_words=weighed.flag_words,
        language=language,
        version=version,
    )


def _language(readings: Sequence[Reading], hints: Sequence[str]) -> str:
    """Guess the language by the share of frequent words; ``und`` if none is frequent enough."""
    best, name = 0.0, UNKNOWN_LANGUAGE
    counts: dict[int, int] = {}  # nearly all languages read the same list of words
    for reading in readings:
        words = reading.words
        if id(words) not in counts:
            counts[id(words)] = sum([word.is_word for word in words])
        counted = counts[id(words)]
        least = _KNOWN_SHARE_HINTED if reading.pack.language in hints else _KNOWN_SHARE
        hits = sum([match.after - match.first for match in reading.matches])
        most = (reading.covered.count(1) + hits) / counted if counted else 0.0
        if most < least or most <= best:
            continue  # as for most languages: no need to ask which words are common
        common = reading.matcher.places(WordList.COMMON)
        if not common:
            continue
        share = _share(reading, common, counted)
        if share >= least and share > best:
            best, name = share, reading.pack.language
    return name


def _share(reading: Reading, common: frozenset[int], counted: int) -> float:
    """Return which share of the words is frequent in the language or was understood by a rule."""
    understood = common.union(*[range(match.first, match.after) for match in reading.matches])
    known = sum([reading.words[place].is_word for place in understood])
    return known / counted


@dataclass(frozen=True, slots=True)
class FailedExample:
    """An example in a rule file that does not do what it says."""

    rule: Rule
    example: str
    should_match: bool


def failed_examples(rules: RuleSet) -> list[FailedExample]:
    """Return the examples of all rules that fail; for tests and for checking a new file."""
    failed: list[FailedExample] = []
    for pack in rules.packs:
        for rule in pack.rules:
            alone = replace(pack, rules=(rule,), waking=waking((rule,)), waking_across={})
            for examples, should_match in ((rule.hits, True), (rule.misses, False)):
                failed += [
                    FailedExample(rule, example, should_match)
                    for example in examples
                    if bool(read_by(alone, read_words(example)).matches) is not should_match
                ]
    return failed
