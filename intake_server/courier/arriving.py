"""One arriving message, and the envelopes that are stored of it."""

from dataclasses import dataclass, field, replace

from bots.channel import Incoming
from intake_server.courier.attachments import Brought
from intake_server.courier.own_keys import OwnKeys, Writer
from intake_server.courier.parts import readable
from intake_server.courier.work import Arrived, Sealed
from vault.envelope import Format, Text, encode_body, seal_envelope
from vault.sealing import Kind


@dataclass(frozen=True, slots=True)
class Message:
    """Where a message is from and what of it is stored.

    `asked_in` is the language of the questions where the text is answers to them. `brought`: what
    became of its attachments, where these texts say that; `is_first_half`: the words
    before them.
    """

    incoming: Incoming
    tag: bytes = field(repr=False)
    transport: bytes = field(repr=False)
    texts: list[str] = field(repr=False)
    asked_in: str | None = None
    brought: Brought | None = None
    is_first_half: bool = False


def sealed(
    message: Message, conversation_id: bytes, cpk: bytes, writer: Writer, keys: OwnKeys
) -> Arrived:
    """Seal a message's texts; `writer` moves on only once they are stored."""
    brought, each = message.brought, []
    for place, text in enumerate(message.texts, start=1):
        content = writer.writes(conversation_id, place, text, message.incoming.at)
        if message.asked_in is not None:
            body = encode_body(Text(text, message.asked_in))
            content = replace(content, format=Format.ANSWERS, body=body)
        named = () if brought is None or place > 1 else brought.ids
        if brought is not None and named:
            content = replace(content, message_id=brought.message_id, format=Format.ATTACHMENTS)
        envelope = seal_envelope(content, Kind.MESSAGE, cpk, keys.sign)
        each.append(Sealed(content.message_id, envelope, named))
    has_text = brought is None and bool(readable(message.incoming))
    return Arrived(message.transport, each, has_text)


def is_unreadable(message: Message) -> bool:
    """Whether the client should write it again, as text."""
    is_kept = message.brought is not None and bool(message.brought.described)
    return not (message.is_first_half or is_kept or readable(message.incoming))
