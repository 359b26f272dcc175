"""How long people usually wait for a first answer, said so that it tells of nobody.

Theory of operation
-------------------
1.  Only whole hours are known: when a conversation began, and when it was first answered.
2.  What is said is one of a few bounds: the least within which four of five were answered. Who was
    not answered counts as waiting for longer, once the bound has passed for them.
3.  Below `FEWEST` first answers nothing is said, nor where the largest bound does not hold.
4.  Whoever shows it looks once a day: who asks before and after an answer learns nothing of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

__all__ = ["BOUNDS", "FEWEST", "LOOK_BACK_HOURS", "FirstAnswer", "usual_wait"]

BOUNDS: Final = (1, 3, 6, 12, 24, 48, 72)
"""Hours of which one is said."""

FEWEST: Final = 20
LOOK_BACK_HOURS: Final = 28 * 24
_OF_FIVE: Final = 4


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """When a conversation began and was first answered, in hours since 1970; None: not yet."""

    began: int
    answered: int | None

    def is_within(self, bound: int) -> bool:
        """Whether it surely took no longer: hours are rounded, so one is added."""
        return self.answered is not None and self.answered - self.began + 1 <= bound


def usual_wait(answers: Iterable[FirstAnswer], now: int) -> int | None:
    """Return the hours within which people are usually answered; None: nothing is said."""
    known = list(answers)
    if sum(one.answered is not None for one in known) < FEWEST:
        return None
    for bound in BOUNDS:
        over = [one for one in known if one.answered is not None or now - one.began > bound]
        if sum(one.is_within(bound) for one in over) * (_OF_FIVE + 1) >= len(over) * _OF_FIVE:
            return bound
    return None
