"""The stream of changes: one line of JSON for each, and a beat while nothing happens.

`{"number", "conversation", "what"}`; `what` is one of `vault.changes.What`, or `gap` where changes
were not kept: then everything is fetched anew. `{"beat": true}` comes at once and every BEAT
seconds, so that either side notices a connection that is dead. `{"team": number}` says that the
roster has so many entries now. A stream ends with its session, at
most LOOK seconds later, and when the same session opens another one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
from aiohttp import web
from structlog.typing import FilteringBoundLogger

from intake_server.desk.bodies import to_text_or_none
from intake_server.desk.feed import Feed
from intake_server.desk.members import Member, Members
from intake_server.desk.refusals import NotDone
from intake_server.desk.sessions import Session
from vault.changes import Change
from vault.engine import DatabaseFailed

BEAT: Final = 15.0
LOOK: Final = 2.0
GAP: Final = "gap"
_TAKEN_SECONDS: Final = 2 * BEAT  # who does not read for so long is gone
_HEADERS: Final = {"Content-Type": "application/x-ndjson", "X-Accel-Buffering": "no"}
_BEAT_LINE: Final = msgspec.json.encode({"beat": True}) + b"\n"

MaySee = Callable[[Member], bool]


class Events:
    """Streams for everybody who has the desk open; `now` is a clock that never goes back."""

    def __init__(
        self, feed: Feed, members: Members, now: Callable[[], float], log: FilteringBoundLogger
    ) -> None:
        self._feed = feed
        self._members = members
        self._now = now
        self._log = log

    async def stream(
        self, request: web.BaseRequest, member: Member, after: int, may_see: MaySee
    ) -> web.StreamResponse:
        """Tell changes after a number until the session, the stream or the connection ends."""
        session = member.session
        session.streams += 1
        response = web.StreamResponse(headers=_HEADERS)
        response.force_close()
        await response.prepare(request)
        try:
            await self._tell(request, response, session, after, may_see)
        except (ConnectionError, TimeoutError, NotDone, DatabaseFailed):
            pass  # the browser connects again, or is told that it is signed out
        except Exception as error:  # noqa: BLE001  # an answer has begun: there can be no other
            self._log.error("stream_failed", exc_info=error)
        return response

    async def _tell(
        self,
        request: web.BaseRequest,
        response: web.StreamResponse,
        session: Session,
        after: int,
        may_see: MaySee,
    ) -> None:
        own, beat_at, entries = session.streams, self._now(), 0
        while request.transport is not None and session.streams == own:
            member = await self._members.still(session)
            if not may_see(member):
                return
            lines, after = await self._lines(after)
            if entries and entries != member.known.roster.number:
                lines.append(_team_line(member.known.roster.number))
            entries = member.known.roster.number
            if self._now() >= beat_at:
                lines.append(_BEAT_LINE)
                beat_at = self._now() + BEAT
            if session.ended:
                return
            if lines:
                async with asyncio.timeout(_TAKEN_SECONDS):
                    await response.write(b"".join(lines))
            if not session.ended:
                await self._feed.wait(after, min(LOOK, max(0.0, beat_at - self._now())))

    async def _lines(self, after: int) -> tuple[list[bytes], int]:
        """What is to be told after a number, and the number that it goes up to."""
        found = await self._feed.after(after)
        if found is None:
            newest = self._feed.newest
            return [_line(newest, None, GAP)], newest
        if not found:
            return [], after
        return [_told(change) for change in found], found[-1].number


def _team_line(number: int) -> bytes:
    return msgspec.json.encode({"team": number}) + b"\n"


def _told(change: Change) -> bytes:
    return _line(change.number, to_text_or_none(change.conversation), change.what)


def _line(number: int, conversation: str | None, what: str) -> bytes:
    line = {"number": number, "conversation": conversation, "what": what}
    return msgspec.json.encode(line) + b"\n"
