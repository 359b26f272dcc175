"""The only place where cryptographic primitives are called; formats as in docs/envelope.md.

Everything here is libsodium's: X25519, XSalsa20-Poly1305 in sealed boxes,
XChaCha20-Poly1305-IETF (draft-irtf-cfrg-xchacha), Ed25519 (RFC 8032), Argon2id 1.3 (RFC 9106);
BLAKE2b (RFC 7693) comes from the standard library, which has the same one.

Rules:

1. Whatever cannot be opened raises `CannotOpen`, always with the same words, so that nobody
   learns from an error how near a forgery came.
2. What opens something is held in a `Secret`, which neither prints, pickles nor hashes.
3. A blob names version, suite and kind outside and inside its seal, so that none passes for
   another kind.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NoReturn

from nacl import bindings as sodium
from nacl.exceptions import CryptoError
from nacl.exceptions import RuntimeError as SodiumRefusal

VERSION: Final = 1
SUITE: Final = 1

HEADER_SIZE: Final = 3
KEY_SIZE: Final = 32
HASH_SIZE: Final = 32
SEED_SIZE: Final = 32
ID_SIZE: Final = 16
TAG_SIZE: Final = 16
SIGNATURE_SIZE: Final = 64
NONCE_SIZE: Final = 24
AEAD_TAG_SIZE: Final = 16
BOX_OVERHEAD: Final = 48  # ephemeral key 32, authenticator 16
SEAL_OVERHEAD: Final = 2 * HEADER_SIZE + BOX_OVERHEAD
AEAD_OVERHEAD: Final = NONCE_SIZE + AEAD_TAG_SIZE
OUTER_OVERHEAD: Final = HEADER_SIZE + 1 + AEAD_OVERHEAD
BUCKETS: Final = (512, 1024, 2048, 4096, 8192, 16384)

_DOMAIN: Final = b"havenline/1/"
_LENGTH_SIZE: Final = 4
_PAD_MARK: Final = b"\x80"
_R_LAST: Final = 31
_SIGN_BIT: Final = 0x80
_FIELD_TAIL: Final = b"\xff" * 30
_FIELD_LOW: Final = 0xED  # 2^255 - 19 in little-endian begins with this byte


class Kind(IntEnum):
    """The third byte of every blob: what it is."""

    MESSAGE = 0x01
    NOTE = 0x02
    TEAM_WRAP = 0x10
    CLIENT_WRAP = 0x11
    OUTBOX = 0x12
    ADDRESS = 0x13
    STAFF_WRAP = 0x14
    OUTER = 0x20
    GRANT = 0x30
    EARLIER_SEED = 0x31
    SCREENING = 0x40
    KEEPER_REQUEST = 0x41
    KEEPER_ANSWER = 0x42
    ROSTER_ENTRY = 0x50
    CHUNK = 0x60
    FORM_TOKEN = 0x70


class CannotOpen(Exception):
    """A blob did not open; why is never said."""

    def __init__(self) -> None:
        super().__init__("this cannot be opened: wrong key, or changed, or from elsewhere")


class Malformed(ValueError):
    """Packed fields are not laid out as their reader expects."""


class TooLong(ValueError):
    """A text does not fit into the largest bucket; shorten it or send it in parts."""


class Secret:
    """Bytes that open, sign or authenticate something.

    Comparison takes constant time. Printing shows `<secret>`; pickling, copying and hashing
    are refused, so that a secret ends up in no log, no file and no dictionary's keys by accident.
    """

    __slots__ = ("_value",)
    __hash__ = None  # type: ignore[assignment]  # the way Python spells "not hashable"

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """The bytes themselves, for the one call that needs them."""
        return self._value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value, other._value)

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format("<secret>", spec)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is neither copied nor pickled; hand on the object itself")


@dataclass(frozen=True, slots=True)
class BoxKeys:
    """An X25519 key pair (RFC 7748); both halves have 32 bytes."""

    secret: Secret
    public: bytes


@dataclass(frozen=True, slots=True)
class SignKeys:
    """An Ed25519 key pair (RFC 8032): the 32-byte seed and the 32-byte public key."""

    seed: Secret
    public: bytes


# --- fields -------------------------------------------------------------------------------


def header(kind: Kind) -> bytes:
    """The first three bytes of every blob: version, suite, kind."""
    return _HEADERS[kind]


_HEADERS: Final = {kind: bytes((VERSION, SUITE, kind)) for kind in Kind}


def pack(*fields: bytes) -> bytes:
    """Each field behind its length as u32, big-endian."""
    parts: list[bytes] = []
    for field in fields:
        parts.append(len(field).to_bytes(_LENGTH_SIZE, "big"))
        parts.append(field)
    return b"".join(parts)


def unpack(data: bytes, count: int | None) -> tuple[bytes, ...]:
    """The fields of `pack`; exactly `count` of them, or any number where it is None.

    Raises Malformed for fewer or more fields, a length that overruns, or bytes left over.
    """
    fields: list[bytes] = []
    at, end = 0, len(data)
    while at < end:
        start = at + _LENGTH_SIZE
        at = start + int.from_bytes(data[at:start], "big")
        if start > end or at > end:
            raise Malformed("packed fields end too early")
        fields.append(data[start:at])
    if count is not None and len(fields) != count:
        raise Malformed(f"{count} packed fields were expected")
    return tuple(fields)


def pad(plain: bytes, at_least: int = 0) -> bytes:
    """`plain` with 0x80 and zeros up to the smallest bucket, of `at_least` bytes.

    Raises TooLong above the largest.
    """
    needed = max(len(plain) + 1, at_least)
    for bucket in BUCKETS:
        if needed <= bucket:
            return (plain + _PAD_MARK).ljust(bucket, b"\0")
    raise TooLong(f"at most {BUCKETS[-1] - 1} bytes fit; shorten it or send it in parts")


def unpad(padded: bytes) -> bytes:
    """What `pad` was given; raises Malformed for a length or an end that it never makes."""
    plain = padded.rstrip(b"\0")
    if len(padded) not in BUCKETS or not plain.endswith(_PAD_MARK):
        raise Malformed("this is not padded")
    return plain[:-1]


# --- hashes -------------------------------------------------------------------------------


def labelled(label: str, message: bytes) -> bytes:
    """`"havenline/1/" ‖ label ‖ 0x00 ‖ message`: what is hashed, signed or authenticated."""
    return b"%b%b\0%b" % (_DOMAIN, label.encode(), message)


def labelled_hash(label: str, message: bytes) -> bytes:
    """`hash(label, message)` of the specification: BLAKE2b, 32 bytes, no key."""
    return hashlib.blake2b(labelled(label, message), digest_size=HASH_SIZE).digest()


def derive(key: Secret, label: str) -> Secret:
    """A key of 32 bytes for one purpose: BLAKE2b keyed with `key` over the purpose's label."""
    return Secret(_keyed(key, _DOMAIN + label.encode(), KEY_SIZE))


