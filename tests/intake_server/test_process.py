"""What a process does to itself where nobody confines it: a service unit, a shell."""

import asyncio
import os
import re
import resource
import sys
from pathlib import Path

import pytest

from intake_server.settings import DataSettings
from tests.flows.stack import until
from vault.schema import migrate

ROOT = Path(__file__).parents[2]
NOBODY = 65534


def with_core_dumps() -> None:
    """Allow what the process is to forbid itself."""
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))
    os.umask(0o022)
    if os.geteuid() == 0:
        os.setgid(NOBODY)


@pytest.mark.parametrize("name", ["web", "desk", "courier", "caretaker"])
async def test_a_process_started_by_hand_gives_no_core_dump_and_writes_for_itself(name, short_dir):
    migrate(DataSettings(folder=short_dir).database_url)
    (short_dir / "havenline.toml").write_text(
        '[web]\nport = 0\n[desk]\nport = 0\n[screening]\nlanguages = ["en"]\n'
    )
    keeper = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "intake_server.keeper", "--data", str(short_dir)),
        *("--records", "4096"),
        cwd=ROOT,
        stderr=asyncio.subprocess.DEVNULL,
    )
    process = None
    try:
        await until((short_dir / "run" / "keeper-web.sock").exists, "the keeper answers")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"intake_server.{name}", "--data", str(short_dir)),
            cwd=ROOT,
            stderr=asyncio.subprocess.DEVNULL,
            preexec_fn=with_core_dumps,
        )
        await until((short_dir / "run" / f"{name}-health.sock").exists, f"{name} runs")
        proc = Path(f"/proc/{process.pid}")
        limits, status = (proc / "limits").read_text(), (proc / "status").read_text()
        assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE)
        assert re.search(r"^Umask:\s+0077$", status, re.MULTILINE)
        # What belongs to a process that is not dumpable belongs to root there (proc(5)); the
        # process itself runs in another group, or as another user.
        owner = (proc / "limits").stat()
        assert (owner.st_uid, owner.st_gid) == (0, 0)
    finally:
        for each in (process, keeper):
            if each is not None and each.returncode is None:
                each.terminate()
                await each.wait()
