"""The table from tags to slots, against a dictionary."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from vault.slot_index import Key, SlotIndex

# Few tags and few slots in a small table, so that entries push each other around.
TAGS = [bytes((byte,)) for byte in range(12)]
tags = st.sampled_from(TAGS)
slots = st.integers(0, 15)
keys = st.sampled_from(list(Key))


class IndexMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.index = SlotIndex(16)
        self.model = set()

    @rule(key=keys, tag=tags, slot=slots)
    def add(self, key, tag, slot):
        if len(self.model) < 32 or (key, tag, slot) in self.model:
            self.index.add(key, tag, slot)
            self.model.add((key, tag, slot))

    @rule(key=keys, tag=tags, slot=slots)
    def remove(self, key, tag, slot):
        self.index.remove(key, tag, slot)
        self.model.discard((key, tag, slot))

    @invariant()
    def finds_what_was_added(self):
        for key in Key:
            for tag in TAGS:
                expected = {slot for k, t, slot in self.model if (k, t) == (key, tag)}
                assert set(self.index.slots(key, tag)) == expected


TestIndex = IndexMachine.TestCase


@given(st.sets(st.tuples(keys, st.binary(max_size=32), st.integers(0, 499)), max_size=1000))
def test_a_full_table_finds_everything(entries):
    index = SlotIndex(500)
    for entry in entries:
        index.add(*entry)
    for key, tag, slot in entries:
        assert slot in index.slots(key, tag)


def test_the_last_slot_number_is_kept():
    index = SlotIndex(4)
    index.add(Key.LOOKUP, b"tag", 2**32 - 2)
    assert index.slots(Key.LOOKUP, b"tag") == [2**32 - 2]
