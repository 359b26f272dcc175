"""What every language makes of one message.

1.  Each language reads the whole message by its own rules.
2.  A word of six letters or more that none of them knows may be spelt wrong. The languages that
    know most of the other words are asked what it was meant to be.
3.  What one language finds is dropped where another reads that sentence better and knows all the
    words of the hit: relatives share words but not their negations, and who knows the sentence best
    has judged those words already. Words of one language amid another's are kept: the better reader
    does not know them. Only where a language knows nothing of a whole sentence but the one word of
    its hit, and another reads most of it, the word is taken for a chance likeness; and so is a hit
    of one word, or of a loose rule, in a sentence of which another knows much more, where nothing
    is in letters of its own. English ones are not, since everybody mixes them in, nor is self-harm.
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
_MUCH_BETTER: Final = 1 / 0.6
_NEVER_LEFT_OUT: Final = "self_harm"
_MIXED_IN: Final = "en"
_SEVERAL: Final = 4
_MOST_OF: Final = 0.6


@dataclass(slots=True)
class Reading:
    """What the rules of one language found in one text.

    ``places``: where its words stand among those that all languages read, if it has its own.
    ``covered`` says of each of those words, by 1 or 0, whether some phrase of the language's rules
    or lists stands there; ``by_sentence`` the same of the words of a sentence, as one number.
    """

    pack: Pack
    words: Sequence[Word]
    matcher: Matcher
    places: Sequence[int] | None = None
    covered: bytearray = field(default_factory=bytearray)
    by_sentence: dict[int, int] = field(default_factory=dict)
    matches: list[Match] = field(default_factory=list)


def read_by(pack: Pack, words: Sequence[Word]) -> Reading:
    """Return what one language alone makes of a text."""
    own = pack.lexicon.merged(words)
    reading = _reading(pack, own, pack.lexicon.tokens(own))
    reading.matches = reading.matcher.matches()
    return reading


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
    _judge(words, readings)
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
    reading = _reading(pack, own, tokens)
    reading.places = _places(own, words)
    return reading


def _places(own: Sequence[Word], words: Sequence[Word]) -> list[int]:
    """Return where each word of a language's own stands, or starts, among those of all."""
    found: list[int] = []
    place = 0
    for word in own:
        while words[place].start != word.start:
            place += 1
        found.append(place)
        place += 1
    return found


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
    return Reading(pack, words, Matcher(words, tokens, pack))


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


@dataclass(slots=True)
class _Sentence:
    """Where a sentence begins and ends, and what each language that knows some of it knows."""

    begin: int
    end: int
    words: int = 0
    known: list[int] = field(default_factory=list)
    most: int = 0


def _judge(words: Sequence[Word], readings: Sequence[Reading]) -> None:
    """Try the rules, and leave out the hits that are rather another language's (rule 3).

    Most languages know little of most sentences, and nothing that another does not know better:
    whatever their rules found there would be left out. So they are not tried there at all.
    """
    sentences = _sentences(words)
    for reading in readings:
        _cover(reading, words, sentences)
    best = max(readings, key=lambda one: one.covered.count(1), default=None)
    for reading in readings:
        if best is not None and _is_read_better(reading, best):
            continue
        left = {
            number
            for number, known in reading.by_sentence.items()
            if _is_chance(known, sentences[number], words)
            or _is_known_better(known, sentences[number])
        }
        reading.matches = [
            match
            for match in reading.matcher.matches(left)
            if not _is_judged(reading, match, readings, sentences)
        ]
        if reading.matches and reading.pack.language != _MIXED_IN:
            _leave_out_likenesses(reading, sentences, words)


def _sentences(words: Sequence[Word]) -> dict[int, _Sentence]:
    found: dict[int, _Sentence] = {}
    for place, word in enumerate(words):
        sentence = found.get(word.sentence)
        if sentence is None:
            sentence = found[word.sentence] = _Sentence(place, place)
        sentence.end = place + 1
        sentence.words += word.is_word
    return found


