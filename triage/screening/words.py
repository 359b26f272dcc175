"""From a text to words that rules can be compared with.

Theory of operation
-------------------
1.  Each word keeps the place where it stands in the original text, so that what is shown as
    evidence is exactly what was written.
2.  A word is compared in several forms: as written (folded), with drawn-out letters shortened,
    with its spelling mended, and in its base forms. Folding is NFKC, case folding, and dropping
    accents, apostrophes and invisible signs.
3.  The work is linear in the length of the text. A word longer than ``LONGEST_WORD`` is no word:
    it gets no forms and matches nothing, so a flood of combining signs costs nothing.
4.  Signs that end a sentence part sentences; commas, line ends, brackets and dashes part
    clauses. Marks and joiners belong to the word they stand in. Emoji are words of one sign.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from itertools import groupby
from typing import Final, Protocol

__all__ = [
    "LONGEST_WORD",
    "EnglishEndings",
    "Morphology",
    "NoMorphology",
    "Token",
    "Vocabulary",
    "fold",
    "tokens",
]

LONGEST_WORD: Final = 64
_MOST_DIGITS: Final = 9
_SENTENCE_ENDS: Final = frozenset(".!?\u2026\u061f\u06d4\u0964\u3002\uff01\uff1f")
_CLAUSE_ENDS: Final = frozenset(
    "\n\r;:,()[]{}/|*\u060c\u061b\u3001\uff0c\uff1b\u2013\u2014\u0022\u201c\u201d\u00ab\u00bb"
)
_APOSTROPHES: Final = frozenset("'\u2019\u2018\u02bc\u02b9\u00b4`\uff07")
_INSIDE_NUMBERS: Final = frozenset(".,\u066b\u066c")
# Latin, Greek and Cyrillic accents and Arabic vowel signs; Indic and Thai vowels are letters.
_ACCENTS: Final = (range(0x0300, 0x0370), range(0x064B, 0x0660))


class Morphology(Protocol):
    """What a language does to its words: from a folded word to the base forms it may have."""

    def bases(self, word: str) -> tuple[str, ...]:
        """Return possible base forms; wrong guesses are harmless if they are no words."""
        ...


class NoMorphology:
    """For languages whose words do not change, or whose forms are written out in the rules."""

    def bases(self, word: str) -> tuple[str, ...]:  # noqa: ARG002 -- the protocol's shape
        """Return nothing beyond the word itself."""
        return ()


class EnglishEndings:
    """English: a list of irregular forms, and the regular endings -s, -ed, -ing."""

    def __init__(self, irregular: Mapping[str, str]) -> None:
        self._irregular = dict(irregular)

    def bases(self, word: str) -> tuple[str, ...]:
        """Return the bases that ``word`` may come from, the irregular one first."""
        found = [self._irregular[word]] if word in self._irregular else []
        for ending in ("ing", "ed", "s"):
            if word.endswith(ending) and not word.endswith("ss"):
                found += _stems(word[: -len(ending)], ending)
        return tuple(found)


_SHORTEST_STEM: Final = 3


def _stems(stem: str, ending: str) -> list[str]:
    if len(stem) < _SHORTEST_STEM:
        return []
    found = [stem]
    if ending == "s":
        if stem.endswith("ie"):
            found.append(stem[:-2] + "y")
        elif stem.endswith("e"):
            found.append(stem[:-1])
        return found
    found.append(stem + "e")
    if stem[-1] == stem[-2]:
        found.append(stem[:-1])
    if ending == "ed" and stem.endswith("i"):
        found.append(stem[:-1] + "y")
    return found


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a language's rule file says about words: all keys and values folded."""

    morphology: Morphology
    spelling: Mapping[str, str]
    numbers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Token:
    """One word, number or sign.

    ``written`` holds the word as written, folded, with its shortened and mended spellings;
    ``forms`` those and the base forms.
    """

    start: int
    end: int
    written: tuple[str, ...]
    forms: tuple[str, ...]
    number: int | None
    sentence: int
    clause: int
    is_word: bool


class _Class(Enum):
    LETTER = auto()
    DIGIT = auto()
    MARK = auto()
    APOSTROPHE = auto()
    SYMBOL = auto()
    SENTENCE = auto()
    CLAUSE = auto()
    OTHER = auto()


