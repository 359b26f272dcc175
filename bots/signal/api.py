"""The few calls of signal-cli-rest-api that a hotline needs, with its ways of failing told apart.

Own, on aiohttp: the client on PyPI (0.1.0) loses the challenge tokens of a 429, has no time-outs,
opens a connection for every call, and ends its event stream without a word. Written after the
API's published description; answers of older and newer servers are both understood.
"""

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlsplit

import aiohttp
from yarl import URL

from bots.attachments import Outgoing, bounded

FILE_PATIENCE: Final = 150.0  # seconds for an attachment, which signal-cli carries on to Signal
PATIENCE: Final = 30.0  # seconds; the server itself waits for ever when signal-cli has died
CONNECT_PATIENCE: Final = 5.0
HEARTBEAT: Final = 30.0  # seconds between two pings of ours on the websocket
_PIECE: Final = 64 * 1024  # bytes
_LARGEST: Final = 4 * 2**20  # bytes of one event or answer
_LOCAL: Final = {"127.0.0.1", "::1", "localhost"}
_GOOD: Final = range(200, 300)
_TOO_MANY: Final = 429
_BUSY: Final = 503


class ApiDown(Exception):
    """The call was certainly not carried out."""


class ApiSilent(Exception):
    """The call was made and nobody answered: it may have been carried out or not."""


class ApiLimited(Exception):
    """Signal takes no more for now; `tokens` are answered with captchas."""

    def __init__(self, tokens: tuple[str, ...]) -> None:
        super().__init__("Signal takes no more messages for now")
        self.tokens = tokens


