"""How the messengers are, as staff see it: what the courier tells, and nothing while it is away."""

import contextlib

import msgspec
import pytest

from intake_server.channel_health import FOR_STAFF, ChannelState, ToldToStaff
from intake_server.health import serve_health
from intake_server.settings import ChannelSettings, LoopbackSettings
from tests.intake_server.desk.place import Place
from tests.intake_server.desk.test_conversations import refusal
from vault.roster import Role

STATE = ChannelState(
    name="loopback",
    connected=False,
    last_inbound_seconds=61,
    last_delivery_seconds=None,
    kept=0,
    queue=4,
    refused={"group": 2},
    limited_seconds=0,
    alarms=("gap_suspected",),
    why="a sentence for operators",
)


@pytest.fixture
async def place(short_dir, http):
    """A desk with Ana, where a messenger is switched on."""
    place = Place(short_dir, http)
    channels = ChannelSettings(loopback=LoopbackSettings(enabled=True))
    place.settings = msgspec.structs.replace(place.settings, channels=channels)
    await place.open()
    place.ana = await place.first_person()
    yield place
    await place.close()


@contextlib.asynccontextmanager
async def a_courier(place):
    socket = place.settings.data.run_dir / FOR_STAFF
    server = await serve_health(socket, lambda: ToldToStaff(place.clock.monotonic).told([STATE]))
    try:
        yield
    finally:
        server.close()


async def test_staff_see_what_the_courier_tells(place):
    async with a_courier(place):
        assert await place.ana.ask("/api/channels", {}) == {
            "known": True,
            "channels": [
                {
                    "name": "loopback",
                    "standing": "away",
                    "last_in": 5,
                    "last_out": None,
                    "limited": 0,
                    "kept": 0,
                    "queue": 4,
                    "gap": True,
                    "watched": False,
                    "attachments": True,
                    "leaving": 0,
                }
            ],
        }


async def test_a_courier_that_is_away_is_said_and_never_taken_for_well(place):
    assert await place.ana.ask("/api/channels", {}) == {"known": False, "channels": []}


async def test_who_is_an_auditor_only_does_not_see_it(place):
    jo = await place.colleague("Jo", Role.AUDITOR)
    async with a_courier(place):
        assert (await refusal(jo.ask("/api/channels", {})))[0] == 403
    assert (await place.ask("/api/channels", {}))[0] == 401


async def test_without_a_messenger_nobody_is_asked(empty):
    ana = await empty.first_person()
    assert await ana.ask("/api/channels", {}) == {"known": True, "channels": []}
