"""What an adversary carves out of PostgreSQL's write-ahead log: every row it ever wrote.

The log is pages of 8 KiB with a header each; without those headers the bytes of a row stand side
by side, as they were inserted or as an image of their page. Wraps and envelopes are known by the
first bytes that docs/envelope.md gives them, and the conversation by the 16 bytes before.
Source: PostgreSQL 15, src/include/access/xlog_internal.h.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from vault.messages import SIZES

_PAGE = 8192
_HEADER, _LONG_HEADER, _IS_LONG = 24, 40, 0x02
_ID = re.compile(rb"(?=\x23(.{16}))", re.DOTALL)  # 16 bytes with the length that stands before
_WRAP = re.compile(rb"\x01\x01\x20")
_ENVELOPE = re.compile(rb"\x01\x01\x01")
# Bytes from a row's first id to what is sealed in it, at most; not so many that the row before is
# reached, whose ids are another conversation's.
_BEFORE_WRAPS = 480
_BEFORE_ENVELOPE = 128
_LENGTH = 4  # bytes of a length

Row = tuple[bytes, bytes]  # what may be a conversation's id, and something sealed


def contents(segment: bytes) -> bytes:
    """A segment of the log without its page headers."""
    pages = (segment[at : at + _PAGE] for at in range(0, len(segment), _PAGE))
    return b"".join(page[_LONG_HEADER if page[2] & _IS_LONG else _HEADER :] for page in pages)


def segments(folders: Iterable[Path]) -> Iterator[Path]:
    """Every segment in these folders, archived or not, in the order of writing."""
    named = {path.name: path for folder in folders for path in folder.glob("0*[0-9A-F]")}
    for name in sorted(named):
        if len(name) == 24:  # what a segment's name has
            yield named[name]


def wraps_in(log: bytes) -> set[Row]:
    """Whatever may be a team's or a client's wrap, with each id that may be its conversation's."""
    return set(_found(log, _WRAP, _BEFORE_WRAPS))


def envelopes_in(log: bytes) -> set[Row]:
    """Whatever may be an envelope, likewise."""
    found = _found(log, _ENVELOPE, _BEFORE_ENVELOPE)
    return {(one, blob) for one, blob in found if len(blob) in SIZES}


def _found(log: bytes, pattern: re.Pattern[bytes], before: int) -> Iterator[Row]:
    for match in pattern.finditer(log):
        blob = _stored(log, match.start())
        if blob is None:
            continue
        start = max(0, match.start() - before)
        for one in _ID.finditer(log, start, match.start()):
            yield one[1], blob


def _stored(log: bytes, start: int) -> bytes | None:
    """The bytes that begin here, by the length that PostgreSQL put before them."""
    length = int.from_bytes(log[max(0, start - _LENGTH) : start], "little")
    if length & 3 == 0 and _LENGTH < length >> 2 < _PAGE:
        return log[start : start - _LENGTH + (length >> 2)]
    return None  # shorter than 127 bytes: none of ours


def carve(folders: Iterable[Path], copy: Path) -> Path:
    """Write all of it as the rows that `tests.flows.plunder.Loot` reads."""
    log = b"".join(contents(path.read_bytes()) for path in segments(folders))
    with closing(sqlite3.connect(copy)) as file:
        file.execute("CREATE TABLE conversations (id, epoch, outer_team, outer_client)")
        file.execute("CREATE TABLE messages (conversation, envelope, kind)")
        rows = ((one, 1, blob, blob) for one, blob in wraps_in(log))
        file.executemany("INSERT INTO conversations VALUES (?, ?, ?, ?)", rows)
        file.executemany("INSERT INTO messages VALUES (?, ?, 1)", envelopes_in(log))
        file.commit()
    return copy
