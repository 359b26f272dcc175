"""From the parts of a language's files to what messages are compared with."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, Final

from triage.screening.folding import fold
from triage.screening.forms import (
    NO_ENDING,
    DictionaryForms,
    WordForms,
    joined_stems,
    read_forms,
)
from triage.screening.guesses import MOST_FORMS_GUESSED, SHORTEST_GUESSED, by_halves
from triage.screening.lexicon import HEAD
from triage.screening.match import phrases_in
from triage.screening.pack_shape import PackShape, pack_of, rule_shape, tree_shape
from triage.screening.phrases import Concepts, read_phrase
from triage.screening.respelling import RESPELLINGS, USUAL, romanised
from triage.screening.rule_entry import WrongError, as_string, as_table, split
from triage.screening.rules import Rule, WordList
from triage.screening.tones import LANGUAGES as WITH_TONES
from triage.screening.tones import toned
from triage.screening.tree import Exact, Phrase, Prefix
from triage.screening.words import is_unspaced, read_words

__all__ = ["LISTS", "WORD_KEYS", "LanguageParts", "build_shape", "dictionary_of", "inflected"]

LISTS: Final = tuple(WordList)
WORD_KEYS: Final = frozenset(
    {
        *(which.name.lower() for which in LISTS),
        *("morphology", "lemmas", "spellings", "spelling", "irregular", "numbers"),
    }
)
_MORPHOLOGIES: Final = ("english", "none", "simplemma", "arabic", "characters")
_CLUSTERS_A_WORD: Final = 3
_SHORTEST_INFLECTED: Final = 3
_SEVERAL: Final = 2
_SHORTEST_IN_CLUSTERS: Final = 3
_NOT_INFLECTED: Final = (
    WordList.NEGATORS,
    WordList.NOT_NEGATING,
    WordList.BREAKS,
    WordList.SELF_SUBJECTS,
    WordList.WRITER,
    WordList.BESIDE_WRITER,
)


class LanguageParts:
    """What the files of one language add up to."""

    def __init__(self, name: str) -> None:
        """Start with nothing; ``words`` is the ``[words]`` table of the first file."""
        self.name = name
        self.reviewed_by = ""
        self.words: Mapping[str, object] | None = None
        self.spell = toned if name in WITH_TONES else fold
        """The form in which words of the language are compared."""
        self.concepts = Concepts(self.spell)
        self.rules: dict[str, Rule] = {}
        self.switched_off: list[Rule] = []


def build_shape(language: LanguageParts, forms: Mapping[str, str]) -> PackShape:
    """Put a language together; raise ``WrongError`` or ``PhraseError`` for what is wrong."""
    table = language.words or {}
    kind = _morphology(table)
    spellings = _spellings(language.name, table)
    roman = romanised(language.name) if spellings == "cyrillic" else None
    elements = frozenset(e for phrase in language.concepts.phrases(lists=True) for e in phrase)
    plain = frozenset(element for element in elements if isinstance(element, str))
    exact = frozenset(element.word for element in elements if isinstance(element, Exact))
    known = _known_forms(kind, table, forms, inflected(language.concepts.phrases(), table))
    prefixes = frozenset(element.start for element in elements if isinstance(element, Prefix))
    numbers = _numbers(table)
    single = _numbers_of_one_word(table, language.spell)
    irregular = {
        language.spell(form): language.spell(base)
        for base, written in as_table(table.get("irregular", {})).items()
        for form in split(as_string(base, written))
    }
    guesses = _guesses(known)
    stems = joined_stems(known, roman) if kind == "simplemma" else {}
    shape = PackShape(
        language=language.name,
        reviewed_by=language.reviewed_by,
        step=_CLUSTERS_A_WORD if kind == "characters" else 1,
        rules=[rule_shape(rule) for rule in language.rules.values()],
        nodes=tree_shape(language.concepts.tree()),
        often={},
        examples=[],
        words=sorted(plain | exact),
        bare=sorted(plain) if kind == "arabic" else [],
        exact=sorted(exact),
        prefixes=sorted(prefixes),
        morphology=kind,
        respelling=spellings,
        stems=stems,
        heads=sorted(_heads(kind, plain, stems)),
        spelling={
            language.spell(written): language.spell(as_string(written, meant))
            for written, meant in as_table(table.get("spelling", {})).items()
        },
        irregular=irregular,
        numbers=single,
        number_phrases=_phrases(numbers),
        romanised=_roman_keys((plain | exact).union(single, irregular), roman),
        roman_prefixes=_roman_keys(prefixes, roman),
        guesses=guesses,
        halves=by_halves(guesses),
        real=sorted(
            {one for source in known for real in source.guessable.values() for one in real}
        ),
    )
    shape["often"] = _often(shape)
    shape["examples"] = _example_words(shape)
    return shape


def _often(shape: PackShape) -> dict[str, int]:
    """Return how many examples have each concept; of a rule the first is enough."""
    lexicon = pack_of(shape).lexicon
    counts: Counter[str] = Counter()
    for rule in shape["rules"]:
        for example in rule.get("hits", [])[:1]:
            words = lexicon.merged(read_words(example))
            found, _ = phrases_in(words, lexicon.tokens(words))
            counts.update({concept for concepts in found for concept in concepts})
    return dict(sorted(counts.items()))


def _example_words(shape: PackShape) -> list[str]:
    """Return the words of the examples that can be nothing else."""
    rules = shape["rules"]
    texts = [text for rule in rules for text in (*rule.get("hits", []), *rule.get("misses", []))]
    words = {word.spellings for word in read_words("\n".join(texts))}
    return sorted(spellings[0] for spellings in words if len(spellings) == 1)


def _roman_keys(words: Iterable[str], roman: Callable[[str], str] | None) -> dict[str, list[str]]:
    keys: dict[str, list[str]] = {}
    if roman is not None:
        for word in sorted(words):
            keys.setdefault(roman(word), []).append(word)
    return keys


def _morphology(table: Mapping[str, object]) -> str:
    kind = table.get("morphology")
    if not isinstance(kind, str) or kind not in _MORPHOLOGIES:
        raise WrongError("the morphology is not known", f"use one of {', '.join(_MORPHOLOGIES)}")
    lemmas = as_string("lemmas", table.get("lemmas", ""))
    if kind == "simplemma" and lemmas not in _dictionary().LANGUAGES:
        raise WrongError("simplemma needs lemmas", 'write its code, for example lemmas = "es"')
    return kind


def dictionary_of(table: Mapping[str, object]) -> str:
    """Return simplemma's code of a language, empty where no dictionary is used."""
    kind = table.get("morphology")
    return "en" if kind == "english" else as_string("lemmas", table.get("lemmas", ""))


