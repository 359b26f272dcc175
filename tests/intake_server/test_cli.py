"""The command line over real processes: starting, stopping, refusing, telling."""

import contextlib
import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import pytest
from click.testing import CliRunner

from intake_server.cli import main
from intake_server.database_state import newest_schema
from intake_server.prepare import prepare
from tests.flows.people import Counsellor
from vault import private_files, tables
from vault.roster import fingerprint_words

# Whole installations: each start is five processes, and some tests start several.
pytestmark = pytest.mark.timeout(240)

ROOT = Path(__file__).parents[2]
NAMES = ["keeper", "caretaker", "courier", "desk", "web"]
LINK = re.compile(r"http://127\.0\.0\.1:(\d+)/#setup=([\w-]{43})")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Installed:
    """One data folder with its settings, and what runs in it."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.data = folder / "data"
        self.log = folder / "log"
        self.config = folder / "settings.toml"
        self.web, self.desk = free_port(), free_port()
        self.config.write_text(
            f"[web]\nport = {self.web}\n[desk]\nport = {self.desk}\n[slots]\nrecords = 4096\n"
            '[screening]\nlanguages = ["en"]\n[safety]\nallow_swap = true\n'
            "allow_core_dumps = true\n"
        )
        self.environment = {**os.environ, **environment}
        self.prefix: tuple[str, ...] = ()
        self.up: subprocess.Popen[str] | None = None

    def command(self, *words: str) -> list[str]:
        place = ("--data", str(self.data), "--config", str(self.config))
        return [*self.prefix, sys.executable, "-m", "intake_server.cli", *words, *place]

    def ask(self, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            cwd=ROOT,
            env=self.environment,
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self, *flags: str, last: str = "prints the link for that") -> str:
        """Start everything and return what was printed up to the line with `last`."""
        with self.log.open("a") as log:
            self.up = subprocess.Popen(
                self.command("up", *flags),
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        printed = ""
        for line in self.up.stdout:
            printed += line
            if last in line:
                return printed
        raise AssertionError(printed + self.log.read_text()[-4000:])

    def told(self) -> dict:
        return json.loads(self.ask("status", "--json").stdout)

    def pids(self) -> dict[str, int]:
        return {each["name"]: each["pid"] for each in self.told()["processes"]}

    def stop(self, number: signal.Signals = signal.SIGINT) -> str:
        """End it as Ctrl-C does and return what it printed meanwhile."""
        self.up.send_signal(number)
        printed, _ = self.up.communicate()
        return printed

    def close(self) -> None:
        if self.up is not None and self.up.poll() is None:
            self.up.kill()
            self.up.communicate()


@contextlib.contextmanager
def installed(folder: Path, **environment: str) -> Iterator[Installed]:
    it = Installed(folder, **environment)
    try:
        yield it
    finally:
        it.close()


@pytest.fixture
def it(short_dir: Path) -> Iterator[Installed]:
    with installed(short_dir) as one:
        yield one


@pytest.fixture(scope="module")
def first_day() -> Iterator[Path]:
    """A data folder that was started once and stopped."""
    folder = Path(tempfile.mkdtemp(prefix="hl"))
    with installed(folder) as one:
        one.start()
        one.stop()
        assert one.up.returncode == 0
    yield one.data
    shutil.rmtree(folder)


@pytest.fixture
def stopped(it: Installed, first_day: Path) -> Installed:
    """An installation of its own that has run before."""
    shutil.copytree(first_day, it.data)
    return it


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(condition) -> None:
    while not condition():
        time.sleep(0.05)


# --- up, status, stop -----------------------------------------------------------------------


def test_a_whole_day_of_an_empty_installation(it):
    printed = it.start()
    assert f"Clients   http://127.0.0.1:{it.web}/" in printed
    assert f"Staff     http://127.0.0.1:{it.desk}/" in printed
    assert f"Data      {it.data}" in printed
    assert "Ctrl-C" in printed
    assert f"ssh -N -L {it.web}:127.0.0.1:{it.web} -L {it.desk}:127.0.0.1:{it.desk}" in printed
    assert "havenline staff setup-link" in printed
    assert LINK.search(printed) is None, "a link went where it may be logged"

    told = it.told()
    assert [each["name"] for each in told["processes"]] == [*NAMES, "supervisor"]
    assert all(each["healthy"] for each in told["processes"])
    table = it.ask("status").stdout.splitlines()
    assert [line.split()[0] for line in table] == ["process", *NAMES, "supervisor"]

    link = LINK.search(it.ask("staff", "setup-link").stdout)
    assert int(link[1]) == it.desk
    other = json.loads(it.ask("staff", "setup-link", "--json").stdout)
    assert other["url"] != link[0]
    assert other["minutes"] in (29, 30)

    second = it.ask("up")
    assert second.returncode == 1
    assert "is running" in second.stderr

    exposed = [path for path in it.data.rglob("*") if path.stat().st_mode & 0o077]
    assert exposed == []

    pids = it.pids()
    assert "Stopping." in it.stop()
    assert it.up.returncode == 0
    assert [name for name, pid in pids.items() if is_running(pid)] == []
    assert list((it.data / "run").iterdir()) == []
    assert link[2] not in it.log.read_text()
    assert it.ask("status").returncode == 1
    assert "not running" in it.ask("status").stderr
    assert json.loads(it.ask("status", "--json").stdout) == {"ok": False, "processes": []}

    again = it.start()
    assert "Havenline is running" in again
    assert it.stop(signal.SIGTERM)


def test_what_dies_is_started_again_and_nothing_survives_a_killed_supervisor(it):
    it.start()
    before = it.pids()
    for name in NAMES:
        os.kill(before[name], signal.SIGKILL)

    def all_back() -> bool:
        told = it.told()["processes"]
        ours = [each for each in told if each["name"] in NAMES]
        return all(each["healthy"] and each["restarts"] >= 1 for each in ours)

    until(all_back)
    after = it.pids()
    assert not set(after.values()) & {before[name] for name in NAMES}
    it.up.kill()
    it.up.communicate()
    until(lambda: not any(is_running(pid) for pid in after.values()))
    assert "Havenline is running" in it.start()


def test_a_terminal_is_shown_the_set_up_link(it):
    master, slave = pty.openpty()
    it.data.mkdir(mode=0o755)  # made by hand beforehand: taken over
    process = subprocess.Popen(
        it.command("up"),
        cwd=ROOT,
        env=it.environment,
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=subprocess.DEVNULL,
    )
    os.close(slave)
    shown = ""
    while LINK.search(shown) is None:
        shown += os.read(master, 4096).decode()
    assert it.data.stat().st_mode & 0o777 == 0o700
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(OSError):  # how the other end of a terminal closes
        while os.read(master, 4096):
            pass
    assert process.wait() == 0
    os.close(master)


def test_the_link_is_printed_elsewhere_when_it_is_asked_for(it):
    assert LINK.search(it.start("--setup-link", last="#setup=")) is not None


async def test_the_first_person_ends_the_set_up_link_and_the_terminal_shows_the_words(it):
    it.start()
    place = SimpleNamespace(
        desk=f"http://127.0.0.1:{it.desk}",
        web=f"http://127.0.0.1:{it.web}",
        cli=lambda *words: it.ask(*words).stdout,
    )
    async with aiohttp.ClientSession() as http:
        fingerprint = await Counsellor(place, http).set_up()
    words = "  ".join(fingerprint_words(fingerprint))
    shown = ""
    while words not in shown:
        shown += it.up.stdout.readline()
    assert "Compare them" in shown
    assert words not in it.log.read_text()
    done = it.ask("staff", "setup-link")
    assert done.returncode == 1
    assert "set up already" in done.stderr

    it.stop()
    shutil.rmtree(it.data / "database")
    assert "havenline restore" in refused(it)
    assert not (it.data / "database" / "havenline.sqlite3").exists()


# --- what up refuses ------------------------------------------------------------------------


def refused(it: Installed, *words: str) -> str:
    done = it.ask(*(words or ("up",)))
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return " ".join(done.stderr.split())


def test_a_folder_of_other_things_is_left_alone(it):
    it.data.mkdir()
    (it.data / "holiday.jpg").touch()
    assert "holiday.jpg" in refused(it)
    assert [path.name for path in it.data.iterdir()] == ["holiday.jpg"]


def test_what_a_killed_backup_or_restore_left_is_gone_after_a_start(stopped):
    copy = stopped.data / "database" / "havenline.sqlite3-backup"
    unpacked = stopped.data / ".restoring" / "database" / "havenline.sqlite3"
    for path in (copy, unpacked):
        private_files.make_folder(path.parent)
        path.touch(mode=0o600)
        path.write_bytes(b"in clear")
    with copy.open("rb") as one, unpacked.open("rb") as other:
        stopped.start()
        assert set(one.read() + other.read()) == {0}
    assert not copy.exists()
    assert not (stopped.data / ".restoring").exists()


def test_exposed_keys_are_refused_and_explained(stopped):
    (stopped.data / "keeper" / "slots.bin").chmod(0o640)
    said = refused(stopped)
    assert "slots.bin" in said
    assert "chmod -R go=" in said
    told = stopped.ask("check", "--json")
    assert told.returncode == 1
    (found,) = [each for each in json.loads(told.stdout) if each["dangerous"]]
    assert found["name"] == "exposed_files"
    assert "DANGEROUS: Other users" in stopped.ask("check").stdout


def test_debugging_is_refused(short_dir):
    with installed(short_dir, PYTHONASYNCIODEBUG="1") as it:
        assert "PYTHONASYNCIODEBUG" in refused(it)
        assert not (it.data / "keeper" / "slots.bin").exists()


def test_a_path_too_long_for_sockets_is_refused(it):
    it.data = it.data.with_name("d" * 100)
    assert "shorter folder" in refused(it)


def test_a_safe_installation_passes_the_check(stopped):
    done = stopped.ask("check")
    assert done.returncode == 0, done.stdout


def test_wrong_settings_are_named(it):
    it.config.write_text("[web]\nprot = 1\n")
    assert "there is no setting web.prot" in refused(it)


def test_a_database_without_its_slot_file_gets_no_new_one(stopped):
    for name in ("slots.bin", "slots.twin"):
        (stopped.data / "keeper" / name).unlink()
    assert "no slot file" in refused(stopped)
    assert not (stopped.data / "keeper" / "slots.bin").exists()


def test_a_first_start_that_was_cut_off_goes_on(stopped):
    shutil.rmtree(stopped.data / "database")
    assert "Havenline is running" in stopped.start()
    assert all(each["healthy"] for each in stopped.told()["processes"])


async def test_a_database_of_another_slot_file_is_refused(stopped):
    database = stopped.data / "database" / "havenline.sqlite3"
    database.unlink()
    await prepare(f"sqlite:///{database}", os.urandom(16))
    assert "do not belong together" in refused(stopped)
    assert "do not belong together" in refused(stopped), "the first refusal changed something"


def test_a_clock_that_went_back_is_refused_in_the_keepers_words(stopped):
    stopped.prefix = ("faketime", "-f", "-3d")
    stopped.environment["DONT_FAKE_MONOTONIC"] = "1"
    said = refused(stopped)
    assert "the keeper does not start" in said
    assert "clock" in said
    assert "The keeper does not start, so nothing does." in said


# --- the other commands ---------------------------------------------------------------------


def test_what_needs_a_running_hotline_says_so(stopped):
    for words in (["status"], ["staff", "setup-link"], ["clock-is-right", "--yes"]):
        assert "havenline up" in refused(stopped, *words)
    assert "caretaker cannot be reached" in refused(stopped, "sweep")


def test_a_sweep_is_counted(it):
    it.start()
    counts = json.loads(it.ask("sweep", "--json").stdout)
    assert (counts["forgotten"], counts["emptied"]) == (0, True)
    done = it.ask("sweep")
    assert done.returncode == 0
    assert "forgotten: 0" in done.stdout
    assert it.ask("clock-is-right", "--yes").returncode == 0


def test_the_inventory_lists_columns_and_files():
    listed = json.loads(
        subprocess.run(
            [sys.executable, "-m", "intake_server.cli", "inventory", "--json"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    names = {each["name"] for each in listed}
    assert {"keeper/slots.bin", "meta.pairing"} <= names


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["up"],
        ["status"],
        ["check"],
        ["sweep"],
        ["backup"],
        ["restore"],
        ["inventory"],
        ["staff"],
        ["staff", "setup-link"],
        ["clock-is-right"],
    ],
)
def test_every_command_explains_itself(words):
    done = CliRunner().invoke(main, [*words, "--help"])
    assert done.exit_code == 0
    assert "Usage:" in done.output


def test_peeking_knows_the_newest_schema():
    assert newest_schema() == tables.SCHEMA
