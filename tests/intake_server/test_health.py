import asyncio
import json
import stat

from intake_server.health import serve_health


async def read(path) -> dict:
    reader, writer = await asyncio.open_unix_connection(path)
    line = await reader.readline()
    assert await reader.read() == b""
    writer.close()
    return json.loads(line)


async def test_each_connection_gets_one_line_of_the_moment(short_dir):
    path = short_dir / "web-health.sock"
    alarms: list[str] = []
    server = await serve_health(path, lambda: {"ok": not alarms, "alarms": list(alarms)})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert await read(path) == {"ok": True, "alarms": []}
    alarms.append("checkpoint_late")
    assert await read(path) == {"ok": False, "alarms": ["checkpoint_late"]}
    server.close()


async def test_a_socket_left_behind_is_replaced(short_dir):
    path = short_dir / "web-health.sock"
    first = await serve_health(path, lambda: {"ok": False})
    second = await serve_health(path, lambda: {"ok": True})
    assert await read(path) == {"ok": True}
    second.close()
    first.close()
