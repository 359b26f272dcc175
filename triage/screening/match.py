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
5.  Distances are in words; where a script is read in clusters, three of them are one word.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, permutations
from typing import Final

from triage.screening.rules import Negation, Pack, Rule, WordList
from triage.screening.tree import Token, following
from triage.screening.words import Word

__all__ = ["MOST_MATCHES", "REACH", "Hit", "Match", "Matcher", "concept_hits"]

REACH: Final = 4
_REACH_AFTER: Final = 3
_ACTOR_REACH: Final = 4
_BESIDE: Final = 3
_SHORT_NEGATOR: Final = 1
MOST_MATCHES: Final = 4

Hit = tuple[int, int]
"""First word and the word after the last."""


@dataclass(frozen=True, slots=True)
class Match:
    """A rule and the words it stands on: first, and the one after the last.

    ``guess``: one of the words is spelt wrong and only taken for what the rule looks for.
    """

    rule: Rule
    first: int
    after: int
    guess: bool = False


class Matcher:
    """The concepts of one language found in one text, ready to be asked."""

    def __init__(self, words: Sequence[Word], tokens: Sequence[Token | None], pack: Pack) -> None:
        """``tokens``: what the language knows of each word."""
        self._words = words
        self._tokens = tokens
        self._pack = pack
        self.hits, self.covered = concept_hits(words, tokens)
        self._there = set(self.hits)
        self._merged: dict[frozenset[str], list[Hit]] = {}
        self._places: dict[WordList, frozenset[int]] = {}

    def matches(self) -> list[Match]:
        """Return where the rules match, by rule and then by place."""
        there, waking, rules = self._there, self._pack.waking, self._pack.rules
        numbers: set[int] = set()
        for name in there:
            if name in waking:
                numbers.update(waking[name])
        found: list[Match] = []
        for number in sorted(numbers):
            rule = rules[number]
            for part in rule.parts:
                if part.isdisjoint(there):
                    break  # nothing of one part is there at all: most rules, for most messages
            else:
                if rule.longest_text is None or self._count() <= rule.longest_text:
                    found += self._of_rule(rule)
        return found

    def places(self, which: WordList) -> frozenset[int]:
        """Return the words that stand in one of the language's lists."""
        places = self._places.get(which)
        if places is None:
            spans = self.hits.get(which, ())
            places = frozenset([p for first, after in spans for p in range(first, after)])
            self._places[which] = places
        return places

    def _count(self) -> int:
        """Return how many words and numbers the message has."""
        counted = sum(word.is_word or word.number is not None for word in self._words)
        return counted // self._pack.step

    def _of_rule(self, rule: Rule) -> list[Match]:
        """Return the accepted places of one rule, none inside another."""
        if rule.needs and not self._merge(rule.needs):
            return []
        orders = permutations(rule.parts) if rule.any_order else (rule.parts,)
        spans = [span for parts in orders for span in self._spans(rule, parts)]
        if len(spans) > 1:
            spans = sorted(set(spans))
        found: list[Match] = []
        for first, after, guess in spans:
            if found and after <= found[-1].after:
                continue
            found.append(Match(rule, first, after, guess))
        return found[:MOST_MATCHES]

    def _spans(self, rule: Rule, parts: tuple[frozenset[str], ...]) -> list[tuple[int, int, bool]]:
        found: list[tuple[int, int, bool]] = []
        for start in self._merge(parts[0]):
            chain = self._chain(rule, start, parts)
            if chain is not None and self._stands(rule, chain):
                found.append((chain[0][0], chain[-1][1], any(map(self._is_guessed, chain))))
                if len(found) == MOST_MATCHES:
                    break
        return found

    def _is_guessed(self, hit: Hit) -> bool:
        return any(token is not None and token.guess for token in self._tokens[hit[0] : hit[1]])

    def _merge(self, concepts: frozenset[str]) -> list[Hit]:
        merged = self._merged.get(concepts)
        if merged is None:
            lists = [self.hits[concept] for concept in concepts if concept in self.hits]
            # Those of one concept are in order and different already.
            merged = (
                lists[0] if len(lists) == 1 else sorted({hit for hits in lists for hit in hits})
            )
            self._merged[concepts] = merged
        return merged

    def _chain(
        self, rule: Rule, start: Hit, parts: tuple[frozenset[str], ...]
    ) -> tuple[Hit, ...] | None:
        if len(parts) == 1:
            return (start,)
        found, sentence = [start], self._words[start[0]].sentence
        gap, after = rule.gap * self._pack.step, start[1]
        for part in parts[1:]:
            hits = self._merge(part)
            place = bisect_left(hits, (after, 0))
            if place == len(hits) or hits[place][0] - after > gap:
                return None
            # Of the phrases that start at the nearest place, the longest says most.
            longest = bisect_right(hits, (hits[place][0], len(self._words) + 1)) - 1
            if not rule.across and self._words[hits[longest][0]].sentence != sentence:
                return None
            found.append(hits[longest])
            after = hits[longest][1]
        return tuple(found)

    def _stands(self, rule: Rule, chain: tuple[Hit, ...]) -> bool:
        first, after = chain[0][0], chain[-1][1]
        if rule.negation is Negation.BLOCKS and self._is_negated(chain):
            return False
        if rule.negation is Negation.IGNORED and self._is_out_of_reach(chain):
            return False
        if rule.by_others and self._writer_acts(first):
            return False
        if not rule.excludes:
            return True
        begin, end = self._sentence(first)
        beside = _BESIDE * self._pack.step
        return not (
            self._has(rule.unless, begin, end)
            or self._has(rule.unless_before, max(begin, first - beside), first)
            or self._has(rule.unless_after, after, min(end, after + beside))
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

    @cached_property
    def _persons(self) -> frozenset[int]:
        return self.places(WordList.SELF_SUBJECTS) | self.places(WordList.OTHER_SUBJECTS)

    @cached_property
    def _stops(self) -> frozenset[int]:
        """Where a negator's reach ends."""
        return self._persons | self.places(WordList.BREAKS)

    @cached_property
    def _negating(self) -> frozenset[int]:
        """Where a word stands that turns what follows into its opposite."""
        negators = self.places(WordList.NEGATORS) | self.places(WordList.NEGATORS_AFTER)
        undone = self.places(WordList.NOT_NEGATING)
        return frozenset([place for place in negators if place + 1 not in undone])

    def _is_negated(self, chain: tuple[Hit, ...]) -> bool:
        negating = self._negating
        if not negating:
            return False
        for (_, left), (right, _) in pairwise(chain):
            if left < right and not negating.isdisjoint(range(left, right)):
                return True
        return self._is_negated_before(chain[0][0]) or self._is_negated_after(chain)

    def _is_negated_before(self, first: int) -> bool:
        """Go back from a match, to the nearest break or other person, for a negator."""
        # Who acts opens a clause of their own: only a word right before it can negate it.
        reach = (1 if first in self._persons else REACH) * self._pack.step
        negating, stops, words = self._negating, self._stops, self._words
        clause = words[first].clause
        for place in range(first - 1, max(-1, first - 1 - reach), -1):
            if words[place].clause != clause or place in stops:
                return False
            if place in negating:
                return True
        return False

    def _is_out_of_reach(self, chain: tuple[Hit, ...]) -> bool:
        """Say whether a negator that a rule looks for belongs to another clause than the rest.

        "Nobody beats me and I get my pay" is not "nobody gives me my pay".
        """
        negators, breaks = self.places(WordList.NEGATORS), self.places(WordList.BREAKS)
        for (first, after), (until, _) in pairwise(chain):
            if first not in negators or after > first + _SHORT_NEGATOR * self._pack.step:
                continue
            if self._words[until].clause != self._words[first].clause or any(
                place in breaks for place in range(after, until)
            ):
                return True
        return False

    def _is_negated_after(self, chain: tuple[Hit, ...]) -> bool:
        negators, after = self.places(WordList.NEGATORS_AFTER), chain[-1][1]
        if not negators:
            return False
        clause = self._words[after - 1].clause
        last = min(len(self._words), after + _REACH_AFTER * self._pack.step)
        for place in range(after, last):
            if self._words[place].clause != clause or place in self._stops:
                return False
            if place in negators:
                return place + 1 not in self.places(WordList.NOT_NEGATING)
        return False

    def _writer_acts(self, first: int) -> bool:
        """Say whether the nearest person before the match, in its clause, is the writer."""
        others = self.places(WordList.OTHER_SUBJECTS)
        clause = self._words[first].clause
        reach = _ACTOR_REACH * self._pack.step
        for place in range(first - 1, max(-1, first - 1 - reach), -1):
            if self._words[place].clause != clause or place in others:
                return False
            if place in self.places(WordList.SELF_SUBJECTS):
                return True
        return False


def _sentence_of(word: Word) -> int:
    return word.sentence


def concept_hits(
    words: Sequence[Word], tokens: Sequence[Token | None]
) -> tuple[Mapping[str, list[Hit]], set[int]]:
    """Return where phrases of each concept stand, in order of place and then of length.

    With it the places of all words that belong to one.
    """
    hits: defaultdict[str, list[Hit]] = defaultdict(list)
    covered: set[int] = set()
    after_last = len(words)
    for first, token in [(place, token) for place, token in enumerate(tokens) if token]:
        place = first + 1
        if token.ends:
            hit = (first, place)
            covered.add(first)
            for concept in token.ends:
                hits[concept].append(hit)
        nodes = token.roots
        while nodes and place < after_last:
            next_token = tokens[place]
            if next_token is None or words[place].sentence != words[first].sentence:
                break
            nodes = following(nodes, next_token)
            if not nodes:
                break
            place += 1
            if len(nodes) == 1:
                concepts: Collection[str] = nodes[0].concepts
            else:
                concepts = {concept for node in nodes for concept in node.concepts}
            if concepts:
                hit = (first, place)
                covered.update(range(first, place))
                for concept in concepts:
                    hits[concept].append(hit)
    return dict(hits), covered
