"""Changes: growing numbers to resume from, without a trace of what was forgotten."""

from typing import get_args

import pytest

from tests.vault.rows import NOW, an_id, new_conversation
from vault import changes, conversations, meta, sweep, tables
from vault.changes import Change, What
from vault.meta import WrongPairing
from vault.operation_tables import CHANGES

HALF_A_DAY = sweep.PRUNE_HOURS * 3600


@pytest.fixture
def of(c):
    new = new_conversation()
    conversations.create(c, new)
    return new.id


def test_changes_come_in_order_behind_a_number(c, of):
    assert changes.newest(c) == 0
    for what in ("new", "message", "claim"):
        changes.note(c, of, what)
    assert changes.since(c, 0) == [
        Change(1, of, "new"),
        Change(2, of, "message"),
        Change(3, of, "claim"),
    ]
    assert changes.since(c, 2) == [Change(3, of, "claim")]
    assert changes.since(c, 3) == []
    assert [each.number for each in changes.since(c, 0, limit=2)] == [1, 2]
    assert changes.newest(c) == 3


@pytest.mark.parametrize("what", CHANGES)
def test_every_kind_of_change_can_be_noted(c, of, what):
    changes.note(c, of, what)
    assert changes.since(c, 0) == [Change(1, None if what == "erased" else of, what)]


def test_the_kinds_are_those_of_the_table():
    assert get_args(What) == CHANGES


def test_what_is_forgotten_is_not_named(c, of):
    changes.note(c, of, "message")
    conversations.delete(c, [of])
    changes.note(c, of, "reply")  # by somebody who had not heard yet
    changes.note(c, an_id(), "read")
    changes.note(c, of, "erased")
    assert [each.conversation for each in changes.since(c, 0)] == [None] * 4


def test_old_changes_go_after_half_a_day_and_within_a_day(c, of):
    changes.note(c, of, "new")
    assert sweep.prune_changes(c, NOW) == 0
    changes.note(c, of, "message")
    assert sweep.prune_changes(c, NOW + 600) == 0
    assert len(changes.since(c, 0)) == 2
    assert sweep.prune_changes(c, NOW + HALF_A_DAY) == 1
    changes.note(c, of, "claim")
    assert sweep.prune_changes(c, NOW + 2 * HALF_A_DAY) == 1
    assert [each.what for each in changes.since(c, 0)] == ["claim"]


def test_numbers_go_on_after_everything_was_pruned(c, of):
    changes.note(c, of, "new")
    changes.note(c, of, "message")
    for day in range(4):
        sweep.prune_changes(c, NOW + day * 2 * HALF_A_DAY)
    assert changes.newest(c) == 2
    changes.note(c, of, "claim")
    assert changes.since(c, 2) == [Change(3, of, "claim")]


def test_who_was_away_too_long_is_told_so(c, of):
    assert not changes.is_gap(c, 0)
    for _ in range(5):
        changes.note(c, of, "message")
    sweep.prune_changes(c, NOW)
    sweep.prune_changes(c, NOW + HALF_A_DAY)
    assert changes.is_gap(c, 0)
    assert changes.is_gap(c, 3)
    assert not changes.is_gap(c, 4)
    assert not changes.is_gap(c, 5)


def test_a_clock_that_went_back_does_not_stop_the_pruning(c, of):
    changes.note(c, of, "new")
    sweep.prune_changes(c, NOW + 400 * 24 * 3600)
    changes.note(c, of, "message")
    assert sweep.prune_changes(c, NOW) == 1
    assert sweep.prune_changes(c, NOW + 600) == 0


def test_a_database_belongs_to_one_slot_file(c):
    assert meta.get(c) == meta.Meta(None, 0, tables.SCHEMA)
    pairing = an_id()
    meta.pair(c, pairing)
    meta.pair(c, pairing)
    assert meta.get(c).pairing == pairing
    with pytest.raises(WrongPairing, match="do not belong together"):
        meta.pair(c, an_id())
    assert meta.get(c).pairing == pairing
