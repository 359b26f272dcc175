"""What web does for a client, in the order that keeps every promise.

Theory of operation
-------------------
1.  Arrival: the keeper's slot is synced, then the rows are committed, then it is acknowledged.
    Only then is the screening copy handed over.
2.  Erasing: the keeper has overwritten the shred key before anything is confirmed. Rows that
    could not be deleted (a full disk, a locked database) are left to the sweep; nothing opens them.
3.  Every step may be repeated: the same ids are the same conversation and the same message.
4.  Unknown and expired phrases cost the same work and get an answer of the same size, made up.
5.  An hour's budget is a conversation's, whichever way its messages come: what was looked at is
    counted before the next message of the same conversation is looked at. The message that makes
    a conversation is not counted.
6.  No answer carries more than the newest `MOST_SHOWN` messages.
7.  This module sees sealed blobs and signatures only. Keeper and database that do not do their
    part become `Unavailable`, whatever the cause.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from structlog.typing import FilteringBoundLogger

from intake_server.clock import Clock
from intake_server.screening_link import Screened
from intake_server.web.budgets import Budgets, TooMany
from intake_server.web.keys import KeySource, NotOpen
from intake_server.web.opening import Opening
from intake_server.web.screening import Screening, ToScreen
from vault import attachments, changes, conversations, drafts, messages
from vault.attachments import NotWhole
from vault.conversations import STEP, Conversation, NewConversation, UrgencyBy
from vault.engine import Connection, Database, DatabaseFailed
from vault.envelope import finding_id
from vault.keeper_client import KeeperDown, WebKeeper
from vault.keeper_protocol import (
    CLIENT_WRAP_SIZE,
    WAYS_SIZE,
    BadRequest,
    KeeperRefusal,
    NoRoot,
    Reference,
    Refused,
)
from vault.keeper_requests import Proof
from vault.messages import (
    CLIENT_TO_TEAM,
    MESSAGE,
    NewMessage,
    NotAnEnvelope,
    StoredMessage,
    UnknownConversation,
)
from vault.rounding import HOUR
from vault.sealing import (
    ID_SIZE,
    OUTER_OVERHEAD,
    SEAL_OVERHEAD,
    Kind,
    header,
    pack,
    random_bytes,
)
from vault.wraps import ScreeningCopy

CHANNEL: Final = "web"
LANGUAGE_UNKNOWN: Final = ""
URGENCY_UNSCREENED: Final = 1
MOST_SHOWN: Final = 200  # messages in one answer

_OUTER_SIZE: Final = CLIENT_WRAP_SIZE + OUTER_OVERHEAD
_ANSWER_SIZE: Final = SEAL_OVERHEAD + len(
    pack(bytes(32), bytes(CLIENT_WRAP_SIZE), bytes(ID_SIZE), bytes(8), bytes(8), bytes(WAYS_SIZE))
)

ClientState = Literal["received", "read", "answering"]


class Unavailable(Exception):
    """Keeper or database did not do it just now; nothing was acknowledged, try again."""


class MalformedRequest(Exception):
    """A field is not what belongs there; the program that sent it is at fault."""


class StaleKeys(Exception):
    """The keeper did not take what was sealed to an earlier key; seal to today's."""


@dataclass(frozen=True, slots=True)
class Arriving:
    """A message on its way in: its id (16 bytes), its envelope and what is to be screened."""

    message_id: bytes = field(repr=False)
    envelope: bytes = field(repr=False)
    copy: bytes | ScreeningCopy | None = field(repr=False)
    danger: bool
    attached: tuple[bytes, ...] = ()
    """Ids of the attachments that the message names; they have arrived before it."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A message that is kept. Times in seconds since 1970."""

    conversation_id: bytes = field(repr=False)
    number: int
    due: int
    latest: int = 0


@dataclass(frozen=True, slots=True)
class Opened:
    """What a phrase opened, or made-up bytes of the same sizes where it opened nothing."""

    conversation_id: bytes = field(repr=False)
    answer: bytes = field(repr=False)
    messages: list[StoredMessage] = field(repr=False)
    state: ClientState
    due: int
    latest: int


@dataclass(frozen=True, slots=True)
class Polled:
    """What is new in a conversation; `gone` when nothing of it is left."""

    messages: list[StoredMessage] = field(repr=False)
    state: ClientState
    due: int
    gone: bool


