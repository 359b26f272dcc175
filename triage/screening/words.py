"""From a text to words that rules can be compared with, once for all languages.

Theory of operation
-------------------
1.  Each word keeps the place where it stands in the original text, so that what is shown as
    evidence is exactly what was written.
2.  A word is compared in several spellings: as written (folded), and as it may be meant
    (``folding``). What a language makes of it is the business of ``lexicon``.
3.  Scripts without spaces are read in clusters: a letter with what stands above, below and under
    it. Each cluster is a word of its own; a space beside one parts clauses.
4.  The work is linear in the length of the text. A word longer than ``LONGEST_WORD`` is no word:
    it gets no spellings and matches nothing, so a flood of combining signs costs nothing.
5.  Signs that end a sentence part sentences, but not a full stop before a digit; commas, line
    ends, brackets and dashes part clauses. Marks and joiners belong to the word they stand in.
    Emoji are words of one sign.
6.  Single digits inside a word belong to it (``h3lp``, ``sa3edni``); at its edge they are a
    number and may also belong to it (``3andi``, ``5euro``).
"""

import re
import unicodedata
from dataclasses import dataclass, replace
from typing import Final

from triage.screening.folding import (
    APOSTROPHES,
    fold,
    fold_cluster,
    further_spellings,
    is_plain,
)
from triage.screening.respelling import roman_key
from triage.screening.tones import TONED, are_typed, toned
from triage.screening.zawgyi import Placed, is_zawgyi, to_unicode

__all__ = ["LONGEST_WORD", "Word", "cluster_end", "is_unspaced", "read_words"]

LONGEST_WORD: Final = 64
_MOST_DIGITS: Final = 9
_LONGEST_ELIDED: Final = 2
_SENTENCE_ENDS: Final = frozenset(".!?\u2026\u061f\u06d4\u0964\u3002\uff01\uff1f\u104b\u17d4\u17d5")
_CLAUSE_ENDS: Final = frozenset(
    "\n\r;:,()[]{}/|*\u060c\u061b\u3001\uff0c\uff1b\u2013\u2014\u0022\u201c\u201d\u00ab\u00bb\u104a"
)
_ARABIC_SEPARATORS: Final = frozenset("\u066b\u066c")
_FOR_LETTERS: Final = frozenset("@$")
_BURMESE: Final = re.compile("[\u1000-\u109f]")
_UNSPACED: Final = (("\u0e01", "\u0eff"), ("\u1000", "\u109f"), ("\u1780", "\u17ff"))
_STACKERS: Final = frozenset("\u1039\u17d2")


@dataclass(slots=True)
class Word:
    """One word, cluster, number or sign.

    ``spellings`` holds the word as written, folded, and what else it may be; none for a number
    and for what is too long to be a word. ``number`` is its value in digits.
    """

    start: int
    end: int
    spellings: tuple[str, ...]
    number: int | None
    sentence: int
    clause: int
    is_word: bool
    is_cluster: bool = False

    @property
    def roman(self) -> str:
        """Its key as a romanised word, empty for what cannot be one."""
        return "" if self.is_cluster else roman_key(self.spellings[0])

    @property
    def is_digit(self) -> bool:
        """Say whether it is a single digit."""
        return self.number is not None and self.end == self.start + 1


def is_unspaced(character: str) -> bool:
    """Say whether a letter belongs to a script that is written without spaces."""
    return character > "\u0e00" and any(low <= character <= high for low, high in _UNSPACED)


# What a character is, as one letter, so that texts can be read by their classes: L letter, U letter
# of an unspaced script, M mark, V sign that puts a letter under another, D digit 0 to 9, N digit of
# another script, A apostrophe, F sign for a letter, P full stop, C comma, S other end of a
# sentence, B other end of a clause, J separator in numbers, Y symbol, Z space, O other.
_BY_CATEGORY: Final = {
    **dict.fromkeys(("Lu", "Ll", "Lt", "Lm", "Lo"), "L"),
    **dict.fromkeys(("Mn", "Mc", "Me", "Cf"), "M"),
    **dict.fromkeys(("Zs", "Zl", "Zp"), "Z"),
    "Nd": "N",
    "So": "Y",
}


_BY_SIGN: Final = (
    ("D", "0123456789"),
    ("V", _STACKERS),
    ("J", _ARABIC_SEPARATORS),
    ("F", _FOR_LETTERS),
    ("A", APOSTROPHES),
    ("B", _CLAUSE_ENDS),
    ("S", _SENTENCE_ENDS),
    ("C", ","),
    ("P", "."),
)
_PLANES: Final = 0x20000


def _classes() -> str:
    """Return the classes of all characters that have one, by code point."""
    categories = map(unicodedata.category, map(chr, range(_PLANES)))
    classes = [_BY_CATEGORY.get(category, "O") for category in categories]
    for low, high in _UNSPACED:
        for point in range(ord(low), ord(high) + 1):
            classes[point] = "U" if classes[point] == "L" else classes[point]
    for kind, members in _BY_SIGN:
        for member in members:
            classes[ord(member)] = kind
    return "".join(classes)


