"""From a person's phone to a counsellor and back, over the stand-in, with the courier at work."""

import asyncio

import msgspec
import pytest

from intake_server.courier.channels import webhook_path
from intake_server.courier.own_keys import OwnKeys
from intake_server.settings import SignalSettings
from tests.bots import whole
from tests.bots.matrix.homeserver import free_port
from tests.bots.signal.bench import SignalPerson
from tests.bots.signal.stand_in import ACCOUNT, INVITE, StandIn

pytestmark = pytest.mark.long


@pytest.fixture
async def server():
    server = StandIn()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def stage(short_dir, server):
    signal = SignalSettings(enabled=True, url=server.url, number=ACCOUNT, webhook_port=free_port())
    stage = await whole.raised(short_dir, signal=signal)
    server.webhook = (
        f"http://127.0.0.1:{signal.webhook_port}{webhook_path(OwnKeys.of(stage.courier_seed))}"
    )
    yield stage
    await stage.fall()


async def test_a_person_is_heard_answered_and_forgotten(stage, server):
    courier = await stage.with_courier()
    async with asyncio.timeout(20):
        while not courier.channels["signal"].health().connected:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
    person = SignalPerson(server, server.somebody(number="+4915559990000"))
    await whole.heard_answered_and_forgotten(stage, courier, person, "signal")
    assert len(person.somebody.deleted) == 5  # every sentence and file of ours, there too
    assert server.attachments == {}  # nor what they sent, in the clear folder of signal-cli
    await stage.dismiss_all()
    uuid, number = person.somebody.uuid, person.somebody.number
    assert whole.left_in(stage.folder, uuid, number, "a profile's name") == []
    assert uuid not in stage.lines.getvalue()
    assert "CANARY" not in stage.lines.getvalue()


@pytest.mark.timeout(1200)
async def test_three_hundred_messages_survive_a_courier_that_is_killed(stage, server):
    """Signal's server waits for nobody: what it says while no courier runs is lost, and told.

    So the stand-in keeps its next event while nobody listens, as a socket that a supervisor holds
    open does.
    """
    settings = stage.settings.channels.signal
    killed = whole.Killed(
        stage,
        f'[channels.signal]\nenabled = true\nurl = "{settings.url}"\nnumber = "{ACCOUNT}"\n'
        f"webhook_port = {settings.webhook_port}\n",
    )
    server.behaviour.waits_for_webhook = True
    person = SignalPerson(server, server.somebody())
    standing = await whole.three_hundred_arrive_once_and_in_order(stage, killed, person)
    said = await whole.heard(person, whole.ANSWERS + 1)
    sent = [f"answer {number}" for number, one in enumerate(standing) if one == "sent"]
    assert [text for text in said if text in sent] == sent
    assert len(said) == len(set(said))


async def test_a_canary_comes_the_whole_way_and_leaves_nothing(stage, server):
    """And where it does not come, that is an alarm."""
    server.accounts.append(server.canary.number)
    signal = msgspec.structs.replace(
        stage.settings.channels.signal, canary_number=server.canary.number
    )
    channels = msgspec.structs.replace(stage.settings.channels, signal=signal)
    stage.settings = msgspec.structs.replace(stage.settings, channels=channels)
    folder = stage.settings.data.courier_dir / "signal"
    folder.mkdir(mode=0o700)
    (folder / "invite.txt").write_text(INVITE)
    courier = await stage.with_courier()
    state = courier.canaries._states
    async with asyncio.timeout(60):
        while "signal" not in state or state["signal"].missing_since is not None:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
    assert courier.canaries.alarms() == []
    assert await stage.rows() == []
    assert server.canary.heard.empty()
    assert b"canary" not in stage.files()
    server.behaviour.send = "limited"
    stage.clock.turn(1_800)
    async with asyncio.timeout(60):
        while state["signal"].missing_since is None:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
    stage.clock.turn(91)
    assert "signal_canary_silent" in courier.alarms()
