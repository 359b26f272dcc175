"""What signal-cli-rest-api publishes about the calls that a hotline makes, in a table of our own.

Read from `src/docs/swagger.json` of https://github.com/bbernhard/signal-cli-rest-api at commit
a08db23 of 2026-08-16, twenty after version 0.100 (signal-cli 0.14.7). Where the server's own code
(`src/api/api.go`, `src/datastructs/datastructs.go`, same commit) answers what that file does not
describe, it stands under `beside`. Adapter and stand-in are both held to this
(`test_published.py`), and every call in any test of the channel is compared.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

Shape = object
"""A type; a list of one shape; a dict of shapes, where a name that ends in "?" may be missing or
null; a tuple of shapes, of which one fits."""


class _Mark:
    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


NOTHING = _Mark("NOTHING")  # no body, or one that says nothing
BYTES = _Mark("BYTES")  # any bytes
ANYTHING = _Mark("ANYTHING")  # what the channel does not look into
STREAM = _Mark("STREAM")  # a websocket, each frame an `EVENT`

ERROR = {"error": str}
_SENT = {
    "timestamp": str,
    "errors?": {
        "recipients?": [{"username?": str, "number?": str, "uuid?": str, "reason?": str}],
    },
}
_SEND_ERROR = {"error": str, "account": str, "challenge_tokens?": [str]}
_MENTION = {"author": str, "length": int, "start": int}
_IDENTITY = dict.fromkeys(
    ("added", "fingerprint", "number", "safety_number", "status", "uuid"), str
)


@dataclass(frozen=True)
class Endpoint:
    """One call: what it takes and what it answers, by status."""

    method: str
    path: str
    answers: Mapping[int, Shape]
    body: Shape = NOTHING
    beside: Mapping[int, Shape] = field(default_factory=dict)
    query: frozenset[str] = frozenset()  # each required

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def all_answers(self) -> Iterator[tuple[int, Shape]]:
        """Every answer, described or not."""
        yield from self.answers.items()
        yield from self.beside.items()


def _endpoints() -> Iterator[Endpoint]:
    bad = {400: ERROR}
    yield Endpoint("GET", "/v1/accounts", {200: [str]} | bad, beside={500: ERROR})
    yield Endpoint(
        "GET", "/v1/receive/{number}", {200: STREAM} | bad, beside={101: STREAM}
    )  # 200 is for another mode than json-rpc
    yield Endpoint(
        "POST",
        "/v2/send",
        {201: _SENT, 400: (_SEND_ERROR, ERROR)},
        body={
            "message": str,
            "number": str,
            "recipients": [str],
            "base64_attachments?": [str],
            "edit_timestamp?": int,
            "link_preview?": dict.fromkeys(
                ("base64_thumbnail", "description", "title", "url"), str
            ),
            "mentions?": [_MENTION],
            "notify_self?": bool,
            "quote_author?": str,
            "quote_mentions?": [_MENTION],
            "quote_message?": str,
            "quote_timestamp?": int,
            "sticker?": str,
            "text_mode?": str,
            "view_once?": bool,
        },
        beside={201: [_SENT], 429: _SEND_ERROR},  # a list since commit 6a225e6 of 2026-07-23
    )
    yield Endpoint(
        "DELETE",
        "/v1/remote-delete/{number}",
        {201: {"timestamp": str}} | bad,
        body={"recipient": str, "timestamp": int},
    )
    yield Endpoint(
        "PUT",
        "/v1/contacts/{number}",
        {204: NOTHING} | bad,
        body={"recipient": str, "name?": str, "expiration_in_seconds?": int},
    )
    yield Endpoint(
        "GET", "/v1/identities/{number}", {200: [_IDENTITY]}, beside={400: ERROR, 500: ERROR}
    )
    yield Endpoint(
        "PUT",
        "/v1/identities/{number}/trust/{numberToTrust}",
        {204: NOTHING},
        body={"trust_all_known_keys?": bool, "verified_safety_number?": str},
        beside=bad,
    )
    yield from _attachments()
    yield from _account()


def _attachments() -> Iterator[Endpoint]:
    one, bad = "/v1/attachments/{attachment}", {400: ERROR}
    failures = {404: ERROR, 500: ERROR}
    yield Endpoint("GET", "/v1/attachments", {200: [str]} | bad, beside={500: ERROR})
    yield Endpoint("GET", one, {200: BYTES} | bad, beside=failures)
    yield Endpoint("DELETE", one, {204: NOTHING} | bad, beside=failures)


def _account() -> Iterator[Endpoint]:
    bad = {400: ERROR}
    yield Endpoint(
        "POST",
        "/v1/register/{number}",
        {201: NOTHING} | bad,
        body={"captcha?": str, "use_voice?": bool},
    )
    yield Endpoint(
        "POST",
        "/v1/register/{number}/verify/{token}",
        {201: NOTHING} | bad,
        body={"pin?": str},
    )
    yield Endpoint(
        "GET",
        "/v1/qrcodelink/raw",
        {200: {"device_link_uri": str}} | bad,
        query=frozenset({"device_name"}),
    )
    yield Endpoint(
        "PUT",
        "/v1/profiles/{number}",
        {204: NOTHING} | bad,
        body={"name": str, "about?": str, "base64_avatar?": str},
    )
    yield Endpoint("POST", "/v1/accounts/{number}/pin", {201: NOTHING} | bad, body={"pin": str})
    yield Endpoint(
        "POST",
        "/v1/accounts/{number}/username",
        {201: {"username": str, "username_link": str}, 204: NOTHING} | bad,
        body={"username": str},
    )
    yield Endpoint(
        "PUT",
        "/v1/accounts/{number}/settings",
        {204: NOTHING} | bad,
        body={"discoverable_by_number?": bool, "share_number?": bool},
        beside={201: NOTHING},
    )
    yield Endpoint(
        "POST",
        "/v1/accounts/{number}/rate-limit-challenge",
        {204: NOTHING} | bad,
        body={"captcha": str, "challenge_token": str},
    )


ENDPOINTS = {one.name: one for one in _endpoints()}

_ATTACHMENT = {
    "caption?": str,
    "contentType?": str,
    "filename?": str,
    "height?": int,
    "id?": str,
    "size?": int,
    "uploadTimestamp?": int,
    "width?": int,
}
_MESSAGE = {
    "timestamp": int,
    "message?": str,
    "expiresInSeconds?": int,
    "isExpirationUpdate?": bool,
    "viewOnce?": bool,
    "attachments?": [_ATTACHMENT],
    "groupInfo?": {"revision": int, "groupId?": str, "groupName?": str, "type?": str},
    "remoteDelete?": {"timestamp": int},
    "sticker?": {"stickerId": int, "packId?": str},
    "contacts?": [ANYTHING],
    "mentions?": [{"start": int, "length": int, "name?": str, "number?": str, "uuid?": str}],
    "previews?": [ANYTHING],
    "quote?": ANYTHING,
    "reaction?": ANYTHING,
    "textStyles?": [{"start": int, "length": int, "style?": str}],
}
_ENVELOPE = {
    "timestamp": int,
    "serverReceivedTimestamp": int,
    "serverDeliveredTimestamp": int,
    "source?": str,
    "sourceNumber?": str,
    "sourceUuid?": str,
    "sourceName?": str,
    "sourceDevice?": int,
    "dataMessage?": _MESSAGE,
    "editMessage?": {"targetSentTimestamp": int, "dataMessage?": _MESSAGE},
    "receiptMessage?": {
        **dict.fromkeys(("isDelivery", "isRead", "isViewed"), bool),
        "when": int,
        "timestamps?": [int],
    },
    "typingMessage?": {"timestamp": int, "action?": str, "groupId?": str},
    "syncMessage?": ANYTHING,
    "callMessage?": ANYTHING,
    "storyMessage?": ANYTHING,
}
EVENT = {"account": str, "envelope": _ENVELOPE}
"""One frame of the websocket: somebody said something."""


def departures(shape: Shape, value: object, place: str = "it") -> list[str]:
    """Where `value` is not of that shape, by name and kind alone: nothing of what it says."""
    match shape:
        case _Mark():
            return []
        case type():
            fits = isinstance(value, shape) and not (shape is int and isinstance(value, bool))
            return [] if fits else [f"{place} is {type(value).__name__}, not {shape.__name__}"]
        case [one] if isinstance(shape, list):
            if not isinstance(value, list):
                return [f"{place} is {type(value).__name__}, not a list"]
            return [found for each in value for found in departures(one, each, f"{place}[]")]
        case tuple():
            found = [departures(one, value, place) for one in shape]
            return [] if [] in found else found[0]
        case dict():
            return _of_object(shape, value, place)
    raise TypeError(shape)


def _of_object(shape: Mapping[str, Shape], value: object, place: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{place} is {type(value).__name__}, not an object"]
    found, known = [], {name.removesuffix("?") for name in shape}
    found += [f"{place}.{name} is not described" for name in value if name not in known]
    for name, inner in shape.items():
        key = name.removesuffix("?")
        if key in value and not (name != key and value[key] is None):
            found += departures(inner, value[key], f"{place}.{key}")
        elif name == key:
            found.append(f"{place}.{key} is missing")
    return found


def of_request(endpoint: Endpoint, query: Mapping[str, str], raw: bytes) -> list[str]:
    """Where a request departs from what the endpoint takes."""
    found = [f"{name} is not in the address" for name in endpoint.query - query.keys()]
    found += [f"{name} in the address is not described" for name in query.keys() - endpoint.query]
    if endpoint.body is NOTHING:
        return [*found, "there is a body"] if raw else found
    return found + _of_json(endpoint.body, raw)


def of_answer(endpoint: Endpoint, status: int, kind: str, raw: bytes) -> list[str]:
    """Where an answer departs from all that the endpoint may answer."""
    shapes = [shape for code, shape in endpoint.all_answers() if code == status]
    if not shapes:
        return [f"status {status} is not described"]
    if BYTES in shapes or STREAM in shapes:
        return []
    if NOTHING in shapes:
        return ["there is a body"] if raw else []
    if kind != "application/json":
        return [f"it is {kind}, not JSON"]
    return _of_json(tuple(shapes), raw)


def _of_json(shape: Shape, raw: bytes) -> list[str]:
    try:
        return departures(shape, json.loads(raw))
    except ValueError:
        return ["it is not JSON"]


def sample(shape: Shape) -> object:
    """The least that fits."""
    match shape:
        case type():
            return shape()
        case [one] if isinstance(shape, list):
            return [sample(one)]
        case tuple():
            return sample(shape[0])
        case dict():
            return {name: sample(inner) for name, inner in shape.items() if name[-1] != "?"}
    raise TypeError(shape)
