"""What the organisation says of itself: the settings, and over them what an admin filled in.

Details are public facts, signed by an admin at the desk (`vault.organisation`). The web process
reads them without a restart; what is empty in them is taken from the settings. Nothing in them is
believed without the signature.

Whether this is a trial is chosen by the first person; it can only be one while nobody but this
machine can reach the client page (`is_reachable`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec

from intake_server.checks import LOOPBACK
from intake_server.settings import PageSettings, Settings, Signpost
from triage.retention import Policy, Promise, Rule, promise_for

Mode = Literal["trial", "real"]
Preset = Literal["hours", "short", "counselling"]

_DAY: Final = 24
PRESETS: Final = MappingProxyType(
    {
        "hours": Promise(1 * _DAY, 7 * _DAY, 1 * _DAY, 1 * _DAY),
        "short": Promise(14 * _DAY, 60 * _DAY, 7 * _DAY, 14 * _DAY),
        "counselling": Promise(60 * _DAY, 365 * _DAY, 14 * _DAY, 60 * _DAY),
    }
)
"""How long conversations are kept, by the name of the choice at the desk."""

MOST_HOURS: Final = 21
MOST_SIGNPOSTS: Final = 20
MOST_LANGUAGES: Final = 30
_LATEST: Final = 2**53 - 1

Seconds = Annotated[int, msgspec.Meta(ge=0, le=_LATEST)]
Country = Annotated[str, msgspec.Meta(pattern=r"^([A-Z]{2})?$")]
Code = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]


class DetailsRefused(ValueError):
    """These details cannot be used; the text says which and why."""


class Details(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an admin filled in. Times in seconds since 1970; 0: never. Empty: as in the settings."""

    schema: Literal[1]
    made: Seconds
    mode: Mode
    organisation: str = ""
    responsible: str = ""
    data_contact: str = ""
    complain: str = ""
    must_tell: str = ""
    limits: str = ""
    country: Country = ""
    languages: Annotated[tuple[Code, ...], msgspec.Meta(max_length=MOST_LANGUAGES)] = ()
    emergency_number: str = ""
    time_zone: str = ""
    hours: Annotated[tuple[str, ...], msgspec.Meta(max_length=MOST_HOURS)] = ()
    signposts: Annotated[tuple[Signpost, ...], msgspec.Meta(max_length=MOST_SIGNPOSTS)] = ()
    signposts_checked: Seconds = 0
    retention: Preset | None = None
    backup_tried: Seconds = 0
    wrote_to_self: Seconds = 0


@dataclass(frozen=True, slots=True)
class About:
    """What holds now: the page's own facts, and what else an admin has decided.

    `number` is the version's, 0 while nothing was filled in. `policy` is what a new conversation is
    promised; it comes from the file, where there is one. `is_missing`: the version that was saved
    last is not in the database, or cannot be read.
    """

    page: PageSettings
    policy: Policy
    mode: Mode = "trial"
    number: int = 0
    details: Details | None = field(default=None, repr=False)
    is_missing: bool = False

    @property
    def promise(self) -> Promise:
        """What a person who writes on the web is promised now."""
        return promise_for(self.policy, "web")


def is_reachable(settings: Settings) -> bool:
    """Whether others than this machine can reach the client page, as far as the settings say."""
    public = settings.web.public_url
    outside = public is not None and (urlsplit(public).hostname or "") not in LOOPBACK
    return outside or settings.web.host not in LOOPBACK


def read_details(body: bytes) -> Details:
    """The details in a signed body; raises DetailsRefused."""
    try:
        details = msgspec.json.decode(body, type=Details)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise DetailsRefused(_place_of(error)) from None
    _page_with(PageSettings(), details)
    return details


def about(  # what holds is made of just these
    settings: Settings,
    policy: Policy,
    details: Details | None,
    number: int = 0,
    *,
    own_file: bool,
    is_missing: bool = False,
) -> About:
    """What holds; with `own_file` the policy is the operator's and the choice does not count."""
    page = settings.page if details is None else _page_with(settings.page, details)
    chosen: Mode = "trial" if details is None else details.mode
    mode: Mode = "real" if is_reachable(settings) else chosen
    if details is not None and details.retention is not None and not own_file:
        policy = Policy((Rule(details.retention, PRESETS[details.retention]),))
    return About(page, policy, mode, number, details, is_missing)


_FROM_DETAILS: Final = (
    "organisation",
    "responsible",
    "data_contact",
    "complain",
    "must_tell",
    "limits",
    "emergency_number",
    "time_zone",
    "hours",
    "signposts",
)


def _page_with(page: PageSettings, details: Details) -> PageSettings:
    """The page's settings with what was filled in; raises DetailsRefused."""
    filled = {name: value for name in _FROM_DETAILS if (value := getattr(details, name))}
    try:
        made = msgspec.structs.replace(page, **filled)
        ZoneInfo(made.time_zone)
    except ValueError as error:
        raise DetailsRefused(str(error)) from None
    return made


def _place_of(error: Exception) -> str:
    """Where it is wrong; what stands there is not repeated."""
    text = str(error)
    _, _, place = text.partition(" - at `$.")
    return place.rstrip("`") or "this is not a set of details"
