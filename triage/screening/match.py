"""Finding rules in the words of a text.

Theory of operation
-------------------
1.  One pass over the words finds every phrase of every concept, by walking the tree of phrases;
    a phrase never crosses the end of a sentence.
2.  A rule starts at each hit of its first part and takes for each next part the nearest hit after
    it, at most ``gap`` words away, in the same sentence unless the rule reaches across sentences.
    The nearest is enough: who reads along does the same.
3.  A negator up to ``REACH`` words before a match, or between its parts, undoes it, unless a
    comma, a conjunction or another person stands between: "I am not happy, he took my passport".
4.  A rule reports at most ``MOST_MATCHES`` places. All loops are bounded by constants times the
    number of words, so a flood of words costs no more than its length.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations
from typing import Final

from triage.screening.rules import Negation, Node, Pack, Rule
from triage.screening.words import Token

__all__ = ["MOST_MATCHES", "REACH", "Match", "matches"]

REACH: Final = 4
_ACTOR_REACH: Final = 4
_BESIDE: Final = 3
MOST_MATCHES: Final = 4

Hit = tuple[int, int]
"""First word and the word after the last."""


@dataclass(frozen=True, slots=True)
class Match:
    """A rule and the words it stands on: first, and the one after the last."""

    rule: Rule
    first: int
    after: int


def matches(words: Sequence[Token], pack: Pack) -> list[Match]:
    """Return where the rules of one language match, by rule and then by place."""
    reading = _Reading(words, pack)
    count = sum(word.is_word or word.number is not None for word in words)
    found: list[Match] = []
    for rule in pack.rules:
        if rule.longest_text is not None and count > rule.longest_text:
            continue
        found += reading.places(rule)
    return found


class _Reading:
    """The concepts found in one text, ready to be asked."""

    def __init__(self, words: Sequence[Token], pack: Pack) -> None:
        self._words = words
        self._pack = pack
        self._hits = _concept_hits(words, pack.tree)
        self._merged: dict[frozenset[str], list[Hit]] = {}

    def places(self, rule: Rule) -> list[Match]:
        """Return the accepted places of one rule, none inside another."""
        if rule.needs and not self._merge(rule.needs):
            return []
        if any(part.isdisjoint(self._hits) for part in rule.parts):
            return []  # nothing of one part is there at all: most rules, for most messages
        orders = permutations(rule.parts) if rule.any_order else [rule.parts]
        spans = sorted({span for parts in orders for span in self._spans(rule, tuple(parts))})
        found: list[Match] = []
        for first, after in spans:
            if found and after <= found[-1].after:
                continue
            found.append(Match(rule, first, after))
        return found[:MOST_MATCHES]

    def _spans(self, rule: Rule, parts: tuple[frozenset[str], ...]) -> Iterator[Hit]:
        accepted = 0
        for start in self._merge(parts[0]):
            chain = self._chain(rule, start, parts)
            if chain is not None and self._stands(rule, chain):
                yield chain[0][0], chain[-1][1]
                accepted += 1
                if accepted == MOST_MATCHES:
                    return

    def _merge(self, concepts: frozenset[str]) -> list[Hit]:
        if concepts not in self._merged:
            hits = {hit for concept in concepts for hit in self._hits.get(concept, ())}
            self._merged[concepts] = sorted(hits)
        return self._merged[concepts]

    def _chain(
        self, rule: Rule, start: Hit, parts: tuple[frozenset[str], ...]
    ) -> tuple[Hit, ...] | None:
        chain, sentence = [start], self._words[start[0]].sentence
        for part in parts[1:]:
            hits = self._merge(part)
            place = bisect_left(hits, (chain[-1][1], 0))
            if place == len(hits) or hits[place][0] - chain[-1][1] > rule.gap:
                return None
            # Of the phrases that start at the nearest place, the longest says most.
            longest = bisect_right(hits, (hits[place][0], len(self._words) + 1)) - 1
            if not rule.across and self._words[hits[longest][0]].sentence != sentence:
                return None
            chain.append(hits[longest])
        return tuple(chain)

    def _stands(self, rule: Rule, chain: tuple[Hit, ...]) -> bool:
        first, after = chain[0][0], chain[-1][1]
        if rule.negation is Negation.BLOCKS and self._is_negated(chain):
            return False
        if rule.by_others and self._writer_acts(first):
            return False
        begin, end = self._sentence(first)
        beside_from, beside_to = max(begin, first - _BESIDE), min(end, after + _BESIDE)
        return not (
            self._has(rule.unless, begin, end)
            or self._has(rule.unless_before, beside_from, first)
            or self._has(rule.unless_after, after, beside_to)
            or self._follows(rule.unless_next, after)
        )

    def _has(self, concepts: frozenset[str], begin: int, end: int) -> bool:
        """Say whether one of the concepts stands whole between two places."""
        if not concepts or begin >= end:
            return False
        hits = self._merge(concepts)
        place = bisect_left(hits, (begin, 0))
        while place < len(hits) and hits[place][0] < end:
            if hits[place][1] <= end:
                return True
            place += 1
        return False

    def _follows(self, concepts: frozenset[str], place: int) -> bool:
        """Say whether one of the concepts starts at a place."""
        hits = self._merge(concepts) if concepts else []
        found = bisect_left(hits, (place, 0))
        return found < len(hits) and hits[found][0] == place

    def _sentence(self, place: int) -> Hit:
        """Return the sentence around a word, by bisection: sentences are numbered in order."""
        number = self._words[place].sentence
        begin = bisect_left(self._words, number, key=_sentence_of)
        end = bisect_right(self._words, number, key=_sentence_of)
        return begin, end

    def _is_negated(self, chain: tuple[Hit, ...]) -> bool:
        for (_, left), (right, _) in pairwise(chain):
            if any(self._negates(place) for place in range(left, right)):
                return True
        first = chain[0][0]
        # Who acts opens a clause of their own: only a word right before it can negate it.
        people = self._pack.self_subjects | self._pack.other_subjects
        starts_clause = not people.isdisjoint(self._words[first].written)
        reach = 1 if starts_clause else REACH
        return any(self._negates(place) for place in self._before(first, reach))

    def _negates(self, place: int) -> bool:
        if not self._pack.negators.intersection(self._words[place].written):
            return False
        if place + 1 == len(self._words):
            return True
        return self._pack.not_negating.isdisjoint(self._words[place + 1].forms)

    def _before(self, first: int, reach: int) -> Iterator[int]:
        """Go back from a match, to the nearest break or other person, at most ``reach`` words."""
        stops = self._pack.breaks | self._pack.self_subjects | self._pack.other_subjects
        clause = self._words[first].clause
        for place in range(first - 1, max(-1, first - 1 - reach), -1):
            word = self._words[place]
            if word.clause != clause or not stops.isdisjoint(word.written):
                return
            yield place

    def _writer_acts(self, first: int) -> bool:
        """Say whether the nearest person before the match, in its clause, is the writer."""
        clause = self._words[first].clause
        for place in range(first - 1, max(-1, first - 1 - _ACTOR_REACH), -1):
            word = self._words[place]
            if word.clause != clause or not self._pack.other_subjects.isdisjoint(word.written):
                return False
            if not self._pack.self_subjects.isdisjoint(word.written):
                return True
        return False


def _sentence_of(word: Token) -> int:
    return word.sentence


def _concept_hits(words: Sequence[Token], tree: Node) -> dict[str, list[Hit]]:
    hits: defaultdict[str, list[Hit]] = defaultdict(list)
    for first, word in enumerate(words):
        nodes, place = [tree], first
        while nodes and place < len(words) and words[place].sentence == word.sentence:
            nodes = [after for node in nodes for after in _next(node, words[place])]
            place += 1
            for concept in {concept for node in nodes for concept in node.concepts}:
                hits[concept].append((first, place))
    return dict(hits)


def _next(node: Node, word: Token) -> Iterator[Node]:
    for form in word.forms:
        if form in node.words:
            yield node.words[form]
    for written in word.written:
        if written in node.exact:
            yield node.exact[written]
        yield from _by_prefix(node, written)
    if word.number is not None:
        for numbers, after in node.numbers.items():
            if numbers.low <= word.number <= numbers.high:
                yield after


def _by_prefix(node: Node, written: str) -> Iterator[Node]:
    if node.prefixes:
        for length in range(1, len(written) + 1):
            if written[:length] in node.prefixes:
                yield node.prefixes[written[:length]]
