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

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from triage.screening.guesses import SHORTEST_GUESSED
from triage.screening.index import Known, WordIndex, name_of
from triage.screening.match import Match, Matcher
from triage.screening.rules import Pack
from triage.screening.tree import Token
from triage.screening.words import Word

__all__ = ["Reading", "read_all", "read_by"]

Tokens = dict[int, Token]
"""What one language knows of the words of a text, by their places and in their order."""

_LIKELY: Final = 0.6
_CLEARLY_BETTER: Final = 1.25
_SEVERAL: Final = 4
_MOST_OF: Final = 0.6


@dataclass(slots=True)
class Reading:
    """What the rules of one language found in one text.

    ``by_sentence`` says how many words of each sentence belong to some phrase of the language's
    rules or lists; it is counted only where there are matches to be judged.
    """

    pack: Pack
    words: Sequence[Word]
    matcher: Matcher
    matches: list[Match]
    by_sentence: Mapping[int, int] = field(default_factory=dict)
    _covered: frozenset[int] | None = None

    def covered(self) -> frozenset[int]:
        """Return the places in the text where such words start."""
        if self._covered is None:
            words = self.words
            self._covered = frozenset([words[place].start for place in self.matcher.covered()])
        return self._covered


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
        pack, tokens = packs[number], known[number]
        if pack.lexicon.starts_number(spelt):
            readings.append(_with_numbers(pack, words, tokens))
        else:
            readings.append(_reading(pack, words, tokens))
    if any(reading.matches for reading in readings):
        _judge(readings)
    return readings


def _with_numbers(pack: Pack, words: Sequence[Word], known: Tokens) -> Reading:
    """Return the reading of a text that may have numbers of several words; they are no guesses."""
    own = pack.lexicon.merged(words)
    known = {place: token for place, token in known.items() if not token.guess}
    if own is words:
        return _reading(pack, words, known)
    by_start = {words[place].start: token for place, token in known.items()}
    tokens: Tokens = {}
    for place, word in enumerate(own):
        if word.number is not None:
            tokens[place] = pack.lexicon.of_number(word.number)
        elif word.start in by_start:
            tokens[place] = by_start[word.start]
    return _reading(pack, own, tokens)


def _known(words: Sequence[Word], index: WordIndex) -> tuple[dict[int, Tokens], list[int]]:
    """Return what each language that knows some word knows, and the words that none knows."""
    known: dict[int, Tokens] = {}
    unknown: list[int] = []
    for place, there in _asked(words, index):
        if not there:
            unknown.append(place)
        for number, token in there:
            if number in known:
                known[number][place] = token
            else:
                known[number] = {place: token}
    numbers = [(place, word.number) for place, word in enumerate(words) if word.number is not None]
    for place, value in numbers:
        of_number = index.numbers(value)
        for number, tokens in known.items():
            tokens[place] = of_number[number]
    if numbers:
        known = {number: _in_order(tokens) for number, tokens in known.items()}
    return known, unknown


def _asked(words: Sequence[Word], index: WordIndex) -> Iterator[tuple[int, Known]]:
    """Return the places of all words, each with what is known of it."""
    kept = index.kept
    asked: dict[tuple[str, ...], Known] = {}
    for place, word in enumerate(words):
        spellings = word.spellings
        if spellings:
            # Most words have one spelling, by which they are kept: asked here, without a call.
            name = spellings[0] if len(spellings) == 1 else name_of(spellings)
            there = kept.get(name)
            if there is None:
                there = asked.get(spellings)
                if there is None:
                    there = asked[spellings] = index.known(word)
            yield place, there


def _in_order(tokens: Tokens) -> Tokens:
    return dict(sorted(tokens.items()))


def _reading(pack: Pack, words: Sequence[Word], tokens: Tokens) -> Reading:
    matcher = Matcher(words, tokens, pack)
    return Reading(pack, words, matcher, matcher.matches())


def _guess(
    packs: Sequence[Pack],
    words: Sequence[Word],
    known: dict[int, Tokens],
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
        number: len(known.get(number, ()))
        for number, pack in enumerate(packs)
        if pack.lexicon.guesses is not None
    }
    most = max(counts.values(), default=0)
    for number, count in counts.items():
        if count >= _LIKELY * most:
            guess = packs[number].lexicon.guess
            guessed = {place: token for place in unknown if (token := guess(words[place]))}
            if guessed:
                known[number] = _in_order(known.get(number, {}) | guessed)


def _judge(readings: Sequence[Reading]) -> None:
    """Leave out the hits that are rather another language's (rule 3)."""
    most: dict[int, int] = {}
    for reading in readings:
        reading.by_sentence = reading.matcher.by_sentence()
        for sentence, count in reading.by_sentence.items():
            if count > most.get(sentence, 0):
                most[sentence] = count
    for reading in readings:
        if reading.matches:
            reading.matches = [
                match for match in reading.matches if not _judged(reading, match, readings, most)
            ]


def _judged(
    reading: Reading, match: Match, readings: Sequence[Reading], most: Mapping[int, int]
) -> bool:
    """Say whether a hit is rather another language's; ``most``: who knows most of a sentence."""
    first = reading.words[match.first]
    sentence = first.sentence
    own, best = reading.by_sentence[sentence], most[sentence]
    if own == 1 and best >= _SEVERAL and not first.is_cluster:
        length = sum([word.is_word and word.sentence == sentence for word in reading.words])
        if best >= _MOST_OF * length:
            return True
    if best <= own * _CLEARLY_BETTER:
        return False
    spoken = {word.start for word in reading.words[match.first : match.after]}
    spoken &= reading.covered()
    return any(
        other is not reading
        and other.by_sentence.get(sentence, 0) > own * _CLEARLY_BETTER
        and spoken <= other.covered()
        for other in readings
    )
