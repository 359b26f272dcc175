"""Codes of the second factor against RFC 6238, appendix B (SHA-1; its last six digits)."""

import pytest

from intake_server.keeper.totp import accepted_step, code_at, step_of
from vault.sealing import Secret

SECRET = Secret(b"12345678901234567890")


@pytest.mark.parametrize(
    ("time", "code"),
    [
        (59, 94287082),
        (1111111109, 7081804),
        (1111111111, 14050471),
        (1234567890, 89005924),
        (2000000000, 69279037),
        (20000000000, 65353130),
    ],
)
def test_vectors_of_the_rfc(time, code):
    assert code_at(SECRET, step_of(time)) == code % 10**6


def test_a_step_is_accepted_once_and_in_order():
    now = 1_800_000_000
    step = step_of(now)
    assert accepted_step(SECRET, code_at(SECRET, step), now, 0) == step
    assert accepted_step(SECRET, code_at(SECRET, step), now, step) is None
    assert accepted_step(SECRET, code_at(SECRET, step + 1), now, step) == step + 1
    assert accepted_step(SECRET, code_at(SECRET, step + 2), now, 0) is None
    assert accepted_step(SECRET, 2**32 - 1, now, 0) is None
