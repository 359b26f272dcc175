"""The web process: `python -m intake_server.web --data DIR [--config FILE] [--token-key-fd N]`.

Joins its parts, listens, and ends in order. Several web processes share the form tokens' key by a
descriptor that whoever starts them hands down; without it each makes its own.

`--nobody-reads` is for the demonstration alone: every page says that nobody reads what is written,
and nothing listens but on this machine. No setting switches it on, and `havenline` never hands it
down, so that neither a live hotline can say it nor a demonstration forget to.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from aiohttp import web
from structlog.typing import FilteringBoundLogger

from intake_server.checks import LOOPBACK
from intake_server.clock import Clock
from intake_server.health import serve_health
from intake_server.languages import StringsError
from intake_server.organisation_work import OrganisationView
from intake_server.pages import QuietServer, StaticFile, load_static
from intake_server.process import (
    CannotStart,
    beside,
    has_own_policy,
    retention_policy,
    run_process,
)
from intake_server.screening_link import Screened, ScreeningLink
from intake_server.settings import Settings
from intake_server.web.api import Api, Views
from intake_server.web.asking_work import AskingWork
from intake_server.web.attachment_pages import attachment_files
from intake_server.web.attachment_work import AttachmentWork
from intake_server.web.budgets import Budgets
from intake_server.web.form import FormPath
from intake_server.web.form_asking import FormAsking
from intake_server.web.form_attachments import FormAttachments
from intake_server.web.form_client import FormClient
from intake_server.web.form_token import FormTokens, new_token_key
from intake_server.web.form_ways import FormWays
from intake_server.web.guided_pages import guided_files
from intake_server.web.keys import KeySource
from intake_server.web.later_pages import later_files
from intake_server.web.opening import Opening
from intake_server.web.pace import Pace
from intake_server.web.phrase_hash import keep_large_blocks
from intake_server.web.places import BoundedThreads
from intake_server.web.routes import LONGEST_BODY, Routes, own_hosts, transport_headers
from intake_server.web.screening import Screening, ToScreen
from intake_server.web.view import SCRIPT, Site
from intake_server.web.ways_pages import ways_files
from intake_server.web.ways_work import WaysWork
from intake_server.web.work import CHANNEL, Work
from vault.attachments import Limits, limits_of
from vault.engine import Database, DatabaseFailed
from vault.keeper_client import KeeperLink, WebKeeper
from vault.keeper_joins import WaysKeeper
from vault.keeper_pages import AskingKeeper
from vault.keeper_protocol import Peer, socket_name
from vault.sealing import KEY_SIZE, Secret

THREADS: Final = 2
MOST_STEPS: Final = 256  # of the form path that wait for a thread: a few seconds' work
LEAVE_SECONDS: Final = 5.0  # what is being answered may end, then connections are closed
_HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Served:
    """A web process that listens."""

    port: int
    work: Work


@contextlib.asynccontextmanager
async def serving(
    settings: Settings,
    clock: Clock,
    log: FilteringBoundLogger,
    *,
    token_key_from: int | None = None,
    nobody_reads: bool = False,
) -> AsyncIterator[Served]:
    """Open what is needed, listen, and close everything in the opposite order.

    `token_key_from` is the descriptor that hands down the form tokens' key; `nobody_reads` makes
    a demonstration of it. Raises CannotStart.
    """
    if nobody_reads:
        _refuse_public_demonstration(settings)
    token_key = _token_key(token_key_from)
    run_dir, started = settings.data.run_dir, clock.monotonic()
    async with contextlib.AsyncExitStack() as stack:
        site = _site(settings, log, nobody_reads=nobody_reads)
        try:
            database = await Database.open(settings.data.database_url, "web")
        except DatabaseFailed as failure:
            raise CannotStart(f"the database cannot be used: {failure}") from None
        stack.push_async_callback(database.close)
        keeper_link = KeeperLink(run_dir / socket_name(Peer.WEB))
        stack.push_async_callback(keeper_link.close)
        keeper = WebKeeper(keeper_link)
        link = None
        if settings.screening.mode == "on":
            link = ScreeningLink(run_dir / "caretaker.sock")
            stack.push_async_callback(link.close)
        threads = stack.enter_context(ThreadPoolExecutor(THREADS, thread_name_prefix="form"))

        own_file = has_own_policy(settings)
        view = OrganisationView(settings, retention_policy(settings), keeper, own_file=own_file)
        opening = Opening(settings, view, keeper, database, site, clock, log)
        keys = KeySource(keeper, link, clock.monotonic, log, opening.look)
        work = _work(settings, keeper, database, keys, opening, link, clock, log)
        carried = AttachmentWork(database, _limits(settings), clock)
        client = FormClient(work, keeper, keys, clock, BoundedThreads(threads, MOST_STEPS))
        tokens = FormTokens(token_key, clock.unix)
        attached = FormAttachments(carried, client, tokens)
        ways = WaysWork(keeper, WaysKeeper(keeper_link), database, log)
        asking = AskingWork(AskingKeeper(keeper_link))
        asks = FormAsking(client, asking, tokens, opening)
        form = FormPath(
            site, client, tokens, opening, clock, attached, FormWays(client, ways), asks
        )
        views, pace = Views(token_key, clock), Pace(clock.monotonic)
        answers = Api(work, keeper, keys, views, pace, opening, clock, carried, ways, asking)
        public_url = settings.web.public_url
        static = load_static(_HERE / "static") | _words(site)
        routes = Routes(site, form, answers, static, own_hosts(public_url), clock, log)
        port = await _listen(stack, settings, routes, transport_headers(public_url))
        health = await serve_health(
            run_dir / "web-health.sock",
            lambda: _health(keys, work, clock.monotonic() - started),
        )
        stack.callback(health.close)
        duties = [keys.follow_screening()]
        if work.screening is not None:
            duties.append(work.screening.run())
        await stack.enter_async_context(beside(*duties))
        yield Served(port, work)


def _words(site: Site) -> dict[str, StaticFile]:
    """The words that the page's code fetches when it needs them."""
    files = later_files(site.languages, SCRIPT) | ways_files(site.languages)
    if site.guided:
        files |= guided_files(site.languages)
    if site.attachments:
        files |= attachment_files(site.languages)
    return files


