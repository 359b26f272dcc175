"""One channel that cannot start keeps neither the others nor the courier from working."""

import asyncio
import socket

import msgspec
import pytest

from bots.channel import ChannelCannotStart, ChannelUnavailable
from bots.loopback import Loopback
from bots.matrix.channel import MatrixChannel
from bots.signal.channel import SignalChannel
from intake_server.courier import joining
from intake_server.courier.channels import Making, channels_of
from intake_server.courier.joining import Absent, Joining
from intake_server.settings import (
    ChannelSettings,
    DeltaChatSettings,
    LoopbackSettings,
    MatrixSettings,
    SignalSettings,
)

NUMBER = "+4915550001111"


def switched_on(stage, **changed):
    channels = ChannelSettings(loopback=LoopbackSettings(enabled=True), **changed)
    stage.settings = msgspec.structs.replace(stage.settings, channels=channels)


def shown(courier, name):
    (one,) = [one for one in courier.report(0.0)["channels"] if one["name"] == name]
    return one


async def test_the_others_work_and_health_names_the_one_and_what_to_do(stage):
    signal = SignalSettings(enabled=True, number=NUMBER, url="http://192.0.2.7:8080")
    switched_on(stage, signal=signal, matrix=MatrixSettings(enabled=True))
    courier = await stage.with_courier()
    await courier.channels["loopback"].say("kim", "hello")
    assert (await stage.only_row()).channel == "loopback"
    report = courier.report(0.0)
    assert not report["ok"]
    assert {"signal_cannot_start", "matrix_cannot_start"} <= set(report["alarms"])
    assert "run it on this machine" in shown(courier, "signal")["why"]
    assert "havenline channels add matrix" in shown(courier, "matrix")["why"]
    assert shown(courier, "loopback")["why"] == ""
    with pytest.raises(ChannelUnavailable):
        await courier.channels["signal"].send("somebody", "hello", b"m" * 16)
    assert NUMBER not in stage.lines.getvalue()


async def test_a_taken_port_is_named(stage):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        signal = SignalSettings(enabled=True, number=NUMBER, webhook_port=port)
        switched_on(stage, signal=signal)
        courier = await stage.with_courier()
    assert "channels.signal.webhook_port" in shown(courier, "signal")["why"]


async def test_keys_of_another_courier_are_named(stage):
    switched_on(stage, matrix=MatrixSettings(enabled=True))
    folder = stage.settings.data.courier_dir / "matrix"
    folder.mkdir(mode=0o700)
    (folder / "account.json").write_text(
        '{"homeserver": "http://127.0.0.1:1", "user_id": "@a:b", "device_id": "D",'
        ' "access_token": "t"}'
    )
    (folder / "keys.db").write_bytes(b"not a database, but long enough to be taken for one" * 9)
    courier = await stage.with_courier()
    assert "cannot be opened" in shown(courier, "matrix")["why"]


async def test_it_is_tried_again_until_it_starts(stage, monkeypatch):
    monkeypatch.setattr(joining, "TRY_AGAIN", 0.01)
    tries = []

    async def make():
        tries.append(1)
        if len(tries) < 3:
            raise ChannelCannotStart("the account is missing")
        return Loopback(now=stage.now)

    one = Joining("loopback", sends_once=False, make=make, log=stage.log_of("courier"))
    channels = {}

    async def handler(_incoming):
        return None

    await one.start(channels, lambda _channel: handler)
    assert isinstance(channels["loopback"], Absent)
    assert one.why == "the account is missing"
    async with asyncio.timeout(10):
        while isinstance(channels["loopback"], Absent):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    assert one.why == ""
    assert channels["loopback"].health().connected
    await one.stop()


async def test_what_is_known_before_a_channel_is_made_is_true(stage):
    switched_on(
        stage,
        deltachat=DeltaChatSettings(enabled=True),
        matrix=MatrixSettings(enabled=True),
        signal=SignalSettings(enabled=True, number=NUMBER),
    )
    making = Making(stage.settings, None, None, None, None, "")
    known = {one.name: one.sends_once for one in channels_of(making)}
    classes = (Loopback, MatrixChannel, SignalChannel)
    assert known == {one.name: one.sends_once for one in classes} | {"deltachat": True}
