"""Other ways in which a language is written: each turns a typed word into further spellings."""

import re
from collections.abc import Callable, Mapping
from typing import Final

__all__ = ["RESPELLINGS", "ROMAN", "USUAL", "Respelling", "roman_key", "romanised", "unchanged"]

Respelling = Callable[[str], tuple[str, ...]]
"""From a folded word to further folded spellings; empty for a word of no concern."""


def unchanged(word: str) -> tuple[str, ...]:  # noqa: ARG001 -- the shape of a respelling
    """Return nothing beyond the word itself."""
    return ()


def german(word: str) -> tuple[str, ...]:
    """Umlauts written as two letters: ``schlaegt`` as ``schlagt``, which is folded ``schlägt``."""
    changed = word.replace("ae", "a").replace("oe", "o").replace("ue", "u")
    return () if changed == word else (changed,)


_CLITICS: Final = frozenset(
    first + second
    for first in ("", "me", "te", "se", "nos", "os")
    for second in ("lo", "la", "los", "las", "le", "les", "me", "te", "se", "nos", "os")
)
_CLITIC_LENGTHS: Final = tuple(sorted({len(clitic) for clitic in _CLITICS}))
_SHORTEST_VERB: Final = 3


def spanish(word: str) -> tuple[str, ...]:
    """Pronouns written onto a verb: ``quitandomelo`` as ``quitando``, ``ayudenme``, ``ayuden``."""
    if word[-1] not in "aeos" or not word.isascii():
        return ()
    return tuple(
        word[:-length]
        for length in _CLITIC_LENGTHS
        if word[-length:] in _CLITICS and len(word) >= length + _SHORTEST_VERB
    )


_SERBIAN: Final = str.maketrans(
    {
        **dict(zip("абвгдежзијклмнопрстуфх", "abvgdezzijklmnoprstufh", strict=True)),
        "ђ": "d",
        "љ": "lj",
        "њ": "nj",
        "ћ": "c",
        "ц": "c",
        "ч": "c",
        "џ": "dz",
        "ш": "s",
    }
)


def serbian(word: str) -> tuple[str, ...]:
    """Cyrillic as Latin, and ``dj`` for đ."""
    if "\u0400" <= word[:1] <= "\u052f":
        return (word.translate(_SERBIAN),)
    return (word.replace("dj", "d"),) if "dj" in word else ()


_LETTERS: Final = {
    **dict(
        zip("абвгґдежзиіїйклмнопрстуфхцчшыэєюя", "abvhhdezziiiiklmnoprstufhccsieeua", strict=True)
    ),
    "щ": "s",
    "ъ": "",
    "ь": "",
}
_OWN_LETTERS: Final[Mapping[str, Mapping[str, str]]] = {"bg": {"щ": "st", "ъ": "a"}}
_SEVERAL: Final = {
    "shch": "s",
    "sch": "s",
    "sh": "s",
    "ch": "c",
    "zh": "z",
    "kh": "h",
    "ts": "c",
    "tz": "c",
    "ju": "u",
    "yu": "u",
    "ja": "a",
    "ya": "a",
    "je": "e",
    "ye": "e",
    "jo": "e",
    "yo": "e",
}
_FIND_SEVERAL: Final = re.compile("|".join(_SEVERAL))
_SINGLE: Final = str.maketrans("yjwxqg46", "iivhkhcs")
ROMAN: Final = "~"
"""Stands before a romanised word, so that it never meets a word of another script."""


def roman_key(word: str) -> str:
    """Return the key of a word typed in Latin letters, empty for one that is not.

    The key drops what people write in different ways: й, ы, и, і are one letter, as are ж and з,
    ч and ц, ш and с, г and х. What is lost in precision is kept by rules of several words.
    """
    if not word.isascii() or not word[0].isalnum():
        return ""
    return ROMAN + _FIND_SEVERAL.sub(_meant, word).translate(_SINGLE)


def romanised(language: str) -> Callable[[str], str]:
    """Return a function from a Cyrillic word to the same key as ``roman_key`` gives."""
    letters = str.maketrans({**_LETTERS, **_OWN_LETTERS.get(language, {})})
    return lambda word: ROMAN + word.translate(letters)


def _meant(found: re.Match[str]) -> str:
    return _SEVERAL[found[0]]


RESPELLINGS: Final[Mapping[str, Respelling]] = {
    "none": unchanged,
    "spanish": spanish,
    "german": german,
    "serbian": serbian,
}

USUAL: Final[Mapping[str, str]] = {
    "es": "spanish",
    "de": "german",
    "sr": "serbian",
    **dict.fromkeys(("bg", "ru", "uk"), "cyrillic"),
}
"""What holds for a language whose file says nothing about it."""
