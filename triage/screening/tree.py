"""The phrases of a language as a tree, and words on their way through it."""

from collections.abc import Iterable, Mapping, Sequence
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
    "exact_key",
    "following",
    "is_prefix_key",
    "prefix_key",
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
    """A place in the tree of phrases; ``concepts`` are those of which a phrase ends here.

    ``branches`` are the places after it by the key of a word: itself, ``=word`` where it must
    stand exactly so, ``word*`` where it may go on. One dictionary for the three is a single look
    for most words, and there are millions of looks.
    """

    __slots__ = ("branches", "concepts", "numbers")

    def __init__(self) -> None:
        """Start as a leaf; most places stay one, and a leaf holds nothing of its own."""
        self.branches: Mapping[str, Node] = _NOTHING
        self.numbers: Mapping[NumberRange, Node] = _NOTHING
        self.concepts: tuple[str, ...] = ()

    @property
    def goes_on(self) -> bool:
        """Say whether phrases go on from here."""
        return bool(self.branches or self.numbers)


_NOTHING: Final[Mapping[Any, Node]] = MappingProxyType({})


def exact_key(word: str) -> str:
    """Return the key of a word that must stand exactly so."""
    return f"={word}"


def prefix_key(start: str) -> str:
    """Return the key of words that start so."""
    return f"{start}*"


def is_prefix_key(key: str) -> bool:
    """Say whether a key is that of words that start so."""
    return key[-1] == "*"


def add_phrase(root: Node, phrase: Phrase, concept: str) -> None:
    """Put one phrase of a concept into the tree."""
    node = root
    for element in phrase:
        match element:
            case Exact(word):
                node.branches, node = _grown(node.branches, exact_key(word))
            case Prefix(start):
                node.branches, node = _grown(node.branches, prefix_key(start))
            case NumberRange():
                node.numbers, node = _grown(node.numbers, element)
            case str():
                node.branches, node = _grown(node.branches, element)
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

    ``keys`` are those under which the tree may hold it: its base forms, its spellings as typed
    for what must stand exactly so, and what it starts with. ``guess``: it is taken for a word
    that is spelt nearly so. ``ends`` are the concepts of which it is a whole phrase, and
    ``roots`` the places in the language's tree where longer ones go on after it.
    """

    keys: tuple[str, ...]
    number: int | None
    guess: bool = False
    ends: Sequence[str] = ()
    roots: Sequence[Node] = ()


def following(nodes: Iterable[Node], token: Token) -> list[Node]:
    """Return the places to which a word leads from places of the tree."""
    found: list[Node] = []
    keys, number = token.keys, token.number
    for node in nodes:
        branches = node.branches
        for key in keys:
            if key in branches:
                found.append(branches[key])  # noqa: PERF401 -- slower for the usual one key
        if number is not None:
            for numbers, after in node.numbers.items():
                if numbers.low <= number <= numbers.high:
                    found.append(after)
    return found
