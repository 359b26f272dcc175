"""Logs: what may be said is said, and nothing else ever comes out."""

import io
import json
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake_server.logs import KEYS, AllowList, error_name, open_log

ROOT = Path(__file__).parents[2]
CANARY = "Mira wrote from 10.1.2.3"


class FixedClock:
    def now(self) -> datetime:
        return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def unix(self) -> int:
        return int(self.now().timestamp())

    def monotonic(self) -> float:
        return 0.0


def test_a_line_says_what_happened_where_and_when():
    stream = io.StringIO()
    log = open_log("web", level="info", clock=FixedClock(), stream=stream)
    log.info("sweep_finished", count=3, seconds=0.5, table="messages")
    assert json.loads(stream.getvalue()) == {
        "event": "sweep_finished",
        "count": 3,
        "seconds": 0.5,
        "table": "messages",
        "level": "info",
        "process": "web",
        "time": "2026-01-02T03:04:05Z",
    }


def test_below_its_level_nothing_is_logged():
    stream = io.StringIO()
    log = open_log("web", level="warning", clock=FixedClock(), stream=stream)
    log.info("sweep_finished")
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    "values",
    [
        {"text": "hello"},  # a key nobody allowed
        {"pseudonym": 3},
        {"reason": CANARY},  # an allowed key, but no constant word
        {"reason": "+4915112345678"},
        {"reason": "mira@example.org"},
        {"count": "3"},
        {"count": None},
        {"where": ["vault.engine:3", CANARY]},
        {"level": "x", "process": "y"},  # the log's own
    ],
)
def test_what_is_not_allowed_is_dropped_and_counted(values):
    stream = io.StringIO()
    log = open_log("web", level="debug", clock=FixedClock(), stream=stream)
    log.info("sweep_finished", status=200, **values)
    line = json.loads(stream.getvalue())
    assert line["dropped"] == len(values)
    assert line["status"] == 200
    assert set(line) == {"event", "status", "dropped", "level", "process", "time"}
    assert (line["level"], line["process"]) == ("info", "web")


def test_bound_values_are_held_to_the_same_list():
    stream = io.StringIO()
    log = open_log("web", level="debug", clock=FixedClock(), stream=stream)
    log.bind(address=CANARY).info("sweep_finished")
    assert json.loads(stream.getvalue())["dropped"] == 1
    assert CANARY not in stream.getvalue()


def test_an_event_that_is_no_constant_name_loses_its_text():
    stream = io.StringIO()
    log = open_log("web", level="debug", clock=FixedClock(), stream=stream)
    log.info("message from %s", CANARY)
    assert json.loads(stream.getvalue())["event"] == "unnamed_event"
    assert CANARY not in stream.getvalue()


def test_of_an_exception_only_type_and_places_are_logged():
    stream = io.StringIO()
    log = open_log("web", level="debug", clock=FixedClock(), stream=stream)
    try:
        int(CANARY)
    except ValueError:
        log.exception("sweep_failed")
    line = json.loads(stream.getvalue())
    assert line["error"] == "ValueError"
    assert line["level"] == "error"
    assert line["where"][-1].partition(":")[0] == __name__
    assert "Mira" not in stream.getvalue()


def test_a_group_names_the_types_of_its_members():
    group = ExceptionGroup(CANARY, [KeyError(CANARY), OSError(CANARY)])
    assert error_name(group) == "ExceptionGroup(KeyError, OSError)"


