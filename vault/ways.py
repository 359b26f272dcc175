"""By which messengers a client with a phrase is answered too, as the keeper tells it.

The keeper's word, sealed to whoever proved to be client or counsellor: no row says any of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from vault.keeper_protocol import WAY_SIZE, WAYS_SIZE, number_of
from vault.sealing import CannotOpen

NAMES: Final[Mapping[int, str]] = MappingProxyType(
    {2: "signal", 3: "matrix", 4: "deltachat", 255: "loopback"}
)
"""Messengers as the slot file numbers them (docs/keeper.md, section 1)."""

NUMBERS: Final[Mapping[str, int]] = MappingProxyType({name: at for at, name in NAMES.items()})

_MINUTE: Final = 60


@dataclass(frozen=True, slots=True)
class Way:
    """A messenger that belongs to the conversation.

    Messages come from `begin` to before `end`, minutes of the day; equal: at any time. `until` in
    seconds since 1970.
    """

    channel: str
    begin: int = field(repr=False)
    end: int = field(repr=False)
    until: int


@dataclass(frozen=True, slots=True)
class Ways:
    """`is_joined`: what the courier signs counts in this conversation."""

    is_joined: bool = False
    each: tuple[Way, ...] = ()


def read_ways(told: bytes) -> Ways:
    """The `ways` of a keeper's answer; raises CannotOpen for anything else."""
    if len(told) != WAYS_SIZE or told[0] > 1:
        raise CannotOpen
    found: dict[str, Way] = {}
    for at in range(1, WAYS_SIZE, WAY_SIZE):
        name = NAMES.get(told[at])
        if name is not None and name not in found:
            begin, end = number_of(told[at + 1 : at + 3]), number_of(told[at + 3 : at + 5])
            until = number_of(told[at + 5 : at + WAY_SIZE]) * _MINUTE
            found[name] = Way(name, begin, end, until)
    return Ways(told[0] == 1, tuple(found.values()))
