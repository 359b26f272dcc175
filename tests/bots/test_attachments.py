"""What comes in pieces is bounded, in size and in silence."""

import asyncio

import pytest

from bots import attachments
from bots.attachments import AttachmentLost, Lost, bounded


async def pieces(*found, then_silence=False):
    for piece in found:
        yield piece
    if then_silence:
        await asyncio.sleep(3600)


async def test_pieces_become_the_whole():
    assert await bounded(pieces(b"one ", b"", b"two"), 7) == b"one two"


async def test_more_than_was_asked_for_is_too_large():
    with pytest.raises(AttachmentLost) as lost:
        await bounded(pieces(b"one ", b"two!", then_silence=True), 7)
    assert lost.value.reason is Lost.TOO_LARGE


async def test_who_sends_nothing_any_more_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(attachments, "SILENCE", 0.05)
    async with asyncio.timeout(30):
        with pytest.raises(TimeoutError):
            await bounded(pieces(b"one ", then_silence=True), 7)
