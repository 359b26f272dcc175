"""What the desk's requests read and change in the database: each function is one transaction.

They take the connection first and never commit; `work` runs them. Whether the keeper has agreed
is not their concern: `work` asks it before.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, fields
from typing import Final

from intake_server.desk.bodies import Close, Note, Reply
from intake_server.desk.refusals import ClaimLost, Gone, MalformedRequest, MovedOn, NotDone, NoWay
from triage.conversation import State
from triage.queue import QueueRules
from vault import (
    addresses,
    attachments,
    changes,
    conversations,
    drafts,
    messages,
    outbox,
    queue_head,
)
from vault.addresses import Reach
from vault.changes import Change
from vault.conversations import Claim, Conversation, OutboxSummary, QueueRow
from vault.engine import Connection
from vault.messages import (
    CLIENT_TO_TEAM,
    MESSAGE,
    NOTE,
    NOTED,
    TEAM_TO_CLIENT,
    NewMessage,
    StoredMessage,
)
from vault.outbox import OutboxItem, Standing
from vault.queue_head import Head

WEB: Final = "web"
_RULES: Final = QueueRules()  # browser/desk/order.js has the same


@dataclass(frozen=True, slots=True)
class Queue:
    """Rows that are not closed, and the newest change that they show."""

    rows: list[QueueRow] = field(repr=False)
    number: int
    head: Head | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """What is stored of a conversation for one reader."""

    row: Conversation = field(repr=False)
    messages: list[StoredMessage] = field(repr=False)
    draft: bytes | None = field(repr=False)
    outbox: list[Standing] = field(repr=False)
    reaches: list[Reach] = field(repr=False)


# --- reading ------------------------------------------------------------------------------


def queue(c: Connection, only: Collection[bytes] | None) -> Queue:
    """Every conversation that is not closed, or those of them in `only`."""
    if only is None:
        rows = conversations.queue(c)
    else:
        found = (conversations.get(c, one) for one in set(only))
        rows = [_row(c, one) for one in found if one is not None and one.state is not State.CLOSED]
    return Queue(rows, changes.newest(c))


def head(c: Connection, staff: bytes, most: int, now: int) -> Queue:
    """The first of those who wait, in the order in which the desk shows them, and all numbers."""
    found = queue_head.head(c, staff, most, now, _RULES)
    return Queue(found.rows, changes.newest(c), found)


def page(c: Connection, after: bytes) -> Queue:
    """Further rows, in order of id."""
    return Queue(queue_head.page(c, after), changes.newest(c))


def _row(c: Connection, one: Conversation) -> QueueRow:
    """The row of one conversation; a few of them cost less than the whole queue."""
    states = {standing.state for standing in outbox.state_of(c, one.id)}
    worst = next((state for state in _TROUBLE if state in states), None)
    shown = {name: getattr(one, name) for name in _SHOWN}
    return QueueRow(**shown, outbox=worst)


_TROUBLE: Final[tuple[OutboxSummary, ...]] = ("failed", "returned", "waiting")  # the worst first
_SHOWN: Final = tuple(each.name for each in fields(QueueRow) if each.name != "outbox")


def changes_after(c: Connection, number: int) -> list[Change] | None:
    """Changes after a number, oldest first; None where some of them were pruned."""
    return None if changes.is_gap(c, number) else changes.since(c, number)


def get(c: Connection, conversation: bytes) -> Conversation:
    """The row of a conversation; raises Gone."""
    row = conversations.get(c, conversation)
    if row is None:
        raise Gone
    return row


def contents(c: Connection, conversation: bytes, staff: bytes, after: int = 0) -> Contents:
    """Everything after the message numbered `after`; raises Gone."""
    row = get(c, conversation)
    return Contents(
        row,
        messages.of(c, conversation, after),
        drafts.get(c, conversation, staff),
        outbox.state_of(c, conversation),
        addresses.reaches(c, conversation),
    )


# --- holding ------------------------------------------------------------------------------


def claim(
    c: Connection, conversation: bytes, staff: bytes, people: Collection[bytes], now: int
) -> Claim:
    """Claim a conversation; what somebody holds who is not among `people` any more is free."""
    claimed = conversations.claim(c, conversation, staff, now)
    if not claimed.won and claimed.holder is not None and claimed.holder not in people:
        conversations.take_over(c, conversation, claimed.holder, staff)
        claimed = conversations.claim(c, conversation, staff, now)
    if claimed.won:
        changes.note(c, conversation, "claim")
    return claimed


def release(c: Connection, conversation: bytes, staff: bytes) -> Claim:
    """Give back what one holds: whether it was, and who holds it now; raises Gone."""
    released = conversations.release(c, conversation, staff)
    if released:
        changes.note(c, conversation, "release")
    return Claim(released, get(c, conversation).holder)


# --- reading marks, urgency, drafts, notes ------------------------------------------------


def mark_read(c: Connection, conversation: bytes, number: int) -> None:
    """Note that everything up to `number` was opened."""
    if conversations.mark_read(c, conversation, number):
        changes.note(c, conversation, "read")


def set_urgency(c: Connection, conversation: bytes, urgency: int, seen: int) -> None:
    """Set the urgency by hand; later messages than `seen` can raise it. Raises Gone."""
    mark_read(c, conversation, seen)
    if not conversations.set_urgency(c, conversation, urgency, "hand"):
        raise Gone
    changes.note(c, conversation, "urgency")


def keep_draft(
    c: Connection, conversation: bytes, staff: bytes, envelope: bytes | None, now: int
) -> None:
    """Keep a draft in place of the one before, or drop it; raises Gone, NotAnEnvelope."""
    get(c, conversation)
    if envelope is None:
        drafts.drop(c, conversation, staff)
    else:
        drafts.put(c, conversation, staff, envelope, now)


def store_note(c: Connection, asked: Note, now: int) -> int:
    """Store a note once; its number. Raises UnknownConversation, NotAnEnvelope."""
    new = NewMessage(asked.message, asked.conversation, NOTE, NOTED, asked.envelope, now)
    number = messages.add(c, new)
    if number is None:
        return _required(_number_of(c, asked.conversation, asked.message, NOTE))
    changes.note(c, asked.conversation, "message")
    return number


# --- replying -----------------------------------------------------------------------------


def before_reply(c: Connection, asked: Reply, staff: bytes) -> Conversation:
    """The row of a conversation that `staff` may answer now, or has answered with this reply.

    Raises Gone, ClaimLost, MovedOn, NoWay.
    """
    row = get(c, asked.conversation)
    seen = None if asked.anyway else asked.seen
    refusal = _why_not(c, row, staff, seen) or _no_way(c, row, asked)
    if refusal is not None and _number_of(c, row.id, asked.message, MESSAGE) is None:
        raise refusal
    return row


def store_reply(
    c: Connection, asked: Reply, staff: bytes, due: int, item: OutboxItem | None, now: int
) -> int | NotDone:
    """Store a reply once: its number, or why it is not stored.

    The keeper has moved `due` already, so that also what is refused here is committed with it.
    """
    row = conversations.get(c, asked.conversation)
    if row is None:
        return Gone()
    refusal = _why_not(c, row, staff, None if asked.anyway else asked.seen)
    if refusal is not None:
        stored = _number_of(c, row.id, asked.message, MESSAGE)
        if stored is None:
            _note_due(c, row.id, due)
        return refusal if stored is None else stored
    new = NewMessage(asked.message, row.id, MESSAGE, TEAM_TO_CLIENT, asked.envelope, now)
    number = messages.add(c, new)
    if number is None:
        return _required(_number_of(c, row.id, asked.message, MESSAGE))
    if asked.attached:
        attachments.bind(c, row.id, asked.message, asked.attached)
    if item is not None:
        outbox.add(c, item)
    conversations.mark_read(c, row.id, asked.seen)
    conversations.answered(c, row.id, due)
    drafts.drop(c, row.id, staff)
    changes.note(c, row.id, "reply")
    return number


# --- what else only its holder decides ----------------------------------------------------


def before_acting(c: Connection, conversation: bytes, staff: bytes, seen: int) -> Conversation:
    """The row of a conversation that `staff` holds and has read up to its client's newest message.

    Raises Gone, ClaimLost, MovedOn.
    """
    row = get(c, conversation)
    refusal = _why_not(c, row, staff, seen)
    if refusal is not None:
        raise refusal
    return row


# --- closing ------------------------------------------------------------------------------


def before_close(c: Connection, asked: Close, staff: bytes) -> Conversation:
    """The row of a conversation that `staff` may close, or that is closed already.

    Raises Gone, ClaimLost, MovedOn.
    """
    row = get(c, asked.conversation)
    refusal = _why_not(c, row, staff, asked.seen)
    if refusal is not None and row.state is not State.CLOSED:
        raise refusal
    return row


def store_close(c: Connection, asked: Close, staff: bytes, due: int) -> NotDone | None:
    """Close what `staff` holds; why it is not closed, or None. Commits as `store_reply`."""
    row = conversations.get(c, asked.conversation)
    if row is None:
        return Gone()
    refusal = _why_not(c, row, staff, asked.seen)
    if refusal is not None:
        _note_due(c, row.id, due)
        return refusal
    conversations.close(c, row.id, due)
    drafts.drop(c, row.id, staff)
    changes.note(c, row.id, "close")
    return None


# --- parts --------------------------------------------------------------------------------


def _why_not(
    c: Connection, row: Conversation, staff: bytes, seen: int | None
) -> ClaimLost | MovedOn | None:
    """Why `staff`, who has read up to `seen` (None: never mind), cannot act on it now."""
    if row.holder != staff:
        return ClaimLost(row.holder)
    if seen is not None:
        unseen = messages.of(c, row.id, seen, kinds=(MESSAGE,))
        numbers = [one.number for one in unseen if one.direction == CLIENT_TO_TEAM]
        if numbers:
            return MovedOn(numbers[-1])
    return None


def _no_way(c: Connection, row: Conversation, asked: Reply) -> NoWay | None:
    """Why nothing would reach the client: no address is kept of the messenger it goes by."""
    if row.channel == WEB:
        return None
    wanted = asked.channel or row.channel
    is_reached = any(one.channel == wanted for one in addresses.reaches(c, row.id))
    return None if is_reached else NoWay()


def _note_due(c: Connection, conversation: bytes, due: int) -> None:
    if conversations.set_due(c, conversation, due):
        changes.note(c, conversation, "due")


def _number_of(c: Connection, conversation: bytes, message: bytes, kind: int) -> int | None:
    """The number of a message that may be stored already."""
    stored = messages.of(c, conversation, kinds=(kind,))
    return next((one.number for one in stored if one.id == message), None)


def _required(number: int | None) -> int:
    """The number of what is stored; an id that another kind of message has is malformed."""
    if number is None:
        raise MalformedRequest
    return number