def _limits(settings: Settings) -> Limits | None:
    """How many attachments may lie in the database; None where none are taken here."""
    wanted = settings.attachments
    if not wanted.allows(CHANNEL):
        return None
    return limits_of(wanted.conversation_megabytes, wanted.total_megabytes)


def _refuse_public_demonstration(settings: Settings) -> None:
    """A demonstration is for who sits at this machine. Raises CannotStart."""
    if settings.web.host not in LOOPBACK or settings.web.public_url is not None:
        raise CannotStart(
            "a demonstration, whose pages nobody reads, is for this machine alone: web.host must "
            "be 127.0.0.1 and web.public_url must not be set"
        )


def _site(settings: Settings, log: FilteringBoundLogger, *, nobody_reads: bool) -> Site:
    try:
        site = Site(settings, nobody_reads=nobody_reads)
    except StringsError as error:
        raise CannotStart(str(error)) from None
    for language in site.languages:
        if language.lacking:  # they are said in English
            module = f"web.strings.{language.code}"
            log.warning("strings_missing", module=module, count=language.lacking)
    return site


def _work(  # each part is handed in, none is looked up
    settings: Settings,
    keeper: WebKeeper,
    database: Database,
    keys: KeySource,
    opening: Opening,
    link: ScreeningLink | None,
    clock: Clock,
    log: FilteringBoundLogger,
) -> Work:
    def caretaker_sign() -> bytes | None:
        return keys.caretaker_sign

    async def store(item: ToScreen, result: Screened) -> None:
        await work.store_finding(item, result)

    screening = None if link is None else Screening(link, caretaker_sign, store, log)
    budgets = Budgets(settings.budget.messages_per_hour, clock.monotonic)
    work = Work(keeper, database, keys, opening, screening, budgets, clock, log)
    return work


async def _listen(
    stack: contextlib.AsyncExitStack,
    settings: Settings,
    routes: Routes,
    extra: Mapping[str, str],
) -> int:
    """Accept connections; the port, which differs from the setting where that is 0."""
    server = QuietServer(routes, routes.elsewhere, longest_body=LONGEST_BODY, extra=extra)
    runner = web.ServerRunner(server, shutdown_timeout=LEAVE_SECONDS)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, settings.web.host, settings.web.port, backlog=1024).start()
    except OSError as error:
        raise CannotStart(
            f"nothing can listen on {settings.web.host}, port {settings.web.port} "
            f"({error.strerror}). Choose another web.port."
        ) from None
    return int(runner.addresses[0][1])


def _health(keys: KeySource, work: Work, age: float) -> dict[str, object]:
    alarms = []
    if keys.broken_roster:
        alarms.append("roster_refused")
    if keys.keeper_silent:
        alarms.append("keeper_silent")
    if work.screening is not None and work.screening.behind:
        alarms.append("screening_behind")
    return {"ok": True, "age_seconds": int(age), "alarms": alarms}


def _token_key(descriptor: int | None) -> Secret:
    """The form tokens' key: handed down by a descriptor, or made here."""
    if descriptor is None:
        return new_token_key()
    with os.fdopen(descriptor, "rb") as handed:
        key = handed.read(KEY_SIZE)
    if len(key) != KEY_SIZE:
        raise CannotStart("the descriptor of --token-key-fd gives no 32 bytes")
    return Secret(key)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the web process; the answer is its exit code."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--token-key-fd", type=int)
    parser.add_argument("--nobody-reads", action="store_true")
    options, others = parser.parse_known_args(arguments)
    keep_large_blocks()
    chosen = partial(
        serving, token_key_from=options.token_key_fd, nobody_reads=options.nobody_reads
    )
    return run_process("web", chosen, others)


if __name__ == "__main__":
    sys.exit(main())
