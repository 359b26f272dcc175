"""Joining another chat: what a client asks for with `/code` in one and `/join` in the other.

The code is made where the conversation is and said only there; the keeper keeps it for 15 minutes
and forgets it at its first use. Where the conversation has a return phrase it is made on the page:
the keeper makes none for a chat then. The phrase never travels over a messenger.

The keeper bounds wrong numbers of everybody together. So that nobody uses that up for all others
from one account, each address has a smaller bound of its own here, before the keeper is asked.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from intake_server.courier.typed import as_typed
from vault.keeper_protocol import JOIN_CODE_DIGITS

CODE_COMMAND: Final = "/code"
JOIN_COMMAND: Final = "/join"
TRIES: Final = 5  # wrong numbers of one address within `TRIES_LIFE`
TRIES_LIFE: Final = 900.0  # seconds
_MOST: Final = 4_096  # addresses at once; the oldest goes


@dataclass(frozen=True, slots=True)
class AskCode:
    """A code is wanted for the conversation of this chat."""


@dataclass(frozen=True, slots=True)
class Join:
    """This chat shall go on with the conversation of a code; empty where none was written."""

    code: str = field(repr=False)


@dataclass(slots=True)
class JoinTries:
    """Wrong numbers by address tag, in memory only; `now` gives seconds that never go back."""

    now: Callable[[], float]
    _wrong: dict[bytes, list[float]] = field(default_factory=dict)

    def may_try(self, tag: bytes) -> bool:
        """Whether this address may try a number now."""
        return len(self._recent(tag)) < TRIES

    def wrong(self, tag: bytes) -> None:
        """Count a wrong number of this address."""
        recent = [*self._recent(tag), self.now()]
        self._wrong.pop(tag, None)
        while len(self._wrong) >= _MOST:
            del self._wrong[next(iter(self._wrong))]
        self._wrong[tag] = recent

    def _recent(self, tag: bytes) -> list[float]:
        return [at for at in self._wrong.get(tag, []) if at + TRIES_LIFE > self.now()]


def read_request(text: str) -> AskCode | Join | None:
    """Say what a message asks for; None: it is for a counsellor. Digits of every script count."""
    said = as_typed(text)
    if said == CODE_COMMAND:
        return AskCode()
    command, _, rest = said.partition(" ")
    if command != JOIN_COMMAND:
        return None
    written = [sign for sign in rest if not sign.isspace() and sign != "-"]
    digits = [str(unicodedata.digit(sign, "")) for sign in written]
    is_code = len(digits) == JOIN_CODE_DIGITS and all(digits)
    return Join("".join(digits) if is_code else "")


def sign_of(channel: str) -> str:
    """What stands in the conversation for a chat that joined; the desk puts it into words."""
    return f"[joined {channel}]"


def left_sign_of(channel: str) -> str:
    """What stands in the conversation for a chat that ended itself and not the conversation."""
    return f"[left {channel}]"
