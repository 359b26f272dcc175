"""Rules in memory: concepts, what to find, and the languages they belong to.

A rule finds one concept for each of its parts within one sentence, in order, with at most ``gap``
other words between one part and the next, and says one thing about it. ``rule_files`` reads rules
from TOML and checks them; nothing here opens a file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Final

from triage.screening.findings import Flag, Route, Strength
from triage.screening.index import WordIndex
from triage.screening.lexicon import Lexicon
from triage.screening.taxonomy import Taxonomy
from triage.screening.weights import NO_WEIGHTS, Weights

__all__ = [
    "Negation",
    "Pack",
    "Rule",
    "RuleSet",
    "Signal",
    "WordList",
    "waking",
]


@unique
class Negation(StrEnum):
    """What a negating word before or inside a match means."""

    BLOCKS = "blocks"
    """No match where somebody says that nobody took a passport."""
    IGNORED = "ignored"
    """The negation is part of what is looked for, as in "not paid"."""


@unique
class Signal(StrEnum):
    """Something that only helps to weigh; it is never shown."""

    STILL = "still"
    """The situation goes on: cancels that it is past."""
    SAFE_NOW = "safe_now"
    IMPRESSION = "impression"
    """Somebody guesses about another person."""
    DISTRESS = "distress"
    """No sign, and still not mere information."""
    LAUGHTER = "laughter"
    JOKE = "joke"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Exactly one of ``category``, ``flag``, ``route`` and ``signal`` is set.

    ``parts`` holds for each part the concepts that may fill it. ``unless`` are concepts that must
    not stand in the same sentence, ``unless_before`` and ``unless_after`` not within three words
    of the match, ``unless_next`` not directly after it. Of ``needs``, one must stand somewhere in
    the message. ``by_others``: the person acting must not be the writer ("I took my passport").
    ``across``: the parts may stand in different sentences. ``longest_text``: only in messages of
    at most that many words.
    """

    id: str
    file: str
    parts: tuple[frozenset[str], ...]
    explain: str
    category: str | None = None
    flag: Flag | None = None
    route: Route | None = None
    signal: Signal | None = None
    gap: int = 4
    any_order: bool = False
    across: bool = False
    negation: Negation = Negation.BLOCKS
    by_others: bool = False
    needs: frozenset[str] = frozenset()
    unless: frozenset[str] = frozenset()
    unless_before: frozenset[str] = frozenset()
    unless_after: frozenset[str] = frozenset()
    unless_next: frozenset[str] = frozenset()
    longest_text: int | None = None
    strength: Strength | None = None
    instrument: str = ""
    item: str = ""
    hits: tuple[str, ...] = ()
    misses: tuple[str, ...] = ()

    @property
    def is_loose(self) -> bool:
        """Say whether it only finds concepts near each other: too little to weigh by itself."""
        return self.strength is Strength.WEAK


@unique
class WordList(StrEnum):
    """Lists of a language that rules use without naming them; each is a concept of this name.

    ``NEGATORS`` turn what follows into its opposite, unless one of ``NOT_NEGATING`` comes next
    ("not only"); ``NEGATORS_AFTER`` what stands before them. ``BREAKS`` end the reach of a
    negator. ``SELF_SUBJECTS`` and ``OTHER_SUBJECTS`` are the words for who acts, ``WRITER`` those
    that place the writer in the story, and ``BESIDE_WRITER`` those that do so right before it.
    ``COMMON`` are frequent words, by which a language is recognised.
    """

    COMMON = "=common"
    NEGATORS = "=negators"
    NEGATORS_AFTER = "=negators_after"
    NOT_NEGATING = "=not_negating"
    BREAKS = "=breaks"
    SELF_SUBJECTS = "=self_subjects"
    OTHER_SUBJECTS = "=other_subjects"
    WRITER = "=writer"
    BESIDE_WRITER = "=beside_writer"

    @property
    def is_exact(self) -> bool:
        """Say whether its words stand only as written, not in forms that rules know as well."""
        return self is not WordList.COMMON


@dataclass(frozen=True, slots=True)
class Pack:
    """Everything for one language.

    ``step`` is how many of its words make one word as rules count: 3 where they are clusters.
    ``waking`` holds, for each concept, the numbers of the rules that may match where it stands;
    a rule is woken by one of its parts only, the rarest. ``waking_across`` holds the same for the
    rules that reach across sentences.
    ``reviewed_by`` names who, native, has read the rules; empty where nobody has.
    """

    language: str
    lexicon: Lexicon
    rules: tuple[Rule, ...]
    waking: Mapping[str, tuple[int, ...]]
    waking_across: Mapping[str, tuple[int, ...]]
    step: int = 1
    reviewed_by: str = ""


_NOT_KNOWN: Final[Mapping[str, int]] = MappingProxyType({})


def waking(
    rules: Sequence[Rule], often: Mapping[str, int] = _NOT_KNOWN, *, across: bool = False
) -> Mapping[str, tuple[int, ...]]:
    """Return for each concept the numbers of the rules to look at where it stands.

    ``often`` says how many of a language's examples have a concept; what a rule finds does not
    depend on it, only how many rules are looked at in vain. ``across``: only of the rules that
    reach across sentences.
    """
    found: dict[str, list[int]] = {}
    for number, rule in enumerate(rules):
        if across and not rule.across:
            continue
        rarest = min(rule.parts, key=lambda part: sum(often.get(one, 0) for one in part))
        for concept in rarest:
            found.setdefault(concept, []).append(number)
    return {concept: tuple(numbers) for concept, numbers in found.items()}


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All languages, the taxonomy, the version that findings name, and what is weighed."""

    taxonomy: Taxonomy
    packs: tuple[Pack, ...]
    index: WordIndex
    version: str
    weights: Weights = NO_WEIGHTS

    def explanations(self) -> Mapping[str, str]:
        """Return the explanation of each rule by its id, as the list to translate."""
        return {rule.id: rule.explain for pack in self.packs for rule in pack.rules}