def inflected(phrases: Iterator[Phrase], table: Mapping[str, object]) -> frozenset[str]:
    """Return the words whose forms are wanted: not the small ones that lists name, nor shorter."""
    small = {
        fold(word)
        for which in _NOT_INFLECTED
        for phrase in split(as_string(which.name.lower(), table.get(which.name.lower(), "")))
        for word in phrase.split()
    }
    return frozenset(
        element
        for phrase in phrases
        for element in phrase
        if isinstance(element, str)
        and len(element) >= _SHORTEST_INFLECTED
        and element.isalpha()
        and element not in small
    )


def _known_forms(
    kind: str, table: Mapping[str, object], forms: Mapping[str, str], words: frozenset[str]
) -> tuple[WordForms, ...]:
    """Return the shipped forms, and those of words that they lack."""
    lemmas = dictionary_of(table)
    if not lemmas:
        return ()
    shipped = read_forms(forms.get(lemmas, ""))
    if kind != "simplemma":
        return (shipped,)
    missing = words - shipped.words
    return (shipped, _dictionary().forms_of(lemmas, missing)) if missing else (shipped,)


def _dictionary() -> ModuleType:
    from triage.screening import dictionary  # noqa: PLC0415 -- a tenth of a second, seldom needed

    return dictionary


def _guesses(known: tuple[WordForms, ...]) -> dict[str, list[str]]:
    """Return from each form that may be guessed at to the words of the rules."""
    near = {word for source in known for word in source.guessable}
    forms: dict[str, set[str]] = {word: {word} for word in near}
    for source in known:
        for stem, entries in source.stems.items():
            for word, endings in entries:
                if word in near:
                    forms[word].update(stem + end.strip(NO_ENDING) for end in endings.split())
    words: dict[str, list[str]] = {}
    for word in sorted(forms):
        for form in sorted(forms[word]) if len(forms[word]) <= MOST_FORMS_GUESSED else [word]:
            if len(form) >= SHORTEST_GUESSED:
                words.setdefault(form, []).append(word)
    return words


def _spellings(name: str, table: Mapping[str, object]) -> str:
    spellings = as_string("spellings", table.get("spellings", "")) or USUAL.get(name, "none")
    if spellings not in {*RESPELLINGS, "cyrillic"}:
        known_ways = ", ".join((*RESPELLINGS, "cyrillic"))
        raise WrongError('"spellings" is not known', f"use one of {known_ways}, or leave it out")
    return spellings


def _heads(
    kind: str, plain: frozenset[str], stems: Mapping[str, Sequence[Sequence[str]]]
) -> frozenset[str]:
    """Return the first letters of forms beyond those of the words themselves."""
    if kind == "english":
        return frozenset(word[: HEAD - 1] for word in plain if len(word) == HEAD)  # deny, denies
    return DictionaryForms(stems).heads()


def _numbers(table: Mapping[str, object]) -> dict[tuple[str, ...], int]:
    """Return the numbers by their folded words, or by the clusters of these."""
    numbers = as_table(table.get("numbers", {}))
    if not all(type(number) is int and number >= 0 for number in numbers.values()):
        raise WrongError("[words.numbers] needs numbers", "write for example fifteen = 15")
    return {
        tuple(str(element) for element in read_phrase(written)): int(str(number))
        for written, number in numbers.items()
    }


def _numbers_of_one_word(
    table: Mapping[str, object], spell: Callable[[str], str]
) -> dict[str, int]:
    """Return the numbers of one word as the language spells it."""
    return {
        str(phrase[0]): int(str(number))
        for written, number in as_table(table.get("numbers", {})).items()
        if len(phrase := read_phrase(written, spell)) == 1
    }


def _phrases(
    numbers: Mapping[tuple[str, ...], int],
) -> dict[str, list[list[Any]]]:
    """Return numbers of several words, by the first of them, the longest first."""
    found: dict[str, list[list[Any]]] = {}
    for parts, number in sorted(numbers.items(), key=lambda one: -len(one[0])):
        shortest = _SHORTEST_IN_CLUSTERS if is_unspaced(parts[0][0]) else _SEVERAL
        if len(parts) >= shortest:
            found.setdefault(parts[0], []).append([list(parts), number])
    return found
