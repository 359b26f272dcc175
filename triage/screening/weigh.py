"""From matches to findings, flags, routes and an urgency with its reason.

Theory of operation
-------------------
1.  Urgency 3: danger or self-harm now; or somebody under 18 now with sexual exploitation,
    violence or confinement.
2.  Urgency 2: in a present situation any strong sign, or signs of two kinds.
3.  Urgency 1: one sign, a plea, a situation that is over, an impression of somebody else, abuse
    by a partner; and everything about which nothing could be said.
4.  Urgency 0 needs words that say why: information, press, study, advertising, joke, probing.
    Silence of the rules is never a 0, nor are the words of somebody who may be under 18.
5.  Words in a press, study or advertising text are quoted ones, unless the writer stands in the
    story. Danger and self-harm are never taken for quoted.
6.  A situation is past when the words say that it is over and nothing says that it goes on.
    Danger makes it present, unless the writer says to be safe now. Self-harm is always present.
7.  What rests on a spelling guess makes no urgency 3 by itself: danger is then 2.
8.  A loose rule adds a sign where no other rule found one of its category. It makes no urgency 3,
    and urgency 2 only beside a sign of another kind that is not loose; it lifts no urgency 0.
9.  Joking words lower only what is no danger, no violence and no sexual exploitation, and only
    together with laughter.
10. Signs that are left out by 5, 8 or 9 are set aside: they count for nothing and are shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from triage.screening.findings import (
    Applies,
    Finding,
    Flag,
    FlagFound,
    Route,
    RouteFound,
    Strength,
    Why,
)
from triage.screening.match import Match
from triage.screening.reading import Reading
from triage.screening.rules import Signal, WordList
from triage.screening.taxonomy import Kind, Taxonomy

__all__ = ["MOST_FINDINGS", "Weighed", "weigh"]

MOST_FINDINGS: Final = 24
_MOST_ROUTES: Final = 8
_MOST_FLAG_WORDS: Final = 2
_WRITER_REACH: Final = 2
_GUESSED: Final = 2
_GUESS: Final = "Spelling guess."
_DANGER: Final = "immediate_danger"
_SELF_HARM: Final = "self_harm"
_NEVER_JOKED_AWAY: Final = frozenset(
    {_DANGER, _SELF_HARM, "physical_sexual_violence", "sexual_exploitation"}
)
_RANK: Final = {strength: rank for rank, strength in enumerate(Strength)}
_QUOTING: Final = (Route.PRESS_OR_STUDY, Route.SPAM_OR_PRANK)
_ROUTES_BY_RANK: Final = (
    (Route.STAFF_SAFETY, Why.STAFF_SAFETY),
    (Route.PRESS_OR_STUDY, Why.PRESS_OR_STUDY),
    (Route.SPAM_OR_PRANK, Why.SPAM_OR_PRANK),
    (Route.INFORMATION, Why.INFORMATION),
)


@dataclass(frozen=True, slots=True)
class Weighed:
    """The outcome; ``why`` is ``NO_SIGN`` where no rule said anything about the urgency.

    ``is_over``, ``goes_on`` and ``is_tempered`` are for what weighing adds: what is told is said to
    be over, or to go on; it is an impression of somebody else's life, or a partner's abuse, and so
    stays 1 without something new.
    """

    urgency: int
    why: Why
    findings: tuple[Finding, ...]
    flags: tuple[Flag, ...]
    routes: tuple[RouteFound, ...]
    set_aside: tuple[Finding, ...] = ()
    flag_words: tuple[FlagFound, ...] = ()
    is_over: bool = False
    goes_on: bool = False
    is_tempered: bool = False


@dataclass(slots=True)
class _Hit:
    """A match in places of the text."""

    match: Match
    start: int
    end: int
    reading: Reading

    @property
    def names_writer(self) -> bool:
        """Say whether the writer stands in its words; few messages depend on it."""
        return _names_writer(self.reading, self.match)


def weigh(readings: Sequence[Reading], taxonomy: Taxonomy) -> Weighed:
    """Return what all languages' matches amount to."""
    hits = [hit for reading in readings for hit in _placed(reading)]
    signals = {hit.match.rule.signal for hit in hits if hit.match.rule.signal is not None}
    flags = {hit.match.rule.flag for hit in hits if hit.match.rule.flag is not None}
    routes = _routes(hits)
    named = {found.route for found in routes}
    every = _signs(hits)
    signs = _without_quoted(every, named)
    if Signal.JOKE in signals and Signal.LAUGHTER in signals:
        signs = [hit for hit in signs if hit.match.rule.category in _NEVER_JOKED_AWAY]
        if not signs:
            named.add(Route.SPAM_OR_PRANK)
            signals.discard(Signal.DISTRESS)
    kept = _flags(flags, signals, signs, hits)
    findings = _findings(signs, taxonomy, minor=Flag.MINOR in kept)
    loose = {hit.match.rule.id for hit in signs if hit.match.rule.is_loose}
    firm = tuple([finding for finding in findings if finding.rule not in loose])
    urgency, why = _urgency(firm, kept, signals, named, taxonomy)
    aside = _left_out(every, signs)
    if urgency == 0:
        findings = firm
        aside += [hit for hit in signs if hit.match.rule.is_loose]
    elif len(firm) < len(findings) and urgency < _GUESSED:
        urgency, why = _calmer(findings, kept, signals, named, taxonomy)
        if urgency > 1 and not _has_indicator(firm, taxonomy):
            urgency, why = 1, Why.ONE_SIGN
    set_aside = _findings(aside, taxonomy, minor=Flag.MINOR in kept) if aside else ()
    goes_on = Signal.STILL in signals
    is_tempered = Route.PARTNER_ABUSE in named or _is_impression(kept, signals)
    if urgency == 0:
        kept.clear()
    return Weighed(
        urgency=urgency,
        why=why,
        findings=findings,
        flags=tuple(sorted(kept)),
        routes=routes,
        set_aside=set_aside,
        flag_words=_flag_words(hits, kept),
        is_over=Flag.PAST in flags and not goes_on,
        goes_on=goes_on,
        is_tempered=is_tempered,
    )


