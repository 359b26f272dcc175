"""Sending so that one message id arrives once, whatever dies in between.

The core chooses names for messages itself. So each message is first a draft, whose number in the
core stays the same when it is sent; the number is noted in the core's own database under our
message id before the draft goes. Whoever is asked again looks there:

| note | the message in the core | then |
|---|---|---|
| none | | a draft is made |
| `draft N` | is a draft still | it is sent |
| `draft N` | waits, or was taken | nobody sends again; it is waited for |
| `draft N` | failed, or is not there | the note goes; a draft is made anew |
| `unknown` | was removed, and the server may have it | a person decides (`ChannelUncertain`) |
| `sent … N` | was removed after the network took it | its name on the network is told again |

A kill between that note and the removal leaves our copy in the core: each new core removes what a
`sent` note names and is still there under that name.

What the server has not taken while somebody waits for it is taken back: removed from the core,
which would otherwise send it by itself, hours later, when the client's safe hours are over. A new
core takes back what an earlier one left, before it speaks to any server. What the server may have
taken although nobody learnt of it (`bots.deltachat.tries`) is never written anew by itself: the
core has a minute to try it again under the same name, and then nobody knows.

A courier that was killed has told nobody anything: what somebody was waiting for as it ended goes
on, under the name it has on the network, which is why it arrives once even if the server had taken
it already. That is for as long as one waits for a text or a file, and half a minute to be started
again; what is not gone after as much time again is taken back. So it is with a core that ends, by
itself or for its rest, while somebody waits for what it was sending: the next core goes on.
"""

import asyncio
import contextlib
import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Final, NoReturn

from bots.channel import (
    DAY,
    ChannelRefused,
    ChannelUnavailable,
    ChannelUncertain,
    RefusedBecause,
    Sent,
)
from bots.deltachat.core import CoreGone, CoreRefused
from bots.deltachat.session import FINGERPRINT_DIGITS, Message, Session
from bots.deltachat.tries import Tries

DRAFT: Final = 19  # the core's states of an own message (DC_STATE_OUT_…)
FAILED: Final = 24
DELIVERED: Final = 26  # the server has taken it; larger: it was read

LONGEST: Final = 20_000  # characters; more would be shortened on the other side
NOTE_DAYS: Final = 30  # for so long a sent id is known
_NOTE: Final = "ui.out."
_PATIENCE: Final = 25.0  # seconds for the mail server to take a message
_FILE_PATIENCE: Final = 150.0  # the same, for twenty megabytes
_RESTART: Final = 35.0  # seconds until a courier that was killed is at work again
UNFINISHED: Final = _PATIENCE + _RESTART  # seconds for which what it was sending goes on
UNFINISHED_FILE: Final = _FILE_PATIENCE + _RESTART
_AWAY: Final = 5.0  # seconds of them without a connection, which may be coming back
FIRST_NUDGE: Final = 1.5  # seconds until the core is told to try again; then twice as many
_LOOK: Final = 1.0  # seconds between looks, should an event have been missed
UNTRIED: Final = 3.0  # seconds with a connection in which a new core tries what was left to it
_HEARD: Final = 0.5  # seconds in which the core has told of a try that had begun


class OnItsWay(Exception):
    """The core ended, or did not answer, while it was sending this: the next one goes on."""

    def __init__(self) -> None:
        super().__init__("the Delta Chat core ended while it was sending")


@dataclass(frozen=True, slots=True)
class Said:
    """What is sent: a text, or the file at a path, which the core copies, and what it calls it."""

    text: str = field(repr=False)
    file: Path | None = None
    view: str | None = None


@dataclass(frozen=True, slots=True)
class _Noted:
    kind: str  # draft, sent, unknown
    what: str  # the number in the core, or the name on the network
    at: int
    copy: int | None = None  # of what was sent: its number in the core


