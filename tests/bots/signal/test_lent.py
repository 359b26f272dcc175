"""Signal's webhook on a socket that a supervisor holds open: websocket and webhook at once."""

import io

import pytest

from bots.channel import ChannelCannotStart
from intake_server.clock import SystemClock
from intake_server.courier.channels import Making, channels_of, webhook_path
from intake_server.courier.own_keys import OwnKeys
from intake_server.lent_sockets import SIGNAL_WEBHOOK, held_open
from intake_server.logs import open_log
from intake_server.settings import ChannelSettings, DataSettings, Settings, SignalSettings
from tests.bots.matrix.homeserver import free_port
from tests.bots.signal.bench import Desk, SignalPerson, until
from tests.bots.signal.stand_in import ACCOUNT, StandIn
from triage.retention import DEFAULT_POLICY
from vault.sealing import Secret

KEYS = OwnKeys.of(Secret(b"k" * 32))


@pytest.fixture
async def server():
    server = StandIn()
    await server.start()
    yield server
    await server.stop()


def making(folder, url, port, lent):
    """What the courier makes its channels with, for Signal alone."""
    signal = SignalSettings(enabled=True, url=url, number=ACCOUNT, webhook_port=port)
    settings = Settings(data=DataSettings(folder=folder), channels=ChannelSettings(signal=signal))
    clock = SystemClock()
    log = open_log("courier", level="error", clock=clock, stream=io.StringIO())
    return Making(settings, DEFAULT_POLICY, KEYS, clock, log, "Nobody has read this.", lent)


async def made(it):
    (joining,) = channels_of(it)
    return await joining.make()


async def test_both_ways_at_once_and_a_restart_between_lose_and_double_nothing(short_dir, server):
    port, desk = free_port(), Desk()
    with held_open({SIGNAL_WEBHOOK: port}) as lent:
        it = making(short_dir, server.url, port, lent)
        server.webhook = f"http://127.0.0.1:{port}{webhook_path(KEYS)}"
        person = SignalPerson(server, server.somebody())
        expected = [f"message {number}" for number in range(30)]
        for round_ in range(3):
            channel = await made(it)
            await channel.start(desk.take)
            await until(lambda: server.readers > 0)
            for text in expected[10 * round_ : 10 * round_ + 5]:
                await person.say(text)  # both ways are open
            await until(lambda: server.pending() == 0)
            await channel.stop()
            for text in expected[10 * round_ + 5 : 10 * round_ + 10]:
                await person.say(text)  # nobody is attached: the socket holds them
        channel = await made(it)
        await channel.start(desk.take)
        # What comes the other way after a restart comes once more under the same name there, by
        # which the courier's inbox knows it (bots/channel.py).
        heard: dict[str, str] = {}
        while len(heard) < len(expected):
            one = await desk.next()
            heard.setdefault(one.transport_id, one.text)
        await until(lambda: server.pending() == 0)
        await channel.stop()
    assert list(heard.values()) == expected
    assert {one.transport_id for one in desk.all()} <= heard.keys()
    assert server.lost_for_webhook == 0


async def test_a_socket_on_another_port_than_the_settings_is_refused_in_words(short_dir, server):
    port = free_port()
    with held_open({SIGNAL_WEBHOOK: port}) as lent:
        it = making(short_dir, server.url, port + 1, lent)
        with pytest.raises(ChannelCannotStart, match="socket unit"):
            await made(it)
    with pytest.raises(ChannelCannotStart, match="Start Havenline anew"):
        await made(it)
