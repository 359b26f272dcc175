"""Times as they lie in rows: hours or minutes since 1970, so that rows tell little about when.

Everywhere else a time is in seconds since 1970. What says when something ends is rounded up, so
that nothing is forgotten before its time; what says when something happened is rounded down.
"""

from __future__ import annotations

from typing import Final

HOUR: Final = 3600
MINUTE: Final = 60


def hour_of(seconds: int) -> int:
    """The hour that `seconds` lies in."""
    return seconds // HOUR


def hour_after(seconds: int) -> int:
    """The first whole hour that is not before `seconds`."""
    return -(-seconds // HOUR)


def minute_of(seconds: int) -> int:
    """The minute that `seconds` lies in."""
    return seconds // MINUTE


def minute_after(seconds: int) -> int:
    """The first whole minute that is not before `seconds`."""
    return -(-seconds // MINUTE)
