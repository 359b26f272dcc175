"""The desk as a process of its own."""

import asyncio
import json
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from intake_server.settings import DataSettings
from tests.flows.people import Counsellor
from tests.intake_server.desk.place import Stream
from tests.intake_server.keeper.world import HotlineProcess
from vault.schema import migrate

ROOT = Path(__file__).parents[3]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class DeskProcess:
    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.desk = f"http://127.0.0.1:{self.port}"
        self.config = folder / "desk.toml"
        self.config.write_text(f'[data]\nfolder = "."\n[desk]\nport = {self.port}\n')

    async def start(self):
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "intake_server.desk", "--data", str(self.folder)),
            *("--config", str(self.config)),
            cwd=ROOT,
            stderr=subprocess.PIPE,
        )

    async def started(self):
        async with asyncio.timeout(30):
            line = await self.process.stderr.readline()
        assert b"process_started" in line

    async def end(self):
        if self.process.returncode is None:
            self.process.terminate()
        _, said = await self.process.communicate()
        return self.process.returncode, said.decode()


@pytest.fixture
async def desk(short_dir):
    migrate(DataSettings(folder=short_dir).database_url)
    hotline = HotlineProcess(short_dir)
    await hotline.open()
    process = DeskProcess(short_dir)
    await process.start()
    await process.started()
    process.hotline = hotline
    yield process
    await process.end()
    await hotline.close()


async def test_it_says_how_it_is(desk):
    path = desk.folder / "run" / "desk-health.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    reader, writer = await asyncio.open_unix_connection(path)
    health = json.loads(await reader.read())
    writer.close()
    assert health["ok"] is True
    assert health["age_seconds"] >= 0
    assert health["alarms"] == []


async def test_it_ends_when_it_is_told(desk, http):
    async with http.post(f"{desk.desk}/api/hello", json={}) as response:
        assert (await response.json())["setup_needed"]
    code, said = await desk.end()
    assert code == 0
    assert [json.loads(line)["event"] for line in said.splitlines()] == ["process_stopped"]


async def test_it_ends_open_streams_first(desk, http):
    """Whoever listens hears the end at once, and connects to the desk that comes after."""
    await desk.hotline.announce()
    token = (await desk.hotline.operator.set_up_token()).token
    ana = Counsellor(desk, http)
    await ana.ask("/api/setup", await ana.set_up_body(token.reveal()))
    await ana.sign_in()
    async with http.post(
        f"{desk.desk}/api/events", json={"after": 0}, headers={"Havenline-Session": ana.session}
    ) as response:
        stream = Stream(response)
        assert await stream.line() == {"beat": True}
        desk.process.terminate()
        assert await stream.rest() == []
    assert (await desk.end())[0] == 0


def test_the_desk_brings_nothing_of_other_processes_with_it():
    """What is not imported cannot be used: no messenger, no rules, no keeper, no web."""
    command = "import sys, intake_server.desk.__main__; print(*sys.modules)"
    listed = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    foreign = ("bots", "vault.slots", "vault.envelope", "triage.screening")
    foreign += tuple(f"intake_server.{name}" for name in ("web", "keeper.", "courier", "caretaker"))
    assert "intake_server.desk.routes" in listed
    assert [name for name in listed if name.startswith(foreign)] == []


async def test_it_says_why_it_cannot_start(short_dir):
    process = DeskProcess(short_dir)
    await process.start()
    assert await process.process.wait() == 2
    _, said = await process.end()
    assert said.startswith("the desk process does not start: the database cannot be used")


async def test_a_port_that_is_taken(desk):
    other = DeskProcess(desk.folder)
    other.config.write_text(f'[data]\nfolder = "."\n[desk]\nport = {desk.port}\n')
    await other.start()
    assert await other.process.wait() == 2
    _, said = await other.end()
    assert f"nothing can listen on 127.0.0.1, port {desk.port}" in said
