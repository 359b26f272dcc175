"""What may be asked of the desk, by method and path, and who may ask it; all else is denied.

The outermost handler: each route names what it needs, so that a new one without that cannot be
written down. Whatever goes wrong inside becomes one answer, and nothing about the request reaches
a log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import msgspec
from aiohttp import web
from structlog.typing import FilteringBoundLogger

from intake_server import pages
from intake_server.clock import Clock
from intake_server.desk import bodies
from intake_server.desk.api import Answer, Api, read
from intake_server.desk.attachments_api import LONGEST_CHUNKS, AttachmentsApi
from intake_server.desk.bodies import LONGEST_BODY, read_token
from intake_server.desk.channels_api import ChannelsApi
from intake_server.desk.events import Events
from intake_server.desk.indicators_api import IndicatorsApi
from intake_server.desk.members import Member, Members
from intake_server.desk.office_api import OfficeApi
from intake_server.desk.page import Page, WordsFile
from intake_server.desk.pages_api import PagesApi
from intake_server.desk.refusals import (
    Forbidden,
    MalformedRequest,
    NotDone,
    NotHere,
    Unavailable,
)
from intake_server.desk.team_api import TeamApi
from intake_server.pages import StaticFile
from vault.roster import Role

SESSION_HEADER: Final = "Havenline-Session"
BODY_SECONDS: Final = 60.0
_JSON: Final = "application/json"

Open = Callable[[bytes], Awaitable[Answer]]
Either = Callable[[Member | None, bytes], Awaitable[Answer]]
Known = Callable[[Member, bytes], Awaitable[Answer]]


class Need(Enum):
    """What a route needs besides roles."""

    NOTHING = "nothing"
    EITHER = "either"
    """Nothing; but a session that is named must be a living one."""
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Route:
    """One thing that may be asked.

    `name` may be logged, the path that was asked for may not. Of several roles in `need` one is
    enough.
    """

    name: str
    need: Need | Role
    step: Callable[[web.BaseRequest, Member | None], Awaitable[web.StreamResponse]]

    def allows(self, member: Member) -> bool:
        """Whether this member may ask it."""
        return not isinstance(self.need, Role) or bool(self.need & member.roles)


_COUNSELLOR: Final = Role.COUNSELLOR
_WATCHING: Final = Role.COUNSELLOR | Role.SUPERVISOR  # one of the two
_INVITING: Final = Role.ADMIN | Role.SUPERVISOR
_MEETING: Final = Role.ADMIN | Role.SUPERVISOR | Role.COUNSELLOR
_SIGNING: Final = Role.ADMIN | Role.COUNSELLOR


@dataclass(frozen=True, slots=True)
class Requests:
    """What answers: daily work, the team, the office, rules, messengers, attachments, pages."""

    desk: Api
    team: TeamApi
    office: OfficeApi
    indicators: IndicatorsApi
    channels: ChannelsApi
    attachments: AttachmentsApi
    pages: PagesApi


class Routes:
    """The table, and the way of a request through it."""

    def __init__(  # each part is handed in, none is looked up
        self,
        requests: Requests,
        events: Events,
        members: Members,
        page: Page,
        static: Mapping[str, StaticFile | WordsFile],
        own_hosts: frozenset[str],
        clock: Clock,
        log: FilteringBoundLogger,
    ) -> None:
        """`own_hosts` are the hosts under which staff reach the desk, besides Host itself."""
        self._events = events
        self._members = members
        self._page = page
        self._static = static
        self._own_hosts = own_hosts
        self._clock = clock
        self._log = log
        api, team = requests.desk, requests.team
        office, rules = requests.office, requests.indicators
        files = requests.attachments
        posts = (
            Route("hello", Need.NOTHING, _open(api.hello)),
            Route("setup/keys", Need.NOTHING, _open(api.set_up_keys)),
            Route("setup", Need.NOTHING, _open(api.set_up)),
            Route("signin/salt", Need.NOTHING, _open(api.salt)),
            Route("signin", Need.NOTHING, _open(api.sign_in)),
            Route("nonce", Need.EITHER, _either(api.nonce)),  # signing in needs one
            Route("signout", Need.SESSION, _known(api.sign_out)),
            Route("events", _WATCHING, self._stream),
            Route("queue", _WATCHING, _known(api.queue)),
            Route("claim", _COUNSELLOR, _known(api.claim)),
            Route("release", _COUNSELLOR, _known(api.release)),
            Route("open", _COUNSELLOR, _known(api.open)),
            Route("ways", _COUNSELLOR, _known(api.ways)),
            Route("messages", _COUNSELLOR, _known(api.messages)),
            Route("reply", _COUNSELLOR, _known(api.reply)),
            Route("note", _COUNSELLOR, _known(api.note)),
            Route("draft", _COUNSELLOR, _known(api.draft)),
            Route("urgency", _COUNSELLOR, _known(api.urgency)),
            Route("close", _COUNSELLOR, _known(api.close)),
            Route("invitation", Need.NOTHING, _open(team.invitation)),
            Route("join", Need.NOTHING, _open(team.join)),
            Route("recover", Need.NOTHING, _open(team.recover)),
            Route("roster", Need.SESSION, _known(team.roster)),
            Route("counts", Need.SESSION, _known(team.counts)),
            Route("team", _MEETING, _known(team.team)),
            Route("team/invite", _INVITING, _known(team.invite)),
            Route("team/withdraw", _INVITING, _known(team.withdraw)),
            Route("team/append", _SIGNING, _known(team.append)),
            Route("team/grant", _COUNSELLOR, _known(team.grant)),
            Route("team/grants", _COUNSELLOR, _known(team.grants)),
            Route("handover", _COUNSELLOR, _known(team.hand_over)),
            Route("rewrap/behind", _COUNSELLOR, _known(team.behind)),
            Route("rewrap/open", _COUNSELLOR, _known(team.old_wrap)),
            Route("rewrap", _COUNSELLOR, _known(team.rewrap)),
            Route("page/asking", _COUNSELLOR, _known(requests.pages.asking)),
            Route("page/let_in", _COUNSELLOR, _known(requests.pages.let_in)),
            Route("page/refuse", _COUNSELLOR, _known(requests.pages.refuse)),
            Route("office/ready", Role.ADMIN, _known(office.ready)),
            Route("office/details", Role.ADMIN, _known(office.details)),
            Route("office/save", Role.ADMIN, _known(office.save)),
            Route("story/copy", _COUNSELLOR, _known(office.copy)),
            Route("story/open", _COUNSELLOR, _known(office.open_copy)),
            Route("attach", _COUNSELLOR, _known(files.attach, LONGEST_CHUNKS)),
            Route("attached", _COUNSELLOR, _known(files.attached)),
            Route("indicators/count", _COUNSELLOR, _known(rules.count)),
            Route("indicators/report", _INVITING, _known(rules.report)),
            Route("safeguarding", _COUNSELLOR, _known(rules.safeguarding)),
            Route("channels", _MEETING, _known(requests.channels.shown)),
        )
        shown = Route("page", Need.NOTHING, self._shell)
        file = Route("static", Need.NOTHING, self._file)
        self.table: Mapping[tuple[str, str], Route] = {
            ("GET", "/"): shown,
            **{("GET", path): file for path in static},
            **{("POST", f"/api/{route.name}"): route for route in posts},
        }

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        route = self.table.get((request.method, request.path))
        if route is None:
            known = any(path == request.path for _, path in self.table)
            return elsewhere(HTTPStatus.METHOD_NOT_ALLOWED if known else HTTPStatus.NOT_FOUND)
        try:
            return await self._answer(request, route)
        except NotDone as refusal:
            if isinstance(refusal, Unavailable):
                self._log.warning("not_done", route=_word(route), exc_info=refusal.__cause__)
            return _refused(refusal, self._clock.unix())
        except (web.HTTPRequestEntityTooLarge, web.HTTPBadRequest):
            return _refused(MalformedRequest(), 0, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        except (ConnectionError, TimeoutError):
            return _refused(MalformedRequest(), 0, HTTPStatus.REQUEST_TIMEOUT)
        except Exception as error:  # noqa: BLE001  # the rim: whatever it was, one answer
            self._log.error("request_failed", route=_word(route), exc_info=error)
            return _refused(Unavailable(), 0)

    async def _answer(self, request: web.BaseRequest, route: Route) -> web.StreamResponse:
        if request.method == "POST":
            if pages.is_cross_site(request, self._own_hosts):
                raise Forbidden
            member = await self._member(request, route)
            if request.content_type != _JSON:
                raise MalformedRequest
            return await route.step(request, member)
        return await route.step(request, None)

    async def _member(self, request: web.BaseRequest, route: Route) -> Member | None:
        """Who asks, before a byte of the body is read; raises SignedOut, Forbidden, Unavailable."""
        header = request.headers.get(SESSION_HEADER)
        if route.need is Need.NOTHING or (route.need is Need.EITHER and header is None):
            return None
        member = await self._members.of(read_token(header))
        if not route.allows(member):
            raise Forbidden
        return member

    # --- steps ----------------------------------------------------------------------------

    async def _shell(self, request: web.BaseRequest, _member: Member | None) -> web.Response:
        return self._page.answer(request)

    async def _file(self, request: web.BaseRequest, _member: Member | None) -> web.Response:
        return self._static[request.path].answer(request)

    async def _stream(self, request: web.BaseRequest, member: Member | None) -> web.StreamResponse:
        asked = read(await _body(request), bodies.After)
        route = self.table[request.method, request.path]
        return await self._events.stream(request, _present(member), asked.after, route.allows)


# --- parts --------------------------------------------------------------------------------


def _open(step: Open) -> Callable[[web.BaseRequest, Member | None], Awaitable[web.Response]]:
    async def answer(request: web.BaseRequest, _member: Member | None) -> web.Response:
        return _json(await step(await _body(request)))

    return answer


def _either(step: Either) -> Callable[[web.BaseRequest, Member | None], Awaitable[web.Response]]:
    async def answer(request: web.BaseRequest, member: Member | None) -> web.Response:
        return _json(await step(member, await _body(request)))

    return answer


def _known(
    step: Known, longest: int = LONGEST_BODY
) -> Callable[[web.BaseRequest, Member | None], Awaitable[web.Response]]:
    async def answer(request: web.BaseRequest, member: Member | None) -> web.Response:
        return _json(await step(_present(member), await _body(request, longest)))

    return answer


def _present(member: Member | None) -> Member:
    """The member whom a route's need has asked for; without one nothing is done."""
    if member is None:
        raise Forbidden
    return member


