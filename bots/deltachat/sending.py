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
| `sent … N` | was removed after the network took it | its name on the network is told again |

A kill between that note and the removal leaves our copy in the core: each new core removes what a
`sent` note names and is still there under that name.

What the server has not taken while somebody waits for it is taken back: removed from the core,
which would otherwise send it by itself, hours later, when the client's safe hours are over. A new
core takes back what an earlier one left, before it speaks to any server. Where the server took a
message in that very moment and nobody learnt of it, it arrives twice: better than at a wrong hour.

A courier that was killed has told nobody anything: what somebody was waiting for as it ended goes
on, under the name it has on the network, which is why it arrives once even if the server had taken
it already. That is for as long as one waits for a text or a file, and half a minute to be started
again; what is not gone after as much time again is taken back.
"""

import asyncio
import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Final

from bots.channel import DAY, ChannelRefused, ChannelUnavailable, RefusedBecause, Sent
from bots.deltachat.core import CoreRefused
from bots.deltachat.session import FINGERPRINT_DIGITS, Message, Session

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


@dataclass(frozen=True, slots=True)
class Said:
    """What is sent: a text, or the file at a path, which the core copies, and what it calls it."""

    text: str = field(repr=False)
    file: Path | None = None
    view: str | None = None


@dataclass(frozen=True, slots=True)
class _Noted:
    kind: str  # draft, sent
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
        self._changed = asyncio.Event()
        self._left: dict[str, float] = {}  # what an earlier courier was sending: key, seconds left
        self._taking_back = asyncio.Lock()  # held for the moment in which one of these is ended

    def changed(self) -> None:
        """Be told that a message was taken or failed, or that the connection changed."""
        self._changed.set()
        self._changed = asyncio.Event()  # each who waits has the one from before it looked

    async def send(self, address: str, said: Said, message_id: bytes) -> Sent:
        """Send once; raises `ChannelUnavailable`, `ChannelRefused`, `CoreGone`, `CoreRefused`."""
        key = _NOTE + message_id.hex()
        async with self._taking_back:
            left = self._left.pop(key, None)  # somebody waits for it now
        noted = await self._noted(key)
        if noted is not None and noted.kind == "sent":
            return Sent(noted.what)
        message = await self._session.message(int(noted.what)) if noted else None
        if message is None or message.state == FAILED:
            message, left = await self._draft(address, said, key), None
        if message.state == DRAFT:
            await self._go(message)
        patience, away = _FILE_PATIENCE if said.file else _PATIENCE, _AWAY
        if left is not None:
            # The server may have taken it before the kill, and a new core needs time to connect.
            patience = away = max(patience, left)
        await self._taken(message.id, key, patience, away)
        return Sent(await self._went(message.id, key))

    async def _went(self, number: int, key: str) -> str:
        """Note that the server has taken it, and remove our own copy; its name on the network."""
        name = await self._session.transport_id(number)
        await self._note(key, "sent", name, number)
        with contextlib.suppress(CoreRefused):  # it is sent all the same; the next core removes it
            await self._session.do("delete_messages", [number])
        return name

    async def tidy(self, *, is_first: bool) -> None:
        """Drop old notes, and take back what was not taken: whoever wrote it was told to try again.

        Nobody was told where the process is new (`is_first`): what it was sending goes on for now.
        To be called before the core speaks to the mail server.
        """
        copies: dict[int, str] = {}  # of what was sent: number in the core, name on the network
        for key, noted in (await self._all_noted()).items():
            if noted is None or noted.at < self._now() - NOTE_DAYS * DAY:
                await self._session.do("set_config", key, None)
            elif noted.copy is not None:
                copies[noted.copy] = noted.what
            elif noted.kind == "draft":
                message = await self._session.message(int(noted.what))
                is_taken = message is not None and message.state >= DELIVERED
                is_going = message is not None and message.state not in (DRAFT, FAILED)
                seconds = _unfinished(message)
                if is_first and is_going and noted.at >= self._now() - seconds:
                    self._left[key] = seconds
                elif not is_taken or noted.at < self._now() - DAY:
                    await self._remove(int(noted.what), key)
                    self._removed()
        await self._remove_copies(copies)

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
        if message is not None:
            await self._session.do("delete_messages", [message.id])
        await self._session.do("set_config", key, None)
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

    async def _taken(self, number: int, key: str, patience: float, away: float) -> None:
        """Wait until the server has taken it; take it back where that lasts too long."""
        try:
            async with asyncio.timeout(patience):
                await self._wait_until_taken(number, key, away)
        except TimeoutError:
            message = await self._session.message(number)
            if message is not None and message.state >= DELIVERED:
                return
            await self._remove(number, key)
            raise ChannelUnavailable from None

    async def _remove(self, number: int, key: str) -> None:
        """Have the core forget a message, whether it waits in its queue or not, and its note."""
        with contextlib.suppress(CoreRefused):  # it is not there any more
            await self._session.do("delete_messages", [number])
        await self._session.do("set_config", key, None)

    async def _wait_until_taken(self, number: int, key: str, away: float) -> None:
        """Return when the server has taken it; raises `TimeoutError` `away` seconds without a line.

        After a failure the core tries again by itself, but only after half a minute and more, also
        when the mail server has long been back: what it tells of its connection is about arriving
        mail alone. So it is nudged for as long as somebody waits here.
        """
        loop, pause = asyncio.get_running_loop(), FIRST_NUDGE
        nudge_at, connected_at = loop.time() + pause, loop.time()
        while True:
            changed = self._changed
            message = await self._session.message(number)
            state = FAILED if message is None else message.state
            if state >= DELIVERED:
                return
            if state == FAILED:
                await self._remove(number, key)
                raise ChannelRefused(RefusedBecause.REFUSED)
            if self._is_connected():
                connected_at = loop.time()
            elif loop.time() >= connected_at + away:
                raise TimeoutError
            if loop.time() >= nudge_at:
                await self._session.core.call("maybe_network")
                pause *= 2
                nudge_at = loop.time() + pause
            await _wait(changed)

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


def _read(note: str | None) -> _Noted | None:
    match (note or "").split(" "):
        case [("draft" | "sent") as kind, what, at] if at.isdigit():
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
