"""Sockets that stay open while a process starts anew: what comes in between waits."""

import asyncio
import io
import os
import socket
import sys

import pytest

from intake_server.clock import SystemClock
from intake_server.lent_sockets import (
    FROM_SUPERVISOR,
    SIGNAL_WEBHOOK,
    as_told,
    borrowed,
    held_open,
    lent_to,
)
from intake_server.logs import open_log
from intake_server.programs import ports_held_open
from intake_server.settings import ChannelSettings, Settings, SignalSettings
from intake_server.supervisor import Pace, Program, Supervisor
from tests.bots.matrix.homeserver import free_port

# Answers one visitor with its own process id, and dies.
ONE_VISITOR = """
import os
from intake_server.lent_sockets import SIGNAL_WEBHOOK, borrowed, lent_to
listener = borrowed(lent_to(os.environ, os.getpid())[SIGNAL_WEBHOOK])
visitor, _ = listener.accept()
visitor.sendall(b"%d" % os.getpid())
"""
OWN = 4711


@pytest.mark.parametrize(
    ("environment", "lent"),
    [
        ({}, {}),
        ({FROM_SUPERVISOR: '{"signal-webhook":7}'}, {"signal-webhook": 7}),
        ({FROM_SUPERVISOR: "nonsense"}, {}),
        ({FROM_SUPERVISOR: '{"signal-webhook":"seven"}'}, {}),
        (
            {"LISTEN_PID": str(OWN), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "signal-webhook"},
            {"signal-webhook": 3},
        ),
        (
            {"LISTEN_PID": str(OWN), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "other:signal-webhook"},
            {"other": 3, "signal-webhook": 4},
        ),
        ({"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "signal-webhook"}, {}),
        ({"LISTEN_PID": str(OWN), "LISTEN_FDS": "x", "LISTEN_FDNAMES": "signal-webhook"}, {}),
    ],
)
def test_what_is_lent_is_read_as_it_is_told(environment, lent):
    assert lent_to(environment, OWN) == lent


def test_a_borrowed_socket_may_be_closed_again_and_again():
    port = free_port()
    with held_open({SIGNAL_WEBHOOK: port}) as lent:
        for _ in range(2):
            mine = borrowed(lent[SIGNAL_WEBHOOK])
            assert mine.getsockname() == ("127.0.0.1", port)
            assert not os.get_inheritable(mine.fileno())
            mine.close()
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass
        assert as_told(lent) == {FROM_SUPERVISOR: f'{{"signal-webhook":{lent[SIGNAL_WEBHOOK]}}}'}
    with pytest.raises(OSError):  # noqa: PT011 - any: nobody listens any more
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_a_port_that_is_taken_is_left_to_the_courier_to_complain_of():
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        held_open({SIGNAL_WEBHOOK: taken.getsockname()[1]}) as lent,
    ):
        assert lent == {}
        assert as_told(lent) == {}


@pytest.mark.parametrize(
    ("signal", "ports"),
    [
        ({}, {}),
        ({"enabled": True, "number": "+4915550001111"}, {}),
        ({"webhook_port": 8091}, {}),
        (
            {"enabled": True, "number": "+4915550001111", "webhook_port": 8091},
            {SIGNAL_WEBHOOK: 8091},
        ),
    ],
)
def test_a_port_is_held_open_where_signal_is_on_and_has_one(signal, ports):
    channels = ChannelSettings(signal=SignalSettings(**signal))
    assert ports_held_open(Settings(channels=channels)) == ports


async def test_a_visitor_between_two_lives_is_answered_by_the_next():
    async def ask():
        raise ConnectionRefusedError

    log = open_log("supervisor", level="error", clock=SystemClock(), stream=io.StringIO())
    port = free_port()
    with held_open({SIGNAL_WEBHOOK: port}) as lent:
        program = Program("one", (sys.executable, "-c", ONE_VISITOR), ask, lent)
        supervisor = Supervisor(
            [program], clock=SystemClock(), log=log, say=lambda _: None, pace=Pace(grace=1.0)
        )
        supervisor.start()
        try:
            # All three knock before anybody has answered: each process takes one of them.
            visits = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
            async with asyncio.timeout(60):
                answers = [await reader.read() for reader, _ in visits]
            for _, writer in visits:
                writer.close()
        finally:
            supervisor.kill()
            await supervisor.stop()
    assert len({int(answer) for answer in answers}) == 3
