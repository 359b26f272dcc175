"""When answers may come: what a client asks for with a command, and what is kept of it.

The hours stand in the keeper's record of the address and go with it: no row of the database holds
them, so none brings other ones back (docs/decisions/0022). The team is told by an event in the
conversation; nothing in the database says so in clear. A command that names no hours
is answered with how it is written and changes nothing. The hours hold for what counsellors write;
what answers the client's own message comes at once, as they hold the phone now.
"""

from dataclasses import dataclass
from typing import Final

from intake_server.courier.typed import as_typed
from triage.safe_hours import SafeHours, read_hours

HOURS_COMMAND: Final = "/hours"
_OFF: Final = frozenset({"off", "no", "-", "0"})


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client asks for: other hours, no hours (both None) or how to ask (`is_question`)."""

    hours: SafeHours | None
    is_question: bool = False

    @property
    def kept(self) -> str:
        """As it is said; empty: at any time."""
        return "" if self.hours is None else str(self.hours)

    @property
    def minutes(self) -> tuple[int, int]:
        """As the keeper keeps it; equal: at any time."""
        return (0, 0) if self.hours is None else (self.hours.begin, self.hours.end)

    @property
    def sign(self) -> str:
        """What stands in the conversation for it; the desk puts it into words."""
        return f"[safe hours {self.kept or 'off'}]"


def read_wish(text: str) -> Wish | None:
    """Say what a message asks for; None: it is for a counsellor."""
    said = as_typed(text)
    command, _, rest = said.partition(" ")
    if command != HOURS_COMMAND:
        return None
    if rest.strip() in _OFF:
        return Wish(None)
    hours = read_hours(rest)
    return Wish(hours, is_question=hours is None)
