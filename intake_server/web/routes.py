"""What may be asked of the client page, by method and path; everything else is denied.

The outermost handler: whatever goes wrong inside becomes one calm answer, and nothing about the
request reaches a log.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from structlog.typing import FilteringBoundLogger

from intake_server import pages
from intake_server.checks import LOOPBACK
from intake_server.clock import Clock
from intake_server.languages import Language
from intake_server.pages import CLEAR_TRACES, StaticFile
from intake_server.web import api
from intake_server.web.attachment_work import LONGEST_BODY as LONGEST_CHUNKS
from intake_server.web.form import FormPath
from intake_server.web.form_fields import Fields, MalformedForm
from intake_server.web.form_pages import Answer, Reader
from intake_server.web.form_upload import FORM as FORM_WITH_FILES
from intake_server.web.form_upload import FileProblem, Sink, Upload, read_upload
from intake_server.web.keys import NotOpen, PublicKeys
from intake_server.web.places import NoPlace, Places
from intake_server.web.view import TRY_AGAIN_MINUTES, Page, Site, StartPage
from intake_server.web.work import MalformedRequest
from vault.keeper_client import KeeperDown
from vault.keeper_protocol import Refused

LONGEST_BODY: Final = 160 * 1024  # three messages of the longest text: too long comes back whole
SHORT_BODY: Final = 16 * 1024  # what most messages are; it is read without a place
PLACES: Final = 64  # for long bodies, for long forms with files, for requests being answered
UPLOADS: Final = 4  # long forms whose files are taken: one file each in memory
CARRIED: Final = 16  # requests with chunks of attachments, half a megabyte each
PLACE_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 10.0  # a burst of 300 at once waits its turn, also on a slow machine
BODY_SECONDS: Final = 60.0

_FORM: Final = "application/x-www-form-urlencoded"
_JSON: Final = "application/json"
_HTML: Final = "text/html; charset=utf-8"
_API: Final = "/api/"

Step = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One thing that may be asked; `name` may be logged, the path that was asked for may not."""

    name: str
    step: Step


