"""Spelling guesses: a long word with one letter wrong, missing, doubled or swapped.

Only words that were found to have few real words near them may be guessed at, and a real word is
never mended into another. What rests on a guess is marked, and makes no urgency 3 by itself.

Two words that differ in one place agree in their first or in their second half: so the words are
kept by their halves, and a look-up costs a few steps whatever their number.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

__all__ = ["MOST_FORMS_GUESSED", "SHORTEST_GUESSED", "Guesses", "by_halves"]

SHORTEST_GUESSED: Final = 6
MOST_FORMS_GUESSED: Final = 16
"""Of a word with more forms, such as a verb, only the base is guessed at."""
_MOST_NEAR: Final = 32


class Guesses:
    """The words of one language that may be guessed at."""

    def __init__(
        self,
        forms: Mapping[str, Sequence[str]],
        real: Iterable[str],
        halves: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """``forms``: from each form to the words of the rules; ``real``: never to be mended.

        ``halves``: what ``by_halves`` says of the forms, where it is known already.
        """
        self._forms = forms
        self._real = frozenset(real)
        self._halves = by_halves(forms) if halves is None else halves

    def near(self, word: str) -> tuple[str, ...]:
        """Return the words of the rules that ``word`` may have been meant for."""
        if len(word) < SHORTEST_GUESSED or word in self._real:
            return ()
        found: dict[str, None] = {}
        for length in (len(word), len(word) - 1, len(word) + 1):
            for half in _halves(word, length):
                for form in self._halves.get(half, ()):
                    if _is_near(word, form):
                        found.update(dict.fromkeys(self._forms[form]))
        return tuple(found)


def by_halves(forms: Iterable[str]) -> dict[str, list[str]]:
    """Return the forms by the keys of their halves."""
    halves: dict[str, list[str]] = {}
    for form in forms:
        for half in _halves(form, len(form)):
            halves.setdefault(half, []).append(form)
    return {half: words[:_MOST_NEAR] for half, words in halves.items()}


def _halves(word: str, length: int) -> tuple[str, str]:
    """Return the keys of the halves that ``word`` shares with a near word of this length."""
    middle = length // 2
    return f"{length}<{word[:middle]}", f"{length}>{word[len(word) - (length - middle) :]}"


def _is_near(a: str, b: str) -> bool:
    """Say whether one letter is wrong, missing or too many, or two neighbours are swapped."""
    if len(a) > len(b):
        a, b = b, a
    first = 0
    while first < len(a) and a[first] == b[first]:
        first += 1
    if len(a) < len(b):
        return len(b) - len(a) == 1 and a[first:] == b[first + 1 :]
    swapped = a[first : first + 2] == b[first : first + 2][::-1]
    return a[first + 1 :] == b[first + 1 :] or (swapped and a[first + 2 :] == b[first + 2 :])
