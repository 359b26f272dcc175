"""Concepts: named sets of phrases, written as text with commas.

A concept may hold another one by name (``<papers>``). Circles, unknown names and phrases that
could never match are refused with the place and the remedy.
"""

from collections.abc import Iterator
from typing import Final

from triage.screening.rules import Element, Exact, Node, NumberRange, Phrase, Prefix, add_phrase
from triage.screening.words import LONGEST_WORD, fold

__all__ = ["Concepts", "PhraseError"]

_LONGEST_PHRASE: Final = 8
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

    def __init__(self) -> None:
        """Start with none."""
        self._files: dict[str, str] = {}
        self._phrases: dict[str, list[Phrase]] = {}
        self._held: dict[str, list[str]] = {}

    def names(self) -> frozenset[str]:
        """Return the names of all concepts."""
        return frozenset(self._files)

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
            if name not in reached:
                yield file, name

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
                self._phrases[name].append(_phrase(written))
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


def _phrase(written: str) -> Phrase:
    words = written.replace("-", " ").split()
    if not 1 <= len(words) <= _LONGEST_PHRASE:
        raise PhraseError(
            f'the phrase "{written}" has too many words',
            f"at most {_LONGEST_PHRASE}: use several parts in find",
        )
    return tuple(_element(word, written) for word in words)


def _element(word: str, phrase: str) -> Element:
    low, dots, high = word.partition("..")
    if dots:
        if not (low.isdecimal() and high.isdecimal() and int(low) <= int(high)):
            raise PhraseError(f'"{word}" is not a range of numbers', "write for example 5..17")
        return NumberRange(int(low), int(high))
    if word.isdecimal():
        return NumberRange(int(word), int(word))
    bare = fold(word.strip("=*"))
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
    """Letters with their marks, or a single sign such as an emoji."""
    return len(bare) == 1 or not any(
        character.isdecimal() or character.isspace() or character in "=*<>.,;:!?()[]|/"
        for character in bare
    )
