"""Weighed evidence: what words together make likely where no rule names them all.

Theory of operation
-------------------
1.  A rule needs all its parts. People's own words have some of them, beside others of the same
    story. So what the rules' lists find anyway, the concepts, is added up: each has a weight for
    each question, learnt from labelled messages (``weights.toml``, made by
    ``benchmarks/weights/train.py``). Words as such have no weight, only their meaning: the
    weights are the same in all languages.
2.  These questions are asked. *Is it an everyday matter?* Then signs are taken for ordinary words,
    as in a text of the press, and the urgency is 1: never 0, never where somebody tells of harming
    themselves, and never where it was 2 or 3 and somebody may be under 18. The signs are set aside,
    which is shown. *Is somebody in danger now?* Then the urgency is 3; less is asked for where it
    was 2. *Does it tell of this category?* Then a weak sign is added, which changes no urgency but
    for danger, self-harm, and what would be 3 with somebody under 18. *Is it grave, and now?* Then
    signs that made it 1, or two that were added, make it 2; and what rules took for a question, for
    press or for a joke stands at 1 if there is some chance of that or of danger. *Is it over?* Then
    2 becomes 1; never where somebody tells of harming themselves, where it is said to go on, or
    where somebody may be under 18. *Is it about somebody else?* Then it is said to be, and nothing
    else changes. What speaks for an everyday matter stands beside the signs, not in their own
    words: "I am locked in" is no less a sign because people lock themselves out.
3.  Each answer but *grave* rests on words that can be named, and is not given where there are none.
    They are named; but not those of danger beside other signs.
4.  Whole numbers only: thousandths of the natural logarithm of the odds. The same text always
    gives the same answer.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from triage.screening.findings import (
    UNKNOWN_LANGUAGE,
    Applies,
    Finding,
    Flag,
    FlagFound,
    Route,
    RouteFound,
    Screening,
    Strength,
    Why,
)
from triage.screening.reading import Reading
from triage.screening.rules import RuleSet, WordList
from triage.screening.taxonomy import Category, Taxonomy
from triage.screening.weigh import Weighed
from triage.screening.weights import (
    DANGER,
    DANGER_NOW,
    EVERYDAY,
    GRAVE_NOW,
    OVER,
    SOMEBODY_ELSE,
    WEIGHED,
    Weights,
)
from triage.screening.words import Word

__all__ = ["EXPLAINED", "named", "with_evidence"]

_NEARLY_BEST: Final = 1.25
_SHORT, _LONG = 8, 25
_MOST_WORDS: Final = 3
_GRAVE: Final = 2
_HIGHEST: Final = 3
_SELF_HARM: Final = "self_harm"
_QUESTION_MARKS: Final = "?\u061f"
_WIDEST: Final = 120
_TELLING: Final = 6
"""An ordinary word is named only if it says at least a sixth of what the first one does."""
_NEAR: Final = 500
"""Farther from a yes, it is not asked what stands beside the signs."""
EXPLAINED: Final = "Words that together often stand in messages about this:"


def with_evidence(
    screening: Screening,
    weighed: Weighed,
    read: str,
    words: Sequence[Word],
    readings: Sequence[Reading],
    rules: RuleSet,
) -> Screening:
    """Return the screening with what weighing adds to it, or takes for an everyday matter."""
    weights, taxonomy = rules.weights, rules.taxonomy
    if not weights.start or screening.language == UNKNOWN_LANGUAGE:
        return screening
    evidence = _Evidence(read, readings, weights)
    sums = weights.sums(evidence.concepts() | named(screening, read, words))
    if screening.urgency == 0:
        is_doubtful = max(sums[GRAVE_NOW], sums[DANGER_NOW]) >= weights.least_for_any
        return replace(screening, urgency=1, why=Why.NO_SIGN) if is_doubtful else screening
    everyday = sums[EVERYDAY]
    if screening.findings and everyday >= weights.least[EVERYDAY] - _NEAR:
        everyday -= weights.sum(evidence.only_in(screening.findings, EVERYDAY), EVERYDAY)
        highest = screening.urgency == _HIGHEST
        if everyday >= (weights.least_for_highest if highest else weights.least[EVERYDAY]):
            return _everyday(screening, evidence)
    added: list[Finding] = []
    if everyday < weights.least_for_doubt:
        added = _added(screening, sums, evidence, taxonomy)
    asked = _Asked(weighed, sums, evidence)
    screening = _of_others(screening, asked)
    over = _over(screening, added, asked) if screening.findings or added else screening
    if over is not screening:
        return _with(over, added)
    screening = _with(screening, added)
    if weighed.is_over:
        return screening
    has_signs = bool(weighed.findings) or len(added) > 1
    is_grave = asked.says(GRAVE_NOW) and has_signs and not weighed.is_tempered
    if is_grave and screening.urgency == 1:
        screening = replace(screening, urgency=_GRAVE, why=Why.LIKELY_GRAVE)
    return _highest(screening, added, asked, taxonomy)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the rules said, and what a text comes to for each question."""

    weighed: Weighed
    sums: Mapping[str, int]
    evidence: "_Evidence"

    def says(self, question: str) -> bool:
        return self.sums[question] >= self.evidence.weights.least[question]

    def is_in_danger(self, urgency: int) -> bool:
        """Say whether danger now is likely; beside what is grave anyway less is asked for."""
        weights = self.evidence.weights
        least = weights.least_beside_grave if urgency == _GRAVE else weights.least[DANGER_NOW]
        return self.sums[DANGER_NOW] >= least