@dataclass(frozen=True, slots=True)
class Work:
    """The steps; everything they need is handed in."""

    keeper: WebKeeper
    database: Database
    keys: KeySource
    opening: Opening
    screening: Screening | None
    budgets: Budgets
    clock: Clock
    log: FilteringBoundLogger

    async def first(self, create: bytes, arriving: Arriving, conversation_id: bytes) -> Stored:
        """Store a first message; `create` is sealed to the keeper (docs/keeper.md, 0x10).

        Raises NotOpen, StaleKeys, TooMany, MalformedRequest, Unavailable. StaleKeys is also what
        the keeper's refusal of an id becomes that it has forgotten.
        """
        with self.arrival(), _calm():
            epoch = (await self.keys.current()).roster.epoch.number
            if not self.opening.is_open:
                raise NotOpen
            try:
                made = await self.keeper.create(create)
            except Refused:
                raise StaleKeys from None
            if made.conversation_id != conversation_id:
                raise MalformedRequest
            new = NewConversation(
                id=conversation_id,
                slot=made.reference.slot,
                tag=made.reference.tag,
                channel=CHANNEL,
                language=LANGUAGE_UNKNOWN,
                danger=arriving.danger,
                epoch=epoch,
                outer_team=made.team_wrap,
                outer_client=made.client_wrap,
                due=made.due,
                latest=made.latest,
                now=self.clock.unix(),
            )
            async with self.budgets.turn(conversation_id):
                spent = self.budgets.spent(conversation_id, danger=arriving.danger)
                number, created = await self.database.write(
                    lambda c: _store_first(c, new, arriving, spent)
                )
                if number is not None and not created:
                    self.budgets.count(conversation_id)
        self._hand_over(made.reference, conversation_id, arriving, number)
        return Stored(conversation_id, number or STEP, made.due, made.latest)

    async def open(self, tag: bytes, proof: Proof) -> Opened:
        """What the phrase with this lookup tag opens (rule 4); raises Unavailable."""
        with _calm():
            conversation_id, due, latest = random_bytes(ID_SIZE), *self._made_up_dates()
            with contextlib.suppress(Refused):
                found = await self.keeper.find(tag)
                conversation_id, due, latest = found.conversation_id, found.due, found.latest
            row, stored, state = await self.database.read(
                lambda c: _read_conversation(c, conversation_id)
            )
            outer = row.outer_client if row is not None else None
            try:
                answer = await self.keeper.open_client_wrap(
                    tag, outer or random_bytes(_OUTER_SIZE), proof
                )
            except Refused:
                answer = _made_up_answer()
                conversation_id, stored, state = random_bytes(ID_SIZE), [], "received"
                due, latest = self._made_up_dates()
        return Opened(conversation_id, answer, stored, state, due, latest)

    async def poll(self, conversation_id: bytes, after: int) -> Polled:
        """What came after the message numbered `after`, the newest of it; raises Unavailable."""
        with _calm():
            row, stored, state = await self.database.read(
                lambda c: _read_conversation(c, conversation_id, after)
            )
        return Polled(stored, state, row.due if row is not None else 0, row is None)

    async def send(self, tag: bytes, proof: Proof, arriving: Arriving) -> Stored:
        """Store a further message; raises Refused, TooMany, MalformedRequest, Unavailable."""
        with self.arrival(), _calm():
            found = await self.keeper.find(tag)
            async with self.budgets.turn(found.conversation_id):
                spent = self.budgets.spent(found.conversation_id, danger=arriving.danger)
                if spent is not None:
                    raise spent
                wrote = await self.keeper.client_wrote(tag, proof)
                now = self.clock.unix()
                try:
                    number, stored = await self.database.write(
                        lambda c: _store_further(c, wrote.conversation_id, wrote.due, now, arriving)
                    )
                except UnknownConversation:
                    raise Refused from None
                if stored:
                    self.budgets.count(found.conversation_id)
        if stored:
            self._hand_over(wrote.reference, wrote.conversation_id, arriving, number)
        return Stored(wrote.conversation_id, number, wrote.due)

    async def change_due(self, tag: bytes, due: int, proof: Proof) -> tuple[int, bytes]:
        """Move the day of forgetting: the new time and the sealed answer.

        Raises Refused, Unavailable.
        """
        with _calm():
            found = await self.keeper.find(tag)
            changed = await self.keeper.change_due(tag, due, proof)
            await self.database.write(lambda c: _store_due(c, found.conversation_id, changed.due))
        return changed.due, changed.answer

    async def erase(self, tag: bytes, proof: Proof) -> bytes:
        """Forget everything now; the sealed answer. Raises Refused, Unavailable.

        When this returns, nothing that anybody holds opens the conversation (rule 2).
        """
        with _calm():
            erased = await self.keeper.erase(tag, proof)
        self.budgets.forget(erased.conversation_id)
        try:
            ids = [erased.conversation_id]
            for _ in range(await self.database.write(lambda c: attachments.shut(c, ids))):
                await self.database.write(lambda c: attachments.delete_some(c, ids))
            await self.database.write(lambda c: _delete(c, erased.conversation_id))
        except DatabaseFailed as failure:
            self.log.warning("rows_left_to_sweep", exc_info=failure)
        return erased.answer

    async def store_finding(self, item: ToScreen, result: Screened) -> None:
        """Keep what screening found; a conversation erased meanwhile stays erased."""
        now = self.clock.unix()
        try:
            await self.database.write(lambda c: _store_finding(c, item, result, now))
        except UnknownConversation:
            return
        except DatabaseFailed as failure:
            self.log.warning("finding_not_stored", exc_info=failure)

    def _hand_over(
        self, reference: Reference, conversation_id: bytes, arriving: Arriving, number: int | None
    ) -> None:
        if self.screening is not None and arriving.copy is not None and number is not None:
            self.screening.offer(
                ToScreen(reference.packed, conversation_id, arriving.message_id, arriving.copy)
            )

    def arrival(self) -> contextlib.AbstractContextManager[None]:
        """Mark the time in which a message is on its way: screening stands back meanwhile."""
        return contextlib.nullcontext() if self.screening is None else self.screening.arrival()

    def _made_up_dates(self) -> tuple[int, int]:
        day = 24 * HOUR
        due = self.clock.unix() + 14 * day
        return due, due + 46 * day


