"""A client page over real sockets: keeper and web in this process, a plain browser.

The browser runs no code: it reads the HTML it got, fills in forms and sends them.
"""

import asyncio
import contextlib
import inspect
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import pytest

from intake_server.clock import SystemClock
from intake_server.keeper.hardening import private_folder
from intake_server.keeper.logs import KeeperLog
from intake_server.keeper.server import Access, Server
from intake_server.keeper.starting import start
from intake_server.keeper.totp import code_at, step_of
from intake_server.logs import open_log
from intake_server.settings import (
    BudgetSettings,
    DataSettings,
    PageSettings,
    ScreeningSettings,
    Settings,
    Signpost,
    WebSettings,
)
from intake_server.web import api
from intake_server.web.__main__ import serving
from vault import conversations, messages, wraps
from vault import roster as rosters
from vault.envelope import (
    Direction,
    Envelope,
    Format,
    Origin,
    Text,
    decode_text,
    encode_body,
    is_verified,
    open_envelope,
    seal_envelope,
)
from vault.keeper_protocol import (
    RULES,
    Peer,
    Status,
    Verb,
    decode_answer,
    encode_request,
    read_fields,
    read_frame,
    socket_name,
    write_frame,
)
from vault.keeper_requests import (
    NewConversation,
    Periods,
    SetUp,
    make_proof,
    open_answer,
    set_up_mac,
)
from vault.phrase import new_phrase, phrase_keys
from vault.schema import migrate
from vault.sealing import Kind, Secret, new_box_keys, random_bytes, sign_keys

ROOT = Path(__file__).parents[3]
RECORDS = 4096


class TurnedClock:
    """The machine's clock, turned forward by a test.

    Where `stands_at` is set, the clock that never goes back stands still there.
    """

    def __init__(self):
        self.ahead = timedelta(0)
        self.stands_at = None

    def now(self):
        return datetime.now(UTC) + self.ahead

    def unix(self):
        return int(self.now().timestamp())

    def monotonic(self):
        if self.stands_at is not None:
            return self.stands_at
        return asyncio.get_running_loop().time() + self.ahead.total_seconds()


# --- the keeper -----------------------------------------------------------------------------


@dataclass
class Team:
    """The hotline's first person and keys, kept so that tests can answer as a counsellor."""

    staff_id: bytes
    staff: wraps.KeyPairs
    team: wraps.KeyPairs
    caretaker_seed: Secret
    chain: rosters.Roster


class RunningKeeper:
    """A keeper on its sockets, in the test's own process, and questions to any of them."""

    def __init__(self, data, records=RECORDS):
        self.data = data
        self.records = records
        self._running = contextlib.AsyncExitStack()

    async def start(self, *, existing=False):
        folder, run = private_folder(self.data / "keeper"), private_folder(self.data / "run")
        clock = SystemClock()
        log = KeeperLog(StringIO(), "info", clock)
        keeper = await start(folder, self.records, clock, log, is_existing=existing)
        self._running.push_async_callback(keeper.slots.close)
        server = Server(keeper, run, dict.fromkeys(Peer, Access(os.getuid())))
        await server.open()
        self._running.push_async_callback(server.close)

    async def stop(self):
        await self._running.aclose()

    async def ask(self, peer, verb, *arguments):
        """The results of one verb, asked as this peer."""
        path = self.data / "run" / socket_name(peer)
        reader, writer = await asyncio.open_unix_connection(path)
        try:
            await write_frame(writer, encode_request(1, verb, *arguments))
            _, status, packed = decode_answer(await read_frame(reader))
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        assert status is Status.OK, status
        shape = RULES[verb].results
        return read_fields(shape, packed)

    async def set_up(self):
        """Make the first person, as the desk and a browser do together."""
        self.courier = courier = wraps.courier_keys(Secret(random_bytes(32)))
        caretaker_seed = self._caretaker_seed()
        caretaker = wraps.caretaker_keys(caretaker_seed)
        await self.ask(Peer.COURIER, Verb.COURIER_ANNOUNCE, courier.box.public, courier.sign.public)
        await self.ask(Peer.CARETAKER, Verb.CARETAKER_ANNOUNCE, caretaker.public)
        token, _ = await self.ask(Peer.OPERATOR, Verb.SET_UP_TOKEN)
        staff_id, staff_seed, team_seed = random_bytes(16), Secret(random_bytes(32)), None
        team_seed = Secret(random_bytes(32))
        staff, team = wraps.staff_keys(staff_seed), wraps.team_keys(team_seed)
        root = sign_keys(Secret(random_bytes(32)))
        roles = rosters.Role.COUNSELLOR | rosters.Role.ADMIN
        person = rosters.Person(staff_id, "ana", "Ana", staff.box.public, staff.sign.public, roles)
        founding = rosters.Founding(
            root.public,
            person,
            team.box.public,
            team.sign.public,
            courier.box.public,
            courier.sign.public,
            caretaker.public,
            None,
        )
        now = int(datetime.now(UTC).timestamp())
        entry = rosters.sign_founding(founding, root, now)
        totp = Secret(random_bytes(20))
        request = SetUp(
            entry,
            wraps.login_tag("ana"),
            random_bytes(16),
            Secret(random_bytes(32)),
            totp,
            code_at(totp, step_of(now)),
            wraps.seal_staff_wrap(Secret(random_bytes(32)), staff_id, staff_seed),
            wraps.seal_grant(staff.box.public, 1, team_seed),
        )
        start_key, *_ = await self.ask(Peer.DESK, Verb.HELLO)
        sealed = request.sealed(start_key)
        code = set_up_mac(Secret(token), sealed)
        await self.ask(Peer.DESK, Verb.SET_UP_PREPARE, sealed, code)
        await self.ask(Peer.DESK, Verb.SET_UP_PIN, sealed, code)
        return Team(staff_id, staff, team, caretaker_seed, rosters.verify_chain([entry]))

    def _caretaker_seed(self):
        """The caretaker's key lies in its own file, where its process looks for it."""
        folder = self.data / "caretaker"
        folder.mkdir(mode=0o700, exist_ok=True)
        seed = folder / "seed"
        if not seed.exists():
            seed.write_bytes(random_bytes(32))
            seed.chmod(0o600)
        return Secret(seed.read_bytes())


