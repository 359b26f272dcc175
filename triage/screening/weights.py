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
    [question.danger_now]
    start = -2100
    least = 201
    least_beside_grave = -847
    least_for_any = -1386

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
    "GRAVE_NOW",
    "NO_WEIGHTS",
    "OVER",
    "SOMEBODY_ELSE",
    "WEIGHED",
    "Weights",
    "WeightsRefusedError",
    "read_weights",
]

WEIGHED: Final = "xx.weighed."
"""The ids of what is found by weighing start so; a category, or one of these, follows."""
EVERYDAY: Final = "everyday"
DANGER_NOW: Final = "danger_now"
GRAVE_NOW: Final = "grave_now"
OVER: Final = "over"
SOMEBODY_ELSE: Final = "somebody_else"
_BESIDE_CATEGORIES: Final = (EVERYDAY, DANGER_NOW, GRAVE_NOW, OVER, SOMEBODY_ELSE)
DANGER: Final = "immediate_danger"
_BITS: Final = 32
_LANE: Final = (1 << _BITS) - 1
_HALF: Final = 1 << _BITS - 1
_MEND: Final = "make it anew with benchmarks/weights/train.py"


@dataclass(frozen=True, slots=True)
class Weights:
    """What each name adds to each question, in thousandths of the logarithm of the odds.

    ``start`` is where each question starts and ``least`` what it must come to for a yes;
    ``least_for_highest`` the same for taking a message of urgency 3 for an everyday matter, and
    ``least_for_doubt`` for thinking enough of it to add no sign; ``least_beside_grave`` for danger
    in a message of urgency 2, and ``least_for_any`` for danger or something grave in one of 0.
    ``of`` holds by question what each name adds, and ``together`` by name the same in one whole
    number, 32 bits for each question in their order: one addition adds to all.
    """

    start: Mapping[str, int]
    least: Mapping[str, int]
    least_for_highest: int
    least_for_doubt: int
    least_beside_grave: int
    least_for_any: int
    of: Mapping[str, Mapping[str, int]]
    together: Mapping[str, int]

    def sums(self, names: set[str]) -> dict[str, int]:
        """Return what the names amount to, by question."""
        together = self.together
        total = sum([together[name] for name in names if name in together])
        sums: dict[str, int] = {}
        for question, start in self.start.items():
            lane = (total + _HALF & _LANE) - _HALF
            total = total - lane >> _BITS
            sums[question] = start + lane
        return sums

    def sum(self, names: set[str], question: str) -> int:
        """Return what the names add to one question."""
        adds = self.of[question]
        return sum([adds[name] for name in names if name in adds])


_NOTHING: Final[Mapping[str, int]] = MappingProxyType({})
NO_WEIGHTS: Final = Weights(_NOTHING, _NOTHING, 0, 0, 0, 0, MappingProxyType({}), _NOTHING)


class WeightsRefusedError(Exception):
    """The file of weights cannot be used; the message says what is wrong."""


def read_weights(text: str, taxonomy: Taxonomy) -> Weights:
    """Read the weights; raise ``WeightsRefusedError`` for a missing part or an unknown category."""
    try:
        asked = tomllib.loads(text)["question"]
        start = {question: int(entry["start"]) for question, entry in asked.items()}
        least = {question: int(entry["least"]) for question, entry in asked.items()}
        of = {
            question: {name: int(weight) for name, weight in entry["adds"].items()}
            for question, entry in asked.items()
        }
        everyday, danger = asked[EVERYDAY], asked[DANGER_NOW]
        more = (
            int(everyday["least_for_highest"]),
            int(everyday["least_for_doubt"]),
            int(danger["least_beside_grave"]),
            int(danger["least_for_any"]),
        )
        unknown = {*asked} ^ {
            *_BESIDE_CATEGORIES,
            *(one for one in taxonomy.categories if one in asked),
        }
    except (LookupError, ValueError, TypeError, AttributeError) as error:
        raise WeightsRefusedError(
            f"weights.toml: {type(error).__name__}: {error}; {_MEND}"
        ) from None
    if unknown:
        raise WeightsRefusedError(f"weights.toml: {sorted(unknown)} missing or unknown; {_MEND}")
    together: dict[str, int] = {}
    for number, adds in enumerate(of.values()):
        for name, weight in adds.items():
            together[name] = together.get(name, 0) + (weight << number * _BITS)
    return Weights(start, least, *more, of, together)
