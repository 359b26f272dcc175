"""The pages that answer a form, in words and in one language.

Each brings back what was typed and not stored. Times are shown in the hotline's zone with its
city; what the clock of a message's writer said is shown and believed for nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from typing import Final

from intake_server.languages import Language
from intake_server.pages import CLEAR_TRACES
from intake_server.web.dates import Dates
from intake_server.web.form_client import OpenConversation, ReadMessage
from intake_server.web.form_fields import Fields
from intake_server.web.guided_pages import GuidedScreen, answers_so_far
from intake_server.web.view import TRY_AGAIN_MINUTES, Page, Row, ShownFile, Site, padded
from intake_server.web.ways_pages import shown_way, sign_words
from intake_server.web.work import ClientState
from triage.attached import TYPES
from vault.attachment_format import PICTURES, SOUNDS, Described
from vault.phrase import (
    DIGIT_COUNT,
    WORD_COUNT,
    NotAPhrase,
    Phrase,
    Reason,
    digits,
    words,
)

_FILE_NAME: Final = "file"
_SHOWN: Final = 4  # messages that stand open; older ones are folded away
_STATES: Final[Mapping[ClientState, str]] = {
    "received": "c30.received",
    "read": "c30.read",
    "answering": "c30.being_answered",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A page and how it is sent."""

    body: bytes = field(repr=False)
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: AsyncIterator[bytes] | None = field(default=None, repr=False)
    """Of a file; then `body` is empty."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who gets an answer: their language, and what their browser asks for (Accept-Language)."""

    language: Language
    accepted: str = ""


