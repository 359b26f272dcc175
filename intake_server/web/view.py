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
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import jinja2
from markupsafe import Markup

from intake_server.languages import Language, load_languages
from intake_server.pages import (
    first_texts_of,
    integrity_of,
    make_environment,
    script_json,
)
from intake_server.settings import PageSettings, Settings, Signpost
from intake_server.web.chooser import chooser
from intake_server.web.dates import Dates, dates_for
from intake_server.web.duty import DutyWords, Helper, duty_words
from intake_server.web.guided_pages import GuidedScreen
from intake_server.web.ways_pages import ShownWay
from triage.duty import DutyHours, Standing
from triage.text import LONGEST_BYTES, LONGEST_CHARACTERS, LONGEST_PSEUDONYM

PADDING: Final = 16 * 1024
TRY_AGAIN_MINUTES: Final = 10
_TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")
_NUMBER: Final = re.compile(r"[0-9+*#()/. -]+")  # one that can be dialled as it stands
_LONGEST_NUMBER: Final = 20
_BEST: Final = 9
_STORED: Final = 0
_WINDOW: Final = 32 * 1024  # bytes that DEFLATE may point back
_GZIP_HEAD: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"  # no time, no name, no system
_LAST_BLOCK: Final = b"\x03\x00"  # an empty one
_EMPTY: Final = b"\x00\x00\x00\xff\xff"  # a stored block with nothing in it
_EMPTY_LONG: Final = b"\x02" + _EMPTY  # one with fixed codes before it
_MENU_SPARE: Final = 44  # bytes; packed, orders of the menu differ by a dozen each way
_HERE: Final = Path(__file__).parent
SCRIPT: Final = "client.js"


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
    chooser: str = ""
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
        page = settings.page
        self._languages = load_languages(_HERE / "strings", page.language, page.languages)
        self.script = integrity_of(_HERE / "static", SCRIPT)
        self._texts = sorted(first_texts_of(_HERE / "static", SCRIPT))
        environment: jinja2.Environment = make_environment(_HERE / "templates")
        self._template = environment.get_template("page.html")
        self._dates: dict[tuple[str, str], Dates] = {}
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
        self.emergency = isolated(page.emergency_number)
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
            (Helper(post.name, isolated(post.telephone)) for post in self.signposts if post.dial),
            None,
        )

    def take_wait(self, hours: int | None) -> None:
        """Say within how many hours people are usually answered; None: nothing of it."""
        if hours != self._wait_hours:
            self._wait_hours = hours
            self.version += 1

    @property
    def own_tag(self) -> str:
        """The language that the organisation's own texts are taken to be in: the default one."""
        return self._languages.listed[0].tag

    @property
    def languages(self) -> tuple[Language, ...]:
        """All languages the page is there in."""
        return self._languages.listed

    def language(self, chosen: str, accepted: str) -> Language:
        """The language chosen on the page, or the one the browser asks for."""
        return self._languages.get(chosen) or self._languages.choose(accepted)

    def chooser(self, language: Language, accepted: str, state: str) -> Markup:
        """The menu of languages for a page in this state; empty where there is none."""
        return chooser(self._languages, language, accepted, state)

    def dates(self, language: Language) -> Dates:
        """The writer of times for this page."""
        return self._dates_in(language, self.zone)

    def _dates_in(self, language: Language, zone: ZoneInfo) -> Dates:
        place = (language.code, zone.key)
        if place not in self._dates:
            self._dates[place] = dates_for(language, zone)
        return self._dates[place]

    def hours_city(self, language: Language) -> str:
        """By which city's clock safe hours count."""
        return self._dates_in(language, self.hours_zone).city

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

    def render(self, page: Page, language: Language, accepted: str = "") -> bytes:
        """The page, in UTF-8; `accepted` is the browser's Accept-Language."""
        if not page.chooser:
            page = replace(page, chooser=self.chooser(language, accepted, page.state))
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
        # Where token and menu go; random, so that nothing that an admin writes can be one.
        place, menu = secrets.token_hex(16), secrets.token_hex(16)
        state = "opening" if is_open else "closed"
        usual = self.chooser(language, "", state)
        whole: dict[str, object] = {
            **config,
            "open": True,
            "takes_new": is_open,
            "language": language.code,
            "strings": {key: language.strings[key] for key in self._texts},
            "days": self.dates(language).days,
            "minutes": self.dates(language).minutes(TRY_AGAIN_MINUTES),
            "emergency": self.emergency,
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
            state=state,
            start=True,
            returning=not is_open,
            token=place,
            chooser=menu if usual else "",
            config=script_json(whole),
            period=period,
            duty=duty.line,
            wait=duty.wait,
            unreached=duty.unreached,
        )
        rendered = self.render(page, language)
        return StartPage(rendered, place, token_size, menu if usual else "", usual)