class Routes:
    """The table, and the way of a request through it."""

    def __init__(
        self,
        site: Site,
        form: FormPath,
        answers: api.Api,
        static: Mapping[str, StaticFile],
        own_hosts: frozenset[str],
        clock: Clock,
        log: FilteringBoundLogger,
    ) -> None:
        """`own_hosts` are the hosts under which people reach the page, besides Host itself."""
        self._site = site
        self._form = form
        self._api = answers
        self._static = static
        self._own_hosts = own_hosts
        self._clock = clock
        self._log = log
        self._start: dict[tuple[str, bool], tuple[object, StartPage]] = {}
        self._reading = Places(PLACES, PLACE_SECONDS)
        self._answering = Places(PLACES, ANSWER_SECONDS)
        self._carrying = Places(CARRIED, ANSWER_SECONDS)
        self._uploading = Places(UPLOADS, PLACE_SECONDS)
        self._reading_files = Places(PLACES, PLACE_SECONDS)
        self._cleaning = asyncio.Lock()
        self.table: Mapping[tuple[str, str], Route] = {
            ("GET", "/"): Route("start", self._first_page),
            ("POST", "/"): Route("form", self._form_step),
            **{("POST", path): Route("api", self._api_step) for path in api.STEPS},
            **{("GET", path): Route("static", self._file) for path in static},
        }

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        route = self.table.get((request.method, request.path))
        if route is None:
            known = any(path == request.path for _, path in self.table)
            status = HTTPStatus.METHOD_NOT_ALLOWED if known else HTTPStatus.NOT_FOUND
            return self.elsewhere(status, self._language(request, ""))
        try:
            if request.method == "POST" and pages.is_cross_site(request, self._own_hosts):
                return self._refused(route, HTTPStatus.FORBIDDEN)
            return await route.step(request)
        except web.HTTPRequestEntityTooLarge:
            return self._refused(route, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        except (ConnectionError, TimeoutError):
            return self._refused(route, HTTPStatus.REQUEST_TIMEOUT)
        except NoPlace:
            return self._failed(route)
        except Exception as error:  # noqa: BLE001  # the rim: whatever it was, one calm answer
            self._log.error("request_failed", route=route.name, exc_info=error)
            return self._failed(route)

    def elsewhere(self, status: int, language: Language | None = None) -> web.Response:
        """The calm page for what is not here, whatever was asked."""
        language = language or self._site.languages[0]
        return _html(self._site.render(Page(state="elsewhere"), language), status)

    # --- steps ----------------------------------------------------------------------------

    async def _first_page(self, request: web.BaseRequest) -> web.Response:
        return await self._opening(request, self._language(request, ""))

    async def _form_step(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            if request.content_type == FORM_WITH_FILES and self._site.attachments:
                upload = await self._upload(request)
                return await self._answer_form(request, upload.fields, upload)
            if request.content_type != _FORM:
                return self.elsewhere(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
            async with self._body(request) as body:
                return await self._answer_form(request, Fields.of(body), None)
        except MalformedForm:
            return self.elsewhere(HTTPStatus.BAD_REQUEST)

    async def _upload(self, request: web.BaseRequest) -> Upload:
        """A form that may bring files. Where too many bring some, its words go on without them.

        Such forms have places of their own, and those for files are for whose token opens: however
        slowly strangers send them, they keep nobody's words out.
        """
        announced = request.content_length
        async with contextlib.AsyncExitStack() as places:

            async def begin(fields: Fields) -> Sink:
                sink = await self._form.attachments.begin(fields)
                if announced is None or announced > LONGEST_BODY:
                    try:
                        await places.enter_async_context(self._uploading.one())
                    except NoPlace:
                        raise FileProblem("a04.not_arrived") from None
                return sink

            if announced is None or announced > SHORT_BODY:
                await places.enter_async_context(self._reading_files.one())
            return await read_upload(request, begin, self._cleaning, BODY_SECONDS)

    async def _answer_form(
        self, request: web.BaseRequest, fields: Fields, upload: Upload | None
    ) -> web.StreamResponse:
        language = self._language(request, fields.to or fields.language)
        reader = Reader(language, _accepted(request))
        try:
            async with self._answering.one():
                answer = await self._form.answer(fields, reader, upload)
        except NoPlace:
            answer = self._form.failed(fields, reader)
        except Exception as error:  # noqa: BLE001  # whatever it was, the text goes back
            self._log.error("form_failed", exc_info=error)
            answer = self._form.failed(fields, reader)
        if answer is None:
            return await self._opening(request, language)
        if answer.pieces is not None:
            return await _streamed(request, answer.headers, answer.pieces)
        return _sent(answer)

    async def _api_step(self, request: web.BaseRequest) -> web.Response:
        if request.content_type != _JSON:
            return _json(api.malformed())
        has_chunks = request.path == api.CHUNKS_PATH
        reading = self._chunks(request) if has_chunks else self._body(request)
        try:
            async with reading as body, self._answering.one():
                answer = await self._api.answer(request.path, body)
        except Refused:
            answer = api.refused()
        except MalformedRequest:
            answer = None
        return _json(api.malformed() if answer is None else answer)

    async def _file(self, request: web.BaseRequest) -> web.Response:
        return self._static[request.path].answer(request)

    @contextlib.asynccontextmanager
    async def _body(self, request: web.BaseRequest) -> AsyncIterator[bytes]:
        """The body of a request, for as long as it is needed.

        A long one holds a place meanwhile, so that slow senders of long bodies take neither the
        memory nor the places of everybody else. Raises NoPlace.
        """
        announced = request.content_length
        is_short = announced is not None and announced <= SHORT_BODY
        async with contextlib.nullcontext() if is_short else self._reading.one():
            yield await _read_body(request)

    @contextlib.asynccontextmanager
    async def _chunks(self, request: web.BaseRequest) -> AsyncIterator[bytes]:
        """The body of a request with chunks of an attachment: a few of them at a time.

        Its ticket stands first, and who has none gets no place. Raises NoPlace, Refused,
        MalformedRequest.
        """
        if (request.content_length or 0) > LONGEST_CHUNKS:
            raise web.HTTPRequestEntityTooLarge(LONGEST_CHUNKS, request.content_length or 0)
        async with asyncio.timeout(BODY_SECONDS):
            head = await _read_head(request, api.TICKET_HEAD)
        self._api.views.read_head(head)
        async with self._carrying.one():
            yield await _read_long_body(request, head, LONGEST_CHUNKS)

    # --- the first page -------------------------------------------------------------------

    async def _opening(self, request: web.BaseRequest, language: Language) -> web.Response:
        keys = self._api.keys
        try:
            known = await keys.current()
        except NotOpen:
            state = "trouble" if keys.broken_roster else "closed"
            return self._without_text(state, language, language.text("s05.page_unproven"))
        except KeeperDown:
            return self._without_text("trouble", language, self._cannot_take(language))
        is_open = self._form.opening.is_open and not self._came_from_outside(request)
        token = self._form.tokens.first(self._form.opening.promise, known.start_key)
        page = self._start_page(known, language, len(token), is_open=is_open)
        headers = {"X-Robots-Tag": "noarchive", "Vary": "Accept-Encoding, Accept-Language"}
        state = "opening" if is_open else "closed"
        menu = self._site.chooser(language, _accepted(request), state)
        if not pages.accepts(request, "gzip"):
            return _html(page.filled(token, menu), headers=headers)
        return _html(page.packed(token, menu), headers={**headers, "Content-Encoding": "gzip"})

    def _came_from_outside(self, request: web.BaseRequest) -> bool:
        """Whether somebody on another machine came upon a page that is for this machine alone.

        A proxy or an onion service may stand before a trial whose settings do not name it.
        """
        is_for_here = self._site.trial or self._site.nobody_reads
        return is_for_here and not is_loopback(request.host)

    def _start_page(
        self, known: PublicKeys, language: Language, token_size: int, *, is_open: bool
    ) -> StartPage:
        """The page for these keys, rendered once."""
        now = self._clock.now()
        today = self._site.dates(language).local_day(now)
        promise = self._form.opening.promise
        site = (self._site.version, promise, self._site.standing(now), today)
        mark = (known, self._api.keys.screening, site)
        place = (language.code, is_open)
        kept = self._start.get(place)
        if kept is not None and kept[0] == mark:
            return kept[1]
        part = api.public_part(known, self._api.keys, promise)
        period = self._site.dates(language).period(promise.inactivity_hours)
        duty = self._site.duty(language, now)
        page = self._site.start(language, period, duty, part, token_size, is_open=is_open)
        self._start[place] = (mark, page)
        return page

    def _without_text(self, state: str, language: Language, problem: str) -> web.Response:
        page = Page(state=state, start=True, problem=problem if state == "trouble" else "")
        failed = state == "trouble"
        return _html(
            self._site.render(page, language),
            HTTPStatus.SERVICE_UNAVAILABLE if failed else HTTPStatus.OK,
        )

    def _cannot_take(self, language: Language) -> str:
        period = self._site.dates(language).minutes(TRY_AGAIN_MINUTES)
        return language.text("s10.come_later", period=period, number=self._site.emergency)

    # --- answers --------------------------------------------------------------------------

    def _language(self, request: web.BaseRequest, chosen: str) -> Language:
        return self._site.language(chosen, _accepted(request))

    def _refused(self, route: Route, status: HTTPStatus) -> web.Response:
        if route.name != "api":
            return self.elsewhere(status)
        if status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return _json(api.too_long())
        return _json(api.malformed())

    def _failed(self, route: Route) -> web.Response:
        if route.name == "api":
            return _json(api.failed())
        language = self._site.languages[0]
        return self._without_text("trouble", language, self._cannot_take(language))


# --- parts --------------------------------------------------------------------------------


def _accepted(request: web.BaseRequest) -> str:
    """The languages that the browser asks for."""
    return request.headers.get("Accept-Language", "")


async def _read_body(request: web.BaseRequest) -> bytes:
    """The body of a request; slow and long ones end in an error that the handler knows."""
    announced = request.content_length or 0
    if announced > LONGEST_BODY:
        raise web.HTTPRequestEntityTooLarge(LONGEST_BODY, announced)
    async with asyncio.timeout(BODY_SECONDS):
        return await request.read()


async def _read_head(request: web.BaseRequest, size: int) -> bytes:
    """The first bytes of a request's body."""
    head = bytearray()
    while len(head) < size and not request.content.at_eof():
        head += await request.content.read(size - len(head))
    return bytes(head)


async def _read_long_body(request: web.BaseRequest, head: bytes, longest: int) -> bytes:
    """The body behind its `head`, which may be longer than others; raises as `_read_body`."""
    body = bytearray(head)
    async with asyncio.timeout(BODY_SECONDS):
        async for piece in request.content.iter_any():
            body += piece
            if len(body) > longest:
                raise web.HTTPRequestEntityTooLarge(longest, len(body))
    return bytes(body)


def _html(
    body: bytes, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> web.Response:
    return web.Response(
        body=body, status=status, headers={"Content-Type": _HTML, **(headers or {})}
    )


def _sent(answer: Answer) -> web.Response:
    return _html(answer.body, answer.status, answer.headers)


async def _streamed(
    request: web.BaseRequest, headers: Mapping[str, str], pieces: AsyncIterator[bytes]
) -> web.StreamResponse:
    """A file, piece by piece; the connection breaks where a piece does not open."""
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    async for piece in pieces:
        await response.write(piece)
    await response.write_eof()
    return response


def _json(answer: api.Json) -> web.Response:
    headers = {"Content-Type": _JSON, **(CLEAR_TRACES if answer.clears else {})}
    return web.Response(body=answer.body, status=answer.status, headers=headers)


def is_loopback(host: str) -> bool:
    """Whether a Host, with or without a port, names this machine."""
    try:
        return urlsplit(f"//{host}").hostname in LOOPBACK
    except ValueError:
        return False


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
