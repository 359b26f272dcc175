"""How the keeper is spoken to: verbs, who may use them, statuses, frames, shapes of arguments.

docs/keeper.md, sections 2 and 3. Shared by the keeper, its clients and their tests, so that each
field is written down once. Bodies that travel sealed, and proofs, are in `vault.keeper_requests`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum, unique
from types import MappingProxyType
from typing import Final, NamedTuple

from vault.sealing import (
    HASH_SIZE,
    ID_SIZE,
    KEY_SIZE,
    OUTER_OVERHEAD,
    SEAL_OVERHEAD,
    SIGNATURE_SIZE,
    TAG_SIZE,
    Malformed,
    pack,
    unpack,
)

VERSION: Final = 1
MAX_FRAME: Final = 65_536
MAX_BLOB: Final = 20_000  # the largest bucket, sealed and under its outer layer, with room
MAX_ENTRY: Final = 16_384
MAX_ROSTER_ANSWER: Final = 60_000
NONCE_SIZE: Final = 32
TOKEN_SIZE: Final = 32
REFERENCE_SIZE: Final = 20
TEAM_WRAP_SIZE: Final = SEAL_OVERHEAD + 116
CLIENT_WRAP_SIZE: Final = SEAL_OVERHEAD + 112
GRANT_SIZE: Final = SEAL_OVERHEAD + 36
STAFF_WRAP_SIZE: Final = 75
MAX_WRAPS: Final = 8  # of one person: the slot in use, and others that waited to be let in
FREED_SIZE: Final = REFERENCE_SIZE + 1 + ID_SIZE
LIVING_SIZE: Final = FREED_SIZE + 4
FROM_FIRST: Final = 2**32 - 1  # "after" this slot comes the first one
MAX_REFERENCES: Final = 3_000
MAX_FREED: Final = 1_700
JOIN_CODE_DIGITS: Final = 10
MOST_ADDRESSES: Final = 4  # of one conversation
WAY_SIZE: Final = 9
WAYS_SIZE: Final = 1 + MOST_ADDRESSES * WAY_SIZE
MAX_LIVING: Final = 1_500
MOST_BEFORE_PINNING: Final = 100_000  # versions of the details that no keeper has pinned
MIRROR_PART_SIZE: Final = 60_000

_LENGTH_SIZE: Final = 4
_HEAD_SIZE: Final = 6
_ANSWER_STATUS_AT: Final = 5


class Peer(StrEnum):
    """Who is at the other end, by the socket that was used."""

    WEB = "web"
    DESK = "desk"
    COURIER = "courier"
    CARETAKER = "caretaker"
    OPERATOR = "operator"


def socket_name(peer: Peer) -> str:
    """The name of a peer's socket in the runtime folder."""
    return f"keeper-{peer}.sock"


class Status(IntEnum):
    """How a request ended."""

    OK = 0
    REFUSED = 1
    FULL = 2
    BUSY = 3
    MALFORMED = 4
    NOT_YOURS = 5
    CLOCK = 6
    NO_ROOT = 7
    FAILED = 8