def _with(screening: Screening, added: Sequence[Finding]) -> Screening:
    """Add signs; they change no urgency by themselves."""
    if not added:
        return screening
    why = Why.ONE_SIGN if screening.why is Why.NO_SIGN else screening.why
    return replace(screening, findings=_in_order(screening.findings, added), why=why)


def _of_others(screening: Screening, asked: _Asked) -> Screening:
    if not asked.says(SOMEBODY_ELSE) or Flag.THIRD_PARTY in screening.flags:
        return screening
    return _flagged(screening, Flag.THIRD_PARTY, SOMEBODY_ELSE, asked.evidence)


def _over(screening: Screening, added: Sequence[Finding], asked: _Asked) -> Screening:
    """Take what is told for something that is over."""
    is_kept = (
        not asked.says(OVER)
        or asked.weighed.goes_on
        or screening.urgency == _HIGHEST
        or bool({Flag.PAST, Flag.MINOR}.intersection(screening.flags))
        or any(one.category == _SELF_HARM for one in (*screening.findings, *added))
    )
    if is_kept:
        return screening
    over = _flagged(screening, Flag.PAST, OVER, asked.evidence)
    return over if over is screening else replace(over, urgency=1, why=Why.PAST)


def _flagged(screening: Screening, flag: Flag, question: str, evidence: "_Evidence") -> Screening:
    """Add a flag with the words that say so; nothing where there are none."""
    words = evidence.words(question, common=evidence.common())
    if not words:
        return screening
    said = [FlagFound(flag, *span, WEIGHED + question) for span in words]
    return replace(
        screening,
        flags=tuple(sorted({*screening.flags, flag})),
        flag_words=(*screening.flag_words, *said),
    )


def named(screening: Screening, read: str, words: Sequence[Word]) -> set[str]:
    """Return the names of what is weighed beside concepts: what the rules said, and the form."""
    found = {one.category for one in screening.findings}
    names = {f"found {category}" for category in found}
    names.update(f"flag {flag}" for flag in screening.flags)
    names.update(f"route {one.route}" for one in screening.routes)
    names.add(f"urgency {screening.urgency}")
    count = sum([word.is_word for word in words])
    if count <= _SHORT:
        names.add("short text")
    elif count > _LONG:
        names.add("long text")
    if any(mark in read for mark in _QUESTION_MARKS):
        names.add("question mark")
    if not found:
        names.add("found nothing")
    elif len(found) > 1:
        names.add("found several")
    if found and all(one.strength is Strength.WEAK for one in screening.findings):
        names.add("found weak")
    if any(one.guess for one in screening.findings):
        names.add("found by guess")
    return names


