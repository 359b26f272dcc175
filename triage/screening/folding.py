"""The form in which words are compared: what never makes a difference.

Case, width, accents, apostrophes, invisible signs and the many shapes of Arabic letters are
folded away, so that a text typed without accents meets a rule written with them, and the other
way round. What may or may not be meant (letters of another script, digits for letters, drawn-out
letters) gives further spellings of a word, which are tried beside it.
"""

import re
import unicodedata
from functools import lru_cache
from itertools import chain, groupby
from typing import Final

__all__ = ["APOSTROPHES", "fold", "fold_cluster", "further_spellings", "is_plain"]

APOSTROPHES: Final = frozenset("'\u2019\u2018\u02bc\u02b9\u00b4`\uff07")
# Latin, Greek and Cyrillic accents, Arabic vowel signs; Indic and Thai vowels are letters.
_ACCENTS: Final = (range(0x0300, 0x0370), range(0x064B, 0x0660), range(0x0670, 0x0671))
_INVISIBLE: Final = (
    *(range(0x00AD, 0x00AE), range(0x0600, 0x0606), range(0x0640, 0x0641), range(0x061C, 0x061D)),
    *(range(0x06DD, 0x06DE), range(0x070F, 0x0710), range(0x180B, 0x180F), range(0x200B, 0x2010)),
    *(range(0x202A, 0x202F), range(0x2060, 0x2070), range(0xFE00, 0xFE10), range(0xFEFF, 0xFF00)),
    *(range(0xFFF9, 0xFFFC), range(0xE0001, 0xE0080), range(0x17B4, 0x17B6)),
)
_SAME: Final[dict[int, str | None]] = {
    **{ord(a): b for a, b in zip("łđøıðةىیېکہھٱ", "ldoidهيييكهها", strict=True)},
    ord("æ"): "ae",
    ord("œ"): "oe",
    ord("þ"): "th",
    ord("ء"): None,
    **dict.fromkeys(chain(*_ACCENTS, *_INVISIBLE)),
    **dict.fromkeys(map(ord, APOSTROPHES)),
}
_PLAIN: Final = str.maketrans("", "", "'`")


def fold(word: str) -> str:
    """Return the form in which words are compared."""
    if word.isascii():
        lower = word.lower()
        return lower if lower.isalnum() else lower.translate(_PLAIN)
    spread = unicodedata.normalize("NFKD", word).casefold().translate(_SAME)
    return unicodedata.normalize("NFC", spread)


_STACKERS: Final = frozenset("\u1039\u17d2")
"""Burmese virama and Khmer coeng: the letter after them stands under the one before."""


@lru_cache(maxsize=8192)
def fold_cluster(cluster: str) -> str:
    """Return a cluster of an unspaced script with its signs in one order, invisible ones out.

    What was made of a cluster is kept, as there are only some thousand of them.
    """
    visible = fold(cluster)
    units: list[str] = []
    for character in visible[1:]:
        if units and units[-1] in _STACKERS:
            units[-1] += character
        else:
            units.append(character)
    return visible[:1] + "".join(sorted(units))


_CYRILLIC: Final = dict(zip("aeopcyxijshkmtbdgnrv", "аеорсухіјѕһкмтвԁгпгѵ", strict=True))
_TO_LATIN: Final = str.maketrans(
    {
        **{cyrillic: latin for latin, cyrillic in _CYRILLIC.items()},
        "н": "h",
        "г": "r",
        "п": "n",
        "и": "u",
        **dict(zip("αοεικνρτυχγωηβμ", "aoeikvptuxywnbm", strict=True)),
    }
)
_TO_CYRILLIC: Final = str.maketrans(dict(zip("aeopcyxkmtbhijs", "аеорсухкмтвнијѕ", strict=True)))
_DIGITS_FOR_LETTERS: Final = (
    str.maketrans("0134578@$", "oieastbas"),
    str.maketrans("0134578@$", "oleastbas"),
)


_DRAWN_OUT: Final = re.compile(r"(.)\1\1", re.DOTALL)
"""No word has three equal letters in a row."""
_LATIN: Final = re.compile("[a-z]")


_ONLY_LATIN: Final = re.compile("[\\x00-\\x7f]*")


def is_plain(folded: str) -> bool:
    """Say whether no word of a folded text that has letters alone can have further spellings."""
    one_script = folded.isascii() or not _LATIN.search(folded)
    return one_script and not _DRAWN_OUT.search(folded)


def further_spellings(folded: str) -> tuple[str, ...]:
    """Return other words that ``folded`` may stand for, without itself (see the module)."""
    drawn_out = _DRAWN_OUT.search(folded) is not None
    if folded.isalpha() and not drawn_out and (folded.isascii() or not _LATIN.search(folded)):
        return ()
    found = [folded, *_one_script(folded)]
    if any(character in "0134578@$" for character in folded):
        found += [folded.translate(table) for table in _DIGITS_FOR_LETTERS]
    for word in tuple(found):
        if _DRAWN_OUT.search(word):
            runs = [(letter, len(list(run))) for letter, run in groupby(word)]
            found.append("".join(letter * min(length, 2) for letter, length in runs))
            found.append("".join(letter for letter, _ in runs))
    return tuple(dict.fromkeys(found))[1:]


def _one_script(word: str) -> list[str]:
    """Return a word of mixed scripts in each single one that it can be read in."""
    if word.isascii() or not _LATIN.search(word):
        return []
    latin, cyrillic = word.translate(_TO_LATIN), word.translate(_TO_CYRILLIC)
    found = [latin] if latin.isascii() else []
    if all("\u0400" <= character <= "\u052f" for character in cyrillic):
        found.append(cyrillic)
    return found
