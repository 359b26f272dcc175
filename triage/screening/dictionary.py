"""simplemma's dictionaries, turned round: from a word to all its forms.

Reading goes record by record over the packed data, so that no dictionary is ever whole in memory
(Polish alone would take half a gigabyte). It takes about a second for a million words and is done
for words that no shipped file of forms holds: while rules are written, and for an organisation's
own words.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from simplemma.strategies.dictionaries import frontcode
from simplemma.strategies.dictionaries.dictionary_factory import (
    SUPPORTED_LANGUAGES,
    _read_decompressed,  # the public way holds the whole dictionary in memory
)

from triage.screening.folding import fold
from triage.screening.forms import NO_ENDING, WordForms, as_lines, read_forms
from triage.screening.guesses import MOST_FORMS_GUESSED, SHORTEST_GUESSED, Guesses

__all__ = ["LANGUAGES", "file_lines", "forms_of"]

LANGUAGES: Final = SUPPORTED_LANGUAGES
_MOST_NEAR: Final = 8


def forms_of(language: str, words: frozenset[str]) -> WordForms:
    """Return the forms of folded words; those the dictionary lacks have none but themselves."""
    return read_forms("\n".join(_form_lines(language, words)))


def file_lines(language: str, words: frozenset[str]) -> list[str]:
    """Return the lines of a file to ship: forms, and the words that may be guessed at.

    A word may be guessed at if it is long enough and no more than a few real words look like it.
    """
    lines = _form_lines(language, words)
    forms: dict[str, set[str]] = {word: {word} for word in words}
    for stem, entries in read_forms("\n".join(lines)).stems.items():
        for word, endings in entries:
            forms[word].update(stem + ending.strip(NO_ENDING) for ending in endings.split())
    near = _near_words(language, forms)
    return [*lines, *(" ".join(("?", word, *sorted(near[word]))) for word in sorted(near))]


def _form_lines(language: str, words: frozenset[str]) -> list[str]:
    """Return the same as lines of a file of forms."""
    data = _read_decompressed(language)
    bases: dict[bytes, set[str]] = {}
    for form, base in _entries(data):
        folded = fold(form.decode())
        if folded in words:
            bases.setdefault(base, set()).add(folded)
    found: dict[str, set[str]] = {}
    for form, base in _entries(data):
        for word in bases.get(base, ()):
            folded = fold(form.decode())
            if folded.isalpha():
                found.setdefault(word, set()).add(folded)
    unknown = sorted(words.difference(found))
    return [*as_lines(found), *([f"! {' '.join(unknown)}"] if unknown else [])]


def _entries(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield form and base of each record."""
    backwards, _, place = frontcode._read_header(data)  # noqa: SLF001 -- the only way without holding all of it in memory
    for _, form, base in frontcode._iter_records(data, place):  # noqa: SLF001 -- record by record, for the same reason
        yield (form[::-1], base[::-1]) if backwards else (form, base)


def _near_words(language: str, forms: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return the words that may be guessed at, each with the real words near one of its forms."""
    guessed: dict[str, list[str]] = {}
    for word, own in sorted(forms.items()):  # in order, or the same rules gave other files
        for form in sorted(own) if len(own) <= MOST_FORMS_GUESSED else [word]:
            if len(form) >= SHORTEST_GUESSED:
                guessed.setdefault(form, []).append(word)
    guesses = Guesses(guessed, ())
    near: dict[str, set[str]] = {word: set() for words in guessed.values() for word in words}
    for written, _ in _entries(_read_decompressed(language)):
        folded = fold(written.decode())
        for word in guesses.near(folded):
            if folded not in forms[word]:
                near[word].add(folded)
    return {word: found for word, found in near.items() if len(found) <= _MOST_NEAR}
