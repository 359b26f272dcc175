"""Which messages the mail server may have taken although it never said so.

The core tells of each try in words of its log: that a message is tried now, and what came of it.
A connection that ends before the server's answer says nothing about the message: the server may
have it. The core tries again under the same name, and the message arrives once; but whoever takes
it back from the core, and writes it anew, must know. Read is what version 2.65 of the core writes
(`src/smtp.rs`); a test with a real core shows that a new version still does. Nothing of it is kept.
"""

import re
from typing import Final

_BEGINS: Final = re.compile(r"Try number \d+ to send message Msg#(\d+) ")
_ENDS: Final = re.compile(r"SMTP failed to send: (Transient|Permanent)\b")
"""The server's own answer, 4xx or 5xx (RFC 5321 section 4.2.1): it has not taken the message."""


class Tries:
    """What one core tells of its tries, in order: one message at a time."""

    def __init__(self) -> None:
        self._begun: set[int] = set()
        self._unanswered: set[int] = set()
        self._current: int | None = None  # what is tried now, and was answered each time before
        self._is_deaf = False

    def hear(self, words: str) -> None:
        """Be told a line of the core's log."""
        if begun := _BEGINS.search(words):
            number = int(begun.group(1))
            self._begun.add(number)
            self._current = None if number in self._unanswered else number
            self._unanswered.add(number)
        elif self._current is not None and _ENDS.search(words):
            self._unanswered.discard(self._current)
            self._current = None

    def missed(self) -> None:
        """Be told that lines were lost: from now on nothing is certain."""
        self._is_deaf = True

    def is_begun(self, number: int) -> bool:
        """Whether this core has tried this message."""
        return number in self._begun

    def may_have_taken(self, number: int) -> bool:
        """Whether a try of this message is without an answer."""
        return self._is_deaf or number in self._unanswered
