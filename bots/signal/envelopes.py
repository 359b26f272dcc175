"""What one event of signal-cli is: a message of one person, or something that is refused or idle.

Pure. Unknown keys are ignored, and older servers lack some; names of profiles and files are
dropped here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bots.channel import Attachment, Refusal

_ACI: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_UNTRUSTED: Final = "UntrustedIdentityException"
_GROUPS: Final = ("groupInfo", "groupV2")


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message of one person.

    `files` names what signal-cli has downloaded of `attachments`, in their order; empty texts where
    it has nothing. `text` is None where there is only an attachment, or where it could not be read.
    """

    address: str = field(repr=False)
    transport_id: str = field(repr=False)
    text: str | None = field(repr=False)
    attachments: tuple[Attachment, ...]
    at: int
    files: tuple[str, ...] = field(default=(), repr=False)
    identity_changed: bool = False


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that a person sent and that is refused; `notice` tells of it where it matters."""

    reason: Refusal
    name: str = field(repr=False)  # the same at each repeat
    notice: Arrived | None = None
    files: tuple[str, ...] = field(default=(), repr=False)


def read_event(event: object, account: str) -> Arrived | Unread | None:
    """Return what an event is; None where nobody said anything to `account`."""
    if not isinstance(event, dict):
        return None
    event = _unwrapped(event)
    envelope = event.get("envelope")
    if not isinstance(envelope, dict) or event.get("account", account) != account:
        return None
    exception = event.get("exception")
    if isinstance(exception, dict):
        return _unreadable(envelope, exception)
    message, edited = envelope.get("dataMessage"), envelope.get("editMessage")
    if isinstance(edited, dict):
        message = edited.get("dataMessage")
    return _message(envelope, message) if isinstance(message, dict) else None


def _unwrapped(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The webhook carries the JSON-RPC line; some daemons wrap what they deliver once more."""
    for key in ("params", "result"):
        inner = event.get(key)
        if "envelope" not in event and isinstance(inner, dict):
            event = inner
    return event


def _message(envelope: Mapping[str, Any], message: Mapping[str, Any]) -> Arrived | Unread | None:
    files = _files(message)
    if any(message.get(key) for key in _GROUPS):
        return Unread(Refusal.GROUP, _name(envelope), files=files)
    text, attachments = _text(message), _attachments(message)
    if text is None and not attachments:
        return None  # a reaction, a deletion, a timer
    address = _address(envelope)
    if address is None:
        return Unread(Refusal.UNVERIFIED, _name(envelope), files=files)
    return Arrived(address, _transport_id(envelope), text, attachments, _seconds(envelope), files)


def _unreadable(envelope: Mapping[str, Any], exception: Mapping[str, Any]) -> Unread | None:
    """Something came that signal-cli could not open."""
    address = _address(envelope)
    if address is None:
        return None
    changed = exception.get("type") == _UNTRUSTED
    # Not the id of the message itself: apps send that once more when they hear of the failure.
    notice = Arrived(
        address,
        f"{_transport_id(envelope)}.unread",
        None,
        (),
        _seconds(envelope),
        identity_changed=changed,
    )
    reason = Refusal.UNVERIFIED if changed else Refusal.UNREADABLE
    return Unread(reason, _name(envelope), notice)


def _address(envelope: Mapping[str, Any]) -> str | None:
    """Return the account's id, which no number that changes hands can take along; else None."""
    for key in ("sourceUuid", "source"):
        value = envelope.get(key)
        if isinstance(value, str) and _ACI.fullmatch(value.lower()):
            return value.lower()
    return None


def _transport_id(envelope: Mapping[str, Any]) -> str:
    """A device gives each of its messages another timestamp; repeats carry the same."""
    return f"{envelope.get('timestamp', 0)}.{envelope.get('sourceDevice', 0)}"


def _name(envelope: Mapping[str, Any]) -> str:
    """Not as a message is named: one that could not be opened may come again, readable."""
    return f"unread.{envelope.get('source')}.{_transport_id(envelope)}"


def _seconds(envelope: Mapping[str, Any]) -> int:
    stamp = envelope.get("timestamp")
    return stamp // 1000 if isinstance(stamp, int) else 0


def _text(message: Mapping[str, Any]) -> str | None:
    text = message.get("message")
    return text if isinstance(text, str) and text else None


def _attachments(message: Mapping[str, Any]) -> tuple[Attachment, ...]:
    kinds = [_kind(each) for each in _listed(message, "attachments")]
    if isinstance(message.get("sticker"), dict):
        kinds.append(Attachment.PICTURE)
    kinds += [Attachment.FILE for _ in _listed(message, "contacts")]
    return tuple(kinds)


def _kind(attachment: Mapping[str, Any]) -> Attachment:
    kind = str(attachment.get("contentType", ""))
    if kind.startswith("audio/"):
        return Attachment.VOICE
    return Attachment.PICTURE if kind.startswith("image/") else Attachment.FILE


def _files(message: Mapping[str, Any]) -> tuple[str, ...]:
    ids = (each.get("id") for each in _listed(message, "attachments"))
    return tuple(name if isinstance(name, str) else "" for name in ids)


def _listed(message: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = message.get(key)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
