"""The bodies of the desk's requests: JSON in which bytes are base64url without padding.

A field that is missing, too many or of another size is refused as a whole (`Malformed`); nothing
of a request is ever quoted.
"""

import base64
import binascii
from typing import Annotated, ClassVar, Final, TypeVar

import msgspec

from vault.attachment_format import MOST_IN_A_MESSAGE
from vault.keeper_protocol import MAX_ENTRY
from vault.keeper_requests import Proof
from vault.sealing import ID_SIZE, KEY_SIZE, SIGNATURE_SIZE, Malformed

LONGEST_BODY: Final = 131_072  # an envelope and an outbox request of the largest size, as JSON
_LONGEST_BLOB: Final = 20_000
_MOST_ROWS: Final = 200
_LONGEST_TOKEN: Final = 64


def to_text(value: bytes) -> str:
    """Bytes as they stand in JSON."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def to_text_or_none(value: bytes | None) -> str | None:
    """The same, where there may be nothing."""
    return None if value is None else to_text(value)


class Sized(bytes):
    """Bytes of a request, between `least` and `most` of them."""

    least: ClassVar[int] = 0
    most: ClassVar[int] = _LONGEST_BLOB


class Id(Sized):
    """A conversation's, message's or person's id."""

    least = most = ID_SIZE


class IdOrNone(Sized):
    """An id, or nothing, before all of them."""

    most = ID_SIZE


class Tag(Sized):
    """A login tag."""

    least = most = 16


class Key32(Sized):
    """A nonce, a public key or a MAC."""

    least = most = KEY_SIZE


class Signature(Sized):
    """An Ed25519 signature."""

    least = most = SIGNATURE_SIZE


class Blob(Sized):
    """Something sealed."""

    least = 1
    most = _LONGEST_BLOB + MAX_ENTRY


Number = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Few = Annotated[int, msgspec.Meta(ge=1, le=_MOST_ROWS)]
Epoch = Annotated[int, msgspec.Meta(ge=1, le=2**32 - 1)]
Channel = Annotated[str, msgspec.Meta(pattern="^[a-z]{1,16}$")]
Ids = Annotated[list[Id], msgspec.Meta(max_length=_MOST_ROWS)]


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request; a key it does not know is an error."""

    def __repr__(self) -> str:
        """Only which kind of request it is."""
        return type(self).__name__


class Nothing(Body, frozen=True):
    """A request without arguments."""


class Proved(Body, frozen=True):
    """A request that carries a proof for the keeper."""

    nonce: Key32
    reply: Key32
    signature: Signature

    @property
    def proof(self) -> Proof:
        """The proof as the keeper takes it."""
        return Proof(self.nonce, self.reply, self.signature)


class SetUp(Body, frozen=True):
    """Everything about the first person, sealed to the keeper, with its MAC."""

    request: Blob
    mac: Key32


class Salt(Body, frozen=True):
    """Whose salt is wanted."""

    tag: Tag


class SignIn(Body, frozen=True):
    """A sign-in, sealed to the keeper."""

    tag: Tag
    request: Blob


class After(Body, frozen=True):
    """From which change on."""

    after: Number


class Queue(Body, frozen=True):
    """The whole queue, or of it: its head, a page behind an id (empty: the first), or some rows."""

    conversations: Ids | None = None
    first: Few | None = None
    after: IdOrNone | None = None


class Of(Body, frozen=True):
    """One conversation."""

    conversation: Id


class Open(Proved, frozen=True):
    """Opening a conversation under the epoch that its wrap names."""

    conversation: Id
    epoch: Epoch


class Ways(Proved, frozen=True):
    """Asking for the messengers of a conversation that was opened before."""

    conversation: Id


class MessagesAfter(Body, frozen=True):
    """Further messages of one conversation."""

    conversation: Id
    after: Number


class Reply(Proved, frozen=True):
    """A reply; `seen` is the number of the newest message on the writer's screen.

    `channel` is the messenger by which it goes; None: the one where the conversation began.
    """

    conversation: Id
    message: Id
    envelope: Blob
    seen: Number
    outbox_request: Blob | None = None
    channel: Channel | None = None
    anyway: bool = False
    attached: Annotated[list[Id], msgspec.Meta(max_length=MOST_IN_A_MESSAGE)] = []


class Note(Body, frozen=True):
    """A note for the team."""

    conversation: Id
    message: Id
    envelope: Blob


class Draft(Body, frozen=True):
    """A draft to keep, or None to drop it."""

    conversation: Id
    envelope: Blob | None


class Urgency(Body, frozen=True):
    """An urgency set by hand; `seen` is the number of the newest message on the writer's screen."""

    conversation: Id
    urgency: Annotated[int, msgspec.Meta(ge=0, le=3)]
    seen: Number = 0


class Close(Proved, frozen=True):
    """Closing a conversation; with `seen` only where the client has not written since."""

    conversation: Id
    seen: Number | None = None


def read_token(header: str | None) -> bytes | None:
    """The session's token in a request's header; None for anything else."""
    if header is None or len(header) > _LONGEST_TOKEN:
        return None
    try:
        return _plain(header, Key32)
    except ValueError:
        return None


B = TypeVar("B", bound=Body)


def read_body(raw: bytes, kind: type[B]) -> B:
    """The body of a request; raises Malformed, without a word of it."""
    try:
        return msgspec.json.decode(raw, type=kind, dec_hook=_from_text)
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError):
        raise Malformed("this request is not of the form of its route") from None


_STANDARD: Final = bytes.maketrans(b"-_", b"+/")


def _from_text(kind: type, value: object) -> object:
    """Decode a field of bytes."""
    if not issubclass(kind, Sized) or not isinstance(value, str):
        raise TypeError("bytes are written as base64url")
    return _plain(value, kind)


def _plain(value: str, kind: type[Sized]) -> Sized:
    """What a text spells, strictly: no padding, no other alphabet, one spelling, its size."""
    text = value.encode("ascii")
    try:
        plain = base64.b64decode(text.translate(_STANDARD) + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise ValueError("bytes are written as base64url") from None
    if to_text(plain) != value or not kind.least <= len(plain) <= kind.most:
        raise ValueError("bytes are written as base64url, in the length of their field")
    return kind(plain)