def _class_of(character: str) -> _Class:
    if character in _SENTENCE_ENDS:
        return _Class.SENTENCE
    if character in _CLAUSE_ENDS:
        return _Class.CLAUSE
    if character in _APOSTROPHES:
        return _Class.APOSTROPHE
    category = unicodedata.category(character)
    if category[0] == "L":
        return _Class.LETTER
    if category[0] == "M" or category == "Cf":
        return _Class.MARK
    if category == "Nd":
        return _Class.DIGIT
    return _Class.SYMBOL if category == "So" else _Class.OTHER


def fold(word: str) -> str:
    """Return the form in which words are compared (rule 2)."""
    spread = unicodedata.normalize("NFKD", word).casefold()
    return unicodedata.normalize(
        "NFC",
        "".join(
            character
            for character in spread
            if character not in _APOSTROPHES
            and not any(ord(character) in accents for accents in _ACCENTS)
            and unicodedata.category(character) != "Cf"
        ),
    )


def tokens(text: str, vocabulary: Vocabulary) -> list[Token]:
    """Return the words of a text in order."""
    found: list[Token] = []
    sentence = clause = place = 0
    while place < len(text):
        kind = _class_of(text[place])
        end = place + 1
        if kind is _Class.LETTER:
            end = _word_end(text, end)
            found.append(_word(text, place, end, sentence, clause, vocabulary))
        elif kind is _Class.DIGIT:
            end, number = _read_number(text, place)
            found.append(Token(place, end, (), (), number, sentence, clause, is_word=False))
        elif kind is _Class.SYMBOL:
            forms = (text[place],)
            found.append(Token(place, end, forms, forms, None, sentence, clause, is_word=False))
        elif kind is _Class.SENTENCE:
            sentence, clause = sentence + 1, clause + 1
        elif kind is _Class.CLAUSE:
            clause += 1
        place = end
    return found


def _word_end(text: str, place: int) -> int:
    """Return the end of the word that started before ``place``, trailing marks included."""
    while place < len(text):
        kind = _class_of(text[place])
        if kind in {_Class.LETTER, _Class.MARK}:
            place += 1
        elif (
            kind is _Class.APOSTROPHE
            and place + 1 < len(text)
            and _class_of(text[place + 1]) is _Class.LETTER
        ):
            place += 2
        else:
            break
    return place


def _read_number(text: str, place: int) -> tuple[int, int | None]:
    """Return the end of the number at ``place`` and its whole value, separators dropped."""
    digits: list[str] = []
    while place < len(text):
        kind = _class_of(text[place])
        if kind is _Class.DIGIT:
            if len(digits) <= _MOST_DIGITS:
                digits.append(str(unicodedata.digit(text[place])))
        elif not (
            text[place] in _INSIDE_NUMBERS
            and place + 1 < len(text)
            and _class_of(text[place + 1]) is _Class.DIGIT
        ):
            break
        place += 1
    return place, int("".join(digits)) if len(digits) <= _MOST_DIGITS else None


def _word(
    text: str, start: int, end: int, sentence: int, clause: int, vocabulary: Vocabulary
) -> Token:
    written: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()
    number = None
    if end - start <= LONGEST_WORD:
        written = _spellings(fold(text[start:end]), vocabulary)
        bases = (base for word in written for base in vocabulary.morphology.bases(word))
        forms = tuple(dict.fromkeys((*written, *bases)))
        number = next((vocabulary.numbers[f] for f in forms if f in vocabulary.numbers), None)
    return Token(start, end, written, forms, number, sentence, clause, is_word=True)


def _spellings(folded: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    found = [folded]
    runs = [(letter, len(list(run))) for letter, run in groupby(folded)]
    if any(length > 2 for _, length in runs):  # noqa: PLR2004 -- no word has three equal letters
        found.append("".join(letter * min(length, 2) for letter, length in runs))
        found.append("".join(letter for letter, _ in runs))
    found += [vocabulary.spelling[word] for word in found if word in vocabulary.spelling]
    return tuple(dict.fromkeys(found))
