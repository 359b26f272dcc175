"""One Delta Chat core as a child process, spoken to in JSON-RPC 2.0 over its pipes.

`deltachat-rpc-server` (PyPI, by the Delta Chat project) holds the account, the keys and the mail
connections; one line is one request or answer, parameters stand by position. Nothing it logs is
kept: its words name addresses. Whoever starts it restarts it: after its end every call raises
`CoreGone`.
"""

import asyncio
import contextlib
import itertools
import os
import shutil
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import msgspec

PROGRAM: Final = "deltachat-rpc-server"
PATIENCE: Final = 30.0  # seconds for one answer
LONGEST_LINE: Final = 64 * 1024 * 1024  # bytes; an answer may carry a batch of events
_LEAVE: Final = 5.0  # seconds until a core that was told to end is killed

T = TypeVar("T")


class CoreGone(Exception):
    """The core has ended, or does not answer; it must be started again."""

    def __init__(self) -> None:
        super().__init__("the Delta Chat core has ended or does not answer; it is started again")


class CoreRefused(Exception):
    """The core did not do what it was asked. Its own words stay in `words`: they may name people.

    `words` is for telling reasons apart, never for logs.
    """

    def __init__(self, words: str) -> None:
        super().__init__("the Delta Chat core refused a request")
        self.words = words


class Event(msgspec.Struct, frozen=True, rename="camel"):
    """What the core tells by itself; fields that an event does not have are 0."""

    kind: str
    chat_id: int | None = 0
    msg_id: int | None = 0
    progress: int | None = 0
    msg: object = None  # words of its log, which name addresses: to be read and dropped

    def __repr__(self) -> str:
        return f"Event({self.kind})"


class _Batched(msgspec.Struct, frozen=True, rename="camel"):
    event: Event


class _Error(msgspec.Struct, frozen=True):
    message: str = ""


class _Answer(msgspec.Struct, frozen=True):
    id: int | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: _Error | None = None


def program() -> Path | None:
    """Find the core beside this Python, or on the path; None where it is not installed."""
    beside = Path(sysconfig.get_path("scripts")) / PROGRAM
    if beside.is_file():
        return beside
    found = shutil.which(PROGRAM)
    return Path(found) if found else None


class Core:
    """A running core. Made by `start`, ended by `close`; `ended` is set when it is no more."""

    def __init__(
        self, child: asyncio.subprocess.Process, events: Callable[[Event], None] | None
    ) -> None:
        self._child = child
        self._events = events
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[msgspec.Raw]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.ended = asyncio.Event()

    @classmethod
    async def start(
        cls, binary: Path, accounts: Path, events: Callable[[Event], None] | None = None
    ) -> "Core":
        """Start the core on the folder `accounts`, which it makes; `events` is told each event.

        One folder belongs to one core at a time. Raises `CoreGone`.
        """
        try:
            child = await asyncio.create_subprocess_exec(
                binary,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                # Nothing else of our environment: it needs none of it.
                env={"DC_ACCOUNTS_PATH": os.fspath(accounts), "RUST_LOG": "off"},
                limit=LONGEST_LINE,
                umask=0o077,
                start_new_session=True,  # a Ctrl-C in the terminal is ours, not the core's
            )
        except OSError:
            raise CoreGone from None
        core = cls(child, events)
        core._tasks.append(asyncio.create_task(core._read()))
        try:
            await core.call("get_system_info")
        except (CoreGone, CoreRefused):
            await core.close()
            raise CoreGone from None
        if events is not None:
            core._tasks.append(asyncio.create_task(core._listen(events)))
        return core

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    async def call(
        self, method: str, *params: object, patience: float | None = PATIENCE
    ) -> msgspec.Raw:
        """Ask and return the raw answer; raises `CoreGone` or `CoreRefused`."""
        if self.ended.is_set() or self._child.stdin is None:
            raise CoreGone
        number = next(self._numbers)
        answered: asyncio.Future[msgspec.Raw] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answered
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        try:
            self._child.stdin.write(msgspec.json.encode(request) + b"\n")
            async with asyncio.timeout(patience):
                await self._child.stdin.drain()
                return await answered
        except (OSError, TimeoutError):
            raise CoreGone from None
        finally:
            self._waiting.pop(number, None)

    async def ask(self, into: type[T], method: str, *params: object) -> T:
        """Ask and return the answer as `into`; raises `CoreGone` or `CoreRefused`."""
        raw = await self.call(method, *params)
        try:
            return msgspec.json.decode(raw, type=into)
        except msgspec.DecodeError:
            raise CoreRefused("not understood") from None

    async def close(self) -> None:
        """End it; what it has not written yet it writes before. Repeating it does nothing."""
        if self._child.stdin is not None:
            self._child.stdin.close()  # the core ends itself at the end of its input
        try:
            async with asyncio.timeout(_LEAVE):
                await self._child.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._child.kill()
            await self._child.wait()
        for task in self._tasks[1:]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read(self) -> None:
        output = self._child.stdout
        try:
            while output is not None and (line := await output.readline()):
                self._take(line)
        except (OSError, ValueError):  # ValueError: a line longer than `LONGEST_LINE`
            with contextlib.suppress(ProcessLookupError):
                self._child.kill()
        finally:
            self.ended.set()
            for answered in self._waiting.values():
                if not answered.done():
                    answered.set_exception(CoreGone())
                    answered.exception()  # whoever waited no longer shall not be told of it

    def _take(self, line: bytes) -> None:
        try:
            answer = msgspec.json.decode(line, type=_Answer)
        except msgspec.DecodeError:
            return
        answered = self._waiting.get(answer.id or 0)
        if answered is None or answered.done():
            return
        if answer.error is not None:
            answered.set_exception(CoreRefused(answer.error.message))
        else:
            answered.set_result(answer.result)

    async def _listen(self, events: Callable[[Event], None]) -> None:
        with contextlib.suppress(CoreGone, CoreRefused):
            while True:
                raw = await self.call("get_next_event_batch", patience=None)
                for batched in msgspec.json.decode(raw, type=list[_Batched]):
                    events(batched.event)
