"""What is still to be done before people can write: one list, computed from facts alone.

The desk shows it to admins, `havenline check` prints it, and the web process opens the client page
by it. A line is *done* with a proof behind it, *missing*, or *late* where it was done once and is
not any more. Required lines that are not done keep the page closed to new people; a trial needs
none of them but somebody who can read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

from intake_server.organisation import About, is_reachable
from intake_server.settings import Settings
from vault.keeper_answers import Standing
from vault.mirror import FRESH_SECONDS

CHECKED_DAYS: Final = 180  # a number or a rehearsal older than this is looked at again
_DAY_SECONDS: Final = 24 * 60 * 60
_TWO: Final = 2

State = Literal["done", "missing", "late"]
Goes = Literal["team", "about", "hours", "signposts", "keeping", "story", "server"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the list is computed from. Times in seconds since 1970; 0: never."""

    now: int
    is_trial: bool
    is_lost: bool
    holders: int
    on_paper: bool
    data_contact: bool
    must_tell: bool
    hours: bool
    sheltered: bool
    signposts: int
    signposts_checked: int
    has_mirror: bool
    mirrored: int
    backup_tried: int
    wrote_to_self: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its name, how it stands, whether the page waits for it, and where it is mended.

    `since` is when it was last done, where that is known (seconds since 1970), else 0.
    """

    name: str
    state: State
    required: bool
    goes: Goes
    since: int = 0


def facts_of(settings: Settings, about: About, standing: Standing, now: int) -> Facts:
    """The facts of an installation: its settings, what an admin filled in, and the keeper."""
    page, details = about.page, about.details
    return Facts(
        now=now,
        is_trial=about.mode == "trial",
        is_lost=about.is_missing,
        holders=standing.holders,
        on_paper=standing.on_paper,
        data_contact=bool(page.data_contact.strip()),
        must_tell=bool(page.must_tell.strip()),
        hours=bool(page.hours),
        sheltered=is_sheltered(settings),
        signposts=len(page.signposts),
        signposts_checked=0 if details is None else details.signposts_checked,
        has_mirror=standing.has_mirror,
        mirrored=standing.mirrored,
        backup_tried=0 if details is None else details.backup_tried,
        wrote_to_self=0 if details is None else details.wrote_to_self,
    )


def readiness(facts: Facts) -> tuple[Line, ...]:
    """The list, in the order in which it is best done."""
    return tuple(_lines(facts))


def _lines(facts: Facts) -> Iterator[Line]:
    yield Line("holder", _done(facts.holders >= 1), required=True, goes="team")
    second = facts.holders >= _TWO or facts.on_paper
    yield Line("second", _done(second), required=True, goes="team")
    if facts.is_lost:  # what an admin saved last: nothing older is shown in its place
        yield Line("saved", "missing", required=True, goes="about")
    yield Line("contact", _done(facts.data_contact), required=True, goes="about")
    yield Line("limits", _done(facts.must_tell), required=True, goes="about")
    yield Line("hours", _done(facts.hours), required=True, goes="hours")
    yield Line("shelter", _done(facts.sheltered), required=True, goes="server")
    checked = facts.signposts_checked if facts.signposts else 0
    yield _dated("signposts", checked, facts, "signposts")
    yield _dated("backup", facts.backup_tried, facts, "keeping")
    yield _mirror(facts)
    yield _dated("story", facts.wrote_to_self, facts, "story")


def _done(is_done: bool) -> State:  # noqa: FBT001  # the fact itself
    return "done" if is_done else "missing"


def _dated(name: str, at: int, facts: Facts, goes: Goes) -> Line:
    is_old = facts.now - at > CHECKED_DAYS * _DAY_SECONDS
    state: State = "missing" if at == 0 else "late" if is_old else "done"
    return Line(name, state, required=False, goes=goes, since=at)


def _mirror(facts: Facts) -> Line:
    is_old = facts.now - facts.mirrored > FRESH_SECONDS
    state: State = "missing" if not facts.has_mirror else "late" if is_old else "done"
    return Line("mirror", state, required=False, goes="server", since=facts.mirrored)


def missing(lines: Iterable[Line]) -> tuple[Line, ...]:
    """The lines for which the page waits."""
    return tuple(line for line in lines if line.required and line.state != "done")


def may_open(facts: Facts) -> bool:
    """Whether new people may write: in a trial as soon as somebody can read it."""
    if facts.is_trial and not facts.is_lost:
        return facts.holders >= 1
    return not missing(readiness(facts))


def is_sheltered(settings: Settings) -> bool:
    """Whether people reach the client page by https or as an onion service."""
    parts = urlsplit(settings.web.public_url or "")
    is_onion = (parts.hostname or "").endswith(".onion")
    return is_reachable(settings) and (parts.scheme == "https" or is_onion)