async def eventually(condition, seconds=60):
    """Wait until `condition`, awaited or called, holds; what it says then."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            found = await found if inspect.isawaitable(found) else found
            if found:
                return found
            await asyncio.sleep(0.02)


@pytest.fixture(name="eventually")
def eventually_fixture():
    return eventually


class CaretakerProcess:
    """The real caretaker; its keys lie where `RunningKeeper.set_up` put them."""

    def __init__(self, data):
        self.data = data
        self.process = None

    async def start(self):
        config = self.data / "caretaker.toml"
        config.write_text('[screening]\nlanguages = ["en"]\n')  # all of them take seconds to read
        command = [sys.executable, "-m", "intake_server.caretaker", "--data", str(self.data)]
        command += ["--config", str(config)]
        self.process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, stderr=subprocess.DEVNULL
        )
        await eventually((self.data / "run" / "caretaker-health.sock").exists)

    async def stop(self):
        if self.process.returncode is None:
            self.process.terminate()
            await self.process.wait()
        (self.data / "run" / "caretaker-health.sock").unlink(missing_ok=True)


@pytest.fixture
def records():
    """How large the slot file is; a test may say otherwise."""
    return RECORDS


@pytest.fixture
async def keeper(short_dir, records):
    """A keeper without a root."""
    process = RunningKeeper(short_dir, records)
    await process.start()
    yield process
    await process.stop()


@pytest.fixture
async def team(keeper):
    """The set-up hotline."""
    return await keeper.set_up()


# --- web ------------------------------------------------------------------------------------


class Hotline:
    """Web with its settings and its clock; may be started again."""

    def __init__(self, keeper, settings):
        self.keeper = keeper
        self.settings = settings
        self.clock = TurnedClock()
        self.lines = StringIO()
        self.port = 0
        self.work = None
        self._stack = contextlib.AsyncExitStack()

    async def start(self):
        log = open_log("web", level="debug", clock=self.clock, stream=self.lines)
        opened = serving(self.settings, self.clock, log)
        served = await self._stack.enter_async_context(opened)
        self.port, self.work = served.port, served.work

    async def stop(self):
        await self._stack.aclose()
        self._stack = contextlib.AsyncExitStack()

    async def restart(self):
        await self.stop()
        await self.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    async def read(self, work):
        """Something read from the database."""
        return await self.work.database.read(work)

    async def all_messages(self):
        """Every stored client message, by conversation id."""

        def every(c):
            return {
                one.id: messages.of(c, one.id, kinds=(1,)) for one in conversations.references(c)
            }

        return await self.read(every)

    async def raw(self, data):
        """What comes back to bytes that are sent as they are, until the connection ends."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        await writer.drain()
        try:
            async with asyncio.timeout(10):
                return await reader.read()
        finally:
            writer.close()