@dataclass(frozen=True, slots=True)
class FormPages:
    """Makes pages in one language at one moment."""

    site: Site
    reader: Reader
    dates: Dates
    now: datetime

    @property
    def language(self) -> Language:
        """The language of these pages."""
        return self.reader.language

    def write(self, token: str, fields: Fields, problem: str = "", *, long: bool = False) -> Page:
        """The form for a first message; `long` offers to split the text."""
        return Page(
            state="write",
            token=token,
            problem=problem,
            too_long=long,
            text=fields.text,
            rest=fields.rest,
            name=fields.name,
            danger=fields.danger,
        )

    def come_back(self, fields: Fields, problem: str = "") -> Page:
        """The form for a phrase, with what was typed into it and beside it."""
        return Page(
            state="back",
            problem=problem,
            text=fields.text,
            phrase_text=fields.phrase,
            danger=fields.danger,
        )

    def opens_nothing(self, fields: Fields) -> Page:
        """The one page for a wrong, unknown or expired phrase."""
        return self.come_back(fields, self.t("c28.opens_nothing"))

    def kept_phrase(self, token: str, phrase: Phrase, fields: Fields, notice: str) -> Page:
        """The page that confirms storing, and the only one that shows the phrase."""
        duty = self.site.duty(self.language, self.now)
        return Page(
            state="phrase",
            token=token,
            notice=notice,
            wait=duty.wait,
            unreached=duty.unreached if fields.danger else "",
            words=words(phrase),
            digits=" ".join(digits(phrase)),
            rest=fields.rest,
        )

    def conversation(
        self,
        token: str,
        opened: OpenConversation,
        fields: Fields,
        *,
        problem: str = "",
        long: bool = False,
        due_problem: str = "",
        notice: str = "",
        ways_problem: str = "",
    ) -> Page:
        """The conversation; `fields` holds what stands in the answer's form."""
        rows = tuple(self._rows(opened))
        older = rows[:-_SHOWN]
        first, last = self.due_days(opened)
        day = self._day(opened.due)
        return Page(
            state="conversation",
            token=token,
            problem=problem,
            too_long=long,
            notice=notice,
            text=fields.text,
            rest=fields.rest,
            danger=fields.danger,
            due=self.t("c29.due", date=day),
            due_label=self.t("c29.due_label", latest=self._day(opened.latest)),
            due_first=first.isoformat(),
            due_last=last.isoformat(),
            due_problem=due_problem,
            older=older,
            older_label=self.t("c35.older", count=self.dates.number(len(older))),
            rows=rows[-_SHOWN:],
            keeping=self.t("c35.keeping_text", date=day),
            has_answered=opened.has_answers,
            ways=tuple(
                shown_way(self.language, way, self._day(way.until)) for way in opened.ways.each
            ),
            ways_offered=bool(self.site.messengers or opened.ways.each),
            ways_problem=ways_problem,
            zone=self.site.hours_city(self.language),
        )

    def guided(self, token: str, screen: GuidedScreen, fields: Fields) -> Page:
        """A screen of the optional questions; what was being written is carried along."""
        return Page(
            state="guided",
            token=token,
            text=fields.text,
            rest=fields.rest,
            danger=fields.danger,
            guided=screen,
        )

    def trouble(self, token: str, fields: Fields, problem: str, retry: str) -> Page:
        """The page for what could not be done just now; `retry` is the step to try again."""
        return Page(
            state="trouble",
            token=token,
            problem=problem,
            retry=retry,
            text=fields.text,
            rest=fields.rest,
            name=fields.name,
            danger=fields.danger,
        )

    def receipt(self) -> Page:
        """The page that says that everything is gone."""
        at = self.t("c37.erased_at", date=self.dates.day(self.now), time=self._clock(self.now))
        return Page(state="receipt", erased_at=at)

    def file(self, one: Described, pieces: AsyncIterator[bytes]) -> Answer:
        """A file to be saved, never to be shown as a page; it is called after nothing."""
        headers = {
            "Content-Type": TYPES[one.kind],
            "Content-Disposition": f'attachment; filename="{_FILE_NAME}.{one.kind}"',
            "Content-Length": str(one.size),
        }
        return Answer(b"", headers=headers, pieces=pieces)

    def sent(self, page: Page) -> Answer:
        """The page as it is sent: padded, with the status and headers of its state."""
        failed = page.state == "trouble"
        return Answer(
            padded(self.site.render(page, self.language, self.reader.accepted)),
            HTTPStatus.SERVICE_UNAVAILABLE if failed else HTTPStatus.OK,
            CLEAR_TRACES if page.state == "receipt" else {},
        )

    # --- sentences ------------------------------------------------------------------------

    def t(self, key: str, **values: object) -> str:
        """One string of this language."""
        return self.language.text(key, **values)

    def no_answer(self) -> str:
        """What is said where nothing new is there."""
        return self.site.duty(self.language, self.now).no_answer

    def cannot_take(self) -> str:
        """What is said when keeper or database do not do their part."""
        period = self.dates.minutes(TRY_AGAIN_MINUTES)
        return self.t("c45.cannot_take", period=period, number=self.site.emergency)

    def too_long(self, letters: int) -> str:
        """What is said of a text that is too long for one message."""
        return self.t("c42.too_long", count=self.dates.number(letters))

    def too_many(self, count: int, seconds: float) -> str:
        """What is said when the budget of this hour is used up."""
        at = self.now + timedelta(seconds=seconds)
        told = self.t("c46.too_many", count=self.dates.number(count), time=self._clock(at))
        return f"{told} {self.t('c12.danger')}"

    def due_range(self, opened: OpenConversation) -> str:
        """What is said of a day that cannot be chosen."""
        first, last = self.due_days(opened)
        noon = timedelta(hours=12)
        days = [
            self.dates.day(datetime.combine(day, datetime.min.time(), self.dates.zone) + noon)
            for day in (first, last)
        ]
        return self.t("c29.due_range", first=days[0], latest=days[1])

    def due_changed(self, due: int) -> str:
        """What is said after the day was changed."""
        return self.t("c29.due_changed", date=self._day(due))

    def slip(self, refusal: NotAPhrase) -> str:
        """What is wrong with a typed phrase; empty where it only opens nothing."""
        if refusal.reason is Reason.COUNT:
            key, count = ("digit", DIGIT_COUNT) if refusal.digits else ("word", WORD_COUNT)
            return self.t(f"c27.{key}_count", found=refusal.found, count=count)
        if refusal.reason is not Reason.UNKNOWN_WORD:
            return ""
        if len(refusal.candidates) == 1:
            (word,) = refusal.candidates
            return self.t("c27.unknown_word", number=refusal.position, word=word)
        return self.t("c27.unknown_word_alone", number=refusal.position)

    # --- the day of forgetting ------------------------------------------------------------

    def due_days(self, opened: OpenConversation) -> tuple[date, date]:
        """The first and the last day that may be chosen."""
        last = self.dates.local_day(datetime.fromtimestamp(opened.latest, UTC))
        return min(self.dates.local_day(self.now + timedelta(days=1)), last), last

    def chosen_due(self, opened: OpenConversation, typed: str) -> int | None:
        """The end of the chosen day in seconds since 1970; None where it cannot be chosen."""
        try:
            day = date.fromisoformat(typed)
        except ValueError:
            return None
        first, last = self.due_days(opened)
        if not first <= day <= last:
            return None
        return min(int(self.dates.end_of(day).timestamp()), opened.latest)

    # --- messages -------------------------------------------------------------------------

    def _rows(self, opened: OpenConversation) -> Iterator[Row]:
        own = [place for place, one in enumerate(opened.messages) if not one.from_team]
        last_own = own[-1] if own else -1
        for place, message in enumerate(opened.messages):
            if message.missing:
                yield Row("gap", self._missing(message.missing), "")
            state = opened.state if place == last_own else None
            yield self._row(message, state, is_new=place > last_own)

    def _row(self, message: ReadMessage, state: ClientState | None, *, is_new: bool) -> Row:
        side = "ours" if message.from_team else "theirs"
        if message.text is None:
            return Row(side, self.t("s04.not_opened"), "", verified=False)
        time = self._when(datetime.fromtimestamp(message.time_ms / 1000, UTC))
        if not message.verified:
            key = "s02.unverified" if message.from_team else "s02.own_unverified"
            return Row(side, self.t(key), message.text, verified=False)
        if not message.from_team:
            key = "j09.by_messenger" if message.from_courier else "c30.you"
            told = [self.t(key, time=time)]
            if state is not None:
                told.append(self.t(_STATES[state]))
            return Row(side, " · ".join(told), self._own_text(message), files=self._files(message))
        key = "c30.new_from" if is_new else "c30.from"
        name = message.name or self.t("c30.our_team")
        told_by = self.t(key, name=name, time=time)
        return Row(side, told_by, message.text, files=self._files(message))

    def _files(self, message: ReadMessage) -> tuple[ShownFile, ...]:
        return tuple(
            ShownFile(one.id.hex(), self.t("a05.size", kind=self._kind(one.kind), size=_kb(one)))
            for one in message.attachments
        )

    def _kind(self, kind: str) -> str:
        if kind in PICTURES:
            return self.t("a05.picture")
        if kind in SOUNDS:
            return self.t("a05.sound")
        return self.t("a05.film" if kind == "mp4" else "a05.document")

    def _own_text(self, message: ReadMessage) -> str:
        """What the client wrote; of answers only that there are some: a bystander may read it."""
        if message.from_courier and not message.is_answers:
            return sign_words(self.language, message.text or "")
        if not message.is_answers:
            return message.text or ""
        given = answers_so_far(message.text or "")
        return self.t("g09.row_answers" if given else "g09.row_taken_back")

    def _missing(self, count: int) -> str:
        if count == 1:
            return self.t("s03.missing")
        return self.t("s03.missing_several", count=self.dates.number(count))

    def _when(self, at: datetime) -> str:
        if self.dates.is_today(at, self.now):
            return self.t("c30.day_today", time=self._clock(at))
        return self.t("c30.day_earlier", date=self.dates.day(at), time=self._clock(at))

    def _day(self, seconds: int) -> str:
        return self.dates.day(datetime.fromtimestamp(seconds, UTC))

    def _clock(self, at: datetime) -> str:
        return self.dates.clock(at)


def _kb(one: Described) -> int:
    return max(1, round(one.size / 1000))
