"""Attachments as they are sealed, and as a message names them: docs/envelope.md, section 9.

Rules:

1. A chunk opens only in its place, of its attachment, message and conversation, and only the last
   one says that it is the last: what was cut, reordered or swapped does not open.
2. The key stands inside the envelope of the message and nowhere else. Who cannot open the
   conversation cannot open its attachments.
3. Sizes are padded: nine counts of chunks are all that can be seen.
4. Nothing has a name but what it is.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from vault.sealing import (
    AEAD_TAG_SIZE,
    HEADER_SIZE,
    ID_SIZE,
    KEY_SIZE,
    NONCE_SIZE,
    CannotOpen,
    Kind,
    Secret,
    aead_open,
    aead_seal,
    header,
    random_bytes,
)

CHUNK: Final = 64 * 1024
CHUNK_COUNTS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 160)
"""How many chunks an attachment has: its size is told by no more than this."""
SEALED_CHUNK: Final = HEADER_SIZE + CHUNK + AEAD_TAG_SIZE
LARGEST: Final = CHUNK_COUNTS[-1] * CHUNK
"""Bytes of the largest attachment: 10 MiB."""
MOST_IN_A_MESSAGE: Final = 5
PICTURES: Final = ("jpeg", "png")
SOUNDS: Final = ("ogg", "mp3", "m4a", "wav", "webm", "aac")
DOCUMENTS: Final = ("pdf", "mp4")
KINDS: Final = PICTURES + SOUNDS + DOCUMENTS

_PREFIX_SIZE: Final = 19
_ONE: Final = re.compile(r"([a-z0-9]{1,4}):([1-9][0-9]{0,7}):([A-Za-z0-9_-]{90})")
_VERSION: Final = "1"


class TooLarge(ValueError):
    """An attachment is empty or has more than LARGEST bytes."""


@dataclass(frozen=True, slots=True)
class Described:
    """What a message says about one attachment. `size` in bytes, without padding."""

    kind: str
    size: int
    id: bytes = field(repr=False)
    key: Secret = field(repr=False)
    prefix: bytes = field(repr=False)

    @property
    def chunks(self) -> int:
        """How many chunks it has."""
        return chunk_count(self.size)


def chunk_count(size: int) -> int:
    """How many chunks an attachment of `size` bytes is padded to; raises TooLarge."""
    if not 1 <= size <= LARGEST:
        raise TooLarge
    return next(count for count in CHUNK_COUNTS if count * CHUNK >= size)


def describe(kind: str, size: int) -> Described:
    """A new attachment with a key of its own; raises TooLarge."""
    chunk_count(size)
    return Described(
        kind,
        size,
        random_bytes(ID_SIZE),
        Secret(random_bytes(KEY_SIZE)),
        random_bytes(_PREFIX_SIZE),
    )


def seal_chunks(
    one: Described, conversation_id: bytes, message_id: bytes, plain: bytes | memoryview
) -> Iterator[bytes]:
    """The sealed chunks of `plain`, which has the size that was described, one after another."""
    count, view = one.chunks, memoryview(plain)
    associated = _associated(one, conversation_id, message_id)
    for index in range(count):
        piece = bytes(view[index * CHUNK : (index + 1) * CHUNK]).ljust(CHUNK, b"\0")
        nonce = _nonce(one, index, count)
        sealed = aead_seal(one.key, associated, piece, nonce=nonce)
        yield header(Kind.CHUNK) + sealed[NONCE_SIZE:]


def open_chunk(
    one: Described, conversation_id: bytes, message_id: bytes, index: int, sealed: bytes
) -> bytes:
    """What one chunk, numbered from 0, holds of the attachment, without padding.

    Raises CannotOpen. A reader who stops before the last chunk does not have all of it.
    """
    count, head = one.chunks, header(Kind.CHUNK)
    if index >= count or not sealed.startswith(head):
        raise CannotOpen
    blob = _nonce(one, index, count) + sealed[HEADER_SIZE:]
    piece = aead_open(one.key, _associated(one, conversation_id, message_id), blob)
    if len(piece) != CHUNK:
        raise CannotOpen
    return piece[: max(0, one.size - index * CHUNK)]


def open_chunks(
    one: Described, conversation_id: bytes, message_id: bytes, chunks: Iterable[bytes]
) -> bytes:
    """What `seal_chunks` was given; raises CannotOpen for anything that is not all of it."""
    pieces = [
        open_chunk(one, conversation_id, message_id, index, sealed)
        for index, sealed in enumerate(chunks)
    ]
    if len(pieces) != one.chunks:
        raise CannotOpen
    return b"".join(pieces)


def _associated(one: Described, conversation_id: bytes, message_id: bytes) -> bytes:
    return conversation_id + message_id + one.id


def _nonce(one: Described, index: int, count: int) -> bytes:
    return one.prefix + index.to_bytes(4, "big") + bytes((index == count - 1,))


# --- how a message names them -------------------------------------------------------------


def write_list(described: Sequence[Described]) -> str:
    """The text of a message of format 6."""
    return " ".join([_VERSION, *map(_written, described)])


def read_list(text: str) -> tuple[Described, ...]:
    """The attachments that a text of format 6 names; raises CannotOpen for anything else."""
    version, *words = text.split(" ")
    if version != _VERSION or not 1 <= len(words) <= MOST_IN_A_MESSAGE:
        raise CannotOpen
    described = tuple(map(_read, words))
    if len({one.id for one in described}) != len(described):
        raise CannotOpen
    return described


def _written(one: Described) -> str:
    secret = base64.urlsafe_b64encode(one.id + one.key.reveal() + one.prefix)
    return f"{one.kind}:{one.size}:{secret.decode().rstrip('=')}"


def _read(word: str) -> Described:
    found = _ONE.fullmatch(word)
    if found is None:
        raise CannotOpen
    kind, size, secret = found.group(1), int(found.group(2)), found.group(3)
    try:
        plain = base64.urlsafe_b64decode(secret + "==")
    except binascii.Error:
        raise CannotOpen from None
    spelled = base64.urlsafe_b64encode(plain).decode().rstrip("=")
    if kind not in KINDS or size > LARGEST or spelled != secret:
        raise CannotOpen
    key = Secret(plain[ID_SIZE : ID_SIZE + KEY_SIZE])
    return Described(kind, size, plain[:ID_SIZE], key, plain[ID_SIZE + KEY_SIZE :])
