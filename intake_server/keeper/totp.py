"""The second factor: time-based one-time passwords (RFC 6238 over RFC 4226), SHA-1, 6 digits."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from vault.sealing import Secret

STEP: Final = 30  # seconds
DIGITS: Final = 10**6
_EITHER_SIDE: Final = 1


def step_of(now: int) -> int:
    """The number of the 30 seconds in which `now` lies."""
    return now // STEP


def code_at(secret: Secret, step: int) -> int:
    """The code of one step (RFC 4226, section 5.3)."""
    # The algorithm every authenticator app speaks; HMAC does not need collision resistance.
    digest = hmac.new(secret.reveal(), step.to_bytes(8, "big"), hashlib.sha1).digest()
    offset = digest[-1] & 0x0F
    return (int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF) % DIGITS


def accepted_step(secret: Secret, code: int, now: int, last_used: int) -> int | None:
    """The step whose code this is: now's or one either side, later than any used; else None."""
    current = step_of(now)
    found = None
    for step in range(current - _EITHER_SIDE, current + _EITHER_SIDE + 1):
        fits = hmac.compare_digest(_digits(code_at(secret, step)), _digits(code))
        if fits and step > last_used and found is None:
            found = step
    return found


def _digits(code: int) -> bytes:
    return code.to_bytes(4, "big")
