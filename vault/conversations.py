"""Conversations: who waits, who holds whom, how urgent, until when.

Rules:

1.  Functions take the connection first and never commit; they run inside `Database.write` or
    `Database.read`. Times handed in and given back are seconds since 1970, UTC; what lies in the
    row is rounded (`vault.rounding`).
2.  Each function is one step of `triage.conversation`, as a single statement that does nothing
    where the step is not possible. So two people who act at once cannot both win.
3.  Urgency: screening only raises. What a counsellor set by hand holds against the screening of
    everything that was read; a message that nobody has read can raise it. A client who says "I am
    in danger now" is at 3. A first contact stands at 1, not screened, until its screening is
    known, which may be lower.
4.  `delete` takes everything that belongs to a conversation with it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sqlalchemy import (
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    null,
    or_,
    select,
    update,
)
from sqlalchemy import (
    delete as delete_from,
)

from triage.conversation import State
from vault import tables
from vault.rounding import HOUR, MINUTE, hour_after, hour_of, minute_of

UrgencyBy = Literal["screened", "not_screened", "danger", "hand"]
OutboxSummary = Literal["failed", "returned", "waiting"]

FIRST_URGENCY: Final = 1
DANGER: Final = 3
STEP: Final = 1024
"""Messages are numbered STEP apart. Findings and notes stand between them, so that the numbers a
client sees do not tell whether the team wrote anything about the client's messages."""


@dataclass(frozen=True, slots=True)
class NewConversation:
    """A conversation as the keeper has just made it: ids 16 bytes, `due` and `latest` the keeper's.

    `outer_team` and `outer_client` are the keeper's outer layers; the latter is None for a
    conversation without a return phrase.
    """

    id: bytes
    slot: int
    tag: bytes
    channel: str
    language: str
    danger: bool
    epoch: int
    outer_team: bytes = field(repr=False)
    outer_client: bytes | None = field(repr=False)
    due: int
    latest: int
    now: int


@dataclass(frozen=True, slots=True)
class _InClear:
    id: bytes
    slot: int
    tag: bytes
    channel: str
    language: str
    state: State
    urgency: int
    urgency_by: UrgencyBy
    holder: bytes | None
    claimed_at: int | None
    waiting_since: int | None
    created: int
    due: int
    latest: int
    epoch: int
    last_number: int
    read_up_to: int
    answered: bool


@dataclass(frozen=True, slots=True)
class QueueRow(_InClear):
    """What the queue shows of a conversation that is not closed. Times in seconds since 1970.

    `outbox` is the most troublesome state among its replies that are not sent, or None.
    """

    outbox: OutboxSummary | None


@dataclass(frozen=True, slots=True)
class Conversation(_InClear):
    """A conversation with its sealed wraps. Times in seconds since 1970."""

    outer_team: bytes = field(repr=False)
    outer_client: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Claim:
    """Whether the claim was won, and who holds the conversation now.

    Lost with `holder` None: it is closed or gone.
    """

    won: bool
    holder: bytes | None


@dataclass(frozen=True, slots=True)
class Reference:
    """Where the keeper keeps the shred key of a conversation: slot number and its 16-byte tag."""

    id: bytes
    slot: int
    tag: bytes


@dataclass(frozen=True, slots=True)
class Deleted:
    """How many rows went."""

    conversations: int = 0
    messages: int = 0
    drafts: int = 0
    outbox: int = 0
    inbox: int = 0
    addresses: int = 0
    attachments: int = 0
    attachment_chunks: int = 0
    changes: int = 0
    """Rows of the changes table that lost the conversation's id."""

    def __add__(self, other: Deleted) -> Deleted:
        return Deleted(
            self.conversations + other.conversations,
            self.messages + other.messages,
            self.drafts + other.drafts,
            self.outbox + other.outbox,
            self.inbox + other.inbox,
            self.addresses + other.addresses,
            self.attachments + other.attachments,
            self.attachment_chunks + other.attachment_chunks,
            self.changes + other.changes,
        )


# --- statements, built once so that running them costs little ------------------------------

_t: Final = tables.conversations.c
_this: Final = _t.id == bindparam("this")
_outbox: Final = tables.outbox.c

