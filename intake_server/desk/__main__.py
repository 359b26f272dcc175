"""The desk's process: `python -m intake_server.desk --data DIR [--config FILE]`.

Joins its parts, listens, and ends in order: open event streams first.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web
from structlog.typing import FilteringBoundLogger

from intake_server.clock import Clock
from intake_server.desk.api import Api, Desk
from intake_server.desk.attachment_work import AttachmentWork
from intake_server.desk.attachments_api import AttachmentsApi
from intake_server.desk.bodies import LONGEST_BODY
from intake_server.desk.channels_api import ChannelsApi
from intake_server.desk.counting import Counting
from intake_server.desk.countries import load_countries
from intake_server.desk.events import Events
from intake_server.desk.feed import Feed
from intake_server.desk.indicators_api import IndicatorsApi
from intake_server.desk.members import Members
from intake_server.desk.office_api import OfficeApi
from intake_server.desk.office_work import OfficeWork
from intake_server.desk.pace import Pace
from intake_server.desk.page import Page, client_page_url
from intake_server.desk.pages_api import PagesApi
from intake_server.desk.pages_work import PagesWork
from intake_server.desk.routes import Requests, Routes, elsewhere, own_hosts, transport_headers
from intake_server.desk.sessions import Sessions
from intake_server.desk.team_api import TeamApi
from intake_server.desk.team_work import TeamWork
from intake_server.desk.work import Work
from intake_server.health import serve_health
from intake_server.known_rules import known_rules
from intake_server.languages import StringsError
from intake_server.organisation_work import OrganisationView
from intake_server.pages import QuietServer, load_static
from intake_server.process import CannotStart, beside, has_own_policy, retention_policy, run_process
from intake_server.roster_view import RosterView
from intake_server.settings import Settings
from vault.engine import Database, DatabaseFailed
from vault.keeper_client import DeskKeeper, KeeperLink
from vault.keeper_pages import TeamPageKeeper
from vault.keeper_protocol import Peer, socket_name
from vault.keeper_team import TeamKeeper

LEAVE_SECONDS: Final = 5.0  # what is being answered may end, then connections are closed
_HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Served:
    """A desk that listens."""

    port: int
    routes: Routes
    sessions: Sessions
    work: Work


@contextlib.asynccontextmanager
async def serving(
    settings: Settings, clock: Clock, log: FilteringBoundLogger
) -> AsyncIterator[Served]:
    """Open what is needed, listen, and close everything in the opposite order.

    Raises `CannotStart`.
    """
    run_dir, started = settings.data.run_dir, clock.monotonic()
    async with contextlib.AsyncExitStack() as stack:
        page = _page(settings, log)
        try:
            database = await Database.open(settings.data.database_url, "desk")
        except DatabaseFailed as failure:
            raise CannotStart(f"the database cannot be used: {failure}") from None
        stack.push_async_callback(database.close)
        link = KeeperLink(run_dir / socket_name(Peer.DESK))
        stack.push_async_callback(link.close)
        keeper = DeskKeeper(link)

        work = Work(keeper, database, clock)
        sessions = Sessions(clock.monotonic)
        members = Members(RosterView(keeper), sessions, clock.monotonic)
        feed = Feed(work.changes_after, work.wake, await work.newest_change())
        carried = settings.attachments.carried
        desk = Desk(client_page_url(settings), settings.screening.mode, carried)
        strangers, team = Pace(clock.monotonic), TeamKeeper(link)
        routes = Routes(
            Requests(
                Api(work, keeper, members, strangers, desk),
                TeamApi(TeamWork(keeper, team, database, clock), keeper, team, members, strangers),
                OfficeApi(
                    OfficeWork(
                        settings, _organisation(settings, keeper), keeper, team, database, clock
                    ),
                    load_countries(),
                ),
                IndicatorsApi(
                    Counting(known_rules(settings), database, clock),
                    database,
                    clock,
                    settings.safeguarding,
                ),
                ChannelsApi(run_dir, is_any_on=settings.channels.is_any_on),
                AttachmentsApi(AttachmentWork(database, settings.attachments, clock)),
                PagesApi(PagesWork(keeper, TeamPageKeeper(link), database)),
            ),
            Events(feed, members, clock.monotonic, log),
            members,
            page,
            {**load_static(_HERE / "static"), **page.words()},
            own_hosts(settings.desk.public_url),
            clock,
            log,
        )
        port = await _listen(stack, settings, routes)
        health = await serve_health(
            run_dir / "desk-health.sock", lambda: _health(members, clock.monotonic() - started)
        )
        stack.callback(health.close)
        await stack.enter_async_context(beside(feed.run()))
        stack.callback(_end_streams, sessions, feed)
        yield Served(port, routes, sessions, work)


def _organisation(settings: Settings, keeper: DeskKeeper) -> OrganisationView:
    own_file = has_own_policy(settings)
    return OrganisationView(settings, retention_policy(settings), keeper, own_file=own_file)


def _page(settings: Settings, log: FilteringBoundLogger) -> Page:
    try:
        page = Page(settings)
    except StringsError as error:
        raise CannotStart(str(error)) from None
    for code, count in page.lacking.items():  # they are said in English
        log.warning("strings_missing", module=f"desk.strings.{code}", count=count)
    return page


async def _listen(stack: contextlib.AsyncExitStack, settings: Settings, routes: Routes) -> int:
    """Accept connections; the port, which differs from the setting where that is 0."""
    desk = settings.desk
    server = QuietServer(
        routes, elsewhere, longest_body=LONGEST_BODY, extra=transport_headers(desk.public_url)
    )
    runner = web.ServerRunner(server, shutdown_timeout=LEAVE_SECONDS)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, desk.host, desk.port, backlog=128).start()
    except OSError as error:
        raise CannotStart(
            f"nothing can listen on {desk.host}, port {desk.port} "
            f"({error.strerror}). Choose another desk.port."
        ) from None
    return int(runner.addresses[0][1])


def _health(members: Members, age: float) -> dict[str, object]:
    alarms = []
    if members.roster_broken:
        alarms.append("roster_refused")
    if members.keeper_silent:
        alarms.append("keeper_silent")
    return {"ok": True, "age_seconds": int(age), "alarms": alarms}


def _end_streams(sessions: Sessions, feed: Feed) -> None:
    sessions.end_all()
    feed.ring()


if __name__ == "__main__":
    sys.exit(run_process("desk", serving))