def _flag_words(hits: Sequence[_Hit], flags: set[Flag]) -> tuple[FlagFound, ...]:
    """Return where the flags are said, each place once."""
    found: dict[tuple[Flag, int, int], FlagFound] = {}
    for hit in sorted(hits, key=lambda hit: (hit.start, hit.end)):
        flag = hit.match.rule.flag
        if flag in flags and sum(one.flag is flag for one in found.values()) < _MOST_FLAG_WORDS:
            place = (flag, hit.start, hit.end)
            found.setdefault(place, FlagFound(*place, hit.match.rule.id))
    return tuple(found.values())


def _is_impression(flags: set[Flag], signals: set[Signal]) -> bool:
    """Say whether somebody tells how another's life looks to them."""
    return Flag.THIRD_PARTY in flags and Signal.IMPRESSION in signals


def _has_indicator(findings: Sequence[Finding], taxonomy: Taxonomy) -> bool:
    return any(taxonomy.categories[one.category].kind is Kind.INDICATOR for one in findings)


def _urgency(
    findings: Sequence[Finding],
    flags: set[Flag],
    signals: set[Signal],
    routes: set[Route],
    taxonomy: Taxonomy,
) -> tuple[int, Why]:
    sure = {finding.category for finding in findings if not finding.guess}
    if (danger := _danger(sure, flags, signals, taxonomy)) is not None:
        return 3, danger
    urgency, why = _calmer(findings, flags, signals, routes, taxonomy)
    every = {finding.category for finding in findings}
    if urgency < _GUESSED and _danger(every, flags, signals, taxonomy) is not None:
        return _GUESSED, Why.GUESSED
    return urgency, why


