"""Emergency numbers and helplines by country, to begin with; each is to be checked by a person.

Numbers change. Nothing from this list reaches the client page before an admin has looked at it,
called it, and saved it.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from intake_server.settings import Signpost

_FILE = Path(__file__).with_name("countries.toml")


class Country(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One country: its code (ISO 3166-1 alpha-2), emergency number, time zone and helplines."""

    code: str
    emergency: str
    time_zone: str
    signposts: tuple[Signpost, ...]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    country: tuple[Country, ...]


def load_countries() -> tuple[Country, ...]:
    """Every country of the list, in its order."""
    return msgspec.convert(tomllib.loads(_FILE.read_text(encoding="utf-8")), _File).country
