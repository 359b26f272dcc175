"""Vietnamese letters as they were typed, where they were typed.

Six tones and seven further letters make other words of the same bare ones: *hăm* threatens and
*hầm* is a cellar, *đá* kicks and *dạ* says yes. Most people write them, many never do, some only
here and there. So in a text that has them a word stands for itself, and in one that has none for
all words that it may be. Where a tone is written (*khoá*, *khóa*) and which of the two broken ones
it is (*ả*, *ã*: one sound in half of the country) makes no difference.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

__all__ = ["LANGUAGES", "TONED", "are_typed", "is_own", "toned"]

LANGUAGES: Final = frozenset({"vi"})
TONED: Final = "^"
"""Stands before a word as it was typed, so that it is never taken for a bare one."""

_OWN_LETTERS: Final = re.compile("[\u1ea0-\u1ef9\u01a0\u01a1\u01af\u01b0\u031b\u0309]")
_ONLY_HERE: Final = re.compile(
    "[\u01a1\u01b0\u0309\u0323]|[\u0103\u00e2\u00ea\u00f4].*[\u0300\u0301]$"
)
"""Behind a word's letters stands its tone: ơ, ư, two of the tones, a tone on ă, â, ê or ô."""
_HOOK: Final = "\u0309"
_TONES: Final = {"\u0300", "\u0301", "\u0303", _HOOK, "\u0323"}
_MOSTLY: Final = 0.5


def is_own(spelt: str) -> bool:
    """Say of a word as ``toned`` gives it whether no other language writes such letters."""
    return _ONLY_HERE.search(spelt) is not None


def toned(word: str) -> str:
    """Return a word with its letters as typed and its tone behind the last of them."""
    if word.isascii():
        return word.lower()
    tone, letters = "", list[str]()
    for sign in unicodedata.normalize("NFD", word.lower()):
        if sign in _TONES:
            tone = _HOOK if sign == "\u0303" else sign
        else:
            letters.append(sign)
    return unicodedata.normalize("NFC", "".join(letters)) + tone


def are_typed(written: Sequence[str]) -> tuple[bool, bool]:
    """Say of the words of a text whether marks were typed, and whether wherever they belong."""
    if not any(map(_OWN_LETTERS.search, written)):
        return False, False
    return True, sum(not word.isascii() for word in written) >= _MOSTLY * len(written)
