"""What client page and desk share in showing themselves: headers, templates, static files, server.

Theory of operation
-------------------
1.  Every answer carries `HEADERS`, errors and malformed requests included; no answer sets a
    cookie, names the software or can be told apart by a tag. They are put on where a response is
    written, so that no route can forget them.
2.  Nothing about a request is logged: not its address, path, headers or body. An unexpected
    failure is logged by its type and the places in the code.
3.  Templates escape everything and fail where a value is missing.
4.  Static files are read once at start and answered from memory, compressed beforehand.
"""

import asyncio
import gzip
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import jinja2
import msgspec
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from markupsafe import Markup

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "media-src blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'; "
    "sandbox allow-forms allow-scripts allow-same-origin allow-top-navigation "
    "allow-downloads"
)
_NO_FEATURES: Final = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer",
        "autoplay",
        "browsing-topics",
        "camera",
        "clipboard-read",
        "display-capture",
        "encrypted-media",
        "fullscreen",
        "geolocation",
        "gyroscope",
        "hid",
        "idle-detection",
        "interest-cohort",
        "magnetometer",
        "microphone",
        "midi",
        "payment",
        "publickey-credentials-get",
        "screen-wake-lock",
        "serial",
        "usb",
        "xr-spatial-tracking",
    )
)

HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Content-Security-Policy": _CONTENT_POLICY,
        "Cache-Control": "no-store",
        "Pragma": "no-cache",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "X-DNS-Prefetch-Control": "off",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": _NO_FEATURES,
        "X-Robots-Tag": "noindex, noarchive",
    }
)
"""What every answer of client page and desk says (OWASP ASVS 5.0, 3.4 and 14.3)."""

CLEAR_TRACES: Final[Mapping[str, str]] = MappingProxyType({"Clear-Site-Data": '"cache", "storage"'})
"""Added to the answer after which nothing should be left in the browser."""

STRICT_TRANSPORT: Final[Mapping[str, str]] = MappingProxyType(
    {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}
)
"""Added where the public address begins with https and is not an onion service."""

_KINDS: Final = MappingProxyType(
    {
        ".css": "text/css; charset=utf-8",
        ".html": "text/html; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".png": "image/png",
    }
)
_MANIFEST: Final = "manifest.json"
_BROTLI: Final = ".br"
_REFUSED: Final = frozenset({"q=0", "q=0.0", "q=0.00", "q=0.000"})
_NEVER: Final = ("Server", "Set-Cookie", "ETag", "Last-Modified")


# --- templates ----------------------------------------------------------------------------


def make_environment(folder: Path) -> jinja2.Environment:
    """Templates from `folder`: everything is escaped, and a missing value is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder, encoding="utf-8"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def script_json(value: object) -> Markup:
    """`value` as JSON that cannot end the script element it stands in."""
    text = msgspec.json.encode(value).decode()
    for character, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(character, escape)
    return Markup(text)  # noqa: S704  # no character is left that HTML could read


# --- static files -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file in memory, with its compressed forms by content coding, the smallest first."""

    content_type: str
    plain: bytes
    packed: Mapping[str, bytes]

    def answer(self, request: web.BaseRequest) -> web.Response:
        """The file, compressed if the browser takes that."""
        headers = {"Content-Type": self.content_type, "Vary": "Accept-Encoding"}
        for coding, body in self.packed.items():
            if accepts(request, coding):
                return web.Response(body=body, headers={**headers, "Content-Encoding": coding})
        return web.Response(body=self.plain, headers=headers)


def load_static(folder: Path, prefix: str = "/static/") -> dict[str, StaticFile]:
    """Every file below `folder`, by the path it is served at.

    A file `x.br` beside `x` is its Brotli form. Hidden files and the bundler's manifest are left
    out.
    """
    return {
        prefix + path.relative_to(folder).as_posix(): _static_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not path.name.startswith(".")
        and path.suffix != _BROTLI
        and path.name != _MANIFEST
    }


def packed_file(kind: str, plain: bytes) -> StaticFile:
    """A file that was made in memory."""
    packed = pack_page(plain)
    smaller = {"gzip": packed} if len(packed) < len(plain) else {}
    return StaticFile(kind, plain, MappingProxyType(smaller))


def _static_file(path: Path) -> StaticFile:
    plain = path.read_bytes()
    kind = _KINDS.get(path.suffix, "application/octet-stream")
    brotli = path.with_name(path.name + _BROTLI)
    packed = {"br": brotli.read_bytes()} if brotli.is_file() else {}
    packed["gzip"] = pack_page(plain)
    smaller = {coding: body for coding, body in packed.items() if len(body) < len(plain)}
    return StaticFile(kind, plain, MappingProxyType(smaller))


