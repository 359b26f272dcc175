"""A hotline around a desk: the keeper as a process, web and desk in this one, real sockets."""

import asyncio
import contextlib
import json
from datetime import UTC, datetime, timedelta
from io import StringIO

from intake_server.desk.__main__ import serving
from intake_server.logs import open_log
from intake_server.settings import (
    DataSettings,
    DeskSettings,
    ScreeningSettings,
    Settings,
    WebSettings,
)
from intake_server.web.__main__ import serving as web_serving
from tests.flows import people
from tests.intake_server.keeper.world import Client as MessengerClient
from tests.intake_server.keeper.world import HotlineHere, Member
from vault import addresses, changes, conversations, messages, roster, wraps
from vault.conversations import NewConversation
from vault.schema import migrate

COUNSELLOR = roster.Role.COUNSELLOR
to_text, to_bytes = people.to_text, people.to_bytes


class TurnedClock:
    """The machine's clock, turned forward by a test."""

    def __init__(self):
        self.ahead = timedelta(0)

    def now(self):
        return datetime.now(UTC) + self.ahead

    def unix(self):
        return int(self.now().timestamp())

    def monotonic(self):
        return asyncio.get_running_loop().time() + self.ahead.total_seconds()

    def turn(self, **by):
        self.ahead += timedelta(**by)


class Place:
    """Everything a test of the desk needs; also the stack that the people of the flows expect."""

    def __init__(self, folder, http):
        self.folder = folder
        self.http = http
        self.clock = TurnedClock()
        self.lines = StringIO()
        self.hotline = HotlineHere(folder)
        self.settings = Settings(
            data=DataSettings(folder=folder),
            web=WebSettings(port=0),
            desk=DeskSettings(port=0),
            screening=ScreeningSettings(mode="off"),
        )
        self.web = self.desk = ""
        self._serving = contextlib.AsyncExitStack()
        self._token = b""

    async def open(self):
        await self.hotline.open()
        migrate(self.settings.data.database_url)
        await self.hotline.announce()
        await self.start()

    async def start(self):
        log = open_log("desk", level="debug", clock=self.clock, stream=self.lines)
        desk = await self._serving.enter_async_context(serving(self.settings, self.clock, log))
        self.served, self.desk = desk, f"http://127.0.0.1:{desk.port}"
        web = await self._serving.enter_async_context(web_serving(self.settings, self.clock, log))
        self.web, self.web_work = f"http://127.0.0.1:{web.port}", web.work

    async def stop(self):
        await self._serving.aclose()

    async def close(self):
        await self.stop()
        await self.hotline.close()

    async def restart_keeper(self):
        await self.hotline.restart()
        await self.hotline.announce()

    # --- requests -------------------------------------------------------------------------

    async def raw(self, path, data, **headers):
        """Status, headers and body of the answer to a POST."""
        named = {"Content-Type": "application/json"} | headers
        async with self.http.post(self.desk + path, data=data, headers=named) as response:
            return response.status, response.headers, await response.read()

    async def ask(self, path, body, session=None):
        """Status and decoded answer."""
        named = {"Havenline-Session": session} if session else {}
        status, _, answer = await self.raw(path, json.dumps(body).encode(), **named)
        return status, json.loads(answer)

    async def ask_web(self, path, body):
        """Status and decoded answer of the client page's process."""
        async with self.http.post(self.web + path, json=body) as response:
            return response.status, json.loads(await response.read())

    async def read(self, work):
        return await self.served.work.database.read(work)

    async def write(self, work):
        return await self.served.work.database.write(work)

    async def texts(self, conversation):
        """The numbers and ids of the messages to and from the client."""
        stored = await self.read(lambda c: messages.of(c, conversation, kinds=(1,)))
        return [(one.number, one.direction, one.id) for one in stored]

    async def row(self, conversation):
        return await self.read(lambda c: conversations.get(c, conversation))

    async def noted(self):
        """What the table of changes says."""
        return [one.what for one in await self.read(lambda c: changes.since(c, 0))]

    # --- people ---------------------------------------------------------------------------

    def cli(self, *arguments):
        """What the terminal shows; the flows' counsellor asks it for a set-up link."""
        assert arguments == ("staff", "setup-link")
        return f"http://desk.example/#setup={to_text(self._token)}"

    async def new_link(self):
        self._token = (await self.hotline.operator.set_up_token()).token.reveal()

    async def first_person(self):
        """Ana, set up through the desk and signed in."""
        await self.new_link()
        ana = people.Counsellor(self, self.http)
        await ana.set_up()
        self.hotline.first = Member("Ana", staff_id=ana.staff_id, seed=ana.seed)
        self.hotline.team_seeds = [ana.team_seed]
        ana.own = wraps.staff_keys(ana.seed)
        return await self.let_in(ana)

    async def colleague(self, name, roles=COUNSELLOR):
        """Somebody the first person took in, signed in."""
        member = await self.hotline.hire(name, roles)
        person = people.Counsellor(self, self.http, name, name)
        person.staff_id, person.seed, person.own = member.staff_id, member.seed, member.keys
        person.team_seed = self.hotline.team_seeds[0]
        self.clock.turn(seconds=6)  # the roster is looked at anew
        return await self.let_in(person)

    async def let_in(self, person):
        """A session without a sign-in, which would wait for a fresh code."""
        person.team = wraps.team_keys(person.team_seed)
        person.chain = await self.hotline.roster()
        person.session = to_text(self.served.sessions.begin(person.staff_id))
        return person

    async def dismiss(self, person):
        await self.hotline.dismiss(Member(person.name, staff_id=person.staff_id))

    async def client(self, text="Can you help?", **more):
        """Somebody who has written on the web."""
        client = people.Client(self, self.http)
        await client.write_first(text, **more)
        return client

    async def messenger_conversation(self):
        """The id of a conversation that came over a messenger."""
        request, made = await self.hotline.message_in(MessengerClient())
        new = NewConversation(
            id=request.conversation_id,
            slot=made.reference.slot,
            tag=made.reference.tag,
            channel="signal",
            language="",
            danger=False,
            epoch=1,
            outer_team=made.team_wrap,
            outer_client=None,
            due=made.due,
            latest=made.latest,
            now=self.clock.unix(),
        )
        address, until = made.address, self.clock.unix() + 48 * 3600

        def work(c):
            conversations.create(c, new)
            addresses.put(c, new.id, "signal", address.slot, address.tag, made.outer_address)
            addresses.set_until(c, new.id, "signal", until)

        await self.write(work)
        return request.conversation_id


class Stream:
    """An open stream of events."""

    def __init__(self, response):
        self.response = response

    async def line(self):
        async with asyncio.timeout(10):
            raw = await self.response.content.readline()
        return json.loads(raw) if raw else None

    async def change(self):
        """The next line that is no beat; None at the end."""
        while True:
            line = await self.line()
            if line is None or "beat" not in line:
                return line

    async def rest(self):
        """Every change until the stream ends."""
        found = []
        while line := await self.change():
            found.append(line)
        return found


@contextlib.asynccontextmanager
async def streaming(place, person, after=0):
    async with place.http.post(
        f"{place.desk}/api/events",
        json={"after": after},
        headers={"Havenline-Session": person.session},
    ) as response:
        assert response.status == 200, await response.text()
        yield Stream(response)
