"""The mirror goes out over the operator's socket, sealed to the offline key (docs/keeper.md, 0x70).

The keeper has no network and writes to no other disk: somebody else carries what only the holder
of the offline key can read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from intake_server.keeper.alarms import Alarm
from intake_server.keeper.chain import GRANTS_NAME, ROSTER_NAME
from intake_server.keeper.mirror_state import Stream
from intake_server.keeper.parts import Keeper
from intake_server.keeper.shared_work import Arguments, Fields
from vault.keeper_protocol import Peer, Refused, number_of, u8, u64
from vault.mirror import FRESH_SECONDS, Content, sealed_pieces
from vault.sealing import KEY_SIZE
from vault.slot_records import HEADER_AREA, header_image

_BLOCK: Final = 128  # records that are read at once


async def key(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """Set the offline key, or with zeros end the mirror, or with nothing tell the key."""
    public = arguments[0]
    if public:
        state = keeper.mirror
        state.public = b"" if public == bytes(KEY_SIZE) else public
        state.since, state.done, state.stream = keeper.clock.unix(), 0, None
        await asyncio.to_thread(state.save, keeper.chain.folder)
        watch(keeper)
    return (keeper.mirror.public,)


async def part(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """The bytes from a position on; position 0 begins a new mirror, others follow in order."""
    state, position = keeper.mirror, number_of(arguments[0])
    if not state.public:
        raise Refused("there is no offline key")
    if position == 0:
        made = keeper.clock.unix()
        # The header goes with the roster of the same moment: it pins the roster's head.
        content, image = _content(keeper, made), header_image(keeper.slots.header)
        pieces = sealed_pieces(state.public, content, _slot_file(keeper, image))
        state.stream = Stream(pieces, made)
    if state.stream is None or state.stream.position != position or state.stream.ended:
        raise Refused("this does not follow what was given out last")
    piece = state.stream.part()
    await asyncio.sleep(0)  # others come in between
    return piece, u8(not state.stream.ended)


async def done(keeper: Keeper, _peer: Peer, arguments: Arguments) -> Fields:
    """All of it lies on the other disk, synced. `mirrored` is when it was begun."""
    state = keeper.mirror
    stream, state.stream = state.stream, None
    if stream is None or not stream.ended or stream.position != number_of(arguments[0]):
        raise Refused("no mirror of this size was given out")
    state.done = stream.made
    await asyncio.to_thread(state.save, keeper.chain.folder)
    watch(keeper)
    return (u64(state.done),)


def watch(keeper: Keeper) -> None:
    """Raise the alarm when the mirror is late, and end it when it is there again."""
    state = keeper.mirror
    age = keeper.clock.unix() - max(state.done, state.since)
    if state.public and age > FRESH_SECONDS:
        keeper.alarms.raise_(Alarm.MIRROR_LATE)
    else:
        keeper.alarms.end(Alarm.MIRROR_LATE)


def _content(keeper: Keeper, made: int) -> Content:
    folder = keeper.chain.folder
    pairing = keeper.slots.header.pairing_id
    return Content(made, pairing, _read(folder / ROSTER_NAME), _read(folder / GRANTS_NAME))


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _slot_file(keeper: Keeper, image: bytes) -> Iterator[bytes]:
    """The slot file under this header, each block as it stands when it is reached."""
    slots = keeper.slots
    yield (image + image).ljust(HEADER_AREA, b"\0")
    for start in range(0, slots.records, _BLOCK):
        yield slots.block(start, min(start + _BLOCK, slots.records))