def settings_in(folder, *, screening="off"):
    """Settings for tests: any free port, a small budget."""
    return Settings(
        data=DataSettings(folder=folder),
        web=WebSettings(port=0),
        screening=ScreeningSettings(mode=screening),
        budget=BudgetSettings(messages_per_hour=3),
        page=PageSettings(
            organisation="Haven Example",
            signposts=(Signpost(name="Other help", telephone="0800 000 000"),),
        ),
    )


@pytest.fixture
async def closed_hotline(keeper):
    """Web in front of a keeper without a root."""
    migrate(DataSettings(folder=keeper.data).database_url)
    web = Hotline(keeper, settings_in(keeper.data))
    await web.start()
    yield web
    await web.stop()


@pytest.fixture
async def caretaker(team, keeper):  # noqa: ARG001  # its key must be in the roster
    """The real caretaker; it may be ended and started again."""
    migrate(DataSettings(folder=keeper.data).database_url)
    process = CaretakerProcess(keeper.data)
    await process.start()
    yield process
    await process.stop()


@pytest.fixture
async def screened_hotline(team, keeper, caretaker):  # noqa: ARG001  # it runs beside
    """Web with screening on."""
    web = Hotline(keeper, settings_in(keeper.data, screening="on"))
    web.team = team
    await web.start()
    yield web
    await web.stop()


@pytest.fixture
async def hotline(team, closed_hotline):
    """Web while the hotline is open."""
    closed_hotline.team = team
    return closed_hotline


# --- a browser without code -----------------------------------------------------------------


@dataclass
class Form:
    """A form of the page: its fields, and what its buttons say in `do`."""

    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[str] = field(default_factory=list)


class Screen(HTMLParser):
    """What a browser makes of the HTML: state, forms by id, texts by id, visible words."""

    VOID = frozenset({"meta", "link", "input", "br"})

    def __init__(self, html):
        super().__init__()
        self.html = html
        self.state = ""
        self.forms = {}
        self.texts = {}
        self.ids = []
        self.visible = []
        self._open = []
        self._form = None
        self._area = None
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "body":
            self.state = given["data-state"]
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "form":
            self._form = self.forms.setdefault(given.get("id", ""), Form())
        if self._form is not None:
            if tag == "input" and (given.get("type") != "checkbox" or "checked" in given):
                self._form.fields[given["name"]] = given.get("value") or ""
            if tag == "button" and given.get("name") == "do":
                self._form.buttons.append(given["value"])
            if tag == "textarea" and "name" in given:
                self._area = given["name"]
                self._form.fields[self._area] = ""
        if tag not in self.VOID:
            self._open.append((tag, given))

    def handle_endtag(self, tag):
        while self._open and self._open.pop()[0] != tag:
            pass
        if tag == "form":
            self._form = None
        if tag == "li":
            self.handle_data(" ")
        if tag == "textarea":
            self._area = None

    def handle_data(self, data):
        if self._area is not None and self._form is not None:
            # A line feed right after the tag is the template's, not the writer's.
            known = self._form.fields[self._area]
            self._form.fields[self._area] = known + (data if known else data.removeprefix("\n"))
        for _, given in self._open:
            if "id" in given:
                self.texts[given["id"]] = self.texts.get(given["id"], "") + data
        if self._is_visible():
            self.visible.append(data)

    def _is_visible(self):
        tags = [tag for tag, _ in self._open]
        if not {"script", "template", "title", "style"}.isdisjoint(tags) or "main" not in tags:
            return False
        if any("hidden" in given for _, given in self._open):
            return False
        for (tag, given), (inner, _) in zip(self._open, [*self._open[1:], ("", {})], strict=True):
            if tag == "details" and "open" not in given and inner != "summary":
                return False
        return True

    @property
    def words(self):
        return " ".join(" ".join(self.visible).split())


class Browser:
    """Visits the page, keeps nothing, runs no code."""

    def __init__(self, session, hotline):
        self.session = session
        self.hotline = hotline
        self.screen = None
        self.response = None
        self.sent = None

    async def visit(self):
        async with self.session.get(self.hotline.url + "/") as response:
            return await self._show(response)

    async def post(self, fields, **headers):
        self.sent = fields
        body = urlencode(fields).encode() if isinstance(fields, dict) else fields
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        async with self.session.post(
            self.hotline.url + "/", data=body, headers={**kind, **headers}
        ) as response:
            return await self._show(response)

    async def submit(self, form, do, **typed):
        """Fill in a form of the screen and press one of its buttons."""
        there = self.screen.forms[form]
        assert do in there.buttons, there.buttons
        return await self.post({**there.fields, **typed, "do": do})

    async def again(self):
        """Send the last form once more, as a reload does."""
        return await self.post(self.sent)

    async def write(self, text, **typed):
        """From the first page to a sent message."""
        await self.visit()
        return await self.submit("write-form", "send", text=text, **typed)

    async def _show(self, response):
        self.response = response
        self.screen = Screen((await response.read()).decode())
        return self.screen

    @property
    def phrase(self):
        """The words on the screen."""
        return " ".join(self.screen.texts["phrase-words"].split())