class StartPage:
    """The first page, rendered and packed once, and filled with a new form token for each visitor.

    What is packed are the pieces between the tokens (DEFLATE, RFC 1951; gzip, RFC 1952). Each may
    point back into the pieces before it, since all tokens have one length, and never into a token:
    those stay unpacked, so that no size says anything about one. The menu of languages, in the
    order of the visitor's browser, is a piece of its own with one length, too; packed, orders
    differ by some bytes, and are filled up to one size.
    """

    def __init__(
        self, rendered: bytes, place: str, token_size: int, menu: str = "", usual: str = ""
    ) -> None:
        """`place` stands where a token goes, and `menu` where the menu of languages goes.

        `token_size` is the length of every token in bytes. `usual` is the menu in its usual order:
        every other has its length.
        """
        self._head, _, rest = rendered.rpartition(menu.encode()) if menu else (b"", b"", rendered)
        self._parts = rest.split(place.encode())
        self._packed_head = _blocks(self._head, _BEST)
        self._menu_room = len(_blocks(usual.encode(), _BEST, self._head)) + _MENU_SPARE
        self._packed = []
        # No page has a zero byte that could match these.
        before = self._head + bytes(len(usual.encode()))
        for part in self._parts:
            self._packed.append(_blocks(part, _BEST, before))
            before += part + bytes(token_size)

    def filled(self, token: str, menu: str = "") -> bytes:
        """The page with this visitor's menu, and the token in its forms."""
        return self._head + menu.encode() + token.encode().join(self._parts)

    def packed(self, token: str, menu: str = "") -> bytes:
        """The same page as gzip."""
        whole = self.filled(token, menu)
        shown = _blocks(menu.encode(), _BEST, self._head)
        head = self._packed_head + shown + _filling(self._menu_room - len(shown))
        blocks = _blocks(token.encode(), _STORED).join(self._packed)
        sums = struct.pack("<II", zlib.crc32(whole), len(whole))
        return _GZIP_HEAD + head + blocks + _LAST_BLOCK + sums


def _blocks(plain: bytes, level: int, before: bytes = b"") -> bytes:
    """DEFLATE blocks that end on a whole byte; they may point back into `before`."""
    packing = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS, zdict=before[-_WINDOW:])
    return packing.compress(plain) + packing.flush(zlib.Z_SYNC_FLUSH)


def _filling(size: int) -> bytes:
    """Empty DEFLATE blocks of so many bytes: any number from 20 on, else the next one below."""
    long = size % 5 if size % 5 * 6 <= size else 0
    return _EMPTY_LONG * long + _EMPTY * ((size - 6 * long) // 5)


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


def isolated(number: str) -> str:
    """A number that keeps its order inside a sentence that runs from right to left.

    Of digits alone it does by itself; groups of them would change places (Unicode Annex 9, N1).
    """
    return number if number.isdigit() else f"\u2066{number}\u2069"


def _shown(post: Signpost) -> ShownSignpost:
    """A signpost; what is not one telephone number is shown, and dials nothing."""
    telephone = plain(post.telephone)
    dials = sum(sign in "0123456789+*#" for sign in telephone)
    is_one = _NUMBER.fullmatch(telephone) is not None and 0 < dials <= _LONGEST_NUMBER
    dial = "".join(sign for sign in telephone if sign in "0123456789+*#") if is_one else ""
    return ShownSignpost(plain(post.name), plain(post.how), telephone, dial)
