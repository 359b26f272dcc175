"""What travels to the keeper sealed or signed: bodies under its start key, and proofs.

docs/keeper.md, sections 2 and 3. Browsers make the same bytes; here they are made by the form
path, the courier and tests, and read by the keeper.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from vault.keeper_protocol import (
    CLIENT_WRAP_SIZE,
    GRANT_SIZE,
    ID,
    INNER,
    KEY,
    MAX_ENTRY,
    NONCE_SIZE,
    PROOF,
    STAFF_WRAP_SIZE,
    TAG,
    TEAM_WRAP_SIZE,
    U8,
    U16,
    U32,
    Field,
    Shape,
    Verb,
    at_most,
    exactly,
    number_of,
    read_fields,
    u8,
    u16,
    u32,
)
from vault.sealing import (
    BoxKeys,
    CannotOpen,
    Kind,
    Malformed,
    Secret,
    SignKeys,
    equal,
    header,
    labelled,
    labelled_hash,
    mac,
    open_sealed,
    pack,
    seal,
    unpack,
)
from vault.wraps import is_proof_verified, sign_proof

TOTP_SECRET_SIZE: Final = 20
LONGEST_NAME: Final = 160  # bytes of the name that clients see: forty characters of any script


@dataclass(frozen=True, slots=True)
class Periods:
    """What the client was promised, in hours: after silence, at the latest, after closing."""

    inactivity: int
    absolute: int
    closed: int


@dataclass(frozen=True, slots=True)
class NewConversation:
    """The body of *create* on the web."""

    conversation_id: bytes = field(repr=False)
    lookup_tag: bytes = field(repr=False)
    verify_key: bytes = field(repr=False)
    cpk: bytes
    npk: bytes
    epoch: int
    periods: Periods
    team_wrap: bytes = field(repr=False)
    client_wrap: bytes = field(repr=False)

    def sealed(self, start_key: bytes) -> bytes:
        """The request, which only the keeper that runs now can open."""
        return seal(
            Kind.KEEPER_REQUEST,
            start_key,
            pack(
                self.conversation_id,
                self.lookup_tag,
                self.verify_key,
                self.cpk,
                self.npk,
                u32(self.epoch),
                *_packed(self.periods),
                self.team_wrap,
                self.client_wrap,
            ),
        )

    @classmethod
    def open(cls, start: BoxKeys, request: bytes) -> NewConversation:
        """Read a request; raises CannotOpen, or Malformed for another body."""
        owner, lookup, verify, cpk, npk, epoch, *periods, team, client = _opened(
            start, request, _NEW_CONVERSATION
        )
        _check_kind(Kind.TEAM_WRAP, team)
        _check_kind(Kind.CLIENT_WRAP, client)
        return cls(
            owner, lookup, verify, cpk, npk, number_of(epoch), _periods(periods), team, client
        )


@dataclass(frozen=True, slots=True)
class NewMessengerConversation:
    """The body of *create* by the courier; `channel` as the slot file numbers them."""

    conversation_id: bytes = field(repr=False)
    cpk: bytes
    npk: bytes
    epoch: int
    channel: int
    periods: Periods
    team_wrap: bytes = field(repr=False)
    address_tag: bytes = field(repr=False)
    address_hours: int
    address: bytes = field(repr=False)

    def sealed(self, start_key: bytes) -> bytes:
        """The request, which only the keeper that runs now can open."""
        return seal(
            Kind.KEEPER_REQUEST,
            start_key,
            pack(
                self.conversation_id,
                self.cpk,
                self.npk,
                u32(self.epoch),
                u8(self.channel),
                *_packed(self.periods),
                self.team_wrap,
                self.address_tag,
                u16(self.address_hours),
                self.address,
            ),
        )

    @classmethod
    def open(cls, start: BoxKeys, request: bytes) -> NewMessengerConversation:
        """Read a request; raises CannotOpen, or Malformed for another body."""
        owner, cpk, npk, epoch, channel, *periods, team, tag, hours, address = _opened(
            start, request, _NEW_MESSENGER_CONVERSATION
        )
        _check_kind(Kind.TEAM_WRAP, team)
        _check_kind(Kind.ADDRESS, address)
        return cls(
            owner,
            cpk,
            npk,
            number_of(epoch),
            number_of(channel),
            _periods(periods),
            team,
            tag,
            number_of(hours),
            address,
        )


@dataclass(frozen=True, slots=True)
class SetUp:
    """The body of a set-up request: the first person, everything at once."""

    founding_entry: bytes = field(repr=False)
    login_tag: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    authentication: Secret
    totp_secret: Secret
    totp_code: int = field(repr=False)
    staff_wrap: bytes = field(repr=False)
    grant: bytes = field(repr=False)

    def sealed(self, start_key: bytes) -> bytes:
        """The request, which only the keeper that runs now can open."""
        return seal(
            Kind.KEEPER_REQUEST,
            start_key,
            pack(
                self.founding_entry,
                self.login_tag,
                self.salt,
                self.authentication.reveal(),
                self.totp_secret.reveal(),
                u32(self.totp_code),
                self.staff_wrap,
                self.grant,
            ),
        )

    @classmethod
    def open(cls, start: BoxKeys, request: bytes) -> SetUp:
        """Read a request; raises CannotOpen, or Malformed for another body."""
        entry, login, salt, part, totp, code, wrap, grant = _opened(start, request, _SET_UP)
        _check_kind(Kind.STAFF_WRAP, wrap)
        _check_kind(Kind.GRANT, grant)
        return cls(entry, login, salt, Secret(part), Secret(totp), number_of(code), wrap, grant)


def set_up_mac(token: Secret, request: bytes) -> bytes:
    """The MAC under the set-up token that goes with a sealed set-up request."""
    return mac(token, labelled("setup", request))


@dataclass(frozen=True, slots=True)
class SignIn:
    """The body of a sign-in; the answer is sealed to `reply_key`."""

    login_tag: bytes = field(repr=False)
    authentication: Secret
    totp_code: int = field(repr=False)
    nonce: bytes = field(repr=False)
    reply_key: bytes = field(repr=False)

    def sealed(self, start_key: bytes) -> bytes:
        """The request, which only the keeper that runs now can open."""
        part = self.authentication.reveal()
        body = pack(self.login_tag, part, u32(self.totp_code), self.nonce, self.reply_key)
        return seal(Kind.KEEPER_REQUEST, start_key, body)

    @classmethod
    def open(cls, start: BoxKeys, request: bytes) -> SignIn:
        """Read a request; raises CannotOpen, or Malformed for another body."""
        login, part, code, nonce, reply_key = _opened(start, request, _SIGN_IN)
        return cls(login, Secret(part), number_of(code), nonce, reply_key)


@dataclass(frozen=True, slots=True)
class Join:
    """The body of *join*: what a newcomer made, and how they will sign in."""

    shown_name: str = field(repr=False)
    box_key: bytes = field(repr=False)
    sign_key: bytes = field(repr=False)
    login_tag: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    authentication: Secret
    totp_secret: Secret
    totp_code: int = field(repr=False)
    staff_wrap: bytes = field(repr=False)

    def sealed(self, start_key: bytes) -> bytes:
        """The request, which only the keeper that runs now can open."""
        return seal(
            Kind.KEEPER_REQUEST,
            start_key,
            pack(
                self.shown_name.encode(),
                self.box_key,
                self.sign_key,
                self.login_tag,
                self.salt,
                self.authentication.reveal(),
                self.totp_secret.reveal(),
                u32(self.totp_code),
                self.staff_wrap,
            ),
        )

    @classmethod
    def open(cls, start: BoxKeys, request: bytes) -> Join:
        """Read a request; raises CannotOpen, or Malformed for another body."""
        shown, box, sign_key, login, salt, part, totp, code, wrap = _opened(start, request, _JOIN)
        _check_kind(Kind.STAFF_WRAP, wrap)
        try:
            name = shown.decode()
        except UnicodeDecodeError:
            raise Malformed("the name is not readable") from None
        return cls(
            name,
            box,
            sign_key,
            login,
            salt,
            Secret(part),
            Secret(totp),
            number_of(code),
            wrap,
        )


def sealed_inner(start_key: bytes, inner: bytes) -> bytes:
    """An inner outbox item or team wrap on its way to the keeper (*replied*, *re-wrap*)."""
    return seal(Kind.KEEPER_REQUEST, start_key, inner)


def open_inner(start: BoxKeys, kind: Kind, request: bytes) -> bytes:
    """The inner blob of this kind; raises CannotOpen, or Malformed for another kind."""
    inner = open_sealed(Kind.KEEPER_REQUEST, start, request)
    _check_kind(kind, inner)
    if not INNER.fits(inner) or (kind is Kind.TEAM_WRAP and len(inner) != TEAM_WRAP_SIZE):
        raise Malformed("the inner blob has another size than its kind")
    return inner


_PERIODS: Final[Shape] = (U16, U16, U16)
_NEW_CONVERSATION: Final[Shape] = (
    *(ID, TAG, KEY, KEY, KEY, U32),
    *_PERIODS,
    *(exactly(TEAM_WRAP_SIZE), exactly(CLIENT_WRAP_SIZE)),
)
_NEW_MESSENGER_CONVERSATION: Final[Shape] = (
    *(ID, KEY, KEY, U32, U8),
    *_PERIODS,
    *(exactly(TEAM_WRAP_SIZE), KEY, U16, INNER),
)
_SET_UP: Final[Shape] = (
    *(at_most(MAX_ENTRY), TAG, exactly(16), KEY, exactly(TOTP_SECRET_SIZE), U32),
    *(exactly(STAFF_WRAP_SIZE), exactly(GRANT_SIZE)),
)
_JOIN: Final[Shape] = (
    *(Field(1, LONGEST_NAME), KEY, KEY, TAG, exactly(16), KEY, exactly(TOTP_SECRET_SIZE), U32),
    exactly(STAFF_WRAP_SIZE),
)
_SIGN_IN: Final[Shape] = (TAG, KEY, U32, exactly(NONCE_SIZE), KEY)


def _opened(start: BoxKeys, request: bytes, shape: Shape) -> tuple[bytes, ...]:
    return read_fields(shape, open_sealed(Kind.KEEPER_REQUEST, start, request))


def _check_kind(kind: Kind, blob: bytes) -> None:
    if not blob.startswith(header(kind)):
        raise Malformed("an inner blob is of another kind")


def _packed(periods: Periods) -> tuple[bytes, bytes, bytes]:
    return u16(periods.inactivity), u16(periods.absolute), u16(periods.closed)


def _periods(fields: Sequence[bytes]) -> Periods:
    inactivity, absolute, closed = map(number_of, fields)
    return Periods(inactivity, absolute, closed)


# --- proofs -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proof:
    """The three fields at the end of a request that needs a signature."""

    nonce: bytes = field(repr=False)
    reply_key: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def fields(self) -> tuple[bytes, bytes, bytes]:
        """As they travel."""
        return self.nonce, self.reply_key, self.signature

    @classmethod
    def of(cls, fields: Sequence[bytes]) -> Proof:
        """The proof in the last three of a request's fields."""
        nonce, reply_key, signature = fields[-len(PROOF) :]
        return cls(nonce, reply_key, signature)


