"""What screening says about one message, and its form as bytes.

The bytes are sealed into a finding envelope and read by the desk. They are canonical JSON: UTF-8,
keys sorted, no spaces, no character escaped that need not be. Shape, version 1::

    {"findings": [{"applies": "any",          strength list used: any, adult, child
                   "category": "debt_bondage",
                   "end": 48,
                   "explanation": "...",      English; the desk may translate by rule id
                   "guess": true,             only where it rests on a spelling guess
                   "instrument": "ILO11",     key of "sources" in taxonomy.json
                   "item": "9 debt bondage",
                   "rule": "en.debt.work_off",
                   "start": 12,
                   "strength": "strong"}],    strong, medium, weak
     "flags": ["minor"],                      minor, past, third_party; sorted
     "language": "en",                        advice only; "und" = not known
     "reason": "One strong sign in a present situation.",
     "routes": [{"end": 9, "route": "press_or_study", "rule": "...", "start": 0}],
     "screened": true,
     "set_aside": [{...}],                    only where there are any: shaped like findings
     "urgency": 2,
     "v": 1,
     "version": "1+3f2a9c04",                 engine + the first bytes of a hash of the rules
     "why": "strong_sign"}                    the reason as a code, to be translated

``start`` and ``end`` count Unicode code points in the message as it was sealed, ``end`` excluded.
JavaScript counts UTF-16 units, so the desk slices ``Array.from(text)``.

What is set aside was found too, and is taken for the words of an everyday matter, of press or of
advertising. It counts for nothing, and is shown all the same: a person decides.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Final

__all__ = [
    "REASONS",
    "UNKNOWN_LANGUAGE",
    "Applies",
    "Finding",
    "FindingsDamagedError",
    "Flag",
    "Route",
    "RouteFound",
    "Screening",
    "Strength",
    "Why",
    "decode",
    "encode",
]

UNKNOWN_LANGUAGE: Final = "und"
_FORMAT: Final = 1
_MOST_FINDINGS: Final = 64
_LONGEST_BYTES: Final = 64 * 1024


@unique
class Strength(StrEnum):
    """How much a sign weighs in the list it comes from."""

    STRONG = "strong"
    MEDIUM = "medium"
    WEAK = "weak"


@unique
class Applies(StrEnum):
    """Whose list the strength comes from; ``ANY`` where adults' and children's agree."""

    ANY = "any"
    ADULT = "adult"
    CHILD = "child"


@unique
class Flag(StrEnum):
    """What else the words say."""

    MINOR = "minor"
    THIRD_PARTY = "third_party"
    PAST = "past"


@unique
class Route(StrEnum):
    """Who else should look at it. A route is never a rejection."""

    INFORMATION = "information"
    PRESS_OR_STUDY = "press_or_study"
    SPAM_OR_PRANK = "spam_or_prank"
    STAFF_SAFETY = "staff_safety"
    PARTNER_ABUSE = "partner_abuse"
    EVERYDAY = "everyday"


@unique
class Why(StrEnum):
    """The reason for the urgency, as a code."""

    DANGER = "danger"
    SELF_HARM = "self_harm"
    CHILD_AT_RISK = "child_at_risk"
    LIKELY_DANGER = "likely_danger"
    LIKELY_GRAVE = "likely_grave"
    GUESSED = "guessed"
    STRONG_SIGN = "strong_sign"
    SEVERAL_SIGNS = "several_signs"
    ONE_SIGN = "one_sign"
    PAST = "past"
    IMPRESSION = "impression"
    PLEA = "plea"
    PARTNER_ABUSE = "partner_abuse"
    NO_SIGN = "no_sign"
    EVERYDAY = "everyday"
    INFORMATION = "information"
    PRESS_OR_STUDY = "press_or_study"
    SPAM_OR_PRANK = "spam_or_prank"
    STAFF_SAFETY = "staff_safety"
    NO_TEXT = "no_text"
    LANGUAGE = "language"
    TOO_LONG = "too_long"


REASONS: Final[Mapping[Why, str]] = MappingProxyType(
    {
        Why.DANGER: "Words that tell of danger now.",
        Why.SELF_HARM: "Words that tell of wanting to die or of hurting oneself.",
        Why.CHILD_AT_RISK: "May be under 18, with violence, confinement or sexual use now.",
        Why.LIKELY_DANGER: "Words that together often stand in messages about danger now.",
        Why.LIKELY_GRAVE: "Words that together often stand in messages about something grave now.",
        Why.GUESSED: "May tell of danger: a word is misspelt, so read it soon.",
        Why.STRONG_SIGN: "A strong sign in a present situation.",
        Why.SEVERAL_SIGNS: "Several signs in a present situation.",
        Why.ONE_SIGN: "One sign.",
        Why.PAST: "Signs in a situation that seems to be over.",
        Why.IMPRESSION: "Somebody's impression of another person.",
        Why.PLEA: "Asks for help, or says that contact may not be safe.",
        Why.PARTNER_ABUSE: "Signs of abuse by a partner.",
        Why.NO_SIGN: "No signs found. That does not mean there are none.",
        Why.EVERYDAY: "Reads like an everyday matter. What could be signs is taken for that.",
        Why.INFORMATION: "Reads like a question for information.",
        Why.PRESS_OR_STUDY: "Reads like press, study or teaching.",
        Why.SPAM_OR_PRANK: "Reads like advertising, a test or a joke.",
        Why.STAFF_SAFETY: "Asks about people here or threatens the team. Tell the shift lead.",
        Why.NO_TEXT: "This message has no text we can read.",
        Why.LANGUAGE: "The rules do not know this language.",
        Why.TOO_LONG: "Only the beginning was screened: the message is very long.",
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One explained hit. ``start`` and ``end`` are code points of the original text."""

    category: str
    start: int
    end: int
    rule: str
    explanation: str
    instrument: str
    item: str
    strength: Strength
    applies: Applies
    guess: bool = False
    """A word of it is spelt wrong, and only taken for the one that the rule looks for."""


