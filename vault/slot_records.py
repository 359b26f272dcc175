"""The bytes of the slot file: its header and its records of 256 bytes (docs/keeper.md, 1).

Nothing here opens a file. A record is written as an *image* of 256 bytes with a MAC over the slot
number and everything before it; what is live is read back as one of three dataclasses, what is
free as None. Times are minutes since 1970, rounded up, so that nothing is forgotten early.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from vault.sealing import HASH_SIZE, ID_SIZE, KEY_SIZE, TAG_SIZE, Secret, equal, mac, random_bytes

RECORD_SIZE: Final = 256
HEADER_AREA: Final = 4096
HEADER_COPY: Final = 512  # the second copy begins here; a sector each, so a torn write hits one

NO_TAG: Final = bytes(TAG_SIZE)
NO_KEY: Final = bytes(KEY_SIZE)
NO_HASH: Final = bytes(HASH_SIZE)
ID_AT: Final = 25  # conversation id or staff id, in every live record
LOOKUP_AT: Final = 137  # in a conversation
ADDRESS_TAG_AT: Final = 73  # in an address
ADDRESS_SLOT_AT: Final = 105  # in an address: the slot of its conversation
LOGIN_AT: Final = 73  # in a staff record

_MAGIC: Final = b"HLSLOTS1"
_MAC_SIZE: Final = 16
_MAC_AT: Final = RECORD_SIZE - _MAC_SIZE
_FIELDS_AT: Final = 9
_FREE_SIZE: Final = _MAC_AT - _FIELDS_AT
_HEADER_CHECK_AT: Final = 480
_SLOT: Final = struct.Struct(">I")
_PREFIX: Final = struct.Struct(">BQ")
_HEADER: Final = struct.Struct(">8sIQ32s16sQQ32s32sB32sI32sI32s")
_CONVERSATION: Final = struct.Struct(">16s16s32s32s32s16s32sIIIIHHBB32s")
_ADDRESS: Final = struct.Struct(">16s16s32s32sI16sIIHBHH")
_STAFF: Final = struct.Struct(">16s16s32s16s16s32s20sIBIB")
_IN_DOUBT: Final = 1
_CLOSED: Final = 1
_KNOWN: Final = 2
_JOINED: Final = 4
_ASKED: Final = 8
_ACTIVE: Final = 1
_MINUTE: Final = 60
_LAST_MINUTE: Final = 2**32 - 1


class DamagedHeader(Exception):
    """Neither copy of a header holds, or the two files do not belong together."""


class RecordKind(IntEnum):
    """The first byte of a record."""

    FREE = 0
    CONVERSATION = 1
    ADDRESS = 2
    STAFF = 3


class Channel(IntEnum):
    """Where a conversation was born."""

    WEB = 1
    SIGNAL = 2
    MATRIX = 3
    DELTACHAT = 4
    LOOPBACK = 255


MESSENGERS: Final = frozenset(Channel) - {Channel.WEB}


@dataclass(frozen=True, slots=True)
class Header:
    """What the file says about itself; `last_time` in seconds, `root` zeros while there is none."""

    records: int
    counter: int
    mac_key: Secret
    pairing_id: bytes
    commits: int
    last_time: int
    root: bytes
    salt_secret: Secret
    is_in_doubt: bool
    setup_hash: bytes
    roster_number: int = 0  # of the roster's last entry
    roster_head: bytes = NO_HASH
    details_number: int = 0  # of the newest version of what the organisation says of itself
    details_hash: bytes = NO_HASH

    @property
    def has_root(self) -> bool:
        """Whether a set-up was pinned."""
        return self.root != NO_HASH


@dataclass(frozen=True, slots=True)
class Conversation:
    """A living conversation; times in minutes, periods in hours.

    `is_joined`: its client has a phrase and has let a messenger in too. `is_asked`: a page asks to
    go on here (docs/keeper.md, 0x65): lookup tag and verify key are what it proposes and open
    nothing. `box_key`: of a page that asks or was let in.
    """

    tag: bytes = field(repr=False)
    conversation_id: bytes = field(repr=False)
    s: Secret
    cpk: bytes = field(repr=False)
    npk: bytes = field(repr=False)
    lookup_tag: bytes = field(repr=False)
    verify_key: bytes = field(repr=False)
    created: int
    due: int
    latest: int
    hold_until: int
    inactivity: int
    closed_after: int
    channel: int
    is_closed: bool = False
    is_known: bool = False
    is_joined: bool = False
    is_asked: bool = False
    box_key: bytes = field(default=NO_KEY, repr=False)

    @property
    def has_phrase(self) -> bool:
        """Whether a return phrase finds it."""
        return self.lookup_tag != NO_TAG and not self.is_asked


@dataclass(frozen=True, slots=True)
class Address:
    """A living messenger address; times in minutes, `hours` its life after the last message.

    Safe hours are minutes of the day, from `begin` to before `end`; equal: at any time.
    """

    tag: bytes = field(repr=False)
    conversation_id: bytes = field(repr=False)
    s: Secret
    address_tag: bytes = field(repr=False)
    conversation_slot: int
    conversation_tag: bytes = field(repr=False)
    created: int
    due: int
    hours: int
    channel: int = 0
    begin: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Staff:
    """What the keeper checks when a person signs in; `locked_until` in minutes."""

    tag: bytes = field(repr=False)
    staff_id: bytes = field(repr=False)
    s: Secret
    login_tag: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    authentication_hash: bytes = field(repr=False)
    totp_secret: Secret
    last_step: int = 0
    failures: int = 0
    locked_until: int = 0
    is_active: bool = False


Record = Conversation | Address | Staff

KIND_OF: Final[dict[type[Record], RecordKind]] = {
    Conversation: RecordKind.CONVERSATION,
    Address: RecordKind.ADDRESS,
    Staff: RecordKind.STAFF,
}


def minutes_up(seconds: int) -> int:
    """Seconds since 1970 as whole minutes, never sooner."""
    return min(-(-seconds // _MINUTE), _LAST_MINUTE)


def seconds_of(minutes: int) -> int:
    """Minutes since 1970 as seconds."""
    return minutes * _MINUTE


# --- header -------------------------------------------------------------------------------


def new_header(records: int, now: int) -> Header:
    """The header of a new file, with random keys and pairing id; `now` in seconds."""
    return Header(
        records=records,
        counter=0,
        mac_key=Secret(random_bytes(KEY_SIZE)),
        pairing_id=random_bytes(ID_SIZE),
        commits=0,
        last_time=now,
        root=NO_HASH,
        salt_secret=Secret(random_bytes(KEY_SIZE)),
        is_in_doubt=False,
        setup_hash=NO_HASH,
    )


def header_image(header: Header) -> bytes:
    """One copy, 512 bytes."""
    fields = _HEADER.pack(
        _MAGIC,
        header.records,
        header.counter,
        header.mac_key.reveal(),
        header.pairing_id,
        header.commits,
        header.last_time,
        header.root,
        header.salt_secret.reveal(),
        _IN_DOUBT if header.is_in_doubt else 0,
        header.setup_hash,
        header.roster_number,
        header.roster_head,
        header.details_number,
        header.details_hash,
    ).ljust(_HEADER_CHECK_AT, b"\0")
    return fields + mac(header.mac_key, fields, HASH_SIZE)


def read_header(image: bytes) -> Header | None:
    """The header of one copy, or None if it does not hold."""
    if len(image) != HEADER_COPY or not image.startswith(_MAGIC):
        return None
    _, records, counter, key, pairing, commits, time, root, salt, flags, setup, *pins = (
        _HEADER.unpack_from(image)
    )
    roster_number, roster_head, details_number, details_hash = pins
    mac_key = Secret(key)
    fields, check = image[:_HEADER_CHECK_AT], image[_HEADER_CHECK_AT:]
    if not equal(mac(mac_key, fields, HASH_SIZE), check):
        return None
    return Header(
        records=records,
        counter=counter,
        mac_key=mac_key,
        pairing_id=pairing,
        commits=commits,
        last_time=time,
        root=root,
        salt_secret=Secret(salt),
        is_in_doubt=bool(flags & _IN_DOUBT),
        setup_hash=setup,
        roster_number=roster_number,
        roster_head=roster_head,
        details_number=details_number,
        details_hash=details_hash,
    )


def newest_header(areas: list[bytes]) -> tuple[Header, int]:
    """The valid header with the highest counter, and which copy (0 or 1) it stands in.

    `areas` are the header areas of both files. Raises DamagedHeader.
    """
    found: list[tuple[Header, int]] = []
    for area in areas:
        for copy in (0, 1):
            image = area[copy * HEADER_COPY : (copy + 1) * HEADER_COPY]
            header = read_header(image)
            if header is not None:
                found.append((header, copy))
    if not found:
        raise DamagedHeader(
            "no copy of the slot file's header holds; without it no record can be told from "
            "damage. Put the disk's last image of slots.bin and slots.twin in place"
        )
    if any(header.mac_key != found[0][0].mac_key for header, _ in found):
        raise DamagedHeader(
            "slots.bin and slots.twin are of different installations; put the pair that "
            "belongs together in place"
        )
    return max(found, key=lambda pair: pair[0].counter)


# --- records ------------------------------------------------------------------------------


def record_image(mac_key: Secret, slot: int, counter: int, record: Record | None) -> bytes:
    """The 256 bytes of a live record, or of a free one, whose fields are random."""
    if record is None:
        body = _PREFIX.pack(RecordKind.FREE, counter) + random_bytes(_FREE_SIZE)
    else:
        body = _PREFIX.pack(KIND_OF[type(record)], counter) + _fields_of(record)
        body = body.ljust(_MAC_AT, b"\0")
    return body + mac(mac_key, _SLOT.pack(slot) + body, _MAC_SIZE)


def holds(mac_key: Secret, slot: int, image: bytes) -> bool:
    """Whether the image's MAC is that of this slot; anything else is damage."""
    return equal(mac(mac_key, _SLOT.pack(slot) + image[:_MAC_AT], _MAC_SIZE), image[_MAC_AT:])


