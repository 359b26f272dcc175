"""What a client can tell the hotline itself instead of a counsellor: so far, to erase everything.

A command begins with a sign; a bare word never is one. "help", "stop" or "please", in whatever
language, is a message to a counsellor, and so is a command that nobody knows. Erasing needs a
second message: the number that the answer to the first one named, alone, within ten minutes.
Numbers lie in memory only; after a restart the client asks again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Final

from intake_server.courier.typed import as_typed
from vault.sealing import random_bytes

ERASE_COMMAND: Final = "/erase"
VALID: Final = 600.0  # seconds
DIGITS: Final = 4
_MOST: Final = 4_096  # numbers at once; the oldest goes


def drawn() -> str:
    """Draw a number that a client must repeat."""
    return "".join(str(byte % 10) for byte in random_bytes(DIGITS))


@unique
class Command(StrEnum):
    """What a message asks for."""

    ASK_ERASE = "ask_erase"
    ERASE = "erase"
    REPEATED = "repeated"  # the number again, of what is erased already


@dataclass(slots=True)
class _Number:
    digits: str = field(repr=False)
    until: float
    used: bool = False


@dataclass(slots=True)
class Commands:
    """The numbers that wait to be repeated, by address tag.

    `now` gives seconds that never go back; `draw` a number of `DIGITS` digits.
    """

    now: Callable[[], float]
    draw: Callable[[], str]
    _numbers: dict[bytes, _Number] = field(default_factory=dict)

    def read(self, tag: bytes, text: str) -> Command | None:
        """Say what a message asks for; None: it is for a counsellor."""
        said = as_typed(text)
        if said == ERASE_COMMAND:
            return Command.ASK_ERASE
        number = self._number(tag)
        if number is None or said != number.digits:
            return None
        return Command.REPEATED if number.used else Command.ERASE

    def number(self, tag: bytes) -> str:
        """Return the number that this address must repeat, the same as long as it is valid."""
        known = self._number(tag)
        if known is None or known.used:
            known = _Number(self.draw(), self.now() + VALID)
            self._numbers.pop(tag, None)
            self._numbers[tag] = known
            if len(self._numbers) > _MOST:
                del self._numbers[next(iter(self._numbers))]
        return known.digits

    def done(self, tag: bytes) -> None:
        """Note that this address is erased; its number, delivered once more, does nothing."""
        number = self._number(tag)
        if number is not None:
            number.used = True

    def _number(self, tag: bytes) -> _Number | None:
        number = self._numbers.get(tag)
        if number is None or number.until <= self.now():
            self._numbers.pop(tag, None)
            return None
        return number
