"""The people of the flows, who do over real sockets what browsers do: client and counsellor."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import re
import struct
import time
from dataclasses import dataclass, field
from html.parser import HTMLParser

import aiohttp

from tests.flows.stack import Stack, until
from vault import envelope, roster, sealing, wraps
from vault import phrase as phrases
from vault.envelope import Direction, Envelope, Format, Origin
from vault.sealing import Kind, Secret

OPEN_CLIENT_WRAP, ERASE, CHANGE_DUE, CLIENT_WROTE = 0x12, 0x13, 0x14, 0x15
OPEN_TEAM_WRAP, REPLIED, CLOSE = 0x45, 0x46, 0x47


def to_text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def to_bytes(value: str) -> bytes:
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))


def u16(n: int) -> bytes:
    return n.to_bytes(2, "big")


def u32(n: int) -> bytes:
    return n.to_bytes(4, "big")


def u64(n: int) -> bytes:
    return n.to_bytes(8, "big")


class Refused(Exception):
    """The server answered with an error."""

    def __init__(self, status: int, answer: dict) -> None:
        super().__init__(status, answer.get("error"))
        self.status, self.answer = status, answer

    @property
    def code(self) -> str:
        return self.answer.get("error", "")


async def post(http, url: str, body: dict, headers: dict | None = None) -> dict:
    async with http.post(url, json=body, headers=headers) as response:
        answer = await response.json()
        if response.status != 200:
            raise Refused(response.status, answer)
        return answer


def proof_fields(keys, nonce: bytes, verb: int, signed: list[bytes], reply) -> dict:
    return {
        "nonce": to_text(nonce),
        "reply": to_text(reply.public),
        "signature": to_text(wraps.sign_proof(keys, nonce, verb, signed, reply.public)),
    }


def open_answer(answer: str, reply, nonce: bytes, count: int | None) -> list[bytes]:
    plain = sealing.open_sealed(Kind.KEEPER_ANSWER, reply, to_bytes(answer))
    first, *rest = sealing.unpack(plain, count)
    assert first == nonce, "the keeper's answer is to another request"
    return rest


@dataclass
class Read:
    """One message as a reader sees it."""

    direction: int
    text: str
    name: str
    verified: bool
    danger: bool
    number: int


@dataclass
class Client:
    """Somebody with JavaScript on: everything is sealed before it leaves."""

    stack: Stack
    http: aiohttp.ClientSession
    phrase: phrases.Phrase = field(default_factory=phrases.new_phrase)
    conversation: bytes = field(default_factory=lambda: sealing.random_bytes(16))
    keys: wraps.ConversationKeys = field(default_factory=wraps.new_conversation_keys)
    writer: bytes = field(default_factory=lambda: sealing.random_bytes(16))
    counter: int = 0
    view: str = ""
    chain: roster.Roster | None = None

    def __post_init__(self) -> None:
        self.own = phrases.phrase_keys(self.phrase)

    def words(self) -> str:
        return " ".join(phrases.words(self.phrase))

    async def load(self) -> dict:
        given = await post(self.http, f"{self.stack.web}/api/keys", {})
        self.chain = roster.verify_chain([to_bytes(entry) for entry in given["roster"]])
        return given

    def envelope(self, text: str, *, name: str = "", danger: bool = False, **other) -> bytes:
        self.counter += 1
        content = Envelope(
            **(
                {
                    "conversation_id": self.conversation,
                    "message_id": self.message_id,
                    "writer_id": self.writer,
                    "counter": self.counter,
                    "direction": Direction.CLIENT_TO_TEAM,
                    "origin": Origin.CLIENT,
                    "epoch": 0,
                    "time_ms": int(time.time() * 1000),
                    "danger": danger,
                    "format": Format.MESSAGE,
                    "body": envelope.encode_body(envelope.Text(text, name)),
                }
                | other
            )
        )
        return envelope.seal_envelope(
            content, Kind.MESSAGE, self.keys.messages.public, self.own.sign
        )

    def copy(self, given: dict, text: str, *, danger: bool) -> str | None:
        if given["screening"] is None:
            return None
        key, signature = (to_bytes(given["screening"][part]) for part in ("key", "signature"))
        assert wraps.is_screening_key_verified(
            self.chain.founding.caretaker_sign_key, key, signature
        )
        copy = wraps.ScreeningCopy(self.conversation, self.message_id, danger, text, "")
        return to_text(wraps.seal_screening_copy(key, copy))

    def create(self, given: dict, **changed) -> bytes:
        epoch = self.chain.epoch
        promise = given["promise"] | changed
        team = wraps.TeamWrap(self.conversation, epoch.number, self.keys, self.own.sign.public)
        own = wraps.ClientWrap(
            self.conversation, self.keys.messages, self.chain.fingerprint, self.chain.head
        )
        body = sealing.pack(
            self.conversation,
            self.own.lookup_tag,
            self.own.sign.public,
            self.keys.messages.public,
            self.keys.notes.public,
            u32(epoch.number),
            u16(promise["inactivity_hours"]),
            u16(promise["absolute_hours"]),
            u16(promise["closed_hours"]),
            wraps.seal_team_wrap(epoch.box_key, team),
            wraps.seal_client_wrap(self.own.box.public, own),
        )
        return sealing.seal(Kind.KEEPER_REQUEST, to_bytes(given["start_key"]), body)

    async def first_body(self, text: str, *, name: str = "", danger: bool = False) -> dict:
        """The request of a first message, ready to be sent once or twice."""
        given = await self.load()
        self.message_id = sealing.random_bytes(16)
        return {
            "create": to_text(self.create(given)),
            "conversation": to_text(self.conversation),
            "message": to_text(self.message_id),
            "envelope": to_text(self.envelope(text, name=name, danger=danger)),
            "copy": self.copy(given, text, danger=danger),
            "danger": danger,
        }

    async def write_first(self, text: str, *, name: str = "", danger: bool = False) -> dict:
        body = await self.first_body(text, name=name, danger=danger)
        answer = await post(self.http, f"{self.stack.web}/api/first", body)
        self.view = answer["view"]
        return answer

    async def prove(self, verb: int, *signed: bytes) -> tuple[dict, object]:
        nonce = to_bytes((await post(self.http, f"{self.stack.web}/api/nonce", {}))["nonce"])
        reply = sealing.new_box_keys()
        fields = proof_fields(self.own.sign, nonce, verb, list(signed), reply)
        fields["tag"] = to_text(self.own.lookup_tag)
        return fields, lambda answer, count: open_answer(answer, reply, nonce, count)

    async def come_back(self) -> list[Read]:
        """Opens with nothing but the phrase; raises CannotOpen where it opens nothing."""
        fields, read = await self.prove(OPEN_CLIENT_WRAP, self.own.lookup_tag)
        answer = await post(self.http, f"{self.stack.web}/api/open", fields)
        inner, conversation, due, latest, _ways = read(answer["answer"], 6)
        wrap = wraps.open_client_wrap(self.own.box, inner, conversation)
        entries = [to_bytes(entry) for entry in answer["roster"]]
        self.chain = roster.verify_chain(entries, fingerprint=wrap.fingerprint)
        assert self.chain.lies_on_chain(wrap.head)
        self.conversation = conversation
        self.keys = wraps.ConversationKeys(wrap.messages, self.keys.notes)
        self.due, self.latest = (int.from_bytes(part, "big") for part in (due, latest))
        self.view = answer["view"]
        return self.read(answer["messages"])

    def read(self, rows: list[dict]) -> list[Read]:
        found = []
        reading = envelope.Reading()
        for row in rows:
            opened = envelope.open_envelope(
                to_bytes(row["envelope"]),
                Kind.MESSAGE,
                self.keys.messages,
                self.conversation,
                {Direction.CLIENT_TO_TEAM, Direction.TEAM_TO_CLIENT},
            )
            content = opened.envelope
            if content.direction is Direction.TEAM_TO_CLIENT:
                epoch = self.chain.epoch_numbered(content.epoch)
                verified = epoch is not None and envelope.is_verified(opened, epoch.sign_key)
            else:
                verified = envelope.is_verified(opened, self.own.sign.public)
            if reading.take(content, verified=verified).repeated:
                continue
            text = envelope.decode_text(content)
            found.append(
                Read(
                    content.direction, text.text, text.name, verified, content.danger, row["number"]
                )
            )
        return found

    async def poll(self, after: int = 0) -> dict:
        return await post(
            self.http, f"{self.stack.web}/api/poll", {"view": self.view, "after": after}
        )

    async def write(self, text: str, *, danger: bool = False) -> dict:
        given = await self.load()
        self.message_id = sealing.random_bytes(16)
        sealed = self.envelope(text, danger=danger)
        fields, _ = await self.prove(CLIENT_WROTE, self.own.lookup_tag)
        body = fields | {
            "message": to_text(self.message_id),
            "envelope": to_text(sealed),
            "copy": self.copy(given, text, danger=danger),
            "danger": danger,
        }
        return await post(self.http, f"{self.stack.web}/api/send", body)

    async def change_due(self, due: int) -> int:
        fields, read = await self.prove(CHANGE_DUE, self.own.lookup_tag, u64(due))
        answer = await post(self.http, f"{self.stack.web}/api/due", fields | {"due": due})
        return int.from_bytes(read(answer["answer"], 2)[0], "big")

    async def erase(self) -> None:
        """Returns only after the keeper itself has said so."""
        fields, read = await self.prove(ERASE, self.own.lookup_tag)
        answer = await post(self.http, f"{self.stack.web}/api/erase", fields)
        word, _ = read(answer["answer"], 3)
        assert word == b"erased"


class _Page(HTMLParser):
    """Hidden fields, and what stands in the elements that have an id."""

    def __init__(self) -> None:
        super().__init__()
        self.token = ""
        self.texts: dict[str, str] = {}
        self.values: dict[str, str] = {}
        self.state = ""
        self._stack: list[tuple[str, str]] = []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "body":
            self.state = given.get("data-state", "")
        if given.get("name") == "token":
            self.token = given["value"]
        if "id" in given and "value" in given:
            self.values[given["id"]] = given["value"]
        if tag not in {"input", "meta", "link", "br"}:
            self._stack.append((tag, given.get("id", "")))
            if given.get("id"):
                self.texts.setdefault(given["id"], "")

    def handle_endtag(self, tag):
        while self._stack and self._stack.pop()[0] != tag:
            pass

    def handle_data(self, data):
        for _, name in self._stack:
            if name:
                self.texts[name] += data


@dataclass
class FormClient:
    """Somebody without JavaScript: only forms, posted to one address."""

    stack: Stack
    http: aiohttp.ClientSession
    page: _Page = field(default_factory=_Page)
    raw: str = ""

    async def _take(self, response) -> "FormClient":
        assert "Set-Cookie" not in response.headers
        self.status = response.status
        self.raw = await response.text()
        self.page = _Page()
        self.page.feed(self.raw)
        return self

    async def visit(self) -> "FormClient":
        async with self.http.get(f"{self.stack.web}/") as response:
            return await self._take(response)

    async def send(self, do: str, **fields: str) -> "FormClient":
        data = {"token": self.page.token, "language": "en", "do": do} | fields
        async with self.http.post(f"{self.stack.web}/", data=data) as response:
            return await self._take(response)

    @property
    def state(self) -> str:
        return self.page.state

    def text(self, name: str) -> str:
        return " ".join(self.page.texts.get(name, "").split())

    def digits(self) -> str:
        return self.text("phrase-digits")


def totp(secret: bytes, at: float) -> int:
    """RFC 6238, six digits."""
    digest = hmac.digest(secret, u64(int(at) // 30), hashlib.sha1)
    start = digest[-1] & 15
    return (struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF) % 1_000_000


@dataclass
class Counsellor:
    """A member of staff, as the desk's page acts for her."""

    stack: Stack
    http: aiohttp.ClientSession
    name: str = "Ana Petrov"
    shown: str = "Ana"
    password: str = "walnut ferry stone maple lamp"
    secret: bytes = field(default_factory=lambda: sealing.random_bytes(20))
    offset: int = 0  # seconds by which the stack's clock is ahead, for the second factor
    session: str = ""
    counters: dict[bytes, int] = field(default_factory=dict)  # by conversation

    def __post_init__(self) -> None:
        self.writer = sealing.random_bytes(16)
        self.seed = Secret(sealing.random_bytes(32))
        self.staff_id = sealing.random_bytes(16)
        self.salt = sealing.random_bytes(16)
        self.team_seed = Secret(sealing.random_bytes(32))
        self.used_step = 0

    async def ask(self, path: str, body: dict) -> dict:
        headers = {"Havenline-Session": self.session} if self.session else None
        return await post(self.http, f"{self.stack.desk}{path}", body, headers)

    # --- set-up ---------------------------------------------------------------------------

    def set_up_token(self) -> bytes:
        """The token in the link that the terminal shows."""
        link = self.stack.cli("staff", "setup-link")
        found = re.search(r"#setup=([\w-]+)", link)
        assert found, link
        return to_bytes(found[1])

    async def set_up_body(self, token: bytes) -> dict:
        given = await self.ask("/api/setup/keys", {})
        names = ("courier_box", "courier_sign", "caretaker_sign", "start_key")
        keys = [to_bytes(given[name]) for name in names]
        assert sealing.mac(Secret(token), sealing.pack(*keys)) == to_bytes(given["mac"])
        own, team = wraps.staff_keys(self.seed), wraps.team_keys(self.team_seed)
        root = sealing.sign_keys(Secret(sealing.random_bytes(32)))
        person = roster.Person(
            self.staff_id,
            "",
            self.shown,
            own.box.public,
            own.sign.public,
            roster.Role.COUNSELLOR | roster.Role.SUPERVISOR | roster.Role.ADMIN,
        )
        founding = roster.Founding(
            root_key=root.public,
            person=person,
            team_box_key=team.box.public,
            team_sign_key=team.sign.public,
            courier_box_key=keys[0],
            courier_sign_key=keys[1],
            caretaker_sign_key=keys[2],
            recovery_box_key=None,
        )
        now = time.time() + self.offset
        parts = wraps.password_parts(self.password, self.salt)
        body = sealing.pack(
            roster.sign_founding(founding, root, int(now)),
            wraps.login_tag(self.name),
            self.salt,
            parts.authentication.reveal(),
            self.secret,
            u32(totp(self.secret, now)),
            wraps.seal_staff_wrap(parts.wrapping, self.staff_id, self.seed),
            wraps.seal_grant(own.box.public, 1, self.team_seed),
        )
        self.used_step = int(now) // 30
        sealed = sealing.seal(Kind.KEEPER_REQUEST, keys[3], body)
        mac = sealing.mac(Secret(token), sealing.labelled("setup", sealed))
        return {"request": to_text(sealed), "mac": to_text(mac)}

    async def set_up(self) -> bytes:
        body = await self.set_up_body(self.set_up_token())
        return to_bytes((await self.ask("/api/setup", body))["fingerprint"])

    # --- signing in -----------------------------------------------------------------------

    async def sign_in(self, *, code: int | None = None, password: str | None = None) -> None:
        """Signs in; waits for a code that was not used before."""
        tag = wraps.login_tag(self.name)
        salt = to_bytes((await self.ask("/api/signin/salt", {"tag": to_text(tag)}))["salt"])
        hello = await self.ask("/api/hello", {})
        nonce = to_bytes((await self.ask("/api/nonce", {}))["nonce"])
        parts = wraps.password_parts(password or self.password, salt)
        reply = sealing.new_box_keys()
        if code is None:
            # The step after this one is accepted too: no need to wait half a minute.
            step = max(int(time.time() + self.offset) // 30, self.used_step + 1)
            await until(
                lambda: step <= int(time.time() + self.offset) // 30 + 1, "an unused code", 61
            )
            code = totp(self.secret, step * 30)
            self.used_step = step
        body = sealing.pack(tag, parts.authentication.reveal(), u32(code), nonce, reply.public)
        sealed = sealing.seal(Kind.KEEPER_REQUEST, to_bytes(hello["start_key"]), body)
        answer = await self.ask("/api/signin", {"tag": to_text(tag), "request": to_text(sealed)})
        staff_id, _, inner, *grants = open_answer(answer["answer"], reply, nonce, None)
        self.staff_id = staff_id
        self.seed = wraps.open_staff_wrap(parts.wrapping, staff_id, inner)
        self.own = wraps.staff_keys(self.seed)
        self.chain = roster.verify_chain([to_bytes(entry) for entry in answer["roster"]])
        epoch = self.chain.epoch
        self.team_seed = wraps.open_grant(self.own.box, grants[-1], epoch.number)
        self.team = wraps.team_keys(self.team_seed)
        assert self.team.sign.public == epoch.sign_key
        self.session = answer["session"]

    # --- working --------------------------------------------------------------------------

    async def queue(self) -> list[dict]:
        return (await self.ask("/api/queue", {}))["rows"]

    async def row(self, conversation: bytes) -> dict | None:
        rows = await self.queue()
        return next((row for row in rows if row["conversation"] == to_text(conversation)), None)

    async def claim(self, conversation: bytes) -> dict:
        return await self.ask("/api/claim", {"conversation": to_text(conversation)})

    async def prove(self, verb: int, *signed: bytes) -> tuple[dict, object]:
        given = await self.ask("/api/nonce", {})
        nonce = to_bytes(given["nonce"])
        self.start_key = to_bytes(given["start_key"])
        reply = sealing.new_box_keys()
        fields = proof_fields(self.own.sign, nonce, verb, list(signed), reply)
        return fields, lambda answer, count: open_answer(answer, reply, nonce, count)

    async def open(self, conversation: bytes) -> "Opened":
        row = await self.row(conversation)
        assert row is not None, "the conversation is not in the queue"
        reference = to_bytes(row["reference"])
        epoch = row["epoch"]
        fields, read = await self.prove(OPEN_TEAM_WRAP, reference, self.staff_id, u32(epoch))
        body = fields | {"conversation": to_text(conversation), "epoch": epoch}
        answer = await self.ask("/api/open", body)
        inner, named, cpk, npk, verify_key, _due, _, _ways = read(answer["answer"], 9)
        wrap = wraps.open_team_wrap(self.team.box, inner, conversation, epoch)
        assert named == conversation
        assert (wrap.keys.messages.public, wrap.keys.notes.public) == (cpk, npk)
        # A page that waits, or whose wrap was lost with an older database: one names none.
        assert wrap.verify_key is None or verify_key in {b"", wrap.verify_key}
        return Opened(self, conversation, reference, wrap, answer, row)

    async def sign_out(self) -> None:
        await self.ask("/api/signout", {})
        self.session = ""


@dataclass
class Opened:
    """A conversation on the counsellor's screen."""

    by: Counsellor
    conversation: bytes
    reference: bytes
    wrap: wraps.TeamWrap
    answer: dict
    row: dict

    def read(self) -> list[Read]:
        """The messages to and from the client, verified."""
        found = []
        for row in self.answer["messages"]:
            if row["kind"] != Kind.MESSAGE:
                continue
            opened = envelope.open_envelope(
                to_bytes(row["envelope"]),
                Kind.MESSAGE,
                self.wrap.keys.messages,
                self.conversation,
                {Direction.CLIENT_TO_TEAM, Direction.TEAM_TO_CLIENT},
            )
            content, text = opened.envelope, envelope.decode_text(opened.envelope)
            key = self._signer(content)
            verified = key is not None and envelope.is_verified(opened, key)
            found.append(
                Read(
                    content.direction, text.text, text.name, verified, content.danger, row["number"]
                )
            )
        return found

    def _signer(self, content: Envelope) -> bytes | None:
        chain = self.by.chain
        if content.origin is Origin.CLIENT:
            return self.wrap.verify_key
        if content.origin is Origin.COURIER:
            return chain.founding.courier_sign_key
        epoch = chain.epoch_numbered(content.epoch)
        return epoch.sign_key if epoch else None

    def findings(self) -> list[dict]:
        """What screening found, each signed by the caretaker of the roster."""
        found = []
        for row in self.answer["messages"]:
            if row["kind"] != Kind.NOTE or row["direction"] != Direction.FINDING:
                continue
            opened = envelope.open_envelope(
                to_bytes(row["envelope"]),
                Kind.NOTE,
                self.wrap.keys.notes,
                self.conversation,
                {Direction.FINDING},
            )
            assert envelope.is_verified(opened, self.by.chain.founding.caretaker_sign_key)
            found.append(json.loads(envelope.decode_findings(opened.envelope).document))
        return found

    def envelope(self, text: str, **other) -> tuple[bytes, bytes]:
        """A signed reply: its message id and the sealed envelope."""
        self.by.counters[self.conversation] = self.by.counters.get(self.conversation, 0) + 1
        content = Envelope(
            **(
                {
                    "conversation_id": self.conversation,
                    "message_id": sealing.random_bytes(16),
                    "writer_id": self.by.writer,
                    "counter": self.by.counters[self.conversation],
                    "direction": Direction.TEAM_TO_CLIENT,
                    "origin": Origin.TEAM,
                    "epoch": self.by.chain.epoch.number,
                    "time_ms": int(time.time() * 1000),
                    "danger": False,
                    "format": Format.MESSAGE,
                    "body": envelope.encode_body(envelope.Text(text, self.by.shown)),
                }
                | other
            )
        )
        sealed = envelope.seal_envelope(
            content, Kind.MESSAGE, self.wrap.keys.messages.public, self.by.team.sign
        )
        return content.message_id, sealed

    def outbox_request(self, message: bytes, text: str, *, signer=None) -> bytes:
        """The item for the courier, sealed to it and again to the keeper."""
        epoch = self.by.chain.epoch.number
        item = wraps.OutboxItem(self.conversation, message, epoch, self.row["channel"], text)
        courier = self.by.chain.founding.courier_box_key
        inner = wraps.seal_outbox_item(courier, item, signer or self.by.team.sign)
        return sealing.seal(Kind.KEEPER_REQUEST, self.by.start_key, inner)

    async def reply(self, text: str, **other) -> dict:
        body = await self.reply_body(text)
        return await self.by.ask("/api/reply", body | other)

    async def reply_body(self, text: str, *, signer=None) -> dict:
        message, sealed = self.envelope(text)
        await self.by.prove(REPLIED)  # for the start key
        request = (
            b""
            if self.row["channel"] == "web"
            else self.outbox_request(message, text, signer=signer)
        )
        fields, self.read_reply = await self.by.prove(
            REPLIED,
            self.reference,
            self.by.staff_id,
            message,
            sealing.labelled_hash("outbox", request),
        )
        numbers = [row["number"] for row in self.answer["messages"]]
        return fields | {
            "conversation": to_text(self.conversation),
            "message": to_text(message),
            "envelope": to_text(sealed),
            "outbox_request": to_text(request) if request else None,
            "seen": max(numbers, default=0),
        }

    async def close(self) -> dict:
        fields, _ = await self.by.prove(CLOSE, self.reference, self.by.staff_id)
        return await self.by.ask(
            "/api/close", fields | {"conversation": to_text(self.conversation)}
        )


@dataclass
class LoopbackPerson:
    """Somebody who writes from a messenger: JSON lines over the loopback channel's socket."""

    stack: Stack
    address: str

    async def _line(self, **line) -> dict:
        """One line to the channel's socket and its answer."""
        path = self.stack.run / "loopback.sock"
        await until(path.exists, "the loopback channel listens")
        reader, writer = await asyncio.open_unix_connection(str(path))
        try:
            writer.write(json.dumps(line).encode() + b"\n")
            return json.loads(await asyncio.wait_for(reader.readline(), 20))
        finally:
            writer.close()

    async def say(self, text: str | None, number: str, **more) -> dict:
        """Returns when the hotline has acknowledged it."""
        said = {} if text is None else {"say": text}
        return await self._line(**{"as": self.address, "id": number} | said | more)

    async def show(self, kind: str, content: bytes, number: str) -> dict:
        """A file without words, as `say`."""
        files = [[kind, base64.b64encode(content).decode()]]
        return await self._line(**{"as": self.address, "id": number, "files": files})

    async def files(self, *, wait: float = 2.0) -> list[bytes]:
        """Every file that has reached this person so far, and within `wait` seconds."""
        lines = await self._lines(wait)
        return [base64.b64decode(line["content"]) for line in lines if "content" in line]

    async def network(self, state: str) -> dict:
        return await self._line(network=state)

    async def hear(self, *, wait: float = 2.0) -> list[str]:
        """Every text that has reached this person so far, and within `wait` seconds."""
        return [line["text"] for line in await self._lines(wait) if "text" in line]

    async def _lines(self, wait: float) -> list[dict]:
        path = self.stack.run / "loopback.sock"
        await until(path.exists, "the loopback channel listens")
        reader, writer = await asyncio.open_unix_connection(str(path), limit=1 << 25)
        heard = []
        try:
            writer.write(json.dumps({"listen": self.address}).encode() + b"\n")
            with contextlib.suppress(TimeoutError):
                while line := await asyncio.wait_for(reader.readline(), wait):
                    heard.append(json.loads(line))
        finally:
            writer.close()
        return heard
