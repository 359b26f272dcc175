"""One sealed message: kinds 0x01 and 0x02 of docs/envelope.md, section 3.

Rules:

1. An envelope opens only as what its reader expects: kind, conversation and direction.
2. Only the combinations in `_VALID` exist; any other does not open.
3. The signature covers the recipient's public key, so no envelope moves to another conversation.
4. A signature that fails does not close the envelope: it is shown as *not verified*, and a message
   to the client that is not verified is never shown as the counsellor's words.
5. What is not verified decides nothing about order: it neither makes a verified message a repeat
   nor opens or fills a gap.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from vault.sealing import (
    BUCKETS,
    HEADER_SIZE,
    ID_SIZE,
    SIGNATURE_SIZE,
    TAG_SIZE,
    BoxKeys,
    CannotOpen,
    Kind,
    Malformed,
    SignKeys,
    equal,
    header,
    labelled_hash,
    open_sealed,
    pack,
    seal,
    sign,
    unpack,
    verify,
)

# conversation, message, writer, counter, direction, origin, epoch, time, flags, format, length
_FIELDS: Final = struct.Struct(">16s16s16sQBBIQBBI")
_OVERHEAD: Final = HEADER_SIZE + _FIELDS.size + SIGNATURE_SIZE
_DANGER: Final = 1
_LABEL: Final = "envelope"

MAX_BODY: Final = BUCKETS[-1] - 1 - _OVERHEAD
MAX_NUMBER: Final = 2**53 - 1  # counters and times: what a browser's numbers hold exactly


class Direction(IntEnum):
    """Who writes to whom, or which of the team's own records it is."""

    CLIENT_TO_TEAM = 1
    TEAM_TO_CLIENT = 2
    FINDING = 3
    NOTE = 4
    DRAFT = 5
    HANDOVER = 6
    JUDGEMENT = 7


class Origin(IntEnum):
    """Whose Ed25519 key signs."""

    CLIENT = 1
    COURIER = 2
    TEAM = 3
    CARETAKER = 4


class Format(IntEnum):
    """How the body is laid out; each is two packed texts."""

    MESSAGE = 1  # text, the name its reader sees or nothing
    FINDINGS = 2  # findings as JSON, language code
    NOTE = 3  # text, writer's name
    DRAFT = 4  # text, writer's name
    ATTACHMENTS = 6  # what is attached (docs/envelope.md, section 9), as for MESSAGE
    ANSWERS = 5  # answers to optional questions (docs/envelope.md, section 13), language code


