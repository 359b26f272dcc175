"""The made-up counsellors, and the pages on which they are signed in with one click.

Each has an address of her own, behind which stands the desk's real process: everything is handed
on to it, and one script is added to its page, which fills in the sign-in form. Neither that script
nor what it is told lies in the wheel, and the desk knows nothing of either.
"""

import asyncio
import base64
import contextlib
import html
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Final

import aiohttp
import msgspec
from aiohttp import web

from intake_server.checks import LOOPBACK
from intake_server.clock import Clock
from intake_server.keeper.totp import STEP, code_at, step_of
from vault.sealing import Secret

HOST: Final = "127.0.0.1"
PERSON: Final = "/demonstration/person"
SCRIPT: Final = "/demonstration/sign_in.js"
_HERE: Final = Path(__file__).parent
_HANDED_ON: Final = ("Content-Type", "Havenline-Session", "Accept-Language")
_NOT_BACK: Final = frozenset(
    {"content-length", "content-encoding", "transfer-encoding", "connection", "date"}
)


class Person(msgspec.Struct):
    """What a made-up counsellor knows; `step` is that of the last number of her second key."""

    name: str
    shown: str
    password: str
    secret: str
    step: int


class Team(msgspec.Struct, frozen=True):
    """What `team.mjs` says of those whom it set up."""

    fingerprint: str
    people: list[Person]


class Desk:
    """The desk of one person, one click away."""

    def __init__(
        self, person: Person, fingerprint: str, desk: str, net: aiohttp.ClientSession, clock: Clock
    ) -> None:
        """`desk` is the address of the desk's process."""
        self._person = person
        self._fingerprint = fingerprint
        self._desk = desk
        self._net = net
        self._clock = clock
        self._script = (_HERE / "sign_in.js").read_bytes()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; all but two are the desk's to answer."""
        if not is_from_here(request):
            return web.Response(status=HTTPStatus.FORBIDDEN)
        match request.method, request.path:
            case "POST", path if path == PERSON:
                return web.json_response(await self._sign_in())
            case "GET", path if path == SCRIPT:
                return web.Response(body=self._script, content_type="text/javascript")
            case _:
                return await self._hand_on(request)

    async def _sign_in(self) -> dict[str, str]:
        person = self._person
        step = max(step_of(self._clock.unix()), person.step + 1)
        person.step = step
        # The keeper takes the next step's number already, and no later one.
        await asyncio.sleep(max(0, (step - 1) * STEP - self._clock.unix()))
        code = code_at(Secret(base64.urlsafe_b64decode(person.secret + "=")), step)
        return {
            "name": person.name,
            "password": person.password,
            "code": f"{code:06}",
            "fingerprint": self._fingerprint,
        }

    async def _hand_on(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = {name: request.headers[name] for name in _HANDED_ON if name in request.headers}
        asked = self._net.request(
            request.method, self._desk + request.path, data=await request.read(), headers=headers
        )
        async with asked as given:
            back = {name: v for name, v in given.headers.items() if name.lower() not in _NOT_BACK}
            if request.path == "/":
                page = (await given.text()).replace("</body>", _tag() + "</body>")
                return web.Response(body=page.encode(), status=given.status, headers=back)
            answer = web.StreamResponse(status=given.status, headers=back)
            await answer.prepare(request)
            with contextlib.suppress(ConnectionError):  # a window was closed
                async for piece in given.content.iter_any():
                    await answer.write(piece)
                await answer.write_eof()
            return answer


def is_from_here(request: web.BaseRequest) -> bool:
    """Whether the browser was told to come here by this machine's own name."""
    return request.host.rpartition(":")[0] in LOOPBACK


def _tag() -> str:
    return f'<script type="module" src="{SCRIPT}"></script>\n'


class FrontDoor:
    """The page with one button for each part of the demonstration."""

    def __init__(self, client_page: str, desks: Sequence[tuple[Person, str]]) -> None:
        """`desks` are the people and the addresses of their desks."""
        ways = "".join(
            f'<p><a class="button" href="{url}" target="_blank" rel="noreferrer">'
            f"Sign in as {html.escape(one.shown)}</a></p>\n"
            f"<p>If the desk locks: <code>{html.escape(one.password)}</code></p>\n"
            for one, url in desks
        )
        page = (_HERE / "front_door.html").read_text(encoding="utf-8")
        self._page = page.format(client_page=client_page, desks=ways).encode()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        if not is_from_here(request):
            return web.Response(status=HTTPStatus.FORBIDDEN)
        if (request.method, request.path) != ("GET", "/"):
            return web.Response(status=HTTPStatus.NOT_FOUND)
        return web.Response(body=self._page, content_type="text/html", charset="utf-8")
