"""The courier's transactions: what arrives is stored whole or not at all, what is sent is noted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from bots.channel import DAY
from intake_server.clock import Clock
from intake_server.screening_link import Screened
from triage.conversation import State
from vault import (
    addresses,
    attachments,
    changes,
    conversations,
    inbox,
    messages,
    outbox,
    parting,
)
from vault.addresses import Address, Reach
from vault.attachments import Arriving, Limits
from vault.conversations import NewConversation, UrgencyBy
from vault.engine import Connection, Database
from vault.envelope import finding_id
from vault.keeper_protocol import Reference
from vault.messages import CLIENT_TO_TEAM, MESSAGE, NewMessage, UnknownConversation
from vault.outbox import Waiting

NOT_SCREENED_URGENCY = 1
LATER = "later"  # why a reply waits: the client said when messages may come


@dataclass(frozen=True, slots=True)
class Sealed:
    """One envelope to store, with its message id (16 bytes).

    `attached`: ids of the attachments that it names, which have arrived before it.
    """

    message_id: bytes = field(repr=False)
    envelope: bytes = field(repr=False)
    attached: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message of a messenger: its keyed hash and its envelopes."""

    transport: bytes = field(repr=False)
    sealed: Sequence[Sealed]
    has_text: bool


@dataclass(frozen=True, slots=True)
class Work:
    """What the courier does in the database."""

    database: Database
    clock: Clock

    async def is_seen(self, transport: bytes) -> bool:
        """Whether a message with this hash is stored."""
        return await self.database.read(lambda c: inbox.seen(c, transport))

    async def is_stored(self, conversation_id: bytes, reference: Reference) -> bool:
        """Whether the conversation of this very slot is in the database."""
        row = await self.database.read(lambda c: conversations.get(c, conversation_id))
        return row is not None and (row.slot, row.tag) == (reference.slot, reference.tag)

    async def language_of(self, conversation_id: bytes) -> str:
        """The language that screening noted last (a code, or empty): advice, as every row."""
        row = await self.database.read(lambda c: conversations.get(c, conversation_id))
        return "" if row is None else row.language

    async def store_first(
        self, new: NewConversation, address: Address, until: int, arrived: Arrived
    ) -> None:
        """Store a conversation with its address and first message; again changes nothing.

        `until` (seconds): how long the keeper keeps the address.
        """
        await self.database.write(lambda c: _store_first(c, new, address, until, arrived))

    async def store_further(
        self, conversation_id: bytes, due: int, at: Reach, arrived: Arrived
    ) -> None:
        """Store a further message, which came over the channel `at`; raises UnknownConversation."""
        now = self.clock.unix()
        await self.database.write(
            lambda c: _store_further(c, conversation_id, due, at, now, arrived)
        )

    async def arrive(self, new: Arriving, limits: Limits) -> None:
        """Store chunks of an attachment that no message names yet.

        Raises UnknownConversation, and `vault.attachments.NoRoom`.
        """
        now = self.clock.unix()
        await self.database.write(lambda c: attachments.arrive(c, new, limits, now))

    async def chunks(self, conversation_id: bytes, attachment: bytes, first: int) -> list[bytes]:
        """A few sealed chunks of an attachment from the number `first` on; none past the end."""
        return await self.database.read(
            lambda c: attachments.read(c, conversation_id, attachment, first)
        )

    async def store_finding(
        self, conversation_id: bytes, message_id: bytes, result: Screened
    ) -> None:
        """Store what screening said; raises UnknownConversation."""
        now = self.clock.unix()
        await self.database.write(
            lambda c: _store_finding(c, conversation_id, message_id, result, now)
        )

    async def unclaimed_since(self) -> list[int]:
        """Since when each conversation waits that nobody has taken (seconds since 1970)."""
        rows = await self.database.read(conversations.queue)
        return [
            row.waiting_since
            for row in rows
            if row.state is State.WAITING and row.waiting_since is not None
        ]

    async def erased(self, conversation_id: bytes) -> None:
        """Delete the rows of a conversation that the keeper has just forgotten."""
        ids = [conversation_id]
        for _ in range(await self.database.write(lambda c: attachments.shut(c, ids))):
            await self.database.write(lambda c: attachments.delete_some(c, ids))
        await self.database.write(lambda c: _erased(c, conversation_id))

    async def address_dropped(self, conversation_id: bytes, channel: str, told: Arrived) -> None:
        """Delete an address that the keeper has just forgotten, and tell team and page."""
        now = self.clock.unix()
        await self.database.write(lambda c: _dropped(c, conversation_id, channel, told, now))

    async def address_at(self, conversation_id: bytes, reference: Reference) -> Address | None:
        """The sealed address of this very slot."""
        known = await self.database.read(lambda c: addresses.of(c, conversation_id))
        return next((one for one in known if Reference(one.slot, one.tag) == reference), None)

    async def hours_changed(self, conversation_id: bytes, arrived: Arrived) -> None:
        """Tell the team of other safe hours, and look at what waits; raises UnknownConversation."""
        now = self.clock.unix()
        await self.database.write(lambda c: _hours_changed(c, conversation_id, arrived, now))

    async def told(self, conversation_id: bytes, arrived: Arrived) -> None:
        """Store what the team shall know; raises UnknownConversation."""
        now = self.clock.unix()
        await self.database.write(lambda c: _told(c, conversation_id, arrived, now))

    async def joined(self, address: Address, until: int, arrived: Arrived) -> None:
        """Keep a further address of a conversation, and tell the team; raises UnknownConversation.

        `until` (seconds): how long the keeper keeps it.
        """
        now = self.clock.unix()
        await self.database.write(lambda c: _joined(c, address, until, arrived, now))

    async def addresses(self) -> list[Address]:
        """Every sealed address."""
        return await self.database.read(addresses.every)

    # --- outbox ---------------------------------------------------------------------------

    async def waiting(self, limit: int) -> list[Waiting]:
        """Replies to send now, oldest first."""
        now = self.clock.unix()
        return await self.database.read(lambda c: outbox.waiting(c, now, limit))

    async def queue(self, limit: int) -> Counter[str]:
        """How many replies wait, by channel, those included that are tried again later."""
        ever = self.clock.unix() + DAY
        waiting = await self.database.read(lambda c: outbox.waiting(c, ever, limit))
        return Counter(item.channel for item in waiting)

    async def is_next(self, item: Waiting) -> bool:
        """Whether no older reply of its conversation still waits."""
        return await self.database.read(lambda c: _is_next(c, item))

    async def address_of(self, item: Waiting) -> Address | None:
        """The sealed address to which a reply goes."""
        known = await self.database.read(lambda c: addresses.of(c, item.conversation))
        return next((one for one in known if one.channel == item.channel), None)

    async def sent(self, item: Waiting) -> None:
        """Note that a reply was sent."""
        await self.database.write(lambda c: _sent(c, item))

    async def failed(self, item: Waiting, reason: str, retry_at: int | None) -> None:
        """Note why a reply was not sent, and when it is tried again (None: never)."""
        await self.database.write(lambda c: _failed(c, item, reason, retry_at))

    async def postponed(self, item: Waiting, reason: str, until: int) -> None:
        """Note that a reply is not tried before `until` (seconds)."""
        await self.database.write(lambda c: _postponed(c, item, reason, until))

    async def hurry(self, conversation_id: bytes) -> None:
        """Have looked at now what waits by the client's wish."""
        await self.database.write(lambda c: _hurry(c, conversation_id))

    async def returned(self, item: Waiting, reason: str) -> None:
        """Give a reply back to the desk as a draft."""
        now = self.clock.unix()
        await self.database.write(lambda c: _returned(c, item, reason, now))


