"""More than one counsellor: they invite, join, let in, remove and re-wrap like the desk's page."""

import contextlib
import time
from dataclasses import dataclass

from tests.flows.people import Counsellor, Opened, to_bytes, to_text, totp, u32
from vault import envelope, roster, sealing, wraps
from vault.envelope import Direction, Envelope, Format, Origin
from vault.roster import EntryType, Role
from vault.sealing import Secret

OPEN_TEAM_WRAP, REWRAP, APPEND, PUT_GRANT = 0x45, 0x48, 0x4A, 0x4B
INVITE, JOIN, TEAM, WITHDRAW, OWN_GRANTS, RECOVER = 0x80, 0x82, 0x83, 0x84, 0x85, 0x86


@dataclass
class Link:
    """What stands in the fragment of an invitation."""

    seed: Secret
    staff_id: bytes
    fingerprint: bytes

    @property
    def keys(self):
        return sealing.sign_keys(sealing.derive(self.seed, "invitation"))


@dataclass
class Colleague(Counsellor):
    """A counsellor in a team that changes."""

    async def ask(self, path: str, body: dict) -> dict:
        answer = await super().ask(path, body)
        if path == "/api/signin":
            self.given_session = answer["session"]
        return answer

    async def sign_in_without_a_grant(self) -> None:
        """What somebody who does not counsel is given: a session, and no team key."""
        with contextlib.suppress(IndexError):
            await self.sign_in()
            raise AssertionError("there was a grant")
        self.session = self.given_session

    def read_on(self, entries: list[bytes]) -> None:
        for entry in entries:
            self.chain = roster.extend(self.chain, entry)

    async def look(self) -> None:
        """Reads the roster on, and takes the current team key."""
        given = await self.ask("/api/roster", {"after": self.chain.number})
        self.read_on([to_bytes(entry) for entry in given["entries"]])
        assert self.chain.number == given["number"]
        fields, read = await self.prove(OWN_GRANTS, self.staff_id)
        grants = read((await self.ask("/api/team/grants", fields))["answer"], None)
        for grant in grants:
            try:
                seed = wraps.open_grant(self.own.box, grant, self.chain.epoch.number)
            except sealing.CannotOpen:
                continue
            self.team_seed, self.team = seed, wraps.team_keys(seed)
        assert self.team.sign.public == self.chain.epoch.sign_key

    def seed_of(self, number: int) -> Secret:
        """An epoch's seed, through the later ones."""
        seed = self.team_seed
        for epoch in reversed(self.chain.epochs[number:]):
            later = wraps.team_keys(seed).box
            seed = wraps.open_earlier_seed(later, epoch.earlier_seed, epoch.number - 1)
        return seed

    async def open(self, conversation: bytes) -> Opened:
        """Opens also what is still wrapped for an earlier key."""
        row = await self.row(conversation)
        assert row is not None, "the conversation is not in the queue"
        current = self.team
        self.team = wraps.team_keys(self.seed_of(row["epoch"]))
        try:
            return await super().open(conversation)
        finally:
            self.team = current

    # --- inviting and joining -------------------------------------------------------------

    async def invite(self, roles: Role = Role.COUNSELLOR, *, again: bytes | None = None) -> Link:
        staff_id = again or sealing.random_bytes(16)
        link = Link(Secret(sealing.random_bytes(32)), staff_id, self.chain.fingerprint)
        signed = (self.staff_id, staff_id, bytes((roles,)), link.keys.public)
        fields, _ = await self.prove(INVITE, *signed)
        body = {"person": to_text(staff_id), "roles": int(roles), "key": to_text(link.keys.public)}
        await self.ask("/api/team/invite", fields | body)
        return link

    async def join(self, link: Link) -> tuple[str, ...]:
        """Makes keys, password and second factor; the words to be read aloud."""
        key = to_text(link.keys.public)
        told = await self.ask("/api/invitation", {"key": key})
        assert to_bytes(told["person"]) == link.staff_id
        self.staff_id, self.own = link.staff_id, wraps.staff_keys(self.seed)
        parts = wraps.password_parts(self.password, self.salt)
        now = time.time() + self.offset
        body = sealing.pack(
            self.shown.encode(),
            self.own.box.public,
            self.own.sign.public,
            wraps.login_tag(self.name),
            self.salt,
            parts.authentication.reveal(),
            self.secret,
            u32(totp(self.secret, now)),
            wraps.seal_staff_wrap(parts.wrapping, self.staff_id, self.seed),
        )
        self.used_step = int(now) // 30
        given = await self.ask("/api/nonce", {})
        request = sealing.seal(sealing.Kind.KEEPER_REQUEST, to_bytes(given["start_key"]), body)
        reply, nonce = sealing.new_box_keys(), to_bytes(given["nonce"])
        signed = (link.keys.public, sealing.labelled_hash("join", request))
        proof = {
            "nonce": to_text(nonce),
            "reply": to_text(reply.public),
            "signature": to_text(wraps.sign_proof(link.keys, nonce, JOIN, signed, reply.public)),
        }
        await self.ask("/api/join", proof | {"key": key, "request": to_text(request)})
        return roster.newcomer_words(link.fingerprint, self.person(Role(told["roles"])))

    def person(self, roles: Role) -> roster.Person:
        own = wraps.staff_keys(self.seed)
        return roster.Person(self.staff_id, "", self.shown, own.box.public, own.sign.public, roles)

    async def recover(self) -> None:
        """Comes in with keys alone, as whoever holds the recovery sheets."""
        self.own = wraps.staff_keys(self.seed)
        fields, read = await self.prove(RECOVER, self.staff_id)
        answer = await self.ask("/api/recover", fields | {"person": to_text(self.staff_id)})
        _, *grants = read(answer["answer"], None)
        self.chain = roster.verify_chain([to_bytes(entry) for entry in answer["roster"]])
        self.team_seed = wraps.open_grant(self.own.box, grants[-1], self.chain.epoch.number)
        self.team = wraps.team_keys(self.team_seed)
        self.session = answer["session"]

    # --- letting in, removing -------------------------------------------------------------

    async def known_team(self) -> tuple[list[roster.Person], dict[bytes, int]]:
        """Who waits, as the keeper tells, and who holds the key of which epoch."""
        fields, read = await self.prove(TEAM, self.staff_id)
        newcomers, holders = read((await self.ask("/api/team", fields))["answer"], 3)
        waiting = []
        for packed in sealing.unpack(newcomers, None):
            staff_id, roles, _, _, joined = sealing.unpack(packed, 5)
            if joined:
                shown, box, sign = sealing.unpack(joined, 3)
                waiting.append(
                    roster.Person(staff_id, "", shown.decode(), box, sign, Role(roles[0]))
                )
        rows = [holders[at : at + 20] for at in range(0, len(holders), 20)]
        return waiting, {row[:16]: int.from_bytes(row[16:], "big") for row in rows}

    async def append(self, kind: EntryType, payload: bytes) -> None:
        now = int(time.time() + self.offset)
        entry = roster.sign_entry(self.chain, kind, payload, self.staff_id, self.own.sign, now)
        await self.append_entry(entry)
        self.read_on([entry])

    async def append_entry(self, entry: bytes) -> None:
        signed = (self.staff_id, sealing.labelled_hash("entry", entry))
        fields, _ = await self.prove(APPEND, *signed)
        await self.ask("/api/team/append", fields | {"entry": to_text(entry)})

    async def grant(self, person: roster.Person, epoch: int, seed: Secret) -> None:
        grant = wraps.seal_grant(person.box_key, epoch, seed)
        signed = (person.staff_id, u32(epoch), sealing.labelled_hash("grant", grant))
        fields, _ = await self.prove(PUT_GRANT, self.staff_id, *signed)
        body = {"person": to_text(person.staff_id), "epoch": epoch, "grant": to_text(grant)}
        await self.ask("/api/team/grant", fields | body)

    async def let_in(self, heard: tuple[str, ...]) -> None:
        """Compares what was read aloud with what the keeper tells, then signs and grants."""
        waiting, _ = await self.known_team()
        (person,) = [
            each for each in waiting if roster.newcomer_words(self.chain.fingerprint, each) == heard
        ]
        await self.append(EntryType.PERSON, roster.person_payload(person))
        if Role.COUNSELLOR in person.roles:
            await self.grant(person, self.chain.epoch.number, self.team_seed)

    async def remove(self, staff_id: bytes) -> None:
        await self.append(EntryType.REMOVAL, roster.removal_payload(staff_id))

    async def make_epoch(self) -> None:
        """Everybody's grants first, then the entry."""
        last = self.chain.epoch.number
        seed = Secret(sealing.random_bytes(32))
        keys = wraps.team_keys(seed)
        _, holders = await self.known_team()
        for person in self.chain.people.values():
            if person.staff_id in holders:
                await self.grant(person, last + 1, seed)
        earlier = wraps.seal_earlier_seed(keys.box.public, last, self.team_seed)
        epoch = roster.Epoch(last + 1, keys.box.public, keys.sign.public, earlier)
        await self.append(EntryType.EPOCH, roster.epoch_payload(epoch))
        self.team_seed, self.team = seed, keys

    # --- handing over ---------------------------------------------------------------------

    def handover_body(self, opened: Opened, to: bytes, text: str) -> dict:
        message = sealing.random_bytes(16)
        note = Envelope(
            conversation_id=opened.conversation,
            message_id=message,
            writer_id=self.writer,
            counter=1,
            direction=Direction.HANDOVER,
            origin=Origin.TEAM,
            epoch=self.chain.epoch.number,
            time_ms=int(time.time() * 1000),
            danger=False,
            format=Format.NOTE,
            body=envelope.encode_body(envelope.Text(text, self.shown)),
        )
        sealed = envelope.seal_envelope(
            note, sealing.Kind.NOTE, opened.wrap.keys.notes.public, self.team.sign
        )
        return {
            "conversation": to_text(opened.conversation),
            "to": to_text(to),
            "message": to_text(message),
            "envelope": to_text(sealed),
        }

    # --- re-wrapping ----------------------------------------------------------------------

    async def behind(self) -> tuple[list[dict], int]:
        found = await self.ask("/api/rewrap/behind", {"after": ""})
        return found["rows"], found["left"]

    async def rewrap(self, row: dict) -> None:
        conversation, reference = (to_bytes(row[key]) for key in ("conversation", "reference"))
        fields, read = await self.prove(OPEN_TEAM_WRAP, reference, self.staff_id, u32(row["epoch"]))
        body = {"conversation": row["conversation"], "epoch": row["epoch"]}
        answer = await self.ask("/api/rewrap/open", fields | body)
        inner, *_ = read(answer["answer"], 9)
        box = wraps.team_keys(self.seed_of(row["epoch"])).box
        old = wraps.open_team_wrap(box, inner, conversation, row["epoch"])
        head = self.chain.epoch
        new = wraps.TeamWrap(conversation, head.number, old.keys, old.verify_key)
        await self.prove(REWRAP)  # for the start key
        request = sealing.seal(
            sealing.Kind.KEEPER_REQUEST, self.start_key, wraps.seal_team_wrap(head.box_key, new)
        )
        signed = (u32(head.number), sealing.labelled_hash("rewrap", request))
        fields, _ = await self.prove(REWRAP, reference, self.staff_id, *signed)
        await self.ask(
            "/api/rewrap",
            fields
            | {
                "conversation": row["conversation"],
                "epoch": head.number,
                "request": to_text(request),
            },
        )