_Arguments = Sequence[bytes]

# Which arguments a proof signs, from all of them; what is long is signed by its hash.
_SIGNED: Final[Mapping[Verb, Callable[[_Arguments], tuple[bytes, ...]]]] = MappingProxyType(
    {
        Verb.OPEN_CLIENT_WRAP: lambda given: (given[0],),
        Verb.ERASE: lambda given: (given[0],),
        Verb.CHANGE_DUE: lambda given: (given[0], given[1]),
        Verb.CLIENT_WROTE: lambda given: (given[0],),
        Verb.CLIENT_JOIN_CODE: lambda given: (given[0],),
        Verb.CLIENT_HOURS: lambda given: tuple(given[:4]),
        Verb.CLIENT_PART: lambda given: (given[0], given[1]),
        Verb.PAGE_ASKING: lambda given: (given[0], given[1]),
        Verb.PAGE_WRAP: lambda given: (*given[:3], labelled_hash("page-wraps", given[3])),
        Verb.PAGE_LET_IN: lambda given: tuple(given[:3]),
        Verb.PAGE_REFUSE: lambda given: tuple(given[:3]),
        Verb.OPEN_TEAM_WRAP: lambda given: (given[0], given[1], given[2]),
        Verb.REPLIED: lambda given: (*given[:3], labelled_hash("outbox", given[3])),
        Verb.TEAM_WAYS: lambda given: (given[0], given[1]),
        Verb.CLOSE: lambda given: (given[0], given[1]),
        Verb.REWRAP: lambda given: (*given[:3], labelled_hash("rewrap", given[3])),
        Verb.HOLD: lambda given: (given[0], given[1], given[2]),
        Verb.APPEND: lambda given: (given[0], labelled_hash("entry", given[1])),
        Verb.PUT_GRANT: lambda given: (*given[:3], labelled_hash("grant", given[3])),
        Verb.PIN_DETAILS: lambda given: tuple(given[:3]),
        Verb.INVITE: lambda given: tuple(given[:4]),
        Verb.JOIN: lambda given: (given[0], labelled_hash("join", given[1])),
        Verb.TEAM: lambda given: (given[0],),
        Verb.WITHDRAW: lambda given: (given[0], given[1]),
        Verb.OWN_GRANTS: lambda given: (given[0],),
        Verb.RECOVER: lambda given: (given[0],),
    }
)


