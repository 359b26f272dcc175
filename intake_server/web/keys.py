"""The public keys that a client needs before it can seal, and whether the page takes new people.

All come from keeper and caretaker, are verified here once and again by the browser, and change
seldom: the keeper is asked again when somebody comes and the last answer is two seconds old.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from structlog.typing import FilteringBoundLogger

from intake_server.screening_link import ScreeningKey, ScreeningLink, ScreeningUnavailable
from vault.keeper_client import KeeperDown, WebKeeper
from vault.roster import Roster, RosterError, verify_chain
from vault.wraps import is_screening_key_verified

FRESH_SECONDS: Final = 2.0
SCREENING_KEY_SECONDS: Final = 2.0


class NotOpen(Exception):
    """New people cannot write yet, or not now: nobody can read, or something is still missing."""


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """What the keeper said last. `entries` are the roster's, verified as a chain."""

    start_key: bytes
    entries: tuple[bytes, ...]
    roster: Roster


Look = Callable[[PublicKeys], Awaitable[None]]
"""Is told the keys whenever they were asked for; raises KeeperDown, never DatabaseFailed."""


class KeySource:
    """Asks keeper and caretaker for their public keys; `now` is a clock that never goes back."""

    def __init__(
        self,
        keeper: WebKeeper,
        screening: ScreeningLink | None,
        now: Callable[[], float],
        log: FilteringBoundLogger,
        look: Look,
    ) -> None:
        """`screening` is None where the settings switch screening off; `look` follows each asking.

        What follows is as fresh as the keys: what the organisation says, and whether it is open.
        """
        self._look = look
        self._keeper = keeper
        self._link = screening
        self._now = now
        self._log = log
        self._known: PublicKeys | None = None
        self._asked = float("-inf")
        self._asking = asyncio.Lock()
        self._screening: ScreeningKey | None = None
        self._proved: tuple[bytes, ScreeningKey] | None = None
        self.broken_roster = False
        self.keeper_silent = False

    async def current(self) -> PublicKeys:
        """Return today's keys.

        The last ones while the keeper does not answer: they show the page, and what is sealed to
        them is refused if they have changed. Raises NotOpen, and KeeperDown where nothing
        is known yet.
        """
        return await self._asked_since(self._now() - FRESH_SECONDS)

    async def newest(self) -> PublicKeys:
        """Return the keys, asked for after this call: they tell of all that was stored before it.

        A team that changed its keys a moment ago may have answered with them already.
        """
        return await self._asked_since(self._now())

    async def _asked_since(self, moment: float) -> PublicKeys:
        """Return keys that were asked for then or later; many who wait share one asking."""
        if self._known is None or self._asked < moment:
            async with self._asking:
                if self._known is None or self._asked < moment:
                    await self._ask()
        if self._known is None:
            raise NotOpen
        return self._known

    async def renewed(self) -> PublicKeys:
        """Return the keys after asking anew; for who was just told that the old ones are stale."""
        self._asked = float("-inf")
        return await self.current()

    @property
    def caretaker_sign(self) -> bytes | None:
        """The caretaker's signing key in the roster; None while no roster is known."""
        return None if self._known is None else self._known.roster.founding.caretaker_sign_key

    @property
    def screening(self) -> ScreeningKey | None:
        """The caretaker's key of today, verified; None while there is none."""
        key, caretaker = self._screening, self.caretaker_sign
        if key is None or caretaker is None:
            return None
        if self._proved != (caretaker, key):
            if not is_screening_key_verified(caretaker, key.public, key.signature):
                return None
            self._proved = (caretaker, key)
        return key

    async def follow_screening(self) -> None:
        """Keep the screening key up to date; runs as long as the process."""
        while self._link is not None:
            try:
                self._screening = await self._link.key()
            except ScreeningUnavailable:
                self._screening = None
            await asyncio.sleep(SCREENING_KEY_SECONDS)

    async def _ask(self) -> None:
        began = self._now()
        try:
            hello = await self._keeper.hello()
            if not hello.root:
                self._known = None
            elif self._known is None or self._known.roster.fingerprint != hello.root:
                self._known = await self._whole(hello.start_key, hello.root)
            else:
                self._known = await self._longer(hello.start_key, self._known)
            if self._known is not None:
                await self._look(self._known)
            self._asked = began
            self.broken_roster = self.keeper_silent = False
        except KeeperDown:
            self.keeper_silent = True
            if self._known is None:
                raise
        except RosterError as error:
            # Nothing may be sealed to keys that cannot be proved.
            self._known = None
            self.broken_roster = True
            self._log.error("roster_refused", exc_info=error)

    async def _whole(self, start_key: bytes, fingerprint: bytes) -> PublicKeys:
        entries = (await self._keeper.roster(0)).entries
        roster = verify_chain(entries, fingerprint=fingerprint)
        return PublicKeys(start_key, tuple(entries), roster)

    async def _longer(self, start_key: bytes, known: PublicKeys) -> PublicKeys:
        """What is known with the entries since; a few times a year there are some."""
        more = (await self._keeper.roster(known.roster.number)).entries
        if not more:
            return PublicKeys(start_key, known.entries, known.roster)
        entries = (*known.entries, *more)
        roster = verify_chain(entries, fingerprint=known.roster.fingerprint)
        return PublicKeys(start_key, entries, roster)
