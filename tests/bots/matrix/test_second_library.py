"""Matrix passes the suite of every channel once more, with the library that Element is built on."""

import asyncio

import pytest

from bots import conformance
from tests.bots.matrix.js_phone import JsBench, installed

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]


@pytest.fixture
async def bench(homeserver):
    await asyncio.to_thread(installed)
    made = await JsBench.of(homeserver)
    yield made
    await made.close()


@pytest.mark.parametrize("check", conformance.CHECKS, ids=lambda check: check.__name__)
async def test_the_matrix_channel_conforms_with_the_second_library(check, bench):
    await conformance.run(check, bench)


async def test_two_people_by_the_second_library_hear_only_what_is_theirs(bench):
    heard = []

    async def take(incoming):
        heard.append(incoming)

    await bench.channel.start(take)
    people = [await bench.person() for _ in range(2)]
    for number, person in enumerate(people):
        await person.say(f"I am {number}")
    while len(heard) < len(people):  # noqa: ASYNC110 - the channel tells nobody
        await asyncio.sleep(0.05)
    for incoming in heard:
        await bench.channel.send(
            incoming.address, f"to {incoming.text}", incoming.text.encode().ljust(16)
        )
    for number, person in enumerate(people):
        assert await person.hear() == f"to I am {number}"
        assert person.heard.empty()
