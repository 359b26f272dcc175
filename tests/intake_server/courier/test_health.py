"""What the courier says of its channels, to the supervisor, to operators and to the desk."""

import stat
import zoneinfo
from datetime import UTC, datetime
from io import StringIO

import pytest

from bots.channel import ChannelUnavailable, Incoming
from bots.loopback import Loopback as LoopbackChannel
from intake_server.channel_health import FOR_STAFF, Standing, read_shown, read_states
from intake_server.courier.canary import LOOK_EVERY, SILENT, Canaries
from intake_server.courier.duty import LOOK_EVERY as DUTY_LOOK
from intake_server.courier.duty import Duty, Enrolled, Member, Wish
from intake_server.courier.joining import Absent
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
    every = ChannelSettings().canary_minutes * 60.0
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


async def test_a_busy_channel_needs_no_canary_and_a_lost_one_is_not_forgotten(clock):
    voice = Voice()
    canaries, taken = canaries_of(clock, voice, 180.0), []

    async def take(_channel, incoming):
        taken.append(incoming.text)

    async def hear_somebody():
        await canaries.before(take)(Loopback(), Incoming("kim", "1", "hello", (), 0))

    await canaries.look()
    await hear(canaries, voice.said[-1])
    for _ in range(20):
        clock.time += 100.0
        await hear_somebody()
        await canaries.look()
    assert (len(voice.said), len(taken)) == (1, 20)
    clock.time += 180.0
    await canaries.look()
    assert len(voice.said) == 2
    await hear_somebody()
    clock.time += SILENT + 1
    assert canaries.alarms() == ["loopback_canary_silent"], "only a canary shows that they arrive"


class Phone(LoopbackChannel):
    """Another network, over which the supervisor is told."""

    name = "matrix"


@pytest.mark.parametrize("death", ["adapter dead", "server dead", "deaf", "takes nothing"])
async def test_whatever_a_channel_dies_of_whoever_looks_after_it_is_told_in_five_minutes(
    stage, death
):
    """With the settings as they come, by the second in which it died, up to the message sent."""
    courier = await stage.with_courier()
    loopback, phone = courier.channels["loopback"], Phone(now=stage.clock.unix)
    voice, courier.canaries.clock = Voice(), stage.clock
    courier.canaries.voices = {"loopback": voice}
    duty = duty_of(stage, courier, phone)
    for dies_after in range(0, 200, 45):
        courier.channels["loopback"], voice.is_taken = loopback, True
        loopback.restore()
        await settled(stage, courier, voice, duty, dies_after)
        assert courier.alarms() == []
        if death == "adapter dead":
            courier.channels["loopback"] = Absent("loopback", sends_once=False)
        elif death == "server dead":
            loopback.cut()
        voice.is_taken = death != "takes nothing"
        assert await told_after(stage, courier, duty, phone) <= FIVE_MINUTES


def duty_of(stage, courier, phone):
    enrolled = Enrolled(stage.folder / "courier", courier.inbound.keys)
    member = Member("record", Wish("A", pings=False, alarms=True), "matrix", "supervisor")
    enrolled.members = lambda: [member]
    return Duty(
        enrolled,
        courier.inbound.speech.spoken.usual,
        {"matrix": phone},
        courier.alarms,
        courier.inbound.work.unclaimed_since,
        (),
        zoneinfo.ZoneInfo("UTC"),
        stage.clock,
        stage.log_of("courier"),
    )


async def looked(stage, courier, duty, second):
    stage.clock.turn(1)
    if second % int(LOOK_EVERY) == 0:
        await courier.canaries.look()
    if second % int(DUTY_LOOK) == 0:
        await duty.look()


async def settled(stage, courier, voice, duty, more):
    """All is well for an hour, and then for some seconds since a canary came."""
    heard = 0
    for second in range(3_600):
        await looked(stage, courier, duty, second)
        if len(voice.said) > heard:
            heard = len(voice.said)
            await hear(courier.canaries, voice.said[-1])
    for second in range(more):
        await looked(stage, courier, duty, second)
        if len(voice.said) > heard:
            heard = len(voice.said)
            await hear(courier.canaries, voice.said[-1])


async def told_after(stage, courier, duty, phone):
    """After how many seconds the supervisor has heard it."""
    told = phone.listen("supervisor")
    before = told.qsize()
    for second in range(1, 1_000):
        await looked(stage, courier, duty, second)
        if told.qsize() > before:
            return second
    return 1_000


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
