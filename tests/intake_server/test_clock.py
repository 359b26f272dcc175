"""The machine's clock."""

from datetime import timedelta

from intake_server.clock import Clock, SystemClock


def test_now_is_aware_and_in_utc():
    clock: Clock = SystemClock()
    assert clock.now().utcoffset() == timedelta(0)


def test_unix_and_now_tell_the_same_time():
    clock = SystemClock()
    before, unix, after = clock.now(), clock.unix(), clock.now()
    assert int(before.timestamp()) <= unix <= int(after.timestamp())


def test_monotonic_never_goes_back():
    clock = SystemClock()
    readings = [clock.monotonic() for _ in range(100)]
    assert readings == sorted(readings)