_REFERENCE: Final = select(_t.slot, _t.tag).where(_this)
_STORED: Final = tuple(column for column in _t if column.name != "row")
# Stored and found to be there already in one statement, in every dialect.
_INSERT: Final = (
    insert(tables.conversations)
    .from_select(
        _STORED,
        select(*(bindparam(column.name, type_=column.type) for column in _STORED)).where(
            ~exists().where(_t.id == bindparam("this"))
        ),
    )
    .execution_options(preserve_rowcount=True)  # psycopg does not say it of an INSERT otherwise
)
QUEUE_COLUMNS: Final = (
    _t.id,
    _t.slot,
    _t.tag,
    _t.channel,
    _t.language,
    _t.state,
    _t.urgency,
    _t.urgency_by,
    _t.holder,
    _t.claimed_hour,
    _t.waiting_minute,
    _t.created_hour,
    _t.due_hour,
    _t.latest_hour,
    _t.epoch,
    _t.last_number,
    _t.read_up_to,
    _t.answered,
)
_STATE: Final = QUEUE_COLUMNS.index(_t.state)
_STATES: Final = {state.value: state for state in State}
_TIMES: Final = (
    (QUEUE_COLUMNS.index(_t.claimed_hour), HOUR),
    (QUEUE_COLUMNS.index(_t.waiting_minute), MINUTE),
    (QUEUE_COLUMNS.index(_t.created_hour), HOUR),
    (QUEUE_COLUMNS.index(_t.due_hour), HOUR),
    (QUEUE_COLUMNS.index(_t.latest_hour), HOUR),
)
_GET: Final = select(*QUEUE_COLUMNS, _t.outer_team, _t.outer_client).where(_this)
_QUEUE: Final = select(*QUEUE_COLUMNS).where(_t.state != State.CLOSED.value)
_UNSENT: Final = select(_outbox.conversation, _outbox.state).where(_outbox.state != "sent")
_HOLDER: Final = select(_t.holder).where(_this)
_CLAIM: Final = (
    update(tables.conversations)
    .where(_this, _t.state.in_((State.WAITING.value, State.RESTING.value)))
    .values(state=State.CLAIMED.value, holder=bindparam("staff"), claimed_hour=bindparam("claimed"))
)
_UNHELD: Final = case((_t.waiting_minute.is_(None), State.RESTING.value), else_=State.WAITING.value)
_RELEASE: Final = (
    update(tables.conversations)
    .where(_this, _t.holder == bindparam("staff"))
    .values(state=_UNHELD, holder=None, claimed_hour=None)
)
_TAKE_OVER: Final = (
    update(tables.conversations)
    .where(_this, _t.holder == bindparam("giver"))
    .values(holder=bindparam("taker"))
)
_CLIENT_WROTE: Final = (
    update(tables.conversations)
    .where(_this)
    .values(
        state=case((_t.holder.is_(None), State.WAITING.value), else_=State.CLAIMED.value),
        waiting_minute=func.coalesce(_t.waiting_minute, bindparam("minute")),
        answered=False,
        due_hour=bindparam("due"),
        urgency=case((bindparam("danger"), DANGER), else_=_t.urgency),
        urgency_by=case((bindparam("danger"), "danger"), else_=_t.urgency_by),
    )
)
_claimed: Final = _t.state == State.CLAIMED.value
_ANSWERED: Final = (
    update(tables.conversations)
    .where(_this, _claimed)
    .values(waiting_minute=None, answered=True, due_hour=bindparam("due"))
)
_CLOSE: Final = (
    update(tables.conversations)
    .where(_this, _claimed)
    .values(
        state=State.CLOSED.value,
        holder=None,
        claimed_hour=None,
        waiting_minute=None,
        due_hour=bindparam("due"),
    )
)
_SET_DUE: Final = update(tables.conversations).where(_this).values(due_hour=bindparam("due"))
_SET_LANGUAGE: Final = update(tables.conversations).where(_this).values(language=bindparam("code"))
_MARK_READ: Final = (
    update(tables.conversations)
    .where(_this, _t.read_up_to < bindparam("number"), _t.last_number >= bindparam("number"))
    .values(read_up_to=bindparam("number"))
)
_REWRAP: Final = (
    update(tables.conversations)
    .where(_this, _t.epoch < bindparam("head"))
    .values(epoch=bindparam("head"), outer_team=bindparam("wrap"))
)
_REFERENCES: Final = (
    select(_t.id, _t.slot, _t.tag)
    .where(_t.id > bindparam("after"))
    .order_by(_t.id)
    .limit(bindparam("most"))
)
_BY_HAND: Final = (
    update(tables.conversations)
    .where(_this)
    .values(urgency=bindparam("to"), urgency_by=bindparam("by"))
)
_m: Final = tables.messages.c
_UNREAD: Final = exists().where(
    _m.conversation == _t.id, _m.id == bindparam("message"), _m.number > _t.read_up_to
)
# Until a second message came, the first screening may also lower what was only assumed.
_SCREENED: Final = (
    update(tables.conversations)
    .where(
        _this,
        or_(_t.urgency_by != "hand", _UNREAD),
        or_(
            _t.urgency < bindparam("to"),
            and_(
                _t.urgency_by == "not_screened",
                _t.last_number < 2 * STEP,
                bindparam("by") == "screened",
            ),
        ),
    )
    .values(urgency=bindparam("to"), urgency_by=bindparam("by"))
)


