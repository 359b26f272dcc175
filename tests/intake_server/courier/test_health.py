"""What the courier says of its channels, to the supervisor, to operators and to the desk."""

import stat
from datetime import UTC, datetime
from io import StringIO

import pytest

from bots.channel import ChannelUnavailable, Incoming
from intake_server.channel_health import FOR_STAFF, Standing, read_shown, read_states
from intake_server.courier.canary import SILENT, Canaries
from intake_server.courier.own_keys import OwnKeys
from intake_server.logs import open_log
from intake_server.settings import ChannelSettings
from intake_server.supervisor import ask_health
from vault.sealing import Secret

FIVE_MINUTES = 300.0


class TurnedClock:
    def __init__(self):
        self.time = 1_800_000_000.0

    def now(self):
        return datetime.fromtimestamp(self.time, UTC)

    def unix(self):
        return int(self.time)

    def monotonic(self):
        return self.time


class Voice:
    """A second account."""

    def __init__(self):
        self.said = []
        self.is_taken = True

    async def say(self, text):
        if not self.is_taken:
            raise ChannelUnavailable
        self.said.append(text)

    async def close(self):
        self.said.clear()


class Loopback:
    name = "loopback"


@pytest.fixture
def clock():
    return TurnedClock()


def canaries_of(clock, voice, every):
    log = open_log("courier", level="debug", clock=clock, stream=StringIO())
    keys = OwnKeys.of(Secret(b"s" * 32))
    return Canaries({"loopback": voice}, every, keys, clock, log)


async def nobody(_channel, _incoming):
    pytest.fail("a canary was handed on")


async def hear(canaries, text):
    take = canaries.before(nobody)
    await take(Loopback(), Incoming("somebody", "1", text, (), 0))


@pytest.mark.parametrize("is_taken", [True, False], ids=["lost", "not taken"])
async def test_a_channel_that_hears_nothing_is_an_alarm_within_five_minutes(clock, is_taken):
    """Whatever minute it fell silent in, with a canary as often as it may be."""
    every = ChannelSettings(canary_minutes=2).canary_minutes * 60.0
    voice = Voice()
    canaries = canaries_of(clock, voice, every)
    await canaries.look()
    await hear(canaries, voice.said[-1])
    fell_silent = clock.time
    voice.is_taken = is_taken
    while not canaries.alarms():
        clock.time += 5.0
        await canaries.look()
        assert clock.time - fell_silent <= FIVE_MINUTES + 5.0
    assert canaries.alarms() == ["loopback_canary_silent"]
    assert canaries.is_silent("loopback")
    voice.is_taken = True
    clock.time += every
    await canaries.look()
    await hear(canaries, voice.said[-1])
    assert canaries.alarms() == []


async def test_one_that_is_on_its_way_is_no_alarm_yet(clock):
    canaries = canaries_of(clock, Voice(), 120.0)
    await canaries.look()
    clock.time += SILENT
    assert canaries.alarms() == []
    assert not canaries.is_silent("matrix")


async def test_supervisor_operators_and_desk_are_told_at_once(stage):
    courier = await stage.with_courier()
    run = stage.settings.data.run_dir
    health, staff = run / "courier-health.sock", run / FOR_STAFF
    assert (await ask_health(health)).alarms == ()
    (shown,) = await read_shown(staff, 5.0)
    assert (shown.name, shown.standing, shown.last_in) == ("loopback", Standing.WELL, None)
    assert stat.S_IMODE(staff.stat().st_mode) == 0o600  # one user for all: nobody else's
    courier.channels["loopback"].cut()
    assert (await ask_health(health)).alarms == ("loopback_unreachable",)
    assert not (await ask_health(health)).ok
    (state,) = await read_states(health, 5.0)
    assert not state.connected
    (shown,) = await read_shown(staff, 5.0)
    assert shown.standing is Standing.AWAY
