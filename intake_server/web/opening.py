"""Whether new people may write, and what is promised to them; looked at as often as the keys are.

Theory of operation
-------------------
1.  A trial is open as soon as somebody can read, and says on each page that it is one. It can only
    be one while nobody but this machine can reach the page.
2.  For real, the page is open while every required line of the readiness list is done
    (`intake_server.readiness`).
3.  A closed page turns only new people away: who has a phrase reads, answers and erases as ever.
4.  What cannot be looked at stays as it was seen last. Where nothing was seen yet, the settings
    hold, and so a hotline that others can reach stays closed.
"""

from __future__ import annotations

from typing import Final

from structlog.typing import FilteringBoundLogger

from intake_server.clock import Clock
from intake_server.organisation import About
from intake_server.organisation_work import OrganisationView
from intake_server.readiness import facts_of, may_open
from intake_server.settings import Settings
from intake_server.web.keys import PublicKeys
from intake_server.web.view import Site
from intake_server.web.waits_work import read_usual_wait
from triage.retention import Promise
from vault.engine import Database, DatabaseFailed
from vault.keeper_client import WebKeeper

_DAY_SECONDS: Final = 24 * 60 * 60


class Opening:
    """Shows the site what the organisation says, and knows whether it is open."""

    def __init__(
        self,
        settings: Settings,
        view: OrganisationView,
        keeper: WebKeeper,
        database: Database,
        site: Site,
        clock: Clock,
        log: FilteringBoundLogger,
    ) -> None:
        self._settings = settings
        self._view = view
        self._keeper = keeper
        self._database = database
        self._site = site
        self._clock = clock
        self._log = log
        self.is_open = False
        self._measured = -_DAY_SECONDS
        self._show(view.about)

    @property
    def promise(self) -> Promise:
        """What a new conversation is promised."""
        return self._view.about.promise

    async def look(self, known: PublicKeys) -> None:
        """Look again, by these verified keys; raises KeeperDown."""
        about = self._view.about
        try:
            about = await self._view.current(
                self._database, known.entries, known.roster.fingerprint
            )
        except DatabaseFailed as failure:
            self._log.warning("organisation_not_read", exc_info=failure)
        await self._measure()
        standing = await self._keeper.standing()
        self.is_open = may_open(facts_of(self._settings, about, standing, self._clock.unix()))
        self._show(about)

    async def _measure(self) -> None:
        """Look once a day how long people wait for a first answer; raises nothing."""
        now = self._clock.unix()
        if now - self._measured < _DAY_SECONDS:
            return
        self._measured = now
        try:
            self._site.take_wait(await read_usual_wait(self._database, now))
        except DatabaseFailed as failure:
            self._log.warning("waits_not_read", exc_info=failure)

    def _show(self, about: About) -> None:
        self._site.take(about.page, is_trial=about.mode == "trial")
