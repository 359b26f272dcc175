"""From a person's phone to a counsellor and back, over a real Synapse, with the courier at work."""

import asyncio

import msgspec
import pytest

from intake_server.courier import canary
from intake_server.settings import ChannelSettings, MatrixSettings
from tests.bots import whole
from tests.bots.matrix.homeserver import PASSWORD
from tests.bots.matrix.phone import Phone

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mautrix"),
    pytest.mark.long,
]


@pytest.fixture
async def stage(short_dir):
    stage = await whole.raised(short_dir, matrix=MatrixSettings(enabled=True))
    yield stage
    await stage.fall()


async def added(stage, homeserver):
    """Add the channel as an operator does; the account's name."""
    user = await homeserver.new_person()
    secret = stage.folder / "pw"
    secret.write_text(f"{PASSWORD}\n")
    code, said, wrong = await whole.havenline(
        *("channels", "add", "matrix", "--homeserver", homeserver.url, "--user", user),
        *("--password-file", str(secret)),
        data=stage.folder,
    )
    assert code == 0, wrong
    secret.unlink()
    assert f"matrix:u/{user}:hotline.test?action=chat" in said
    return f"@{user}:hotline.test"


async def connected(courier):
    async with asyncio.timeout(30):
        while not courier.channels["matrix"].health().connected:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)


async def test_a_person_is_heard_answered_and_forgotten(stage, homeserver):
    hotline = await added(stage, homeserver)
    courier = await stage.with_courier()
    await connected(courier)
    person = await Phone(homeserver, hotline).sign_in(await homeserver.new_person())
    try:
        await whole.heard_answered_and_forgotten(stage, courier, person, "matrix")
    finally:
        await person.sign_out()
    await stage.dismiss_all()
    assert whole.left_in(stage.folder, PASSWORD, person.client.mxid) == []
    assert not any(one.encode() in homeserver.on_disk() for one in whole.CANARIES)
    assert "CANARY" not in stage.lines.getvalue()
    assert person.client.mxid not in stage.lines.getvalue()


@pytest.mark.timeout(1200)
async def test_three_hundred_messages_survive_a_courier_that_is_killed(stage, homeserver):
    hotline = await added(stage, homeserver)
    killed = whole.Killed(stage, "[channels.matrix]\nenabled = true\n")
    person = await Phone(homeserver, hotline).sign_in(await homeserver.new_person())
    try:
        standing = await whole.three_hundred_arrive_once_and_in_order(stage, killed, person)
        assert standing == ["sent"] * whole.ANSWERS
        said = await whole.heard(person, whole.ANSWERS + 1)
    finally:
        await person.sign_out()
    assert said == [f"answer {number}" for number in range(whole.ANSWERS)]


async def test_a_canary_comes_the_whole_way_and_leaves_nothing(stage, homeserver, monkeypatch):
    monkeypatch.setattr(canary, "TRY_AGAIN", 1.0)
    monkeypatch.setattr(canary, "LOOK_EVERY", 0.2)
    await added(stage, homeserver)
    secret = stage.folder / "pw"
    secret.write_text(f"{PASSWORD}\n")
    code, said, wrong = await whole.havenline(
        *("channels", "add", "matrix", "--canary", "--homeserver", homeserver.url),
        *("--user", await homeserver.new_person(), "--password-file", str(secret)),
        data=stage.folder,
    )
    assert code == 0, wrong
    assert "canary = true" in said
    channels = ChannelSettings(matrix=MatrixSettings(enabled=True, canary=True))
    stage.settings = msgspec.structs.replace(stage.settings, channels=channels)
    courier = await stage.with_courier()
    state = courier.canaries._states
    async with asyncio.timeout(60):
        while "matrix" not in state or state["matrix"].missing_since is not None:
            stage.clock.turn(0.2)
            await asyncio.sleep(0.05)
    assert await stage.rows() == []
    assert b"canary" not in stage.files()
    stage.clock.turn(1_800)
    async with asyncio.timeout(60):
        while state["matrix"].missing_since is None:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        while state["matrix"].missing_since is not None:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    assert courier.alarms() == []
