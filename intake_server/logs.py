"""Logs that say what the software did and nothing about the people who use it.

Each line is JSON on standard error. An event is a constant name; a value is logged only under a
key listed in `KEYS`, and only if it looks as that key's values look. Everything else is dropped
and counted. Of an exception only its type and the places in the code are logged: its message may
carry what somebody wrote.

Libraries log freely (aiohttp names the address of a peer, asyncio prints whole objects), and so
does the interpreter when an exception is caught by nobody. `tame_interpreter` leaves of all this
which library spoke, how loud, and from where.
"""

import contextlib
import logging
import re
import sys
import threading
import traceback
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger

from intake_server.clock import Clock

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,79}")
_TYPE = re.compile(r"[\w.<>]+(\([\w.<>, ()]+\))?")  # with a group's members in brackets
_EVENT = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")
_NUMBER = None

# How a key's values must look: a constant word from the code, or a number that counts or measures
# the machine. Never add a key whose values are chosen by a person or tell two persons apart: no
# text, name, address, path, id, and nothing made from one.
KEYS: dict[str, re.Pattern[str] | None] = {
    "channel": _WORD,
    "error": _TYPE,
    "job": _WORD,
    "library": _WORD,
    "mode": _WORD,
    "module": _WORD,
    "peer": _WORD,  # the name of one of our processes
    "reason": _WORD,
    "revision": _WORD,
    "route": _WORD,  # a route's name, not the path that was asked for
    "setting": _WORD,
    "signal": _WORD,
    "state": _WORD,
    "table": _WORD,
    "verb": _WORD,
    "where": _WORD,  # a list: places in the code
    "attempt": _NUMBER,
    "bytes": _NUMBER,
    "count": _NUMBER,
    "epoch": _NUMBER,
    "exit_code": _NUMBER,
    "line": _NUMBER,
    "percent": _NUMBER,
    "pid": _NUMBER,
    "port": _NUMBER,
    "records": _NUMBER,
    "seconds": _NUMBER,
    "status": _NUMBER,
}

# Loggers that libraries give handlers of their own, or may.
_LIBRARIES = (
    "aiohttp",
    "alembic",
    "apscheduler",
    "asyncio",
    "concurrent",
    "py.warnings",
    "sqlalchemy",
)
_PLACES = 8  # the innermost calls of an exception that are named


class AllowList:
    """Lets through what `KEYS` allows; `dropped` counts all that was not logged since the start."""

    def __init__(self) -> None:
        self.dropped = 0

    def __call__(self, _logger: object, _method: str, event: EventDict) -> EventDict:
        """Return the event with nothing in it that is not allowed (a structlog processor)."""
        name = event.pop("event", None)
        failure = _exception_of(event.pop("exc_info", None))
        named = isinstance(name, str) and _EVENT.fullmatch(name) is not None
        kept: EventDict = {"event": name if named else "unnamed_event"}
        kept.update({key: value for key, value in event.items() if _allowed(key, value)})
        dropped = len(event) - (len(kept) - 1) + int(not named)
        if failure is not None:
            kept["error"] = error_name(failure)
            kept["where"] = places(failure)
        if dropped:
            kept["dropped"] = dropped
            self.dropped += dropped
        return kept