_CLASSES: Final = _classes()
_BEYOND: Final = re.compile("[^A-Z]")
_THINGS: Final = re.compile(
    r"(?P<word>L(?:[LM]|[AFD](?=L))*)"
    r"|(?P<cluster>U(?:M|VU?)*)"
    r"|(?P<number>[DN](?:[DN]|[PCJ](?=[DN]))*)"
    r"|(?P<symbol>Y)"
    r"|(?P<sentence>S|P(?![DN]))"
    r"|(?P<clause>[CB])"
    r"|(?P<space>(?<=[UMV])Z)"
)
"""Every part takes each character once, so reading is linear in the length of the text."""


def classes_of(text: str) -> str:
    """Return a letter for each character that says what it is."""
    classes = text.translate(_CLASSES)
    return classes if classes.isascii() else _BEYOND.sub("L", classes)


def read_words(text: str) -> list[Word]:
    """Return the words of a text in order; Burmese in Zawgyi is read as what it means."""
    if _BURMESE.search(text) and is_zawgyi(text):
        placed = to_unicode(text)
        return [_moved(word, placed) for word in _Reader(placed.text).words()]
    return _Reader(text).words()


def _moved(word: Word, placed: Placed) -> Word:
    start, end = placed.span(word.start, word.end)
    return replace(word, start=start, end=end)


class _Reader:
    """Goes through one text, thing by thing.

    Its words are spelt at the end, all together: parted by line ends, which no word has, they are
    folded in one step instead of one for each.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._classes = classes_of(text)
        self._found: list[Word] = []
        self._written: list[str] = []
        self._unspelt: list[Word] = []
        self._sentence = 0
        self._clause = 0

    def words(self) -> list[Word]:
        for thing in _THINGS.finditer(self._classes):
            kind, (start, end) = thing.lastgroup, thing.span()
            if kind == "word":
                self._word(start, end)
            elif kind == "cluster":
                self._cluster(start, end)
            elif kind == "number":
                self._add(start, end, (), _value(self._text[start:end]))
            elif kind == "symbol":
                self._add(start, end, (self._text[start],))
            elif kind == "sentence":
                self._sentence, self._clause = self._sentence + 1, self._clause + 1
            elif kind == "clause" or (self._found and self._found[-1].is_cluster):
                self._clause += 1
        if self._unspelt:
            self._spell()
        return self._found

    def _cluster(self, start: int, end: int) -> None:
        fits = end - start <= LONGEST_WORD
        spelt = (fold_cluster(self._text[start:end]),) if fits else ()
        self._add(start, end, spelt, is_word=True, is_cluster=True)

    def _word(self, start: int, end: int) -> None:
        """Add a word, not spelt yet; a single digit before it belongs to it (rule 6)."""
        fits = end - start <= LONGEST_WORD
        if fits:
            self._written.append(self._text[start:end])
            if self._found and self._found[-1].end == start and self._found[-1].is_digit:
                start -= 1
        self._add(start, end, (), is_word=True)
        if fits:
            self._unspelt.append(self._found[-1])

    def _spell(self) -> None:
        """Give the words their spellings."""
        together, classes = fold("\n".join(self._written)), self._classes
        plain = is_plain(together)
        some_tones, all_tones = are_typed(self._written)
        spelt = zip(self._unspelt, together.split("\n"), self._written, strict=True)
        for word, folded, written in spelt:
            has_digit = classes[word.start] != "L"
            start, end = word.start + has_digit, word.end
            if not folded:  # a hamza alone
                word.start = start
                continue
            spellings: tuple[str, ...] = (folded,)
            if not (plain and folded.isalpha()):
                spellings += further_spellings(folded)
            if some_tones and (all_tones or not written.isascii()):
                spellings += (TONED + toned(written),)
            if classes.find("A", start, end) > 0:
                spellings += self._elided(start, end)
            if classes[end : end + 1] == "D" and classes[end + 1 : end + 2] != "D":
                spellings = (*spellings, folded + self._text[end])
            if has_digit:
                spellings = (*spellings, self._text[word.start] + folded)
            word.spellings = spellings

    def _elided(self, start: int, end: int) -> tuple[str, ...]:
        """Return the word behind an elided one: ``argent`` in ``l'argent``, ``il`` in ``qu'il``."""
        place = self._classes.find("A", start, end)
        before, behind = fold(self._text[start:place]), fold(self._text[place + 1 : end])
        is_elided = len(before) <= _LONGEST_ELIDED or before.endswith("qu")
        return (behind,) if is_elided and len(behind) > 1 else ()

    def _add(
        self,
        start: int,
        end: int,
        spellings: tuple[str, ...],
        number: int | None = None,
        *,
        is_word: bool = False,
        is_cluster: bool = False,
    ) -> None:
        sentence, clause = self._sentence, self._clause
        self._found.append(
            Word(start, end, spellings, number, sentence, clause, is_word, is_cluster)
        )


def cluster_end(text: str, place: int) -> int:
    """Return the end of the cluster that starts at ``place``."""
    found = _THINGS.match(classes_of(text), place)
    return found.end() if found and found.lastgroup == "cluster" else place + 1


def _value(written: str) -> int | None:
    """Return the whole value of a number, separators dropped, or nothing if it is very long."""
    if len(written) > 2 * _MOST_DIGITS:
        return None
    digits = [unicodedata.digit(character, None) for character in written]
    kept = [str(digit) for digit in digits if digit is not None]
    return int("".join(kept)) if len(kept) <= _MOST_DIGITS else None