def counter_of(image: bytes) -> int:
    """How often this slot has been written."""
    counter: int = _PREFIX.unpack_from(image)[1]
    return counter


def read_record(image: bytes) -> Record | None:
    """What a valid image says; None for a free record."""
    kind = image[0]
    if kind == RecordKind.CONVERSATION:
        return _read_conversation(image)
    if kind == RecordKind.ADDRESS:
        tag, owner, s, address_tag, *rest = _ADDRESS.unpack_from(image, _FIELDS_AT)
        return Address(tag, owner, Secret(s), address_tag, *rest)
    if kind == RecordKind.STAFF:
        return _read_staff(image)
    return None


def _fields_of(record: Record) -> bytes:
    if isinstance(record, Conversation):
        return _conversation_fields(record)
    if isinstance(record, Address):
        return _ADDRESS.pack(
            record.tag,
            record.conversation_id,
            record.s.reveal(),
            record.address_tag,
            record.conversation_slot,
            record.conversation_tag,
            record.created,
            record.due,
            record.hours,
            record.channel,
            record.begin,
            record.end,
        )
    return _STAFF.pack(
        record.tag,
        record.staff_id,
        record.s.reveal(),
        record.login_tag,
        record.salt,
        record.authentication_hash,
        record.totp_secret.reveal(),
        record.last_step,
        record.failures,
        record.locked_until,
        _ACTIVE if record.is_active else 0,
    )


