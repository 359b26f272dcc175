"""What the vectors are made of: fixed bytes, and primitives called apart from the product.

Layouts here are written by hand from docs/envelope.md and share no code with `vault`, so that a
vector and the code it tests cannot be wrong in the same way.
"""

import hashlib
import struct

from nacl import bindings as sodium

PREFIX = b"havenline/1/"
ORDER = 2**252 + 27742317777372353535851937790883648493  # of Ed25519's base point
BUCKETS = (512, 1024, 2048, 4096, 8192, 16384)

IDENTITY = bytes([1]) + bytes(31)
LOW_ORDER_BOX = (
    bytes(32),
    IDENTITY,
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
)


def fixed(name, size=32):
    """Bytes that look random and are always the same for one name."""
    return hashlib.shake_256(b"vector " + name.encode()).digest(size)


def u32(number):
    return struct.pack(">I", number)


def u64(number):
    return struct.pack(">Q", number)


def pack(*fields):
    return b"".join(u32(len(field)) + field for field in fields)


def header(kind):
    return bytes([1, 1, kind])


def hashed(label, message):
    return hashlib.blake2b(PREFIX + label.encode() + b"\0" + message, digest_size=32).digest()


def derived(key, label):
    return hashlib.blake2b(PREFIX + label.encode(), digest_size=32, key=key).digest()


def padded(plain, mark=b"\x80"):
    return (plain + mark).ljust(next(size for size in BUCKETS if size > len(plain)), b"\0")


def box_public(secret):
    return sodium.crypto_scalarmult_base(secret)


def sign_public(seed):
    return sodium.crypto_sign_seed_keypair(seed)[0]


def signature(seed, label, message):
    secret = sodium.crypto_sign_seed_keypair(seed)[1]
    return sodium.crypto_sign(PREFIX + label.encode() + b"\0" + message, secret)[:64]


def sealed_box(name, public, plain):
    """A sealed box whose ephemeral key is fixed by `name`."""
    secret = fixed(f"ephemeral {name}")
    own = box_public(secret)
    nonce = hashlib.blake2b(own + public, digest_size=24).digest()
    return own + sodium.crypto_box_easy(plain, nonce, public, secret)


def sealed(name, kind, public, body, *, pads=False, inner_kind=None, mark=b"\x80"):
    plain = header(kind if inner_kind is None else inner_kind) + body
    return header(kind) + sealed_box(name, public, padded(plain, mark) if pads else plain)


def aead(key, nonce, associated, plain):
    return nonce + sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(plain, associated, nonce, key)


# --- signatures that must not verify ------------------------------------------------------


def _secret_scalar(seed):
    half = bytearray(hashlib.sha512(seed).digest()[:32])
    half[0] &= 248
    half[31] = half[31] & 127 | 64
    return int.from_bytes(half, "little")


def _challenge(r, public, message):
    return int.from_bytes(hashlib.sha512(r + public + message).digest(), "little") % ORDER


def _scalar(number):
    return number.to_bytes(32, "little")


def with_large_s(good):
    """The same signature with S + L in place of S."""
    return good[:32] + _scalar(int.from_bytes(good[32:], "little") + ORDER)


def under_small_key(r_scalar=12345):
    """A signature that holds for every message under the identity as key, were it allowed."""
    r = sodium.crypto_scalarmult_ed25519_base_noclamp(_scalar(r_scalar))
    return r + _scalar(r_scalar)


def with_small_r(seed, label, message, r=IDENTITY):
    """A signature whose R is the identity, in whichever encoding."""
    public = sign_public(seed)
    k = _challenge(r, public, PREFIX + label.encode() + b"\0" + message)
    return r + _scalar(k * _secret_scalar(seed) % ORDER)


# --- refusals of one good case ------------------------------------------------------------


def flips(of, size, step=7):
    return [
        {"why": f"bit flipped in byte {at}", "of": of, "flip": at} for at in range(0, size, step)
    ]


def cuts(of, size, lengths=(0, 1, 2, 3, 34, 50, 51, 52)):
    return [
        {"why": f"cut to {at} bytes", "of": of, "truncate": at}
        for at in (*lengths, size // 2, size - 1)
        if at < size
    ]


def damage(of, blob, *, step=7):
    """Everything that is refused of any blob, whatever it is."""
    named = {0: "another version", 1: "another suite", 2: "another kind"}
    heads = [
        {"why": why, "of": of, "set": {"blob": blob[:at] + bytes([blob[at] + 1]) + blob[at + 1 :]}}
        for at, why in named.items()
    ]
    longer = {"why": "one byte more", "of": of, "append": b"\0"}
    return [*cuts(of, len(blob)), *heads, longer, *flips(of, len(blob), step)]


def plain_json(value):
    """Bytes as hex, all the way down."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: plain_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_json(item) for item in value]
    return value