@unique
class Verb(IntEnum):
    """What can be asked of the keeper."""

    HELLO = 0x01
    ROSTER = 0x02
    NONCE = 0x03
    SLOT_KEYS = 0x04
    STANDING = 0x05
    DETAILS = 0x06
    CREATE = 0x10
    FIND = 0x11
    OPEN_CLIENT_WRAP = 0x12
    ERASE = 0x13
    CHANGE_DUE = 0x14
    CLIENT_WROTE = 0x15
    COURIER_CREATE = 0x20
    FIND_ADDRESS = 0x21
    OPEN_ADDRESS = 0x22
    UNWRAP_OUTBOX = 0x23
    COURIER_ERASE = 0x24
    START_OVER = 0x28
    SEAL_ADDRESS = 0x29
    SAFE_HOURS = 0x2A
    COURIER_CLIENT_WROTE = 0x25
    COURIER_CHANGE_DUE = 0x26
    COURIER_ANNOUNCE = 0x27
    CARETAKER_ANNOUNCE = 0x30
    FORGET_DUE = 0x31
    REPORT_COUNTER = 0x32
    LIVE = 0x33
    ALL_LIVE = 0x34
    FREE_ORPHANS = 0x35
    SET_UP_KEYS = 0x40
    SET_UP_PREPARE = 0x41
    SET_UP_PIN = 0x42
    SIGN_IN_SALT = 0x43
    SIGN_IN = 0x44
    OPEN_TEAM_WRAP = 0x45
    REPLIED = 0x46
    CLOSE = 0x47
    REWRAP = 0x48
    HOLD = 0x49
    APPEND = 0x4A
    PUT_GRANT = 0x4B
    PIN_DETAILS = 0x4C
    INVITE = 0x80
    INVITATION = 0x81
    JOIN = 0x82
    TEAM = 0x83
    WITHDRAW = 0x84
    OWN_GRANTS = 0x85
    RECOVER = 0x86
    SET_UP_TOKEN = 0x50
    STATUS = 0x51
    CLOCK_IS_RIGHT = 0x52
    ADOPT = 0x53
    MAKE_JOIN_CODE = 0x60
    REDEEM_JOIN_CODE = 0x61
    CLIENT_JOIN_CODE = 0x62
    CLIENT_HOURS = 0x63
    CLIENT_PART = 0x64
    PAGE_CODE = 0x65
    PAGE_PROPOSE = 0x66
    PAGE_ASKED = 0x67
    PAGE_CONFIRM = 0x68
    PAGE_ASKING = 0x69
    PAGE_WRAP = 0x6A
    PAGE_LET_IN = 0x6B
    PAGE_REFUSE = 0x6C
    TEAM_WAYS = 0x6D
    MIRROR_KEY = 0x70
    MIRROR_PART = 0x71
    MIRROR_DONE = 0x72


# --- fields -------------------------------------------------------------------------------


class Field(NamedTuple):
    """How long a field may be: from `least` to `most` bytes in steps of `step`."""

    least: int
    most: int
    step: int = 1

    def fits(self, value: bytes) -> bool:
        """Whether the field's length is one of those allowed."""
        extra = len(value) - self.least
        return 0 <= extra <= self.most - self.least and extra % self.step == 0


Shape = tuple[Field, ...]


def exactly(size: int) -> Field:
    """A field of this many bytes."""
    return Field(size, size)


def optional(size: int) -> Field:
    """A field of this many bytes, or an empty one."""
    return Field(0, size, size)


def at_most(size: int) -> Field:
    """A field of any length up to this."""
    return Field(0, size)


def items(size: int, most: int) -> Field:
    """Up to `most` things of `size` bytes, one after the other."""
    return Field(0, size * most, size)


U8: Final = exactly(1)
U16: Final = exactly(2)
U32: Final = exactly(4)
U64: Final = exactly(8)
ID: Final = exactly(ID_SIZE)
TAG: Final = exactly(TAG_SIZE)
KEY: Final = exactly(KEY_SIZE)
HASH: Final = exactly(HASH_SIZE)
REFERENCE: Final = exactly(REFERENCE_SIZE)
BLOB: Final = at_most(MAX_BLOB)
INNER: Final = at_most(MAX_BLOB - OUTER_OVERHEAD)
SEALED: Final = Field(SEAL_OVERHEAD, MAX_BLOB + MAX_ENTRY)
PROOF: Final[Shape] = (exactly(NONCE_SIZE), KEY, exactly(SIGNATURE_SIZE))


def read_fields(shape: Shape, packed: bytes) -> tuple[bytes, ...]:
    """Packed fields that have this shape; raises Malformed otherwise."""
    fields = unpack(packed, len(shape))
    if not all(each.fits(value) for each, value in zip(shape, fields, strict=True)):
        raise Malformed("a field's length is not that of its kind")
    return fields


def u8(number: int) -> bytes:
    """One byte."""
    return number.to_bytes(1, "big")


