"""Health over a socket: whoever connects gets one line of JSON and the end of the connection.

What stands in the line is the process's own matter; `intake_server.supervisor` reads `ok`,
`age_seconds` and `alarms`. An alarm is a constant word for something a person must look at.
"""

import asyncio
import contextlib
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

_PRIVATE = stat.S_IRUSR | stat.S_IWUSR


async def serve_health(
    path: Path, report: Callable[[], dict[str, object]], mode: int = _PRIVATE
) -> asyncio.Server:
    """Answer on the Unix socket `path` with what `report` returns at that moment.

    `report` must be quick, hold only what JSON can, and name nobody: counts, ages in seconds,
    constant words, and of files that the operator wrote their names. A socket left there by an
    earlier process is replaced. Closing the returned server ends it.
    """

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(json.dumps(report(), separators=(",", ":")).encode() + b"\n")
            await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_unix_server(answer, path)
    os.chmod(path, mode)  # noqa: PTH101 - one call on a socket that nobody has opened yet
    return server
