"""The languages of client page and desk: a file of strings is a language.

A string that a file lacks, or whose places to fill in are not those of the English one, is said in
English: a hotline must not stand still because a file is older than the program. What is shipped
lacks nothing; the tests see to that. Names and directions are a table here, because asking Babel
for them would keep the data of every language in memory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from string import Formatter
from types import MappingProxyType
from typing import Final

import msgspec
from babel import Locale, UnknownLocaleError

SOURCE: Final = "en"
"""The language that all others are translated from."""

_REVIEWED: Final = "reviewed_by_native"
_LONGEST_WISH: Final = 200
_MOST_WISHES: Final = 8
_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ar": "العربية",
        "bg": "Български",
        "de": "Deutsch",
        "en": "English",
        "es": "Español",
        "fr": "Français",
        "id": "Bahasa Indonesia",
        "km": "ខ្មែរ",
        "my": "မြန်မာ",
        "pl": "Polski",
        "pt": "Português",
        "ro": "Română",
        "ru": "Русский",
        "sr": "Srpski",
        "th": "ไทย",
        "uk": "Українська",
        "vi": "Tiếng Việt",
    }
)
_RIGHT_TO_LEFT: Final = frozenset({"ar"})
# The script, where a code alone would mean another one.
_TAGS: Final[Mapping[str, str]] = MappingProxyType({"sr": "sr-Latn"})


class StringsError(Exception):
    """A file of strings cannot be used; the text says which one and what to do."""


@dataclass(frozen=True, slots=True)
class Language:
    """The strings of one language; `name` is its own, `direction` is ltr or rtl.

    `reviewed` tells whether somebody whose first language it is has read them; `lacking` counts
    the strings that are said in English.
    """

    code: str
    name: str
    direction: str
    strings: Mapping[str, str] = field(repr=False)
    reviewed: bool = True
    lacking: int = 0

    def text(self, key: str, /, **values: object) -> str:
        """The string `key` with its placeholders filled in."""
        return self.strings[key].format(**values)

    @property
    def tag(self) -> str:
        """What `lang` says of these strings (BCP 47)."""
        return _TAGS.get(self.code, self.code)


@dataclass(frozen=True, slots=True)
class Languages:
    """The languages that are offered, the default one first."""

    listed: tuple[Language, ...]

    def get(self, code: str) -> Language | None:
        """The language with exactly this code."""
        return next((one for one in self.listed if one.code == code), None)

    def choose(self, accepted: str) -> Language:
        """The best language for an Accept-Language header (RFC 9110, 12.5.4), or the default."""
        return next(iter(self._wished(accepted)), self.listed[0])

    def in_order(self, accepted: str) -> tuple[Language, ...]:
        """Those that the header names first, in its order; then the others by name."""
        wished = {one.code: one for one in self._wished(accepted)}
        others = (one for one in self.listed if one.code not in wished)
        return (*wished.values(), *sorted(others, key=lambda one: one.name.casefold()))

    def without_strings(self) -> Languages:
        """The same list, for choosing alone."""
        none = MappingProxyType[str, str]({})
        return Languages(tuple(replace(one, strings=none) for one in self.listed))

    def _wished(self, accepted: str) -> list[Language]:
        by_code = {one.code.lower(): one for one in self.listed}
        found = (by_code.get(wish) or by_code.get(wish.split("-")[0]) for wish in _wishes(accepted))
        return [one for one in found if one is not None]


def load_languages(folder: Path, default: str, offered: Collection[str] = ()) -> Languages:
    """Read every `<code>.json` in `folder`, or those in `offered`; raises StringsError.

    Each file is one object, `{"c01.leave": {"text": "Leave", "note": "as on a door"}, …}`; in a
    translation `reviewed_by_native` comes first.
    """
    there = codes_in(folder)
    wanted = (default, *sorted(set(offered or there) - {default}))
    for code in wanted:
        if code not in there:
            raise StringsError(
                f"there are no strings for the language {code!r} in {folder}: add the file, or "
                "choose others in page.language and page.languages"
            )
    source = load_language(folder, SOURCE if SOURCE in there else default)
    return Languages(
        tuple(
            source if code == source.code else load_language(folder, code, source)
            for code in wanted
        )
    )


def codes_in(folder: Path) -> frozenset[str]:
    """The codes of the languages that have a file."""
    return frozenset(path.stem for path in folder.glob("*.json"))


def load_language(folder: Path, code: str, source: Language | None = None) -> Language:
    """Read one file; what it lacks of `source` is said as there. Raises StringsError."""
    path = folder / f"{code}.json"
    try:
        name, direction = _known_of(code)
        read = msgspec.json.decode(path.read_bytes(), type=dict[str, bool | _String])
    except (UnknownLocaleError, ValueError):
        raise StringsError(f"{path.name}: its name is not a language code such as de") from None
    except msgspec.MsgspecError as error:
        raise StringsError(f"{path.name}: {error}") from None
    strings = {key: one.text for key, one in read.items() if isinstance(one, _String)}
    lacking = 0
    if source is not None:
        own = strings
        strings = {key: _fitting(own.get(key), text) for key, text in source.strings.items()}
        lacking = sum(own.get(key) != text for key, text in strings.items())
    reviewed = read.get(_REVIEWED, code == SOURCE) is True
    return Language(code, name, direction, MappingProxyType(strings), reviewed, lacking)


def unreviewed(languages: Iterable[Language]) -> list[str]:
    """The codes of those that no native speaker has read."""
    return [one.code for one in languages if not one.reviewed]


def _fitting(text: str | None, source: str) -> str:
    """The translation, unless it is missing or asks for other values than the English one."""
    return text if text and _places(text) == _places(source) else source


def _places(text: str) -> set[str] | None:
    try:
        return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError:
        return None


def _known_of(code: str) -> tuple[str, str]:
    """The language's own name, and its direction."""
    if code in _NAMES:
        return _NAMES[code], "rtl" if code in _RIGHT_TO_LEFT else "ltr"
    locale = Locale.parse(code, sep="-")
    return locale.get_language_name(code.split("-", maxsplit=1)[0]) or code, locale.text_direction


class _String(msgspec.Struct, forbid_unknown_fields=True):
    """One string; the note is for translators."""

    text: str
    note: str = ""


def _wishes(accepted: str) -> list[str]:
    """The language ranges of an Accept-Language header, the most wanted first."""
    ranked: list[tuple[float, int, str]] = []
    for place, part in enumerate(accepted[:_LONGEST_WISH].split(",")):
        code, _, quality = part.partition(";")
        try:
            weight = float(quality.strip().removeprefix("q=") or 1)
        except ValueError:
            weight = 0.0
        if code.strip() and weight > 0:
            ranked.append((-weight, place, code.strip().lower()))
    return [code for _, _, code in sorted(ranked)][:_MOST_WISHES]
