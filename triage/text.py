"""What a client wrote, made safe to seal and show, and otherwise left as written.

Theory of operation
-------------------
1.  Nothing is rewritten: no normal form, no trimming, no correction. Line endings become
    ``LF``; half a surrogate pair, which no encoding can carry, becomes U+FFFD.
2.  Signs that cannot be seen and change how the rest is read are left out and counted, so that
    the page can say so: controls except tab and line feed, direction overrides, embeddings and
    isolates, deprecated format signs, annotation anchors, the byte-order mark. Left in are
    joiners and direction marks, which Arabic, Persian, Indic scripts and emoji need.
3.  Nothing is cut: a text that is too long is refused with the number by which it is too long.
4.  Cleaning what is clean changes nothing, and cleaning never makes a text longer.

Characters are Unicode code points (in JavaScript ``[...text].length``).
"""

import unicodedata
from dataclasses import dataclass
from typing import Final

__all__ = [
    "LEFT_OUT",
    "LINE_ENDINGS",
    "LONGEST_BYTES",
    "LONGEST_CHARACTERS",
    "LONGEST_PSEUDONYM",
    "Cleaned",
    "EmptyTextError",
    "TextTooLongError",
    "clean",
    "is_empty",
    "prepare_message",
    "prepare_pseudonym",
]

LONGEST_CHARACTERS: Final = 4_000
LONGEST_BYTES: Final = 15_000
"""UTF-8, so that the sealed body with its frame fits the 16 KiB envelope."""
LONGEST_PSEUDONYM: Final = 40

LINE_ENDINGS: Final = ("\r\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029")
"""Each becomes one line feed."""

LEFT_OUT: Final = (
    (0x0000, 0x0008),
    (0x000E, 0x001F),
    (0x007F, 0x0084),
    (0x0086, 0x009F),
    (0x202A, 0x202E),  # direction embeddings and overrides
    (0x2066, 0x206F),  # direction isolates, deprecated format signs
    (0xFEFF, 0xFEFF),  # byte-order mark
    (0xFFF9, 0xFFFB),  # annotation anchors
)
"""Ranges of code points that are left out, both ends included."""

_SURROGATES: Final = range(0xD800, 0xE000)
_REPLACEMENT: Final = 0xFFFD
_TO_LEAVE_OUT: Final = frozenset(
    point for first, last in LEFT_OUT for point in range(first, last + 1)
)
_TABLE: Final[dict[int, int | None]] = {
    **dict.fromkeys(_TO_LEAVE_OUT, None),
    **dict.fromkeys(_SURROGATES, _REPLACEMENT),
}
# Unassigned code points count as seen: they may be an emoji newer than this Python.
# Letters and symbols that Unicode does not class as spaces and that still show nothing.
_UNSEEN: Final = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf"})
_BLANKS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A clean text and how many signs were left out of it."""

    text: str
    left_out: int


class TextTooLongError(Exception):
    """The text is too long; nothing of it was cut. The numbers say by how much."""

    def __init__(self, characters_over: int, bytes_over: int) -> None:
        """Keep how many characters and bytes are too many; at least one is above zero."""
        super().__init__("the text is too long: send the first part, then the next")
        self.characters_over = characters_over
        self.bytes_over = bytes_over


class EmptyTextError(Exception):
    """There is nothing to read in the text."""


def clean(raw: str) -> Cleaned:
    """Return the text as it may be sealed and shown, and what was left out (rules 1 and 2)."""
    text = raw
    for ending in LINE_ENDINGS:
        text = text.replace(ending, "\n")
    left_out = sum(map(text.count, map(chr, _TO_LEAVE_OUT)))
    return Cleaned(text.translate(_TABLE), left_out)


def is_empty(text: str) -> bool:
    """Say whether there is nothing to see: only spaces, line ends and invisible signs."""
    return all(
        character in _BLANKS or unicodedata.category(character) in _UNSEEN for character in text
    )


def prepare_message(raw: str) -> Cleaned:
    """Return a client's message ready to seal.

    Raises ``EmptyTextError`` when there is nothing to read, ``TextTooLongError`` when it is
    longer than ``LONGEST_CHARACTERS`` or ``LONGEST_BYTES``.
    """
    cleaned = clean(raw)
    if is_empty(cleaned.text):
        raise EmptyTextError
    _check_length(cleaned.text, LONGEST_CHARACTERS)
    return cleaned


def prepare_pseudonym(raw: str) -> Cleaned:
    """Return a pseudonym ready to seal: one line of 1 to ``LONGEST_PSEUDONYM`` characters.

    Raises ``EmptyTextError`` and ``TextTooLongError`` as ``prepare_message`` does.
    """
    cleaned = clean(raw)
    text = cleaned.text.translate({0x0A: " ", 0x09: " "}).strip()
    if is_empty(text):
        raise EmptyTextError
    _check_length(text, LONGEST_PSEUDONYM)
    return Cleaned(text, cleaned.left_out)


def _check_length(text: str, longest: int) -> None:
    characters_over = max(0, len(text) - longest)
    bytes_over = max(0, len(text.encode()) - LONGEST_BYTES)
    if characters_over or bytes_over:
        raise TextTooLongError(characters_over, bytes_over)
