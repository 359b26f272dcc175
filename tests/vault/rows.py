"""Rows as the storage tests store them: random ids, envelopes of the right form and size."""

import os
from dataclasses import replace
from pathlib import Path

from vault import changes, conversations, messages
from vault.attachment_format import SEALED_CHUNK
from vault.conversations import NewConversation
from vault.engine import Connection
from vault.messages import CLIENT_TO_TEAM, FINDING, MESSAGE, NOTE, TEAM_TO_CLIENT, NewMessage
from vault.outbox import OutboxItem

HOUR = 3600
DAY = 24 * HOUR
NOW = 1_800_000_000 + 1234


def an_id() -> bytes:
    return os.urandom(16)


def sealed(kind: int, canary: bytes = b"", size: int = 512) -> bytes:
    """Looks like an envelope; `canary` stands in clear in it so that it can be searched for."""
    head = bytes((1, 1, kind)) + canary
    return head + os.urandom(size + 51 - len(head))


def outer(canary: bytes = b"") -> bytes:
    return b"\x01\x01\x20" + canary + os.urandom(200)


def new_conversation(**changed) -> NewConversation:
    made = NewConversation(
        id=an_id(),
        slot=7,
        tag=an_id(),
        channel="web",
        language="",
        danger=False,
        epoch=1,
        outer_team=outer(),
        outer_client=outer(),
        due=NOW + 14 * DAY,
        latest=NOW + 60 * DAY,
        now=NOW,
    )
    return replace(made, **changed)


def from_client(conversation: bytes, **changed) -> NewMessage:
    made = NewMessage(an_id(), conversation, MESSAGE, CLIENT_TO_TEAM, sealed(MESSAGE), NOW)
    return replace(made, **changed)


def from_team(conversation: bytes, **changed) -> NewMessage:
    return from_client(conversation, direction=TEAM_TO_CLIENT, **changed)


def finding(conversation: bytes, **changed) -> NewMessage:
    return from_client(conversation, kind=NOTE, direction=FINDING, envelope=sealed(NOTE), **changed)


def a_chunk(canary: bytes = b"") -> bytes:
    """Looks like a sealed chunk of an attachment."""
    head = b"\x01\x01\x60" + canary
    return head + os.urandom(SEALED_CHUNK - len(head))


def outbox_item(conversation: bytes, **changed) -> OutboxItem:
    made = OutboxItem(an_id(), conversation, 7, an_id(), "loopback", outer(), 1, NOW)
    return replace(made, **changed)


def first_contact(new: NewConversation, message: NewMessage | None = None):
    """What web does with a first contact, as one piece of work."""
    message = message or from_client(new.id)

    def work(c: Connection) -> int | None:
        conversations.create(c, new)
        number = messages.add(c, message)
        changes.note(c, new.id, "new")
        return number

    return work


def files_of(path: Path) -> list[Path]:
    """The database and what SQLite keeps beside it."""
    return sorted(path.parent.glob(path.name + "*"))


def occurrences(path: Path, canary: bytes) -> int:
    """How often `canary` stands in the database's files."""
    return sum(each.read_bytes().count(canary) for each in files_of(path))