def _cover(reading: Reading, words: Sequence[Word], sentences: Mapping[int, _Sentence]) -> None:
    """Fill in which words a language knows, of the text and of each sentence."""
    covered = reading.matcher.covered()
    if reading.places is not None:
        own, covered = covered, bytearray(len(words))
        for place, known in zip(reading.places, own, strict=True):
            covered[place] = known
    reading.covered = covered
    for number, sentence in sentences.items():
        known = _bits(covered, sentence.begin, sentence.end)
        if known:
            reading.by_sentence[number] = known
            sentence.known.append(known)
            sentence.most = max(sentence.most, known.bit_count())


def _bits(covered: bytearray, begin: int, end: int) -> int:
    """Return some words as one number, so that what two languages know is compared in one step."""
    return int.from_bytes(covered[begin:end], "little")


def _is_known_better(known: int, sentence: _Sentence) -> bool:
    """Say whether another language knows clearly more of a sentence, and all that this one does."""
    own = known.bit_count() * _CLEARLY_BETTER
    return sentence.most > own and any(
        not known & ~other and other.bit_count() > own for other in sentence.known
    )


def _is_read_better(reading: Reading, best: Reading) -> bool:
    """Say whether the language that knows most knows each sentence better, and all of this one."""
    for number, known in reading.by_sentence.items():
        other = best.by_sentence.get(number, 0)
        if known & ~other or other.bit_count() <= known.bit_count() * _CLEARLY_BETTER:
            return False
    return True


def _is_chance(known: int, sentence: _Sentence, words: Sequence[Word]) -> bool:
    """Say whether one word alone is known of a sentence that another language reads."""
    if known.bit_count() > 1 or sentence.most < max(_SEVERAL, _MOST_OF * sentence.words):
        return False
    return not words[sentence.begin + known.bit_length() // 8].is_cluster


def _leave_out_likenesses(
    reading: Reading, sentences: Mapping[int, _Sentence], words: Sequence[Word]
) -> None:
    """Leave out hits of one word, or of a loose rule, that stand among many of another language."""
    alike = {
        number
        for number, known in reading.by_sentence.items()
        if _is_read_elsewhere(known, sentences[number], words)
    }
    reading.matches = [
        match
        for match in reading.matches
        if reading.words[match.first].sentence not in alike
        or match.rule.category == _NEVER_LEFT_OUT
        or (match.after - match.first > 1 and not match.rule.is_loose)
    ]


def _is_read_elsewhere(known: int, sentence: _Sentence, words: Sequence[Word]) -> bool:
    """Say whether another language knows much more of a sentence, in the same letters."""
    if sentence.most <= known.bit_count() * _MUCH_BETTER:
        return False
    best = max(sentence.known, key=int.bit_count)
    return _letters(known, sentence, words) <= _letters(best, sentence, words)


def _letters(known: int, sentence: _Sentence, words: Sequence[Word]) -> set[int]:
    """Return the blocks of Unicode in which words begin that a language knows of a sentence."""
    marks = known.to_bytes(sentence.end - sentence.begin, "little")
    spoken = [words[sentence.begin + place] for place, mark in enumerate(marks) if mark]
    return {ord(word.spellings[0][0]) >> 8 for word in spoken if word.spellings}


def _is_judged(
    reading: Reading,
    match: Match,
    readings: Sequence[Reading],
    sentences: Mapping[int, _Sentence],
) -> bool:
    """Say whether a hit is rather another language's."""
    number = reading.words[match.first].sentence
    own = reading.by_sentence[number].bit_count() * _CLEARLY_BETTER
    if sentences[number].most <= own:
        return False
    begin, end = match.first, match.after
    if reading.places is not None:
        begin, end = reading.places[begin], reading.places[end - 1] + 1
    spoken = _bits(reading.covered, begin, end)
    return any(
        other.by_sentence.get(number, 0).bit_count() > own
        and not spoken & ~_bits(other.covered, begin, end)
        for other in readings
    )
