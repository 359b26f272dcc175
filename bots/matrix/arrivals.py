"""From the homeserver to the handler: syncing, joining, and what becomes of each event.

Theory of operation
-------------------
1.  One loop asks the homeserver what is new, for ever, with growing pauses while it cannot be
    reached. What comes is put into one queue for each person (`bots.in_order`), sealed as it is,
    and opened when the handler is ready.
2.  The token of an answer is written once everything up to it was stored (`bots.matrix.position`).
3.  Invitations are accepted; what the room is shows after joining. Groups are left at once. Of a
    room without encryption nothing is handed over; whoever writes there reads one fixed sentence,
    the only thing that ever leaves in clear, and then the room is left.
4.  A message whose key has not come waits for it a while, and later messages of that person behind
    it. If the key does not come, the handler gets an empty message, so that somebody hears of it,
    and the person reads the fixed sentence.
5.  Nothing else is answered here.
"""

import asyncio
import contextlib
import random
from collections import defaultdict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from structlog.typing import FilteringBoundLogger

from bots.channel import ChannelUnavailable, Incoming, Refusal
from bots.in_order import InOrder
from bots.matrix.client import ENCRYPTED, Arrived, Client, Denied, RoomEvent, SignedOut
from bots.matrix.keys import UNUSED, KeyRing, Origin
from bots.matrix.messages import Said, said_in
from bots.matrix.position import Batch, Position
from bots.matrix.rooms import Verdict, judge, person_in
from bots.refusals import Refusals

FIRST_PAUSE: Final = 0.5  # seconds before a homeserver that did not answer is asked again
LONGEST_PAUSE: Final = 60.0
TIDY_EVERY: Final = 600  # seconds
JOIN_PAUSES: Final = (1, 2, 4, 8, 15, 30, 60, 120, 300)
"""Seconds between tries to accept an invitation; after the last it is left alone."""
KEY_PATIENCE: Final = 20.0  # seconds that a message waits for its key
_LOOK: Final = 0.2  # seconds between two looks for it
_JITTER: Final = 0.3
_NOTICE: Final = "m.notice"  # said by programs, which must not answer each other


@dataclass(slots=True, eq=False)
class Message:
    """One encrypted event on its way to the handler."""

    arrivals: "Arrivals"
    room_id: str = field(repr=False)
    event: RoomEvent
    batch: Batch
    patient_until: float  # in the loop's time
    _read: bool = False

    async def read(self) -> Incoming | None:
        """Open it; None where it is nothing to hand over."""
        incoming = await self.arrivals.opened(self, again=self._read)
        self._read = True
        return incoming

    async def stored(self) -> None:
        """Acknowledge: the position moves, the key is not needed any more."""
        await self.arrivals.stored(self)


