"""Pages that ask to go on with a chat's conversation: in memory, for a quarter of an hour each.

A code of a chat lets a page ask, and does nothing else: what asks is let in by nobody before the
chat has repeated a number that only that page shows (docs/keeper.md, 0x65-0x68). What was confirmed
stands in the record and here too, so that a confirmation may be repeated.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from intake_server.clock import Clock
from intake_server.keeper.join_codes import LIFE, JoinCodes
from vault.keeper_protocol import Reference
from vault.page_proposal import Proposal

TRIES: Final = 100_000
"""Wrong codes within one life, by everybody together: past it nobody's page may ask. So it is high,
for a guess that hits (of 128 codes in 10^10: less than 1 in 700 for all of them together) opens
nothing: it costs a chat its code, and there a new one is made."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What asks, by which code; `until`: monotonic seconds."""

    code: str = field(repr=False)
    proposal: Proposal
    until: float


@dataclass(slots=True)
class PageAsks:
    """Codes by which pages may ask, and what they proposed, by conversation."""

    clock: Clock
    codes: JoinCodes = field(init=False)
    _asked: dict[Reference, Asked] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Begin without a code; these are none that join chats."""
        self.codes = JoinCodes(self.clock, TRIES)

    def new_code(self, conversation: Reference) -> str:
        """A code for this conversation; an earlier one, and what asked by it, ends."""
        self._asked.pop(conversation, None)
        return self.codes.new(conversation, is_page=False)

    def ask(self, code: str, proposal: Proposal) -> Reference | None:
        """Take a proposal; its conversation, or None where the code does not hold.

        The same code with the same proposal is the same asking: its answer may have been lost.
        """
        self._tidy()
        for same, asked in self._asked.items():
            if (asked.code, asked.proposal) == (code, proposal):
                return same
        conversation = self.codes.redeem(code)
        if conversation is not None:
            until = self.clock.monotonic() + LIFE
            self._asked[conversation] = Asked(code, proposal, until)
        return conversation

    def of(self, conversation: Reference) -> Asked | None:
        """What asks for this conversation, confirmed or not, while its quarter of an hour lasts."""
        self._tidy()
        return self._asked.get(conversation)

    def end(self, conversation: Reference) -> None:
        """Forget what asks for this conversation."""
        self._asked.pop(conversation, None)

    def _tidy(self) -> None:
        now = self.clock.monotonic()
        for one in [one for one, asked in self._asked.items() if asked.until <= now]:
            del self._asked[one]
