"""The supervisor: starts the processes, restarts what dies, asks how each is, stops them in order.

It holds no key and reads no data. Each process is a child in a session of its own, so that one
Ctrl-C reaches the supervisor alone and everything stops in its order; `intake_server.confine`
makes the kernel kill the children with a supervisor that is killed. What they log goes to standard
error unchanged.

A process that dies is started again, after a pause that grows with each death. Five deaths in a
minute are said loudly, the others go on, and from then on it is tried every 30 seconds.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec
from structlog.typing import FilteringBoundLogger

from intake_server.clock import Clock
from intake_server.lent_sockets import Lent, as_told

MANY_DEATHS = 5
MANY_WITHIN = 60.0  # seconds
LONGEST_PAUSE = 30.0
_PAUSES = (0.1, 0.5, 1.0, 2.0)  # seconds before the first restarts

State = Literal["starting", "healthy", "alarmed", "silent", "waiting", "stopped"]
Say = Callable[[str], None]
"""Says one line to the person who started all this."""


class Health(msgspec.Struct, frozen=True):
    """What a process answers about itself; `alarms` are constant words (docs/operations.md)."""

    ok: bool
    alarms: tuple[str, ...] = ()


class ProcessStatus(msgspec.Struct, frozen=True):
    """One line of `havenline status`; ages in seconds, memory in bytes.

    `healthy`: it runs and answers. Alarms may stand all the same.
    """

    name: str
    state: State
    healthy: bool
    pid: int | None
    age_seconds: int
    restarts: int
    memory_bytes: int
    alarms: tuple[str, ...]


@dataclass(frozen=True)
class Program:
    """What to run as one process, and how to ask it for its health.

    `ask` raises OSError, EOFError, TimeoutError or ValueError while there is no answer. `lent`:
    sockets that stay open here while the process starts anew.
    """

    name: str
    command: tuple[str, ...]
    ask: Callable[[], Awaitable[Health]]
    lent: Lent = field(default_factory=dict)


@dataclass(frozen=True)
class Pace:
    """How patient the supervisor is, in seconds."""

    grace: float = 10.0  # for a process to end by itself
    poll_starting: float = 0.03  # between questions until it answers for the first time
    poll: float = 2.0  # between questions from then on
    answer: float = 5.0  # for one answer


async def ask_health(socket: Path) -> Health:
    """Read the one line that `intake_server.health` gives. Raises OSError, ValueError."""
    reader, writer = await asyncio.open_unix_connection(socket)
    try:
        return msgspec.json.decode(await reader.readline(), type=Health)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def command_for(process: str, arguments: Sequence[str]) -> tuple[str, ...]:
    """Return the command line of one of our processes as a confined child of this one."""
    start = (sys.executable, "-P", "-m", "intake_server.confine", str(os.getpid()))
    return (*start, f"intake_server.{process}", *arguments)


class Process:
    """The life of one program, through all its restarts."""

    def __init__(
        self, program: Program, *, clock: Clock, log: FilteringBoundLogger, say: Say, pace: Pace
    ) -> None:
        self.name = program.name
        self.restarts = 0
        self.exit_code: int | None = None  # of its last death
        self._program = program
        self._clock = clock
        self._log = log
        self._say = say
        self._pace = pace
        self._child: asyncio.subprocess.Process | None = None
        self._life: asyncio.Task[None] | None = None
        self._health: Health | None = None
        self._silent = False
        self._since = clock.monotonic()
        self._deaths: deque[float] = deque(maxlen=MANY_DEATHS)
        self._may_run = asyncio.Event()
        self._answered = asyncio.Event()
        self._died = asyncio.Event()
        self._stopping = asyncio.Event()

    def start(self) -> None:
        """Begin its life; returns at once. It imports, and waits for `let_run`."""
        self._life = asyncio.create_task(self._live(), name=self.name)

    def let_run(self) -> None:
        """Let it open files and sockets, now and after each restart."""
        self._may_run.set()

    async def healthy(self, patience: float) -> bool:
        """Wait until it first answers that it is well; False when it died or took too long."""
        waits = [asyncio.create_task(event.wait()) for event in (self._answered, self._died)]
        await asyncio.wait(waits, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        return self._answered.is_set()

    async def stop(self) -> None:
        """Ask it to end, and kill it where it does not within the grace."""
        self._stopping.set()
        if self._life is None:
            return
        self._signal(signal.SIGTERM)
        done, _ = await asyncio.wait([self._life], timeout=self._pace.grace)
        if not done:
            self._log.error("process_killed", peer=self.name, seconds=self._pace.grace)
            self.kill()
            await asyncio.wait([self._life])

    def kill(self) -> None:
        """Kill it and whatever it started, at once."""
        self._stopping.set()
        self._signal(signal.SIGKILL)

    def status(self) -> ProcessStatus:
        """How it is at this moment."""
        pid = self._child.pid if self._child is not None else None
        state = self._state()
        return ProcessStatus(
            name=self.name,
            state=state,
            healthy=state in ("healthy", "alarmed"),
            pid=pid,
            age_seconds=int(self._clock.monotonic() - self._since),
            restarts=self.restarts,
            memory_bytes=0 if pid is None else memory_of(pid),
            alarms=self._health.alarms if self._health is not None else (),
        )

    # --- its life -----------------------------------------------------------------------

    async def _live(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._run_once()
            except OSError as error:  # no memory, no file handle: tried again like a death
                self._log.error("process_not_started", peer=self.name, exc_info=error)
            if self._stopping.is_set():
                return
            pause = self._pause_after_death()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            self.restarts += 1

    async def _run_once(self) -> None:
        self._child = await asyncio.create_subprocess_exec(
            *self._program.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=sys.__stderr__,
            start_new_session=True,
            pass_fds=tuple(self._program.lent.values()),
            env={**os.environ, **as_told(self._program.lent)},
        )
        self._since = self._clock.monotonic()
        self._health, self._silent = None, False
        if self._stopping.is_set():  # asked to stop while it was being started
            self._signal(signal.SIGTERM)
        watching = asyncio.create_task(self._watch(self._child))
        try:
            self.exit_code = await self._child.wait()
        finally:
            watching.cancel()
            self._child = None
            self._since = self._clock.monotonic()

    async def _watch(self, child: asyncio.subprocess.Process) -> None:
        """Let the child run as soon as it may, and ask it how it is from then on."""
        await self._may_run.wait()
        if child.stdin is not None:
            child.stdin.write(b"run\n")
            child.stdin.close()
        while True:
            try:
                async with asyncio.timeout(self._pace.answer):
                    self._health = await self._program.ask()
                self._silent = False
                self._answered.set()
            except (OSError, EOFError, ValueError):  # TimeoutError is an OSError
                self._silent = self._health is not None
            pace = self._pace
            await asyncio.sleep(pace.poll_starting if self._health is None else pace.poll)

    def _pause_after_death(self) -> float:
        """Count a death, say it, and return for how many seconds to wait."""
        now = self._clock.monotonic()
        recent = [each for each in self._deaths if now - each < MANY_WITHIN]
        self._deaths.append(now)
        self._died.set()
        self._health = None
        many = len(recent) + 1 >= MANY_DEATHS
        pause = LONGEST_PAUSE if many else _PAUSES[min(len(recent), len(_PAUSES) - 1)]
        self._log.error(
            "process_died", peer=self.name, exit_code=self.exit_code or 0, seconds=pause
        )
        if many:
            self._say(
                f"!! The {self.name} process died {MANY_DEATHS} times within a minute. It is "
                f"tried again every {LONGEST_PAUSE:.0f} seconds; the others go on. Its last "
                "lines above say why."
            )
        return pause

    def _state(self) -> State:
        if self._child is None:
            return "stopped" if self._stopping.is_set() else "waiting"
        if self._silent:
            return "silent"
        if self._health is None:
            return "starting"
        return "healthy" if self._health.ok and not self._health.alarms else "alarmed"

    def _signal(self, number: signal.Signals) -> None:
        if self._child is None or self._child.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            if number == signal.SIGKILL:
                os.killpg(self._child.pid, number)
            else:
                self._child.send_signal(number)


class Supervisor:
    """All processes together, in start order."""

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        clock: Clock,
        log: FilteringBoundLogger,
        say: Say,
        pace: Pace | None = None,
    ) -> None:
        pace = pace or Pace()
        self.processes = {
            program.name: Process(program, clock=clock, log=log, say=say, pace=pace)
            for program in programs
        }
        self._clock = clock
        self._since = clock.monotonic()

    def start(self) -> None:
        """Start all. They import at the same time, and do nothing before `let_run`."""
        for process in self.processes.values():
            process.start()

    def let_run(self, *names: str) -> None:
        """Let these run; each waits by itself for the sockets that it needs."""
        for name in names:
            self.processes[name].let_run()

    async def healthy(self, *names: str, patience: float) -> list[str]:
        """Wait until these answer; return the names of those that died or took too long."""
        answers = await asyncio.gather(*(self.processes[name].healthy(patience) for name in names))
        return [name for name, well in zip(names, answers, strict=True) if not well]

    async def stop(self) -> None:
        """Stop all, the last started first."""
        for process in reversed(self.processes.values()):
            await process.stop()

    def kill(self) -> None:
        """Kill all at once."""
        for process in self.processes.values():
            process.kill()

    def report(self) -> dict[str, object]:
        """Return what `run/supervisor.sock` answers."""
        own = ProcessStatus(
            name="supervisor",
            state="healthy",
            healthy=True,
            pid=os.getpid(),
            age_seconds=int(self._clock.monotonic() - self._since),
            restarts=0,
            memory_bytes=memory_of(os.getpid()),
            alarms=(),
        )
        all_of_them = [*(process.status() for process in self.processes.values()), own]
        return {
            "ok": all(each.state == "healthy" for each in all_of_them),
            "processes": msgspec.to_builtins(all_of_them),
        }


def memory_of(pid: int, proc: Path = Path("/proc")) -> int:
    """Return the bytes of memory a process answers for: its proportional set size (proc(5)).

    Where the kernel does not tell it, because a confined process can be inspected by root alone,
    the resident size, shared pages counted in full. 0 when it is gone.
    """
    try:
        for line in (proc / str(pid) / "smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        pages = int((proc / str(pid) / "statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
