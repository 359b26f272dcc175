"""What the code in a browser asks: JSON in and out, sealed blobs as base64url without padding.

Everything that could be read or forged was sealed and signed in the browser; this module only
checks shapes and sizes and hands on. Answers to a phrase have one size in multiples of 16 KiB,
answers to a poll in multiples of 2 KiB.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, TypeVar

import msgspec

from intake_server.clock import Clock
from intake_server.web.asking_work import AskingWork
from intake_server.web.attachment_work import AttachmentWork, NoRoom, NotOffered
from intake_server.web.budgets import TooMany
from intake_server.web.keys import KeySource, NotOpen, PublicKeys
from intake_server.web.opening import Opening
from intake_server.web.pace import Pace
from intake_server.web.view import PADDING, padded
from intake_server.web.ways_work import WaysWork
from intake_server.web.work import Arriving, MalformedRequest, StaleKeys, Unavailable, Work
from triage.retention import Promise
from vault.attachment_format import MOST_IN_A_MESSAGE, SEALED_CHUNK
from vault.attachments import PER_REQUEST
from vault.attachments import Arriving as Chunks
from vault.keeper_client import KeeperDown, WebKeeper
from vault.keeper_protocol import NONCE_SIZE, Refused
from vault.keeper_requests import Proof
from vault.messages import SIZES, StoredMessage
from vault.sealing import (
    ID_SIZE,
    KEY_SIZE,
    SIGNATURE_SIZE,
    TAG_SIZE,
    CannotOpen,
    Secret,
    aead_open,
    aead_seal,
    derive,
)
from vault.ways import NAMES

CHUNKS_PATH: Final = "/api/attach"
POLL_PADDING: Final = 2 * 1024
VIEW_SECONDS: Final = 24 * 60 * 60
LONGEST_REQUEST: Final = 4_096  # the sealed body of a new conversation has about 800 bytes
LATEST_TIME: Final = 2**40

_TIME_SIZE: Final = 8
_MINUTES_A_DAY: Final = 24 * 60
_VIEW: Final = b"havenline/1/view\0"

T = TypeVar("T", bound="_Body")


class _Body(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What comes with a request; an unknown or missing field is malformed."""


class _Nothing(_Body, frozen=True):
    pass


class _First(_Body, frozen=True):
    create: str
    conversation: str
    message: str
    envelope: str
    copy: str | None
    danger: bool


class _Open(_Body, frozen=True):
    tag: str
    nonce: str
    reply: str
    signature: str


class _Poll(_Body, frozen=True):
    view: str
    after: int


class _Send(_Open, frozen=True):
    message: str
    envelope: str
    copy: str | None
    danger: bool
    attached: list[str] = []  # msgspec copies it for each


class _Attach(_Body, frozen=True):
    view: str
    attachment: str
    chunks: int
    first: int
    sealed: list[str]


class _Attached(_Body, frozen=True):
    view: str
    attachment: str
    first: int


class _Due(_Open, frozen=True):
    due: int


class _Propose(_Body, frozen=True):
    request: str


class _Part(_Open, frozen=True):
    channel: int


class _Hours(_Part, frozen=True):
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Json:
    """An answer in JSON."""

    body: bytes = field(repr=False)
    status: HTTPStatus = HTTPStatus.OK
    clears: bool = False  # after erasing: the browser is asked to clear what it has


_TICKET: Final = re.compile(rb'\s*\{\s*"view"\s*:\s*"([A-Za-z0-9_-]{1,200})"')
TICKET_HEAD: Final = 256  # bytes of a request in which its ticket stands


