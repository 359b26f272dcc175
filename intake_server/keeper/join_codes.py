"""Codes that join another chat to a conversation: in memory only, each good once, for a while."""

from __future__ import annotations

import secrets
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from intake_server.clock import Clock
from vault.keeper_protocol import JOIN_CODE_DIGITS, Reference

LIFE: Final = 900.0  # seconds
MOST: Final = 128  # at a time from chats, and as many from pages
TRIES: Final = 50  # wrong codes within one life, by everybody together
_MOST_OPENED: Final = 4_096  # conversations remembered; the one opened longest ago goes
_ALL: Final = 10**JOIN_CODE_DIGITS


@dataclass(frozen=True, slots=True)
class _Made:
    conversation: Reference
    until: float
    is_page: bool


@dataclass(slots=True)
class JoinCodes:
    """Which conversation each living code stands for.

    A guess is right with a chance of at most twice `MOST` in 10^10; so many are taken in a quarter
    of an hour from everybody together that all of them in a year hit with a chance below 1 in 20.

    Anybody may begin on the page and ask for a code: so those codes push out none of a chat, and
    where there are too many, conversations that nobody of the team has opened lose theirs first.
    """

    clock: Clock
    tries: int | None = None  # None: `TRIES`
    _made: dict[str, _Made] = field(default_factory=dict, repr=False)
    _wrong: deque[float] = field(default_factory=deque)
    _opened: dict[Reference, None] = field(default_factory=dict, repr=False)

    def opened(self, conversation: Reference) -> None:
        """Note that the team reads this conversation; known until the keeper is started again."""
        self._opened.pop(conversation, None)
        self._opened[conversation] = None
        if len(self._opened) > _MOST_OPENED:
            del self._opened[next(iter(self._opened))]

    def new(self, conversation: Reference, *, is_page: bool) -> str:
        """A code for this conversation; an earlier one of it ends."""
        self._tidy()
        for code, made in list(self._made.items()):
            if made.conversation == conversation:
                del self._made[code]
        alike = [code for code, made in self._made.items() if made.is_page == is_page]
        if len(alike) >= MOST:
            unread = [one for one in alike if self._made[one].conversation not in self._opened]
            del self._made[(unread or alike)[0]]
        code = f"{secrets.randbelow(_ALL):0{JOIN_CODE_DIGITS}}"
        self._made[code] = _Made(conversation, self.clock.monotonic() + LIFE, is_page)
        return code

    def wait(self) -> int:
        """0 where a code may be tried, otherwise the seconds until it may."""
        self._tidy()
        if len(self._wrong) < (TRIES if self.tries is None else self.tries):
            return 0
        return max(1, round(self._wrong[0] + LIFE - self.clock.monotonic()))

    def redeem(self, code: str) -> Reference | None:
        """The conversation of a code, which is used now; None where there is none such."""
        self._tidy()
        made = self._made.pop(code, None)
        if made is None:
            self._wrong.append(self.clock.monotonic())
            return None
        return made.conversation

    def _tidy(self) -> None:
        now = self.clock.monotonic()
        for code in [code for code, made in self._made.items() if made.until <= now]:
            del self._made[code]
        while self._wrong and self._wrong[0] + LIFE <= now:
            self._wrong.popleft()
