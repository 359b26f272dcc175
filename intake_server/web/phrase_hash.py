"""The form path's Argon2id, whose memory stays with the process.

libsodium maps 8 MiB anew for every phrase and gives them back at once; the kernel clears these
pages each time, under a lock for which the other thread waits, and that costs more than the
hashing. The reference implementation takes its memory from the heap, where glibc keeps it. It
overwrites the memory before it returns. Vectors hold the two to the same results.
"""

from __future__ import annotations

import ctypes
from typing import Final

from argon2 import low_level as reference

from vault.phrase import Phrase, PhraseKeys, phrase_keys
from vault.sealing import Secret

_VERSION: Final = 0x13  # Argon2 1.3 (RFC 9106)
# malloc.h of glibc; the standard library has no call for it.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_MOST_IN_HEAP: Final = 16 * 1024 * 1024  # bytes of one block
_KEPT_FREE: Final = 32 * 1024 * 1024  # bytes at the end of a heap that are not given back


def keep_large_blocks() -> None:
    """Have large blocks taken from one heap; does nothing where the C library has no mallopt.

    One for all threads: in a heap of its own each would keep two blocks for the one that it
    needs, since something small comes to lie in the first between two phrases.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _MOST_IN_HEAP)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_FREE)


def hashed_phrase(phrase: Phrase) -> PhraseKeys:
    """The keys of a phrase, as `vault.phrase.phrase_keys` derives them."""
    return phrase_keys(phrase, _argon2id)


def _argon2id(password: Secret, salt: bytes, *, memory_kib: int, passes: int, size: int) -> Secret:
    derived = reference.hash_secret_raw(
        password.reveal(), salt, passes, memory_kib, 1, size, reference.Type.ID, version=_VERSION
    )
    return Secret(derived)