@pytest.fixture
async def session():
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as opened:
        yield opened


@pytest.fixture
def browser(session, hotline):
    return Browser(session, hotline)


@pytest.fixture
def new_browser(session):
    """A browser for a hotline that the test made."""
    return lambda hotline: Browser(session, hotline)


# --- a counsellor ---------------------------------------------------------------------------


class Counsellor:
    """Reads and answers with the team's keys, as the desk's browser does."""

    def __init__(self, hotline):
        self.hotline = hotline
        self.team = hotline.team

    async def _row(self, conversation_id):
        return await self.hotline.read(lambda c: conversations.get(c, conversation_id))

    async def open(self, conversation_id):
        """The conversation's keys, out of the keeper."""
        inner = (await self.answer_to_open(conversation_id))[0]
        return wraps.open_team_wrap(self.team.team.box, inner, conversation_id, 1)

    async def answer_to_open(self, conversation_id):
        """What the keeper answers who opens it."""
        row = await self._row(conversation_id)
        reference = row.slot.to_bytes(4, "big") + row.tag
        arguments = (reference, self.team.staff_id, (1).to_bytes(4, "big"))
        keeper, reply = self.hotline.keeper, new_box_keys()
        (nonce,) = await keeper.ask(Peer.DESK, Verb.NONCE)
        proof = make_proof(
            self.team.staff.sign,
            Verb.OPEN_TEAM_WRAP,
            (*arguments, row.outer_team),
            nonce,
            reply.public,
        )
        (answer,) = await keeper.ask(
            Peer.DESK, Verb.OPEN_TEAM_WRAP, *arguments, row.outer_team, *proof.fields
        )
        return open_answer(reply, nonce, answer)

    async def texts(self, conversation_id):
        """What the client wrote: (text, name, danger, verified)."""
        wrap = await self.open(conversation_id)
        stored = (await self.hotline.all_messages())[conversation_id]
        read = []
        for one in stored:
            if one.direction == Direction.CLIENT_TO_TEAM:
                opened = open_envelope(
                    one.envelope,
                    Kind.MESSAGE,
                    wrap.keys.messages,
                    conversation_id,
                    (Direction.CLIENT_TO_TEAM,),
                )
                said = decode_text(opened.envelope)
                verified = is_verified(opened, wrap.verify_key)
                read.append((said.text, said.name, opened.envelope.danger, verified))
        return read

    async def answer(self, conversation_id, text, *, signer=None):
        """Store an answer, as the desk does for the counsellor's browser."""
        wrap = await self.open(conversation_id)
        content = Envelope(
            conversation_id=conversation_id,
            message_id=random_bytes(16),
            writer_id=random_bytes(16),
            counter=1,
            direction=Direction.TEAM_TO_CLIENT,
            origin=Origin.TEAM,
            epoch=1,
            time_ms=self.hotline.clock.unix() * 1000,
            danger=False,
            format=Format.MESSAGE,
            body=encode_body(Text(text, "Ana")),
        )
        envelope = seal_envelope(
            content, Kind.MESSAGE, wrap.keys.messages.public, signer or self.team.team.sign
        )
        new = messages.NewMessage(
            content.message_id, conversation_id, 1, 2, envelope, self.hotline.clock.unix()
        )

        def store(c):
            conversations.claim(c, conversation_id, self.team.staff_id, self.hotline.clock.unix())
            number = messages.add(c, new)
            conversations.answered(c, conversation_id, conversations.get(c, conversation_id).due)
            conversations.mark_read(c, conversation_id, number)

        await self.hotline.work.database.write(store)


@pytest.fixture
def counsellor(hotline):
    return Counsellor(hotline)


# --- a browser with code --------------------------------------------------------------------


