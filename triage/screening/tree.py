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
    "inner_keys",
    "is_prefix_key",
    "marks_of",
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

    __slots__ = ("_marks", "branches", "concepts", "numbers")

    def __init__(self) -> None:
        """Start as a leaf; most places stay one, and a leaf holds nothing of its own."""
        self.branches: Mapping[str, Node] = _NOTHING
        self.numbers: Mapping[NumberRange, Node] = _NOTHING
        self.concepts: tuple[str, ...] = ()
        self._marks: int | None = None

    @property
    def goes_on(self) -> bool:
        """Say whether phrases go on from here."""
        return bool(self.branches or self.numbers)

    @property
    def marks(self) -> int:
        """The marks of the words that go on from here; worked out when first asked for."""
        if self._marks is None:
            self._marks = marks_of(self.branches)
        return self._marks


_NOTHING: Final[Mapping[Any, Node]] = MappingProxyType({})


_MARKS: Final = 256


def marks_of(keys: Iterable[str]) -> int:
    """Return a number with a bit for each key: numbers without a common bit have no common key.

    Two words that follow each other are seldom the beginning of a phrase. Comparing two numbers
    says so at once, without a look at the tree, which is large and seldom near at hand.
    """
    marks = 0
    for key in keys:
        marks |= 1 << hash(key) % _MARKS
    return marks


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
    for what must stand exactly so, and what it starts with; ``inner`` those of them that stand
    anywhere behind a first word. ``guess``: it is taken for a word that is spelt nearly so.
    ``ends`` are the concepts of which it is a whole phrase, and ``roots`` the places in the
    language's tree where longer ones go on after it. ``goes_on`` has the marks of what may come
    next there, and ``marks`` those of ``inner``.
    """

    keys: tuple[str, ...]
    number: int | None
    guess: bool = False
    ends: Sequence[str] = ()
    roots: Sequence[Node] = ()
    inner: Sequence[str] = ()
    marks: int = 0
    goes_on: int = 0


def following(nodes: Iterable[Node], keys: Iterable[str], number: int | None) -> list[Node]:
    """Return the places to which a word leads from places of the tree."""
    found: list[Node] = []
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


def inner_keys(root: Node) -> dict[str, str]:
    """Return the keys that stand anywhere in the tree but at its root, as the tree has them."""
    found: dict[str, str] = {}
    seen: set[int] = set()
    waiting = [*root.branches.values(), *root.numbers.values()]
    while waiting:
        node = waiting.pop()
        if node.goes_on and id(node) not in seen:
            seen.add(id(node))
            found.update(zip(node.branches, node.branches, strict=True))
            waiting += node.branches.values()
            waiting += node.numbers.values()
    return found
