"""Delta Chat: chats over mail, encrypted end to end, without number, name or account for clients.

Theory of operation
-------------------
1.  A core (`bots.deltachat.core`) keeps the account in the channel's folder and speaks to the mail
    server. It is started again whenever it ends, with growing pauses, and once in a while when
    nothing is in hand.
2.  Mail leaves the server as soon as the core has downloaded it. From then on the core keeps it,
    until the handler has stored it; then it is deleted there too. So what lies in the core is
    what is not stored yet, and every look at it (`get_next_msgs`) finds all of it: after an event,
    a restart, a kill.
3.  An address is the fingerprint of the person's key. A person with a new key is another person.
4.  The core neither sends nor shows anything unencrypted: mail without encryption stays unread on
    the server and can be neither counted nor answered. Groups are refused, and the sender alone
    is told so.
5.  The core keeps a sent message until the mail server has taken it, or for half a minute;
    `bots.deltachat.sending` makes it arrive once, and has nothing go later than somebody waits.
6.  What was removed is overwritten within a minute, within two while a file comes or goes: between
    the end of one core and the beginning of the next (`bots.deltachat.traces`). Calls wait for that
    moment to pass; a file that takes longer than that is begun again.
7.  A conversation that ends by itself is not told to the channel: the core forgets people who have
    been silent for longer than any conversation lives.
8.  Edits and deletions by the other side do not reach a message that is stored already.
"""

import asyncio
import contextlib
import random
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from bots.attachments import Fetch, Outgoing
from bots.channel import (
    ChannelHealth,
    ChannelRefused,
    ChannelUnavailable,
    Handler,
    Incoming,
    Refusal,
    RefusedBecause,
    Remains,
    Sent,
)
from bots.deltachat.account import (
    STATE,
    AccountRefused,
    Identity,
    apply_policy,
    open_account,
)
from bots.deltachat.arriving import is_for_us, read
from bots.deltachat.core import Core, CoreGone, CoreRefused, Event, program
from bots.deltachat.files import Lending, view_of
from bots.deltachat.line import FIRST_PAUSE, LONGEST_PAUSE, Line
from bots.deltachat.sending import UNFINISHED, OnItsWay, Said, key_of
from bots.deltachat.session import Message, Session
from bots.deltachat.traces import TracesKept, wipe
from bots.refusals import Refusals

RESTART_EVERY: Final = 6 * 3600.0  # seconds; a core that lives for weeks grows
WIPE_AFTER: Final = 40.0  # seconds after a removal; only while no core runs what is left goes
LOOK_EVERY: Final = 60.0  # seconds between two looks that no event asked for
_START: Final = 20.0  # seconds that `start` waits for the core
_CHANGE: Final = 10.0  # seconds that a call waits for the next core
_FILE_CHANGE: Final = 60.0  # seconds that a rest waits for files that come or go
_MOMENT: Final = 0.05  # seconds
LENT: Final = "lent"  # in the channel's folder, where no other is named
_NO_CORE: Final = "core_missing"
_NO_ACCOUNT: Final = "no_account"
_TRACES: Final = "traces_kept"