@dataclass(frozen=True, slots=True)
class RouteFound:
    """A route and the words that point to it."""

    route: Route
    start: int
    end: int
    rule: str


@dataclass(frozen=True, slots=True)
class FlagFound:
    """A flag and the words that say so."""

    flag: Flag
    start: int
    end: int
    rule: str


@dataclass(frozen=True, slots=True)
class Screening:
    """What screening says about one message. It orders; it decides nothing else.

    ``screened`` is false where nothing could be said: the urgency is then 1 and ``why`` says so.
    """

    screened: bool
    urgency: int
    why: Why
    findings: tuple[Finding, ...] = ()
    flags: tuple[Flag, ...] = ()
    routes: tuple[RouteFound, ...] = ()
    language: str = UNKNOWN_LANGUAGE
    version: str = ""
    set_aside: tuple[Finding, ...] = ()
    """Found and not counted: taken for an everyday matter, quoted or joking words. Shown."""
    flag_words: tuple[FlagFound, ...] = ()
    """The words the flags rest on: of each up to two that rules found, and three by weighing."""

    @property
    def reason(self) -> str:
        """Why this urgency, as an English sentence."""
        return REASONS[self.why]


class FindingsDamagedError(Exception):
    """These bytes are not findings of a version that this program reads."""


def encode(screening: Screening) -> bytes:
    """Return the canonical bytes of a screening."""
    aside = [_finding_shape(finding) for finding in screening.set_aside]
    words = [
        {"flag": found.flag.value, "start": found.start, "end": found.end, "rule": found.rule}
        for found in screening.flag_words
    ]
    shape = {
        **({"set_aside": aside} if aside else {}),
        **({"flag_words": words} if words else {}),
        "v": _FORMAT,
        "version": screening.version,
        "screened": screening.screened,
        "urgency": screening.urgency,
        "why": screening.why.value,
        "reason": screening.reason,
        "language": screening.language,
        "flags": sorted(flag.value for flag in screening.flags),
        "routes": [
            {"route": found.route.value, "start": found.start, "end": found.end, "rule": found.rule}
            for found in screening.routes
        ],
        "findings": [_finding_shape(finding) for finding in screening.findings],
    }
    return json.dumps(
        shape, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()


def decode(data: bytes) -> Screening:
    """Return the screening in these bytes; raise ``FindingsDamagedError`` for anything else."""
    if len(data) > _LONGEST_BYTES:
        raise FindingsDamagedError("findings are longer than any that are written")
    try:
        shape = json.loads(data)
        screening = _from_shape(shape)
        same = encode(screening) == data
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise FindingsDamagedError("not findings of a version this program reads") from None
    if not same:
        raise FindingsDamagedError("findings are not in their canonical form")
    return screening


def _finding_shape(finding: Finding) -> dict[str, object]:
    guess = {"guess": True} if finding.guess else {}
    return {
        **guess,
        "category": finding.category,
        "start": finding.start,
        "end": finding.end,
        "rule": finding.rule,
        "explanation": finding.explanation,
        "instrument": finding.instrument,
        "item": finding.item,
        "strength": finding.strength.value,
        "applies": finding.applies.value,
    }


def _from_shape(shape: Mapping[str, object]) -> Screening:
    if shape["v"] != _FORMAT:
        raise ValueError
    urgency = _number(shape["urgency"])
    if urgency > 3:  # noqa: PLR2004 -- the highest urgency there is
        raise ValueError
    return Screening(
        screened=_boolean(shape["screened"]),
        urgency=urgency,
        why=Why(_string(shape["why"])),
        findings=tuple(_finding(one) for one in _entries(shape["findings"])),
        flags=tuple(Flag(_string(one)) for one in _items(shape["flags"])),
        routes=tuple(_route(one) for one in _entries(shape["routes"])),
        language=_string(shape["language"]),
        version=_string(shape["version"]),
        set_aside=tuple(_finding(one) for one in _entries(shape.get("set_aside", []))),
        flag_words=tuple(_flag(one) for one in _entries(shape.get("flag_words", []))),
    )


def _finding(shape: Mapping[str, object]) -> Finding:
    start, end = _span(shape)
    return Finding(
        category=_string(shape["category"]),
        start=start,
        end=end,
        rule=_string(shape["rule"]),
        explanation=_string(shape["explanation"]),
        instrument=_string(shape["instrument"]),
        item=_string(shape["item"]),
        strength=Strength(_string(shape["strength"])),
        applies=Applies(_string(shape["applies"])),
        guess=_boolean(shape.get("guess", False)),
    )


def _route(shape: Mapping[str, object]) -> RouteFound:
    start, end = _span(shape)
    return RouteFound(Route(_string(shape["route"])), start, end, _string(shape["rule"]))


def _flag(shape: Mapping[str, object]) -> FlagFound:
    start, end = _span(shape)
    return FlagFound(Flag(_string(shape["flag"])), start, end, _string(shape["rule"]))


def _span(shape: Mapping[str, object]) -> tuple[int, int]:
    start, end = _number(shape["start"]), _number(shape["end"])
    if start >= end:
        raise ValueError
    return start, end


def _items(value: object) -> list[object]:
    if not isinstance(value, list) or len(value) > _MOST_FINDINGS:
        raise TypeError
    return value


def _entries(value: object) -> list[Mapping[str, object]]:
    entries: list[Mapping[str, object]] = []
    for one in _items(value):
        if not isinstance(one, dict):
            raise TypeError
        entries.append(one)
    return entries


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _number(value: object) -> int:
    if type(value) is not int or value < 0:
        raise TypeError
    return value
