"""A hotline around a keeper, for tests: its people, clients and clock, over real sockets."""

import asyncio
import contextlib
import os
import signal
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

from intake_server.clock import SystemClock
from intake_server.keeper.logs import KeeperLog
from intake_server.keeper.parts import Keeper
from intake_server.keeper.server import Access, Server
from intake_server.keeper.starting import start
from intake_server.keeper.totp import code_at, step_of
from vault.keeper_client import (
    CaretakerKeeper,
    CourierKeeper,
    DeskKeeper,
    KeeperLink,
    OperatorKeeper,
    WebKeeper,
)
from vault.keeper_joins import JoinKeeper, WaysKeeper
from vault.keeper_pages import AskingKeeper, ChatPageKeeper, TeamPageKeeper
from vault.keeper_protocol import Peer, Reference, Verb, socket_name, u8, u16, u32, u64
from vault.keeper_requests import (
    Join,
    NewConversation,
    NewMessengerConversation,
    Periods,
    Proof,
    SetUp,
    SignIn,
    make_proof,
    open_answer,
    set_up_mac,
)
from vault.keeper_team import TeamKeeper
from vault.roster import (
    EntryType,
    Epoch,
    Founding,
    Person,
    Role,
    Roster,
    epoch_payload,
    person_payload,
    removal_payload,
    sign_entry,
    sign_founding,
    verify_chain,
)
from vault.sealing import (
    BoxKeys,
    Secret,
    box_keys,
    derive,
    new_box_keys,
    random_bytes,
    sign_keys,
    unpack,
)
from vault.slot_files import SystemDisk, nowhere
from vault.ways import Ways, read_ways
from vault.wraps import (
    Address,
    ClientWrap,
    OutboxItem,
    TeamWrap,
    caretaker_keys,
    conversation_keys,
    courier_keys,
    login_tag,
    new_conversation_keys,
    seal_address,
    seal_client_wrap,
    seal_earlier_seed,
    seal_grant,
    seal_outbox_item,
    seal_staff_wrap,
    seal_team_wrap,
    staff_keys,
    team_keys,
)

NOON = 1_800_000_000  # 2027-01-15 08:00 UTC
RECORDS = 128
WEEK = Periods(inactivity=72, absolute=7 * 24, closed=24)


