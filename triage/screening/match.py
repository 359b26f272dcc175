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
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise, permutations
from typing import Final, NamedTuple

from triage.screening.rules import Negation, Pack, Rule, WordList
from triage.screening.tree import Node, Token, following
from triage.screening.words import Word

__all__ = ["MOST_MATCHES", "REACH", "Hit", "Match", "Matcher", "phrases_in"]

REACH: Final = 4
_REACH_AFTER: Final = 3
_ACTOR_REACH: Final = 4
_BESIDE: Final = 3
_SHORT_NEGATOR: Final = 1
MOST_MATCHES: Final = 4

Hit = tuple[int, int]
"""First word and the word after the last."""
Phrases = tuple[list[Sequence[str]], list[Hit]]
"""Concepts, and beside each where a phrase of all of them stands; no place is named twice."""
_NOWHERE: Final = frozenset[int]()


class Match(NamedTuple):
    """A rule and the words it stands on: first, and the one after the last.

    ``guess``: one of the words is spelt wrong and only taken for what the rule looks for.
    """

    rule: Rule
    first: int
    after: int
    guess: bool = False


class Matcher:
    """The concepts of one language found in one text, ready to be asked.

    In most messages most languages know a few words and find nothing: so what rules ask for is
    put together when the first of them asks.
    """

    def __init__(self, words: Sequence[Word], tokens: Mapping[int, Token], pack: Pack) -> None:
        """``tokens``: what the language knows of words, by their places and in their order."""
        self._words = words
        self._tokens = tokens
        self._pack = pack
        self._concepts, self._stand = phrases_in(words, tokens)
        self._found: set[str] | None = None
        self._left: AbstractSet[int] = _NOWHERE
        self._hits: defaultdict[str, list[Hit]] = defaultdict(list)
        self._merged: dict[frozenset[str], list[Hit]] = {}
        self._places: dict[WordList, frozenset[int]] = {}
        self._persons = self._stops = self._negating = _NOWHERE
        self._guessed = _NOWHERE

    @property
    def _there(self) -> set[str]:
        """All concepts of which a phrase stands there; put together when first asked for."""
        if self._found is None:
            self._found = set().union(*self._concepts)
        return self._found

    def matches(self, left: AbstractSet[int] = _NOWHERE) -> list[Match]:
        """Return where the rules match, by rule and then by place.

        ``left``: sentences that are left to another language; only rules that reach across
        sentences look there.
        """
        found: list[Match] = []
        self._left = left
        for rule in self._woken(self._near(left) if left else self._there):
            if not self._hits:
                self._prepare()
            if rule.longest_text is None or self._count() <= rule.longest_text:
                found += self._of_rule(rule)
        return found

    def _near(self, left: AbstractSet[int]) -> set[str]:
        """Return the concepts that stand in the other sentences."""
        words = self._words
        placed = zip(self._concepts, self._stand, strict=True)
        return set().union(
            *[concepts for concepts, (first, _) in placed if words[first].sentence not in left]
        )

    def _woken(self, near: AbstractSet[str]) -> Iterator[Rule]:
        """Return the rules of which every part is there, in their order.

        Of those that stay in one sentence, every part is among the concepts that are ``near``.
        """
        there, pack = self._there, self._pack
        numbers: set[int] = set()
        for name in pack.waking.keys() & near:
            numbers.update(pack.waking[name])
        if near is not there:
            for name in pack.waking_across.keys() & there:
                numbers.update(pack.waking_across[name])
        for number in sorted(numbers):
            rule = pack.rules[number]
            within = there if rule.across else near
            for part in rule.parts:
                if part.isdisjoint(within):
                    break  # nothing of one part is there at all: most rules, for most messages
            else:
                yield rule

    def _prepare(self) -> None:
        """Put together what nearly every rule asks for, as soon as one may match."""
        hits = self._hits
        for concepts, hit in zip(self._concepts, self._stand, strict=True):
            for concept in concepts:
                hits[concept].append(hit)
        places = self.places
        self._guessed = frozenset([place for place, token in self._tokens.items() if token.guess])
        self._persons = places(WordList.SELF_SUBJECTS) | places(WordList.OTHER_SUBJECTS)
        # Where a negator's reach ends, and where a word turns what follows into its opposite.
        self._stops = self._persons | places(WordList.BREAKS)
        negators, undone = places(WordList.NEGATORS), places(WordList.NOT_NEGATING)
        negators |= places(WordList.NEGATORS_AFTER)
        self._negating = frozenset([place for place in negators if place + 1 not in undone])

    def places(self, which: WordList) -> frozenset[int]:
        """Return the words that stand in one of the language's lists."""
        if which not in self._there:
            return _NOWHERE
        places = self._places.get(which)
        if places is None:
            spans = self._hits.get(which)
            if spans is None:
                phrases = zip(self._concepts, self._stand, strict=True)
                spans = [hit for concepts, hit in phrases if which in concepts]
            places = frozenset([p for first, after in spans for p in range(first, after)])
            self._places[which] = places
        return places

    @property
    def there(self) -> frozenset[str] | set[str]:
        """The concepts of all phrases found."""
        return self._there

    def where(self, concept: str) -> Sequence[Hit]:
        """Return where a concept stands, in order."""
        if not self._hits:
            self._prepare()
        return self._hits.get(concept, ())

    def standing(self) -> Iterator[tuple[Sequence[str], Hit]]:
        """Return the concepts of each phrase found, and where it stands."""
        return zip(self._concepts, self._stand, strict=True)

    def covered(self) -> bytearray:
        """Return for each word 1 if it belongs to some phrase of the rules or lists, or else 0."""
        covered = bytearray(len(self._words))
        for first, after in self._stand:
            if after == first + 1:
                covered[first] = 1
            else:
                covered[first:after] = b"\1" * (after - first)
        return covered

    def _count(self) -> int:
        """Return how many words and numbers the message has."""
        counted = sum([word.is_word or word.number is not None for word in self._words])
        return counted // self._pack.step

    def _of_rule(self, rule: Rule) -> list[Match]:
        """Return the accepted places of one rule, none inside another."""
        if rule.needs and rule.needs.isdisjoint(self._there):
            return []
        if not rule.any_order:
            spans = self._spans(rule, rule.parts)
        else:
            orders = permutations(rule.parts)
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
        for chain in self._chains(rule, parts):
            if self._stands(rule, chain):
                found.append((chain[0][0], chain[-1][1], self._is_guessed(chain)))
                if len(found) == MOST_MATCHES:
                    break
        return found

    def _is_guessed(self, chain: tuple[Hit, ...]) -> bool:
        guessed = self._guessed
        return bool(guessed) and any(not guessed.isdisjoint(range(*hit)) for hit in chain)

    def _merge(self, concepts: frozenset[str]) -> list[Hit]:
        merged = self._merged.get(concepts)
        if merged is None:
            hits = self._hits
            lists = [hits[concept] for concept in concepts if concept in hits]
            # Those of one concept are in order and different already.
            merged = lists[0] if len(lists) == 1 else sorted(set().union(*lists))
            self._merged[concepts] = merged
        return merged

    def _not_left(self, hits: list[Hit]) -> list[Hit]:
        """Return the hits in sentences that are not left to another language."""
        words, left = self._words, self._left
        return [hit for hit in hits if words[hit[0]].sentence not in left] if left else hits

    def _chains(self, rule: Rule, parts: tuple[frozenset[str], ...]) -> Iterator[tuple[Hit, ...]]:
        """Return for each hit of the first part the nearest of the others after it."""
        if len(parts) == 1:
            yield from [(start,) for start in self._not_left(self._merge(parts[0]))]
            return
        starts, *others = [self._merge(part) for part in parts]
        if not rule.across:
            starts = self._not_left(starts)
        words, gap, across = self._words, rule.gap * self._pack.step, rule.across
        for start in starts:
            chain: tuple[Hit, ...] = (start,)
            after = start[1]
            for hits in others:
                place = bisect_left(hits, (after,))
                if place == len(hits):
                    break
                first = hits[place][0]
                if first - after > gap or (
                    not across and words[first].sentence != words[start[0]].sentence
                ):
                    break
                # Of the phrases that start at the nearest place, the longest says most.
                place += 1
                while place < len(hits) and hits[place][0] == first:
                    place += 1
                chain = (*chain, hits[place - 1])
                after = hits[place - 1][1]
            else:
                yield chain

    def _stands(self, rule: Rule, chain: tuple[Hit, ...]) -> bool:
        first, after = chain[0][0], chain[-1][1]
        if rule.negation is Negation.BLOCKS:
            if self._negating and self._is_negated(chain):
                return False
        elif self._is_out_of_reach(chain):
            return False
        if rule.by_others and self._writer_acts(first):
            return False
        there = self._there
        if (
            rule.unless.isdisjoint(there)
            and rule.unless_before.isdisjoint(there)
            and rule.unless_after.isdisjoint(there)
            and rule.unless_next.isdisjoint(there)
        ):
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
        if begin >= end or concepts.isdisjoint(self._there):
            return False
        hits = self._merge(concepts)
        place = bisect_left(hits, (begin,))
        while place < len(hits) and hits[place][0] < end:
            if hits[place][1] <= end:
                return True
            place += 1
        return False

    def _follows(self, concepts: frozenset[str], place: int) -> bool:
        """Say whether one of the concepts starts at a place."""
        if concepts.isdisjoint(self._there):
            return False
        hits = self._merge(concepts)
        found = bisect_left(hits, (place,))
        return found < len(hits) and hits[found][0] == place

    def _sentence(self, place: int) -> Hit:
        """Return the sentence around a word, by bisection: sentences are numbered in order."""
        number = self._words[place].sentence
        begin = bisect_left(self._words, number, key=_sentence_of)
        end = bisect_right(self._words, number, key=_sentence_of)
        return begin, end

    def _is_negated(self, chain: tuple[Hit, ...]) -> bool:
        negating = self._negating
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
        if not negators:
            return False
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
        writer = self.places(WordList.SELF_SUBJECTS)
        if not writer:
            return False
        others = self.places(WordList.OTHER_SUBJECTS)
        clause = self._words[first].clause
        reach = _ACTOR_REACH * self._pack.step
        for place in range(first - 1, max(-1, first - 1 - reach), -1):
            if self._words[place].clause != clause or place in others:
                return False
            if place in writer:
                return True
        return False


def _sentence_of(word: Word) -> int:
    return word.sentence


def phrases_in(words: Sequence[Word], tokens: Mapping[int, Token]) -> Phrases:
    """Return which concepts have a phrase where, in order of place and then of length."""
    found: list[Sequence[str]] = []
    stand: list[Hit] = []
    token_at = tokens.get
    for first, token in tokens.items():
        place = first + 1
        if token.ends:
            found.append(token.ends)
            stand.append((first, place))
        if not token.roots:
            continue
        after = token_at(place)
        if after is None or not (token.goes_on & after.marks or after.number is not None):
            continue
        sentence = words[first].sentence
        nodes: Sequence[Node] = token.roots
        while nodes and after is not None:
            nodes = following(nodes, after.inner, after.number)
            if not nodes or words[place].sentence != sentence:
                break
            place += 1
            concepts = nodes[0].concepts if len(nodes) == 1 else _all_of(nodes)
            if concepts:
                found.append(concepts)
                stand.append((first, place))
            nodes = [node for node in nodes if node.goes_on]
            after = token_at(place)
    return found, stand


def _all_of(nodes: Sequence[Node]) -> Sequence[str]:
    """Return the concepts of several places of the tree, each once."""
    return tuple({concept for node in nodes for concept in node.concepts})