def _best(readings: Sequence[Reading]) -> list[tuple[Reading, frozenset[int]]]:
    """Return the languages that know most of some sentence, or nearly, and which sentences."""
    most: dict[int, int] = {}
    for reading in readings:
        for sentence, known in reading.by_sentence.items():
            most[sentence] = max(most.get(sentence, 0), known.bit_count())
    best: list[tuple[Reading, frozenset[int]]] = []
    for reading in readings:
        well = [
            sentence
            for sentence, known in reading.by_sentence.items()
            if known.bit_count() * _NEARLY_BEST >= most[sentence]
        ]
        if well:
            best.append((reading, frozenset(well)))
    return best


class _Evidence:
    """What a text has to say, by concept, and where."""

    def __init__(self, read: str, readings: Sequence[Reading], weights: Weights) -> None:
        self.read = read
        self.weights = weights
        self._best = _best(readings)

    def concepts(self) -> set[str]:
        """Return all concepts."""
        found: set[str] = set()
        for reading, sentences in self._best:
            if len(sentences) == len(reading.by_sentence):
                found.update(reading.matcher.there)
                continue
            words = reading.words
            for concepts, (first, _) in reading.matcher.standing():
                if words[first].sentence in sentences:
                    found.update(concepts)
        found.discard(WordList.COMMON)
        return found

    def only_in(self, findings: Sequence[Finding], question: str) -> set[str]:
        """Return the concepts asked about that stand nowhere but in the words of these signs."""
        signs = [(one.start, one.end) for one in findings]
        inside: set[str] = set()
        beside: set[str] = set()
        for concept, span in self._standing(self.weights.of[question]):
            (inside if _inside(span, signs) else beside).add(concept)
        return inside - beside

    def common(self) -> frozenset[tuple[int, int]]:
        """Return the places of words such as "the", which explain little."""
        return frozenset(
            (reading.words[place].start, reading.words[place].end)
            for reading, _ in self._best
            for place in reading.matcher.places(WordList.COMMON)
        )

    def tells(self, spans: Sequence[tuple[int, int]], common: frozenset[tuple[int, int]]) -> bool:
        """Say whether a word that is not a common one stands in these places."""
        return any(
            (word.start, word.end) not in common and _inside((word.start, word.end), spans)
            for reading, _ in self._best
            for word in reading.words
        )

    def words(
        self,
        question: str,
        signs: Sequence[tuple[int, int]] = (),
        common: frozenset[tuple[int, int]] = frozenset(),
    ) -> list[tuple[int, int]]:
        """Return the places of the few words that said most for it, in order, beside signs.

        Those in ``common`` are named only where there are no others.
        """
        weights = self.weights.of[question]
        found: dict[tuple[int, int], int] = {}
        for concept, span in self._standing(weights):
            # Lists such as negators are too ordinary to be named as a reason.
            weight = 0 if concept[0] == "=" else weights[concept]
            if weight > found.get(span, 0) and not _inside(span, signs):
                found[span] = weight
        kept: list[tuple[int, int]] = []
        telling = {span: weight for span, weight in found.items() if span not in common}
        if not telling and common:
            most = max(found.values(), default=0)
            telling = {span: said for span, said in found.items() if said * _TELLING >= most}
        found = telling
        for start, end in sorted(found, key=lambda span: (-found[span], span)):
            if all(end <= other[0] or other[1] <= start for other in kept):
                kept.append((start, end))
            if len(kept) == _MOST_WORDS:
                break
        return sorted(kept)

    def _standing(self, wanted: Mapping[str, int]) -> Iterator[tuple[str, tuple[int, int]]]:
        """Return these concepts, and where in the text they stand."""
        for reading, sentences in self._best:
            words, where = reading.words, reading.matcher.where
            for concept in reading.matcher.there.intersection(wanted):
                for first, after in where(concept):
                    if words[first].sentence in sentences:
                        yield concept, (words[first].start, words[after - 1].end)


