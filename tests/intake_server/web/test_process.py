"""Web as a process of its own."""

import asyncio
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from intake_server.settings import DataSettings
from vault.schema import migrate

ROOT = Path(__file__).parents[3]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class WebProcess:
    def __init__(self, folder, name):
        self.port = free_port()
        self.folder = folder
        self.config = folder / f"{name}.toml"
        self.config.write_text(f'[data]\nfolder = "."\n[web]\nport = {self.port}\n')
        self.process = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    async def start(self, *more, pass_fds=()):
        command = [sys.executable, "-m", "intake_server.web", "--data", str(self.folder)]
        self.process = await asyncio.create_subprocess_exec(
            *command,
            "--config",
            str(self.config),
            *more,
            cwd=ROOT,
            stderr=subprocess.PIPE,
            pass_fds=pass_fds,
        )

    async def answers(self):
        async with asyncio.timeout(60):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    return

    async def stop(self):
        if self.process.returncode is None:
            self.process.terminate()
        _, said = await self.process.communicate()
        return said.decode()


@pytest.fixture
async def data(keeper, team):  # noqa: ARG001  # the hotline is open
    migrate(DataSettings(folder=keeper.data).database_url)
    return keeper.data


def descriptor_with(key):
    reading, writing = os.pipe()
    os.write(writing, key)
    os.close(writing)
    return reading


async def test_two_processes_with_one_key_read_each_others_forms(data, new_browser):
    key = os.urandom(32)
    first, second = WebProcess(data, "first"), WebProcess(data, "second")
    for one in (first, second):
        handed = descriptor_with(key)
        await one.start("--token-key-fd", str(handed), pass_fds=(handed,))
        os.close(handed)
        await one.answers()
    browser = new_browser(first)
    await browser.visit()
    browser.hotline = second
    screen = await browser.submit("write-form", "send", text="Hello")
    assert screen.state == "phrase"
    phrase = browser.phrase
    browser.hotline = first
    await browser.again()
    assert browser.phrase == phrase
    for one in (first, second):
        said = await one.stop()
        assert one.process.returncode == 0, said
        assert "process_stopped" in said
        assert "Hello" not in said


async def test_the_health_socket_answers_and_is_private(data, eventually):
    web = WebProcess(data, "web")
    await web.start()
    await web.answers()
    path = data / "run" / "web-health.sock"
    # Made under the process's umask, where it is its owner's alone too, then given its mode.
    await eventually(lambda: path.exists() and stat.S_IMODE(path.stat().st_mode) == 0o600)
    reader, writer = await asyncio.open_unix_connection(path)
    line = await reader.readline()
    writer.close()
    assert b'"ok":true' in line
    await web.stop()


async def test_web_knows_no_messenger_no_staff_and_no_outbox():
    script = (
        "import sys, intake_server.web.__main__ as m; "
        "print([n for n in sys.modules if n.split('.')[0] == 'bots' or n in "
        "('vault.staff', 'vault.outbox', 'vault.slots', 'intake_server.desk', "
        "'intake_server.courier', 'intake_server.keeper', 'intake_server.caretaker')])"
    )
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, cwd=ROOT, stdout=subprocess.PIPE
    )
    printed, _ = await run.communicate()
    assert printed.decode().strip() == "[]"


async def test_it_says_in_one_sentence_why_it_does_not_start(data):
    web = WebProcess(data, "web")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", web.port))
        taken.listen()
        await web.start()
        said = await asyncio.wait_for(web.process.communicate(), 20)
    assert web.process.returncode == 2
    assert "Choose another web.port." in said[1].decode()
    assert "Traceback" not in said[1].decode()


async def test_a_key_of_another_size_is_refused(data):
    web = WebProcess(data, "web")
    handed = descriptor_with(b"short")
    await web.start("--token-key-fd", str(handed), pass_fds=(handed,))
    os.close(handed)
    said = await asyncio.wait_for(web.process.communicate(), 20)
    assert web.process.returncode == 2
    assert "32 bytes" in said[1].decode()


@pytest.mark.parametrize("where", ['host = "0.0.0.0"', 'public_url = "https://a.example"'])
async def test_a_demonstration_is_for_this_machine_alone(short_dir, where):
    web = WebProcess(short_dir, "web")
    web.config.write_text(f'[data]\nfolder = "."\n[web]\nport = {web.port}\n{where}\n')
    await web.start("--nobody-reads")
    said = await asyncio.wait_for(web.process.communicate(), 20)
    assert web.process.returncode == 2
    assert "for this machine alone" in said[1].decode()


def test_no_setting_and_no_command_makes_a_demonstration():
    own = ROOT / "intake_server/web/__main__.py"
    sources = [*(ROOT / "intake_server").rglob("*.py"), ROOT / "config/havenline.toml"]
    assert "--nobody-reads" in own.read_text()
    told = [str(each) for each in sources if each != own and "nobody-reads" in each.read_text()]
    assert told == []
