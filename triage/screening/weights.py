"""The weights of weighed evidence, from ``weights.toml``; ``evidence`` tells what they are for.

Their file holds for each question where it starts, what it must come to, and what each name adds::

    [question.everyday]
    start = -1240
    least = 0
    least_for_highest = 405
    least_for_doubt = -847
    [question.everyday.adds]
    "film" = 812
    "found debt_bondage" = -640

The caller reads the file and hands in its text.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from triage.screening.taxonomy import Taxonomy

__all__ = [
    "DANGER",
    "DANGER_NOW",
    "EVERYDAY",
    "NO_WEIGHTS",
    "WEIGHED",
    "Weights",
    "WeightsRefusedError",
    "read_weights",
]

WEIGHED: Final = "xx.weighed."
"""The ids of what is found by weighing start so; a category, or one of these two, follows."""
EVERYDAY: Final = "everyday"
DANGER_NOW: Final = "danger_now"
DANGER: Final = "immediate_danger"
_MEND: Final = "make it anew with benchmarks/weights/train.py"


@dataclass(frozen=True, slots=True)
class Weights:
    """What each name adds to each question, in thousandths of the logarithm of the odds.

    ``start`` is where each question starts and ``least`` what it must come to for a yes;
    ``least_for_highest`` the same for taking a message of urgency 3 for an everyday matter, and
    ``least_for_doubt`` for thinking enough of it to add no sign.
    ``adds`` holds by name the questions and what it adds to each.
    """

    start: Mapping[str, int]
    least: Mapping[str, int]
    least_for_highest: int
    least_for_doubt: int
    adds: Mapping[str, tuple[tuple[str, int], ...]]

    def sums(self, names: set[str]) -> dict[str, int]:
        """Return what the names amount to, by question."""
        sums = dict(self.start)
        adds = self.adds
        for name in names:
            for question, weight in adds.get(name, ()):
                sums[question] += weight
        return sums

    def sum(self, names: set[str], question: str) -> int:
        """Return what the names add to one question."""
        adds = (added for name in names for added in self.adds.get(name, ()))
        return sum([weight for asked, weight in adds if asked == question])


_NOTHING: Final[Mapping[str, int]] = MappingProxyType({})
NO_WEIGHTS: Final = Weights(_NOTHING, _NOTHING, 0, 0, MappingProxyType({}))


class WeightsRefusedError(Exception):
    """The file of weights cannot be used; the message says what is wrong."""


def read_weights(text: str, taxonomy: Taxonomy) -> Weights:
    """Read the weights; raise ``WeightsRefusedError`` for a missing part or an unknown category."""
    adds: dict[str, list[tuple[str, int]]] = {}
    try:
        asked = tomllib.loads(text)["question"]
        start = {question: int(entry["start"]) for question, entry in asked.items()}
        least = {question: int(entry["least"]) for question, entry in asked.items()}
        for question, entry in asked.items():
            for name, weight in entry["adds"].items():
                adds.setdefault(name, []).append((question, int(weight)))
        everyday = asked[EVERYDAY]
        more = int(everyday["least_for_highest"]), int(everyday["least_for_doubt"])
        unknown = {*asked} ^ {
            EVERYDAY,
            DANGER_NOW,
            *(one for one in taxonomy.categories if one in asked),
        }
    except (LookupError, ValueError, TypeError, AttributeError) as error:
        raise WeightsRefusedError(
            f"weights.toml: {type(error).__name__}: {error}; {_MEND}"
        ) from None
    if unknown:
        raise WeightsRefusedError(f"weights.toml: {sorted(unknown)} missing or unknown; {_MEND}")
    return Weights(start, least, *more, {name: tuple(one) for name, one in adds.items()})
