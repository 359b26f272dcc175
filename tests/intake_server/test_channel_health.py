"""What staff are told of a messenger: the worst first, and no time by which somebody is known."""

import time

import msgspec
import pytest

from intake_server.channel_health import (
    RENEWED_AFTER,
    ChannelState,
    Standing,
    ToldToStaff,
    read_shown,
    read_states,
    shown_to_staff,
)
from intake_server.health import serve_health

WELL = ChannelState(
    name="signal",
    connected=True,
    last_inbound_seconds=None,
    last_delivery_seconds=None,
    kept=0,
    queue=0,
    refused={},
    limited_seconds=0,
    alarms=(),
)


def state(**changed):
    return msgspec.structs.replace(WELL, **changed)


@pytest.mark.parametrize(
    ("changed", "standing"),
    [
        ({}, Standing.WELL),
        ({"limited_seconds": 40}, Standing.LIMITED),
        ({"connected": False, "limited_seconds": 40}, Standing.AWAY),
        ({"alarms": ("canary_silent",)}, Standing.LATE),
        ({"connected": False, "alarms": ("canary_silent",)}, Standing.LATE),
        ({"connected": False, "alarms": ("cannot_start", "canary_silent")}, Standing.NOT_STARTED),
        ({"alarms": ("no_webhook", "many_refused")}, Standing.WELL),
    ],
)
def test_the_worst_that_is_true_is_said(changed, standing):
    assert shown_to_staff(state(**changed)).standing is standing


@pytest.mark.parametrize(
    ("seconds", "minutes"),
    [
        (None, None),
        (0, 5),
        (299, 5),
        (301, 10),
        (3_599, 60),
        (3_601, 120),
        (86_399, 1_440),
        (86_401, 2_880),
    ],
)
def test_ages_are_told_in_steps_and_never_shorter_than_they_are(seconds, minutes):
    shown = shown_to_staff(state(last_inbound_seconds=seconds, last_delivery_seconds=seconds))
    assert (shown.last_in, shown.last_out) == (minutes, minutes)


def test_a_gap_is_said_and_other_alarms_only_as_one_word():
    shown = shown_to_staff(state(alarms=("gap_suspected",)))
    assert (shown.gap, shown.watched) == (True, False)
    shown = shown_to_staff(state(alarms=("captcha_wanted",), refused={"group": 3}, why="a path"))
    assert (shown.gap, shown.watched) == (False, True)
    told = msgspec.json.encode(shown)
    for word in (b"captcha", b"group", b"path"):
        assert word not in told


async def test_both_sockets_are_read_as_they_are_told(short_dir):
    limited = state(limited_seconds=61, kept=2, queue=3, refused={"group": 1}, alarms=("limited",))
    whole, staff = short_dir / "whole.sock", short_dir / "staff.sock"
    servers = [
        await serve_health(whole, lambda: {"ok": True, "channels": [msgspec.to_builtins(limited)]}),
        await serve_health(staff, lambda: ToldToStaff(time.monotonic).told([limited]), 0o660),
    ]
    assert await read_states(whole, 5.0) == (limited,)
    assert await read_shown(staff, 5.0) == (shown_to_staff(limited),)
    assert staff.stat().st_mode & 0o777 == 0o660
    for server in servers:
        server.close()
    with pytest.raises(OSError):  # noqa: PT011 - any of them: nobody is there
        await read_shown(short_dir / "nobody.sock", 5.0)


def test_who_asks_again_and_again_does_not_see_when_somebody_wrote():
    now = [1_000.0]
    staff = ToldToStaff(lambda: now[0])

    def told(**facts):
        (one,) = staff.told([state(**facts)])["channels"]
        return one

    before = told(last_inbound_seconds=7_300, last_delivery_seconds=None)
    now[0] += RENEWED_AFTER - 1
    wrote = {"last_inbound_seconds": 2, "last_delivery_seconds": 1, "kept": 1, "queue": 4}
    assert told(**wrote) == before
    away = told(**wrote, connected=False)
    assert away == before | {"standing": "away"}, "whether it works is told at once"
    (other,) = staff.told([state(name="new", **wrote)])["channels"]
    assert (other["last_in"], other["queue"]) == (None, 0)
    now[0] += 1
    after = told(**wrote)
    assert (after["last_in"], after["last_out"], after["kept"], after["queue"]) == (5, 5, 1, 4)
