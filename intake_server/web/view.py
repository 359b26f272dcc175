"""What the client page's template is given, and how it becomes bytes.

The template is filled from two things: `Site`, which is the same for everybody, and `Page`, which
is one answer. Answers to a form are padded to whole multiples of 16 KiB, so that their size says
neither whether a phrase opened something nor how much.
"""

from __future__ import annotations

import re
import secrets
import struct
import unicodedata
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import jinja2
from markupsafe import Markup

from intake_server.pages import (
    Language,
    integrity_of,
    load_languages,
    make_environment,
    script_json,
    texts_of,
)
from intake_server.settings import PageSettings, Settings, Signpost
from intake_server.web.dates import Dates, dates_for
from intake_server.web.duty import DutyWords, Helper, duty_words
from intake_server.web.guided_pages import GuidedScreen
from intake_server.web.ways_pages import ShownWay
from triage.duty import DutyHours, Standing
from triage.text import LONGEST_BYTES, LONGEST_CHARACTERS, LONGEST_PSEUDONYM

PADDING: Final = 16 * 1024
_TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")
_NUMBER: Final = re.compile(r"[0-9+*#()/. -]+")  # one that can be dialled as it stands
_LONGEST_NUMBER: Final = 20
_BEST: Final = 9
_STORED: Final = 0
_WINDOW: Final = 32 * 1024  # bytes that DEFLATE may point back
_GZIP_HEAD: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"  # no time, no name, no system
_LAST_BLOCK: Final = b"\x03\x00"  # an empty one
_HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class ShownSignpost:
    """A signpost with the digits that a telephone dials."""

    name: str
    how: str
    telephone: str
    dial: str


@dataclass(frozen=True, slots=True)
class ShownFile:
    """An attachment that can be saved: its id in hexadecimal, and what it is called on screen."""

    id: str
    label: str