class DeltaChat:
    """The channel. `folder` is private to it and exists; `now` gives seconds since 1970.

    `keep_seconds`: the longest life of a conversation; whoever was silent for longer is forgotten
    here too. `nobody_read`: what is said to who writes to a group. `lending`: a folder in memory
    for files on their way to the core.
    """

    name = "deltachat"
    sends_once = True

    def __init__(
        self,
        *,
        folder: Path,
        now: Callable[[], int],
        display_name: str,
        keep_seconds: int,
        identity: Identity | None = None,
        nobody_read: str = "",
        lending: Path | None = None,
    ) -> None:
        self._state = folder / STATE
        self._lending = Lending(lending or folder / LENT)
        self._without_file = asyncio.Event()  # set while no file comes or goes
        self._without_file.set()
        self._now = now
        self._display_name = display_name
        self._keep_seconds = keep_seconds
        self._identity = identity
        self._nobody_read = nobody_read
        self._refusals = Refusals()
        self._alarms: set[str] = set()
        self._events: Handler | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._line: Line | None = None
        self._at_work = 0  # calls that use the line
        self._in_hand: Counter[bytes] = Counter()  # ids that somebody waits for
        self._files = 0  # files that are being sent or fetched
        self._is_changing = False  # from one core to the next, on purpose
        self._is_first = True  # no core was there yet
        self._opened = asyncio.Event()  # set while there is a line
        self._tried = asyncio.Event()
        self._arriving: dict[int, deque[tuple[Message, Incoming]]] = {}  # by chat
        self._known: set[int] = set()  # messages in hand
        self._carriers: dict[int, asyncio.Task[None]] = {}

    # --- the protocol ---------------------------------------------------------------------

    async def start(self, events: Handler) -> None:
        """Start the core and hand over what arrives; goes on trying where it does not start."""
        self._events = events
        self._tried.clear()
        await asyncio.to_thread(self._lending.empty)
        self._keeper = asyncio.create_task(self._keep())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_START):
                await self._tried.wait()

    async def invite(self) -> str | None:
        """Return the link whose text a client scans; None where the core is not there."""
        return None if self._line is None else self._line.session.invite

    async def send(self, address: str, text: str, message_id: bytes) -> Sent:
        """Send once (rule 5)."""
        return await self._send(address, Said(text), message_id)

    async def send_attachment(self, address: str, file: Outgoing, message_id: bytes) -> Sent:
        """Send once, as a text; the core does not rest meanwhile."""
        with self._with_file():
            try:
                async with self._lending.lent(file) as path:
                    return await self._send(address, Said("", path, view_of(file)), message_id)
            except OSError:
                raise ChannelUnavailable from None  # there is no room to lend it

    @contextlib.contextmanager
    def _with_file(self) -> Iterator[None]:
        """While a file comes or goes the core does not rest, for a minute at most."""
        self._files += 1
        self._without_file.clear()
        try:
            yield
        finally:
            self._files -= 1
            if not self._files:
                self._without_file.set()

    async def _send(self, address: str, said: Said, message_id: bytes) -> Sent:
        self._in_hand[message_id] += 1
        try:
            return await self._send_now(address, said, message_id)
        except OnItsWay:
            return await self._send_on(address, said, message_id)
        finally:
            self._in_hand[message_id] -= 1
            self._in_hand += Counter()  # only what is there

    async def _send_now(self, address: str, said: Said, message_id: bytes) -> Sent:
        async with self._working() as line:
            try:
                await line.settled()
                async with line.locks.setdefault(address, asyncio.Lock()):
                    return await line.sending.send(address, said, message_id)
            except CoreRefused:
                raise ChannelRefused(RefusedBecause.REFUSED) from None
            finally:
                line.removed.set()

    async def _send_on(self, address: str, said: Said, message_id: bytes) -> Sent:
        """Have the next core end what one that ended was sending, under the same name.

        Where there is none in time, what became of it is known from the notes when it is asked for
        again: a core that nobody asks takes back what is left, and notes that nobody knows.
        """
        try:
            async with asyncio.timeout(UNFINISHED):
                await asyncio.sleep(FIRST_PAUSE)  # a core that only did not answer is there still
                await self._opened.wait()
            return await self._send_now(address, said, message_id)
        except (OnItsWay, TimeoutError):
            raise ChannelUnavailable from None

    async def delete(self, address: str, transport_id: str) -> None:
        """Delete a message that is still in the core, for everybody where it is ours.

        What the network has taken is not in the core any more: the disappearing timer sees to it.
        """
        async with self._working() as line:
            session = line.session
            with contextlib.suppress(CoreRefused):
                contact = await session.contact(address)
                chat = await session.chat(contact.id) if contact else 0
                for number in await session.ask(list[int], "get_message_ids", chat, False, False):  # noqa: FBT003 - the core's parameters have a place, no name
                    if await session.transport_id(number) == transport_id:
                        await session.do("delete_messages", [number])
            line.removed.set()

    async def set_timer(self, address: str, seconds: int | None) -> None:
        """Set it where it differs: the person's app tells of each change."""
        async with self._working() as line:
            session = line.session
            with contextlib.suppress(CoreRefused):
                contact = await session.contact(address)
                if contact is not None:
                    chat, wanted = await session.chat(contact.id), seconds or 0
                    if await session.ask(int, "get_chat_ephemeral_timer", chat) != wanted:
                        await session.do("set_chat_ephemeral_timer", chat, wanted)

    async def withdraw(self, address: str) -> Remains:  # noqa: ARG002 - the protocol's
        """Do nothing: what the network has taken is in the person's app alone, until its timer."""
        return Remains(on_server=False, in_app=True, vanishes=True)

    async def forget(self, address: str) -> None:
        """Remove the person from the core."""
        async with self._working() as line:
            with contextlib.suppress(CoreRefused):
                contact = await line.session.contact(address)
                if contact is not None:
                    await line.session.drop(contact)
            line.removed.set()

    async def people(self) -> list[str]:
        """Return who is a contact in the core."""
        async with self._working() as line:
            return await line.session.people()

    def health(self) -> ChannelHealth:
        """Say how it is, from what the core told last."""
        return ChannelHealth(
            connected=self._is_changing or (self._line is not None and self._line.connected),
            waiting=sum(len(queue) for queue in self._arriving.values()),
            refused=self._refusals.counts(),
            alarms=(*sorted(self._alarms), *self._refusals.alarms(self._now())),
        )

    async def stop(self) -> None:
        """End the core; what was not stored stays in it."""
        self._events = None
        tasks = [*self._carriers.values(), *filter(None, [self._keeper])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._keeper = None
        self._carriers.clear()
        self._arriving.clear()
        self._known.clear()
        await asyncio.to_thread(self._lending.empty)

    # --- a core, again and again ----------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _working(self) -> AsyncIterator[Line]:
        """The line, to be used for one call; raises `ChannelUnavailable`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CHANGE if self._is_changing else 0):
                await self._opened.wait()
        line = self._line
        if line is None or not self._opened.is_set():
            raise ChannelUnavailable
        self._at_work += 1
        try:
            yield line
        except CoreGone:
            raise ChannelUnavailable from None
        finally:
            self._at_work -= 1

    @contextlib.asynccontextmanager
    async def _asking(self) -> AsyncIterator[Session]:
        async with self._working() as line:
            yield line.session

    async def _keep(self) -> None:
        """Have a core running, always (rule 1); runs from `start` to `stop`."""
        pause = FIRST_PAUSE
        while True:
            try:
                async with self._opening() as line:
                    pause = FIRST_PAUSE
                    await self._run(line)
            except (CoreGone, CoreRefused):
                self._is_changing = False
            except AccountRefused:
                self._is_changing = False
                self._alarms.add(_NO_ACCOUNT)
            self._tried.set()
            if self._is_changing:
                continue
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - no secret, only spread
            pause = min(2 * pause, LONGEST_PAUSE)

    @contextlib.asynccontextmanager
    async def _opening(self) -> AsyncIterator[Line]:
        """A core with the account, connected as far as the network lets it."""
        binary = program()
        if binary is None:
            self._alarms.add(_NO_CORE)
            raise CoreGone
        await self._wipe()
        holder: list[Line] = []
        core = await Core.start(binary, self._state, lambda event: _tell(holder, event))
        try:
            number = await open_account(core, self._identity)
            await apply_policy(core, number, self._display_name)
            line = Line(await Session.of(core, number), self._now)
            holder.append(line)
            in_hand = {key_of(message) for message in self._in_hand}
            await line.sending.tidy(is_first=self._is_first, in_hand=in_hand)
            await line.session.drop_silent(self._now() - self._keep_seconds)
            await line.session.do("start_io")
            self._is_first = False  # not before: a core that ended by here has sent nothing
            self._alarms -= {_NO_CORE, _NO_ACCOUNT}
            self._line = line
            self._opened.set()
            self._tried.set()
            self._is_changing = False
            yield line
        finally:
            self._line = None
            self._opened.clear()
            await asyncio.shield(self._end(core))

    async def _end(self, core: Core) -> None:
        await core.close()
        await self._wipe()

    async def _run(self, line: Line) -> None:
        """What is done while a core runs; ends when it has ended, or is due to be changed."""
        async with asyncio.TaskGroup() as group:
            duties: list[Coroutine[None, None, None]] = [
                self._look(line),
                line.watch_connection(),
                line.sending.take_back_left(),
            ]
            tasks = [group.create_task(_until_gone(duty)) for duty in duties]
            due = group.create_task(self._until_due(line))
            ended = group.create_task(_ended(line))
            await asyncio.wait((due, ended), return_when=asyncio.FIRST_COMPLETED)
            for task in (*tasks, due, ended):
                task.cancel()

    async def _until_due(self, line: Line) -> None:
        """Wait until something is to be wiped and nobody is in the middle of a call."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RESTART_EVERY):
                await line.removed.wait()
                await asyncio.sleep(WIPE_AFTER)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FILE_CHANGE):
                await self._without_file.wait()
        self._is_changing = True
        self._opened.clear()  # who comes now waits for the next core
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CHANGE):
                while self._at_work:  # noqa: ASYNC110 - moments, once a minute at most
                    await asyncio.sleep(_MOMENT)

    async def _wipe(self) -> None:
        """Overwrite what was removed (rule 6)."""
        try:
            await asyncio.to_thread(wipe, self._state)
        except TracesKept:
            self._alarms.add(_TRACES)
        else:
            self._alarms.discard(_TRACES)

    # --- arriving -------------------------------------------------------------------------

    async def _look(self, line: Line) -> None:
        """Take in hand what lies in the core, again and again (rule 2)."""
        while True:
            line.arrived.clear()
            with contextlib.suppress(CoreRefused):
                await self._take_all(line.session)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await line.arrived.wait()
            await line.gather()

    async def _take_all(self, session: Session) -> None:
        new: list[Message] = []
        for number in await session.ask(list[int], "get_next_msgs"):
            if number not in self._known:
                with contextlib.suppress(CoreRefused):  # this one alone; the next look tries again
                    message = await session.message(number)
                    if message is not None and is_for_us(message):
                        new.append(message)
        for message in sorted(new, key=_order):
            with contextlib.suppress(CoreRefused):  # as above
                await self._take(session, message)

    async def _take(self, session: Session, message: Message) -> None:
        found = await read(session, message, self._state, self._asking)
        if not isinstance(found, Incoming):
            await self._refuse(session, message, found)
            return
        found = replace(found, fetches=tuple(self._held(one) for one in found.fetches if one))
        self._known.add(message.id)
        queue = self._arriving.setdefault(message.chat_id, deque())
        place = len(queue)
        while place > 1 and _order(queue[place - 1][0]) > _order(message):
            place -= 1  # the first is being handed over
        queue.insert(place, (message, found))
        self._carry(message.chat_id)

    def _held(self, fetch: Fetch) -> Fetch:
        async def held(most: int) -> bytes:
            with self._with_file():
                return await fetch(most)

        return held

    async def _refuse(self, session: Session, message: Message, reason: Refusal) -> None:
        self._refusals.note(reason, self._now())
        await session.do("delete_messages", [message.id])
        address = await session.fingerprint(message.from_id)
        if self._nobody_read and address and self._refusals.may_tell(address, self._now()):
            chat = await session.chat(message.from_id)
            await session.do("misc_send_text_message", chat, self._nobody_read)

    def _carry(self, chat: int) -> None:
        """Have one task, and only one, hand over what this person said."""
        if self._events is not None and chat not in self._carriers:
            self._carriers[chat] = asyncio.create_task(self._hand_over(chat, self._events))

    async def _hand_over(self, chat: int, events: Handler) -> None:
        queue, pause = self._arriving[chat], FIRST_PAUSE
        while queue:
            message, incoming = queue[0]
            try:
                await events(incoming)
            except ChannelUnavailable as unavailable:
                await asyncio.sleep(unavailable.retry_after or pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            await self._remove(message)
            queue.popleft()
            pause = FIRST_PAUSE
        del self._carriers[chat], self._arriving[chat]

    async def _remove(self, message: Message) -> None:
        """Delete a stored message from the core and the server; waits for a core if need be."""
        while True:
            await self._opened.wait()
            try:
                async with self._working() as line:
                    with contextlib.suppress(CoreRefused):  # it is not there any more
                        await line.session.do("delete_messages", [message.id])
                    line.removed.set()
                    break
            except ChannelUnavailable:
                await asyncio.sleep(FIRST_PAUSE)
        self._known.discard(message.id)


def _order(message: Message) -> tuple[int, int]:
    """By the sender's clock, as mail does not keep its order on the way."""
    return message.timestamp, message.id


def _tell(holder: list[Line], event: Event) -> None:
    for line in holder:
        line.hear(event)


async def _ended(line: Line) -> None:
    await line.session.core.ended.wait()


async def _until_gone(duty: Coroutine[None, None, None]) -> None:
    """A core that ends ends its duties, each by its next question."""
    with contextlib.suppress(CoreGone, CoreRefused):
        await duty