def _store_first(
    c: Connection, new: NewConversation, address: Address, until: int, arrived: Arrived
) -> None:
    if inbox.seen(c, arrived.transport):
        return
    conversations.create(c, new)
    addresses.put(c, new.id, address.channel, address.slot, address.tag, address.outer)
    addresses.set_until(c, new.id, address.channel, until)
    _store_messages(c, new.id, arrived, new.now)
    changes.note(c, new.id, "new")


def _store_further(
    c: Connection, conversation_id: bytes, due: int, at: Reach, now: int, arrived: Arrived
) -> None:
    if inbox.seen(c, arrived.transport):
        return
    if not conversations.client_wrote(c, conversation_id, now=now, danger=False, due=due):
        raise UnknownConversation
    if at.until is not None:
        addresses.set_until(c, conversation_id, at.channel, at.until)
    _store_messages(c, conversation_id, arrived, now)
    changes.note(c, conversation_id, "message")


def _store_messages(c: Connection, conversation_id: bytes, arrived: Arrived, now: int) -> None:
    inbox.note(c, arrived.transport, conversation_id, now)
    for one in arrived.sealed:
        new = NewMessage(
            one.message_id, conversation_id, MESSAGE, CLIENT_TO_TEAM, one.envelope, now
        )
        messages.add(c, new)
        if one.attached:
            attachments.bind(c, conversation_id, one.message_id, one.attached)
        if not arrived.has_text:
            conversations.set_urgency(
                c, conversation_id, NOT_SCREENED_URGENCY, "not_screened", one.message_id
            )