def integrity_of(folder: Path, name: str) -> str | None:
    """The integrity value of a built script (W3C Subresource Integrity); None if not built."""
    built = _manifest(folder)
    return built[name].integrity if name in built else None


def texts_of(folder: Path) -> frozenset[str]:
    """The ids of the texts that the built scripts ask for."""
    return frozenset(text for one in _manifest(folder).values() for text in one.texts)


def first_texts_of(folder: Path, name: str) -> frozenset[str]:
    """Of these, the ones that are asked for as soon as the script `name` runs."""
    built, found = _manifest(folder), set[str]()
    names = {name} & built.keys()
    while names:
        one = names.pop()
        found.add(one)
        names |= set(built[one].imports) - found
    return frozenset(text for one in found for text in built[one].texts)


class _Built(msgspec.Struct):
    """An entry of the bundler's manifest; `imports` are files that come with it."""

    integrity: str
    texts: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()


def _manifest(folder: Path) -> dict[str, _Built]:
    manifest = folder / "built" / _MANIFEST
    if not manifest.is_file():
        return {}
    return msgspec.json.decode(manifest.read_bytes(), type=dict[str, _Built])


def accepts(request: web.BaseRequest, coding: str) -> bool:
    """Whether the browser takes this content coding (RFC 9110, 12.5.3)."""
    for part in request.headers.get("Accept-Encoding", "").lower().split(","):
        named, _, quality = part.partition(";")
        if named.strip() == coding:
            return quality.replace(" ", "") not in _REFUSED
    return False


def pack_page(plain: bytes) -> bytes:
    """Compress without a time or a name in it (gzip, RFC 1952)."""
    return gzip.compress(plain, mtime=0)


# --- the server ---------------------------------------------------------------------------


def is_cross_site(request: web.BaseRequest, own_hosts: frozenset[str]) -> bool:
    """Whether a browser says that another site made this request.

    Missing headers count as our own (older and hardened browsers leave them out), and so does
    the origin `null`, which `Referrer-Policy: no-referrer` produces. There is no cookie and no
    session that a forged request could use; this only keeps other sites from writing here.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "cross-site"
    origin = request.headers.get("Origin")
    if origin is None or origin == "null":
        return False
    host = origin.partition("://")[2]
    return host != request.headers.get("Host") and host not in own_hosts


class QuietServer(web.Server):
    """An HTTP server that puts `HEADERS` on everything and logs nothing about a request.

    `refuse` makes the answer to what is no HTTP at all, from the status for it. A body longer than
    `longest_body` bytes raises HTTPRequestEntityTooLarge where it is read. `extra` are headers
    that every answer carries besides.
    """

    def __init__(
        self,
        handler: Handler,
        refuse: Callable[[int], web.Response],
        *,
        longest_body: int,
        extra: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(handler, request_factory=self._request)
        self._refuse = refuse
        self._longest_body = longest_body
        self._headers = {**HEADERS, **extra}

    def __call__(self) -> web.RequestHandler:
        """Serve one connection (asyncio's protocol factory)."""
        return _Connection(self, self._refuse, self._headers)

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        return _Request(
            message,
            payload,
            protocol,
            writer,
            task,
            asyncio.get_running_loop(),
            client_max_size=self._longest_body,
        )


class _Connection(web.RequestHandler):
    """aiohttp's connection, answering what it cannot read without a word about it."""

    __slots__ = ("headers", "refuse")

    def __init__(
        self,
        server: web.Server,
        refuse: Callable[[int], web.Response],
        headers: Mapping[str, str],
    ) -> None:
        # Compressed bodies are refused: a small one could unpack to gigabytes.
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=_SILENT,
            auto_decompress=False,
            keepalive_timeout=75,
        )
        self.refuse = refuse
        self.headers = headers

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,  # noqa: ARG002  # aiohttp's signature
        message: str | None = None,  # noqa: ARG002  # aiohttp's signature
    ) -> web.StreamResponse:
        """Answer with the calm page; aiohttp's own would quote the request and log its sender."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun; the connection can only be closed")
        response = self.refuse(status)
        response.force_close()
        return response


class _Request(web.BaseRequest):
    """A request whose answer gets the headers of its server when it is written."""

    async def _prepare_hook(self, resp: web.StreamResponse) -> None:
        connection = self.protocol
        for name in _NEVER:
            resp.headers.popall(name, None)
        if isinstance(connection, _Connection):
            for name, value in connection.headers.items():
                resp.headers.setdefault(name, value)


_SILENT: Final = logging.Logger("silent", logging.CRITICAL + 1)  # noqa: LOG001  # unregistered on purpose: nobody can give it a handler
