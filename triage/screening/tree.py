"""The phrases of a language as a tree, and words on their way through it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeVar

__all__ = [
    "Element",
    "Exact",
    "Node",
    "NumberRange",
    "Phrase",
    "Prefix",
    "Token",
    "add_phrase",
    "following",
]


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


Key = TypeVar("Key", str, NumberRange)
Element = str | Exact | Prefix | NumberRange
Phrase = tuple[Element, ...]


class Node:
    """A place in the tree of phrases; ``concepts`` are those of which a phrase ends here."""

    __slots__ = ("concepts", "exact", "numbers", "prefixes", "words")

    def __init__(self) -> None:
        """Start as a leaf; most places stay one, and a leaf holds nothing of its own."""
        self.words: Mapping[str, Node] = _NOTHING
        self.exact: Mapping[str, Node] = _NOTHING
        self.prefixes: Mapping[str, Node] = _NOTHING
        self.numbers: Mapping[NumberRange, Node] = _NOTHING
        self.concepts: tuple[str, ...] = ()

    @property
    def goes_on(self) -> bool:
        """Say whether phrases go on from here."""
        return bool(self.words or self.exact or self.prefixes or self.numbers)


_NOTHING: Final[Mapping[Any, Node]] = MappingProxyType({})


def add_phrase(root: Node, phrase: Phrase, concept: str) -> None:
    """Put one phrase of a concept into the tree."""
    node = root
    for element in phrase:
        match element:
            case Exact(word):
                node.exact, node = _grown(node.exact, word)
            case Prefix(start):
                node.prefixes, node = _grown(node.prefixes, start)
            case NumberRange():
                node.numbers, node = _grown(node.numbers, element)
            case str():
                node.words, node = _grown(node.words, element)
    if concept not in node.concepts:
        node.concepts = (*node.concepts, concept)


def _grown(branches: Mapping[Key, Node], key: Key) -> tuple[Mapping[Key, Node], Node]:
    """Return the branches with one for ``key``, and the place it leads to."""
    if not isinstance(branches, dict):
        branches = {}
    return branches, branches.setdefault(key, Node())


@dataclass(slots=True)
class Token:
    """A word as one language knows it.

    ``written`` are its spellings as typed, for what must stand exactly so; ``forms`` those and
    its base forms. ``prefixes`` are those written with a star that it starts with. ``guess``: it
    is taken for a word that is spelt nearly so. ``ends`` are the concepts of which it is a whole
    phrase, and ``roots`` the places in the language's tree where longer ones go on after it.
    """

    written: tuple[str, ...]
    forms: tuple[str, ...]
    number: int | None
    prefixes: tuple[str, ...] = ()
    guess: bool = False
    ends: Sequence[str] = ()
    roots: Sequence[Node] = ()


def following(node: Node, token: Token) -> list[Node]:
    """Return the places to which a word leads from a place of the tree."""
    words, exact, prefixes = node.words, node.exact, node.prefixes
    found = [words[form] for form in token.forms if form in words] if words else []
    if exact:
        found += [exact[written] for written in token.written if written in exact]
    if prefixes and token.prefixes:
        found += [prefixes[start] for start in token.prefixes if start in prefixes]
    if token.number is not None:
        for numbers, after in node.numbers.items():
            if numbers.low <= token.number <= numbers.high:
                found.append(after)
    return found
