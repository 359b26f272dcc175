"""First contacts made beforehand: what browsers seal, and the bytes of their HTTP requests.

A browser does this on somebody's telephone, so it is done before the clock starts, by several
processes. Only Argon2id is left out: its result is random to the server.
"""

import base64
import json
import multiprocessing
import os
import re
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlencode

from vault import wraps
from vault.envelope import Direction, Envelope, Format, Origin, Text, encode_body, seal_envelope
from vault.keeper_requests import NewConversation, Periods
from vault.roster import verify_chain
from vault.sealing import Kind, Secret, new_box_keys, random_bytes, sign_keys

PROCESSES = os.cpu_count() or 1
TEXTS = (
    """Hello. I do not know if this is the right place. My boss keeps my passport and says I have
to work until the journey is paid. I sleep in the kitchen.""",
    "Can somebody tell me whether you also help men? It is about my flat and money, not more.",
    """He reads my phone at night and counts the minutes when I go shopping. Yesterday he said he
will find me wherever I go. I have two children. Please write, do not call.""",
    "I am looking for a shelter for a friend. She is 17, her family is far away.",
    "What happens with what I write here?",
)
_AGENT = "Mozilla/5.0 (Windows NT 10.0; rv:128.0) Gecko/20100101 Firefox/128.0"
_TOKEN = re.compile(rb'name="token" value="([^"]+)"')


@dataclass(frozen=True)
class Public:
    """What `/api/keys` says, decoded."""

    start_key: bytes
    roster: list[bytes]
    screening: bytes | None
    periods: tuple[int, int, int]


@dataclass(frozen=True)
class Prepared:
    """One request and whose it is; the id is empty where the server makes it."""

    request: bytes
    conversation: bytes = b""


def read_public(answer: bytes) -> Public:
    given = json.loads(answer)
    promise = given["promise"]
    key = given["screening"]
    return Public(
        _bytes(given["start_key"]),
        [_bytes(entry) for entry in given["roster"]],
        None if key is None else _bytes(key["key"]),
        (promise["inactivity_hours"], promise["absolute_hours"], promise["closed_hours"]),
    )


def first_contacts(public: Public, number: int) -> list[Prepared]:
    """So many requests to `/api/first`, each a new client's."""
    if number <= 0:
        return []
    share = -(-number // PROCESSES)
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool:
        parts = pool.map(_some, [public] * PROCESSES, [share] * PROCESSES)
        return [one for part in parts for one in part][:number]


def post(path: str, content_type: str, body: bytes) -> bytes:
    """A request as it goes over the wire, with the headers that a browser sends."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: {_AGENT}\r\nAccept: */*\r\n"
        f"Accept-Language: en\r\nAccept-Encoding: gzip, deflate, br\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        f"Sec-Fetch-Site: same-origin\r\nConnection: keep-alive\r\n\r\n"
    ).encode() + body


def post_json(path: str, body: object) -> bytes:
    return post(path, "application/json", json.dumps(body, separators=(",", ":")).encode())


GET_PAGE = (
    f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: {_AGENT}\r\nAccept: text/html\r\n"
    f"Accept-Language: en\r\nAccept-Encoding: gzip, deflate, br\r\nConnection: keep-alive\r\n\r\n"
).encode()


def form(token: str, number: int) -> bytes:
    """A filled in form, as a browser without JavaScript sends it."""
    fields = {"token": token, "language": "en", "do": "send", "text": TEXTS[number % len(TEXTS)]}
    body = urlencode(fields | {"name": ""}).encode()
    return post("/", "application/x-www-form-urlencoded", body)


def token_in(page: bytes) -> str:
    found = _TOKEN.search(page)
    if found is None:
        raise SystemExit("the page has no form token: is the hotline open?")
    return found[1].decode()


def _some(public: Public, number: int) -> list[Prepared]:
    roster = verify_chain(public.roster)
    return [_one(public, roster, TEXTS[place % len(TEXTS)]) for place in range(number)]


def _one(public: Public, roster, text: str) -> Prepared:
    owner, message, keys = random_bytes(16), random_bytes(16), wraps.new_conversation_keys()
    box, sign = new_box_keys(), sign_keys(Secret(random_bytes(32)))
    epoch = roster.epoch
    team = wraps.TeamWrap(owner, epoch.number, keys, sign.public)
    client = wraps.ClientWrap(owner, keys.messages, roster.fingerprint, roster.head)
    create = NewConversation(
        owner,
        random_bytes(16),
        sign.public,
        keys.messages.public,
        keys.notes.public,
        epoch.number,
        Periods(*public.periods),
        wraps.seal_team_wrap(epoch.box_key, team),
        wraps.seal_client_wrap(box.public, client),
    ).sealed(public.start_key)
    content = Envelope(
        conversation_id=owner,
        message_id=message,
        writer_id=random_bytes(16),
        counter=1,
        direction=Direction.CLIENT_TO_TEAM,
        origin=Origin.CLIENT,
        epoch=0,
        time_ms=int(time.time() * 1000),
        danger=False,
        format=Format.MESSAGE,
        body=encode_body(Text(text, "")),
    )
    copy = wraps.ScreeningCopy(owner, message, content.danger, text, "")
    sealed_copy = public.screening and wraps.seal_screening_copy(public.screening, copy)
    body = {
        "create": _text(create),
        "conversation": _text(owner),
        "message": _text(message),
        "envelope": _text(seal_envelope(content, Kind.MESSAGE, keys.messages.public, sign)),
        "copy": sealed_copy and _text(sealed_copy),
        "danger": False,
    }
    return Prepared(post_json("/api/first", body), owner)


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _bytes(value: str) -> bytes:
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
