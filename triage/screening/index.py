"""Which languages may know a word, by its first letters.

Asking seventeen languages for each word would be most of the work of screening, and nearly all of
them would say no. So their first letters are put together once, and only those are asked that have
a word which starts so. What they say of the words of the rules and their examples, and of forms of
these, is kept from one message to the next. No other word of a message is: no name, nothing
misspelt.
"""

from collections.abc import Sequence
from typing import Final

from triage.screening.lexicon import HEAD, SHORT_HEAD, Lexicon
from triage.screening.tones import TONED, is_own
from triage.screening.tree import Token, is_prefix_key
from triage.screening.words import Word

__all__ = ["WordIndex", "name_of"]

_MOST_KEPT: Final = 40_000
_KEPT_NUMBERS: Final = 100
_TWO: Final = 2
_LONGEST_ELIDED: Final = 3
ELISION: Final = "'"
"""Parts a word from a short one before it (*l'argent*); in no folded word."""


_UNKEPT: Final = ("", TONED)
Known = tuple[tuple[int, Token], ...]
"""What languages know of a word, each by its number."""


def name_of(spellings: tuple[str, ...]) -> str:
    """Return by what the word is kept that has these spellings; empty if it is not kept.

    A word behind an elided one (*l'argent*) is kept with it: in French every third sentence has
    some, and asking all languages anew for each took half of the time.
    """
    last = spellings[-1]
    if len(spellings) == 1:
        return last
    if len(spellings) != _TWO:
        return ""
    if last[0] == TONED:
        return last
    first = spellings[0]
    is_elided = first.endswith(last) and 0 < len(first) - len(last) <= _LONGEST_ELIDED
    return f"{first[: -len(last)]}{ELISION}{last}" if is_elided else ""


class WordIndex:
    """The first letters of the words of several languages."""

    def __init__(self, lexicons: Sequence[Lexicon]) -> None:
        """The languages are named by their place in ``lexicons``."""
        self._heads = _together([lexicon.heads for lexicon in lexicons])
        self._roman = _together([lexicon.roman_heads for lexicon in lexicons])
        self._respelt = [
            (number, lexicon) for number, lexicon in enumerate(lexicons) if lexicon.is_respelt
        ]
        self._arabic = [number for number, lexicon in enumerate(lexicons) if lexicon.has_affixes]
        self._toned = {number for number, lexicon in enumerate(lexicons) if lexicon.has_tones}
        self._lexicons = lexicons
        self._own = frozenset[str]().union(*(lexicon.own_words() for lexicon in lexicons))
        self.kept: dict[str, Known] = {}
        """What is known of words of the rules, by the word as it was written."""
        self._numbers: dict[int, list[Token]] = {}

    def known(self, word: Word) -> Known:
        """Return what each language that knows a word knows of it."""
        written = name_of(word.spellings)
        known = self.kept.get(written) if written else None
        if known is None:
            known = self._asked(word)
            if written.rpartition(ELISION)[2] in self._own or (
                written[:1] not in _UNKEPT and self._are_forms(known)
            ):
                self.kept[written] = known
        return known

    def _are_forms(self, known: Known) -> bool:
        """Say whether a word is a form of words of the rules, and not one that starts like them."""
        return (
            bool(known)
            and len(self.kept) < _MOST_KEPT
            and not any(is_prefix_key(key) for _, token in known for key in token.keys)
        )

    def numbers(self, number: int) -> Sequence[Token]:
        """Return what each language knows of a number in digits."""
        known = self._numbers.get(number)
        if known is None:
            known = [lexicon.of_number(number) for lexicon in self._lexicons]
            if number < _KEPT_NUMBERS:
                self._numbers[number] = known
        return known

    def _asked(self, word: Word) -> Known:
        found: list[tuple[int, Token]] = []
        for number in self.who_may_know(word):
            token = self._lexicons[number].token(word)
            if token is not None:
                found.append((number, token))
        return tuple(found)

    def who_may_know(self, word: Word) -> set[int]:
        """Return the numbers of the languages that may know a word."""
        found: set[int] = set()
        for one in word.spellings:
            found.update(self._heads.get(one[:HEAD], ()), self._heads.get(one[:SHORT_HEAD], ()))
        if word.roman:
            key = word.roman
            found.update(
                self._roman.get(key[: HEAD + 1], ()), self._roman.get(key[: SHORT_HEAD + 1], ())
            )
        if word.is_cluster:
            return found
        if word.spellings[-1][0] == TONED and is_own(word.spellings[-1]):
            return found & self._toned
        for number, lexicon in self._respelt:
            if number not in found and lexicon.knows_respelt(word):
                found.add(number)
        if "\u0600" <= word.spellings[0] < "\u0700":
            found.update(self._arabic)
        return found


def _together(heads: Sequence[frozenset[str]]) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for number, known in enumerate(heads):
        for head in known:
            found[head] = (*found.get(head, ()), number)
    return found
