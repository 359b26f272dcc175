"""Desks for tests: not set up, set up, and with somebody who has written."""

import aiohttp
import pytest

from tests.intake_server.desk.place import Place


@pytest.fixture
async def http():
    timeout, no_cookies = aiohttp.ClientTimeout(total=60), aiohttp.DummyCookieJar()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        timeout=timeout, cookie_jar=no_cookies, connector=connector
    ) as session:
        yield session


@pytest.fixture
async def empty(short_dir, http):
    """A desk before anybody was set up."""
    place = Place(short_dir, http)
    await place.open()
    yield place
    await place.close()


@pytest.fixture
async def place(empty):
    """A desk with Ana, signed in."""
    empty.ana = await empty.first_person()
    return empty


@pytest.fixture
def ana(place):
    return place.ana


@pytest.fixture
async def client(place):
    """Somebody who has written."""
    return await place.client()
