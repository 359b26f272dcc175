"""An installation that is started by a command, in a short folder, until it is healthy."""

import asyncio
import json
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

PATIENCE_SECONDS = 60.0
CONFIG = """
[web]
port = {web}
[desk]
port = {desk}
[slots]
records = 4096
[screening]
languages = ["en"]
[safety]
allow_swap = true
allow_core_dumps = true
{more}
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


async def until(condition, what, patience=PATIENCE_SECONDS):
    """Wait until the coroutine function `condition` gives something true."""
    end = asyncio.get_running_loop().time() + patience
    while not (found := await condition()):
        if asyncio.get_running_loop().time() > end:
            raise AssertionError(f"waited {patience} s in vain: {what}")
        await asyncio.sleep(0.05)
    return found


async def answer_of(path: Path) -> dict:
    """The one line of JSON that a health socket gives; empty while there is none."""
    try:
        reader, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return {}
    line = await reader.readline()
    writer.close()
    return json.loads(line) if line else {}


@asynccontextmanager
async def started(
    command: Sequence[str],
    data: Path,
    *,
    cwd: Path,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[subprocess.Popen]:
    """`havenline up` by this command, all of it healthy, until this is left."""
    log = cwd / "log"
    with log.open("ab") as output:
        child = subprocess.Popen(  # noqa: ASYNC220 -- starting it takes no time
            command,
            cwd=cwd,
            env=os.environ | {} if environment is None else dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    async def well():
        if child.poll() is not None:
            raise AssertionError(f"it ended: {log.read_text()[-3000:]}")
        parts = (await answer_of(data / "run/supervisor.sock")).get("processes", [])
        return len(parts) == 6 and all(part["healthy"] for part in parts)

    try:
        await until(well, "everything is healthy")
        yield child
        child.send_signal(signal.SIGTERM)
        await asyncio.to_thread(child.wait, 30)
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
