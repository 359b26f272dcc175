"""Concepts: named sets of phrases, written as text with commas.

A concept may hold another one by name (``<papers>``). Circles, unknown names and phrases that
could never match are refused with the place and the remedy.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from triage.screening.folding import fold, fold_cluster
from triage.screening.tree import (
    Element,
    Exact,
    Node,
    NumberRange,
    Phrase,
    Prefix,
    add_phrase,
)
from triage.screening.words import LONGEST_WORD, cluster_end, is_unspaced

__all__ = ["Concepts", "PhraseError", "read_phrase"]

_LIST: Final = "="
_LONGEST_PHRASE: Final = 8
_LONGEST_IN_CLUSTERS: Final = 40
_SHORTEST_PREFIX: Final = 3
_MOST_PHRASES: Final = 5_000


class PhraseError(Exception):
    """A concept or phrase cannot be used; ``remedy`` says what to do."""

    def __init__(self, problem: str, remedy: str, file: str = "") -> None:
        """Keep the remedy, and the file where it is known."""
        super().__init__(problem)
        self.remedy = remedy
        self.file = file


class Concepts:
    """The concepts of one language, filled file by file."""

    def __init__(self, spell: Callable[[str], str] = fold) -> None:
        """Start with none; ``spell`` gives the form in which the language's words are compared."""
        self._spell = spell
        self._files: dict[str, str] = {}
        self._phrases: dict[str, list[Phrase]] = {}
        self._held: dict[str, list[str]] = {}

    def names(self) -> frozenset[str]:
        """Return the names of all concepts that rules may name."""
        return frozenset(name for name in self._files if not name.startswith(_LIST))

    def add(self, file: str, name: str, text: str) -> None:
        """Add a new concept."""
        if name in self._files:
            raise PhraseError(
                f'the concept "{name}" exists in {self._files[name]}',
                "rename it, or add phrases under [extend]",
            )
        self._files[name] = file
        self._phrases[name], self._held[name] = [], []
        self._fill(name, text)

    def add_list(self, file: str, name: str, words: Iterable[str], *, exact: bool) -> None:
        """Add a list of the language as a concept; ``exact``: its words stand only as written."""
        self._files[name], self._held[name] = file, []
        self._phrases[name] = [
            tuple(Exact(e) if exact and isinstance(e, str) else e for e in phrase)
            for phrase in (read_phrase(written, self._spell) for written in words)
        ]

    def extend(self, name: str, text: str) -> None:
        """Add phrases to a concept that exists."""
        if name not in self._files:
            raise PhraseError(f'there is no concept "{name}" to extend', "move it to [concepts]")
        self._fill(name, text)

    def unused(self, used: set[str]) -> Iterator[tuple[str, str]]:
        """Return file and name of each concept that neither a rule nor a used concept names."""
        reached: set[str] = set()
        waiting = [name for name in used if name in self._files]
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting += [held for held in self._held[name] if held in self._files]
        for name, file in self._files.items():
            if name not in reached and not name.startswith(_LIST):
                yield file, name

    def phrases(self, *, lists: bool = False) -> Iterator[Phrase]:
        """Return all phrases as they were written, those of the language's lists if wanted."""
        for name, phrases in self._phrases.items():
            if lists or not name.startswith(_LIST):
                yield from phrases

    def tree(self) -> Node:
        """Return the tree of all phrases."""
        root = Node()
        for name in self._files:
            phrases = self._all_phrases(name, ())
            if len(phrases) > _MOST_PHRASES:
                raise PhraseError(
                    f'the concept "{name}" has more than {_MOST_PHRASES} phrases',
                    "split it",
                    self._files[name],
                )
            for phrase in phrases:
                add_phrase(root, phrase, name)
        return root

    def _fill(self, name: str, text: str) -> None:
        for written in (part.strip() for part in text.replace("\n", ",").split(",")):
            if written.startswith("<") and written.endswith(">"):
                self._held[name].append(written[1:-1].strip())
            elif written:
                self._phrases[name].append(read_phrase(written, self._spell))
        if not self._phrases[name] and not self._held[name]:
            raise PhraseError(f'the concept "{name}" is empty', "add phrases or remove it")

    def _all_phrases(self, name: str, above: tuple[str, ...]) -> list[Phrase]:
        file = self._files.get(above[0] if above else name, "")
        if name not in self._files:
            raise PhraseError(f'there is no concept "<{name}>"', "correct it or add it", file)
        if name in above:
            circle = " -> ".join((*above, name))
            raise PhraseError(f"concepts hold each other: {circle}", "break the circle", file)
        phrases = list(self._phrases[name])
        for held in self._held[name]:
            phrases += self._all_phrases(held, (*above, name))
        return phrases


def read_phrase(written: str, spell: Callable[[str], str] = fold) -> Phrase:
    """Return the elements of a phrase; raise ``PhraseError`` for what cannot stand in one."""
    words = written.replace("-", " ").split()
    if not 1 <= len(words) <= _LONGEST_PHRASE:
        raise PhraseError(
            f'the phrase "{written}" has too many words',
            f"at most {_LONGEST_PHRASE}: use several parts in find",
        )
    phrase = tuple(element for word in words for element in _elements(word, written, spell))
    if len(phrase) > _LONGEST_IN_CLUSTERS:
        raise PhraseError(f'the phrase "{written}" is too long', "use several parts in find")
    return phrase


def _elements(word: str, phrase: str, spell: Callable[[str], str]) -> list[Element]:
    """Return one element for a word, or for each cluster, number and Latin word in it."""
    if word.isascii() or not any(map(is_unspaced, word)):
        return [_element(word, phrase, spell)]
    if word[0] == "=" or word[-1] == "*":
        raise PhraseError(
            f'"{word}" in "{phrase}" has a sign that means nothing in this script',
            "write it without = and *: it is found anywhere",
        )
    found: list[Element] = []
    place = 0
    while place < len(word):
        end = place + 1
        if is_unspaced(word[place]):
            end = cluster_end(word, place)
            found.append(fold_cluster(word[place:end]))
        else:
            while end < len(word) and not is_unspaced(word[end]):
                end += 1
            # A full stop in an abbreviation ("ป.5") is no word and, in a text, ends no sentence.
            if bare := word[place:end].strip("."):
                found.append(_element(bare, phrase, spell))
        place = end
    return found


def _element(word: str, phrase: str, spell: Callable[[str], str]) -> Element:
    low, dots, high = word.partition("..")
    if dots:
        if not (low.isdecimal() and high.isdecimal() and int(low) <= int(high)):
            raise PhraseError(f'"{word}" is not a range of numbers', "write for example 5..17")
        return NumberRange(int(low), int(high))
    if word.isdecimal():
        return NumberRange(int(word), int(word))
    bare = spell(word.strip("=*"))
    if not bare or len(bare) > LONGEST_WORD or not _is_one_word(bare):
        raise PhraseError(
            f'"{word}" in "{phrase}" is not one plain word',
            "use letters only; part words by spaces and phrases by commas",
        )
    if word.startswith("="):
        return Exact(bare)
    if word.endswith("*"):
        if len(bare) < _SHORTEST_PREFIX:
            raise PhraseError(f'"{word}" is too short', f"at least {_SHORTEST_PREFIX} letters")
        return Prefix(bare)
    return bare


def _is_one_word(bare: str) -> bool:
    """Letters with their marks and digits between them, or a single sign such as an emoji."""
    return (
        bare.isalpha()
        or len(bare) == 1
        or not (
            bare.isdecimal()
            or any(character.isspace() or character in "=*<>.,;:!?()[]|/" for character in bare)
        )
    )