def signed_arguments(verb: Verb, arguments: Sequence[bytes]) -> tuple[bytes, ...]:
    """What of a verb's arguments its proof signs (docs/keeper.md, "Signed")."""
    return _SIGNED[verb](arguments)


def make_proof(
    keys: SignKeys, verb: Verb, arguments: Sequence[bytes], nonce: bytes, reply_key: bytes
) -> Proof:
    """The proof for one request; `arguments` are those before the proof."""
    signed = signed_arguments(verb, arguments)
    return Proof(nonce, reply_key, sign_proof(keys, nonce, verb, signed, reply_key))


def is_proof_of(sign_key: bytes, verb: Verb, arguments: Sequence[bytes], proof: Proof) -> bool:
    """Whether the owner of this Ed25519 key made the proof for this very request."""
    signed = signed_arguments(verb, arguments)
    return is_proof_verified(sign_key, proof.signature, proof.nonce, verb, signed, proof.reply_key)


def open_answer(reply: BoxKeys, nonce: bytes, sealed: bytes) -> tuple[bytes, ...]:
    """The fields of a sealed answer after the nonce; raises CannotOpen for another request's."""
    try:
        answered, *fields = unpack(open_sealed(Kind.KEEPER_ANSWER, reply, sealed), None)
    except (Malformed, ValueError):
        raise CannotOpen from None
    if not equal(answered, nonce):
        raise CannotOpen
    return tuple(fields)
