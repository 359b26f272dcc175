"""One mail server and one phone for a module's tests; a hotline's account for each test."""

import pytest_asyncio

from tests.bots.deltachat.post import DeltaBench, MailServer, Phone


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def server():
    server = await MailServer().open()
    yield server
    await server.close()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def phone(server, tmp_path_factory):
    phone = await Phone().open(server, tmp_path_factory.mktemp("phone"))
    yield phone
    await phone.close()


@pytest_asyncio.fixture(loop_scope="module")
async def bench(server, phone, tmp_path):
    bench = await DeltaBench(server, phone, tmp_path).open()
    yield bench
    await bench.close()
