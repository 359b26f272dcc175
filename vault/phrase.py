"""The return phrase: 77 random bits as words, as digits, and the keys derived from them.

Section 5 of docs/envelope.md. A phrase is read forgivingly, yet never guessed: a word that is not
in the list is taken for its only near neighbour, and the check word or digit then says whether the
whole is right. `NotAPhrase` says what is wrong without holding what was typed.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from importlib import resources
from typing import Final, Protocol

from vault.sealing import (
    TAG_SIZE,
    BoxKeys,
    Secret,
    SignKeys,
    argon2id,
    box_keys,
    derive,
    labelled_hash,
    random_bytes,
    sign_keys,
)

PHRASE_SIZE: Final = 10
PHRASE_BITS: Final = 77
WORD_BITS: Final = 11
WORD_COUNT: Final = 8
DIGIT_COUNT: Final = 25
GROUP: Final = 5

ARGON2_SALT: Final = b"havenline-phrase"
ARGON2_MEMORY_KIB: Final = 8192
ARGON2_PASSES: Final = 1

# Longer than any phrase with any separators; keeps the work for a hostile text small.
MAX_TEXT: Final = 1000

_WORD_MASK: Final = (1 << WORD_BITS) - 1
_PREFIX: Final = 4

# H. M. Damm's totally anti-symmetric quasigroup of order 10 (Total anti-symmetrische
# Quasigruppen, Marburg 2004): finds every wrong digit and every exchange of two neighbours.
_DAMM: Final = tuple(
    tuple(map(int, row))
    for row in (
        "0317598642",
        "7092154863",
        "4206871359",
        "1750983426",
        "6123045978",
        "3674209581",
        "5869720134",
        "8945362017",
        "9438617205",
        "2581436790",
    )
)


class Reason(Enum):
    """Why a text is no phrase."""

    COUNT = "count"  # neither 8 words nor 25 digits
    UNKNOWN_WORD = "unknown word"  # word number `position` is not in the list
    CHECK_WORD = "check word"  # all words are known, but they do not belong together
    CHECK_DIGIT = "check digit"
    TOO_LARGE = "too large"  # the digits belong together but are no phrase


class NotAPhrase(ValueError):
    """What was typed is no phrase; nothing was sent or tried.

    `position` counts words from 1 and `candidates` are the listed words near the unknown one
    (none or several); `found` is how many words or digits there were, `digits` which of the two.
    """

    def __init__(
        self,
        reason: Reason,
        *,
        digits: bool,
        found: int,
        position: int = 0,
        candidates: tuple[str, ...] = (),
    ) -> None:
        super().__init__(f"this is not a return phrase: {reason.value}")
        self.reason = reason
        self.digits = digits
        self.found = found
        self.position = position
        self.candidates = candidates


@dataclass(frozen=True, slots=True)
class Phrase:
    """77 random bits as ten bytes, big-endian; the upper three bits are zero."""

    secret: Secret

    def __post_init__(self) -> None:
        """Refuses bytes that are no phrase."""
        value = self.secret.reveal()
        if len(value) != PHRASE_SIZE or int.from_bytes(value, "big") >> PHRASE_BITS:
            raise ValueError("a phrase is ten bytes with the upper three bits zero")


@dataclass(frozen=True, slots=True)
class PhraseKeys:
    """What a phrase stands for: the tag it is found by and the client's two key pairs."""

    lookup_tag: bytes = field(repr=False)
    box: BoxKeys
    sign: SignKeys


def new_phrase() -> Phrase:
    """A random phrase."""
    return phrase_from(Secret(random_bytes(PHRASE_SIZE)))


def phrase_from(randomness: Secret) -> Phrase:
    """The phrase of the first ten bytes of `randomness`, their upper three bits dropped."""
    number = int.from_bytes(randomness.reveal()[:PHRASE_SIZE], "big")
    return _phrase(number & ((1 << PHRASE_BITS) - 1))


def _phrase(number: int) -> Phrase:
    return Phrase(Secret(number.to_bytes(PHRASE_SIZE, "big")))


class Argon2id(Protocol):
    """What computes Argon2id 1.3 with one lane (RFC 9106), as `vault.sealing.argon2id` does."""

    def __call__(
        self, password: Secret, salt: bytes, *, memory_kib: int, passes: int, size: int
    ) -> Secret:
        """The hash, `size` bytes."""


def phrase_keys(phrase: Phrase, hashing: Argon2id = argon2id) -> PhraseKeys:
    """The keys of a phrase; takes some milliseconds and 8 MiB (Argon2id)."""
    root = hashing(
        phrase.secret, ARGON2_SALT, memory_kib=ARGON2_MEMORY_KIB, passes=ARGON2_PASSES, size=32
    )
    return PhraseKeys(
        derive(root, "phrase/lookup").reveal()[:TAG_SIZE],
        box_keys(derive(root, "phrase/box")),
        sign_keys(derive(root, "phrase/sign")),
    )


# --- showing ------------------------------------------------------------------------------