def _placed(reading: Reading) -> list[_Hit]:
    return [
        _Hit(
            match,
            reading.words[match.first].start,
            reading.words[match.after - 1].end,
            reading,
        )
        for match in reading.matches
    ]


def _names_writer(reading: Reading, match: Match) -> bool:
    """Say whether the writer stands in the match, or right before it without another between."""
    words, places = reading.words, reading.matcher.places
    writer = places(WordList.WRITER)
    if any(place in writer for place in range(match.first, match.after)):
        return True
    beside, breaks = places(WordList.BESIDE_WRITER), places(WordList.BREAKS)
    others = places(WordList.OTHER_SUBJECTS)
    reach = _WRITER_REACH * reading.pack.step
    for place in range(match.first - 1, max(-1, match.first - 1 - reach), -1):
        if place in beside:
            return True
        other_clause = words[place].clause != words[match.first].clause
        if other_clause or place in breaks or place in others:
            return False
    return False


def _routes(hits: Sequence[_Hit]) -> tuple[RouteFound, ...]:
    found = {
        (hit.start, hit.end, hit.match.rule.route): RouteFound(
            hit.match.rule.route, hit.start, hit.end, hit.match.rule.id
        )
        for hit in hits
        if hit.match.rule.route is not None
    }
    return tuple(sorted(found.values(), key=lambda one: (one.start, one.end)))[:_MOST_ROUTES]


def _signs(hits: Sequence[_Hit]) -> list[_Hit]:
    """Return hits that are signs, of each category none that lies inside or across another."""
    signs = [hit for hit in hits if hit.match.rule.category is not None]
    signs.sort(
        key=lambda hit: (
            *(hit.match.rule.is_loose, hit.match.guess, _weight(hit)),
            *(hit.start - hit.end, hit.start),
        )
    )
    kept: list[_Hit] = []
    taken: dict[str | None, list[_Hit]] = {}
    for hit in signs:
        others = taken.setdefault(hit.match.rule.category, [])
        if len(others) == MOST_FINDINGS or (others and hit.match.rule.is_loose):
            continue
        if all(hit.end <= other.start or other.end <= hit.start for other in others):
            others.append(hit)
            kept.append(hit)
    return sorted(kept, key=lambda hit: (hit.start, hit.end))


def _weight(hit: _Hit) -> int:
    return 0 if hit.match.rule.strength is Strength.STRONG else 1


def _without_quoted(signs: list[_Hit], routes: set[Route]) -> list[_Hit]:
    """Leave out quoted signs (rule 5)."""
    if routes.isdisjoint(_QUOTING) or any(
        hit.names_writer for hit in signs if not hit.match.rule.is_loose
    ):
        return signs
    return [hit for hit in signs if hit.match.rule.category in {_DANGER, _SELF_HARM}]


def _left_out(every: Sequence[_Hit], kept: Sequence[_Hit]) -> list[_Hit]:
    if len(kept) == len(every):
        return []
    counted = {id(hit) for hit in kept}
    return [hit for hit in every if id(hit) not in counted]


def _flags(
    flags: set[Flag], signals: set[Signal], signs: Sequence[_Hit], hits: Sequence[_Hit]
) -> set[Flag]:
    """Return the flags that hold, seen together with the rest of the message."""
    kept = set(flags)
    goes_on = Signal.STILL in signals or any(hit.match.rule.category == _DANGER for hit in signs)
    if not signs or (goes_on and Signal.SAFE_NOW not in signals):
        kept.discard(Flag.PAST)
    if Flag.THIRD_PARTY in kept and any(_tells(hit) and hit.names_writer for hit in hits):
        kept.discard(Flag.THIRD_PARTY)
    if not signs and Flag.THIRD_PARTY in kept:
        # Other people are mentioned in any message; without a sign or worry it means nothing.
        if signals.isdisjoint({Signal.IMPRESSION, Signal.DISTRESS}) and not any(
            hit.names_writer for hit in hits if hit.match.rule.flag is Flag.MINOR
        ):
            kept.discard(Flag.MINOR)
        if Signal.IMPRESSION not in signals:
            kept.discard(Flag.THIRD_PARTY)
    return kept


