"""Rules in memory: concepts, what to find, and the languages they belong to.

A rule finds one concept for each of its parts within one sentence, in order, with at most ``gap``
other words between one part and the next, and says one thing about it. ``rule_files`` reads rules
from TOML and checks them; nothing here opens a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique

from triage.screening.findings import Flag, Route, Strength
from triage.screening.taxonomy import Taxonomy
from triage.screening.words import Vocabulary

__all__ = [
    "Element",
    "Exact",
    "Negation",
    "Node",
    "NumberRange",
    "Pack",
    "Phrase",
    "Prefix",
    "Rule",
    "RuleSet",
    "Signal",
    "add_phrase",
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
class Exact:
    """A word that must stand as written, not in another form."""

    word: str


@dataclass(frozen=True, slots=True)
class Prefix:
    """Any word that starts like this."""

    start: str


@dataclass(frozen=True, slots=True)
class NumberRange:
    """A number from ``low`` to ``high``, in digits or words."""

    low: int
    high: int


Element = str | Exact | Prefix | NumberRange
Phrase = tuple[Element, ...]


@dataclass(slots=True)
class Node:
    """A place in the tree of phrases; ``concepts`` are those of which a phrase ends here."""

    words: dict[str, "Node"] = field(default_factory=dict)
    exact: dict[str, "Node"] = field(default_factory=dict)
    prefixes: dict[str, "Node"] = field(default_factory=dict)
    numbers: dict[NumberRange, "Node"] = field(default_factory=dict)
    concepts: set[str] = field(default_factory=set)


def add_phrase(root: Node, phrase: Phrase, concept: str) -> None:
    """Put one phrase of a concept into the tree."""
    node = root
    for element in phrase:
        match element:
            case Exact(word):
                node = node.exact.setdefault(word, Node())
            case Prefix(start):
                node = node.prefixes.setdefault(start, Node())
            case NumberRange():
                node = node.numbers.setdefault(element, Node())
            case str():
                node = node.words.setdefault(element, Node())
    node.concepts.add(concept)


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


@dataclass(frozen=True, slots=True)
class Pack:
    """Everything for one language. The sets of words are folded.

    ``negators`` turn what follows into its opposite, unless followed by one of ``not_negating``
    ("not only"). ``breaks`` end the reach of a negator. ``self_subjects`` and ``other_subjects``
    are the words for who acts, ``writer`` those that place the writer in the story, and
    ``beside_writer`` those of them that do so when they stand right before it.
    """

    language: str
    vocabulary: Vocabulary
    common: frozenset[str]
    negators: frozenset[str]
    not_negating: frozenset[str]
    breaks: frozenset[str]
    self_subjects: frozenset[str]
    other_subjects: frozenset[str]
    writer: frozenset[str]
    beside_writer: frozenset[str]
    tree: Node
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All languages, the taxonomy, and the version that findings name."""

    taxonomy: Taxonomy
    packs: tuple[Pack, ...]
    version: str

    def explanations(self) -> Mapping[str, str]:
        """Return the explanation of each rule by its id, as the list to translate."""
        return {rule.id: rule.explain for pack in self.packs for rule in pack.rules}
