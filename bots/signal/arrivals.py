"""From signal-cli-rest-api to the handler: websocket and webhook at once, each message once.

Theory of operation
-------------------
1.  Every event comes over the websocket and, where it is set up, over the webhook. Which comes
    first is taken, the other is dropped by the sender's account, device and timestamp.
2.  A message is written to the journal, synced and sealed, before the webhook is answered. It
    leaves the journal when the handler has stored it. Where nothing can be written, nothing is
    answered: the server waits.
3.  A websocket that ends is attached again, with growing pauses that only a lasting connection
    makes short again. Without a webhook, messages of the time between are lost, and an alarm
    says so.
4.  Downloaded attachments are fetched while the handler works, and deleted when it has stored the
    message (`bots.signal.downloads`).
5.  A person with another key than before is marked on their next message, and only then is the new
    key taken: until they have written, signal-cli sends them nothing. A message that could not be
    opened is handed over empty, so that somebody hears of it.
"""

import asyncio
import contextlib
import json
import random
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from structlog.typing import FilteringBoundLogger

from bots.channel import Attachment, Incoming
from bots.in_order import InOrder
from bots.refusals import Refusals
from bots.signal.api import Api, ApiDown, ApiLimited, ApiRefused, ApiSilent
from bots.signal.downloads import Downloads
from bots.signal.envelopes import Arrived, Unread, read_event
from bots.signal.journal import Journal

FIRST_PAUSE: Final = 0.5  # seconds before the websocket is attached again
LONGEST_PAUSE: Final = 60.0
LASTING: Final = 30.0  # seconds after which a connection counts as a lasting one
LOOK_EVERY: Final = 15.0  # seconds between two looks at account and attachments
IDENTITY_SECONDS: Final = 5.0  # for which a list of people's keys is good
GAP_SECONDS: Final = 3_600  # for which a gap stays an alarm
_DISK_PAUSE: Final = 1.0
_CANNOT_WRITE: Final = "cannot_write"
_JITTER: Final = 0.3
_MOST_SEEN: Final = 20_000
_FAILURES: Final = (ApiDown, ApiSilent, ApiLimited, ApiRefused)


@dataclass(slots=True, eq=False)
class Message:
    """One message in the journal on its way to the handler."""

    arrivals: "Arrivals"
    arrived: Arrived
    record: str
    changed: bool = False

    async def read(self) -> Incoming | None:
        """Return it, marked where the person has another key than before."""
        arrived = self.arrived
        self.changed = arrived.identity_changed or await self.arrivals.is_changed(arrived.address)
        return Incoming(
            address=arrived.address,
            transport_id=arrived.transport_id,
            text=arrived.text,
            attachments=arrived.attachments,
            at=arrived.at,
            fetches=self.arrivals.downloads.fetches(arrived.files),
            identity_changed=self.changed,
        )

    async def stored(self) -> None:
        """Take a new key for the person's, and remove the message from the journal."""
        if self.changed:
            await self.arrivals.accept(self.arrived.address)
        await self.arrivals.journal_remove(self.record)
        self.arrivals.delete(self.arrived.files)


