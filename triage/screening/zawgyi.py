"""Burmese written in Zawgyi, an older font's code, read as Unicode.

Zawgyi gives the same code points other meanings, stores signs in the order in which they are
drawn, and has own codes for letters under others. ``to_unicode`` puts a letter before its signs;
the order of the signs is left to ``folding.fold_cluster``. Each character knows where it stood.
"""

from dataclasses import dataclass
from typing import Final

__all__ = ["Placed", "is_zawgyi", "to_unicode"]

_E: Final = "\u1031"
_VIRAMA: Final = "\u1039"
_KINZI: Final = "\u1004\u103a\u1039"
_MEDIALS: Final = frozenset("\u103b\u103c\u103d\u103e")
_KINZIS: Final = {"\u1064": "", "\u108b": "\u102d", "\u108c": "\u102e", "\u108d": "\u1036"}
_SIGNS: Final = {
    "\u1033": "\u102f",
    "\u1034": "\u1030",
    "\u1039": "\u103a",
    "\u103a": "\u103b",
    "\u103c": "\u103d",
    "\u103d": "\u103e",
    "\u105a": "\u102b\u103a",
    "\u107d": "\u103b",
    "\u1087": "\u103e",
    "\u1088": "\u103e\u102f",
    "\u1089": "\u103e\u1030",
    "\u108a": "\u103d\u103e",
    "\u108e": "\u102d\u1036",
    "\u1094": "\u1037",
    "\u1095": "\u1037",
}
_LETTERS: Final = {
    "\u106a": "\u1009",
    "\u106b": "\u100a",
    "\u106e": "\u100d\u1039\u100d",
    "\u106f": "\u100d\u1039\u100e",
    "\u1086": "\u103f",
    "\u108f": "\u1014",
    "\u1090": "\u101b",
    "\u1091": "\u100f\u1039\u100d",
    "\u1092": "\u100b\u1039\u100c",
    "\u1097": "\u100b\u1039\u100b",
}
_BEFORE_LETTER: Final = {
    _E: _E,
    **dict.fromkeys("\u103b\u107e\u107f\u1080\u1081\u1082\u1083\u1084", "\u103c"),
}
_UNDER: Final = {
    code: _VIRAMA + letter
    for code, letter in zip(
        "\u1060\u1061\u1062\u1063\u1065\u1066\u1067\u1068\u1069\u106c\u106d\u1070\u1071\u1072"
        "\u1073\u1074\u1075\u1076\u1077\u1078\u1079\u107a\u107b\u107c\u1085\u1093\u1096",
        "\u1000\u1001\u1002\u1003\u1005\u1006\u1006\u1007\u1008\u100b\u100c\u100f\u1010\u1010"
        "\u1011\u1011\u1012\u1013\u1014\u1015\u1016\u1017\u1018\u1019\u101c\u1018\u1010",
        strict=True,
    )
}


@dataclass(frozen=True, slots=True)
class Placed:
    """A text and, for each of its characters, first place and place after in another one."""

    text: str
    starts: list[int]
    ends: list[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the place in the other text of the characters from ``start`` to ``end``."""
        return min(self.starts[start:end]), max(self.ends[start:end])


def is_zawgyi(text: str) -> bool:
    """Say whether Burmese in the text is rather Zawgyi than Unicode."""
    zawgyi = unicode = 0
    for place, character in enumerate(text):
        if character == _E:
            before, after = text[place - 1 : place] if place else "", text[place + 1 : place + 2]
            held = _is_letter(before) or before in _MEDIALS or before in _UNDER
            zawgyi += not held
            unicode += held and not _is_letter(after)
        elif character == _VIRAMA:
            zawgyi += not _is_letter(text[place + 1 : place + 2])
        elif "\u1060" <= character <= "\u1097":
            zawgyi += 1
        elif character == "\u103e":
            unicode += 1
    return zawgyi > unicode


def to_unicode(text: str) -> Placed:
    """Return Zawgyi text in Unicode; other scripts stay as they are."""
    units: list[tuple[str, int]] = []
    waiting: list[tuple[str, int]] = []
    base = -1
    for place, character in enumerate(text):
        if character in _BEFORE_LETTER:
            waiting.append((_BEFORE_LETTER[character], place))
        elif character in _KINZIS:
            units.append((_KINZIS[character], place))
            units.insert(max(base, 0), (_KINZI, place))
        elif character in _SIGNS:
            units.append((_SIGNS[character], place))
        elif character in _UNDER:
            units.append((_UNDER[character], place))
        else:
            base = len(units)
            units.append((_LETTERS.get(character, character), place))
            if _is_letter(units[-1][0][0]):
                units += waiting
                waiting = []
    units += waiting
    return _placed(units)


def _placed(units: list[tuple[str, int]]) -> Placed:
    starts = [place for written, place in units for _ in written]
    return Placed(
        text="".join(written for written, _ in units),
        starts=starts,
        ends=[place + 1 for place in starts],
    )


def _is_letter(character: str) -> bool:
    return "\u1000" <= character <= "\u102a" or character == "\u103f"
