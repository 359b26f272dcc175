"""The roster as the keeper holds it, verified, and asked for again at each look.

Only what is new travels; the whole chain is verified with it. Nothing here is kept on disk, and
no row of the database is believed for any of it.
"""

from dataclasses import dataclass
from typing import Final

from vault.keeper_client import PeerClient
from vault.keeper_protocol import NoRoot
from vault.roster import Roster, RosterError, extend, verify_chain


@dataclass(frozen=True, slots=True)
class Known:
    """A verified roster with its entries as they travel."""

    roster: Roster
    entries: tuple[bytes, ...]


class RosterView:
    """One process's view of the keeper's roster."""

    def __init__(self, keeper: PeerClient) -> None:
        self._keeper = keeper
        self._known: Known | None = None

    async def current(self) -> Known:
        """Return the roster of this moment.

        Raises `NoRoot` before set-up, `KeeperDown`, and `RosterError` for a chain that does not
        hold or does not continue the one that was seen before.
        """
        known = self._known
        part = await self._keeper.roster(0 if known is None else known.roster.number)
        if part.head is None:
            raise NoRoot("nobody has been set up yet")
        if known is None:
            root = (await self._keeper.hello()).root
            if root is None:
                raise NoRoot("nobody has been set up yet")
            known = Known(verify_chain(part.entries, fingerprint=root), part.entries)
        elif part.entries:
            roster = known.roster
            for entry in part.entries:
                roster = extend(roster, entry)
            known = Known(roster, known.entries + part.entries)
        if known.roster.head != part.head:
            raise RosterError(_OTHER_CHAIN)
        self._known = self._longest(known)
        return known

    def _longest(self, known: Known) -> Known:
        """What to keep: two looks at once may end in another order than they began."""
        kept = self._known
        return kept if kept is not None and kept.roster.number > known.roster.number else known


_OTHER_CHAIN: Final = "the keeper's roster is not the one that was seen before: restart everything"
