"""What somebody holds who has taken over one process: its socket, its keys, and every row.

`Hands` act; `Truth` is what only the test may know, and what the hands must not come to hold.
"""

import itertools
import random
import sqlite3
import time
from dataclasses import dataclass, field

from tests.flows.stack import Stack
from vault import sealing
from vault.keeper_client import KeeperLink
from vault.keeper_protocol import (
    PROOF,
    RULES,
    KeeperRefusal,
    Peer,
    Reference,
    Verb,
    socket_name,
    u32,
    u64,
)
from vault.keeper_requests import make_proof
from vault.sealing import CannotOpen, Kind, Secret

HEADER, RECORD = 4096, 256
KIND_CONVERSATION, KIND_ADDRESS, KIND_STAFF = 1, 2, 3
MOST_TRIES = 400  # for each verb; which ones is drawn by lot

OUTER_COLUMNS = (
    "select outer_team from conversations",
    "select outer_client from conversations where outer_client is not null",
    "select outer_item from outbox where outer_item is not null",
    "select outer_address from addresses",
    "select outer_keys from staff",
)


class Rows:
    """The database file, read and written behind the product's back."""

    def __init__(self, stack: Stack) -> None:
        self._path = stack.data / "database" / "havenline.sqlite3"

    def ask(self, sql: str, *values) -> list[tuple]:
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=20)
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def one(self, sql: str, *values):
        ((value,),) = self.ask(sql, *values)
        return value

    def column(self, sql: str, *values) -> list:
        return [value for (value,) in self.ask(sql, *values)]

    def reference(self, conversation: bytes) -> Reference:
        ((slot, tag),) = self.ask("select slot, tag from conversations where id = ?", conversation)
        return Reference(slot, tag)

    def envelopes(self, conversation: bytes, kind: int = 1) -> list[tuple[int, bytes]]:
        return self.ask(
            "select number, envelope from messages where conversation = ? and kind = ?"
            " order by number",
            *(conversation, kind),
        )

    def put(self, conversation: bytes, message: bytes, direction: int, envelope: bytes) -> None:
        """A row of one's own, behind those that are there."""
        number = self.one(
            "select coalesce(max(number), 0) + 1024 from messages where conversation = ?",
            conversation,
        )
        self.ask(
            "insert into messages (conversation, id, number, kind, direction, hour, envelope)"
            " values (?, ?, ?, 1, ?, ?, ?)",
            *(conversation, message, number, direction, int(time.time()) // 3600, envelope),
        )

    def put_out(self, message: bytes, conversation: bytes, at: Reference, outer: bytes) -> None:
        """A row in the outbox, and one that wakes the courier up."""
        self.ask(
            "insert into outbox (message, conversation, slot, tag, channel, epoch, state, tries,"
            " hour, outer_item) values (?, ?, ?, ?, 'loopback', 1, 'waiting', 0, 500000, ?)",
            *(message, conversation, at.slot, at.tag, outer),
        )
        self.ask("insert into changes (conversation, what) values (?, 'outbox')", conversation)

    def waiting(self, conversation: bytes) -> list[tuple[bytes, bytes]]:
        """Replies that wait to be sent: message id and outer item."""
        return self.ask(
            "select message, outer_item from outbox where conversation = ? and state = 'waiting'",
            conversation,
        )

    def drop(self, conversation: bytes, number: int) -> None:
        self.ask("delete from messages where conversation = ? and number = ?", conversation, number)

    def swap(self, column: str, one: bytes, other: bytes) -> None:
        """Exchange a column between two conversations."""
        mine, theirs = (
            self.one(f"select {column} from conversations where id = ?", each)
            for each in (one, other)
        )
        for blob, owner in ((theirs, one), (mine, other)):
            self.ask(f"update conversations set {column} = ? where id = ?", blob, owner)

    def outer_blobs(self) -> list[bytes]:
        return [blob for sql in OUTER_COLUMNS for blob in self.column(sql)]

    def references(self) -> list[bytes]:
        pairs = self.ask(
            "select slot, tag from conversations union select slot, tag from addresses"
        )
        return [Reference(*pair).packed for pair in pairs]

    def names(self) -> list[bytes]:
        """Everything of 16 bytes that names something."""
        return [
            *self.column("select id from conversations"),
            *self.column("select id from messages"),
            *self.column("select id from staff"),
            *self.column("select login_tag from staff"),
        ]


@dataclass
class Truth:
    """What lies under the shred keys; read from the slot file, which no process but one has."""

    shred_keys: list[bytes] = field(default_factory=list)
    inner: dict[Kind, list[bytes]] = field(default_factory=dict)

    @classmethod
    def of(cls, stack: Stack, rows: Rows) -> "Truth":
        truth = cls()
        raw = (stack.data / "keeper" / "slots.bin").read_bytes()
        epochs = [u32(number) for number in (1, 2)]
        messages = rows.column("select message from outbox")
        blobs = rows.outer_blobs()
        for at in range(HEADER, len(raw), RECORD):
            record = raw[at : at + RECORD]
            owner, key = record[25:41], record[41:73]
            readers = {
                KIND_CONVERSATION: [
                    *((Kind.TEAM_WRAP, "team", epoch) for epoch in epochs),
                    (Kind.CLIENT_WRAP, "client", record[137:153]),
                    *((Kind.OUTBOX, "outbox", message) for message in messages),
                ],
                KIND_ADDRESS: [(Kind.ADDRESS, "address", record[73:105])],
                KIND_STAFF: [(Kind.STAFF_WRAP, "staff", owner)],
            }.get(record[0])
            if readers is None:
                continue
            truth.shred_keys.append(key)
            for (kind, role, detail), blob in itertools.product(readers, blobs):
                truth.peel(Secret(key), kind, owner, sealing.reader_of(role, detail), blob)
        return truth

    def peel(self, key: Secret, kind: Kind, owner: bytes, reader: bytes, blob: bytes) -> None:
        try:
            inner = sealing.outer_open(key, kind, owner, reader, blob)
        except CannotOpen:
            return
        self.inner.setdefault(kind, []).append(inner)

    def held_by(self, learned: bytes) -> set[str]:
        """Which secrets stand in what somebody has learned."""
        found = {
            kind.name for kind, blobs in self.inner.items() if any(b in learned for b in blobs)
        }
        if any(key in learned for key in self.shred_keys):
            found.add("shred key")
        return found


class Hands:
    """One process's connection to the keeper, and all it can think of asking."""

    def __init__(self, stack: Stack, peer: Peer) -> None:
        self.stack, self.peer = stack, peer
        self.rows = Rows(stack)
        self.link = KeeperLink(stack.run / socket_name(peer))
        self.reply = sealing.new_box_keys()
        self.sign = sealing.sign_keys(Secret(sealing.random_bytes(32)))
        self.lots = random.Random(7)

    async def close(self) -> None:
        await self.link.close()

    async def ask(self, verb: Verb, *arguments: bytes) -> tuple[bytes, ...] | None:
        """The results, or None where the keeper refuses, whatever its word for it is."""
        try:
            return await self.link.ask(verb, *arguments)
        except KeeperRefusal:
            return None

    async def nonce(self) -> bytes:
        return (await self.link.ask(Verb.NONCE))[0]

    async def prove(self, verb: Verb, arguments: list[bytes], sign=None) -> tuple[bytes, ...]:
        """A proof by a key of one's own, in every other respect as it should be."""
        nonce = await self.nonce()
        return make_proof(sign or self.sign, verb, arguments, nonce, self.reply.public).fields

    async def try_everything(self, *, but: set[Verb] = frozenset(), sign=None) -> "Learned":
        """Every verb that this peer may use, with everything that the database knows."""
        learned = Learned()
        parts = await self._ingredients()
        for verb in Verb:
            if self.peer not in RULES[verb].peers or verb in but:
                continue
            shape = list(RULES[verb].arguments)
            needs_proof = tuple(shape[-len(PROOF) :]) == PROOF
            wanted = shape[: -len(PROOF)] if needs_proof else shape
            choices = [[part for part in parts if each.fits(part)] for each in wanted]
            tries = [list(each) for each in itertools.product(*choices)]
            for arguments in self.lots.sample(tries, min(len(tries), MOST_TRIES)):
                proof = await self.prove(verb, arguments, sign) if needs_proof else ()
                learned.take(verb, self.reply, await self.ask(verb, *arguments, *proof))
        return learned

    async def _ingredients(self) -> list[bytes]:
        start_key = (await self.link.ask(Verb.HELLO))[0]
        blobs = self.rows.outer_blobs()
        inner = [sealing.seal(Kind.KEEPER_REQUEST, start_key, blob) for blob in blobs[:4]]
        made_up = [bytes(16), bytes(20), sealing.random_bytes(16), sealing.random_bytes(32)]
        numbers = [u32(1), u32(1000), u64(int(time.time())), u64(0)]
        return [*self.rows.references(), *self.rows.names(), *blobs, *inner, *made_up, *numbers]


class Learned:
    """Every byte that came back, sealed answers opened where they open."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.verbs: set[Verb] = set()  # what was answered at all
        self.tried = 0

    def take(self, verb: Verb, reply, results: tuple[bytes, ...] | None) -> None:
        self.tried += 1
        if results is None:
            return
        self.verbs.add(verb)
        for part in results:
            self.parts.append(part)
            try:
                self.parts.append(sealing.open_sealed(Kind.KEEPER_ANSWER, reply, part))
            except CannotOpen:
                continue

    def all(self) -> bytes:
        return b"".join(self.parts)
