"""The supervisor over small real processes; the five of Havenline are in test_cli and the flows."""

import asyncio
import contextlib
import io
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from intake_server.clock import SystemClock
from intake_server.logs import open_log
from intake_server.supervisor import Health, Pace, Program, Supervisor, ask_health, memory_of

# A process that answers for its health and writes its name into a file when it is asked to end.
WELL = """
import asyncio, pathlib, signal, sys
from intake_server.health import serve_health
async def main():
    name, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    alarms = sys.argv[3:]
    server = await serve_health(
        folder / f"{name}.sock", lambda: {"ok": not alarms, "age_seconds": 1, "alarms": alarms})
    await ended.wait()
    with (folder / "ended").open("a") as file:
        file.write(name + "\\n")
asyncio.run(main())
"""
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


class Turned:
    """A clock that tests turn, with no time of day."""

    def __init__(self) -> None:
        self.passed = 0.0

    def monotonic(self) -> float:
        return self.passed

    now = unix = SystemClock().unix


def well(folder: Path, name: str, *alarms: str) -> Program:
    command = (sys.executable, "-c", WELL, name, str(folder), *alarms)
    return Program(name, command, lambda: ask_health(folder / f"{name}.sock"))


def failing(name: str, script: str = "raise SystemExit(3)") -> Program:
    async def ask() -> Health:
        raise ConnectionRefusedError

    return Program(name, (sys.executable, "-c", script), ask)


def ignores_termination(pid: int | None) -> bool:
    if pid is None:
        return False
    found = re.search(r"SigIgn:\t(\w+)", Path(f"/proc/{pid}/status").read_text())
    return bool(int(found[1], 16) >> (signal.SIGTERM - 1) & 1)


@contextlib.asynccontextmanager
async def supervised(*programs: Program, clock=None, pace=None):
    said: list[str] = []
    clock = clock or SystemClock()
    log = open_log("supervisor", level="info", clock=SystemClock(), stream=io.StringIO())
    supervisor = Supervisor(programs, clock=clock, log=log, say=said.append, pace=pace)
    try:
        yield supervisor, said
    finally:
        supervisor.kill()
        await supervisor.stop()


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for is in another process
        await asyncio.sleep(0.01)


async def test_it_waits_until_each_is_healthy_and_tells_how_each_is(short_dir):
    programs = (well(short_dir, "first"), well(short_dir, "second", "checkpoint_late"))
    async with supervised(*programs) as (supervisor, _):
        supervisor.start()
        supervisor.let_run("first", "second")
        assert await supervisor.healthy("first", "second", patience=60) == []
        report = supervisor.report()
        assert report["ok"] is False
        first, second, own = report["processes"]
        assert (first["state"], first["restarts"], first["alarms"]) == ("healthy", 0, ())
        assert (second["state"], second["alarms"]) == ("alarmed", ("checkpoint_late",))
        assert own["name"] == "supervisor"
        assert all(each["memory_bytes"] > 1_000_000 for each in report["processes"])


async def test_it_stops_all_in_reverse_order(short_dir):
    programs = tuple(well(short_dir, name) for name in ("one", "two", "three"))
    async with supervised(*programs) as (supervisor, _):
        supervisor.start()
        supervisor.let_run("one", "two", "three")
        assert await supervisor.healthy("one", "two", "three", patience=60) == []
        await supervisor.stop()
        assert (short_dir / "ended").read_text().split() == ["three", "two", "one"]
        states = [each["state"] for each in supervisor.report()["processes"]]
        assert states == ["stopped", "stopped", "stopped", "healthy"]


async def test_nothing_runs_before_it_may(short_dir):
    script = "import sys; sys.stdin.readline(); " + WELL
    waiting = Program(
        "one",
        (sys.executable, "-c", script, "one", str(short_dir)),
        lambda: ask_health(short_dir / "one.sock"),
    )
    async with supervised(waiting) as (supervisor, _):
        supervisor.start()
        one = supervisor.processes["one"]
        await until(lambda: one.status().pid)
        assert one.status().state == "starting"
        assert not (short_dir / "one.sock").exists()
        one.let_run()
        assert await one.healthy(60)
        before = one.status().pid
        os.kill(before, signal.SIGKILL)
        await until(lambda: one.restarts == 1 and one.status().state == "healthy")