@contextlib.contextmanager
def _calm() -> Iterator[None]:
    """Turn whatever keeper and database raise into what a client can be told."""
    try:
        yield
    except Refused:
        raise
    except NoRoot:
        raise NotOpen from None
    except (BadRequest, NotAnEnvelope, NotWhole):
        raise MalformedRequest from None
    except (KeeperRefusal, KeeperDown, DatabaseFailed) as failure:
        raise Unavailable from failure


def _made_up_answer() -> bytes:
    head = header(Kind.KEEPER_ANSWER)
    return head + random_bytes(_ANSWER_SIZE - len(head))


# --- transactions -------------------------------------------------------------------------


def _store_first(
    c: Connection, new: NewConversation, arriving: Arriving, spent: TooMany | None
) -> tuple[int | None, bool]:
    """The message's number, None where it is stored already; and whether it made the conversation.

    Raises `spent` for a further message that is not stored yet.
    """
    created = conversations.create(c, new)
    number = messages.add(c, _message(arriving, new.id, new.now))
    if number is None:
        return None, False
    if not created:
        if spent is not None:
            raise spent
        conversations.client_wrote(c, new.id, now=new.now, danger=arriving.danger, due=new.due)
    changes.note(c, new.id, "new" if created else "message")
    return number, created


def _store_further(
    c: Connection, conversation: bytes, due: int, now: int, arriving: Arriving
) -> tuple[int, bool]:
    """The message's number and whether it is new; 0 for a repeated one of long ago."""
    number = messages.add(c, _message(arriving, conversation, now))
    if number is None:
        row = conversations.get(c, conversation)
        known = [] if row is None else _newest(c, row)
        return next((one.number for one in known if one.id == arriving.message_id), 0), False
    conversations.client_wrote(c, conversation, now=now, danger=arriving.danger, due=due)
    if arriving.attached:
        attachments.bind(c, conversation, arriving.message_id, arriving.attached)
        # No program looks at a picture or a recording: a person must.
        conversations.set_urgency(
            c, conversation, URGENCY_UNSCREENED, "not_screened", arriving.message_id
        )
    changes.note(c, conversation, "message")
    return number, True


def _message(arriving: Arriving, conversation: bytes, now: int) -> NewMessage:
    return NewMessage(
        arriving.message_id, conversation, MESSAGE, CLIENT_TO_TEAM, arriving.envelope, now
    )


def _read_conversation(
    c: Connection, conversation: bytes, after: int = 0
) -> tuple[Conversation | None, list[StoredMessage], ClientState]:
    row = conversations.get(c, conversation)
    if row is None:
        return None, [], "received"
    return row, _newest(c, row, after), _state(c, row)


def _newest(c: Connection, row: Conversation, after: int = 0) -> list[StoredMessage]:
    """The newest messages after `after`; client and team have every `STEP`th number."""
    before_shown = (row.last_number // STEP - MOST_SHOWN) * STEP
    return messages.of(c, row.id, max(after, before_shown), kinds=(MESSAGE,))


def _state(c: Connection, row: Conversation) -> ClientState:
    """What the client is told; "answering" only while the holder keeps a draft."""
    newest = row.last_number // STEP * STEP
    if row.read_up_to < newest and not row.answered:
        return "received"
    if row.holder is not None and drafts.is_begun(c, row.id, row.holder):
        return "answering"
    return "read"


def _store_due(c: Connection, conversation: bytes, due: int) -> None:
    if conversations.set_due(c, conversation, due):
        changes.note(c, conversation, "due")


def _delete(c: Connection, conversation: bytes) -> None:
    conversations.delete(c, [conversation])
    changes.note(c, None, "erased")


def _store_finding(c: Connection, item: ToScreen, result: Screened, now: int) -> None:
    owner = item.conversation_id
    if result.finding is not None:
        messages.add_finding(
            c,
            conversation=owner,
            finding=finding_id(item.message_id),
            envelope=result.finding,
            now=now,
        )
    by: UrgencyBy = "screened" if result.screened else "not_screened"
    conversations.set_urgency(c, owner, result.urgency, by, item.message_id)
    if result.language:
        conversations.set_language(c, owner, result.language)
    changes.note(c, owner, "finding")
