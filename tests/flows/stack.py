"""A whole Havenline, as `havenline up` starts it: five real processes on free ports."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp

from triage.duty import DAYS

ROOT = Path(__file__).parents[2]
RECORDS = 4096
PARTS = 6  # five processes and their supervisor
PATIENCE_SECONDS = 90.0  # a machine may be at ten times its load

CONFIG = """
[web]
port = {web}
[desk]
port = {desk}
[slots]
records = {records}
[page]
organisation = "Test House"
exit_url = "http://127.0.0.1:{exit}/"
hours = ["{day} 20:00-21:00"]
signposts = [{{ name = "Other House", telephone = "+00 000" }}]
[screening]
mode = "{screening}"
languages = ["en"]
[channels.loopback]
enabled = true
[safety]
allow_swap = true
allow_core_dumps = true
[log]
level = "debug"
{more}
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


async def until(condition, what, patience=PATIENCE_SECONDS):
    """Wait until `condition()` gives something true; it may be a coroutine function."""
    end = asyncio.get_running_loop().time() + patience
    while True:
        found = condition()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        if asyncio.get_running_loop().time() > end:
            raise AssertionError(f"waited {patience} s in vain: {what}")
        await asyncio.sleep(0.05)


def a_day_off() -> str:
    """A weekday that is neither today nor tomorrow: nobody is on duty while tests run."""
    return DAYS[(datetime.now(UTC) + timedelta(days=3)).weekday()]


class Stack:
    """One installation in its own short folder; may be stopped and started again."""

    def __init__(
        self, folder: Path, *, more: str = "", records: int = RECORDS, screening: str = "on"
    ) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.web_port, self.desk_port, self.exit_port = free_port(), free_port(), free_port()
        self.config = folder / "havenline.toml"
        self.config.write_text(
            CONFIG.format(
                day=a_day_off(),
                web=self.web_port,
                desk=self.desk_port,
                exit=self.exit_port,
                records=records,
                more=more,
                screening=screening,
            )
        )
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self.environment: dict[str, str] = {}

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def desk(self) -> str:
        return f"http://127.0.0.1:{self.desk_port}"

    @property
    def run(self) -> Path:
        return self.data / "run"

    def cli(self, *arguments: str, check: bool = True, stdin: bytes = b"") -> str:
        """What `havenline …` prints, run to its end."""
        done = subprocess.run(
            self._command(*arguments),
            input=stdin,
            capture_output=True,
            check=False,
            timeout=120,
            cwd=ROOT,
            env=os.environ | self.environment,
        )
        with self.log.open("ab") as log:
            log.write(done.stdout + done.stderr)
        if check and done.returncode != 0:
            raise AssertionError(f"{arguments[0]}: {done.stderr.decode()}{done.stdout.decode()}")
        return done.stdout.decode()

    def _command(self, *arguments: str) -> list[str]:
        where = ["--data", str(self.data), "--config", str(self.config)]
        return [sys.executable, "-m", "intake_server.cli", *arguments, *where]

    def turn_clock(self, days: int) -> None:
        """Whatever starts from now on sees this many days more; Debian's libfaketime does it."""
        (library,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME": f"+{days}d",
            "DONT_FAKE_MONOTONIC": "1",
        }

    async def start(self) -> None:
        self.data.mkdir(mode=0o700, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: ASYNC220 -- starting it takes no time
                self._command("up"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=os.environ | self.environment,
                start_new_session=True,
            )
        await until(self.is_up, "all five processes are healthy")

    async def is_up(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise AssertionError(f"havenline up ended: {self.log.read_text()[-3000:]}")
        status = await asyncio.to_thread(self.status)
        parts = status.get("processes", [])
        return len(parts) == PARTS and all(part["healthy"] for part in parts)

    def status(self) -> dict:
        try:
            return json.loads(self.cli("status", "--json", check=False) or "{}")
        except json.JSONDecodeError:
            return {}

    def pids(self) -> dict[str, int]:
        return {part["name"]: part["pid"] for part in self.status()["processes"]}

    async def stop(self) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        await asyncio.to_thread(self.process.wait, 30)
        self.process = None

    def kill(self) -> None:
        """Everything at once, as a power cut would."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def files(self) -> dict[Path, bytes]:
        """Every byte that the installation has on disk, its log and this folder included."""
        return {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}


@asynccontextmanager
async def a_stack(**options) -> AsyncIterator[Stack]:
    """A started stack, stopped and removed in the end."""
    folder = Path(tempfile.mkdtemp(prefix="hl"))
    stack = Stack(folder, **options)
    try:
        await stack.start()
        yield stack
    finally:
        try:
            await stack.stop()
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    timeout, no_cookies = aiohttp.ClientTimeout(total=30), aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=no_cookies) as session:
        yield session
