"""Refusals are counted, a burst of them alarms, and nobody is told twice a day."""

from bots.channel import DAY, Refusal
from bots.refusals import ALARM, BURST, BURST_SECONDS, Refusals


def noted(times, *, apart=1):
    refusals = Refusals()
    for number in range(times):
        refusals.note(Refusal.GROUP, number * apart)
    return refusals


def test_each_reason_is_counted():
    refusals = noted(3)
    refusals.note(Refusal.NOT_ENCRYPTED, 5)
    assert refusals.counts() == {Refusal.GROUP: 3, Refusal.NOT_ENCRYPTED: 1}


def test_a_burst_alarms_as_long_as_it_is_recent():
    refusals = noted(BURST)
    assert refusals.alarms(BURST) == (ALARM,)
    assert refusals.alarms(BURST + BURST_SECONDS) == ()


def test_a_few_and_slow_ones_do_not_alarm():
    assert noted(BURST - 1).alarms(BURST) == ()
    assert noted(3 * BURST, apart=BURST_SECONDS).alarms(3 * BURST * BURST_SECONDS) == ()


def test_nobody_is_told_twice_a_day():
    refusals = Refusals()
    assert refusals.may_tell("kim", 100)
    assert not refusals.may_tell("kim", 100 + DAY - 1)
    assert refusals.may_tell("jo", 100)
    assert refusals.may_tell("kim", 100 + DAY)
