"""Storing attachments: sealed chunks arrive one by one, and a message makes them whole.

Rules:

1.  What is arriving belongs to no message, is shown to nobody, and goes within two hours. A
    message is stored with all of its attachments in one transaction, or not at all.
2.  A chunk that comes a second time changes nothing.
3.  Limits hold for each conversation and for all together, and count what is arriving. Past three
    quarters of the whole only conversations that the team has opened go on, so that strangers
    cannot use up the room of those who are already spoken with.
4.  Before the team has opened a conversation at most two of its attachments may be unfinished:
    whoever takes room for a large one has to send it.
5.  Nothing that lists conversations or messages touches these tables.
6.  Deleting goes in pieces: a large attachment holds nobody up. Before the first piece the door is
    shut: no chunk arrives any more for what is being deleted, and so the pieces have an end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)

from vault import tables
from vault.attachment_format import CHUNK, CHUNK_COUNTS, MOST_IN_A_MESSAGE, SEALED_CHUNK
from vault.messages import UnknownConversation
from vault.rounding import hour_of

PIECE: Final = 32
"""How many chunks are deleted at once: two megabytes, a few milliseconds."""
PER_REQUEST: Final = 4
"""How many chunks are taken or given at once: a quarter of a megabyte."""
STALE_HOURS: Final = 2
MOST_UNFINISHED: Final = 2
"""Of a conversation that the team has not opened yet."""

_SHARE_OF_STRANGERS: Final = 0.75
_HEAD: Final = bytes((1, 1, 0x60))


class NoRoom(Exception):
    """The conversation's share, or the whole, is used up; text still goes."""

    def __init__(self) -> None:
        super().__init__("there is no room for more attachments; send words, or wait")


class NotWhole(ValueError):
    """A message names attachments that are not there, not whole, or another message's."""

    def __init__(self) -> None:
        super().__init__("these attachments have not arrived whole: send their chunks first")


class NotAChunk(ValueError):
    """Only sealed chunks of the right size, in a place that their attachment has, are stored."""

    def __init__(self) -> None:
        super().__init__("this is not a sealed chunk of this attachment")


@dataclass(frozen=True, slots=True)
class Limits:
    """How many chunks (64 KiB each) may lie here: of one conversation, and of all."""

    conversation: int
    total: int


@dataclass(frozen=True, slots=True)
class Arriving:
    """Some chunks of an attachment, the first of which has the number `first`."""

    id: bytes
    conversation: bytes
    chunks: int
    first: int
    sealed: Sequence[bytes] = field(repr=False)


_a: Final = tables.attachments.c
_k: Final = tables.attachment_chunks.c
_c: Final = tables.conversations.c

_SHUT: Final = 0  # the hour in which a conversation is due whose slot is freed
_KNOWN: Final = select(_c.read_up_to).where(_c.id == bindparam("conversation"), _c.due_hour > _SHUT)
_THERE: Final = select(_a.conversation, _a.message, _a.chunks, _a.hour).where(
    _a.id == bindparam("this")
)
_OF_ONE: Final = select(func.coalesce(func.sum(_a.chunks), 0)).where(
    _a.conversation == bindparam("conversation")
)
_OF_ALL: Final = select(func.coalesce(func.sum(_a.chunks), 0))
_ARRIVED: Final = (
    select(func.count()).where(_k.attachment == _a.id).correlate(tables.attachments)
).scalar_subquery()
_UNFINISHED: Final = select(func.count()).where(
    _a.conversation == bindparam("conversation"), _a.message.is_(None), _a.chunks > _ARRIVED
)
_NUMBERS: Final = select(_k.number).where(
    _k.attachment == bindparam("this"),
    _k.number.in_(bindparam("numbers", expanding=True)),
)
_COUNT: Final = select(func.count()).where(_k.attachment == bindparam("this"))
_BIND: Final = (
    update(tables.attachments)
    .where(
        _a.id == bindparam("this"),
        _a.conversation == bindparam("of"),
        _a.message.is_(None),
    )
    .values(message=bindparam("named"))
)
_READ: Final = (
    select(_k.sealed)
    .where(
        _k.attachment == bindparam("this"),
        _k.conversation == bindparam("conversation"),
        _k.number >= bindparam("first"),
        exists().where(_a.id == _k.attachment, _a.message.is_not(None)),
    )
    .order_by(_k.number)
    .limit(PER_REQUEST)
)
_SHUT_THESE: Final = (
    update(tables.conversations)
    .where(_c.id.in_(bindparam("these", expanding=True)))
    .values(due_hour=_SHUT)
)
_DELETE: Final = delete(tables.attachment_chunks).where(
    _k.attachment == bindparam("this"), _k.number == bindparam("number")
)


def limits_of(megabytes_conversation: int, megabytes_total: int) -> Limits:
    """Limits from megabytes (of 2^20 bytes)."""
    each = 2**20 // CHUNK
    return Limits(megabytes_conversation * each, megabytes_total * each)


