"""What every language makes of one message.

1.  Each language reads the whole message by its own rules.
2.  A word of six letters or more that none of them knows may be spelt wrong. The languages that
    know most of the other words are asked what it was meant to be.
3.  What one language finds is dropped where another reads that sentence better and knows all the
    words of the hit: relatives share words but not their negations, and who knows the sentence
    best has judged those words already. Words of one language amid another's are kept: the better
    reader does not know them. Only where a language knows nothing of a whole sentence but the
    one word of its hit, and another reads most of it, the word is taken for a chance likeness.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from triage.screening.guesses import SHORTEST_GUESSED
from triage.screening.index import WordIndex
from triage.screening.match import Match, Matcher
from triage.screening.rules import Pack
from triage.screening.tree import Token
from triage.screening.words import Word

__all__ = ["Reading", "read_all", "read_by"]

_LIKELY: Final = 0.6
_CLEARLY_BETTER: Final = 1.25
_SEVERAL: Final = 4
_MOST_OF: Final = 0.6


@dataclass(slots=True)
class Reading:
    """What the rules of one language found in one text.

    ``covered`` are the places in the text where words start that belong to some phrase of the
    language's rules or lists, and ``by_sentence`` how many of them each sentence has.
    """

    pack: Pack
    words: Sequence[Word]
    tokens: Sequence[Token | None]
    matcher: Matcher
    matches: list[Match]
    covered: frozenset[int] = frozenset()
    by_sentence: Counter[int] = field(default_factory=Counter)

    def cover(self) -> None:
        """Find which places are covered; only wanted where there are matches to be judged."""
        words, places = self.words, self.matcher.covered
        self.covered = frozenset([words[place].start for place in places])
        self.by_sentence = Counter([words[place].sentence for place in places])


def read_by(pack: Pack, words: Sequence[Word]) -> Reading:
    """Return what one language alone makes of a text."""
    own = pack.lexicon.merged(words)
    return _reading(pack, own, pack.lexicon.tokens(own))


def read_all(words: Sequence[Word], packs: Sequence[Pack], index: WordIndex) -> list[Reading]:
    """Return what all languages make of a text, in the order of the packs."""
    known, unknown = _known(words, index)
    if unknown:
        _guess(packs, words, known, unknown)
    readings: list[Reading] = []
    spelt = {word.spellings[0] for word in words if word.spellings}
    for number in sorted(known):
        pack = packs[number]
        if pack.lexicon.starts_number(spelt):
            readings.append(_with_numbers(pack, words, known[number]))
        else:
            readings.append(_reading(pack, words, known[number]))
    if any(reading.matches for reading in readings):
        for reading in readings:
            reading.cover()
    for reading in readings:
        if reading.matches:
            reading.matches = [
                match for match in reading.matches if not _judged(reading, match, readings)
            ]
    return readings


def _with_numbers(pack: Pack, words: Sequence[Word], known: Sequence[Token | None]) -> Reading:
    """Return the reading of a text that may have numbers of several words; they are no guesses."""
    own = pack.lexicon.merged(words)
    by_start = {
        word.start: token
        for word, token in zip(words, known, strict=True)
        if token is not None and not token.guess
    }
    of_number = pack.lexicon.of_number
    tokens = [
        by_start.get(word.start) if word.number is None else of_number(word.number) for word in own
    ]
    return _reading(pack, own, tokens)


def _known(
    words: Sequence[Word], index: WordIndex
) -> tuple[dict[int, list[Token | None]], list[int]]:
    """Return what each language that knows some word knows of each, and the words none knows."""
    places: dict[tuple[str, ...], list[int]] = {}
    for place, word in enumerate(words):
        if word.spellings:
            places.setdefault(word.spellings, []).append(place)
    nothing: list[Token | None] = [None] * len(words)
    known: defaultdict[int, list[Token | None]] = defaultdict(nothing.copy)
    unknown: list[int] = []
    for there in places.values():
        tokens_there = index.known(words[there[0]])
        if not tokens_there:
            unknown += there
        for number, token in tokens_there:
            tokens = known[number]
            for place in there:
                tokens[place] = token
    for place, word in enumerate(words):
        if word.number is not None:
            of_number = index.numbers(word.number)
            for number, tokens in known.items():
                tokens[place] = of_number[number]
    return dict(known), unknown


def _reading(pack: Pack, words: Sequence[Word], tokens: Sequence[Token | None]) -> Reading:
    matcher = Matcher(words, tokens, pack)
    return Reading(pack, words, tokens, matcher, matcher.matches())


def _guess(
    packs: Sequence[Pack],
    words: Sequence[Word],
    known: dict[int, list[Token | None]],
    unknown: Sequence[int],
) -> None:
    """Fill in spelling guesses for words that no language knows (rule 2)."""
    unknown = [
        place
        for place in unknown
        if words[place].is_word
        and not words[place].is_cluster
        and words[place].end - words[place].start >= SHORTEST_GUESSED
    ]
    if not unknown:
        return
    counts = {
        number: sum([token is not None for token in known.get(number, ())])
        for number, pack in enumerate(packs)
        if pack.lexicon.guesses is not None
    }
    most = max(counts.values(), default=0)
    for number, count in counts.items():
        if count >= _LIKELY * most:
            for place in unknown:
                token = packs[number].lexicon.guess(words[place])
                if token is not None:
                    known.setdefault(number, [None] * len(words))[place] = token


def _judged(reading: Reading, match: Match, readings: Sequence[Reading]) -> bool:
    """Say whether the hit is rather another language's (rule 3)."""
    words = reading.words[match.first : match.after]
    sentence = words[0].sentence
    own = reading.by_sentence[sentence]
    counts = [other.by_sentence.get(sentence, 0) for other in readings]
    most = max(counts)
    if own == 1 and most >= _SEVERAL and not words[0].is_cluster:
        length = sum(word.is_word and word.sentence == sentence for word in reading.words)
        if most >= _MOST_OF * length:
            return True
    if most <= own * _CLEARLY_BETTER:
        return False
    spoken = {word.start for word in words} & reading.covered
    return any(
        other is not reading and spoken <= other.covered
        for other, count in zip(readings, counts, strict=True)
        if count > own * _CLEARLY_BETTER
    )
