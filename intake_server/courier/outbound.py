"""Replies on their way to messengers, from the outbox to the network.

Theory of operation
-------------------
1.  No row is believed. What is sent is what stands inside the seal: opened with the courier's own
    key, for this conversation, message and channel, and signed with the team key of today's epoch.
2.  What was signed under an earlier epoch, rightly, goes back to the desk as a draft; what is not
    rightly signed at all is not sent, and alarms.
3.  An id in the courier's own file is never sent again (`intake_server.courier.sent`). It is
    written there, synced, before anything is sent. After a crash in between nobody knows whether
    the network took it: it goes again where the channel makes one id arrive once
    (`Channel.sends_once`), and elsewhere a person decides.
4.  It goes to the address of that conversation, opened by the keeper, and to no other.
5.  Replies of one conversation go one after the other, in the order of their writing.
6.  Outside the client's safe hours nothing is sent, whoever wrote it and however urgent it is: it
    waits; so does the rest of a reply where they end between two of its files. The keeper tells the
    hours each time, so that neither a row nor an older database can change them. The row says only
    that it is looked at again in a quarter of an hour, whatever the hours; when they begin this
    process knows in its memory, and the team by the conversation.
7.  A network that cannot be reached is asked again, with growing pauses, for as long as the reply
    lives. Why a reply waits or failed stands in its row for the desk to show.
8.  A reply of attachments is as many messages on the network; rule 3 holds for each
    (`intake_server.courier.carrying`). What has gone does not go again when the rest is tried.
    Rules 1, 4 and 6 are asked again for each, when all that it waits for is there.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from enum import StrEnum, unique
from functools import partial
from typing import Final

from structlog.typing import FilteringBoundLogger

from bots.channel import Channel, ChannelRefused, ChannelUnavailable, Sent
from intake_server.clock import Clock
from intake_server.courier.carrying import Carrying, NotCarried
from intake_server.courier.own_keys import OwnKeys
from intake_server.courier.sent import SendState, SentFile
from intake_server.courier.work import LATER, Work
from intake_server.roster_view import RosterView
from triage.safe_hours import SafeHours, opens_at
from vault.attachment_format import Described
from vault.engine import DatabaseFailed
from vault.keeper_client import CourierKeeper
from vault.keeper_protocol import Reference, Refused
from vault.outbox import Waiting
from vault.roster import Roster
from vault.sealing import CannotOpen
from vault.wraps import (
    Address,
    OpenedOutboxItem,
    OutboxItem,
    is_outbox_item_verified,
    open_address,
    open_outbox_item,
)

FIRST_PAUSE: Final = 20.0  # seconds; rows keep minutes
LONGEST_PAUSE: Final = 15 * 60.0
LEAVE_SECONDS: Final = 8.0
LATER_SECONDS: Final = 15 * 60  # the same for all hours: the row tells nothing of them
PACE: Final = 1.0  # seconds between two replies to one person
_JITTER: Final = 0.2
_LOOK: Final = 15.0  # seconds between two looks at what may be tried again
_MOST: Final = 256


@unique
class Reason(StrEnum):
    """Why a reply was not sent, besides the channel's own reasons; the desk has the words."""

    UNAVAILABLE = "unavailable"  # tried again
    UNCERTAIN = "uncertain"  # it may have arrived
    EARLIER_EPOCH = "earlier_epoch"  # back at the desk as a draft
    NOT_VERIFIED = "not_verified"
    NO_ADDRESS = "no_address"
    NO_CHANNEL = "no_channel"
    FORGOTTEN = "forgotten"
    NOT_OFFERED = "not_offered"  # attachments are switched off for this channel
    NOT_WHOLE = "not_whole"  # an attachment does not open, or is not there
    PARTLY = "partly"  # some of its attachments were sent, the others will not be
    LATER = LATER  # waits by the client's wish


class NotSent(Exception):
    """This reply will not be sent; `reason` says why, `attachments` what it is made of."""

    def __init__(self, reason: Reason, attachments: Sequence[Described] = ()) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.attachments = attachments