async def test_what_is_killed_is_started_again(short_dir):
    async with supervised(well(short_dir, "one"), well(short_dir, "two")) as (supervisor, said):
        supervisor.start()
        supervisor.let_run("one", "two")
        assert await supervisor.healthy("one", "two", patience=60) == []
        before, untouched = (process.status().pid for process in supervisor.processes.values())
        os.kill(before, signal.SIGKILL)
        one = supervisor.processes["one"]
        await until(lambda: one.restarts == 1 and one.status().state == "healthy")
        assert one.status().pid != before
        assert one.exit_code == -signal.SIGKILL
        assert supervisor.processes["two"].status().pid == untouched
        assert said == []


async def test_five_deaths_in_a_minute_are_said_and_the_others_go_on(short_dir):
    async with supervised(failing("bad"), well(short_dir, "good")) as (supervisor, said):
        supervisor.start()
        supervisor.let_run("bad", "good")
        assert await supervisor.healthy("bad", "good", patience=60) == ["bad"]
        await until(lambda: said)
        assert "bad process died 5 times within a minute" in said[0]
        bad = supervisor.processes["bad"]
        assert (bad.restarts, bad.exit_code, bad.status().state) == (4, 3, "waiting")
        assert supervisor.processes["good"].status().state == "healthy"


async def test_deaths_long_ago_are_forgiven(short_dir):
    clock = Turned()
    async with supervised(well(short_dir, "one"), clock=clock) as (supervisor, said):
        supervisor.start()
        supervisor.let_run("one")
        one = supervisor.processes["one"]
        for death in range(6):
            await until(lambda: one.status().state == "healthy")
            clock.passed += 61
            os.kill(one.status().pid, signal.SIGKILL)
            await until(lambda death=death: one.restarts == death + 1)
        assert said == []


async def test_what_does_not_end_is_killed():
    async with supervised(failing("stubborn", STUBBORN), pace=Pace(grace=0.2)) as (supervisor, _):
        supervisor.start()
        supervisor.let_run("stubborn")
        stubborn = supervisor.processes["stubborn"]
        await until(lambda: ignores_termination(stubborn.status().pid))
        await supervisor.stop()
        assert stubborn.exit_code == -signal.SIGKILL


async def test_a_stop_while_it_starts_leaves_nothing_running(short_dir):
    async with supervised(well(short_dir, "one")) as (supervisor, _):
        supervisor.start()
        supervisor.let_run("one")
        await asyncio.sleep(0)
        await supervisor.stop()
        assert supervisor.processes["one"].status().state == "stopped"
        assert supervisor.processes["one"].restarts == 0


async def test_a_program_that_is_not_there_is_tried_again(short_dir):
    async def ask() -> Health:
        raise ConnectionRefusedError

    missing = Program("missing", (str(short_dir / "nothing"),), ask)
    async with supervised(missing) as (supervisor, _):
        supervisor.start()
        supervisor.let_run("missing")
        await until(lambda: supervisor.processes["missing"].restarts == 1)


async def test_silence_after_an_answer_is_told(short_dir):
    async with supervised(well(short_dir, "one"), pace=Pace(poll=0.01)) as (supervisor, _):
        supervisor.start()
        supervisor.let_run("one")
        assert await supervisor.healthy("one", patience=60) == []
        (short_dir / "one.sock").unlink()
        await until(lambda: supervisor.processes["one"].status().state == "silent")
        assert supervisor.report()["ok"] is False


@pytest.mark.parametrize("line", [b"", b"{}\n", b"no json\n", b'{"ok": 1}\n'])
async def test_an_answer_that_is_none_is_an_error(short_dir, line):
    async def answer(_reader, writer):
        writer.write(line)
        writer.close()

    server = await asyncio.start_unix_server(answer, short_dir / "x.sock")
    with pytest.raises(ValueError, match=r".+"):
        await ask_health(short_dir / "x.sock")
    server.close()


async def test_memory_is_known_for_a_process_that_lets_nobody_look(tmp_path):
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "statm").write_text("9000 2000 800 1 0 900 0\n")
    assert memory_of(7, proc=tmp_path) == 2000 * os.sysconf("SC_PAGE_SIZE")
    (tmp_path / "7" / "smaps_rollup").write_text("x [rollup]\nRss:  9 kB\nPss:  5 kB\n")
    assert memory_of(7, proc=tmp_path) == 5 * 1024
    assert memory_of(8, proc=tmp_path) == 0