def mac(key: Secret, message: bytes, size: int = HASH_SIZE) -> bytes:
    """BLAKE2b keyed with `key` (1 to 64 bytes), `size` bytes (1 to 64) of output."""
    return _keyed(key, message, size)


def _keyed(key: Secret, message: bytes, size: int) -> bytes:
    return hashlib.blake2b(message, digest_size=size, key=key.reveal()).digest()


def equal(a: bytes, b: bytes) -> bool:
    """Whether `a` and `b` are the same, in a time that depends on their lengths only."""
    return hmac.compare_digest(a, b)


def random_bytes(size: int) -> bytes:
    """`size` bytes from the operating system's generator."""
    return secrets.token_bytes(size)


def argon2id(password: Secret, salt: bytes, *, memory_kib: int, passes: int, size: int) -> Secret:
    """Argon2id version 1.3 with one lane (RFC 9106); the salt has 16 bytes, `size` is in bytes."""
    return Secret(
        sodium.crypto_pwhash_alg(
            size,
            password.reveal(),
            salt,
            passes,
            memory_kib * 1024,
            sodium.crypto_pwhash_ALG_ARGON2ID13,
        )
    )


# --- key pairs and signatures -------------------------------------------------------------


def box_keys(secret: Secret) -> BoxKeys:
    """The X25519 pair whose secret half is `secret` (32 bytes)."""
    return BoxKeys(secret, sodium.crypto_scalarmult_base(secret.reveal()))


def new_box_keys() -> BoxKeys:
    """A random X25519 pair."""
    return box_keys(Secret(random_bytes(KEY_SIZE)))


def sign_keys(seed: Secret) -> SignKeys:
    """The Ed25519 pair of a seed of 32 bytes."""
    return SignKeys(seed, sodium.crypto_sign_seed_keypair(seed.reveal())[0])


def sign(keys: SignKeys, label: str, message: bytes) -> bytes:
    """The 64-byte signature over `labelled(label, message)`."""
    signed = sodium.crypto_sign(labelled(label, message), keys.seed.reveal() + keys.public)
    return signed[:SIGNATURE_SIZE]


