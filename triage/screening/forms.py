"""The forms of the words that rules use: quitar, quitó, quitaron, quitándome and so on.

simplemma's dictionaries lead from any form to its base; rules need the way back, and only for
their own words. So the dictionaries are turned round once, when rules are written
(``dictionary``), and what comes out is shipped: a text file a language, in which all words of the
shipped rules stand. Nothing is looked up in a dictionary while messages are screened, and none is
held in memory: seventeen languages cost a few megabytes instead of some hundred.

A line, parts parted by spaces, everything folded::

    %7 ar o aron ando                   endings that several words share, under a number
    quitar quit %7                      a word, a stem, and its endings so,
    pasaporte pasaporte = s             or written out ("=" for none)
    ? pasaporte pasaportes              a word that may be guessed at when spelt wrong, and the
                                        real words that look like it and are not to be mended

    ! wefie dunnit                      words that the dictionary does not know
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

__all__ = ["NO_ENDING", "DictionaryForms", "WordForms", "as_lines", "joined_stems", "read_forms"]

NO_ENDING: Final = "="
_SHARED: Final = "%"
_WORTH_SHARING: Final = 8
_GROUPED_BY: Final = 2
_HEAD: Final = 4


@dataclass(slots=True)
class WordForms:
    """What is known of the words of one language.

    ``stems``: from a stem to its words, each with its endings, parted by spaces and with a space
    at both ends. ``words``: all words that were looked up. ``guessable``: from a word that may be
    guessed at to the real words near it.
    """

    stems: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    words: set[str] = field(default_factory=set)
    guessable: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def add(self, word: str, stem: str, endings: str) -> None:
        """Take in one line."""
        self.words.add(word)
        self.stems[stem] = (*self.stems.get(stem, ()), (word, endings))


def read_forms(text: str) -> WordForms:
    """Return the forms in the text of a file; empty lines and comments are passed over."""
    read = WordForms()
    shared: dict[str, str] = {}
    for line in text.splitlines():
        first, _, rest = line.partition(" ")
        if first.startswith(_SHARED):
            shared[first] = f" {rest} "
        elif first == "?":
            word, *near = rest.split(" ")
            read.guessable[word] = tuple(near)
        elif first == "!":
            read.words.update(rest.split(" "))
        elif rest and not line.startswith("#"):
            stem, _, endings = rest.partition(" ")
            read.add(first, stem, shared.get(endings) or f" {endings} ")
    return read


def as_lines(forms: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the lines for words and their forms, the word itself among them."""
    entries: list[tuple[str, str, str]] = []
    for word, found in sorted(forms.items()):
        for _, group in groupby(sorted({word, *found}), key=lambda form: form[:_GROUPED_BY]):
            members = list(group)
            stem = _shared_start(members[0], members[-1])
            endings = " ".join(member[len(stem) :] or NO_ENDING for member in members)
            entries.append((word, stem, endings))
    often = Counter(endings for _, _, endings in entries)
    numbers = {
        endings: f"{_SHARED}{number}"
        for number, endings in enumerate(sorted(e for e, count in often.items() if count > 1))
        if len(endings) > _WORTH_SHARING
    }
    return [
        *(f"{number} {endings}" for endings, number in numbers.items()),
        *(f"{word} {stem} {numbers.get(endings, endings)}" for word, stem, endings in entries),
    ]


class DictionaryForms:
    """A morphology that knows the forms of given words."""

    def __init__(self, stems: Mapping[str, Sequence[Sequence[str]]]) -> None:
        """``stems``: as ``joined_stems`` gives them."""
        self._stems = stems
        self._lengths = range(min(map(len, stems), default=1), max(map(len, stems), default=0) + 1)

    def bases(self, word: str) -> tuple[str, ...]:
        """Return the words of the rules of which this is a form."""
        found: list[str] = []
        for cut in self._lengths[: max(0, len(word) + 1 - self._lengths.start)]:
            if (entries := self._stems.get(word[:cut])) is not None:
                ending = f" {word[cut:] or NO_ENDING} "
                found += [base for base, endings in entries if ending in endings]
        return tuple(found)

    def heads(self) -> frozenset[str]:
        """Return the first letters of all forms, enough of them for ``lexicon``."""
        found: set[str] = set()
        for stem, entries in self._stems.items():
            if len(stem) > _HEAD:
                found.add(stem[: _HEAD + 1])
            else:
                for _, endings in entries:
                    found.update((stem + e.strip(NO_ENDING))[: _HEAD + 1] for e in endings.split())
        return frozenset(found)


def joined_stems(
    sources: Iterable[WordForms], roman: Callable[[str], str] | None = None
) -> dict[str, list[list[str]]]:
    """Return words and endings by stem: shipped ones first, then an organisation's own.

    ``roman`` gives the romanised key of a word; the keys of all forms are then known too.
    """
    stems: dict[str, list[list[str]]] = {}
    for source in sources:
        for stem, entries in source.stems.items():
            stems.setdefault(stem, []).extend([word, endings] for word, endings in entries)
            if roman is not None:
                stems.setdefault(roman(stem), []).extend(
                    [word, _roman_endings(endings, roman)] for word, endings in entries
                )
    return stems


def _roman_endings(endings: str, roman: Callable[[str], str]) -> str:
    """Return endings as they end romanised keys; the sign before a key stands only at its start."""
    keys = {roman(ending)[1:] or NO_ENDING for ending in endings.split()}
    return f" {' '.join(sorted(keys))} "


def _shared_start(first: str, last: str) -> str:
    """Return what the first and the last of sorted words, and so all, start with."""
    length = 0
    for a, b in zip(first, last, strict=False):
        if a != b:
            break
        length += 1
    return first[:length]