@cache
def word_list() -> tuple[str, ...]:
    """The 2048 words, in the order of their numbers; read from the package at first use."""
    listed = resources.files("vault").joinpath("words/phrase.en.txt").read_text("utf-8")
    return tuple(listed.split())


def words_of(data: bytes, count: int) -> tuple[str, ...]:
    """The first `count` groups of 11 bits of `data`, most significant first, as listed words."""
    number, bits = int.from_bytes(data, "big"), len(data) * 8
    listed = word_list()
    return tuple(listed[number >> (bits - WORD_BITS * (i + 1)) & _WORD_MASK] for i in range(count))


def words(phrase: Phrase) -> tuple[str, ...]:
    """Seven words and the check word."""
    value = phrase.secret.reveal()
    number, listed = int.from_bytes(value, "big"), word_list()
    first = tuple(
        listed[number >> (WORD_BITS * i) & _WORD_MASK] for i in range(WORD_COUNT - 2, -1, -1)
    )
    return (*first, _check_word(value))


def digits(phrase: Phrase) -> tuple[str, ...]:
    """Five groups of five digits; the last digit is the check digit."""
    number = int.from_bytes(phrase.secret.reveal(), "big")
    plain = str(number).rjust(DIGIT_COUNT - 1, "0")
    shown = plain + str(_damm(plain))
    return tuple(shown[i : i + GROUP] for i in range(0, DIGIT_COUNT, GROUP))


def _check_word(value: bytes) -> str:
    return words_of(labelled_hash("check", value), 1)[0]


def _damm(number: str) -> int:
    """The check digit of `number`; zero for a number that already ends in its check digit."""
    interim = 0
    for digit in number:
        interim = _DAMM[interim][int(digit)]
    return interim


# --- reading ------------------------------------------------------------------------------


def read_phrase(text: str) -> Phrase:
    """The phrase in what somebody typed, words or digits; raises NotAPhrase.

    Case, accents, spaces, punctuation and the script of the digits do not matter. Where there are
    more letters than digits, words are read and everything else separates them; otherwise digits.
    """
    letters, numerals = _simplify(text[: MAX_TEXT + 1])
    too_long = len(text) > MAX_TEXT
    if sum(map(len, letters)) > len(numerals):
        if too_long or len(letters) != WORD_COUNT:
            raise NotAPhrase(Reason.COUNT, digits=False, found=len(letters))
        return _from_words(letters)
    if too_long or len(numerals) != DIGIT_COUNT:
        raise NotAPhrase(Reason.COUNT, digits=True, found=len(numerals))
    return _from_digits(numerals)


def _simplify(text: str) -> tuple[list[str], str]:
    """The words in `text`, in lower case without accents, and its decimal digits as 0 to 9."""
    kept: list[str] = []
    numerals: list[str] = []
    for char in unicodedata.normalize("NFKD", text).lower():
        category = unicodedata.category(char)
        if category.startswith("L"):
            kept.append(char)
        elif not category.startswith("M"):
            kept.append(" ")
            if category == "Nd":
                numerals.append(str(unicodedata.decimal(char)))
    return "".join(kept).split(), "".join(numerals)


def _from_digits(numerals: str) -> Phrase:
    if _damm(numerals) != 0:
        raise NotAPhrase(Reason.CHECK_DIGIT, digits=True, found=DIGIT_COUNT)
    number = int(numerals[:-1])
    if number >> PHRASE_BITS:
        raise NotAPhrase(Reason.TOO_LARGE, digits=True, found=DIGIT_COUNT)
    return _phrase(number)


def _from_words(typed: list[str]) -> Phrase:
    listed = word_list()
    number = 0
    meant = [_listed_word(word, i) for i, word in enumerate(typed, 1)]
    for word in meant[:-1]:
        number = number << WORD_BITS | listed.index(word)
    phrase = _phrase(number)
    if _check_word(phrase.secret.reveal()) != meant[-1]:
        raise NotAPhrase(Reason.CHECK_WORD, digits=False, found=WORD_COUNT)
    return phrase


def _listed_word(typed: str, position: int) -> str:
    """The listed word that `typed` can only mean."""
    listed = word_list()
    if typed in listed:
        return typed
    near = [word for word in listed if _is_one_slip(typed, word)]
    same_start = [word for word in listed if word[:_PREFIX] == typed[:_PREFIX]]
    # One slip first: simulated over the list, the other order takes 2.6 % of single slips for a
    # wrong word, this one none.
    meant = near or same_start
    if len(meant) == 1:
        return meant[0]
    raise NotAPhrase(
        Reason.UNKNOWN_WORD,
        digits=False,
        found=WORD_COUNT,
        position=position,
        candidates=tuple(meant),
    )


def _is_one_slip(a: str, b: str) -> bool:
    """Whether one letter is wrong, missing or too many, or two neighbours are exchanged."""
    if abs(len(a) - len(b)) > 1:
        return False
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    a, b = a[start:], b[start:]
    if len(a) == len(b):
        return a[1:] == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])
    return a[1:] == b if len(a) > len(b) else a == b[1:]