def verify(public: bytes, signature: bytes, label: str, message: bytes) -> bool:
    """Whether `signature` is the owner of `public`'s over `labelled(label, message)`.

    Strict: S must be canonical, key and R canonical and not of small order. libsodium checks
    all of that but R's encoding, which is checked here.
    """
    if len(public) != KEY_SIZE or len(signature) != SIGNATURE_SIZE or not _is_canonical(signature):
        return False
    try:
        sodium.crypto_sign_open(signature + labelled(label, message), public)
    except CryptoError:
        return False
    return True


def _is_canonical(r: bytes) -> bool:
    """Whether the y coordinate in the first 32 bytes is below 2^255 - 19."""
    return (
        r[0] < _FIELD_LOW
        or r[_R_LAST] | _SIGN_BIT != 0xFF  # noqa: PLR2004  # all bits of the last byte
        or r[1:_R_LAST] != _FIELD_TAIL
    )


# --- sealing ------------------------------------------------------------------------------


def box_seal(public: bytes, plain: bytes) -> bytes:
    """A libsodium sealed box, 48 bytes longer than `plain`.

    Raises ValueError for a public key to which nothing can be sealed (size, low order).
    """
    try:
        return sodium.crypto_box_seal(plain, public)
    except SodiumRefusal as refusal:
        raise ValueError("nothing can be sealed to this public key") from refusal


def box_open(keys: BoxKeys, sealed: bytes) -> bytes:
    """What `box_seal` sealed; raises CannotOpen."""
    if len(sealed) < BOX_OVERHEAD:
        raise CannotOpen
    try:
        return sodium.crypto_box_seal_open(sealed, keys.public, keys.secret.reveal())
    except CryptoError:
        raise CannotOpen from None


def seal(
    kind: Kind, public: bytes, body: bytes, *, padded: bool = False, at_least: int = 0
) -> bytes:
    """`header ‖ sealed box of (header ‖ body)`; `padded` rounds the size up to a bucket.

    The bucket has `at_least` bytes, so that what belongs together can have one size.

    Raises TooLong where `body` does not fit the largest bucket.
    """
    head = _HEADERS[kind]
    plain = head + body
    return head + box_seal(public, pad(plain, at_least) if padded else plain)


def open_sealed(kind: Kind, keys: BoxKeys, blob: bytes, *, padded: bool = False) -> bytes:
    """The body that `seal` was given, for the same kind; raises CannotOpen for anything else."""
    head = _HEADERS[kind]
    if not blob.startswith(head):
        raise CannotOpen
    plain = box_open(keys, blob[HEADER_SIZE:])
    if padded:
        try:
            plain = unpad(plain)
        except Malformed:
            raise CannotOpen from None
    if not plain.startswith(head):
        raise CannotOpen
    return plain[HEADER_SIZE:]


def aead_seal(key: Secret, associated: bytes, plain: bytes, *, nonce: bytes | None = None) -> bytes:
    """`nonce 24 ‖ XChaCha20-Poly1305`; the nonce is random unless a format prescribes one."""
    nonce = random_bytes(NONCE_SIZE) if nonce is None else nonce
    return nonce + sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
        plain, associated, nonce, key.reveal()
    )


def aead_open(key: Secret, associated: bytes, sealed: bytes) -> bytes:
    """What `aead_seal` sealed under the same key and associated data; raises CannotOpen."""
    if len(sealed) < AEAD_OVERHEAD:
        raise CannotOpen
    try:
        return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
            sealed[NONCE_SIZE:], associated, sealed[:NONCE_SIZE], key.reveal()
        )
    except CryptoError:
        raise CannotOpen from None


# --- the outer layer under a shred key ----------------------------------------------------


def reader_of(role: str, detail: bytes) -> bytes:
    """For whom an outer layer was made (32 bytes): role and detail as docs/envelope.md lists."""
    return labelled_hash("reader", pack(role.encode(), detail))


def outer_seal(s: Secret, inner_kind: Kind, owner: bytes, reader: bytes, inner: bytes) -> bytes:
    """`inner` under the shred key `s`, bound to its kind, owner (16 bytes) and reader (32)."""
    head = _HEADERS[Kind.OUTER] + bytes((inner_kind,))
    associated = labelled("outer", head + owner + reader)
    return head + aead_seal(derive(s, "outer"), associated, inner)


def outer_open(s: Secret, inner_kind: Kind, owner: bytes, reader: bytes, blob: bytes) -> bytes:
    """The inner blob that `outer_seal` was given; raises CannotOpen for anything else."""
    head = _HEADERS[Kind.OUTER] + bytes((inner_kind,))
    if not blob.startswith(head):
        raise CannotOpen
    associated = labelled("outer", head + owner + reader)
    return aead_open(derive(s, "outer"), associated, blob[len(head) :])
