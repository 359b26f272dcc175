"""A long secret in chunks: libsodium's secretstream (XChaCha20-Poly1305).

Source: libsodium, "Encrypted streams and file encryption". Chunks depend on each other and the
last one is marked, so that a stream that was cut, reordered, lengthened or changed anywhere does
not open. What comes out before the end is genuine but may not be all of it: use nothing of it
before the iterator has ended without an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final

from nacl import bindings as sodium
from nacl.exceptions import RuntimeError as SodiumRefusal

from vault.sealing import CannotOpen, Secret

CHUNK: Final = 64 * 1024
"""Bytes of plaintext in every chunk but the last."""

OVERHEAD: Final = sodium.crypto_secretstream_xchacha20poly1305_ABYTES
START_SIZE: Final = sodium.crypto_secretstream_xchacha20poly1305_HEADERBYTES
_FINAL: Final = sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL
_MORE: Final = sodium.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE


def sealed(plain: Iterable[bytes], key: Secret, associated: bytes) -> Iterator[bytes]:
    """The sealed form of `plain`, piece by piece; `key` has 32 bytes."""
    state = sodium.crypto_secretstream_xchacha20poly1305_state()
    yield sodium.crypto_secretstream_xchacha20poly1305_init_push(state, key.reveal())
    for chunk, is_last in _chunks(plain):
        tag = _FINAL if is_last else _MORE
        yield sodium.crypto_secretstream_xchacha20poly1305_push(state, chunk, associated, tag)


def opened(source: BinaryIO, key: Secret, associated: bytes) -> Iterator[bytes]:
    """What `sealed` was given, chunk by chunk, read from `source` to its end.

    Raises CannotOpen for another key or other associated data, and for anything that was changed.
    """
    start = source.read(START_SIZE)
    if len(start) != START_SIZE:
        raise CannotOpen
    state = sodium.crypto_secretstream_xchacha20poly1305_state()
    sodium.crypto_secretstream_xchacha20poly1305_init_pull(state, start, key.reveal())
    tag = _MORE
    while tag != _FINAL:
        chunk, tag = _open_chunk(state, source.read(CHUNK + OVERHEAD), associated)
        yield chunk
    if source.read(1):
        raise CannotOpen


def _open_chunk(
    state: sodium.crypto_secretstream_xchacha20poly1305_state, chunk: bytes, associated: bytes
) -> tuple[bytes, int]:
    if len(chunk) < OVERHEAD:
        raise CannotOpen
    try:
        return sodium.crypto_secretstream_xchacha20poly1305_pull(state, chunk, associated)
    except SodiumRefusal:
        raise CannotOpen from None


def _chunks(plain: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """`plain` cut anew into chunks of CHUNK bytes, the last of at most that, marked."""
    waiting = bytearray()
    for piece in plain:
        waiting += piece
        while len(waiting) > CHUNK:
            yield bytes(waiting[:CHUNK]), False
            del waiting[:CHUNK]
    yield bytes(waiting), True