_VALID: Final = frozenset(
    {
        (Kind.MESSAGE, Direction.CLIENT_TO_TEAM, Origin.CLIENT, Format.MESSAGE),
        (Kind.MESSAGE, Direction.CLIENT_TO_TEAM, Origin.CLIENT, Format.ATTACHMENTS),
        (Kind.MESSAGE, Direction.CLIENT_TO_TEAM, Origin.COURIER, Format.MESSAGE),
        (Kind.MESSAGE, Direction.CLIENT_TO_TEAM, Origin.COURIER, Format.ATTACHMENTS),
        (Kind.MESSAGE, Direction.CLIENT_TO_TEAM, Origin.CLIENT, Format.ANSWERS),
        (Kind.MESSAGE, Direction.CLIENT_TO_TEAM, Origin.COURIER, Format.ANSWERS),
        (Kind.MESSAGE, Direction.TEAM_TO_CLIENT, Origin.TEAM, Format.MESSAGE),
        (Kind.MESSAGE, Direction.TEAM_TO_CLIENT, Origin.TEAM, Format.ATTACHMENTS),
        (Kind.NOTE, Direction.FINDING, Origin.CARETAKER, Format.FINDINGS),
        (Kind.NOTE, Direction.NOTE, Origin.TEAM, Format.NOTE),
        (Kind.NOTE, Direction.DRAFT, Origin.TEAM, Format.DRAFT),
        (Kind.NOTE, Direction.HANDOVER, Origin.TEAM, Format.NOTE),
        (Kind.NOTE, Direction.JUDGEMENT, Origin.TEAM, Format.NOTE),
    }
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What stands inside the seal, signature apart. Neither body nor ids are printed."""

    conversation_id: bytes = field(repr=False)
    message_id: bytes = field(repr=False)
    writer_id: bytes = field(repr=False)
    counter: int  # that writer's, in this conversation and direction, from 1
    direction: Direction
    origin: Origin
    epoch: int  # the team's, from 1; 0 unless the origin is the team
    time_ms: int  # what the writer's clock said: shown, never trusted
    danger: bool  # "in danger now"
    format: Format
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Opened:
    """An envelope that opened, with what is needed to ask whose it is."""

    envelope: Envelope
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)


# --- bodies -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text:
    """The body of formats 1, 3, 4, 5 and 6."""

    text: str = field(repr=False)
    name: str = field(repr=False)
    """Pseudonym, name the client sees, or writer's name; of answers the language; may be ""."""


@dataclass(frozen=True, slots=True)
class Findings:
    """The body of format 2: the findings as JSON and the message's language code."""

    document: str = field(repr=False)
    language: str


def encode_body(body: Text | Findings) -> bytes:
    """The bytes that stand in an envelope for `body`."""
    if isinstance(body, Text):
        return pack(body.text.encode(), body.name.encode())
    return pack(body.document.encode(), body.language.encode())


def decode_text(envelope: Envelope) -> Text:
    """The body of an opened envelope of format 1, 3, 4, 5 or 6; raises CannotOpen for another."""
    if envelope.format is Format.FINDINGS:
        raise CannotOpen
    return Text(*_two_texts(envelope.body))


def decode_findings(envelope: Envelope) -> Findings:
    """The body of an opened envelope of format 2; raises CannotOpen for another."""
    if envelope.format is not Format.FINDINGS:
        raise CannotOpen
    return Findings(*_two_texts(envelope.body))


def _two_texts(body: bytes) -> tuple[str, str]:
    try:
        first, second = unpack(body, 2)
        return first.decode(), second.decode()
    except (Malformed, UnicodeDecodeError):
        raise CannotOpen from None


def finding_id(message_id: bytes) -> bytes:
    """The message id of the finding about a message, so that two findings of it are a repeat."""
    return labelled_hash("finding", message_id)[:TAG_SIZE]


# --- sealing and opening ------------------------------------------------------------------


def seal_envelope(
    content: Envelope, kind: Kind, recipient: bytes, signer: SignKeys, *, at_least: int = 0
) -> bytes:
    """`content` signed and sealed to the conversation's public key `recipient`.

    Padded to a bucket of `at_least` bytes.

    Raises TooLong for a body of more than `MAX_BODY` bytes and ValueError for content that
    could not be opened again.
    """
    if not _is_valid(kind, content):
        raise ValueError("these fields make no envelope; section 3 of docs/envelope.md lists them")
    fields = _FIELDS.pack(
        content.conversation_id,
        content.message_id,
        content.writer_id,
        content.counter,
        content.direction,
        content.origin,
        content.epoch,
        content.time_ms,
        _DANGER if content.danger else 0,
        content.format,
        len(content.body),
    )
    signature = sign(signer, _LABEL, b"".join((recipient, header(kind), fields, content.body)))
    plain = b"".join((fields, content.body, signature))
    return seal(kind, recipient, plain, padded=True, at_least=at_least)


def open_envelope(
    blob: bytes,
    kind: Kind,
    keys: BoxKeys,
    conversation_id: bytes,
    directions: Collection[Direction],
) -> Opened:
    """The envelope in `blob`, if it is of this kind, this conversation and one of `directions`.

    Whose it is stays open until `is_verified` is asked. Raises CannotOpen.
    """
    plain = open_sealed(kind, keys, blob, padded=True)
    if len(plain) < _FIELDS.size + SIGNATURE_SIZE:
        raise CannotOpen
    end = len(plain) - SIGNATURE_SIZE
    values = _FIELDS.unpack_from(plain)
    try:
        envelope = _envelope(values, plain[_FIELDS.size : end])
    except ValueError:
        raise CannotOpen from None
    if not (
        _is_valid(kind, envelope)
        and equal(envelope.conversation_id, conversation_id)
        and envelope.direction in directions
    ):
        raise CannotOpen
    _two_texts(envelope.body)
    signed = b"".join((keys.public, header(kind), plain[:end]))
    return Opened(envelope, signed, plain[end:])


def is_verified(opened: Opened, public: bytes) -> bool:
    """Whether the owner of the Ed25519 key `public` signed it for this recipient.

    Which key that must be is the reader's to know: by origin, and for the team by epoch.
    """
    return verify(public, opened.signature, _LABEL, opened.signed)


def _envelope(
    values: tuple[bytes, bytes, bytes, int, int, int, int, int, int, int, int], body: bytes
) -> Envelope:
    """Fields as they were unpacked; raises ValueError for a code or length that means nothing."""
    (conversation, message, writer, counter, direction, origin, epoch, *rest) = values
    (time_ms, flags, form, size) = rest
    if flags not in (0, _DANGER) or size != len(body):
        raise ValueError("unknown flags or another length")
    return Envelope(
        conversation_id=conversation,
        message_id=message,
        writer_id=writer,
        counter=counter,
        direction=Direction(direction),
        origin=Origin(origin),
        epoch=epoch,
        time_ms=time_ms,
        danger=flags == _DANGER,
        format=Format(form),
        body=body,
    )


def _is_valid(kind: Kind, envelope: Envelope) -> bool:
    """Rule 2, with the ranges of the numbers and the sizes of the ids."""
    is_team = envelope.origin is Origin.TEAM
    return (
        (kind, envelope.direction, envelope.origin, envelope.format) in _VALID
        and len(envelope.conversation_id) == ID_SIZE
        and len(envelope.message_id) == ID_SIZE
        and len(envelope.writer_id) == ID_SIZE
        and 1 <= envelope.counter <= MAX_NUMBER
        and 0 <= envelope.time_ms <= MAX_NUMBER
        and (1 <= envelope.epoch < 2**32 if is_team else envelope.epoch == 0)
    )


# --- order and replay ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """What a reader says about one message among those before it."""

    repeated: bool  # its id was seen: it is dropped
    missing: int  # how many of its writer's messages should have come before it and did not


class Reading:
    """A reader's way through one conversation, row by row: repeats and gaps.

    Row numbers order the screen; nothing else is believed of them.
    """

    def __init__(self) -> None:
        self._verified: set[bytes] = set()
        self._unverified: set[bytes] = set()
        self._last: dict[tuple[bytes, Direction], int] = {}
        self.repeats = 0  # how many were dropped

    def take(self, envelope: Envelope, *, verified: bool) -> Place:
        """The place of the next envelope; `verified` is what `is_verified` said of it."""
        message_id = envelope.message_id
        if message_id in self._verified or (not verified and message_id in self._unverified):
            self.repeats += 1
            return Place(repeated=True, missing=0)
        if not verified:
            self._unverified.add(message_id)
            return Place(repeated=False, missing=0)
        self._verified.add(message_id)
        writer = (envelope.writer_id, envelope.direction)
        last = self._last.get(writer, 0)
        self._last[writer] = max(last, envelope.counter)
        is_draft = envelope.direction is Direction.DRAFT  # drafts replace each other
        return Place(repeated=False, missing=0 if is_draft else max(0, envelope.counter - last - 1))