def u16(number: int) -> bytes:
    """Two bytes, big-endian."""
    return number.to_bytes(2, "big")


def u32(number: int) -> bytes:
    """Four bytes, big-endian."""
    return number.to_bytes(4, "big")


def u64(number: int) -> bytes:
    """Eight bytes, big-endian."""
    return number.to_bytes(8, "big")


def number_of(data: bytes) -> int:
    """A big-endian number of any size."""
    return int.from_bytes(data, "big")


@dataclass(frozen=True, slots=True)
class Reference:
    """A slot and its random tag; with a wrong tag it does nothing."""

    slot: int
    tag: bytes = field(repr=False)

    @property
    def packed(self) -> bytes:
        """The 20 bytes as they travel and as the database keeps them."""
        return u32(self.slot) + self.tag

    @classmethod
    def of(cls, packed: bytes) -> Reference:
        """The reference in 20 bytes; raises Malformed for another length."""
        if len(packed) != REFERENCE_SIZE:
            raise Malformed("a slot reference has 20 bytes")
        return cls(number_of(packed[:4]), packed[4:])


# --- who may what, with which arguments ----------------------------------------------------


class Rule(NamedTuple):
    """Who may use a verb, what it is given and, unless the number varies, what it answers."""

    peers: frozenset[Peer]
    arguments: Shape
    results: Shape | None


_ALL: Final = frozenset(Peer)
_WEB: Final = frozenset({Peer.WEB})
_DESK: Final = frozenset({Peer.DESK})
_COURIER: Final = frozenset({Peer.COURIER})
_CARETAKER: Final = frozenset({Peer.CARETAKER})
_OPERATOR: Final = frozenset({Peer.OPERATOR})
_ASKING_STANDING: Final = frozenset({Peer.WEB, Peer.DESK, Peer.OPERATOR})
_ASKING_DETAILS: Final = _ASKING_STANDING | _COURIER
_OUTER_STAFF: Final = exactly(STAFF_WRAP_SIZE + OUTER_OVERHEAD)
_OUTER_TEAM: Final = exactly(TEAM_WRAP_SIZE + OUTER_OVERHEAD)
_OUTER_CLIENT: Final = exactly(CLIENT_WRAP_SIZE + OUTER_OVERHEAD)
_MAC: Final = exactly(HASH_SIZE)

