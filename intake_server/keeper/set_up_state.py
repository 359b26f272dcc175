"""What a set-up in progress keeps in memory: the token, and what was prepared under it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from vault.sealing import Secret

TOKEN_LIFE: Final = 30 * 60  # seconds


@dataclass(frozen=True, slots=True)
class Prepared:
    """A set-up request that was checked; its staff slot cannot sign in yet."""

    request_hash: bytes
    slot: int
    staff_id: bytes = field(repr=False)
    login_tag: bytes = field(repr=False)
    outer_wrap: bytes = field(repr=False)
    founding_entry: bytes = field(repr=False)
    grant: bytes = field(repr=False)
    root: bytes


@dataclass
class SetUpState:
    """Lost when the keeper ends; a set-up that stopped before *pin* then starts over."""

    token: Secret | None = None
    token_ends: float = 0.0  # by the monotonic clock
    prepared: Prepared | None = None
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def living_token(self, monotonic: float) -> Secret | None:
        """The token, while it lives."""
        return self.token if monotonic < self.token_ends else None
