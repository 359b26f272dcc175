"""The clock: the only place that asks the machine what time it is.

Everything else is handed a `Clock`, so that tests of expiry turn it and rules in `triage` take
`now` as an argument.
"""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What a process knows about time."""

    def now(self) -> datetime:
        """Return the wall clock's time, aware, in UTC."""
        ...

    def unix(self) -> int:
        """Return the wall clock's time in whole seconds since 1970-01-01 UTC, rounded down."""
        ...

    def monotonic(self) -> float:
        """Return seconds since an arbitrary start; never goes back, whatever is set by hand."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the wall clock's time, aware, in UTC."""
        return datetime.now(UTC)

    def unix(self) -> int:
        """Return the wall clock's time in whole seconds since 1970-01-01 UTC, rounded down."""
        return int(time.time())

    def monotonic(self) -> float:
        """Return seconds since an arbitrary start; never goes back, whatever is set by hand."""
        return time.monotonic()