# --- making and reading --------------------------------------------------------------------


def create(c: Connection, new: NewConversation) -> bool:
    """Store a conversation; False where it is there already, under the same slot.

    The same id under another slot is what an erased conversation left behind before its rows
    were deleted: that goes first, with everything in it, so that nothing erased comes back.
    """
    values = {
        "this": new.id,
        "id": new.id,
        "slot": new.slot,
        "tag": new.tag,
        "channel": new.channel,
        "language": new.language,
        "state": State.WAITING.value,
        "urgency": DANGER if new.danger else FIRST_URGENCY,
        "urgency_by": "danger" if new.danger else "not_screened",
        "holder": None,
        "claimed_hour": None,
        "waiting_minute": minute_of(new.now),
        "created_hour": hour_of(new.now),
        "due_hour": hour_after(new.due),
        "latest_hour": hour_after(new.latest),
        "epoch": new.epoch,
        "last_number": 0,
        "read_up_to": 0,
        "answered": False,
        "outer_team": new.outer_team,
        "outer_client": new.outer_client,
    }
    if c.execute(_INSERT, values).rowcount:
        return True
    there = c.execute(_REFERENCE, {"this": new.id}).one()
    if (there.slot, there.tag) == (new.slot, new.tag):
        return False
    delete(c, [new.id])
    c.execute(_INSERT, values)
    return True


def get(c: Connection, conversation: bytes) -> Conversation | None:
    """The conversation with this id, or None."""
    row = c.execute(_GET, {"this": conversation}).one_or_none()
    if row is None:
        return None
    return Conversation(*_in_clear(row))


def queue(c: Connection) -> list[QueueRow]:
    """Every conversation that is not closed, without its blobs and in no order."""
    return queue_rows(c, _QUEUE, {})


def queue_rows(c: Connection, statement: Select[Any], values: Mapping[str, Any]) -> list[QueueRow]:
    """What a statement over `QUEUE_COLUMNS` finds, with the state of replies not yet sent."""
    found = c.execute(statement, values).all()
    worst: dict[bytes, OutboxSummary] = {}
    for conversation, state in c.execute(_UNSENT) if found else ():
        worst[conversation] = min(worst.get(conversation, state), state, key=_TROUBLE.index)
    return [QueueRow(*[*_in_clear(row), worst.get(row.id)]) for row in found]


_TROUBLE: Final[tuple[OutboxSummary, ...]] = ("failed", "returned", "waiting")


def _in_clear(row: Row[*tuple[Any, ...]]) -> list[Any]:
    """A row of `QUEUE_COLUMNS` and more, as `_InClear`'s fields and more: times in seconds."""
    fields = list(row)
    fields[_STATE] = _STATES[fields[_STATE]]
    for place, unit in _TIMES:
        if fields[place] is not None:
            fields[place] *= unit
    return fields


def references(c: Connection, after: bytes = b"", limit: int = 1000) -> list[Reference]:
    """Up to `limit` references in order of id, beginning behind the id `after`."""
    rows = c.execute(_REFERENCES, {"after": after, "most": limit})
    return [Reference(row.id, row.slot, row.tag) for row in rows]


def references_of(c: Connection, ids: Collection[bytes]) -> list[Reference]:
    """The references of those of `ids` that are in the database."""
    found = c.execute(select(_t.id, _t.slot, _t.tag).where(_t.id.in_(ids)))
    return [Reference(row.id, row.slot, row.tag) for row in found]


def existing(c: Connection, ids: Collection[bytes]) -> set[bytes]:
    """Those of `ids` that are in the database."""
    return set(c.scalars(select(_t.id).where(_t.id.in_(ids))))


# --- steps ---------------------------------------------------------------------------------


