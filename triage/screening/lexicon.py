"""What one language knows of a word.

A lexicon is made once from the words of a language's rules. For each word of a text it says which
words of the rules it may be: as typed, mended by ``[words.spelling]``, respelt (``respelling``),
or by its base forms (``Morphology``). Words that no rule speaks of are unknown and cost one look:
most words of a message, in most languages.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import chain
from typing import Final, Protocol

from triage.screening.folding import fold
from triage.screening.guesses import Guesses
from triage.screening.respelling import ROMAN, Respelling, unchanged
from triage.screening.tones import TONED
from triage.screening.tree import (
    Node,
    Token,
    exact_key,
    following,
    inner_keys,
    marks_of,
    prefix_key,
)
from triage.screening.words import Word

__all__ = ["HEAD", "EnglishEndings", "Lexicon", "Morphology", "NoMorphology", "Token", "Vocabulary"]

HEAD: Final = 4
"""By so many of its first letters a word is passed over, as are three by those of short words."""
SHORT_HEAD: Final = 3
NumberPhrases = Mapping[str, Sequence[tuple[tuple[str, ...], int]]]


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
    """English: the regular endings -s, -ed, -ing."""

    def bases(self, word: str) -> tuple[str, ...]:
        """Return the bases that ``word`` may come from."""
        found: list[str] = []
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
    """What a rule file says about words: all keys and values folded.

    ``number_phrases`` holds numbers of several words, by the first of them, the longest first.
    ``irregular`` maps a form to its base. ``heads`` are the first letters of forms that the
    morphology knows beyond those of its bases. ``romanised`` and ``roman_prefixes`` map a
    romanised key to the words, and to the beginnings of words, that have it, where the language
    is also written in Latin letters.
    """

    morphology: Morphology
    spelling: Mapping[str, str]
    irregular: Mapping[str, str]
    numbers: Mapping[str, int]
    number_phrases: NumberPhrases
    heads: frozenset[str] = frozenset()
    respelling: Respelling = unchanged
    romanised: Mapping[str, Sequence[str]] = field(default_factory=dict)
    roman_prefixes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    affixes: bool = False
    """Words may have something before them, so that their first letters say nothing."""
    tones: bool = False
    """Words are compared with their marks where these were typed (``tones``)."""


def _by_bare(words: Iterable[str]) -> Mapping[str, Sequence[str]]:
    """Return words with marks by what they are without."""
    found: dict[str, list[str]] = {}
    for word in sorted(words):
        found.setdefault(fold(word), []).append(word)
    return found


def _joined(words: Sequence[Word], number: int) -> Word:
    first = words[0]
    return Word(
        *(first.start, words[-1].end, (), number, first.sentence, first.clause), is_word=True
    )


class Lexicon:
    """The words of one language's rules, ready to be asked."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        words: frozenset[str],
        exact: frozenset[str] = frozenset(),
        prefixes: frozenset[str] = frozenset(),
        guesses: Guesses | None = None,
        tree: Node | None = None,
        examples: frozenset[str] = frozenset(),
    ) -> None:
        """``words``: all that stand in phrases; ``exact``: those that stand only as written.

        ``prefixes``: those written with a star; ``examples``: the words of the rules' examples.
        """
        self._examples = examples
        self._exact = exact
        self._root = (tree or Node(),)
        self._inner = inner_keys(self._root[0])
        self._vocabulary = vocabulary
        self._known = words.union(vocabulary.numbers)
        self._prefixes = prefixes
        self.guesses = guesses
        self._lengths = sorted({len(prefix) for prefix in prefixes})
        shortest = self._lengths[0] if self._lengths else 0
        self._starts = shortest, frozenset(prefix[:shortest] for prefix in prefixes)
        self._bases = vocabulary.morphology.bases
        self._respelling, self._affixes = vocabulary.respelling, vocabulary.affixes
        self._spelling, self._irregular = vocabulary.spelling, vocabulary.irregular
        self._romanised = vocabulary.romanised
        self._roman_prefixes = vocabulary.roman_prefixes
        self._roman_lengths = sorted({len(key) for key in self._roman_prefixes})
        self._by_bare = _by_bare(self._own()) if vocabulary.tones else None
        self.heads = frozenset(
            (fold(word) if vocabulary.tones else word)[:HEAD]
            for word in chain(
                *(self._known, prefixes, vocabulary.spelling, vocabulary.irregular),
                vocabulary.heads,
            )
        )
        self.roman_heads = frozenset(
            key[: HEAD + 1]
            for key in chain(self._romanised, self._roman_prefixes, vocabulary.heads)
            if key.startswith(ROMAN)
        )

    def merged(self, words: Sequence[Word]) -> Sequence[Word]:
        """Return the words with numbers of several words ("mười lăm") as one word each.

        Without any such number they are the same list.
        """
        phrases = self._vocabulary.number_phrases
        if not phrases:
            return words
        found: list[Word] = []
        place = 0
        while place < len(words):
            spelt = words[place].spellings[:1]
            for parts, number in phrases.get(spelt[0] if spelt else "", ()):
                if self._stand(parts, words, place):
                    found.append(_joined(words[place : place + len(parts)], number))
                    place += len(parts)
                    break
            else:
                found.append(words[place])
                place += 1
        return found if len(found) < len(words) else words

    def _stand(self, parts: tuple[str, ...], words: Sequence[Word], place: int) -> bool:
        there = words[place : place + len(parts)]
        return len(there) == len(parts) and all(
            part in word.spellings[:1] for part, word in zip(parts, there, strict=True)
        )

    def own_words(self) -> frozenset[str]:
        """Return the words that stand in the files of the language, its examples included."""
        if self._by_bare is not None:
            toned = frozenset(TONED + word for word in self._own())
            return toned.union(self._by_bare, self._examples)
        return self._own().union(self._examples)

    def _own(self) -> frozenset[str]:
        return self._known.union(self._spelling, self._irregular)

    def _as_typed(self, spellings: tuple[str, ...]) -> tuple[str, ...]:
        """Return the word with its marks if any were typed, or else all words it may be."""
        for one in spellings:
            if one[0] == TONED:
                return (one[1:],)
        by_bare = self._by_bare or {}
        return tuple([word for one in spellings for word in by_bare.get(one, ())])

    @property
    def is_respelt(self) -> bool:
        """Say whether the language has other ways to write its words."""
        return self._respelling is not unchanged

    @property
    def has_tones(self) -> bool:
        """Say whether words are compared with their marks where these were typed."""
        return self._by_bare is not None

    @property
    def has_affixes(self) -> bool:
        """Say whether words may have something before them."""
        return self._affixes

    def starts_number(self, spellings: AbstractSet[str]) -> bool:
        """Say whether a number of several words may start with one of these."""
        return not self._vocabulary.number_phrases.keys().isdisjoint(spellings)

    def knows_respelt(self, word: Word) -> bool:
        """Say whether a word may be known in another way of writing."""
        for one in word.spellings:
            for other in self._respelling(one):
                if other[:HEAD] in self.heads or other[:SHORT_HEAD] in self.heads:
                    return True
        return False

    def tokens(self, words: Sequence[Word]) -> dict[int, Token]:
        """Return what is known of the words by their places; not of those no rule speaks of."""
        found = ((place, self.token(word)) for place, word in enumerate(words))
        return {place: token for place, token in found if token is not None}

    def token(self, word: Word) -> Token | None:
        """Return what is known of a word, or nothing if no rule speaks of it."""
        if word.number is not None:
            return self.of_number(word.number)
        return self._token(word.spellings, word.roman) if word.spellings else None

    def guess(self, word: Word) -> Token | None:
        """Return what a word may be that was spelt wrong, if it is nearly one of the rules."""
        if self.guesses is None or not word.is_word or not word.spellings:
            return None
        meant = self.guesses.near(word.spellings[0])
        return self._rooted(self._keys(meant, meant), None, guess=True) if meant else None

    def _token(self, spellings: tuple[str, ...], roman: str) -> Token | None:
        if self._by_bare is not None:
            spellings = self._as_typed(spellings)
        more = [self._spelling[one] for one in spellings if one in self._spelling]
        if self._respelling is not unchanged:
            more += [other for one in spellings for other in self._respelling(one)]
        if self.roman_heads and roman:
            more += [roman, *self._romanised_as(roman)]
        written = tuple(dict.fromkeys((*spellings, *more))) if more else spellings
        known, irregular, kept = self._known, self._irregular, list[str]()
        for one in written:
            if one in known:
                kept.append(one)
            if one in irregular and irregular[one] in known:
                kept.append(irregular[one])
            for base in self._bases(one):
                if base in known:
                    kept.append(base)
        prefixes = self._started(written) if self._lengths else ()
        if not kept and not prefixes:
            return None
        numbers = self._vocabulary.numbers
        number = (
            next((numbers[form] for form in kept if form in numbers), None) if numbers else None
        )
        return self._rooted(self._keys(kept, written, prefixes), number)

    def _keys(
        self, forms: Iterable[str], written: Iterable[str], prefixes: Iterable[str] = ()
    ) -> tuple[str, ...]:
        keys = list(forms)
        keys += [exact_key(one) for one in written if one in self._exact]
        keys += map(prefix_key, prefixes)
        return tuple(dict.fromkeys(keys))

    def _rooted(self, keys: tuple[str, ...], number: int | None, *, guess: bool = False) -> Token:
        token = Token(keys, number, guess)
        inner = self._inner
        token.inner = tuple([inner[key] for key in keys if key in inner])
        token.marks = marks_of(token.inner)
        nodes = following(self._root, keys, number)
        if nodes:
            token.ends = tuple(dict.fromkeys(name for node in nodes for name in node.concepts))
            token.roots = tuple([node for node in nodes if node.goes_on])
            for node in token.roots:
                token.goes_on |= node.marks
        return token

    def of_number(self, number: int | None) -> Token:
        """Return a number in digits as this language knows it."""
        return self._rooted((), number)

    def _romanised_as(self, key: str) -> list[str]:
        """Return the words, and the beginnings of words, that a romanised word may be."""
        found = list(self._romanised.get(key, ()))
        for length in self._roman_lengths:
            found += self._roman_prefixes.get(key[:length], ())
        return found

    def _started(self, written: tuple[str, ...]) -> tuple[str, ...]:
        """Return the beginnings, written with a star in the rules, that a word has."""
        prefixes, (shortest, starts) = self._prefixes, self._starts
        return tuple(
            [
                one[:length]
                for one in written
                if one[:shortest] in starts
                for length in self._lengths
                if one[:length] in prefixes
            ]
        )
