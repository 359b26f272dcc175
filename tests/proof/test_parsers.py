"""Hypothesis on every reader of foreign bytes: read, or refused with a refusal of its own.

The readers are those of tests/proof/test_fuzz.py, which breaks good bytes at random; here what is
tried grows towards new code and shrinks to the smallest input that fails. HAVENLINE_EXAMPLES is
the number for each reader.
"""

import os

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.proof.test_fuzz import ALL, Reader

EXAMPLES = int(os.environ.get("HAVENLINE_EXAMPLES", "2000"))

pytestmark = [pytest.mark.proof, pytest.mark.long, pytest.mark.timeout(3600)]

pieces = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 400), st.binary(max_size=12)),
        st.tuples(st.just("cut"), st.integers(0, 400), st.integers(0, 12)),
        st.tuples(st.just("end"), st.integers(0, 2000)),
    ),
    max_size=4,
)


def changed(good: bytes, changes: list) -> bytes:
    """A good input with each change made to it."""
    data = bytearray(good)
    for change in changes:
        match change:
            case ("put", at, some):
                data[at : at + len(some)] = some
            case ("cut", at, size):
                del data[at : at + size]
            case ("end", at):
                del data[at:]
    return bytes(data)


def read(reader: Reader, data: bytes) -> None:
    try:
        reader.read(data)
    except reader.refusals:
        return


@pytest.mark.parametrize("reader", ALL, ids=str)
def test_anything_is_read_or_refused(reader):
    @settings(
        max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck), deadline=None
    )
    @given(st.one_of(st.binary(max_size=800), st.sampled_from(reader.good)), pieces)
    @example(b"", [])
    def anything(start: bytes, changes: list) -> None:
        read(reader, changed(start, changes))

    anything()
