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
| `sent …` | was removed after the network took it | its name on the network is told again |
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
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
FIRST_NUDGE: Final = 1.5  # seconds until the core is told to try again; then twice as many
_LOOK: Final = 1.0  # seconds between looks, should an event have been missed


@dataclass(frozen=True, slots=True)
class _Noted:
    kind: str  # draft, sent
    what: str  # the number in the core, or the name on the network
    at: int


class Sending:
    """Sends for one session. `is_connected` says whether waiting makes sense."""

    def __init__(
        self, session: Session, now: Callable[[], int], is_connected: Callable[[], bool]
    ) -> None:
        self._session = session
        self._now = now
        self._is_connected = is_connected
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Be told that a message was taken or failed, or that the connection changed."""
        self._changed.set()
        self._changed = asyncio.Event()  # each who waits has the one from before it looked

    async def send(self, address: str, text: str, message_id: bytes) -> Sent:
        """Send once; raises `ChannelUnavailable`, `ChannelRefused`, `CoreGone`, `CoreRefused`."""
        key = _NOTE + message_id.hex()
        noted = await self._noted(key)
        if noted is not None and noted.kind == "sent":
            return Sent(noted.what)
        message = await self._session.message(int(noted.what)) if noted else None
        if message is None or message.state == FAILED:
            message = await self._draft(address, text, key)
        if message.state == DRAFT:
            await self._go(message)
        await self._taken(message.id, key)
        name = await self._session.transport_id(message.id)
        await self._note(key, "sent", name)
        await self._session.do("delete_messages", [message.id])
        return Sent(name)

    async def tidy(self) -> None:
        """Drop old notes, and what has waited for a day: whoever wrote it was told to try again."""
        for key in await self._session.ask(list[str], "get_all_ui_config_keys"):
            if not key.startswith(_NOTE):
                continue
            noted = await self._noted(key)
            if noted is None or noted.at < self._now() - NOTE_DAYS * DAY:
                await self._session.do("set_config", key, None)
            elif noted.kind == "draft" and noted.at < self._now() - DAY:
                await self._session.do("delete_messages", [int(noted.what)])
                await self._session.do("set_config", key, None)

    async def _draft(self, address: str, text: str, key: str) -> Message:
        if len(text) > LONGEST:
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
        await self._session.do("misc_set_draft", chat, text, None, None, None, None)
        draft = await self._session.ask(Message, "get_draft", chat)
        await self._note(key, "draft", str(draft.id))
        return draft

    async def _go(self, draft: Message) -> None:
        try:
            await self._session.do("misc_send_draft", draft.chat_id)
        except CoreRefused:
            # The core has no key for this person, or the chat is not one that may be written to.
            raise ChannelRefused(RefusedBecause.NOT_ENCRYPTED) from None

    async def _taken(self, number: int, key: str) -> None:
        """Wait until the server has taken it.

        After a failure the core tries again by itself, but only after half a minute and more, also
        when the mail server has long been back: what it tells of its connection is about arriving
        mail alone. So it is nudged for as long as somebody waits here.
        """
        loop, pause = asyncio.get_running_loop(), FIRST_NUDGE
        nudge_at = loop.time() + pause
        try:
            async with asyncio.timeout(_PATIENCE):
                while True:
                    changed = self._changed
                    message = await self._session.message(number)
                    state = FAILED if message is None else message.state
                    if state >= DELIVERED:
                        return
                    if state == FAILED:
                        await self._session.do("delete_messages", [number])
                        await self._session.do("set_config", key, None)
                        raise ChannelRefused(RefusedBecause.REFUSED)
                    if not self._is_connected():
                        raise ChannelUnavailable
                    if loop.time() >= nudge_at:
                        await self._session.core.call("maybe_network")
                        pause *= 2
                        nudge_at = loop.time() + pause
                    await _wait(changed)
        except TimeoutError:
            raise ChannelUnavailable from None

    async def _noted(self, key: str) -> _Noted | None:
        note = await self._session.ask(str | None, "get_config", key)  # type: ignore[arg-type]  # a union is no type for mypy, but one for msgspec
        match (note or "").split(" "):
            case [("draft" | "sent") as kind, what, at] if at.isdigit():
                return _Noted(kind, what, int(at))
            case _:
                return None

    async def _note(self, key: str, kind: str, what: str) -> None:
        await self._session.do("set_config", key, f"{kind} {what} {self._now()}")


async def _wait(changed: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(_LOOK):
            await changed.wait()
    except TimeoutError:
        return