def _store_finding(
    c: Connection, conversation_id: bytes, message_id: bytes, result: Screened, now: int
) -> None:
    if result.finding is not None:
        messages.add_finding(
            c,
            conversation=conversation_id,
            finding=finding_id(message_id),
            envelope=result.finding,
            now=now,
        )
    by: UrgencyBy = "screened" if result.screened else "not_screened"
    conversations.set_urgency(c, conversation_id, result.urgency, by, message_id)
    if result.language:
        conversations.set_language(c, conversation_id, result.language)
    changes.note(c, conversation_id, "finding")


def _erased(c: Connection, conversation_id: bytes) -> None:
    conversations.delete(c, [conversation_id])
    changes.note(c, None, "erased")


def _is_next(c: Connection, item: Waiting) -> bool:
    standings = outbox.state_of(c, item.conversation)
    first = next((one.message for one in standings if one.state == "waiting"), None)
    return first == item.message


def _sent(c: Connection, item: Waiting) -> None:
    if outbox.sent(c, item.message):
        changes.note(c, item.conversation, "outbox")


def _failed(c: Connection, item: Waiting, reason: str, retry_at: int | None) -> None:
    if outbox.failed(c, item.message, reason, retry_at):
        changes.note(c, item.conversation, "outbox")


def _postponed(c: Connection, item: Waiting, reason: str, until: int) -> None:
    if outbox.postpone(c, item.message, reason, until):
        changes.note(c, item.conversation, "outbox")


def _hurry(c: Connection, conversation_id: bytes) -> None:
    outbox.hurry(c, conversation_id, LATER)


def _joined(c: Connection, address: Address, until: int, arrived: Arrived, now: int) -> None:
    of = address.conversation
    addresses.put(c, of, address.channel, address.slot, address.tag, address.outer)
    addresses.set_until(c, of, address.channel, until)
    _tell(c, of, arrived, now)
    changes.note(c, of, "message")


def _dropped(c: Connection, conversation_id: bytes, channel: str, told: Arrived, now: int) -> None:
    parting.drop(c, conversation_id, channel)
    if conversations.get(c, conversation_id) is not None:
        _tell(c, conversation_id, told, now)
        changes.note(c, conversation_id, "message")


def _tell(c: Connection, conversation_id: bytes, arrived: Arrived, now: int) -> None:
    """Store what the team shall know; nobody waits for an answer to it."""
    if inbox.seen(c, arrived.transport):
        return
    inbox.note(c, arrived.transport, conversation_id, now)
    for one in arrived.sealed:
        told = NewMessage(
            one.message_id, conversation_id, MESSAGE, CLIENT_TO_TEAM, one.envelope, now
        )
        messages.add(c, told)


def _told(c: Connection, conversation_id: bytes, arrived: Arrived, now: int) -> None:
    _tell(c, conversation_id, arrived, now)
    changes.note(c, conversation_id, "message")


def _hours_changed(c: Connection, conversation_id: bytes, arrived: Arrived, now: int) -> None:
    _tell(c, conversation_id, arrived, now)
    outbox.hurry(c, conversation_id, LATER)
    changes.note(c, conversation_id, "outbox")


def _returned(c: Connection, item: Waiting, reason: str, now: int) -> None:
    if outbox.back_to_draft(c, item.message, reason, now):
        changes.note(c, item.conversation, "outbox")