@dataclass(slots=True)
class Arrivals:
    """The loop, and what it knows about rooms and people."""

    client: Client
    keys: KeyRing
    position: Position
    order: InOrder
    refusals: Refusals
    nobody_read: str
    now: Callable[[], int]
    log: FilteringBoundLogger
    connected: bool = False
    synced: bool = False  # whether all rooms are known
    alarms: set[str] = field(default_factory=set)
    _since: str | None = None
    _invitations: set[str] = field(default_factory=set, repr=False)
    _writers: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _telling: set[asyncio.Task[None]] = field(default_factory=set)
    _tidied: int = 0

    # --- the loop (rules 1 and 2) ---------------------------------------------------------

    async def run(self) -> None:
        """Ask for what is new; runs until it is cancelled."""
        self._since, self._tidied = self.position.since, self.now()
        pause = FIRST_PAUSE
        while True:
            wanted: float | None = None
            try:
                await self._pass()
            except ChannelUnavailable as unavailable:
                wanted = unavailable.retry_after
                self._disconnected("signed_out" if isinstance(unavailable, SignedOut) else None)
            except Denied:
                self._disconnected("refused_by_server")
            except Exception:
                # Whatever an answer held: the next one may be another one.
                self.log.exception("channel_failed", channel="matrix")
                self._disconnected("failing")
            else:
                self._connected()
                pause = FIRST_PAUSE
                continue
            spread = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - no secret, only spread
            await asyncio.sleep(max(pause * spread, wanted or 0.0))
            pause = min(2 * pause, LONGEST_PAUSE)

    async def stop(self) -> None:
        """Let nothing be said any more; the loop was cancelled before."""
        for task in self._telling:
            task.cancel()
        await asyncio.gather(*self._telling, return_exceptions=True)
        self.connected = self.synced = False

    def _connected(self) -> None:
        if not self.connected:
            self.log.info("channel_connected", channel="matrix")
        self.connected = True
        self.alarms -= {"signed_out", "refused_by_server", "failing"}

    def _disconnected(self, alarm: str | None) -> None:
        if self.connected:
            self.log.warning("channel_lost", channel="matrix")
        self.connected = False
        if alarm is not None:
            self.alarms.add(alarm)

    async def _pass(self) -> None:
        first = self._since is None
        arrived = await self.client.sync(self._since, all_rooms=not self.synced)
        batch = self.position.begin(arrived.token)
        self._since, self.synced = arrived.token, True
        self._take(arrived, batch, first=first)
        await self.position.done(batch)
        await self._refuse_rooms()
        await self.client.keep_keys()
        self._tidy()

    def _take(self, arrived: Arrived, batch: Batch, *, first: bool) -> None:
        for room_id in arrived.invitations:
            if room_id not in self._invitations:
                batch.open += 1
                self._invitations.add(room_id)
                self._spawn(self._accept(room_id, batch))
        rooms = self.client.rooms()
        for room_id, events in arrived.rooms.items():
            verdict = judge(rooms[room_id]) if room_id in rooms else Verdict.GROUP
            for event in events:
                if event.sender == self.client.user_id or verdict is Verdict.GROUP:
                    continue
                if event.kind != ENCRYPTED:
                    self._refuse_open(room_id, event)
                elif not first or (event.sealed and self.keys.has_key(room_id, event)):
                    # At the very first start, what is older than this device is not for it.
                    self._put(room_id, event, batch)

    def _put(self, room_id: str, event: RoomEvent, batch: Batch) -> None:
        batch.open += 1
        self._writers[room_id].add(event.sender)
        until = asyncio.get_running_loop().time() + KEY_PATIENCE
        self.order.put(event.sender, Message(self, room_id, event, batch, until))

    # --- rooms (rule 3) -------------------------------------------------------------------

    def rooms_of(self, person: str, *verdicts: Verdict) -> list[str]:
        """Return the rooms of this kind that a person is in with us, the last used one first."""
        last = self.position.rooms.get(person)
        found = [
            room_id
            for room_id, room in self.client.rooms().items()
            if person_in(room) == person and judge(room) in verdicts
        ]
        return sorted(found, key=lambda room_id: room_id != last)

    def people(self) -> list[str]:
        """Return everybody who is in a room with us and nobody else."""
        wanted = (Verdict.TALK, Verdict.OPEN)
        rooms = [room for room in self.client.rooms().values() if judge(room) in wanted]
        return sorted({person for room in rooms if (person := person_in(room)) is not None})

    async def _accept(self, room_id: str, batch: Batch) -> None:
        """Join a room, beside the loop: a homeserver that invites may be slow, or never answer."""
        for pause in JOIN_PAUSES:
            try:
                await self.client.join(room_id)
            except Denied:  # withdrawn, or not for us
                with contextlib.suppress(ChannelUnavailable):
                    await self.client.leave(room_id)
            except ChannelUnavailable as unavailable:
                await asyncio.sleep(unavailable.retry_after or pause)
                continue
            break
        self._invitations.discard(room_id)
        await self.position.done(batch)

    async def _refuse_rooms(self) -> None:
        for room_id, room in self.client.rooms().items():
            verdict = judge(room)
            if verdict is Verdict.GROUP:
                self.refusals.note(Refusal.GROUP, self.now())
                await self.client.leave(room_id)
            elif verdict is Verdict.EMPTY:
                await self.client.leave(room_id)  # what waits of it still has its keys

    def _waits_in(self, room_id: str) -> bool:
        return any(self.order.waits_for(person) for person in self._writers.get(room_id, ()))

    def _refuse_open(self, room_id: str, event: RoomEvent) -> None:
        """Count what came unencrypted, if it is a message, and say that nobody has read it."""
        if said_in(event.kind, event.content) is None or event.content.get("msgtype") == _NOTICE:
            return
        self.refusals.note(Refusal.NOT_ENCRYPTED, self.now())
        self._tell(room_id, event)

    def _tell(self, room_id: str, event: RoomEvent) -> None:
        may = bool(self.nobody_read) and self.refusals.may_tell(event.sender, self.now())
        self._spawn(self._say_nobody_read(room_id, event.id, say=may))

    async def _say_nobody_read(self, room_id: str, event_id: str, *, say: bool) -> None:
        """Say the fixed sentence, once for an event; leave the room if it is not encrypted."""
        try:
            if say:
                await self.client.say(room_id, self.nobody_read, f"nobody-read-{event_id}")
            room = self.client.rooms().get(room_id)
            if room is not None and not room.encrypted:
                await self.client.leave(room_id)
        except (ChannelUnavailable, Denied):
            self.log.info("refusal_not_told", channel="matrix")

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    # --- messages (rule 4) ----------------------------------------------------------------

    async def opened(self, message: Message, *, again: bool) -> Incoming | None:
        """Return what the handler gets for a message; counts what is refused, unless `again`."""
        event = message.event
        await self.client.learn_devices(event.sender)
        self.keys.settle_devices(event.sender)
        if event.sealed:
            await self._wait_for_key(message)
        opened = self.keys.open(message.room_id, event) if event.sealed else None
        if opened is None:
            if not again:
                self.refusals.note(Refusal.UNREADABLE, self.now())
                self._tell(message.room_id, event)
            return _incoming(event, Said(None), Origin.KNOWN)
        if opened.origin is Origin.OTHERS:
            if not again:
                self.refusals.note(Refusal.UNVERIFIED, self.now())
            return None
        if len(self.rooms_of(event.sender, Verdict.TALK)) > 1:
            await self.position.note_room(event.sender, message.room_id)
        said = said_in(opened.kind, opened.content)
        if said is None:
            return None
        fetches = tuple(self.client.media.fetch(said.file) for _ in said.attachments)
        return replace(_incoming(event, said, opened.origin), fetches=fetches)

    async def _wait_for_key(self, message: Message) -> None:
        loop = asyncio.get_running_loop()
        while not self.keys.has_key(message.room_id, message.event):
            if loop.time() >= message.patient_until:
                return
            await asyncio.sleep(_LOOK)

    async def stored(self, message: Message) -> None:
        """Acknowledge a message."""
        event = message.event
        if event.sealed:
            self.keys.note_stored(message.room_id, event)
            self.keys.accept_device(event)
        await self.position.done(message.batch)

    def _tidy(self) -> None:
        if self.now() - self._tidied < TIDY_EVERY:
            return
        self._tidied = self.now()
        for room_id in [room for room in self._writers if not self._waits_in(room)]:
            del self._writers[room_id]
        rooms = set(self.client.rooms()) | self._invitations | set(self._writers)
        self.keys.settle_devices(self.client.user_id)
        self.keys.tidy(rooms, datetime.fromtimestamp(self.now(), UTC).replace(tzinfo=None) - UNUSED)
        if self.keys.others_of_own():
            self.alarms.add("another_device")
        else:
            self.alarms.discard("another_device")


def _incoming(event: RoomEvent, said: Said, origin: Origin) -> Incoming:
    return Incoming(
        address=event.sender,
        transport_id=event.id,
        text=said.text,
        attachments=said.attachments,
        at=event.at,
        identity_changed=origin is Origin.LATER,
    )