@dataclass(frozen=True, slots=True)
class Row:
    """One message as it is shown; `side` is ours (the team's) or theirs (the client's)."""

    side: str
    meta: str
    text: str = field(repr=False)
    verified: bool = True
    files: tuple[ShownFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One answer. What stands on screen is empty unless its state needs it."""

    state: str
    start: bool = False
    token: str = field(default="", repr=False)
    config: Markup | None = None
    period: str = ""
    duty: str = ""
    problem: str = ""
    notice: str = ""
    too_long: bool = False
    text: str = field(default="", repr=False)
    rest: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    phrase_text: str = field(default="", repr=False)
    danger: bool = False
    wait: str = ""
    unreached: str = ""
    words: tuple[str, ...] = field(default=(), repr=False)
    digits: str = field(default="", repr=False)
    due: str = ""
    due_label: str = ""
    due_first: str = ""
    due_last: str = ""
    due_problem: str = ""
    older: tuple[Row, ...] = ()
    older_label: str = ""
    rows: tuple[Row, ...] = ()
    keeping: str = ""
    erase_problem: str = ""
    erased_at: str = ""
    retry: str = ""
    guided: GuidedScreen | None = None
    has_answered: bool = False
    ways: tuple[ShownWay, ...] = ()
    ways_offered: bool = False
    ways_problem: str = ""
    zone: str = ""
    join_code: str = field(default="", repr=False)
    ask_problem: str = ""
    code: str = field(default="", repr=False)
    returning: bool = False  # the closed page offers the way back to who has a phrase


class Site:
    """Template, languages and what the organisation says of itself."""

    def __init__(self, settings: Settings, *, nobody_reads: bool = False) -> None:
        """Read the template and the strings; raises StringsError.

        `nobody_reads`: every page says so, because this is a demonstration.
        """
        self.nobody_reads = nobody_reads
        self.screening = settings.screening.mode == "on"
        self.guided = settings.guided.questions
        self.attachments = settings.attachments.allows("web")
        self.messengers = settings.channels.is_any_on
        # The courier's clock for safe hours: the file's, whatever the organisation says of itself.
        self.hours_zone = ZoneInfo(settings.page.time_zone)
        self._languages = load_languages(_HERE / "strings", settings.page.language)
        self.script = integrity_of(_HERE / "static", "client.js")
        self._texts = sorted(texts_of(_HERE / "static"))
        environment: jinja2.Environment = make_environment(_HERE / "templates")
        self._template = environment.get_template("page.html")
        self._page: PageSettings | None = None
        self.trial = False
        self.version = 0
        self._wait_hours: int | None = None
        self.take(settings.page, is_trial=False)

    def take(self, page: PageSettings, *, is_trial: bool) -> None:
        """Show what the organisation says of itself now; in a trial, that it is one."""
        if (page, is_trial) == (self._page, self.trial):
            return
        self._page, self.trial = page, is_trial
        self.version += 1
        self.title = page.title
        self.exit_url = page.exit_url
        self.emergency = page.emergency_number
        self.organisation = plain(page.organisation)
        self.responsible = plain(page.responsible)
        self.data_contact = plain(page.data_contact)
        self.complain = plain(page.complain)
        self.must_tell = plain(page.must_tell)
        self.limits = plain(page.limits)
        self.signposts = tuple(_shown(post) for post in page.signposts)
        self.zone = ZoneInfo(page.time_zone)
        self._hours = DutyHours.read(page.hours, self.zone)
        self._helper = next(
            (Helper(post.name, post.telephone) for post in self.signposts if post.dial), None
        )

    def take_wait(self, hours: int | None) -> None:
        """Say within how many hours people are usually answered; None: nothing of it."""
        if hours != self._wait_hours:
            self._wait_hours = hours
            self.version += 1

    @property
    def languages(self) -> tuple[Language, ...]:
        """All languages the page is there in."""
        return self._languages.listed

    def language(self, chosen: str, accepted: str) -> Language:
        """The language chosen on the page, or the one the browser asks for."""
        return self._languages.get(chosen) or self._languages.choose(accepted)

    def dates(self, language: Language) -> Dates:
        """The writer of times for this page."""
        return dates_for(language, self.zone)

    def hours_city(self, language: Language) -> str:
        """By which city's clock safe hours count."""
        return dates_for(language, self.hours_zone).city

    def standing(self, now: datetime) -> Standing | None:
        """Whether somebody is on duty at `now`; None where the organisation names no hours."""
        return self._hours.standing(now) if self._hours.spans else None

    def duty(self, language: Language, now: datetime) -> DutyWords:
        """What the page says of that."""
        return duty_words(
            self.standing(now),
            language,
            self.dates(language),
            now,
            self.emergency,
            self._helper,
            self._wait_hours,
        )

    def render(self, page: Page, language: Language) -> bytes:
        """The page, in UTF-8."""
        return self._template.render(
            page=page, site=self, language=language, t=language.text
        ).encode()

    def start(
        self,
        language: Language,
        period: str,
        duty: DutyWords,
        config: Mapping[str, object],
        token_size: int,
        *,
        is_open: bool,
    ) -> StartPage:
        """The first page; `config` is what the browser's code needs.

        Where it is not open to new people it has no place for a first message, and all that those
        need who have a phrase.
        """
        # Where the form token goes; random, so that nothing that an admin writes can be it.
        place = secrets.token_hex(16)
        whole: dict[str, object] = {
            **config,
            "open": True,
            "takes_new": is_open,
            "language": language.code,
            "strings": {key: language.strings[key] for key in self._texts},
            "exit_url": self.exit_url,
            "emergency": self.emergency,
            "signposts": [
                {"name": post.name, "how": post.how, "telephone": post.telephone}
                for post in self.signposts
            ],
            "form_token": place,
            "zone": self.zone.key,
            "hours_zone": self.hours_zone.key,
            "guided": self.guided,
            "attachments": self.attachments,
            "messengers": self.messengers,
            "longest": {
                "characters": LONGEST_CHARACTERS,
                "bytes": LONGEST_BYTES,
                "name": LONGEST_PSEUDONYM,
            },
        }
        page = Page(
            state="opening" if is_open else "closed",
            start=True,
            returning=not is_open,
            token=place,
            config=script_json(whole),
            period=period,
            duty=duty.line,
            wait=duty.wait,
            unreached=duty.unreached,
        )
        return StartPage(self.render(page, language), place, token_size)


class StartPage:
    """The first page, rendered and packed once, and filled with a new form token for each visitor.

    What is packed are the pieces between the tokens (DEFLATE, RFC 1951; gzip, RFC 1952). Each may
    point back into the pieces before it, since all tokens have one length, and never into a token:
    those stay unpacked, so that no size says anything about one.
    """

    def __init__(self, rendered: bytes, place: str, token_size: int) -> None:
        """`place` stands where a token goes; `token_size` is the length of every token in bytes."""
        self._parts = rendered.split(place.encode())
        self._packed = []
        before = b""
        for part in self._parts:
            self._packed.append(_blocks(part, _BEST, before))
            before += part + bytes(token_size)  # no page has a zero byte that could match these

    def filled(self, token: str) -> bytes:
        """The page with this visitor's token in its forms."""
        return token.encode().join(self._parts)

    def packed(self, token: str) -> bytes:
        """The same page as gzip."""
        whole = self.filled(token)
        blocks = _blocks(token.encode(), _STORED).join(self._packed)
        sums = struct.pack("<II", zlib.crc32(whole), len(whole))
        return _GZIP_HEAD + blocks + _LAST_BLOCK + sums


def _blocks(plain: bytes, level: int, before: bytes = b"") -> bytes:
    """DEFLATE blocks that end on a whole byte; they may point back into `before`."""
    packing = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS, zdict=before[-_WINDOW:])
    return packing.compress(plain) + packing.flush(zlib.Z_SYNC_FLUSH)


def padded(body: bytes, multiple: int = PADDING) -> bytes:
    """`body` with line ends up to the next multiple of so many bytes."""
    return body.ljust(-(-len(body) // multiple) * multiple, b"\n")


def plain(text: str) -> str:
    """What an admin wrote without signs that nobody sees and that turn what follows around.

    A number would otherwise be shown in another order than it is dialled. What joins letters in
    some scripts (U+200C, U+200D) stays.
    """
    return "".join(
        sign
        for sign in text
        if sign not in _TURNING and (sign == "\n" or unicodedata.category(sign) != "Cc")
    )


def _shown(post: Signpost) -> ShownSignpost:
    """A signpost; what is not one telephone number is shown, and dials nothing."""
    telephone = plain(post.telephone)
    dials = sum(sign in "0123456789+*#" for sign in telephone)
    is_one = _NUMBER.fullmatch(telephone) is not None and 0 < dials <= _LONGEST_NUMBER
    dial = "".join(sign for sign in telephone if sign in "0123456789+*#") if is_one else ""
    return ShownSignpost(plain(post.name), plain(post.how), telephone, dial)