def _conversation_fields(record: Conversation) -> bytes:
    return _CONVERSATION.pack(
        record.tag,
        record.conversation_id,
        record.s.reveal(),
        record.cpk,
        record.npk,
        record.lookup_tag,
        record.verify_key,
        record.created,
        record.due,
        record.latest,
        record.hold_until,
        record.inactivity,
        record.closed_after,
        record.channel,
        _CLOSED * record.is_closed
        | _KNOWN * record.is_known
        | _JOINED * record.is_joined
        | _ASKED * record.is_asked,
        record.box_key,
    )


def _read_conversation(image: bytes) -> Conversation:
    tag, owner, s, cpk, npk, lookup, verify, *rest = _CONVERSATION.unpack_from(image, _FIELDS_AT)
    created, due, latest, hold, inactivity, closed, channel, flags, box_key = rest
    return Conversation(
        tag=tag,
        conversation_id=owner,
        s=Secret(s),
        cpk=cpk,
        npk=npk,
        lookup_tag=lookup,
        verify_key=verify,
        created=created,
        due=due,
        latest=latest,
        hold_until=hold,
        inactivity=inactivity,
        closed_after=closed,
        channel=channel,
        is_closed=bool(flags & _CLOSED),
        is_known=bool(flags & _KNOWN),
        is_joined=bool(flags & _JOINED),
        is_asked=bool(flags & _ASKED),
        box_key=box_key,
    )


def _read_staff(image: bytes) -> Staff:
    tag, owner, s, login, salt, hashed, totp, step, failures, locked, flags = _STAFF.unpack_from(
        image, _FIELDS_AT
    )
    return Staff(
        tag=tag,
        staff_id=owner,
        s=Secret(s),
        login_tag=login,
        salt=salt,
        authentication_hash=hashed,
        totp_secret=Secret(totp),
        last_step=step,
        failures=failures,
        locked_until=locked,
        is_active=bool(flags & _ACTIVE),
    )