async def _body(request: web.BaseRequest, longest: int = LONGEST_BODY) -> bytes:
    """The body of a request; slow and long ones end in an error that the handler knows."""
    announced = request.content_length or 0
    if announced > longest:
        raise web.HTTPRequestEntityTooLarge(longest, announced)
    body = bytearray()
    async with asyncio.timeout(BODY_SECONDS):
        async for piece in request.content.iter_any():
            body += piece
            if len(body) > longest:
                raise web.HTTPRequestEntityTooLarge(longest, len(body))
    return bytes(body)


def _json(answer: Answer, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(answer), status=status, headers={"Content-Type": _JSON}
    )


def _refused(refusal: NotDone, now: int, status: HTTPStatus | None = None) -> web.Response:
    return _json({"error": refusal.code, **refusal.detail(now)}, status or refusal.status)


def elsewhere(status: int) -> web.Response:
    """The answer to what is not here, and to what is no HTTP at all."""
    return _json({"error": NotHere.code}, HTTPStatus(status))


def _word(route: Route) -> str:
    return route.name.replace("/", ".")


def own_hosts(public_url: str | None) -> frozenset[str]:
    """The hosts that may stand in an Origin of our own pages, besides the Host asked for."""
    return frozenset() if public_url is None else frozenset({urlsplit(public_url).netloc})


def transport_headers(public_url: str | None) -> Mapping[str, str]:
    """Strict transport for a public address with TLS; an onion service needs and gets none."""
    if public_url is None:
        return {}
    parts = urlsplit(public_url)
    onion = (parts.hostname or "").endswith(".onion")
    return pages.STRICT_TRANSPORT if parts.scheme == "https" and not onion else {}