@dataclass(slots=True)
class Arrivals:
    """The two ways in, and what they know."""

    api: Api
    journal: Journal
    order: InOrder
    refusals: Refusals
    now: Callable[[], int]
    log: FilteringBoundLogger
    has_webhook: bool
    unread: Callable[[str], None]  # called with the address of whose message was not readable
    downloads: Downloads
    attached: bool = False
    reachable: bool = False  # whether the last call was answered
    alarms: set[str] = field(default_factory=set)
    _gap_until: int = 0
    _seen: OrderedDict[str, None] = field(default_factory=OrderedDict, repr=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _look: asyncio.Event = field(default_factory=asyncio.Event)
    _attach: asyncio.Event = field(default_factory=asyncio.Event)
    _changed: frozenset[str] = field(default=frozenset(), repr=False)
    _changed_at: float | None = None

    @property
    def connected(self) -> bool:
        """Whether messages come and go: the webhook alone is enough for coming."""
        return self.reachable and (self.attached or self.has_webhook)

    @property
    def gap_suspected(self) -> bool:
        """Whether messages may have been lost within the last hour (rule 3)."""
        return self.now() < self._gap_until

    def was_away(self) -> None:
        """Note that this program did not run for a while: what the server had is not kept."""
        self._gap_until = self.now() + GAP_SECONDS

    def resume(self) -> None:
        """Queue what is in the journal."""
        for name, record in self.journal.records():
            arrived = _from_record(record)
            self._remember(arrived)
            self.downloads.keep(arrived.files)
            self.order.put(arrived.address, Message(self, arrived, name))

    def answered(self) -> None:
        """Note that the server answered; where the websocket is not attached, that is tried now."""
        self.reachable = True
        if not self.attached:
            self._attach.set()

    async def run(self) -> None:
        """Listen and look after the server; runs until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._look_after())

    # --- the ways in (rules 1 to 3) -------------------------------------------------------

    async def take(self, event: object) -> None:
        """Take one event; returns when it is in the journal, or nothing of it is wanted."""
        read = read_event(event, self.api.number)
        if isinstance(read, Unread):
            self._refuse(read.files)
            async with self._lock:
                if read.name in self._seen:
                    return
                self._remember_name(read.name)
                self.refusals.note(read.reason, self.now())
                if read.notice is not None:
                    await self._keep(read.notice)
                    if not read.notice.identity_changed:
                        self.unread(read.notice.address)
        elif read is not None:
            async with self._lock:
                if _name(read) not in self._seen:
                    self.downloads.keep(read.files)
                    await self._keep(read)

    async def _keep(self, arrived: Arrived) -> None:
        while True:
            try:
                name = await self.journal.put(_to_record(arrived))
            except OSError:
                self.alarms.add(_CANNOT_WRITE)
                await asyncio.sleep(_DISK_PAUSE)
            else:
                self.alarms.discard(_CANNOT_WRITE)
                break
        self._remember(arrived)
        self.order.put(arrived.address, Message(self, arrived, name))

    async def journal_remove(self, name: str) -> None:
        """Remove a record. What cannot be removed comes again after a restart, and is dropped."""
        with contextlib.suppress(OSError):
            await self.journal.remove(name)

    def _remember(self, arrived: Arrived) -> None:
        self._remember_name(_name(arrived))

    def _remember_name(self, name: str) -> None:
        self._seen[name] = None
        if len(self._seen) > _MOST_SEEN:
            self._seen.popitem(last=False)

    async def _listen(self) -> None:
        loop, pause = asyncio.get_running_loop(), FIRST_PAUSE
        while True:
            since = loop.time()
            try:
                await self._follow()
            except ApiDown:
                self.reachable = False
            self.attached = False
            if loop.time() - since > LASTING:
                pause = FIRST_PAUSE
            if not self.has_webhook:
                self._gap_until = self.now() + GAP_SECONDS
            spread = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - no secret, only spread
            await asyncio.sleep(min(pause, FIRST_PAUSE) * spread)  # never at once: storms
            self._attach.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout((pause - FIRST_PAUSE) * spread):
                    await self._attach.wait()
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _follow(self) -> None:
        """Attach to the websocket and take its events until it ends; raises `ApiDown`."""
        stream = await self.api.listen()
        self.attached = self.reachable = True
        self.log.info("channel_connected", channel="signal")
        try:
            async for frame in stream:
                if frame.type is aiohttp.WSMsgType.TEXT:
                    with contextlib.suppress(ValueError):
                        await self.take(json.loads(frame.data))
        finally:
            self.attached = False
            await stream.close()
        self.log.warning("channel_lost", channel="signal")

    # --- looking after (rule 4) -----------------------------------------------------------

    async def _look_after(self) -> None:
        while True:
            try:
                has_taken_all = _CANNOT_WRITE not in self.alarms
                await self.downloads.look(self.now(), has_taken_all=has_taken_all)
                registered = await self.api.is_registered()
            except _FAILURES:
                self.reachable = False
            else:
                self.answered()
                (self.alarms.discard if registered else self.alarms.add)("not_registered")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY if self.reachable else FIRST_PAUSE * 2):
                    await self._look.wait()
            self._look.clear()

    def delete(self, files: tuple[str, ...]) -> None:
        """Have downloaded attachments deleted now."""
        self.downloads.done(files)
        self._look_soon()

    def _refuse(self, files: tuple[str, ...]) -> None:
        self.downloads.refuse(files)
        self._look_soon()

    def _look_soon(self) -> None:
        if self.downloads.is_due:
            self._look.set()

    # --- people (rule 5) ------------------------------------------------------------------

    async def is_changed(self, person: str) -> bool:
        """Say whether a person has a key that signal-cli does not trust.

        Where the server does not answer, no: the message is more urgent than the mark, which
        comes with the next one, and until then signal-cli sends that person nothing.
        """
        now = asyncio.get_running_loop().time()
        if self._changed_at is None or now - self._changed_at > IDENTITY_SECONDS:
            try:
                known = await self.api.identities()
            except _FAILURES:
                return False
            self._changed = frozenset(each.uuid.lower() for each in known if each.untrusted)
            self._changed_at = now
        return person in self._changed

    async def accept(self, person: str) -> None:
        """Have signal-cli trust the newest key of a person, who was marked."""
        with contextlib.suppress(*_FAILURES):
            await self.api.trust(person)
        self._changed_at = None


def _name(arrived: Arrived) -> str:
    return f"{arrived.address}.{arrived.transport_id}"


def _to_record(arrived: Arrived) -> bytes:
    kept = {
        "address": arrived.address,
        "id": arrived.transport_id,
        "text": arrived.text,
        "attachments": [kind.value for kind in arrived.attachments],
        "files": arrived.files,
        "at": arrived.at,
        "changed": arrived.identity_changed,
    }
    return json.dumps(kept).encode()


def _from_record(record: bytes) -> Arrived:
    kept: dict[str, Any] = json.loads(record)
    return Arrived(
        address=kept["address"],
        transport_id=kept["id"],
        text=kept["text"],
        attachments=tuple(Attachment(kind) for kind in kept["attachments"]),
        at=kept["at"],
        files=tuple(kept.get("files", ())),  # records of earlier versions have none
        identity_changed=kept["changed"],
    )