@dataclass(slots=True)
class Outbound:
    """Sends what waits in the outbox."""

    keeper: CourierKeeper
    roster: RosterView
    work: Work
    keys: OwnKeys
    channels: Mapping[str, Channel]
    sent: SentFile
    clock: Clock
    log: FilteringBoundLogger
    zone: tzinfo  # of safe hours
    carrying: Carrying
    forged: int = 0  # replies that nobody of the team had signed
    queue: Counter[str] = field(default_factory=Counter)  # what waits, by channel
    _last: dict[str, float] = field(default_factory=dict)  # when a channel last took something
    _paced: dict[bytes, float] = field(default_factory=dict)  # when a conversation last was sent to
    _opening: dict[bytes, int] = field(default_factory=dict)  # when a conversation's hours begin
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _sending: dict[bytes, asyncio.Task[None]] = field(default_factory=dict)

    def age_of_last(self, channel: str) -> int | None:
        """For how many seconds nothing was delivered; None: nothing since the start."""
        last = self._last.get(channel)
        return None if last is None else int(self.clock.monotonic() - last)

    async def run(self) -> None:
        """Send what waits; runs as long as the process."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            while True:
                self._woken.clear()
                for item in await self._waiting():
                    if item.conversation not in self._sending:
                        task = asyncio.create_task(self._try(item))
                        self._sending[item.conversation] = task
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK):
                        await self._woken.wait()

    async def stop(self) -> None:
        """After `run` has ended: let what is being sent end, so that it is known whether it went.

        What takes longer than `LEAVE_SECONDS` stays uncertain.
        """
        self._stopping.set()
        tasks = list(self._sending.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=LEAVE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _listen(self) -> None:
        """Wake up whenever somebody committed."""
        async for _ in self.work.database.changes(0):
            self._woken.set()

    async def _waiting(self) -> list[Waiting]:
        try:
            await self._look_at_opened()
            self.queue = await self.work.queue(_MOST)
            return await self.work.waiting(_MOST)
        except DatabaseFailed as failed:
            self.log.warning("outbox_not_read", exc_info=failed)
            return []

    async def _look_at_opened(self) -> None:
        """Have what waited for hours that begin now looked at at once."""
        now = self.clock.unix()
        for conversation in [of for of, at in self._opening.items() if at <= now]:
            await self.work.hurry(conversation)
            del self._opening[conversation]

    async def _try(self, item: Waiting) -> None:
        """Send one reply and note what became of it; then there may be a next one."""
        try:
            if await self.work.is_next(item):
                await self._send(item)
        except Exception as reason:
            # One reply must not keep the others waiting, whatever is wrong with it.
            self.log.warning("reply_waits", channel=item.channel, exc_info=reason)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK):
                    await self._stopping.wait()
        finally:
            del self._sending[item.conversation]
            self._woken.set()

    async def _send(self, item: Waiting) -> None:
        known = self.sent.state_of(item.message)
        if known is SendState.SENT:
            await self.work.sent(item)
            return
        channel = self.channels.get(item.channel)
        if known is SendState.SENDING and not (channel is not None and channel.sends_once):
            await self.work.failed(item, Reason.UNCERTAIN, None)
            return
        ready = await self._ready(item)
        if ready is None or channel is None:
            return
        reply, address = ready
        if not reply.attachments:
            send = partial(channel.send, address.address, reply.text, item.message)
            if await self._hand_over(item, item.message, send):
                await self._done(item)
        elif await self._hand_over_all(item, channel, reply.attachments):
            await self._note(item.message, SendState.SENT)
            await self._done(item)

    async def _ready(self, item: Waiting) -> tuple[OutboxItem, Address] | None:
        """What may go at this moment, and where; None where its row says why it may not."""
        try:
            reply = await self._reply(item)
            address, hours = await self._address(item, reply)
        except NotSent as not_sent:
            await self._give_up(item, self._partly(not_sent))
            return None
        now = self.clock.unix()
        opening = None if hours is None else opens_at(hours, now, self.zone)
        if opening is not None:
            self._opening[item.conversation] = opening
            await self.work.postponed(item, Reason.LATER, now + LATER_SECONDS)
            return None
        return reply, address

    async def _done(self, item: Waiting) -> None:
        await self.work.sent(item)
        self.log.info("reply_sent", channel=item.channel)

    def _partly(self, not_sent: NotSent) -> Reason:
        """Its reason, unless a part went: then the team must not hear that nothing did."""
        parts = (self.sent.state_of(one.id) for one in not_sent.attachments)
        return Reason.PARTLY if SendState.SENT in parts else not_sent.reason

    async def _give_up(self, item: Waiting, reason: Reason) -> None:
        if reason is Reason.EARLIER_EPOCH:
            await self.work.returned(item, reason)
        else:
            await self.work.failed(item, reason, None)
        if reason is Reason.NOT_VERIFIED:
            self.forged += 1
            self.log.error("reply_not_verified", channel=item.channel)

    # --- rules 1, 2 and 4 -----------------------------------------------------------------

    async def _reply(self, item: Waiting) -> OutboxItem:
        """What is inside, verified; raises `NotSent`."""
        try:
            reference = Reference(item.slot, item.tag)
            inner = await self.keeper.unwrap_outbox(reference, item.message, item.outer)
            opened = open_outbox_item(self.keys.box, inner, item.conversation, item.message)
        except Refused:
            raise NotSent(await self._why_refused(item)) from None
        except CannotOpen:
            raise NotSent(Reason.NOT_VERIFIED) from None
        roster = (await self.roster.current()).roster
        if opened.item.channel != item.channel or not _is_signed(opened, roster):
            raise NotSent(Reason.NOT_VERIFIED)
        attachments = opened.item.attachments
        if item.channel not in self.channels:
            raise NotSent(Reason.NO_CHANNEL, attachments)
        if opened.item.epoch != roster.epoch.number:
            raise NotSent(Reason.EARLIER_EPOCH, attachments)
        if attachments and not self.carrying.allows(item.channel):
            raise NotSent(Reason.NOT_OFFERED, attachments)
        return opened.item

    async def _why_refused(self, item: Waiting) -> Reason:
        """The keeper refuses alike what is forgotten and what does not open under its key."""
        try:
            await self.keeper.slot_keys(Reference(item.slot, item.tag))
        except Refused:
            return Reason.FORGOTTEN
        return Reason.NOT_VERIFIED

    async def _address(self, item: Waiting, reply: OutboxItem) -> tuple[Address, SafeHours | None]:
        """Where the conversation's client is reached, and when; raises `NotSent`."""
        none = NotSent(Reason.NO_ADDRESS, reply.attachments)
        row = await self.work.address_of(item)
        if row is None:
            raise none
        try:
            opened = await self.keeper.open_address(Reference(row.slot, row.tag), row.outer)
            address = open_address(self.keys.box, opened.inner, item.conversation)
        except (Refused, CannotOpen):
            raise none from None
        if address.channel != item.channel:
            raise none
        is_any_time = opened.begin == opened.end
        return address, None if is_any_time else SafeHours(opened.begin, opened.end)

    # --- rules 3 and 7 --------------------------------------------------------------------

    async def _hand_over(
        self,
        item: Waiting,
        message: bytes,
        send: Callable[[], Awaitable[Sent]],
        *,
        is_begun: bool = False,
    ) -> bool:
        """Send one message, whose id is `message`: whether the network took it.

        Else its row says why not. `is_begun`: a part of the same reply was sent before.
        """
        await self._pace(item.conversation)
        await self._note(message, SendState.SENDING)
        try:
            await send()
        except ChannelUnavailable as unavailable:
            await self._note(message, SendState.NOT_TAKEN)
            retry_at = self.clock.unix() + int(pause_after(item.tries, unavailable.retry_after))
            await self.work.failed(item, Reason.UNAVAILABLE, retry_at)
        except ChannelRefused as refused:
            await self._note(message, SendState.NOT_TAKEN)
            await self.work.failed(item, Reason.PARTLY if is_begun else refused.reason, None)
        except Exception as unknown:
            # `ChannelUncertain`, or what a network's library raises besides: it may have arrived.
            self.log.warning("reply_uncertain", channel=item.channel, exc_info=unknown)
            await self.work.failed(item, Reason.UNCERTAIN, None)
        else:
            self._last[item.channel] = self.clock.monotonic()
            await self._note(message, SendState.SENT)
            return True
        return False

    async def _hand_over_all(
        self, item: Waiting, channel: Channel, attachments: Sequence[Described]
    ) -> bool:
        """Send each attachment that was not sent before (rule 8): whether all of them were."""
        is_begun = False
        for one in attachments:
            known = self.sent.state_of(one.id)
            if known is SendState.SENT:
                is_begun = True
                continue
            if known is SendState.SENDING and not channel.sends_once:
                await self.work.failed(item, Reason.UNCERTAIN, None)
                return False
            async with self.carrying.place(item.channel):
                try:
                    file = await self.carrying.opened(item.conversation, item.message, one)
                except NotCarried:
                    reason = Reason.PARTLY if is_begun else Reason.NOT_WHOLE
                    await self.work.failed(item, reason, None)
                    return False
                # Asked again for each: hours may end, and people leave, while files go.
                ready = await self._ready(item)
                if ready is None:
                    return False
                address = ready[1].address
                send = partial(channel.send_attachment, address, file, one.id)
                if not await self._hand_over(item, one.id, send, is_begun=is_begun):
                    return False
            is_begun = True
        return True

    async def _pace(self, conversation: bytes) -> None:
        """After an outage not everything at once: a person gets one message a second."""
        now = asyncio.get_running_loop().time()
        free = self._paced.get(conversation, now)
        self._paced = {of: until for of, until in self._paced.items() if until > now}
        self._paced[conversation] = max(free, now) + PACE
        if free > now:
            await asyncio.sleep(free - now)

    async def _note(self, message: bytes, state: SendState) -> None:
        await asyncio.to_thread(self.sent.note, message, state, self.clock.unix())


def _is_signed(opened: OpenedOutboxItem, roster: Roster) -> bool:
    """Whether the team signed it, under the epoch it names."""
    epoch = roster.epoch_numbered(opened.item.epoch)
    return epoch is not None and is_outbox_item_verified(opened, epoch.sign_key)


def pause_after(tries: int, wanted: float | None) -> float:
    """Return how long to wait after so many failed tries, in seconds, never less than `wanted`."""
    pause = min(FIRST_PAUSE * 2.0 ** min(tries, 10), LONGEST_PAUSE)
    return max(pause * random.uniform(1 - _JITTER, 1 + _JITTER), wanted or 0.0)  # noqa: S311  # no secret, only spread