class TurnedClock:
    """A clock that a test turns; both hands together, unless the wall clock alone is set."""

    def __init__(self, unix: int = NOON) -> None:
        self.wall = float(unix)
        self.steady = 1000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.wall, UTC)

    def unix(self) -> int:
        return int(self.wall)

    def monotonic(self) -> float:
        return self.steady

    def turn(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds

    def set_wall(self, by: float) -> None:
        self.wall += by


@dataclass
class Member:
    """A person of the team with what only their browser knows."""

    name: str
    staff_id: bytes = field(default_factory=lambda: random_bytes(16))
    seed: Secret = field(default_factory=lambda: Secret(random_bytes(32)))
    authentication: Secret = field(default_factory=lambda: Secret(random_bytes(32)))
    wrapping: Secret = field(default_factory=lambda: Secret(random_bytes(32)))
    totp: Secret = field(default_factory=lambda: Secret(random_bytes(20)))
    salt: bytes = field(default_factory=lambda: random_bytes(16))

    @property
    def keys(self):
        return staff_keys(self.seed)

    @property
    def login_tag(self) -> bytes:
        return login_tag(self.name)

    def person(self, roles: Role) -> Person:
        keys = self.keys
        return Person(self.staff_id, self.name, self.name, keys.box.public, keys.sign.public, roles)

    def code(self, now: int) -> int:
        return code_at(self.totp, step_of(now))


@dataclass
class Client:
    """Somebody who writes, with the keys of a phrase and of a conversation."""

    root: Secret = field(default_factory=lambda: Secret(random_bytes(32)))
    conversation_id: bytes = field(default_factory=lambda: random_bytes(16))
    keys: object = field(default_factory=new_conversation_keys)

    @property
    def lookup_tag(self) -> bytes:
        return derive(self.root, "phrase/lookup").reveal()[:16]

    @property
    def box(self) -> BoxKeys:
        return box_keys(derive(self.root, "phrase/box"))

    @property
    def sign(self):
        return sign_keys(derive(self.root, "phrase/sign"))


class Hotline:
    """A keeper with its peers. `set_up` makes the first person; without it there is no root."""

    def __init__(self, folder: Path, *, records: int = RECORDS, seed: bytes | None = None) -> None:
        """With the same `seed`, another process knows the same people and keys."""
        self.folder = folder
        self.records = records
        self.clock = TurnedClock()
        self._seed = Secret(seed or random_bytes(32))
        self.first = Member(
            "Ada",
            staff_id=self.secret("id").reveal()[:16],
            seed=self.secret("seed"),
            authentication=self.secret("authentication"),
            wrapping=self.secret("wrapping"),
            totp=Secret(self.secret("totp").reveal()[:20]),
            salt=self.secret("salt").reveal()[:16],
        )
        self.courier_seed = self.secret("courier")
        self.caretaker_seed = self.secret("caretaker")
        self.team_seeds = [self.secret("team")]
        self.root = sign_keys(self.secret("root"))
        self.staff_wrap = b""
        self.log = StringIO()
        self.links: dict[Peer, KeeperLink] = {}
        self._stack = contextlib.AsyncExitStack()

    def secret(self, label: str) -> Secret:
        return derive(self._seed, label)

    def client(self, label: str) -> Client:
        """The same client for the same label and seed."""
        csk, nsk = self.secret(f"{label} csk"), self.secret(f"{label} nsk")
        return Client(
            self.secret(label),
            self.secret(f"{label} id").reveal()[:16],
            conversation_keys(csk, nsk),
        )

    # --- running ------------------------------------------------------------------------

    async def open(self, *, disk=None, crash_at=nowhere) -> None:
        (self.folder / "keeper").mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder / "run").mkdir(mode=0o700, exist_ok=True)
        log = KeeperLog(self.log, "debug", self.clock)
        self.keeper: Keeper = await start(
            self.folder / "keeper",
            self.records,
            self.clock,
            log,
            disk=disk or SystemDisk(),
            crash_at=crash_at,
        )
        self._stack.push_async_callback(self.keeper.slots.close)
        server = Server(self.keeper, self.folder / "run", dict.fromkeys(Peer, Access(os.getuid())))
        await server.open()
        self._stack.push_async_callback(server.close)
        self._connect()

    def _connect(self) -> None:
        for peer in Peer:
            link = KeeperLink(self.folder / "run" / socket_name(peer))
            self.links[peer] = link
            self._stack.push_async_callback(link.close)
        self.web = WebKeeper(self.links[Peer.WEB])
        self.ways = WaysKeeper(self.links[Peer.WEB])
        self.page_asks = AskingKeeper(self.links[Peer.WEB])
        self.desk = DeskKeeper(self.links[Peer.DESK])
        self.team = TeamKeeper(self.links[Peer.DESK])
        self.team_pages = TeamPageKeeper(self.links[Peer.DESK])
        self.courier = CourierKeeper(self.links[Peer.COURIER])
        self.joins = JoinKeeper(self.links[Peer.COURIER])
        self.chat_pages = ChatPageKeeper(self.links[Peer.COURIER])
        self.caretaker = CaretakerKeeper(self.links[Peer.CARETAKER])
        self.operator = OperatorKeeper(self.links[Peer.OPERATOR])

    async def close(self) -> None:
        await self._stack.aclose()

    async def restart(self, **how) -> None:
        await self.close()
        await self.open(**how)

    # --- set-up -------------------------------------------------------------------------

    @property
    def courier_keys(self):
        return courier_keys(self.courier_seed)

    @property
    def caretaker_keys(self):
        return caretaker_keys(self.caretaker_seed)

    def now(self) -> int:
        return self.clock.unix()

    async def announce(self) -> None:
        keys = self.courier_keys
        await self.courier.announce(keys.box.public, keys.sign.public)
        await self.caretaker.announce(self.caretaker_keys.public)

    def founding(self, **changes) -> Founding:
        team, courier = team_keys(self.team_seeds[0]), self.courier_keys
        values = {
            "root_key": self.root.public,
            "person": self.first.person(Role.COUNSELLOR | Role.ADMIN | Role.SUPERVISOR),
            "team_box_key": team.box.public,
            "team_sign_key": team.sign.public,
            "courier_box_key": courier.box.public,
            "courier_sign_key": courier.sign.public,
            "caretaker_sign_key": self.caretaker_keys.public,
            "recovery_box_key": None,
        }
        return Founding(**{**values, **changes})

    def set_up_body(self, *, code: int | None = None, **changes) -> SetUp:
        first = self.first
        entry = sign_founding(self.founding(**changes), self.root, self.now())
        return SetUp(
            founding_entry=entry,
            login_tag=first.login_tag,
            salt=first.salt,
            authentication=first.authentication,
            totp_secret=first.totp,
            totp_code=first.code(self.now()) if code is None else code,
            staff_wrap=seal_staff_wrap(first.wrapping, first.staff_id, first.seed),
            grant=seal_grant(first.keys.box.public, 1, self.team_seeds[0]),
        )

    async def set_up_request(self, **changes) -> tuple[bytes, bytes]:
        token = (await self.operator.set_up_token()).token
        keys = await self.desk.set_up_keys()
        request = self.set_up_body(**changes).sealed(keys.start_key)
        return request, set_up_mac(token, request)

    async def set_up(self) -> None:
        await self.announce()
        request, mac = await self.set_up_request()
        prepared = await self.desk.set_up_prepare(request, mac)
        self.staff_wrap = prepared.staff_wrap
        await self.desk.set_up_pin(request, mac)
        self.clock.turn(60)  # the code that set it up is not used again

    # --- the team -----------------------------------------------------------------------

    async def roster(self) -> Roster:
        return verify_chain((await self.desk.roster()).entries)

    async def append(self, kind: EntryType, payload: bytes, signer: Member | None = None) -> bytes:
        signer = signer or self.first
        entry = sign_entry(
            await self.roster(), kind, payload, signer.staff_id, signer.keys.sign, self.now()
        )
        proof, _ = await self.staff_proof(signer, Verb.APPEND, signer.staff_id, entry)
        await self.desk.append(signer.staff_id, entry, proof)
        return entry

    async def hire(self, name: str, roles: Role) -> Member:
        member = Member(name)
        await self.append(EntryType.PERSON, person_payload(member.person(roles)))
        return member

    async def invite(self, inviter: Member, member: Member, roles: Role):
        """The other half of the invitation's key, which only the link's holder has."""
        link = sign_keys(Secret(random_bytes(32)))
        arguments = (inviter.staff_id, member.staff_id, u8(roles), link.public)
        proof, reply = await self.staff_proof(inviter, Verb.INVITE, *arguments)
        invited = await self.team.invite(
            inviter.staff_id, member.staff_id, roles, link.public, proof
        )
        assert open_answer(reply, proof.nonce, invited.answer) == ()
        return link

    def join_body(self, member: Member, **changes) -> Join:
        keys = member.keys
        values = {
            "shown_name": member.name,
            "box_key": keys.box.public,
            "sign_key": keys.sign.public,
            "login_tag": member.login_tag,
            "salt": member.salt,
            "authentication": member.authentication,
            "totp_secret": member.totp,
            "totp_code": member.code(self.now()),
            "staff_wrap": seal_staff_wrap(member.wrapping, member.staff_id, member.seed),
        }
        return Join(**{**values, **changes})

    async def join(self, link, member: Member, *, signer=None, **changes):
        start_key = (await self.desk.hello()).start_key
        request = self.join_body(member, **changes).sealed(start_key)
        nonce, reply = await self.desk.nonce(), new_box_keys()
        arguments = (link.public, request)
        proof = make_proof(signer or link, Verb.JOIN, arguments, nonce, reply.public)
        return await self.team.join(link.public, request, proof)

    async def put_grant(self, granter: Member, member: Member, epoch: int, seed: Secret) -> None:
        await self.grant(granter, member.person(Role.COUNSELLOR), epoch, seed)

    async def grant(self, granter: Member, member: Person, epoch: int, seed: Secret) -> None:
        grant = seal_grant(member.box_key, epoch, seed)
        arguments = (granter.staff_id, member.staff_id, u32(epoch), grant)
        proof, reply = await self.staff_proof(granter, Verb.PUT_GRANT, *arguments)
        answer = await self.desk.put_grant(granter.staff_id, member.staff_id, epoch, grant, proof)
        assert open_answer(reply, proof.nonce, answer) == ()

    async def known_team(self, member: Member) -> tuple[list[tuple[bytes, ...]], dict[bytes, int]]:
        """Newcomers as they are told, and the newest epoch for which each person has a grant."""
        proof, reply = await self.staff_proof(member, Verb.TEAM, member.staff_id)
        answer = await self.team.team(member.staff_id, proof)
        newcomers, holders = open_answer(reply, proof.nonce, answer)
        rows = [holders[at : at + 20] for at in range(0, len(holders), 20)]
        told = [unpack(each, 5) for each in unpack(newcomers, None)]
        return told, {row[:16]: int.from_bytes(row[16:], "big") for row in rows}

    async def own_grants(self, member: Member) -> tuple[bytes, ...]:
        proof, reply = await self.staff_proof(member, Verb.OWN_GRANTS, member.staff_id)
        answer = await self.team.own_grants(member.staff_id, proof)
        return open_answer(reply, proof.nonce, answer)

    async def withdraw(self, member: Member, staff_id: bytes) -> None:
        proof, _ = await self.staff_proof(member, Verb.WITHDRAW, member.staff_id, staff_id)
        await self.team.withdraw(member.staff_id, staff_id, proof)

    async def dismiss(self, member: Member) -> None:
        await self.append(EntryType.REMOVAL, removal_payload(member.staff_id))

    async def next_epoch(self, seed: Secret | None = None) -> int:
        """Everybody's grants first, then the entry; by the first person."""
        seed, number = seed or Secret(random_bytes(32)), len(self.team_seeds) + 1
        keys = team_keys(seed)
        people = (await self.roster()).people
        for staff_id in (await self.known_team(self.first))[1]:
            await self.grant(self.first, people[staff_id], number, seed)
        earlier = seal_earlier_seed(keys.box.public, number - 1, self.team_seeds[-1])
        self.team_seeds.append(seed)
        epoch = Epoch(number, keys.box.public, keys.sign.public, earlier)
        await self.append(EntryType.EPOCH, epoch_payload(epoch))
        return number

    async def staff_proof(
        self, member: Member, verb: Verb, *arguments: bytes
    ) -> tuple[Proof, BoxKeys]:
        reply = new_box_keys()
        nonce = await self.desk.nonce()
        return make_proof(member.keys.sign, verb, arguments, nonce, reply.public), reply

    async def open_team_wrap(self, member: Member, made, epoch: int = 1) -> tuple[bytes, ...]:
        proof, reply = await self.staff_proof(
            member, Verb.OPEN_TEAM_WRAP, made.reference.packed, member.staff_id, u32(epoch)
        )
        answer = await self.desk.open_team_wrap(
            made.reference, member.staff_id, epoch, made.team_wrap, proof
        )
        return open_answer(reply, proof.nonce, answer)

    async def team_ways(self, member: Member, reference: Reference) -> tuple[bytes, ...]:
        proof, reply = await self.staff_proof(
            member, Verb.TEAM_WAYS, reference.packed, member.staff_id
        )
        answer = await self.desk.ways(reference, member.staff_id, proof)
        return open_answer(reply, proof.nonce, answer)

    async def reply(self, member: Member, reference: Reference, item: bytes | None = None):
        message_id = random_bytes(16)
        proof, reply = await self.staff_proof(
            member, Verb.REPLIED, reference.packed, member.staff_id, message_id, item or b""
        )
        replied = await self.desk.replied(reference, member.staff_id, message_id, item, proof)
        return replied, message_id, open_answer(reply, proof.nonce, replied.answer)

    async def close_conversation(self, member: Member, reference: Reference):
        proof, reply = await self.staff_proof(member, Verb.CLOSE, reference.packed, member.staff_id)
        closed = await self.desk.close(reference, member.staff_id, proof)
        return closed.due, open_answer(reply, proof.nonce, closed.answer)

    async def hold(self, member: Member, reference: Reference, until: int):
        proof, reply = await self.staff_proof(
            member, Verb.HOLD, reference.packed, member.staff_id, u64(until)
        )
        held = await self.desk.hold(reference, member.staff_id, until, proof)
        return held.until, open_answer(reply, proof.nonce, held.answer)

    async def sign_in_request(self, member: Member, **changes) -> tuple[bytes, BoxKeys, bytes]:
        reply = new_box_keys()
        values = {
            "login_tag": member.login_tag,
            "authentication": member.authentication,
            "totp_code": member.code(self.now()),
            "nonce": await self.desk.nonce(),
            "reply_key": reply.public,
            **changes,
        }
        start_key = (await self.desk.hello()).start_key
        return SignIn(**values).sealed(start_key), reply, values["nonce"]

    async def sign_in(self, member: Member, *, outer: bytes | None = None, **changes):
        request, reply, nonce = await self.sign_in_request(member, **changes)
        signed_in = await self.desk.sign_in(request, outer or self.staff_wrap)
        return signed_in, open_answer(reply, nonce, signed_in.answer)

    # --- clients ------------------------------------------------------------------------

    def web_request(self, client: Client, **changes) -> NewConversation:
        epoch = changes.get("epoch", len(self.team_seeds))
        team = team_keys(self.team_seeds[-1]).box.public
        values = {
            "conversation_id": client.conversation_id,
            "lookup_tag": client.lookup_tag,
            "verify_key": client.sign.public,
            "cpk": client.keys.messages.public,
            "npk": client.keys.notes.public,
            "epoch": epoch,
            "periods": WEEK,
            "team_wrap": seal_team_wrap(
                team, TeamWrap(client.conversation_id, epoch, client.keys, client.sign.public)
            ),
            "client_wrap": seal_client_wrap(
                client.box.public,
                ClientWrap(client.conversation_id, client.keys.messages, bytes(32), bytes(32)),
            ),
        }
        return NewConversation(**{**values, **changes})

    async def write_in(self, client: Client | None = None, **changes):
        client = client or Client()
        return client, await self.web.create_here(self.web_request(client, **changes))

    async def client_proof(
        self, client: Client, verb: Verb, *arguments: bytes
    ) -> tuple[Proof, BoxKeys]:
        reply = new_box_keys()
        nonce = await self.web.nonce()
        given = (client.lookup_tag, *arguments)
        return make_proof(client.sign, verb, given, nonce, reply.public), reply

    async def open_client_wrap(self, client: Client, outer: bytes) -> tuple[bytes, ...]:
        proof, reply = await self.client_proof(client, Verb.OPEN_CLIENT_WRAP, outer)
        answer = await self.web.open_client_wrap(client.lookup_tag, outer, proof)
        return open_answer(reply, proof.nonce, answer)

    async def erase(self, client: Client):
        proof, reply = await self.client_proof(client, Verb.ERASE)
        erased = await self.web.erase(client.lookup_tag, proof)
        return erased, open_answer(reply, proof.nonce, erased.answer)

    async def code(self, client: Client) -> str:
        """A code that the page of a client who has a phrase shows."""
        proof, reply = await self.client_proof(client, Verb.CLIENT_JOIN_CODE)
        answer = await self.ways.code(client.lookup_tag, proof)
        return open_answer(reply, proof.nonce, answer)[0].decode()

    async def choose_hours(self, client: Client, channel: int, begin: int, end: int) -> Ways:
        asked = u8(channel), u16(begin), u16(end)
        proof, reply = await self.client_proof(client, Verb.CLIENT_HOURS, *asked)
        answer = await self.ways.hours(client.lookup_tag, channel, begin, end, proof)
        return read_ways(open_answer(reply, proof.nonce, answer)[0])

    async def part(self, client: Client, channel: int) -> Ways:
        proof, reply = await self.client_proof(client, Verb.CLIENT_PART, u8(channel))
        answer = await self.ways.part(client.lookup_tag, channel, proof)
        return read_ways(open_answer(reply, proof.nonce, answer)[0])

    async def change_due(self, client: Client, due: int):
        proof, reply = await self.client_proof(client, Verb.CHANGE_DUE, u64(due))
        changed = await self.web.change_due(client.lookup_tag, due, proof)
        return changed.due, open_answer(reply, proof.nonce, changed.answer)

    async def client_wrote(self, client: Client):
        proof, reply = await self.client_proof(client, Verb.CLIENT_WROTE)
        wrote = await self.web.client_wrote(client.lookup_tag, proof)
        return wrote, open_answer(reply, proof.nonce, wrote.answer)

    def messenger_request(self, client: Client, **changes) -> NewMessengerConversation:
        epoch = changes.get("epoch", len(self.team_seeds))
        team = team_keys(self.team_seeds[-1]).box.public
        values = {
            "conversation_id": client.conversation_id,
            "cpk": client.keys.messages.public,
            "npk": client.keys.notes.public,
            "epoch": epoch,
            "channel": 2,
            "periods": WEEK,
            "team_wrap": seal_team_wrap(
                team, TeamWrap(client.conversation_id, epoch, client.keys, None)
            ),
            "address_tag": random_bytes(32),
            "address_hours": 48,
            "address": seal_address(
                self.courier_keys.box.public,
                Address(client.conversation_id, "signal", "+49 30 123", ""),
            ),
        }
        return NewMessengerConversation(**{**values, **changes})

    async def message_in(self, client: Client | None = None, **changes):
        client = client or Client()
        request = self.messenger_request(client, **changes)
        return request, await self.courier.create(request)

    def outbox_item(self, client: Client, message_id: bytes) -> bytes:
        item = OutboxItem(client.conversation_id, message_id, 1, "signal", "We are here.")
        keys = team_keys(self.team_seeds[0]).sign
        return seal_outbox_item(self.courier_keys.box.public, item, keys)