class Sending:
    """Sends for one session.

    `is_connected` says whether waiting makes sense; `removed` is told of what left the core, where
    nobody waits who would know of it.
    """

    def __init__(
        self,
        session: Session,
        now: Callable[[], int],
        is_connected: Callable[[], bool],
        removed: Callable[[], None],
    ) -> None:
        self._session = session
        self._now = now
        self._is_connected = is_connected
        self._removed = removed
        self.tries = Tries()
        self._changed = asyncio.Event()
        self._left: dict[str, float] = {}  # what an earlier courier was sending: key, seconds left
        self._taking_back = asyncio.Lock()  # held for the moment in which one of these is ended

    def changed(self) -> None:
        """Be told that a message was taken or failed, or that the connection changed."""
        self._changed.set()
        self._changed = asyncio.Event()  # each who waits has the one from before it looked

    async def send(self, address: str, said: Said, message_id: bytes) -> Sent:
        """Send once.

        Raises `ChannelUnavailable`, `ChannelRefused`, `ChannelUncertain`, `CoreGone`, `CoreRefused`
        and, where the next core goes on, `OnItsWay`.
        """
        key = key_of(message_id)
        async with self._taking_back:
            left = self._left.pop(key, None)  # somebody waits for it now
        noted = await self._noted(key)
        if noted is not None and noted.kind == "sent":
            return Sent(noted.what)
        if noted is not None and noted.kind == "unknown":
            raise ChannelUncertain
        message = await self._session.message(int(noted.what)) if noted else None
        if message is None or (message.state == FAILED and left is None):
            message, left = await self._draft(address, said, key), None
        try:
            if message.state == DRAFT:
                await self._go(message)
            patience, away = _FILE_PATIENCE if said.file else _PATIENCE, _AWAY
            if left is not None:
                # The server may have taken it, and a new core needs time to connect.
                patience = away = max(patience, left)
                await self._note(key, "draft", str(message.id))  # killed again, it is as young
            await self._taken(message.id, key, patience, away, is_left=left is not None)
            return Sent(await self._went(message.id, key))
        except CoreGone:
            raise OnItsWay from None

    async def _went(self, number: int, key: str) -> str:
        """Note that the server has taken it, and remove our own copy; its name on the network."""
        name = await self._session.transport_id(number)
        with contextlib.suppress(CoreRefused):  # it is sent all the same; the next core removes it
            await self._note(key, "sent", name, number)
            await self._session.do("delete_messages", [number])
        return name

    async def tidy(self, *, is_first: bool, in_hand: Collection[str] = ()) -> None:
        """Drop old notes, and take back what was not taken and nobody waits for.

        Where the process is new (`is_first`), what another was sending goes on for now; and so does
        always what somebody waits for (`in_hand`: keys). To be called before the core speaks to the
        mail server.
        """
        copies: dict[int, str] = {}  # of what was sent: number in the core, name on the network
        for key, noted in (await self._all_noted()).items():
            is_old = noted is None or noted.at < self._now() - NOTE_DAYS * DAY
            if noted is None or (is_old and noted.kind != "draft"):
                await self._session.do("set_config", key, None)
            elif noted.copy is not None:
                copies[noted.copy] = noted.what
            elif noted.kind == "draft":
                await self._tidy_draft(key, noted, is_first=is_first, is_in_hand=key in in_hand)
        await self._remove_copies(copies)

    async def _tidy_draft(
        self, key: str, noted: _Noted, *, is_first: bool, is_in_hand: bool
    ) -> None:
        message = await self._session.message(int(noted.what))
        if message is None or message.state in (DRAFT, FAILED):
            await self._remove(int(noted.what), key)
            self._removed()
        elif message.state >= DELIVERED:
            if noted.at < self._now() - DAY:
                await self._went(message.id, key)
                self._removed()
        else:
            seconds = _unfinished(message)
            if is_in_hand or (is_first and noted.at >= self._now() - seconds):
                self._left[key] = seconds
            else:
                await self._remove_unknown(message.id, key)
                self._removed()

    async def _remove_copies(self, copies: Mapping[int, str]) -> None:
        """Remove what was sent and is still there, since somebody was killed in that moment."""
        for number in await self._session.ask(list[int], "get_existing_msg_ids", list(copies)):
            with contextlib.suppress(CoreRefused):  # the next core tries again
                if await self._session.transport_id(number) == copies[number]:
                    await self._session.do("delete_messages", [number])
                    self._removed()

    async def take_back_left(self) -> None:
        """End what an earlier courier was sending and nobody has asked for again.

        Where the core refuses, it is tried again as much later. Raises `CoreGone`.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        while self._left:
            key, seconds = min(self._left.items(), key=itemgetter(1))
            await asyncio.sleep(began + seconds - loop.time())
            async with self._taking_back:
                if key not in self._left:
                    continue  # just asked for
                try:
                    await self._take_back(key)
                    del self._left[key]
                except CoreRefused:
                    self._left[key] = seconds + UNFINISHED

    async def _take_back(self, key: str) -> None:
        noted = await self._noted(key)
        if noted is None or noted.kind != "draft":
            return
        message = await self._session.message(int(noted.what))
        if message is not None and message.state >= DELIVERED:
            await self._went(message.id, key)
            self._removed()
            return
        if message is None or message.state == DRAFT:
            await self._session.do("set_config", key, None)
        else:
            await self._session.do("delete_messages", [message.id])
            await self._note(key, "unknown", "-")
        self._removed()

    async def _draft(self, address: str, said: Said, key: str) -> Message:
        if len(said.text) > LONGEST:
            raise ChannelRefused(RefusedBecause.TOO_LONG)
        contact = None
        if re.fullmatch(rf"[0-9A-F]{{{FINGERPRINT_DIGITS}}}", address):
            contact = await self._session.contact(address)
        if contact is None:
            raise ChannelRefused(RefusedBecause.GONE)
        if not (contact.is_key_contact and contact.e2ee_avail):
            raise ChannelRefused(RefusedBecause.NOT_ENCRYPTED)
        if not self._is_connected():
            raise ChannelUnavailable
        chat = await self._session.chat(contact.id)
        await self._session.do("remove_draft", chat)  # a number of its own for each message
        path = None if said.file is None else str(said.file)
        await self._session.do(
            "misc_set_draft", chat, said.text or None, path, None, None, said.view
        )
        draft = await self._session.ask(Message, "get_draft", chat)
        await self._note(key, "draft", str(draft.id))
        return draft

    async def _go(self, draft: Message) -> None:
        try:
            await self._session.do("misc_send_draft", draft.chat_id)
        except CoreRefused:
            # The core has no key for this person, or the chat is not one that may be written to.
            raise ChannelRefused(RefusedBecause.NOT_ENCRYPTED) from None

    async def _taken(
        self, number: int, key: str, patience: float, away: float, *, is_left: bool
    ) -> None:
        """Wait until the server has taken it; take it back where that lasts too long.

        `is_left`: an earlier core may have brought it there.
        """
        try:
            async with asyncio.timeout(patience):
                await self._wait_until_taken(number, key, away, is_left=is_left)
            return
        except TimeoutError:
            pass
        if self.tries.may_have_taken(number) and not is_left:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_RESTART):
                    await self._wait_until_taken(number, key, _RESTART, is_left=is_left)
                return
        message = await self._session.message(number)
        if message is not None and message.state >= DELIVERED:
            return
        await self._take_from_queue(number, key, is_left=is_left)

    async def _take_from_queue(self, number: int, key: str, *, is_left: bool) -> NoReturn:
        """End a message that waits; raises `ChannelUncertain` where the server may have it."""
        if not is_left and not self.tries.may_have_taken(number):
            await self._remove(number, key)
            await asyncio.sleep(_HEARD)
            if not self.tries.may_have_taken(number):
                raise ChannelUnavailable
        await self._remove_unknown(number, key)
        raise ChannelUncertain

    async def _remove_unknown(self, number: int, key: str) -> None:
        """Have the core forget a message that the server may have: nobody writes it anew."""
        await self._note(key, "unknown", "-")
        with contextlib.suppress(CoreRefused):  # it is not there any more
            await self._session.do("delete_messages", [number])

    async def _remove(self, number: int, key: str) -> None:
        """Have the core forget a message, whether it waits in its queue or not, and its note."""
        with contextlib.suppress(CoreRefused):  # it is not there any more
            await self._session.do("delete_messages", [number])
        await self._session.do("set_config", key, None)

    async def _wait_until_taken(self, number: int, key: str, away: float, *, is_left: bool) -> None:
        """Return when the server has taken it; raises `TimeoutError` `away` seconds without a line.

        After a failure the core tries again by itself, but only after half a minute and more, also
        when the mail server has long been back: what it tells of its connection is about arriving
        mail alone. So it is nudged for as long as somebody waits here.

        The core forgets that a message is to go before it notes that it went, and notes that it is
        going before it knows where to. Killed in between it has one that waits for nothing: what a
        new core does not try by itself is put into its queue again, under the same name.
        """
        loop, pause = asyncio.get_running_loop(), FIRST_NUDGE
        untried_since: float | None = None
        nudge_at, connected_at = loop.time() + pause, loop.time()
        while True:
            changed = self._changed
            message = await self._session.message(number)
            state = FAILED if message is None else message.state
            if state >= DELIVERED:
                return
            if state == FAILED:
                if is_left or self.tries.may_have_taken(number):
                    await self._remove_unknown(number, key)
                    raise ChannelUncertain
                await self._remove(number, key)
                raise ChannelRefused(RefusedBecause.REFUSED)
            if self._is_connected():
                connected_at = loop.time()
                if is_left and not self.tries.is_begun(number):
                    untried_since = untried_since or loop.time()
                    if loop.time() >= untried_since + UNTRIED:
                        await self._queue_again(number)
                        untried_since = math.inf
            elif loop.time() >= connected_at + away:
                raise TimeoutError
            if loop.time() >= nudge_at:
                await self._session.core.call("maybe_network")
                pause *= 2
                nudge_at = loop.time() + pause
            await _wait(changed)

    async def _queue_again(self, number: int) -> None:
        with contextlib.suppress(CoreRefused):  # then nobody knows
            await self._session.do("resend_messages", [number])

    async def _noted(self, key: str) -> _Noted | None:
        note = await self._session.ask(str | None, "get_config", key)  # type: ignore[arg-type]  # a union is no type for mypy, but one for msgspec
        return _read(note)

    async def _all_noted(self) -> dict[str, _Noted | None]:
        """Every note, in two questions: there is one for each reply of a month."""
        keys = await self._session.ask(list[str], "get_all_ui_config_keys")
        noted = [key for key in keys if key.startswith(_NOTE)]
        notes = await self._session.ask(dict[str, str | None], "batch_get_config", noted)
        return {key: _read(note) for key, note in notes.items()}

    async def _note(self, key: str, kind: str, what: str, copy: int | None = None) -> None:
        number = "" if copy is None else f" {copy}"
        await self._session.do("set_config", key, f"{kind} {what} {self._now()}{number}")


def key_of(message_id: bytes) -> str:
    """The configuration key of a message's note."""
    return _NOTE + message_id.hex()


def _read(note: str | None) -> _Noted | None:
    match (note or "").split(" "):
        case [("draft" | "sent" | "unknown") as kind, what, at] if at.isdigit():
            return _Noted(kind, what, int(at))
        case ["sent", what, at, copy] if at.isdigit() and copy.isdigit():
            return _Noted("sent", what, int(at), int(copy))
        case _:
            return None


def _unfinished(message: Message | None) -> float:
    """Seconds for which a killed courier's message goes on: while it would have been waited for."""
    return UNFINISHED if message is None or message.file is None else UNFINISHED_FILE


async def _wait(changed: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(_LOOK):
            await changed.wait()
    except TimeoutError:
        return
