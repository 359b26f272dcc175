"""Vectors of attachments (docs/envelope.md, section 9): chunks by their hash, and lists."""

import base64
import hashlib

from fixed import fixed, header, u32
from nacl import bindings as sodium

CHUNK = 65_536
COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 160)
CONVERSATION, MESSAGE = fixed("conversation", 16), fixed("message", 16)


def make():
    good = [_good(i, kind, size) for i, (kind, size) in enumerate(SIZES)]
    ones = [_word(case) for case in good]
    lists = [["1", *ones], ["1", ones[0]]]
    return {
        "good": good,
        "lists": [" ".join(words) for words in lists],
        "refused": [
            "",
            "1",
            "1 ",
            f"2 {ones[0]}",
            f"1  {ones[0]}",
            f"1 {ones[0]} ",
            f"1 {ones[0]} {ones[0]}",
            f"1 {' '.join(_word(_good(i, 'png', 9)) for i in range(6))}",
            f"1 {ones[0].replace('jpeg', 'html')}",
            f"1 {ones[0].replace('jpeg', 'JPEG')}",
            f"1 {ones[0].replace(':1:', ':0:')}",
            f"1 {ones[0].replace(':1:', ':01:')}",
            f"1 {ones[0].replace(':1:', ':10485761:')}",
            f"1 {ones[0]}A",
            f"1 {ones[0][:-1]}",
            f"1 {ones[0][:-1]}=",
        ],
    }


SIZES = (("jpeg", 1), ("ogg", CHUNK), ("pdf", CHUNK + 1), ("mp4", 2 * CHUNK + 5))


def _good(i, kind, size):
    one = {
        "kind": kind,
        "size": size,
        "id": fixed(f"attachment {i}", 16),
        "key": fixed(f"file key {i}"),
        "prefix": fixed(f"prefix {i}", 19),
        "conversation": CONVERSATION,
        "message": MESSAGE,
    }
    count = next(each for each in COUNTS if each * CHUNK >= size)
    chunks = [_chunk(one, index, count) for index in range(count)]
    return {**one, "chunks": [hashlib.blake2b(each, digest_size=32).digest() for each in chunks]}


def plain(size):
    """Byte i is i modulo 251."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def _chunk(one, index, count):
    piece = plain(one["size"])[index * CHUNK : (index + 1) * CHUNK].ljust(CHUNK, b"\0")
    nonce = one["prefix"] + u32(index) + bytes([index == count - 1])
    ad = CONVERSATION + MESSAGE + one["id"]
    key = one["key"]
    return header(0x60) + sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(piece, ad, nonce, key)


def _word(case):
    secret = base64.urlsafe_b64encode(case["id"] + case["key"] + case["prefix"]).decode()
    return f"{case['kind']}:{case['size']}:{secret.rstrip('=')}"
