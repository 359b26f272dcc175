"""What lies in the core's inbox, read as the channel's `Incoming` or as a reason to refuse it."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

from bots.channel import Attachment, Incoming, Refusal
from bots.deltachat.files import Working, fetch_of
from bots.deltachat.session import FIRST_REAL, Chat, Message, Session

_KINDS: Final = {
    "Audio": Attachment.VOICE,
    "Voice": Attachment.VOICE,
    "Image": Attachment.PICTURE,
    "Gif": Attachment.PICTURE,
    "Sticker": Attachment.PICTURE,
    "Video": Attachment.FILE,
    "File": Attachment.FILE,
    "Webxdc": Attachment.FILE,
    "Vcard": Attachment.FILE,
}
_READABLE: Final = ("Text", "Unknown", *_KINDS)
_CUT: Final = re.compile(r"\s*\[(\.\.\.|…)\]\s*$")  # the core's mark at the end of a shortened text
_NEVER: Final = "Undecipherable"
_DONE: Final = "Done"  # else a file stays on the server until it is fetched
_SIZE: Final = re.compile(r"\s*\[[^\[]* – [0-9.,]+ [A-Za-z]+\]\s*$")
"""What the core then says of a file behind the words: its name, which is not ours to keep."""


def is_for_us(message: Message) -> bool:
    """Whether somebody wrote it; not the core itself, and not we."""
    return message.from_id >= FIRST_REAL and not message.is_info


async def read(
    session: Session, message: Message, state: Path, working: Working
) -> Incoming | Refusal:
    """Read one message of somebody else; `state` is the core's folder, where files lie.

    `working` gives what fetches them a core, later. Raises `CoreGone` or `CoreRefused`.
    """
    chat = await session.ask(Chat, "get_basic_chat_info", message.chat_id)
    if chat.chat_type != "Single":
        return Refusal.GROUP
    if not message.show_padlock or not chat.is_encrypted:
        return Refusal.NOT_ENCRYPTED
    if message.download_state == _NEVER or message.view_type not in _READABLE:
        return Refusal.UNREADABLE
    address = await session.fingerprint(message.from_id)
    if address is None:
        return Refusal.UNVERIFIED
    if chat.is_contact_request:
        await session.do("accept_chat", chat.id)
    kind = _KINDS.get(message.view_type)
    text = await _whole(session, message)
    if message.download_state != _DONE:
        kind, text = kind or Attachment.FILE, _SIZE.sub("", text)
    return Incoming(
        address=address,
        transport_id=await session.transport_id(message.id),
        text=text if text or kind is None else None,
        attachments=(kind,) if kind else (),
        at=message.timestamp,
        fetches=(fetch_of(state, message.id, working),) if kind else (),
    )


async def _whole(session: Session, message: Message) -> str:
    """The text; where the core shortened it for a small screen, the whole of it."""
    if not message.has_html or not _CUT.search(message.text):
        return message.text
    page = await session.ask(str, "get_message_html", message.id)
    return text_of(page) or message.text


def text_of(page: str) -> str:
    """Return the text of the page that the core makes of a long plain message."""
    reader = _Text()
    reader.feed(page)
    reader.close()
    return "".join(reader.parts).strip("\n")


class _Text(HTMLParser):
    """Gathers text; `<br/>` is the core's line break, and line breaks in the page say nothing."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._in_body = False

    def handle_starttag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            self._in_body = True
        elif tag == "br" and self._in_body:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "body":
            self._in_body = False

    def handle_data(self, data: str) -> None:
        if self._in_body:
            self.parts.append(data.replace("\r", "").replace("\n", ""))
