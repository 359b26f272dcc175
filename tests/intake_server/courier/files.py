"""Small files of the form of their kinds, for what travels over messengers."""

import struct

from triage.attached import kind_of
from vault import attachments
from vault.attachment_format import describe, seal_chunks
from vault.attachments import Arriving
from vault.sealing import random_bytes

PLACE = b"52.5200 N 13.4050 E"


def jpeg(coded: bytes = b"drawn", extra: bytes = b"") -> bytes:
    """A JPEG with these coded bytes; cleaned already unless there is something `extra`."""
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 8, 8, 16, 24, 0)
    scan = b"\xff\xda" + struct.pack(">HB", 3, 0) + coded
    return b"\xff\xd8" + extra + frame + scan + b"\xff\xd9"


def _comment(said: bytes) -> bytes:
    return b"\xff\xfe" + struct.pack(">H", 2 + len(said)) + said


JPEG = jpeg(extra=_comment(PLACE))
"""As a telephone makes it: with a place in it."""
OGG = b"OggS" + bytes(60) + b"a recording" * 9_000
"""Two chunks long."""


async def reply_with(stage, row, *contents, **changed):
    """Put a reply with these JPEGs and recordings into the outbox, as the desk does.

    Its message id, and what it names. `changed` as of `Stage.answer`; `described` instead of what
    is stored.
    """
    message_id = random_bytes(16)
    described = [describe(kind_of(one) or "pdf", len(one)) for one in contents]

    def work(c):
        for one, data in zip(described, contents, strict=True):
            chunks = list(seal_chunks(one, row.id, message_id, data))
            for first in range(0, len(chunks), 4):
                some = Arriving(one.id, row.id, len(chunks), first, chunks[first : first + 4])
                attachments.arrive(c, some, attachments.Limits(9_000, 9_000), stage.now())
        attachments.bind(c, row.id, message_id, [one.id for one in described])

    await stage.database.write(work)
    named = changed.pop("described", tuple(described))
    await stage.answer(row, "", row_id=message_id, attachments=named, **changed)
    return message_id, described
