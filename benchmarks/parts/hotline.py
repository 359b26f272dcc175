"""A throw-away installation for measuring: the product's own processes on real sockets.

The keeper is set up by its desk socket, as a browser and the desk do together; then the other
processes are started as the supervisor starts them. Everything lies in a folder that is removed.
"""

import asyncio
import contextlib
import os
import shutil
import socket
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from intake_server.settings import DataSettings
from tests.intake_server.keeper.world import HotlineProcess
from vault.schema import migrate

ROOT = Path(__file__).parents[2]
RECORDS = 131_072
OTHERS = ("caretaker", "courier", "desk", "web")  # in start order, after the keeper
TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE = 60.0
LOOK_EVERY = 0.01  # seconds
CHANGES = "SELECT number, conversation, what FROM changes WHERE number > ? ORDER BY number"

CONFIG = """
[web]
port = {web}
[desk]
port = {desk}
[page]
organisation = "Haven Example"
signposts = [{{ name = "Other help", telephone = "0800 000 000" }}]
"""


class Hotline:
    """Started processes; `pids` by name. `names` are those that run beside the keeper.

    `more` is put into the settings; `python` runs the processes beside the keeper.
    """

    patience = PATIENCE  # seconds until a process must answer
    python = sys.executable

    def __init__(self, folder: Path, names: tuple[str, ...], more: str = "") -> None:
        self.folder = folder
        self.more = more
        self.names = tuple(name for name in OTHERS if name in names and is_there(name))
        self.port = free_port()
        self.pids: dict[str, int] = {}
        self._keeper = HotlineProcess(folder, records=RECORDS)
        self._others: list[asyncio.subprocess.Process] = []

    async def start(self) -> None:
        config = CONFIG.format(web=self.port, desk=free_port()) + self.more
        (self.folder / "havenline.toml").write_text(config)
        for name, seed in (
            ("caretaker", self._keeper.caretaker_seed),
            ("courier", self._keeper.courier_seed),
        ):
            (self.folder / name).mkdir(mode=0o700)
            (self.folder / name / "seed").write_bytes(seed.reveal())
            (self.folder / name / "seed").chmod(0o600)
        await self._keeper.open()
        self.pids["keeper"] = self._keeper.process.pid
        await self._keeper.set_up()
        migrate(DataSettings(folder=self.folder).database_url)
        for name in self.names:
            await self.begin(name)

    async def begin(self, name: str) -> None:
        """Start one process more."""
        self.pids[name] = await self._launch(name)

    async def stop(self) -> None:
        for process in reversed(self._others):
            if process.returncode is None:
                process.terminate()
            await process.wait()
        await self._keeper.close()

    @property
    def database(self) -> Path:
        return DataSettings(folder=self.folder).database_dir / "havenline.sqlite3"

    def log(self) -> str:
        return (self.folder / "log").read_text()

    async def _launch(self, name: str) -> int:
        with (self.folder / "log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(self.python, "-m", f"intake_server.{name}", "--data", str(self.folder)),
                cwd=ROOT,
                stderr=log,
                umask=0o077,
            )
        self._others.append(process)
        answers = self.folder / "run" / f"{name}-health.sock"
        async with asyncio.timeout(self.patience):
            while not answers.exists():
                if process.returncode is not None:
                    raise SystemExit(f"{name} does not start:\n{self.log()}")
                await asyncio.sleep(0.05)
        return process.pid


@contextlib.asynccontextmanager
async def a_hotline(*names: str, more: str = "", python: str = sys.executable):
    """A started installation, ended and removed when this is left."""
    os.umask(0o077)
    folder = Path(tempfile.mkdtemp(prefix="hl", dir=os.environ.get("BENCH_DIR")))
    hotline = Hotline(folder, names, more)
    hotline.python = python
    try:
        await hotline.start()
        yield hotline
    finally:
        await hotline.stop()
        shutil.rmtree(folder)


def is_there(name: str) -> bool:
    """Whether this checkout has the process."""
    return (ROOT / "intake_server" / name / "__main__.py").exists()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


# --- looking on from outside ----------------------------------------------------------------


def cpu_of(pid: int) -> float:
    """Seconds of processor time so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def cpu_of_all() -> float:
    """Seconds of processor time so far of everything on this machine."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    idle = fields[3] + fields[4]
    return (sum(fields[:8]) - idle) / TICKS


class Findings:
    """Which conversations have been screened and when, read from the database by looking on.

    `at` has the time at which the committed finding was seen, at most LOOK_EVERY late.
    """

    def __init__(self, database: Path) -> None:
        self.at: dict[bytes, float] = {}
        self._raw = sqlite3.connect(f"file:{database}?mode=ro", uri=True, isolation_level=None)
        self._last = self._raw.execute("SELECT coalesce(max(number), 0) FROM changes").fetchone()[0]

    async def follow(self) -> None:
        """Look on until cancelled."""
        while True:
            self._look()
            await asyncio.sleep(LOOK_EVERY)

    async def until_quiet(self) -> None:
        """Wait until nothing has been screened for a second."""
        known = -1
        while known != len(self.at):
            known = len(self.at)
            await asyncio.sleep(1)

    async def until_screened(self, wanted: Iterable[bytes], longest: float) -> None:
        """Wait until these are screened, or for so many seconds."""
        missing, end = set(wanted), time.perf_counter() + longest
        while missing and time.perf_counter() < end:
            await asyncio.sleep(LOOK_EVERY)
            missing.difference_update(self.at)

    def _look(self) -> None:
        rows = self._raw.execute(CHANGES, (self._last,)).fetchall()
        now = time.perf_counter()
        for self._last, conversation, what in rows:
            if what == "finding" and conversation is not None:
                self.at.setdefault(conversation, now)

    def close(self) -> None:
        self._raw.close()
