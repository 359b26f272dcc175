"""How each messenger channel is: what the courier tells operators, and less of it the desk.

Counts, ages and constant words; nothing of anybody who writes. The desk is told ages in steps of
five minutes, hours and days, and those of one moment for five minutes, so that nobody there can
tell from a channel's age who wrote when.
"""

import asyncio
from collections.abc import Callable, Iterable
from enum import StrEnum, unique
from pathlib import Path
from typing import Final

import msgspec

FOR_STAFF: Final = "channels.sock"
CANARY_SILENT: Final = "canary_silent"
CANNOT_START: Final = "cannot_start"
GAP_SUSPECTED: Final = "gap_suspected"
_MINUTE: Final = 60
_STEP: Final = 5 * _MINUTE
_HOUR: Final = 3_600
_DAY: Final = 86_400
RENEWED_AFTER: Final = float(_STEP)
_EXPLAINED: Final = frozenset({CANARY_SILENT, CANNOT_START, GAP_SUSPECTED})


class ChannelState(msgspec.Struct, frozen=True):
    """One channel, as the courier's health tells an operator of it.

    Ages are None where there was nothing since the courier started. `kept`: what arrived and could
    not be stored yet; `queue`: replies that wait; `leaving`: people who are forgotten here and whom
    the messenger has still to forget. `why`: what a person must do before it can start.
    `attachments`: whether they go over it.
    """

    name: str
    connected: bool
    last_inbound_seconds: int | None
    last_delivery_seconds: int | None
    kept: int
    queue: int
    refused: dict[str, int]
    limited_seconds: int
    alarms: tuple[str, ...]
    why: str = ""
    attachments: bool = True
    leaving: int = 0


@unique
class Standing(StrEnum):
    """How a channel is in one word, the worst that is true of it."""

    WELL = "well"
    LATE = "late"  # its canary does not come: it looks well, and nothing may arrive
    AWAY = "away"
    LIMITED = "limited"
    NOT_STARTED = "not_started"


class ShownChannel(msgspec.Struct, frozen=True):
    """One channel, as staff see it; ages and `limited` in rounded minutes.

    `gap`: messages may have been lost while nobody listened. `watched`: something else stands that
    an operator must look at.
    """

    name: str
    standing: Standing
    last_in: int | None
    last_out: int | None
    limited: int
    kept: int
    queue: int
    gap: bool
    watched: bool
    attachments: bool = True
    leaving: int = 0


def shown_to_staff(state: ChannelState) -> ShownChannel:
    """Return what staff may know of a channel."""
    return ShownChannel(
        name=state.name,
        standing=_standing(state),
        last_in=_rounded(state.last_inbound_seconds),
        last_out=_rounded(state.last_delivery_seconds),
        limited=_rounded(state.limited_seconds) or 0 if state.limited_seconds else 0,
        kept=state.kept,
        queue=state.queue,
        gap=GAP_SUSPECTED in state.alarms,
        watched=bool(set(state.alarms) - _EXPLAINED),
        attachments=state.attachments,
        leaving=state.leaving,
    )


def _standing(state: ChannelState) -> Standing:
    if CANNOT_START in state.alarms:
        return Standing.NOT_STARTED
    if CANARY_SILENT in state.alarms:
        return Standing.LATE
    if not state.connected:
        return Standing.AWAY
    return Standing.LIMITED if state.limited_seconds else Standing.WELL


def _rounded(seconds: int | None) -> int | None:
    """Minutes, rounded up to whole five, hours or days."""
    if seconds is None:
        return None
    step = _STEP if seconds < _HOUR else _HOUR if seconds < _DAY else _DAY
    return max(step, -(-seconds // step) * step) // _MINUTE


class ToldToStaff:
    """What staff are told from one question to the next.

    Whether a channel works is told as it is. Ages and counts are those of one moment for five
    minutes: who asked again and again would else see the very second in which somebody wrote.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._seen: dict[str, ShownChannel] = {}
        self._until = float("-inf")

    def told(self, states: Iterable[ChannelState]) -> dict[str, object]:
        """What the socket answers now."""
        shown = [shown_to_staff(state) for state in states]
        if self._monotonic() >= self._until:
            self._seen = {one.name: one for one in shown}
            self._until = self._monotonic() + RENEWED_AFTER
        return {"channels": [msgspec.to_builtins(self._held(one)) for one in shown]}

    def _held(self, now: ShownChannel) -> ShownChannel:
        seen = self._seen.get(now.name)
        if seen is None:
            return msgspec.structs.replace(
                now, last_in=None, last_out=None, kept=0, queue=0, leaving=0
            )
        return msgspec.structs.replace(
            now,
            last_in=seen.last_in,
            last_out=seen.last_out,
            kept=seen.kept,
            queue=seen.queue,
            leaving=seen.leaving,
        )


class _Health(msgspec.Struct, frozen=True):
    channels: tuple[ChannelState, ...]


class _Told(msgspec.Struct, frozen=True):
    channels: tuple[ShownChannel, ...]


async def read_states(path: Path, patience: float) -> tuple[ChannelState, ...]:
    """Ask the courier's health socket. Raises OSError (TimeoutError is one) or ValueError."""
    return msgspec.json.decode(await _line(path, patience), type=_Health).channels


async def read_shown(path: Path, patience: float) -> tuple[ShownChannel, ...]:
    """Ask the courier's socket for the desk. Raises as `read_states`."""
    return msgspec.json.decode(await _line(path, patience), type=_Told).channels


async def _line(path: Path, patience: float) -> bytes:
    async with asyncio.timeout(patience):
        reader, writer = await asyncio.open_unix_connection(path)
        try:
            return await reader.readline()
        finally:
            writer.close()
