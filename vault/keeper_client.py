"""The other end of the keeper's sockets: one connection for each process, and typed verbs.

`KeeperLink` carries requests, many at once, and connects again when the connection broke. The
clients on top have one method for each verb of their peer (docs/keeper.md, 3) and hold nothing.
Every method raises `KeeperDown` where the keeper cannot be reached or does not answer in time,
and the refusals of `vault.keeper_protocol`: `Refused`, `SlotsFull`, `Busy`, `BadRequest`,
`NotYours`, `ClockInDoubt`, `NoRoot`, `KeeperFailed`. After `KeeperDown` it is not known whether
the request took effect; every verb that changes something may be repeated.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from vault.keeper_answers import (
    AddressErased,
    Appended,
    ClientWrote,
    Created,
    DueChanged,
    Erased,
    Found,
    FoundAddress,
    Freed,
    Held,
    Hello,
    Living,
    MessengerCreated,
    OpenedAddress,
    PinnedDetails,
    Replied,
    Rewrapped,
    RosterPart,
    SetUpKeys,
    SetUpPrepared,
    SetUpToken,
    SignedIn,
    SlotKeys,
    Standing,
)
from vault.keeper_protocol import (
    FREED_SIZE,
    FROM_FIRST,
    LIVING_SIZE,
    MAX_FRAME,
    MAX_LIVING,
    MAX_REFERENCES,
    REFERENCE_SIZE,
    RULES,
    Reference,
    Status,
    Verb,
    decode_answer,
    encode_request,
    frame,
    number_of,
    read_fields,
    read_frame,
    refusal_of,
    u16,
    u32,
    u64,
)
from vault.keeper_requests import NewConversation, NewMessengerConversation, Proof
from vault.sealing import Malformed, Secret, unpack

PATIENCE: Final = 10.0  # seconds for one answer
_FRAMES_READ_AHEAD: Final = 4


class KeeperDown(Exception):
    """The keeper cannot be reached, or did not answer; try again in a moment."""


# --- one connection -----------------------------------------------------------------------


class KeeperLink:
    """A connection to one of the keeper's sockets, made when it is first needed."""

    def __init__(self, path: Path, *, patience: float = PATIENCE) -> None:
        """`path` is the peer's socket, `patience` the seconds to wait for an answer."""
        self._path = path
        self._patience = patience
        self._connecting = asyncio.Lock()
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[tuple[Status, bytes] | None]] = {}
        self._number = 0
        self._start_key: bytes | None = None

    async def ask(self, verb: Verb, *arguments: bytes) -> tuple[bytes, ...]:
        """The results of one request; raises KeeperDown or the refusal."""
        try:
            async with asyncio.timeout(self._patience):
                status, packed = await self._answer(verb, arguments)
        except TimeoutError:
            raise KeeperDown("the keeper did not answer in time") from None
        except (OSError, EOFError):
            raise KeeperDown("the keeper cannot be reached") from None
        try:
            if status is not Status.OK:
                raise refusal_of(status, packed)
            shape = RULES[verb].results
            return unpack(packed, None) if shape is None else read_fields(shape, packed)
        except Malformed:
            raise KeeperDown("the keeper's answer is not of its verb's form") from None

    async def start_key(self) -> bytes:
        """The key to seal requests to, remembered until the connection breaks."""
        if self._start_key is None or self._writer is None:
            self._start_key = (await self.ask(Verb.HELLO))[0]
        return self._start_key

    async def close(self) -> None:
        """End the connection; what waits for an answer gets KeeperDown."""
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _answer(self, verb: Verb, arguments: Sequence[bytes]) -> tuple[Status, bytes]:
        writer = self._writer or await self._connected()
        self._number = number = (self._number + 1) % 2**32
        answer: asyncio.Future[tuple[Status, bytes] | None]
        self._waiting[number] = answer = asyncio.get_running_loop().create_future()
        try:
            writer.write(frame(encode_request(number, verb, *arguments)))
            await writer.drain()
            answered = await answer
        finally:
            del self._waiting[number]
        if answered is None:
            raise ConnectionResetError
        return answered

    async def _connected(self) -> asyncio.StreamWriter:
        async with self._connecting:
            if self._writer is None:
                reader, writer = await asyncio.open_unix_connection(
                    self._path, limit=_FRAMES_READ_AHEAD * MAX_FRAME
                )
                self._writer = writer
                self._reading = asyncio.create_task(self._read(reader, writer))
            return self._writer

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hand each answer to its request until the connection ends, then end all requests."""
        try:
            while True:
                number, status, packed = decode_answer(await read_frame(reader))
                answer = self._waiting.get(number)
                if answer is not None and not answer.done():
                    answer.set_result((status, packed))
        except (OSError, EOFError, Malformed):
            pass
        finally:
            self._writer, self._start_key = None, None
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_result(None)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


# --- the peers' verbs ---------------------------------------------------------------------


class PeerClient:
    """What every peer may ask."""

    def __init__(self, link: KeeperLink) -> None:
        self._link = link

    async def hello(self) -> Hello:
        """Who the keeper is."""
        start_key, pairing_id, root, now = await self._link.ask(Verb.HELLO)
        return Hello(start_key, pairing_id, root or None, number_of(now))

    async def standing(self) -> Standing:
        """Who can read, and the mirror; for web, desk and operator."""
        holders, on_paper, has_mirror, mirrored = await self._link.ask(Verb.STANDING)
        return Standing(
            number_of(holders), on_paper == b"\x01", has_mirror == b"\x01", number_of(mirrored)
        )

    async def details(self) -> PinnedDetails:
        """Which version of what the organisation says is the newest; not for the caretaker."""
        number, digest = await self._link.ask(Verb.DETAILS)
        return PinnedDetails(number_of(number), digest)

    async def roster(self, after: int = 0) -> RosterPart:
        """All entries after that number."""
        entries: list[bytes] = []
        while True:
            answer = await self._link.ask(Verb.ROSTER, u32(after + len(entries)))
            head, *more = answer or (b"",)
            entries += more
            if not more or sum(map(len, more)) < MAX_FRAME // 2:
                return RosterPart(head or None, tuple(entries))

    async def nonce(self) -> bytes:
        """A number for one proof, good for 120 seconds."""
        (nonce,) = await self._link.ask(Verb.NONCE)
        return nonce

    async def slot_keys(self, reference: Reference) -> SlotKeys:
        """What is public of a living conversation."""
        owner, cpk, npk, verify, channel, due, latest = await self._link.ask(
            Verb.SLOT_KEYS, reference.packed
        )
        numbers = map(number_of, (channel, due, latest))
        return SlotKeys(owner, cpk, npk, verify or None, *numbers)


class WebKeeper(PeerClient):
    """The verbs of the web process."""

    async def create(self, request: bytes) -> Created:
        """Make a conversation of a sealed request (`NewConversation.sealed`)."""
        reference, owner, team, client, due, latest = await self._link.ask(Verb.CREATE, request)
        return Created(
            Reference.of(reference), owner, team, client, number_of(due), number_of(latest)
        )

    async def create_here(self, conversation: NewConversation) -> Created:
        """Seal the request here and make the conversation: for the form path."""
        return await self.create(conversation.sealed(await self._link.start_key()))

    async def find(self, lookup_tag: bytes) -> Found:
        """Where the conversation of a lookup tag is."""
        reference, owner, due, latest = await self._link.ask(Verb.FIND, lookup_tag)
        return Found(Reference.of(reference), owner, number_of(due), number_of(latest))

    async def open_client_wrap(self, lookup_tag: bytes, outer: bytes, proof: Proof) -> bytes:
        """The sealed answer with the inner client wrap."""
        (answer,) = await self._link.ask(Verb.OPEN_CLIENT_WRAP, lookup_tag, outer, *proof.fields)
        return answer

    async def erase(self, lookup_tag: bytes, proof: Proof) -> Erased:
        """Forget a conversation now."""
        reference, owner, answer = await self._link.ask(Verb.ERASE, lookup_tag, *proof.fields)
        return Erased(Reference.of(reference), owner, answer)

    async def change_due(self, lookup_tag: bytes, due: int, proof: Proof) -> DueChanged:
        """Forget at another time (seconds)."""
        changed, answer = await self._link.ask(Verb.CHANGE_DUE, lookup_tag, u64(due), *proof.fields)
        return DueChanged(number_of(changed), answer)

    async def client_wrote(self, lookup_tag: bytes, proof: Proof) -> ClientWrote:
        """Move the date for a message."""
        reference, owner, due, answer = await self._link.ask(
            Verb.CLIENT_WROTE, lookup_tag, *proof.fields
        )
        return ClientWrote(Reference.of(reference), owner, number_of(due), answer)


class CourierKeeper(PeerClient):
    """The verbs of the courier."""

    async def create(self, conversation: NewMessengerConversation) -> MessengerCreated:
        """Make a conversation and its address, sealing the request here."""
        request = conversation.sealed(await self._link.start_key())
        reference, owner, team, due, latest, address, outer = await self._link.ask(
            Verb.COURIER_CREATE, request
        )
        return MessengerCreated(
            Reference.of(reference),
            owner,
            team,
            number_of(due),
            number_of(latest),
            Reference.of(address),
            outer,
        )

    async def find_address(self, address_tag: bytes) -> FoundAddress:
        """Whose an address is."""
        address, reference, owner, cpk, npk, due = await self._link.ask(
            Verb.FIND_ADDRESS, address_tag
        )
        references = Reference.of(address), Reference.of(reference)
        return FoundAddress(*references, owner, cpk, npk, number_of(due))

    async def open_address(self, address: Reference, outer: bytes) -> OpenedAddress:
        """The inner address, and when messages may come to it."""
        inner, begin, end = await self._link.ask(Verb.OPEN_ADDRESS, address.packed, outer)
        return OpenedAddress(inner, number_of(begin), number_of(end))

    async def set_safe_hours(self, address: Reference, begin: int, end: int) -> None:
        """Have messages come from `begin` to before `end` only (minutes of the day).

        Equal ones: at any time.
        """
        await self._link.ask(Verb.SAFE_HOURS, address.packed, u16(begin), u16(end))

    async def seal_address(self, address: Reference, inner: bytes) -> bytes:
        """The outer layer around an address that joined; an earlier one of its channel goes."""
        (outer,) = await self._link.ask(Verb.SEAL_ADDRESS, address.packed, inner)
        return outer

    async def unwrap_outbox(self, reference: Reference, message_id: bytes, outer: bytes) -> bytes:
        """The inner outbox item."""
        (inner,) = await self._link.ask(Verb.UNWRAP_OUTBOX, reference.packed, message_id, outer)
        return inner

    async def erase(self, address: Reference) -> AddressErased:
        """Forget an address, and its conversation where no phrase is set."""
        what, owner = await self._link.ask(Verb.COURIER_ERASE, address.packed)
        return AddressErased(number_of(what) == 1, owner)

    async def start_over(self, address: Reference) -> AddressErased:
        """Forget an address whose rows are missing, and a conversation that nobody ever opened."""
        what, owner = await self._link.ask(Verb.START_OVER, address.packed)
        return AddressErased(number_of(what) == 1, owner)

    async def client_wrote(self, address: Reference) -> tuple[int, int]:
        """Move both dates for a message; the conversation's new one, and the address's."""
        due, until = await self._link.ask(Verb.COURIER_CLIENT_WROTE, address.packed)
        return number_of(due), number_of(until)

    async def change_due(self, address: Reference, due: int) -> int:
        """Forget the conversation at another time (seconds)."""
        (changed,) = await self._link.ask(Verb.COURIER_CHANGE_DUE, address.packed, u64(due))
        return number_of(changed)

    async def announce(self, box_key: bytes, sign_key: bytes) -> None:
        """Say which keys the courier has."""
        await self._link.ask(Verb.COURIER_ANNOUNCE, box_key, sign_key)


class _SeesAll(PeerClient):
    """What caretaker and operator may ask alike."""

    async def live(self, references: Sequence[Reference]) -> list[bool]:
        """Which of these live, in their order; any number of them."""
        alive: list[bool] = []
        for at in range(0, len(references), MAX_REFERENCES):
            part = b"".join(each.packed for each in references[at : at + MAX_REFERENCES])
            (answer,) = await self._link.ask(Verb.LIVE, part)
            alive += (byte == 1 for byte in answer)
        return alive

    async def all_live(
        self, after: int | None = None, limit: int = MAX_LIVING
    ) -> tuple[list[Living], bool]:
        """Living conversations and addresses after a slot, and whether there are more."""
        start = FROM_FIRST if after is None else after
        lines, more = await self._link.ask(Verb.ALL_LIVE, u32(start), u32(limit))
        found = []
        for line in _cut(lines, LIVING_SIZE):
            freed = _freed(line[:FREED_SIZE])
            created = number_of(line[FREED_SIZE:])
            found.append(Living(freed.reference, freed.kind, freed.conversation_id, created))
        return found, more == b"\x01"


class CaretakerKeeper(_SeesAll):
    """The verbs of the caretaker."""

    async def announce(self, sign_key: bytes) -> None:
        """Say which key the caretaker has."""
        await self._link.ask(Verb.CARETAKER_ANNOUNCE, sign_key)

    async def forget_due(self, limit: int) -> tuple[list[Freed], bool]:
        """Free what is over; what was freed, and whether there is more."""
        lines, more = await self._link.ask(Verb.FORGET_DUE, u32(limit))
        return [_freed(line) for line in _cut(lines, FREED_SIZE)], more == b"\x01"

    async def report_counter(self, pairing_id: bytes, counter: int) -> int:
        """0: the database is current; 1: it is older than reported; 2: of another pairing."""
        (standing,) = await self._link.ask(Verb.REPORT_COUNTER, pairing_id, u64(counter))
        return number_of(standing)

    async def free_orphans(self, references: Sequence[Reference]) -> int:
        """Free conversations that nobody ever used; how many were."""
        packed = b"".join(each.packed for each in references)
        (freed,) = await self._link.ask(Verb.FREE_ORPHANS, packed)
        return number_of(freed)


class DeskKeeper(PeerClient):
    """The verbs of the desk."""

    async def set_up_keys(self) -> SetUpKeys:
        """What the first roster entry names."""
        return SetUpKeys(*await self._link.ask(Verb.SET_UP_KEYS))

    async def set_up_prepare(self, request: bytes, mac: bytes) -> SetUpPrepared:
        """Have a set-up checked; store the wrap and commit before pinning."""
        staff_id, login_tag, wrap = await self._link.ask(Verb.SET_UP_PREPARE, request, mac)
        return SetUpPrepared(staff_id, login_tag, wrap or None)

    async def set_up_pin(self, request: bytes, mac: bytes) -> bytes:
        """Make it count; the root fingerprint."""
        (root,) = await self._link.ask(Verb.SET_UP_PIN, request, mac)
        return root

    async def sign_in_salt(self, login_tag: bytes) -> bytes:
        """The salt of a name's password, whether or not there is such a name."""
        (salt,) = await self._link.ask(Verb.SIGN_IN_SALT, login_tag)
        return salt

    async def sign_in(self, request: bytes, outer_wrap: bytes) -> SignedIn:
        """Sign in with a sealed request (`SignIn.sealed`) and the stored staff wrap."""
        staff_id, roles, answer = await self._link.ask(Verb.SIGN_IN, request, outer_wrap)
        return SignedIn(staff_id, number_of(roles), answer)

    async def open_team_wrap(
        self, reference: Reference, staff_id: bytes, epoch: int, outer: bytes, proof: Proof
    ) -> bytes:
        """The sealed answer with the inner team wrap."""
        (answer,) = await self._link.ask(
            Verb.OPEN_TEAM_WRAP, reference.packed, staff_id, u32(epoch), outer, *proof.fields
        )
        return answer

    async def ways(self, reference: Reference, staff_id: bytes, proof: Proof) -> bytes:
        """The sealed answer with verify key and messengers of what this person opened before."""
        (answer,) = await self._link.ask(Verb.TEAM_WAYS, reference.packed, staff_id, *proof.fields)
        return answer

    async def replied(
        self,
        reference: Reference,
        staff_id: bytes,
        message_id: bytes,
        outbox_request: bytes | None,
        proof: Proof,
    ) -> Replied:
        """Move the date for a reply, and wrap what goes to a messenger."""
        due, item, answer = await self._link.ask(
            Verb.REPLIED,
            reference.packed,
            staff_id,
            message_id,
            outbox_request or b"",
            *proof.fields,
        )
        return Replied(number_of(due), item or None, answer)

    async def close(self, reference: Reference, staff_id: bytes, proof: Proof) -> DueChanged:
        """Close a conversation."""
        due, answer = await self._link.ask(Verb.CLOSE, reference.packed, staff_id, *proof.fields)
        return DueChanged(number_of(due), answer)

    async def rewrap(
        self, reference: Reference, staff_id: bytes, epoch: int, request: bytes, proof: Proof
    ) -> Rewrapped:
        """A team wrap for the current epoch, of a sealed inner one (`sealed_inner`)."""
        outer, answer = await self._link.ask(
            Verb.REWRAP, reference.packed, staff_id, u32(epoch), request, *proof.fields
        )
        return Rewrapped(outer, answer)

    async def hold(self, reference: Reference, staff_id: bytes, until: int, proof: Proof) -> Held:
        """Put off forgetting until then (seconds); a time in the past ends the hold."""
        held, answer = await self._link.ask(
            Verb.HOLD, reference.packed, staff_id, u64(until), *proof.fields
        )
        return Held(number_of(held), answer)

    async def append(self, staff_id: bytes, entry: bytes, proof: Proof) -> Appended:
        """Add an entry to the roster."""
        head, answer = await self._link.ask(Verb.APPEND, staff_id, entry, *proof.fields)
        return Appended(head, answer)

    async def put_grant(
        self, staff_id: bytes, member_id: bytes, epoch: int, grant: bytes, proof: Proof
    ) -> bytes:
        """Keep a team key sealed to a member; the sealed answer."""
        (answer,) = await self._link.ask(
            Verb.PUT_GRANT, staff_id, member_id, u32(epoch), grant, *proof.fields
        )
        return answer


class OperatorKeeper(_SeesAll):
    """The verbs of the operator's socket."""

    async def set_up_token(self) -> SetUpToken:
        """The secret of a new set-up link."""
        token, ends = await self._link.ask(Verb.SET_UP_TOKEN)
        return SetUpToken(Secret(token), number_of(ends))

    async def status(self) -> dict[str, Any]:
        """How the keeper is (docs/keeper.md, 0x51)."""
        (answer,) = await self._link.ask(Verb.STATUS)
        status: dict[str, Any] = json.loads(answer)
        return status

    async def clock_is_right(self) -> None:
        """End the doubt about the clock."""
        await self._link.ask(Verb.CLOCK_IS_RIGHT)

    async def adopt(self, pairing_id: bytes, counter: int) -> None:
        """Take a restored database as the current one."""
        await self._link.ask(Verb.ADOPT, pairing_id, u64(counter))


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def _freed(line: bytes) -> Freed:
    reference = Reference.of(line[:REFERENCE_SIZE])
    return Freed(reference, line[REFERENCE_SIZE], line[REFERENCE_SIZE + 1 :])
