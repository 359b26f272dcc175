"""The readiness list for a terminal: the same lines as at the desk, in the same words."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from intake_server.clock import Clock
from intake_server.keeper_operator import keeper_operator
from intake_server.languages import Language, load_language
from intake_server.organisation_work import OrganisationView
from intake_server.process import CannotStart, has_own_policy, retention_policy
from intake_server.readiness import Facts, Line, State, facts_of, may_open, missing, readiness
from intake_server.roster_view import RosterView
from intake_server.settings import Settings
from vault.engine import Database, DatabaseFailed
from vault.keeper_client import KeeperDown
from vault.keeper_protocol import KeeperRefusal, NoRoot
from vault.roster import RosterError

_STRINGS: Final = Path(__file__).parent / "desk" / "strings"
_SIGNS: Final = {"done": "✓", "missing": "!", "late": "!"}


@dataclass(frozen=True, slots=True)
class Told:
    """One line, said: `what` is the sentence, `remedy` what to do on the server, or empty."""

    name: str
    state: State
    required: bool
    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class ToldList:
    """The whole list, and what follows from it for the client page."""

    standing: str
    lines: tuple[Told, ...]


async def ask(settings: Settings, clock: Clock) -> ToldList | None:
    """The list of an installation that runs and is set up; None for any other."""
    try:
        facts = await _facts(settings, clock)
    except (KeeperDown, KeeperRefusal, NoRoot, RosterError, DatabaseFailed, CannotStart, OSError):
        return None
    return told(facts)


async def _facts(settings: Settings, clock: Clock) -> Facts:
    policy, own_file = retention_policy(settings), has_own_policy(settings)
    async with contextlib.AsyncExitStack() as stack:
        keeper = await stack.enter_async_context(keeper_operator(settings.data.run_dir))
        view = OrganisationView(settings, policy, keeper, own_file=own_file)
        known = await RosterView(keeper).current()
        database = await Database.open(settings.data.database_url)
        stack.push_async_callback(database.close)
        about = await view.current(database, known.entries, known.roster.fingerprint)
        return facts_of(settings, about, await keeper.standing(), clock.unix())


def told(facts: Facts) -> ToldList:
    """The list in the desk's own words, in English."""
    english = load_language(_STRINGS, "en")
    lines = readiness(facts)
    is_open, waits = may_open(facts), len(missing(lines))
    if facts.is_trial:
        standing = english.text("ready.trial_open" if is_open else "ready.trial_closed")
    else:
        standing = english.text("ready.open" if is_open else "ready.closed", count=waits)
    return ToldList(standing, tuple(_told(line, english) for line in lines))


def _told(line: Line, english: Language) -> Told:
    date = f"{datetime.fromtimestamp(line.since, UTC):%Y-%m-%d}" if line.since else "–"
    what = english.text(f"ready.{line.name}_{line.state}", date=date)
    is_here = line.goes == "server" and line.state != "done"
    remedy = english.text(f"ready.{line.name}_how") if is_here else ""
    return Told(line.name, line.state, line.required, what, remedy)


def as_text(found: ToldList) -> Iterator[str]:
    """The list for a reader, a line each."""
    yield found.standing
    for line in found.lines:
        kind = "" if line.required or line.state == "done" else "better with: "
        yield f"  {_SIGNS[line.state]} {kind}{line.what} {line.remedy}".rstrip()