class ApiRefused(Exception):
    """The server refuses; `why` is its own sentence, for deciding, never for logs."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(f"the Signal server refuses this (status {status})")
        self.status = status
        self.why = why


@dataclass(frozen=True, slots=True)
class SendAnswer:
    """What became of one message: its timestamp, and why it did not reach the recipient."""

    timestamp: str | None = field(repr=False)
    failures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """A key that signal-cli knows of a person."""

    uuid: str = field(repr=False)
    untrusted: bool


class Api:
    """One account on one server. `open` before anything else, `close` at the end."""

    def __init__(self, url: str, number: str) -> None:
        check_url(url)
        self._url = url.rstrip("/")
        self.number = number
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Prepare connections; none is made yet."""
        patience = aiohttp.ClientTimeout(total=PATIENCE, sock_connect=CONNECT_PATIENCE)
        # A kept connection that the server has closed fails after the request was written: then
        # nobody would know whether a message was sent. A new one for each call tells that apart.
        connector = aiohttp.TCPConnector(force_close=True)
        self._session = aiohttp.ClientSession(timeout=patience, connector=connector)

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    # --- receiving ------------------------------------------------------------------------

    async def listen(self) -> aiohttp.ClientWebSocketResponse:
        """Attach to the stream of events; raises `ApiDown`."""
        patience = aiohttp.ClientWSTimeout(ws_close=1.0)
        url = self._at(f"/v1/receive/{self._own()}")
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._ready().ws_connect(
                    url, heartbeat=HEARTBEAT, max_msg_size=_LARGEST, timeout=patience
                )
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise ApiDown from None

    # --- messages -------------------------------------------------------------------------

    async def send(self, recipient: str, text: str) -> SendAnswer:
        """Send a text to one person. Raises all four exceptions of this module."""
        wanted = {
            "number": self.number,
            "recipients": [recipient],
            "message": text,
            "notify_self": False,
            "text_mode": "normal",
        }
        return send_answer(await self._ask("POST", "/v2/send", wanted))

    async def send_file(self, recipient: str, file: Outgoing) -> SendAnswer:
        """Send one file to one person. Raises all four exceptions of this module."""
        content = base64.b64encode(file.content).decode()
        wanted = {
            "number": self.number,
            "recipients": [recipient],
            "message": "",
            "notify_self": False,
            "base64_attachments": [f"data:{file.type};filename={file.name};base64,{content}"],
        }
        said = await self._ask("POST", "/v2/send", wanted, patience=FILE_PATIENCE)
        return send_answer(said)

    async def remote_delete(self, recipient: str, timestamp: int) -> None:
        """Delete one of our messages on the other side."""
        wanted = {"recipient": recipient, "timestamp": timestamp}
        await self._ask("DELETE", f"/v1/remote-delete/{self._own()}", wanted)

    async def set_timer(self, recipient: str, seconds: int) -> None:
        """Have messages with this person vanish after `seconds` (above zero)."""
        wanted = {"recipient": recipient, "expiration_in_seconds": seconds}
        await self._ask("PUT", f"/v1/contacts/{self._own()}", wanted)

    async def attachments(self) -> list[str]:
        """Return the ids of all attachments that signal-cli has downloaded."""
        listed = await self._ask("GET", "/v1/attachments")
        return (
            [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
        )

    async def attachment(self, name: str, most: int) -> bytes:
        """Fetch one downloaded attachment, `most` bytes of it at most.

        Raises `AttachmentLost` for more, `ApiDown`, `ApiSilent` and `ApiRefused`.
        """
        url = self._at(f"/v1/attachments/{quote(name, safe='')}")
        patience = aiohttp.ClientTimeout(total=FILE_PATIENCE, sock_connect=CONNECT_PATIENCE)
        try:
            async with self._ready().get(url, timeout=patience) as answer:
                if answer.status not in _GOOD:
                    raise _failure(answer.status, _json(await answer.read()))
                return await bounded(answer.content.iter_chunked(_PIECE), most)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise ApiDown from None
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise ApiSilent from None

    async def delete_attachment(self, name: str) -> None:
        """Delete one downloaded attachment."""
        await self._ask("DELETE", f"/v1/attachments/{quote(name, safe='')}")

    # --- people and the account -----------------------------------------------------------

    async def identities(self) -> list[Identity]:
        """Return the keys of all people that signal-cli knows."""
        listed = await self._ask("GET", f"/v1/identities/{self._own()}")
        entries = listed if isinstance(listed, list) else []
        return [
            Identity(entry["uuid"], untrusted=entry.get("status") == "UNTRUSTED")
            for entry in entries
            if isinstance(entry, dict) and isinstance(entry.get("uuid"), str)
        ]

    async def trust(self, person: str) -> None:
        """Take the newest key of a person as theirs, not compared."""
        path = f"/v1/identities/{self._own()}/trust/{quote(person, safe='')}"
        await self._ask("PUT", path, {"trust_all_known_keys": True})

    async def is_registered(self) -> bool:
        """Say whether the account is there: the one question that goes through signal-cli."""
        listed = await self._ask("GET", "/v1/accounts")
        return isinstance(listed, list) and self.number in listed

    async def register(self, captcha: str, *, by_voice: bool) -> None:
        """Have Signal send a code to the number, as a text or a call."""
        wanted = {"captcha": captcha, "use_voice": by_voice}
        await self._ask("POST", f"/v1/register/{self._own()}", wanted)

    async def verify(self, code: str, pin: str) -> None:
        """Give the code that came; `pin` is the registration lock of an earlier account, if any."""
        path = f"/v1/register/{self._own()}/verify/{quote(code, safe='')}"
        await self._ask("POST", path, {"pin": pin} if pin else {})

    async def set_lock(self, pin: str) -> None:
        """Set the registration lock: without it the number's next owner takes the account."""
        await self._ask("POST", f"/v1/accounts/{self._own()}/pin", {"pin": pin})

    async def link(self, device_name: str) -> str:
        """Return what a phone scans to take this server as its linked device."""
        answer = await self._ask("GET", f"/v1/qrcodelink/raw?device_name={quote(device_name)}")
        uri = answer.get("device_link_uri") if isinstance(answer, dict) else None
        if not isinstance(uri, str) or not uri:
            raise ApiRefused(200, "no link")
        return uri

    async def set_name(self, name: str) -> None:
        """Set the profile's name, which stands above the chat on people's phones."""
        await self._ask("PUT", f"/v1/profiles/{self._own()}", {"name": name})

    async def hide_number(self) -> None:
        """Let nobody find or see the account's telephone number."""
        wanted = {"discoverable_by_number": False, "share_number": False}
        await self._ask("PUT", f"/v1/accounts/{self._own()}/settings", wanted)

    async def claim_username(self, name: str) -> str:
        """Take a username and return the link that invites; raises `ApiRefused` without one."""
        answer = await self._ask("POST", f"/v1/accounts/{self._own()}/username", {"username": name})
        link = answer.get("username_link") if isinstance(answer, dict) else None
        if not isinstance(link, str) or not link:
            raise ApiRefused(201, "no link")
        return link

    async def answer_challenge(self, token: str, captcha: str) -> None:
        """Give a solved captcha for one of the tokens of a 429."""
        wanted = {"challenge_token": token, "captcha": captcha}
        await self._ask("POST", f"/v1/accounts/{self._own()}/rate-limit-challenge", wanted)

    # --- inside ---------------------------------------------------------------------------

    def _own(self) -> str:
        return quote(self.number, safe="")

    def _at(self, path: str) -> URL:
        return URL(self._url + path, encoded=True)

    def _ready(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise ApiDown
        return self._session

    async def _ask(
        self,
        method: str,
        path: str,
        wanted: Mapping[str, object] | None = None,
        *,
        patience: float = PATIENCE,
    ) -> Any:  # noqa: ANN401 - whatever the server says
        """Make one call; an answer that is not JSON is None."""
        limits = aiohttp.ClientTimeout(total=patience, sock_connect=CONNECT_PATIENCE)
        try:
            async with (
                asyncio.timeout(patience),
                self._ready().request(
                    method, self._at(path), json=wanted, timeout=limits
                ) as answer,
            ):
                raw = await answer.read()
                status = answer.status
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise ApiDown from None
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise ApiSilent from None
        said = _json(raw)
        if status in _GOOD:
            return said
        raise _failure(status, said)


def check_url(url: str) -> None:
    """Raise `ValueError` for a server to which messages would travel in clear."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or not host:
        raise ValueError("the Signal server's address must look like http://127.0.0.1:8080")
    if parts.scheme == "http" and host not in _LOCAL:
        raise ValueError(
            "messages are not encrypted between Havenline and the Signal server: run it on this "
            "machine, or reach it by https://"
        )


def send_answer(said: object) -> SendAnswer:
    """Read what `POST /v2/send` answers: an object from older servers, a list from newer ones."""
    entry = said[0] if isinstance(said, list) and said else said
    if not isinstance(entry, dict):
        return SendAnswer(None)
    stamp = entry.get("timestamp")
    timestamp = str(stamp) if isinstance(stamp, str | int) and str(stamp).isdecimal() else None
    return SendAnswer(timestamp, _failures(entry.get("errors")))


def _failures(errors: object) -> tuple[str, ...]:
    recipients = errors.get("recipients") if isinstance(errors, dict) else None
    if not isinstance(recipients, list):
        return ()
    return tuple(str(each.get("reason", "")) for each in recipients if isinstance(each, dict))


def _failure(status: int, said: object) -> Exception:
    values = said if isinstance(said, dict) else {}
    if status == _TOO_MANY:
        tokens = values.get("challenge_tokens")
        known = tokens if isinstance(tokens, list) else []
        return ApiLimited(tuple(token for token in known if isinstance(token, str) and token))
    if status == _BUSY:
        return ApiDown()
    if status > _BUSY or status in {500, 502}:
        return ApiSilent()  # a proxy gave up waiting, or the server broke off half-way
    return ApiRefused(status, str(values.get("error", "")))


def _json(raw: bytes) -> object:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None