def claim(c: Connection, conversation: bytes, staff: bytes, now: int) -> Claim:
    """Claim for a member of staff; of many at once one wins. Claiming what one holds is won."""
    values = {"this": conversation, "staff": staff, "claimed": hour_of(now)}
    if c.execute(_CLAIM, values).rowcount:
        return Claim(won=True, holder=staff)
    holder: bytes | None = c.scalar(_HOLDER, {"this": conversation})
    return Claim(won=holder == staff, holder=holder)


def release(c: Connection, conversation: bytes, staff: bytes) -> bool:
    """Give back what `staff` holds; False where somebody else or nobody holds it."""
    return _done(c.execute(_RELEASE, {"this": conversation, "staff": staff}).rowcount)


def take_over(c: Connection, conversation: bytes, giver: bytes, taker: bytes) -> bool:
    """Hand over from `giver` to `taker`; False where `giver` does not hold it."""
    values = {"this": conversation, "giver": giver, "taker": taker}
    return _done(c.execute(_TAKE_OVER, values).rowcount)


def client_wrote(c: Connection, conversation: bytes, *, now: int, danger: bool, due: int) -> bool:
    """Note a further message of the client: it waits (again), closed opens; False when gone."""
    values = {
        "this": conversation,
        "minute": minute_of(now),
        "danger": danger,
        "due": hour_after(due),
    }
    return _done(c.execute(_CLIENT_WROTE, values).rowcount)


def answered(c: Connection, conversation: bytes, due: int) -> bool:
    """Note the holder's reply: nobody waits any more; False where nobody holds it."""
    return _done(c.execute(_ANSWERED, {"this": conversation, "due": hour_after(due)}).rowcount)


def close(c: Connection, conversation: bytes, due: int) -> bool:
    """Close what is claimed; False where nobody holds it."""
    return _done(c.execute(_CLOSE, {"this": conversation, "due": hour_after(due)}).rowcount)


def set_due(c: Connection, conversation: bytes, due: int) -> bool:
    """Note when the keeper will forget it; False when gone."""
    return _done(c.execute(_SET_DUE, {"this": conversation, "due": hour_after(due)}).rowcount)


def set_urgency(
    c: Connection, conversation: bytes, urgency: int, by: UrgencyBy, message: bytes = b""
) -> bool:
    """Set the urgency as rule 3 allows; whether it was changed.

    `by` "not_screened" asks for the urgency of what could not be screened, FIRST_URGENCY.
    `message` is the client's message that was or was not screened.
    """
    values = {"this": conversation, "to": urgency, "by": by}
    if by in {"hand", "danger"}:
        return _done(c.execute(_BY_HAND, values).rowcount)
    return _done(c.execute(_SCREENED, values | {"message": message}).rowcount)


def set_language(c: Connection, conversation: bytes, language: str) -> bool:
    """Note the language that screening recognised, as a code; False when gone."""
    return _done(c.execute(_SET_LANGUAGE, {"this": conversation, "code": language}).rowcount)


def mark_read(c: Connection, conversation: bytes, number: int) -> bool:
    """Note that everything up to `number` was opened; whether that is news."""
    return _done(c.execute(_MARK_READ, {"this": conversation, "number": number}).rowcount)


def rewrap(c: Connection, conversation: bytes, epoch: int, outer_team: bytes) -> bool:
    """Replace the team wrap by one of a later epoch; whether it was.

    One of the same epoch stays: it may name the phrase of a page that was let in meanwhile.
    """
    values = {"this": conversation, "head": epoch, "wrap": outer_team}
    return _done(c.execute(_REWRAP, values).rowcount)


def _done(rowcount: int) -> bool:
    return rowcount > 0


# --- forgetting ----------------------------------------------------------------------------


def delete(c: Connection, ids: Sequence[bytes]) -> Deleted:
    """Delete conversations with everything that belongs to them; unknown ids are passed over.

    The keeper must have freed their slots before (docs/keeper.md). The bytes are gone from the
    file after the next `Database.checkpoint` that answers True.
    """
    if not ids:
        return Deleted()
    gone = {
        table.name: c.execute(delete_from(table).where(table.c.conversation.in_(ids))).rowcount
        for table in tables.OF_A_CONVERSATION
    }
    named = tables.changes.c.conversation.in_(ids)
    gone["changes"] = c.execute(
        update(tables.changes).where(named).values(conversation=null())
    ).rowcount
    conversations = c.execute(delete_from(tables.conversations).where(_t.id.in_(ids))).rowcount
    return Deleted(conversations=conversations, **gone)