def arrive(c: Connection, new: Arriving, limits: Limits, now: int) -> None:
    """Store some chunks. Raises NotAChunk, NoRoom, UnknownConversation.

    The last one also for a conversation, or an attachment, that is being deleted (rule 6).
    """
    _check(new)
    there = c.execute(_THERE, {"this": new.id}).one_or_none()
    if there is not None and (there.conversation, there.chunks) != (new.conversation, new.chunks):
        raise NotAChunk
    read_up_to = c.scalar(_KNOWN, {"conversation": new.conversation})
    if read_up_to is None:
        raise UnknownConversation
    if there is None:
        _begin(c, new, limits, now, is_stranger=read_up_to == 0)
    elif there.message is not None:
        return  # whole already
    elif there.hour <= hour_of(now) - STALE_HOURS:
        raise UnknownConversation
    numbers = range(new.first, new.first + len(new.sealed))
    known = set(c.scalars(_NUMBERS, {"this": new.id, "numbers": list(numbers)}))
    rows = [
        {
            "attachment": new.id,
            "number": number,
            "conversation": new.conversation,
            "sealed": sealed,
        }
        for number, sealed in zip(numbers, new.sealed, strict=True)
        if number not in known
    ]
    if rows:
        c.execute(insert(tables.attachment_chunks), rows)


def _check(new: Arriving) -> None:
    fits = new.chunks in CHUNK_COUNTS and new.first >= 0 and 0 < len(new.sealed) <= PER_REQUEST
    if not fits or new.first + len(new.sealed) > new.chunks:
        raise NotAChunk
    if any(len(one) != SEALED_CHUNK or one[:3] != _HEAD for one in new.sealed):
        raise NotAChunk


def _begin(c: Connection, new: Arriving, limits: Limits, now: int, *, is_stranger: bool) -> None:
    of = {"conversation": new.conversation}
    own, every = (c.execute(query, of).scalar_one() for query in (_OF_ONE, _OF_ALL))
    total = int(limits.total * _SHARE_OF_STRANGERS) if is_stranger else limits.total
    if is_stranger and c.execute(_UNFINISHED, of).scalar_one() >= MOST_UNFINISHED:
        raise NoRoom
    if own + new.chunks > limits.conversation or every + new.chunks > total:
        raise NoRoom
    c.execute(
        insert(tables.attachments).inline(),
        {
            "id": new.id,
            "conversation": new.conversation,
            "message": None,
            "chunks": new.chunks,
            "hour": hour_of(now),
        },
    )


def bind(c: Connection, conversation: bytes, message: bytes, ids: Sequence[bytes]) -> None:
    """Give attachments to the message that is stored in this transaction; raises NotWhole."""
    if len(set(ids)) != len(ids) or not 1 <= len(ids) <= MOST_IN_A_MESSAGE:
        raise NotWhole
    for one in ids:
        there = c.execute(_THERE, {"this": one}).one_or_none()
        if there is None or c.scalar(_COUNT, {"this": one}) != there.chunks:
            raise NotWhole
        if not c.execute(_BIND, {"this": one, "of": conversation, "named": message}).rowcount:
            raise NotWhole


def read(c: Connection, conversation: bytes, attachment: bytes, first: int) -> list[bytes]:
    """At most PER_REQUEST sealed chunks from the number `first` on; of what is arriving none."""
    values = {"this": attachment, "conversation": conversation, "first": first}
    return list(c.scalars(_READ, values))


def shut(c: Connection, ids: Sequence[bytes]) -> int:
    """Let no chunk of these conversations arrive any more; how many pieces there are to delete.

    The keeper must have freed their slots before.
    """
    if not ids:
        return 0
    c.execute(_SHUT_THESE, {"these": list(ids)})
    return _pieces(c, _a.conversation.in_(ids))


def stale_pieces(c: Connection, now: int) -> int:
    """How many pieces `delete_stale` has to delete; none of it grows any more."""
    return _pieces(c, _stale(now)) + 1


def _pieces(c: Connection, which: ColumnElement[bool]) -> int:
    chunks = select(func.coalesce(func.sum(_a.chunks), 0)).where(which)
    return -(-int(c.execute(chunks).scalar_one()) // PIECE)


def _stale(now: int) -> ColumnElement[bool]:
    return and_(_a.message.is_(None), _a.hour <= hour_of(now) - STALE_HOURS)


def delete_some(c: Connection, ids: Sequence[bytes], piece: int = PIECE) -> int:
    """Delete at most `piece` chunks of these conversations; how many there were.

    The keeper must have freed their slots before. The rows of the attachments themselves go with
    the conversation.
    """
    if not ids:
        return 0
    return _delete(c, select(_k.attachment, _k.number).where(_k.conversation.in_(ids)), piece)


def delete_stale(c: Connection, now: int, piece: int = PIECE) -> int:
    """Delete at most `piece` chunks of what began to arrive two hours ago and is not whole.

    How many rows went; 0 when nothing is left.
    """
    old = _stale(now)
    of_old = select(_a.id).where(_a.id == _k.attachment, old).exists()
    gone = _delete(c, select(_k.attachment, _k.number).where(of_old), piece)
    if gone < piece:
        gone += c.execute(delete(tables.attachments).where(old)).rowcount
    return gone


def _delete(c: Connection, found: Select[Any], piece: int) -> int:
    """Delete the first `piece` chunks that `found` finds."""
    rows = c.execute(found.limit(piece)).all()
    for row in rows:
        c.execute(_DELETE, {"this": row.attachment, "number": row.number})
    return len(rows)