class Views:
    """Tickets with which an open page asks for new ciphertext of its conversation.

    A ticket is the conversation's id and the time, sealed under a key of this process's memory; it
    opens nothing and proves nothing but that the page once opened the conversation.
    """

    def __init__(self, key: Secret, clock: Clock) -> None:
        """`key` is the form tokens': several web processes read each other's tickets."""
        self._key = derive(key, "web/view")
        self._clock = clock

    def make(self, conversation_id: bytes) -> str:
        """A ticket for this conversation."""
        time = self._clock.unix().to_bytes(_TIME_SIZE, "big")
        return encode(aead_seal(self._key, _VIEW, conversation_id + time))

    def read(self, ticket: str) -> bytes:
        """The conversation id in a ticket of the last day; raises Refused."""
        try:
            content = aead_open(self._key, _VIEW, decode(ticket))
        except (CannotOpen, MalformedRequest):
            raise Refused from None
        made = int.from_bytes(content[ID_SIZE:], "big")
        if self._clock.unix() - made > VIEW_SECONDS:
            raise Refused
        return content[:ID_SIZE]

    def read_head(self, head: bytes) -> bytes:
        """The conversation id in the ticket that a body begins with.

        Raises Refused, MalformedRequest.
        """
        found = _TICKET.match(head)
        if found is None:
            raise MalformedRequest
        return self.read(found.group(1).decode())


