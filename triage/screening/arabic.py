"""Arabic words without what is written together with them.

Prefixed conjunctions and prepositions, the article, the prefixes of the imperfect, and suffixes
of person, number and possession are taken off, in every combination that leaves at least two
letters. Wrong candidates are harmless: they are no words of any rule.
"""

from typing import Final

__all__ = ["ArabicAffixes"]

_PARTICLES: Final = ("", "و", "ف", "ب", "ل", "ك", "س", "ه", "ح", "ع", "وب", "ول", "فل", "وس")
_ARTICLES: Final = ("", "ال", "ل", "لل")
_PERSONS: Final = ("", "ي", "ت", "ن", "ا", "بي", "بت", "بن", "م")
_SUFFIXES: Final = (
    *("", "ي", "ني", "ك", "ه", "ها", "هم", "هن", "نا", "كم", "كن", "ت", "تي", "ته", "تها", "تني"),
    *("تهم", "تك", "تنا", "تو", "تم", "و", "وا", "وني", "ونا", "وه", "وها", "وهم", "ون", "ين"),
    *("ونه", "ونها", "ونني", "ات", "اتي", "اتنا", "اته", "اتها", "اتهم", "ان", "ا", "نه", "نها"),
    *("ش", "نيش", "وش", "هاش", "لي", "لنا", "لها", "لهم", "وناش", "ونيش", "ناش"),
)
_FEMININE: Final = ("ت", "ا", "ين")
"""With these start a suffix of a feminine word and the endings of its plural."""
_SHORTEST: Final = 2
_LONGEST_SUFFIX: Final = max(map(len, _SUFFIXES))
_OFF: Final = frozenset(_SUFFIXES)
_BEFORE: Final = frozenset(
    particle + rest for particle in _PARTICLES for rest in (*_ARTICLES, *_PERSONS)
)
_LONGEST_PREFIX: Final = max(map(len, _BEFORE))


class ArabicAffixes:
    """A morphology that knows which bare words the rules use."""

    def __init__(self, words: frozenset[str]) -> None:
        """``words``: the folded words of the rules; nothing else is ever returned."""
        self._words = words

    def bases(self, word: str) -> tuple[str, ...]:
        """Return the words of the rules that this one may be a form of."""
        if not "\u0600" <= word[:1] <= "\u06ff":
            return ()
        found: list[str] = []
        for first in range(min(_LONGEST_PREFIX, len(word) - _SHORTEST) + 1):
            if word[:first] not in _BEFORE:
                continue
            for last in range(len(word), max(first + 1, len(word) - _LONGEST_SUFFIX - 1), -1):
                if last - first < _SHORTEST or word[last:] not in _OFF:
                    continue
                bare = word[first:last]
                # Before a suffix the sign of the feminine is a ت: فضلك is not of فضلة.
                stands = last == len(word) or word.startswith(_FEMININE, last)
                feminine = bare + "ه" if stands else bare
                found += [one for one in (bare, feminine, bare + "ي") if one in self._words]
        return tuple(dict.fromkeys(found))