class HotlineHere(Hotline):
    """The same in the test's own process, by the machine's clock: a process takes a second more."""

    def __init__(self, folder: Path, *, records: int = RECORDS) -> None:
        super().__init__(folder, records=records)
        self.clock = SystemClock()

    async def kill(self) -> None:
        """Its sockets are gone, as after the end of a process."""
        await self.close()


class HotlineProcess(Hotline):
    """The same around a real keeper process; its clock is the machine's."""

    def __init__(self, folder: Path, *, records: int = RECORDS) -> None:
        super().__init__(folder, records=records)
        self.process: asyncio.subprocess.Process | None = None

    def now(self) -> int:
        return int(datetime.now(UTC).timestamp())

    async def open(self, *, disk=None, crash_at=nowhere) -> None:
        assert disk is None
        assert crash_at is nowhere
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "intake_server.keeper"),
            *("--data", str(self.folder), "--records", str(self.records)),
            stderr=asyncio.subprocess.PIPE,
        )
        assert self.process.stderr is not None
        line = await self.process.stderr.readline()
        while line and b"keeper_started" not in line:
            line = await self.process.stderr.readline()
        assert line, "the keeper did not start"
        self._connect()

    async def close(self) -> None:
        await super().close()
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            await self.process.communicate()
            assert self.process.returncode == 0

    async def kill(self) -> None:
        """End it as a power cut would end the process."""
        assert self.process is not None
        self.process.kill()
        await self.process.communicate()
        await super().close()