@dataclass(frozen=True, slots=True)
class Api:
    """The requests under `/api/`; everything they need is handed in."""

    work: Work
    keeper: WebKeeper
    keys: KeySource
    views: Views
    nonces: Pace
    opening: Opening
    clock: Clock
    attachments: AttachmentWork
    ways: WaysWork
    asking: AskingWork

    async def answer(self, path: str, body: bytes) -> Json | None:
        """The answer to a request, or None where there is no such path."""
        step = STEPS.get(path)
        if step is None:
            return None
        try:
            return await step(self, body)
        except TooMany as spent:
            at = self.clock.unix() + int(spent.seconds) + 1
            return _error(HTTPStatus.TOO_MANY_REQUESTS, "too_many", at=at)
        except tuple(_REFUSALS) as refusal:
            return _error(*_REFUSALS[type(refusal)])

    async def public(self, body: bytes) -> Json:
        """Public keys and promise, for a page whose own have become stale."""
        _read(body, _Nothing)
        known = await self.keys.renewed()
        return _json(public_part(known, self.keys, self.opening.promise))

    async def first(self, body: bytes) -> Json:
        """Store a first message."""
        given = _read(body, _First)
        create = decode(given.create)
        if len(create) > LONGEST_REQUEST:
            raise MalformedRequest
        stored = await self.work.first(
            create, _arriving(given), decode(given.conversation, ID_SIZE)
        )
        return _json(
            {
                "stored": True,
                "due": stored.due,
                "latest": stored.latest,
                "view": self.views.make(stored.conversation_id),
            }
        )

    async def nonce(self, body: bytes) -> Json:
        """A nonce for one proof, at a pace at which nobody's is pushed out of the keeper's list."""
        _read(body, _Nothing)
        wait = self.nonces.take()
        if wait:
            at = self.clock.unix() + int(wait) + 1
            return _error(HTTPStatus.TOO_MANY_REQUESTS, "too_many", at=at)
        return _json({"nonce": encode(await self.keeper.nonce())})

    async def open(self, body: bytes) -> Json:
        """What a phrase opens, or made-up bytes of the same size."""
        given = _read(body, _Open)
        opened = await self.work.open(decode(given.tag, TAG_SIZE), _proof(given))
        entries = (await self.keys.newest()).entries
        whole = {
            "answer": encode(opened.answer),
            "messages": _messages(opened.messages),
            "state": opened.state,
            "due": opened.due,
            "latest": opened.latest,
            "view": self.views.make(opened.conversation_id),
            "roster": [encode(entry) for entry in entries],
        }
        return Json(padded(msgspec.json.encode(whole), PADDING))

    async def poll(self, body: bytes) -> Json:
        """What is new for an open page."""
        given = _read(body, _Poll)
        if not 0 <= given.after < LATEST_TIME:
            raise MalformedRequest
        polled = await self.work.poll(self.views.read(given.view), given.after)
        whole = {
            "messages": _messages(polled.messages),
            "state": polled.state,
            "due": polled.due,
            "gone": polled.gone,
        }
        return Json(padded(msgspec.json.encode(whole), POLL_PADDING))

    async def send(self, body: bytes) -> Json:
        """Store a further message."""
        given = _read(body, _Send)
        stored = await self.work.send(decode(given.tag, TAG_SIZE), _proof(given), _arriving(given))
        return _json({"stored": True, "number": stored.number, "due": stored.due})

    async def attach(self, body: bytes) -> Json:
        """Store chunks of an attachment, before its message; the view stands first in the body."""
        given = _read(body, _Attach)
        if not (0 <= given.first < LATEST_TIME and 0 < len(given.sealed) <= PER_REQUEST):
            raise MalformedRequest
        sealed = [decode(one, SEALED_CHUNK) for one in given.sealed]
        conversation, attachment = self.views.read(given.view), decode(given.attachment, ID_SIZE)
        spent = self.work.budgets.spent(conversation, danger=False)
        if spent is not None:  # the message that names them would have to wait
            raise spent
        await self.attachments.arrive(
            Chunks(attachment, conversation, given.chunks, given.first, sealed)
        )
        return _json({"stored": True})

    async def attached(self, body: bytes) -> Json:
        """Chunks of an attachment, from the first that is asked for; none where it ends."""
        given = _read(body, _Attached)
        if not 0 <= given.first < LATEST_TIME:
            raise MalformedRequest
        conversation, attachment = self.views.read(given.view), decode(given.attachment, ID_SIZE)
        chunks = await self.attachments.read(conversation, attachment, given.first)
        return _json({"sealed": [encode(one) for one in chunks]})

    async def due(self, body: bytes) -> Json:
        """Move the day of forgetting."""
        given = _read(body, _Due)
        if not 0 < given.due < LATEST_TIME:
            raise MalformedRequest
        due, answer = await self.work.change_due(
            decode(given.tag, TAG_SIZE), given.due, _proof(given)
        )
        return _json({"answer": encode(answer), "due": due})

    async def code(self, body: bytes) -> Json:
        """Make a code with which a chat joins."""
        given = _read(body, _Open)
        answer = await self.ways.code(decode(given.tag, TAG_SIZE), _proof(given))
        return _json({"answer": encode(answer)})

    async def hours(self, body: bytes) -> Json:
        """Choose when messages come to a messenger."""
        given = _read(body, _Hours)
        if not all(0 <= minute < _MINUTES_A_DAY for minute in (given.begin, given.end)):
            raise MalformedRequest
        answer = await self.ways.hours(
            decode(given.tag, TAG_SIZE),
            _channel(given),
            given.begin,
            given.end,
            _proof(given),
        )
        return _json({"answer": encode(answer)})

    async def part(self, body: bytes) -> Json:
        """End a messenger."""
        given = _read(body, _Part)
        tag = decode(given.tag, TAG_SIZE)
        answer = await self.ways.part(tag, _channel(given), _proof(given))
        return _json({"answer": encode(answer)})

    async def propose(self, body: bytes) -> Json:
        """Ask to go on with a chat's conversation; at the pace of nonces."""
        request = decode(_read(body, _Propose).request)
        if len(request) > LONGEST_REQUEST:
            raise MalformedRequest
        wait = self.nonces.take()
        if wait:
            at = self.clock.unix() + int(wait) + 1
            return _error(HTTPStatus.TOO_MANY_REQUESTS, "too_many", at=at)
        await self.asking.propose(request)
        return _json({"asked": True})

    async def erase(self, body: bytes) -> Json:
        """Forget everything now."""
        given = _read(body, _Open)
        answer = await self.work.erase(decode(given.tag, TAG_SIZE), _proof(given))
        return Json(msgspec.json.encode({"answer": encode(answer)}), clears=True)


STEPS: Final[Mapping[str, Callable[[Api, bytes], Awaitable[Json]]]] = MappingProxyType(
    {
        "/api/keys": Api.public,
        "/api/first": Api.first,
        "/api/nonce": Api.nonce,
        "/api/open": Api.open,
        "/api/poll": Api.poll,
        "/api/send": Api.send,
        "/api/attach": Api.attach,
        "/api/attached": Api.attached,
        "/api/due": Api.due,
        "/api/code": Api.code,
        "/api/hours": Api.hours,
        "/api/part": Api.part,
        "/api/erase": Api.erase,
        "/api/propose": Api.propose,
    }
)


