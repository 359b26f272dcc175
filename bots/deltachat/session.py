"""One account in one running core, and who is who in it.

People are known by the fingerprint of their key: it stays when their mail address changes, and
nobody else can have it.
"""

import re
from typing import Final, TypeVar

import msgspec

from bots.deltachat.core import Core, CoreRefused

T = TypeVar("T")

FIRST_REAL: Final = 10  # smaller numbers of contacts and chats are the core's own
_FINGERPRINT: Final = re.compile(r"(?:[0-9A-F]{4}\s+){9}[0-9A-F]{4}")
FINGERPRINT_DIGITS: Final = 40
INVITE: Final = "ui.invite"
"""The configuration key of the invite: posters are printed, so it is asked for once and kept."""

DROPPED: Final = "ui.dropped."
"""Begins the configuration keys, each with a fingerprint, that name people to be dropped whole."""


class Message(msgspec.Struct, frozen=True, rename="camel"):
    """What the channel reads of the core's messages; all else, names too, is passed over."""

    id: int
    chat_id: int
    from_id: int
    text: str
    timestamp: int
    state: int
    view_type: str
    is_info: bool
    show_padlock: bool
    download_state: str
    has_html: bool = False
    file: str | None = None
    file_bytes: int = 0  # as its sender says, where it was not downloaded


class Chat(msgspec.Struct, frozen=True, rename="camel"):
    """What the channel reads of a chat."""

    id: int
    chat_type: str
    is_encrypted: bool
    is_contact_request: bool


class Contact(msgspec.Struct, frozen=True, rename="camel"):
    """What the channel reads of a contact."""

    id: int
    address: str
    e2ee_avail: bool
    is_key_contact: bool
    last_seen: int  # seconds since 1970; 0: never


class _MessageInfo(msgspec.Struct, frozen=True, rename="camel"):
    rfc724_mid: str = msgspec.field(name="rfc724Mid")


class Session:
    """Calls for one account; each raises `CoreGone` or `CoreRefused`."""

    def __init__(self, core: Core, account: int, own_fingerprint: str, invite: str) -> None:
        self.core = core
        self.account = account
        self.invite = invite
        self.own_fingerprint = own_fingerprint
        self._fingerprints: dict[int, str] = {}  # by contact
        self._contacts: dict[str, int] = {}  # by fingerprint

    @classmethod
    async def of(cls, core: Core, account: int) -> "Session":
        """A session with an account that `make_account` made."""
        invite = await core.ask(str, "get_config", account, INVITE)
        own = re.search(rf"[0-9A-F]{{{FINGERPRINT_DIGITS}}}", invite)
        if own is None:
            raise CoreRefused("the invite names no fingerprint")
        return cls(core, account, own.group(), invite)

    async def do(self, method: str, *params: object) -> None:
        """Ask for something whose answer does not matter."""
        await self.core.call(method, self.account, *params)

    async def ask(self, into: type[T], method: str, *params: object) -> T:
        """Ask for something of this account."""
        return await self.core.ask(into, method, self.account, *params)

    async def message(self, number: int) -> Message | None:
        """One message; None where it is not there any more."""
        if not await self.ask(list[int], "get_existing_msg_ids", [number]):
            return None
        return await self.ask(Message, "get_message", number)

    async def transport_id(self, number: int) -> str:
        """The name of a message on the network (RFC 5322 Message-ID)."""
        return (await self.ask(_MessageInfo, "get_message_info_object", number)).rfc724_mid

    # --- who is who -----------------------------------------------------------------------

    async def fingerprint(self, contact: int) -> str | None:
        """The fingerprint of a contact's key (40 digits); None where there is none."""
        if contact not in self._fingerprints:
            told = await self.ask(str, "get_contact_encryption_info", contact)
            found = {re.sub(r"\s", "", one) for one in _FINGERPRINT.findall(told)} - {
                self.own_fingerprint
            }
            if len(found) != 1:
                return None
            self._know(contact, found.pop())
        return self._fingerprints[contact]

    async def contact(self, fingerprint: str) -> Contact | None:
        """The person with this key; None where nobody here has it."""
        if fingerprint not in self._contacts:
            for number in await self.ask(list[int], "get_contact_ids", 0, None):
                if number not in self._fingerprints:
                    await self.fingerprint(number)
        number = self._contacts.get(fingerprint, 0)
        return await self.ask(Contact, "get_contact", number) if number else None

    async def people(self) -> list[str]:
        """The fingerprints of all who are contacts here."""
        numbers = await self.ask(list[int], "get_contact_ids", 0, None)
        found = [await self.fingerprint(number) for number in numbers if number >= FIRST_REAL]
        return [fingerprint for fingerprint in found if fingerprint is not None]

    async def chat(self, contact: int) -> int:
        """The chat with one person and nobody else, made where there is none."""
        return await self.ask(int, "create_chat_by_contact_id", contact)

    async def drop_silent(self, since: int) -> None:
        """Remove everybody who was last heard of before `since` (seconds since 1970)."""
        for contact in await self.ask(list[Contact], "get_contacts", 0, None):
            if 0 < contact.last_seen < since:
                await self.drop(contact)

    async def drop(self, contact: Contact) -> None:
        """Remove a person: chat, messages, what waits to be sent, and the contact.

        Their key goes when the core rests next (`bots.deltachat.traces`).
        """
        fingerprint = await self.fingerprint(contact.id)
        if fingerprint is not None:
            await self.do("set_config", DROPPED + fingerprint, "1")
        chat = await self.ask(int | None, "get_chat_id_by_contact_id", contact.id)  # type: ignore[arg-type]  # a union is no type for mypy, but one for msgspec
        if chat:
            await self.do("delete_chat", chat)
        await self.do("delete_contact", contact.id)
        self._contacts.pop(self._fingerprints.pop(contact.id, ""), None)

    def _know(self, contact: int, fingerprint: str) -> None:
        self._fingerprints[contact] = fingerprint
        self._contacts[fingerprint] = contact