def open_log(process: str, *, level: str, clock: Clock, stream: TextIO) -> FilteringBoundLogger:
    """Return the log of one process, to be handed down from there.

    `process` is its name (`web`, `keeper`, …), `level` one of debug, info, warning, error, and
    `stream` is standard error except in tests. Nothing global is changed.
    """

    def stamp(_logger: object, method: str, event: EventDict) -> EventDict:
        event["level"] = "error" if method == "exception" else method
        event["process"] = process
        event["time"] = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        return event

    log: FilteringBoundLogger = structlog.wrap_logger(
        _Lines(stream),
        processors=[AllowList(), stamp, structlog.processors.JSONRenderer(ensure_ascii=True)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        context_class=dict,
        cache_logger_on_first_use=False,
    )
    return log


class _Lines:
    """Writes lines; a full disk or a closed stream never stops the work that is logged."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = info = warning = error = critical = msg


def error_name(error: BaseException) -> str:
    """Return the type of an exception, with those of a group's members, and nothing it says."""
    kind = type(error)
    name = kind.__qualname__
    if kind.__module__ != "builtins":
        name = f"{kind.__module__}.{name}"
    if isinstance(error, BaseExceptionGroup):
        members = sorted({error_name(member) for member in error.exceptions})
        return f"{name}({', '.join(members)})"
    return name


def places(error: BaseException) -> list[str]:
    """Return where an exception passed, `module:line`, the innermost call last."""
    frames = list(traceback.walk_tb(error.__traceback__))[-_PLACES:]
    return [f"{frame.f_globals.get('__name__', '?')}:{line}" for frame, line in frames]


def tame_interpreter(log: FilteringBoundLogger) -> None:
    """Make this process's libraries and its interpreter log through `log`, without their words.

    Called once, by the process that owns the interpreter, before it starts anything. The texts
    are taken from a record where it is made, so that no handler added later can print them.
    `asyncio`'s own handler of lost exceptions logs to its logger and is covered by that.
    """
    logging.setLogRecordFactory(WordlessRecord)
    logging.raiseExceptions = False
    logging.lastResort = None
    logging.captureWarnings(capture=True)
    handler = _LibraryHandler(log)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.DEBUG if log.is_enabled_for(logging.DEBUG) else logging.WARNING)
    for known in list(root.manager.loggerDict.values()):
        if isinstance(known, logging.Logger):
            known.handlers = []
    for name in _LIBRARIES:
        # SQLAlchemy adds a handler to standard output where it finds none of its own.
        library = logging.getLogger(name)
        library.handlers = [handler]
        library.propagate = False
    logging.getLogger("aiohttp.access").disabled = True
    _tame_hooks(log)


class WordlessRecord(logging.LogRecord):
    """A log record that never takes in its text, its arguments or its exception's message."""

    def __init__(
        self,
        name: str,
        level: int,
        pathname: str,
        lineno: int,
        _msg: object,
        _args: object,
        exc_info: object,
        func: str | None = None,
        _sinfo: str | None = None,
        **_more: object,
    ) -> None:
        super().__init__(name, level, pathname, lineno, "(text withheld)", (), None, func, None)
        failure = _exception_of(exc_info)
        self.error = None if failure is None else error_name(failure)
        self.places = [] if failure is None else places(failure)


class _LibraryHandler(logging.Handler):
    """Says which library logged, and from where."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Log the place in the library's code instead of its words."""
        library = record.name if record.name.startswith(_LIBRARIES) else "other"
        level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.ERROR)
        values: dict[str, Any] = {
            "library": library,
            "module": record.module,
            "line": record.lineno,
        }
        if isinstance(record, WordlessRecord) and record.error is not None:
            values |= {"error": record.error, "where": record.places}
        self._log.log(level, "library_message", **values)


def _allowed(key: str, value: object) -> bool:
    if key not in KEYS:
        return False
    pattern = KEYS[key]
    if pattern is _NUMBER:
        return isinstance(value, int | float)
    words = value if isinstance(value, list) else [value]
    return all(isinstance(word, str) and pattern.fullmatch(word) is not None for word in words)


def _exception_of(exc_info: object) -> BaseException | None:
    """Return the exception in what callers pass as `exc_info`: itself, a triple, or True."""
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return next((part for part in exc_info if isinstance(part, BaseException)), None)
    return sys.exc_info()[1] if exc_info else None


def _tame_hooks(log: FilteringBoundLogger) -> None:
    """Replace the interpreter's printing of exceptions that nobody catches."""

    def uncaught(
        _kind: type[BaseException], error: BaseException, _trace: TracebackType | None
    ) -> None:
        if not isinstance(error, KeyboardInterrupt):
            log.error("uncaught_exception", exc_info=error)

    def uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            log.error("uncaught_exception_in_thread", exc_info=args.exc_value)

    def unraisable(args: "sys.UnraisableHookArgs") -> None:
        log.error("exception_while_cleaning_up", exc_info=args.exc_value)

    sys.excepthook = uncaught
    threading.excepthook = uncaught_in_thread
    sys.unraisablehook = unraisable