def _in_order(some: Sequence[Finding], others: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted((*some, *others), key=lambda one: (one.start, one.end)))


def _inside(span: tuple[int, int], signs: Sequence[tuple[int, int]]) -> bool:
    return any(start <= span[0] and span[1] <= end for start, end in signs)


def _everyday(screening: Screening, evidence: _Evidence) -> Screening:
    """Set signs aside as ordinary words: the urgency is 1; they and what says so are shown."""
    if not screening.findings or any(one.category == _SELF_HARM for one in screening.findings):
        return screening
    if Flag.MINOR in screening.flags and screening.urgency > 1:
        return screening
    signs = [(one.start, one.end) for one in screening.findings]
    common = evidence.common()
    words = evidence.words(EVERYDAY, signs, common=common)
    if not evidence.tells(words, common):
        return screening  # "I am locked in": nothing but the sign says anything
    shown = [RouteFound(Route.EVERYDAY, *span, WEIGHED + EVERYDAY) for span in words]
    return replace(
        screening,
        urgency=1,
        why=Why.EVERYDAY,
        findings=(),
        set_aside=_in_order(screening.set_aside, screening.findings),
        flags=tuple(flag for flag in screening.flags if flag is not Flag.PAST),
        flag_words=tuple(one for one in screening.flag_words if one.flag is not Flag.PAST),
        routes=(*screening.routes, *shown),
    )


def _added(
    screening: Screening, sums: Mapping[str, int], evidence: _Evidence, taxonomy: Taxonomy
) -> list[Finding]:
    there = {one.category for one in screening.findings}
    found: list[Finding] = []
    for question, least in evidence.weights.least.items():
        if sums[question] < least or question in there or question not in taxonomy.categories:
            continue
        words = evidence.words(question)
        if words:
            found.append(_sign(WEIGHED + question, taxonomy.categories[question], words, evidence))
    return found


def _highest(
    screening: Screening, added: Sequence[Finding], asked: _Asked, taxonomy: Taxonomy
) -> Screening:
    """Raise the urgency to 3 where danger is likely, or where a sign that was added tells of it."""
    if screening.urgency == _HIGHEST:
        return screening
    signs = {one.category for one in added}
    words = asked.evidence.words(DANGER_NOW) if asked.is_in_danger(screening.urgency) else []
    if words:
        return _raised(screening, words, asked.evidence, taxonomy)
    if _SELF_HARM in signs or DANGER in signs:
        return replace(screening, urgency=_HIGHEST, why=Why.LIKELY_DANGER)
    harmed = any(taxonomy.categories[one].child_danger for one in signs)
    if harmed and Flag.MINOR in screening.flags and not asked.weighed.is_tempered:
        return replace(screening, urgency=_HIGHEST, why=Why.CHILD_AT_RISK)
    return screening


def _raised(
    screening: Screening,
    words: Sequence[tuple[int, int]],
    evidence: "_Evidence",
    taxonomy: Taxonomy,
) -> Screening:
    """Raise the urgency to 3; where nothing else was found, with a sign that names the words."""
    if not screening.findings:
        danger = taxonomy.categories[DANGER]
        screening = _with(screening, [_sign(WEIGHED + DANGER_NOW, danger, words, evidence)])
    return replace(screening, urgency=_HIGHEST, why=Why.LIKELY_DANGER)


def _sign(
    rule: str, category: Category, words: Sequence[tuple[int, int]], evidence: _Evidence
) -> Finding:
    """Return a weak sign over the words that carried it, which its explanation names."""
    start, end = words[0][0], words[-1][1]
    if end - start > _WIDEST:
        start, end = words[0]
    quoted = ", ".join(f"\u201c{evidence.read[first:after]}\u201d" for first, after in words)
    return Finding(
        category=category.id,
        start=start,
        end=end,
        rule=rule,
        explanation=f"{EXPLAINED} {quoted}",
        instrument=category.instrument,
        item=category.item,
        strength=Strength.WEAK,
        applies=Applies.ANY,
    )