def _tells(hit: _Hit) -> bool:
    """Say whether a hit tells of what happens; a plea says nothing about whose story it is.

    Nor does a loose one: far apart as its words may stand, the writer's are easily among them.
    """
    return not hit.match.rule.is_loose and hit.match.rule.category not in {
        None,
        "plea_or_constrained_contact",
    }


def _findings(signs: Sequence[_Hit], taxonomy: Taxonomy, *, minor: bool) -> tuple[Finding, ...]:
    found: list[Finding] = []
    for hit in signs:
        rule = hit.match.rule
        category = taxonomy.categories[rule.category or ""]
        strength, applies = category.strength(minor=minor)
        if rule.strength is not None and (rule.is_loose or strength is not Strength.STRONG):
            strength, applies = rule.strength, Applies.ANY
        found.append(
            Finding(
                category=category.id,
                start=hit.start,
                end=hit.end,
                rule=rule.id,
                explanation=f"{rule.explain} {_GUESS}" if hit.match.guess else rule.explain,
                instrument=rule.instrument,
                item=rule.item,
                strength=strength,
                applies=applies,
                guess=hit.match.guess,
            )
        )
    # Where there are too many, those that weigh most are kept.
    found.sort(key=lambda one: (_kind_rank(one, taxonomy), _RANK[one.strength], one.start))
    return tuple(sorted(found[:MOST_FINDINGS], key=lambda one: (one.start, one.end)))


def _kind_rank(finding: Finding, taxonomy: Taxonomy) -> int:
    return 0 if taxonomy.categories[finding.category].kind is Kind.DANGER else 1


def _danger(
    categories: set[str], flags: set[Flag], signals: set[Signal], taxonomy: Taxonomy
) -> Why | None:
    """Return why it is urgency 3 now, if it is (rule 1)."""
    if Flag.PAST in flags:
        return Why.SELF_HARM if _SELF_HARM in categories else None
    if _DANGER in categories:
        return Why.DANGER
    if _SELF_HARM in categories:
        return Why.SELF_HARM
    guessed = _is_impression(flags, signals)
    harmed = any(taxonomy.categories[category].child_danger for category in categories)
    return Why.CHILD_AT_RISK if Flag.MINOR in flags and harmed and not guessed else None


def _calmer(
    findings: Sequence[Finding],
    flags: set[Flag],
    signals: set[Signal],
    routes: set[Route],
    taxonomy: Taxonomy,
) -> tuple[int, Why]:
    """Return urgency and reason where there is no danger now (rules 2 to 4)."""
    told = [one for one in findings if taxonomy.categories[one.category].kind is Kind.INDICATOR]
    if told:
        return _told(told, past=Flag.PAST in flags, guessed=_is_impression(flags, signals))
    if findings:
        return 1, Why.PLEA
    if Route.PARTNER_ABUSE in routes:
        return 1, Why.PARTNER_ABUSE
    zero = next((why for route, why in _ROUTES_BY_RANK if route in routes), None)
    if zero is None or Signal.DISTRESS in signals or Flag.MINOR in flags:
        return 1, Why.NO_SIGN
    return 0, zero


def _told(told: Sequence[Finding], *, past: bool, guessed: bool) -> tuple[int, Why]:
    """Return urgency and reason for a message that tells of signs."""
    if past:
        return 1, Why.PAST
    if guessed:
        return 1, Why.IMPRESSION
    if any(one.strength is Strength.STRONG for one in told):
        return 2, Why.STRONG_SIGN
    if len({one.category for one in told}) > 1:
        return 2, Why.SEVERAL_SIGNS
    return 1, Why.ONE_SIGN