RULES: Final[Mapping[Verb, Rule]] = MappingProxyType(
    {
        Verb.HELLO: Rule(_ALL, (), (KEY, ID, optional(HASH_SIZE), U64)),
        Verb.ROSTER: Rule(_ALL, (U32,), None),
        Verb.NONCE: Rule(_ALL, (), (exactly(NONCE_SIZE),)),
        Verb.SLOT_KEYS: Rule(_ALL, (REFERENCE,), (ID, KEY, KEY, optional(KEY_SIZE), U8, U64, U64)),
        Verb.STANDING: Rule(_ASKING_STANDING, (), (U32, U8, U8, U64)),
        Verb.DETAILS: Rule(_ASKING_DETAILS, (), (U32, optional(HASH_SIZE))),
        Verb.CREATE: Rule(_WEB, (SEALED,), (REFERENCE, ID, _OUTER_TEAM, _OUTER_CLIENT, U64, U64)),
        Verb.FIND: Rule(_WEB, (TAG,), (REFERENCE, ID, U64, U64)),
        Verb.OPEN_CLIENT_WRAP: Rule(_WEB, (TAG, BLOB, *PROOF), (SEALED,)),
        Verb.ERASE: Rule(_WEB, (TAG, *PROOF), (REFERENCE, ID, SEALED)),
        Verb.CHANGE_DUE: Rule(_WEB, (TAG, U64, *PROOF), (U64, SEALED)),
        Verb.CLIENT_WROTE: Rule(_WEB, (TAG, *PROOF), (REFERENCE, ID, U64, SEALED)),
        Verb.COURIER_CREATE: Rule(
            _COURIER, (SEALED,), (REFERENCE, ID, _OUTER_TEAM, U64, U64, REFERENCE, BLOB)
        ),
        Verb.FIND_ADDRESS: Rule(_COURIER, (KEY,), (REFERENCE, REFERENCE, ID, KEY, KEY, U64)),
        Verb.OPEN_ADDRESS: Rule(_COURIER, (REFERENCE, BLOB), (BLOB, U16, U16)),
        Verb.SEAL_ADDRESS: Rule(_COURIER, (REFERENCE, BLOB), (BLOB,)),
        Verb.SAFE_HOURS: Rule(_COURIER, (REFERENCE, U16, U16), ()),
        Verb.UNWRAP_OUTBOX: Rule(_COURIER, (REFERENCE, ID, BLOB), (BLOB,)),
        Verb.COURIER_ERASE: Rule(_COURIER, (REFERENCE,), (U8, ID)),
        Verb.START_OVER: Rule(_COURIER, (REFERENCE,), (U8, ID)),
        Verb.COURIER_CLIENT_WROTE: Rule(_COURIER, (REFERENCE,), (U64, U64)),
        Verb.COURIER_CHANGE_DUE: Rule(_COURIER, (REFERENCE, U64), (U64,)),
        Verb.MAKE_JOIN_CODE: Rule(_COURIER, (REFERENCE,), (exactly(JOIN_CODE_DIGITS),)),
        Verb.REDEEM_JOIN_CODE: Rule(
            _COURIER,
            (exactly(JOIN_CODE_DIGITS), KEY, U8, U16),
            (REFERENCE, REFERENCE, ID, KEY, KEY, U64, U64),
        ),
        Verb.CLIENT_JOIN_CODE: Rule(_WEB, (TAG, *PROOF), (SEALED,)),
        Verb.CLIENT_HOURS: Rule(_WEB, (TAG, U8, U16, U16, *PROOF), (SEALED,)),
        Verb.CLIENT_PART: Rule(_WEB, (TAG, U8, *PROOF), (SEALED,)),
        Verb.PAGE_CODE: Rule(_COURIER, (REFERENCE,), (exactly(JOIN_CODE_DIGITS),)),
        Verb.PAGE_PROPOSE: Rule(_WEB, (SEALED,), ()),
        Verb.PAGE_ASKED: Rule(
            _COURIER, (REFERENCE,), (optional(JOIN_CODE_DIGITS), optional(HASH_SIZE), U8)
        ),
        Verb.PAGE_CONFIRM: Rule(_COURIER, (REFERENCE, optional(HASH_SIZE)), ()),
        Verb.PAGE_ASKING: Rule(_DESK, (REFERENCE, ID, *PROOF), (SEALED,)),
        Verb.PAGE_WRAP: Rule(
            _DESK, (REFERENCE, ID, U32, SEALED, *PROOF), (_OUTER_TEAM, _OUTER_CLIENT, SEALED)
        ),
        Verb.PAGE_LET_IN: Rule(_DESK, (REFERENCE, ID, HASH, *PROOF), (SEALED,)),
        Verb.PAGE_REFUSE: Rule(_DESK, (REFERENCE, ID, HASH, *PROOF), (SEALED,)),
        Verb.COURIER_ANNOUNCE: Rule(_COURIER, (KEY, KEY), ()),
        Verb.CARETAKER_ANNOUNCE: Rule(_CARETAKER, (KEY,), ()),
        Verb.FORGET_DUE: Rule(_CARETAKER, (U32,), (items(FREED_SIZE, MAX_FREED), U8)),
        Verb.REPORT_COUNTER: Rule(_CARETAKER, (ID, U64), (U8,)),
        Verb.LIVE: Rule(
            _CARETAKER | _OPERATOR, (items(REFERENCE_SIZE, MAX_REFERENCES),), (at_most(3000),)
        ),
        Verb.ALL_LIVE: Rule(
            _CARETAKER | _OPERATOR, (U32, U32), (items(LIVING_SIZE, MAX_LIVING), U8)
        ),
        Verb.FREE_ORPHANS: Rule(_CARETAKER, (items(REFERENCE_SIZE, MAX_REFERENCES),), (U32,)),
        Verb.SET_UP_KEYS: Rule(_DESK, (), (KEY, KEY, KEY, KEY, _MAC)),
        Verb.SET_UP_PREPARE: Rule(
            _DESK, (SEALED, _MAC), (ID, TAG, optional(STAFF_WRAP_SIZE + OUTER_OVERHEAD))
        ),
        Verb.SET_UP_PIN: Rule(_DESK, (SEALED, _MAC), (HASH,)),
        Verb.SIGN_IN_SALT: Rule(_DESK, (TAG,), (TAG,)),
        Verb.SIGN_IN: Rule(_DESK, (SEALED, items(_OUTER_STAFF.most, MAX_WRAPS)), (ID, U8, SEALED)),
        Verb.OPEN_TEAM_WRAP: Rule(_DESK, (REFERENCE, ID, U32, BLOB, *PROOF), (SEALED,)),
        Verb.TEAM_WAYS: Rule(_DESK, (REFERENCE, ID, *PROOF), (SEALED,)),
        Verb.REPLIED: Rule(
            _DESK, (REFERENCE, ID, ID, at_most(SEALED.most), *PROOF), (U64, BLOB, SEALED)
        ),
        Verb.CLOSE: Rule(_DESK, (REFERENCE, ID, *PROOF), (U64, SEALED)),
        Verb.REWRAP: Rule(_DESK, (REFERENCE, ID, U32, SEALED, *PROOF), (_OUTER_TEAM, SEALED)),
        Verb.HOLD: Rule(_DESK, (REFERENCE, ID, U64, *PROOF), (U64, SEALED)),
        Verb.APPEND: Rule(_DESK, (ID, at_most(MAX_ENTRY), *PROOF), (HASH, SEALED)),
        Verb.PUT_GRANT: Rule(_DESK, (ID, ID, U32, exactly(GRANT_SIZE), *PROOF), (SEALED,)),
        Verb.PIN_DETAILS: Rule(_DESK, (ID, U32, HASH, *PROOF), (SEALED,)),
        Verb.INVITE: Rule(_DESK, (ID, ID, U8, KEY, *PROOF), (U64, SEALED)),
        Verb.INVITATION: Rule(_DESK, (KEY,), (ID, U8, U64, U8)),
        Verb.JOIN: Rule(
            _DESK,
            (KEY, SEALED, *PROOF),
            (U8, ID, TAG, optional(STAFF_WRAP_SIZE + OUTER_OVERHEAD)),
        ),
        Verb.TEAM: Rule(_DESK, (ID, *PROOF), (SEALED,)),
        Verb.WITHDRAW: Rule(_DESK, (ID, ID, *PROOF), (SEALED,)),
        Verb.OWN_GRANTS: Rule(_DESK, (ID, *PROOF), (SEALED,)),
        Verb.RECOVER: Rule(_DESK, (ID, *PROOF), (U8, SEALED)),
        Verb.SET_UP_TOKEN: Rule(_OPERATOR, (), (exactly(TOKEN_SIZE), U64)),
        Verb.STATUS: Rule(_OPERATOR, (), (at_most(MAX_BLOB),)),
        Verb.CLOCK_IS_RIGHT: Rule(_OPERATOR, (), ()),
        Verb.ADOPT: Rule(_OPERATOR, (ID, U64), ()),
        Verb.MIRROR_KEY: Rule(_OPERATOR, (optional(KEY_SIZE),), (optional(KEY_SIZE),)),
        Verb.MIRROR_PART: Rule(_OPERATOR, (U64,), (at_most(MIRROR_PART_SIZE), U8)),
        Verb.MIRROR_DONE: Rule(_OPERATOR, (U64,), (U64,)),
    }
)


