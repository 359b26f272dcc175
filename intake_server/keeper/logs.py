"""The keeper's few log lines: JSON on standard error, with the standard library alone.

The other processes log through structlog; the keeper knows no library but libsodium. An event is
a constant name, its values are numbers and constant words. Nothing of a request is ever logged,
and of an exception only its type and the places in the code.
"""

from __future__ import annotations

import contextlib
import json
import traceback
from typing import Final, TextIO

from intake_server.clock import Clock

LEVELS: Final = ("debug", "info", "warning", "error")
_PLACES: Final = 8


class KeeperLog:
    """Writes lines of `level` and above; a full disk or a closed stream never stops the work."""

    def __init__(self, stream: TextIO, level: str, clock: Clock) -> None:
        self._stream = stream
        self._least = LEVELS.index(level)
        self._clock = clock

    def debug(self, event: str, **values: int | str) -> None:
        """Something to look at while searching for a mistake."""
        self._write("debug", event, values)

    def info(self, event: str, **values: int | str) -> None:
        """Something that happened as it should."""
        self._write("info", event, values)

    def warning(self, event: str, **values: int | str) -> None:
        """Something that a person should look at."""
        self._write("warning", event, values)

    def failure(self, event: str, error: BaseException, **values: int | str) -> None:
        """A mistake in the keeper itself: the error's type and where it passed, not its words."""
        frames = list(traceback.walk_tb(error.__traceback__))[-_PLACES:]
        where = " ".join(f"{frame.f_globals.get('__name__', '?')}:{line}" for frame, line in frames)
        self._write("error", event, {**values, "error": type(error).__qualname__, "where": where})

    def _write(self, level: str, event: str, values: dict[str, int | str]) -> None:
        if LEVELS.index(level) < self._least:
            return
        stamp = self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        line = {"event": event, **values, "level": level, "process": "keeper", "time": stamp}
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(json.dumps(line) + "\n")
            self._stream.flush()