class CodeClient:
    """Seals and signs as the page's code does, and speaks JSON."""

    def __init__(self, session, hotline, phrase=None):
        self.session = session
        self.hotline = hotline
        self.phrase = phrase or new_phrase()
        self.keys = phrase_keys(self.phrase)
        self.conversation = random_bytes(16)
        self.own = wraps.new_conversation_keys()
        self.public = None
        self.status = 0

    async def post(self, path, **body):
        """The decoded answer; its size and status are kept."""
        async with self.session.post(
            self.hotline.url + path,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        ) as response:
            raw = await response.read()
            self.status, self.size = response.status, len(raw)
            self.headers = response.headers
            return json.loads(raw)

    async def learn(self):
        self.public = await self.post("/api/keys")
        entries = [api.decode(entry) for entry in self.public["roster"]]
        self.roster = rosters.verify_chain(entries)

    def sealed_message(self, text, *, danger=False, recipient=None):
        content = Envelope(
            conversation_id=self.conversation,
            message_id=random_bytes(16),
            writer_id=random_bytes(16),
            counter=1,
            direction=Direction.CLIENT_TO_TEAM,
            origin=Origin.CLIENT,
            epoch=0,
            time_ms=self.hotline.clock.unix() * 1000,
            danger=danger,
            format=Format.MESSAGE,
            body=encode_body(Text(text, "")),
        )
        to = recipient or self.own.messages.public
        envelope = seal_envelope(content, Kind.MESSAGE, to, self.keys.sign)
        copy, screening = None, self.public["screening"]
        if screening is not None:
            told = wraps.ScreeningCopy(self.conversation, content.message_id, danger, text, "")
            copy = api.encode(wraps.seal_screening_copy(api.decode(screening["key"]), told))
        return {
            "message": api.encode(content.message_id),
            "envelope": api.encode(envelope),
            "copy": copy,
            "danger": danger,
        }

    def new_conversation(self):
        promise = self.public["promise"]
        team = wraps.TeamWrap(self.conversation, 1, self.own, self.keys.sign.public)
        client = wraps.ClientWrap(
            self.conversation, self.own.messages, self.roster.fingerprint, self.roster.head
        )
        return NewConversation(
            self.conversation,
            self.keys.lookup_tag,
            self.keys.sign.public,
            self.own.messages.public,
            self.own.notes.public,
            1,
            Periods(
                promise["inactivity_hours"], promise["absolute_hours"], promise["closed_hours"]
            ),
            wraps.seal_team_wrap(self.roster.epoch.box_key, team),
            wraps.seal_client_wrap(self.keys.box.public, client),
        )

    def first_body(self, text, *, danger=False):
        start_key = api.decode(self.public["start_key"])
        return {
            "create": api.encode(self.new_conversation().sealed(start_key)),
            "conversation": api.encode(self.conversation),
            **self.sealed_message(text, danger=danger),
        }

    async def first(self, text, *, danger=False):
        if self.public is None:
            await self.learn()
        return await self.post("/api/first", **self.first_body(text, danger=danger))

    async def proof(self, verb, *more):
        nonce = api.decode((await self.post("/api/nonce"))["nonce"])
        self.reply, self.nonce = new_box_keys(), nonce
        proof = make_proof(
            self.keys.sign, verb, (self.keys.lookup_tag, *more), nonce, self.reply.public
        )
        fields = zip(("nonce", "reply", "signature"), proof.fields, strict=True)
        return {"tag": api.encode(self.keys.lookup_tag)} | {
            name: api.encode(value) for name, value in fields
        }

    async def open(self):
        return await self.post("/api/open", **await self.proof(Verb.OPEN_CLIENT_WRAP))

    def unwrap(self, opened):
        """The client wrap in the answer to `open`; raises CannotOpen."""
        inner, owner, *_ = open_answer(self.reply, self.nonce, api.decode(opened["answer"]))
        return wraps.open_client_wrap(self.keys.box, inner, owner)

    def texts(self, answer, wrap):
        read = []
        for one in answer["messages"]:
            opened = open_envelope(
                api.decode(one["envelope"]),
                Kind.MESSAGE,
                wrap.messages,
                wrap.conversation_id,
                (Direction.CLIENT_TO_TEAM, Direction.TEAM_TO_CLIENT),
            )
            read.append(decode_text(opened.envelope).text)
        return read

    async def send(self, text, *, danger=False):
        body = await self.proof(Verb.CLIENT_WROTE)
        return await self.post("/api/send", **body, **self.sealed_message(text, danger=danger))

    async def due(self, at):
        body = await self.proof(Verb.CHANGE_DUE, at.to_bytes(8, "big"))
        return await self.post("/api/due", **body, due=at)

    async def erase(self):
        return await self.post("/api/erase", **await self.proof(Verb.ERASE))


@pytest.fixture
def client(session, hotline):
    return CodeClient(session, hotline)


@pytest.fixture
def new_client(session):
    return lambda hotline, phrase=None: CodeClient(session, hotline, phrase)