def test_a_full_disk_does_not_stop_the_work():
    class FullDisk(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(28, "No space left on device")

    log = open_log("web", level="debug", clock=FixedClock(), stream=FullDisk())
    log.error("sweep_failed")  # returns


@given(
    st.dictionaries(
        st.one_of(st.sampled_from(sorted(KEYS)), st.text(min_size=1)),
        st.one_of(st.text(), st.integers(), st.none(), st.binary(), st.lists(st.text())),
    )
)
def test_no_text_with_a_space_or_a_sign_of_an_address_passes(values):
    values.pop("exc_info", None)
    kept = AllowList()(None, "info", {**values, "event": "sweep_finished"})
    for key, value in kept.items():
        for word in value if isinstance(value, list) else [value]:
            if isinstance(word, str) and key != "error":
                assert not set(word) & set(" @+/\n\"'")
                assert word.isascii()


# A process of its own, since what is tamed is the whole interpreter.
LOUD_PROCESS = """
import asyncio, gc, logging, sys, threading, warnings
import aiohttp, alembic, sqlalchemy
from aiohttp import web
from intake_server.clock import SystemClock
from intake_server.logs import open_log, tame_interpreter

CANARY = "Mira wrote from 10.1.2.3"
logging.getLogger("some.library").addHandler(logging.StreamHandler())  # there before us
log = open_log("web", level="debug", clock=SystemClock(), stream=sys.stderr)
tame_interpreter(log)
logging.getLogger("other.library").addHandler(logging.StreamHandler())  # and after

for name in (
    "", "aiohttp.server", "aiohttp.web", "aiohttp.access", "aiohttp.client", "aiohttp.internal",
    "aiohttp.websocket", "asyncio", "sqlalchemy.engine.Engine", "sqlalchemy.pool", "alembic",
    "alembic.runtime.migration", "apscheduler.scheduler", "py.warnings", "some.library",
    "other.library", "concurrent.futures",
):
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        logger = logging.getLogger(name)
        logger.log(level, CANARY)
        logger.log(level, "said %s", CANARY, stack_info=True, extra={"told": CANARY})
        try:
            raise ValueError(CANARY)
        except ValueError:
            logger.log(level, CANARY, exc_info=True)
    logger.error("%d", CANARY)  # a broken call, which logging would print whole

warnings.warn(CANARY)

async def handler(request):
    text = CANARY
    raise RuntimeError(CANARY)

async def loud():
    runner = web.AppRunner(web.Application(), access_log=logging.getLogger("aiohttp.access"))
    runner.app.router.add_get("/{rest:.*}", handler)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/Mira?from=10.1.2.3") as answer:
            assert answer.status == 500
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(CANARY.encode() + b"\\r\\n\\r\\n")
    await reader.read()
    writer.close()
    await runner.cleanup()
    async def lost():
        raise KeyError(CANARY)
    asyncio.get_running_loop().create_task(lost())
    await asyncio.sleep(0.01)
    gc.collect()

asyncio.run(loud(), debug=True)

engine = sqlalchemy.create_engine("sqlite://", echo="debug")
with engine.connect() as connection:
    connection.execute(sqlalchemy.text("select :said"), {"said": CANARY}).all()

class Messy:
    def __del__(self):
        raise ValueError(CANARY)

Messy()
thread = threading.Thread(target=lambda: int(CANARY), name="Mira")
thread.start()
thread.join()
log.info("loud_process_ends", text=CANARY)
raise ValueError(CANARY)
"""


def test_no_library_and_no_crash_ever_prints_what_somebody_wrote():
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LOUD_PROCESS)],
        capture_output=True,
        cwd=ROOT,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    # A handler that a library added after us prints as well, but has no words to print.
    said = [line for line in done.stderr.splitlines() if line != "(text withheld)"]
    lines = [json.loads(line) for line in said]
    for canary in ("Mira", "10.1.2.3", "127.0.0.1"):
        assert canary not in done.stderr + done.stdout
    events = {line["event"] for line in lines}
    assert {
        "library_message",
        "loud_process_ends",
        "uncaught_exception",
        "uncaught_exception_in_thread",
        "exception_while_cleaning_up",
    } <= events
    libraries = {line["library"] for line in lines if line["event"] == "library_message"}
    assert {"aiohttp.server", "asyncio", "sqlalchemy.engine.Engine", "other"} <= libraries
    assert any(
        line.get("library") == "aiohttp.server" and line.get("error") == "RuntimeError"
        for line in lines
    )
    assert "aiohttp.access" not in libraries
