"""The full disk of tests/proof/test_full_disk.py with PostgreSQL's files on it as well.

PostgreSQL refuses rows while a table cannot grow, and crashes where its log cannot: then the disk
has room again and somebody starts it, as systemd or a person would. Havenline's own processes are
not started again, and what was erased while the server lay there stays erased.
"""

import asyncio
import contextlib

import psycopg
import pytest

from tests.flows.people import Client, Counsellor, Refused
from tests.flows.stack import Stack, http, until
from tests.postgres.server import psql, running, started
from tests.postgres.vandal import DATABASE
from tests.proof.test_full_disk import Ballast, mounted, opens, the_steps
from vault import postgres_roles
from vault.sealing import CannotOpen

pytestmark = [pytest.mark.proof, pytest.mark.long, pytest.mark.timeout(3500)]

SIZE = 256 * 1024 * 1024
# A crash is the end until somebody starts it again; and no checkpoint makes room in the log.
SETTINGS = "restart_after_crash = off\nmin_wal_size = 64MB\ncheckpoint_timeout = 1h\n"


async def test_full_at_each_step_and_where_its_log_cannot_grow(short_dir):
    async with mounted(short_dir, SIZE), http() as net:
        short_dir.chmod(0o711)  # the server has a user of its own
        folder, ballast = short_dir / "pg", Ballast(short_dir)
        folder.mkdir()
        with running(folder, SETTINGS) as server:
            psql(server.superuser, postgres_roles.script("havenline", DATABASE))
            some_log_in_advance(server)
            more = f'[data]\ndatabase_url = "{server.url(DATABASE)}"\n'
            stack = Stack(short_dir, more=more)
            try:
                await stack.start()
                ana = await the_steps(stack, net, ballast)
                await the_server_crashes(stack, net, ana, server, ballast)
            finally:
                ballast.remove()
                await stack.stop()


async def the_server_crashes(stack, net, ana: Counsellor, server, ballast: Ballast) -> None:
    kept, doomed = Client(stack, net), Client(stack, net)
    for client in (kept, doomed):
        await client.write_first("before the crash")
    pids = stack.pids()
    ballast.leave(0)
    for _ in range(20):  # segments that are kept for reuse are used up first
        with contextlib.suppress(psycopg.Error), server.as_superuser() as raw:
            raw.execute("SELECT pg_switch_wal()")
            raw.execute("SELECT pg_logical_emit_message(false, 'full', repeat('x', 100000))")
    await until(lambda: not answers(server), "the server has crashed for want of room")

    with pytest.raises(Refused):
        await Client(stack, net).write_first("nobody can store this")
    await doomed.erase()
    ballast.remove()
    with started(server.folder):
        await until(lambda: answers(server), "the server is there again")
        client = await stored_at_last(stack, net)
        for one, text in ((kept, "before the crash"), (client, "after the crash")):
            assert await opens(one) == [text]
        with pytest.raises(CannotOpen):
            await opens(doomed)
        await ana.sign_in()
        await ana.claim(kept.conversation)
        await (await ana.open(kept.conversation)).reply("here again")
        assert await opens(kept) == ["before the crash", "here again"]
        stack.cli("sweep")
        assert stack.pids() == pids, "a process was started again"
        print("the server crashed for want of room; what was erased meanwhile is gone")  # noqa: T201 -- for docs/proofs.md


def some_log_in_advance(server) -> None:
    """Segments to be used again, as a server has that ran for a while."""
    with server.as_superuser() as raw:
        for _ in range(4):
            raw.execute("SELECT pg_logical_emit_message(false, 'begin', 'x'), pg_switch_wal()")
        raw.execute("CHECKPOINT")


def answers(server) -> bool:
    try:
        with server.as_superuser():
            return True
    except psycopg.OperationalError:
        return False


async def stored_at_last(stack, net) -> Client:
    """Each connection finds out at its next piece that it broke."""
    for _ in range(20):
        client = Client(stack, net)
        with contextlib.suppress(Refused):
            await client.write_first("after the crash")
            return client
        await asyncio.sleep(0.2)
    raise AssertionError("nothing is stored although the server is there again")