# --- refusals -----------------------------------------------------------------------------


class KeeperRefusal(Exception):
    """A request that did not end well; each status has its own class."""

    status: Status


class Refused(KeeperRefusal):
    """Wrong tag, unknown slot or name, or a proof that is bad, missing or stale; never said which.

    Nothing has changed.
    """

    status = Status.REFUSED


class SlotsFull(KeeperRefusal):
    """No slot is left for this kind of record."""

    status = Status.FULL


class Busy(KeeperRefusal):
    """A budget is used up; try again after `seconds`."""

    status = Status.BUSY

    def __init__(self, seconds: int) -> None:
        super().__init__(f"try again in {seconds} seconds")
        self.seconds = seconds


class BadRequest(KeeperRefusal):
    """The request has not the form of its verb: a mistake in the program that made it."""

    status = Status.MALFORMED


class NotYours(KeeperRefusal):
    """This peer may not use this verb."""

    status = Status.NOT_YOURS


class ClockInDoubt(KeeperRefusal):
    """Forgetting by time is paused until the operator says that the clock is right."""

    status = Status.CLOCK


class NoRoot(KeeperRefusal):
    """Nobody has been set up yet."""

    status = Status.NO_ROOT


class KeeperFailed(KeeperRefusal):
    """The disk refused the write; nothing has changed and the same request may be repeated."""

    status = Status.FAILED


