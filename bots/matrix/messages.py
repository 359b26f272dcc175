"""What a decrypted Matrix event says (Matrix client-server API v1.11, section 11.2).

Pure: from an event's type and content to text and kinds of attachments. Names of files, formatted
bodies and mentions are dropped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bots.channel import Attachment
from bots.matrix.media import SealedFile, file_in

MESSAGE: Final = "m.room.message"
STICKER: Final = "m.sticker"

_KINDS: Final = {
    "m.audio": Attachment.VOICE,
    "m.image": Attachment.PICTURE,
    "m.video": Attachment.FILE,
    "m.file": Attachment.FILE,
}
_SILENT: Final = ("m.key.verification.",)  # not said by a person


@dataclass(frozen=True, slots=True)
class Said:
    """What a person said. `text` is None where there is only an attachment.

    `file` says where what is attached lies; None also where it lies there readable.
    """

    text: str | None = field(repr=False)
    attachments: tuple[Attachment, ...] = ()
    file: SealedFile | None = field(default=None, repr=False)


def said_in(kind: str, content: Mapping[str, Any]) -> Said | None:
    """Return what an event of type `kind` says; None where it is no message of a person."""
    if kind == STICKER:
        return Said(None, (Attachment.PICTURE,), file_in(content))
    if kind != MESSAGE:
        return None
    edited = content.get("m.new_content")
    if _relation(content).get("rel_type") == "m.replace" and isinstance(edited, dict):
        return _said(edited)
    return _said(content)


def _said(content: Mapping[str, Any]) -> Said | None:
    form, body = content.get("msgtype"), content.get("body")
    if not isinstance(form, str) or form.startswith(_SILENT):
        return None
    attachment = _KINDS.get(form)
    if attachment is not None:
        return Said(_caption(content), (attachment,), file_in(content))
    if not isinstance(body, str):
        return None
    return Said(_without_quote(content, body))


def _caption(content: Mapping[str, Any]) -> str | None:
    """Return the words beside an attachment: its body, where the file has a name of its own."""
    body, name = content.get("body"), content.get("filename")
    if isinstance(body, str) and isinstance(name, str) and body != name and body.strip():
        return body
    return None


def _relation(content: Mapping[str, Any]) -> Mapping[str, Any]:
    relation = content.get("m.relates_to")
    return relation if isinstance(relation, dict) else {}


def _without_quote(content: Mapping[str, Any], body: str) -> str:
    """Return `body` without what older apps repeat of the message that is answered.

    Such a quote begins with the quoted person's id; it would bring a counsellor's words back as
    the client's own.
    """
    if "m.in_reply_to" not in _relation(content) or not body.startswith(("> <", "> * <")):
        return body
    lines = body.split("\n")
    while lines and lines[0].startswith("> "):
        lines.pop(0)
    if lines and not lines[0]:
        lines.pop(0)
    return "\n".join(lines) or body
