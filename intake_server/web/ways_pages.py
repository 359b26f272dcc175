"""Words about messengers on the client page, for the form path and, as files, for its code.

The courier writes what a messenger brought besides text as signs in brackets, and says so under
its own signature who joined and who left; here the signs become words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import msgspec

from intake_server.languages import Language
from intake_server.pages import StaticFile, packed_file
from triage.safe_hours import SafeHours
from vault.ways import Way

_AREA: Final = "j"
_SIGNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "[voice]": "j11.voice",
        "[picture]": "j11.brought_picture",
        "[file]": "j11.brought_file",
        "[unreadable]": "j11.brought_unreadable",
        "[new keys]": "j11.new_keys",
        "[too large]": "j11.was_too_large",
        "[too many]": "j11.was_too_many",
        "[wrong kind]": "j11.was_wrong_kind",
        "[damaged]": "j11.was_damaged",
        "[gone]": "j11.was_gone",
        "[no room]": "j11.had_no_room",
        "[not encrypted]": "j11.was_not_encrypted",
        "[page off]": "j14.page_taken_back",
    }
)
_HOURS: Final = re.compile(r"\[safe hours (off|\d\d:\d\d-\d\d:\d\d)\]")
_MOVED: Final = re.compile(r"\[(joined|left) ([a-z]+)\]")
_PAGE: Final = re.compile(r"\[page asks ([a-z]+) [A-Za-z0-9_-]{43}\]")
_ALONE: Final = re.compile(r"\[[a-z ]+\]( \[[a-z ]+\])*")
_SIGN: Final = re.compile(r"\[[a-z ]+\]")
MESSENGERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "signal": "Signal",
        "matrix": "Matrix",
        "deltachat": "Delta Chat",
        "loopback": "Loopback",
    }
)
"""Names that no language translates."""


@dataclass(frozen=True, slots=True)
class ShownWay:
    """A messenger that belongs to the conversation; `begin` and `end` are empty or HH:MM."""

    channel: str
    label: str
    begin: str = field(repr=False)
    end: str = field(repr=False)


def ways_files(languages: Iterable[Language]) -> dict[str, StaticFile]:
    """The words in each language, by path."""
    return {
        f"/static/ways-{language.code}.json": packed_file(
            "application/json",
            msgspec.json.encode({"strings": _words(language), "names": dict(MESSENGERS)}),
        )
        for language in languages
    }


def shown_way(language: Language, way: Way, day: str) -> ShownWay:
    """A messenger as the page shows it; `day`: until when answers come there."""
    name = MESSENGERS[way.channel]
    hours = "" if way.begin == way.end else str(SafeHours(way.begin, way.end))
    key = "j05.joined_hours" if hours else "j05.way_joined"
    begin, _, end = hours.partition("-")
    label = language.text(key, messenger=name, date=day, hours=hours)
    return ShownWay(way.channel, label, begin, end)


def sign_words(language: Language, text: str) -> str:
    """A text of the courier's in words: a sign becomes a sentence, anything else stays."""
    hours, moved = _HOURS.fullmatch(text), _MOVED.fullmatch(text)
    if hours:
        if hours[1] == "off":
            return language.text("j10.chat_hours_off")
        return language.text("j10.chat_hours", hours=hours[1])
    if moved and moved[2] in MESSENGERS:
        return language.text(f"j10.chat_{moved[1]}", messenger=MESSENGERS[moved[2]])
    asks = _PAGE.fullmatch(text)
    if asks and asks[1] in MESSENGERS:
        return language.text("j14.page_asked", messenger=MESSENGERS[asks[1]])
    signs = _SIGN.findall(text) if _ALONE.fullmatch(text) else []
    if signs and all(sign in _SIGNS for sign in signs):
        return " ".join(language.text(_SIGNS[sign]) for sign in signs)
    return text


def _words(language: Language) -> dict[str, str]:
    return {
        key: text
        for key, text in language.strings.items()
        if key.startswith(_AREA) and key[1:2].isdigit()
    }