_REFUSALS: Final[Mapping[Status, type[KeeperRefusal]]] = MappingProxyType(
    {
        each.status: each
        for each in (Refused, SlotsFull, BadRequest, NotYours, ClockInDoubt, NoRoot, KeeperFailed)
    }
)


def refusal_of(status: Status, packed: bytes) -> KeeperRefusal:
    """The exception for a status other than *ok*; raises Malformed for odd fields."""
    if status is Status.BUSY:
        return Busy(number_of(read_fields((U32,), packed)[0]))
    return _REFUSALS[status](status.name.lower())


# --- frames -------------------------------------------------------------------------------


def frame(body: bytes) -> bytes:
    """The body behind its length; raises Malformed above 65,536 bytes."""
    if len(body) > MAX_FRAME:
        raise Malformed(f"a frame holds at most {MAX_FRAME} bytes")
    return u32(len(body)) + body


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """The next body.

    Raises Malformed for a longer one than is allowed, EOFError (IncompleteReadError) at the end.
    """
    size = number_of(await reader.readexactly(_LENGTH_SIZE))
    if size > MAX_FRAME:
        raise Malformed(f"a frame holds at most {MAX_FRAME} bytes")
    return await reader.readexactly(size)


async def write_frame(writer: asyncio.StreamWriter, body: bytes) -> None:
    """Send a body, waiting while the other side does not read."""
    writer.write(frame(body))
    await writer.drain()


def encode_request(number: int, verb: int, *arguments: bytes) -> bytes:
    """The body of a request."""
    return bytes((VERSION,)) + u32(number) + bytes((verb,)) + pack(*arguments)


def decode_request(body: bytes) -> tuple[int, int, bytes]:
    """Request number, verb's number and packed arguments; raises Malformed."""
    _check_head(body)
    return number_of(body[1:5]), body[5], body[_HEAD_SIZE:]


def request_number_of(body: bytes) -> int:
    """The number to answer to, as far as even a malformed body has one; 0 otherwise."""
    return number_of(body[1:5])


def encode_answer(number: int, status: Status, *results: bytes) -> bytes:
    """The body of an answer."""
    return bytes((VERSION,)) + u32(number) + bytes((status,)) + pack(*results)


def decode_answer(body: bytes) -> tuple[int, Status, bytes]:
    """Request number, status and packed results; raises Malformed."""
    _check_head(body)
    try:
        status = Status(body[_ANSWER_STATUS_AT])
    except ValueError:
        raise Malformed("the answer's status is unknown") from None
    return number_of(body[1:5]), status, body[_HEAD_SIZE:]


def _check_head(body: bytes) -> None:
    if len(body) < _HEAD_SIZE or body[0] != VERSION:
        raise Malformed("this is not a frame of this version")