_REFUSALS: Final[Mapping[type[Exception], tuple[HTTPStatus, str]]] = MappingProxyType(
    {
        MalformedRequest: (HTTPStatus.BAD_REQUEST, "malformed"),
        NotOpen: (HTTPStatus.CONFLICT, "closed"),
        StaleKeys: (HTTPStatus.CONFLICT, "stale_keys"),
        Refused: (HTTPStatus.FORBIDDEN, "refused"),
        NotOffered: (HTTPStatus.FORBIDDEN, "not_offered"),
        NoRoom: (HTTPStatus.INSUFFICIENT_STORAGE, "no_room"),
        Unavailable: (HTTPStatus.SERVICE_UNAVAILABLE, "unavailable"),
        KeeperDown: (HTTPStatus.SERVICE_UNAVAILABLE, "unavailable"),
    }
)


def public_part(known: PublicKeys, keys: KeySource, promise: Promise) -> dict[str, object]:
    """What a browser needs before it can seal: public keys and what is promised."""
    key = keys.screening
    return {
        "roster": [encode(entry) for entry in known.entries],
        "start_key": encode(known.start_key),
        "screening": None
        if key is None
        else {"key": encode(key.public), "signature": encode(key.signature)},
        "promise": {
            "inactivity_hours": promise.inactivity_hours,
            "absolute_hours": promise.absolute_hours,
            "closed_hours": promise.closed_hours,
        },
    }


def too_long() -> Json:
    """The answer to a body that is longer than any request."""
    return _error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_long")


def refused() -> Json:
    """The answer to a ticket that opens nothing."""
    return _error(*_REFUSALS[Refused])


def malformed() -> Json:
    """The answer to what is no request of ours."""
    return _error(HTTPStatus.BAD_REQUEST, "malformed")


def failed() -> Json:
    """The answer where something went wrong that nobody foresaw."""
    return _error(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable")


def encode(data: bytes) -> str:
    """Bytes as base64url without padding (RFC 4648, section 5)."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


_FROM_URL: Final = str.maketrans("-_", "+/")
_NOT_OURS: Final = frozenset("+/=")


def decode(text: str, size: int | None = None) -> bytes:
    """The bytes of base64url; raises MalformedRequest for anything else, or another size."""
    if not _NOT_OURS.isdisjoint(text):
        raise MalformedRequest
    try:
        padding = "=" * (-len(text) % 4)
        data = binascii.a2b_base64(text.translate(_FROM_URL) + padding, strict_mode=True)
    except ValueError:
        raise MalformedRequest from None
    if size is not None and len(data) != size:
        raise MalformedRequest
    return data


def _read(body: bytes, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.MsgspecError, ValueError, RecursionError):  # ValueError: no UTF-8
        raise MalformedRequest from None


def _arriving(given: _First | _Send) -> Arriving:
    envelope = decode(given.envelope)
    copy = None if given.copy is None else decode(given.copy)
    if len(envelope) not in SIZES or (copy is not None and len(copy) not in SIZES):
        raise MalformedRequest
    attached = given.attached if isinstance(given, _Send) else []
    ids = tuple(decode(one, ID_SIZE) for one in attached[: MOST_IN_A_MESSAGE + 1])
    return Arriving(decode(given.message, ID_SIZE), envelope, copy, given.danger, ids)


def _channel(given: _Part) -> int:
    if given.channel not in NAMES:
        raise MalformedRequest
    return given.channel


def _proof(given: _Open) -> Proof:
    return Proof(
        decode(given.nonce, NONCE_SIZE),
        decode(given.reply, KEY_SIZE),
        decode(given.signature, SIGNATURE_SIZE),
    )


def _messages(stored: list[StoredMessage]) -> list[dict[str, object]]:
    return [{"number": one.number, "envelope": encode(one.envelope)} for one in stored]


def _json(value: dict[str, object]) -> Json:
    return Json(msgspec.json.encode(value))


def _error(status: HTTPStatus, code: str, at: int | None = None) -> Json:
    """`at` is when the next message or question may come, in seconds since 1970."""
    told = {"error": code} if at is None else {"error": code, "at": at}
    return Json(msgspec.json.encode(told), status)
