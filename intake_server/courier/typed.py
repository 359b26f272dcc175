"""How a message is read where it may be a command."""

import unicodedata
from typing import Final

_DIRECTION_MARKS: Final = dict.fromkeys(
    map(ord, "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
)
"""They say which way a line runs and are copied along with a command (Unicode, UAX 9)."""


def as_typed(text: str) -> str:
    """Return a message as commands are compared: one form of each sign, no marks, no capitals."""
    return unicodedata.normalize("NFKC", text).translate(_DIRECTION_MARKS).strip().casefold()
