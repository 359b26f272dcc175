"""The form path: every step of the client page for browsers that run no code.

Theory of operation
-------------------
1.  There is one address, `/`. A form says in `do` what it wants; the answer is the page in its
    next state, padded, and holds no trace of the phrase but in the opaque token.
2.  Nothing typed is lost: an answer that does not store it brings it back.
3.  A wrong, unknown or expired phrase gets one page, the same byte for byte but for what was
    typed.
4.  While a step may have been done without being answered, the same token comes back with the
    text, so that sending it again is the same message under the same phrase.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from intake_server.clock import Clock
from intake_server.web.budgets import TooMany
from intake_server.web.form_asking import FormAsking
from intake_server.web.form_attachments import Attaching, FormAttachments, attachment_id
from intake_server.web.form_client import FormClient, OpenConversation
from intake_server.web.form_fields import EmptyMessage, Fields, MessageTooLong, Words, split
from intake_server.web.form_pages import Answer, FormPages, Reader
from intake_server.web.form_token import FormToken, FormTokens, TokenExpired
from intake_server.web.form_upload import Upload
from intake_server.web.form_ways import STEPS as WAYS
from intake_server.web.form_ways import FormWays, NotHours
from intake_server.web.guided_pages import (
    answers_so_far,
    question_before,
    question_screen,
    review_screen,
    unsafe_screen,
    with_answer,
)
from intake_server.web.keys import NotOpen
from intake_server.web.opening import Opening
from intake_server.web.view import Page, Site
from intake_server.web.work import MalformedRequest, StaleKeys, Unavailable
from triage.guided import (
    QUESTIONS,
    UNSAFE,
    Answers,
    Question,
    answers_text,
    is_over,
    next_question,
)
from triage.text import is_empty
from vault.keeper_protocol import Refused
from vault.phrase import NotAPhrase, Phrase, new_phrase, read_phrase
from vault.sealing import CannotOpen


@dataclass(frozen=True, slots=True)
class FormPath:
    """Answers forms; `opening` knows what is promised to new conversations."""

    site: Site
    client: FormClient
    tokens: FormTokens
    opening: Opening
    clock: Clock
    attachments: FormAttachments
    ways: FormWays
    asking: FormAsking

    async def answer(
        self, fields: Fields, reader: Reader, upload: Upload | None = None
    ) -> Answer | None:
        """The answer to a form, or None where it asks for nothing but the first page."""
        step = _STEPS.get(_TURN if fields.to else fields.do)
        if step is None:
            return None
        pages = self._pages(reader)
        try:
            await self.client.start_key()
            page = await step(_Turn(self, fields, pages, upload or Upload()))
        except NotOpen:
            page = Page(state="closed")
        except (Refused, CannotOpen):
            page = pages.opens_nothing(fields)
        return pages.sent(page) if isinstance(page, Page) else page

    def _pages(self, reader: Reader) -> FormPages:
        return FormPages(self.site, reader, self.site.dates(reader.language), self.clock.now())

    def failed(self, fields: Fields, reader: Reader) -> Answer:
        """The answer where a form could not be looked at, or in vain: all that was typed."""
        pages = self._pages(reader)
        if fields.do == "open" or (fields.to and fields.phrase):
            return pages.sent(pages.come_back(fields, pages.cannot_take()))
        if fields.do in _GUIDED:
            return pages.sent(_Turn(self, fields, pages, Upload()).not_asked())
        retry = _TURN if fields.to else fields.do
        return pages.sent(pages.trouble(fields.token, fields, pages.cannot_take(), retry))


@dataclass(frozen=True, slots=True)
class _Turn:
    """One form on its way to its answer."""

    path: FormPath
    fields: Fields
    pages: FormPages
    upload: Upload

    # --- a new conversation ---------------------------------------------------------------

    async def send(self) -> Page:
        """Store a first message and show its phrase."""
        try:
            token = self.path.tokens.open(self.fields.token)
        except TokenExpired:
            token = None
        if token is None or token.promise is None:
            return await self.write(problem=self.pages.t("c41.form_old"))
        try:
            words = self.fields.words()
        except EmptyMessage:
            return await self.write(self.fields.token, self.pages.t("c40.empty"))
        except MessageTooLong as over:
            problem = self.pages.too_long(over.letters)
            return await self.write(self.fields.token, problem, long=True)
        try:
            await self.path.client.first(token, token.promise, words)
        except StaleKeys:
            return await self.write(problem=self.pages.t("c41.form_old"))
        except NotOpen:
            return await self.write(self.fields.token, self.pages.t("c49.closed_text"))
        except TooMany as spent:
            problem = self.pages.too_many(spent.budget, spent.seconds)
            return await self.write(self.fields.token, problem)
        except (Unavailable, MalformedRequest):
            return await self.write(self.fields.token, self.pages.cannot_take())
        kept = self.path.tokens.returned(token.phrase)
        return self.pages.kept_phrase(kept, token.phrase, self.fields, self.left_out(words))

    async def new(self) -> Page:
        """Begin anew, with the text that was typed beside a phrase."""
        return await self.write()

    async def turn(self) -> Page | None:
        """Show the same in another language, with all that was typed; None: nothing was."""
        try:
            token = self.path.tokens.open(self.fields.token)
        except TokenExpired:
            token = None
        if token is not None and token.kept_phrase is not None:
            return await self.conversation(token.phrase, self.fields)
        if self.fields.phrase:
            return self.pages.come_back(self.fields)
        if not self.fields.has_words:
            return None
        return await self.write("" if token is None else self.fields.token)

    async def split(self) -> Page:
        """Put what fits into the field and what follows into the next one."""
        first, rest = split(self.fields.text)
        turn = replace(self, fields=replace(self.fields, text=first, rest=rest + self.fields.rest))
        try:
            token = self.path.tokens.open(self.fields.token)
        except TokenExpired:
            return await turn.write(problem=self.pages.t("c41.form_old"))
        if token.kept_phrase is None:
            return await turn.write(self.fields.token)
        return await turn.conversation(token.phrase, turn.fields)

    # --- coming back ----------------------------------------------------------------------

    async def back(self) -> Page:
        """The form for a phrase, from a page that is closed to new people."""
        return self.pages.come_back(self.fields)

    async def open(self) -> Page:
        """Open what a typed phrase opens."""
        try:
            phrase = read_phrase(self.fields.phrase)
        except NotAPhrase as refusal:
            slip = self.pages.slip(refusal)
            if slip:
                return self.pages.come_back(self.fields, slip)
            # The words are known and do not belong together: the same work and the same page as
            # for a phrase that nobody has.
            phrase = new_phrase()
        try:
            opened = await self.path.client.open(phrase)
        except Unavailable:
            return self.pages.come_back(self.fields, self.pages.cannot_take())
        return self.show(phrase, opened, self.fields)

    async def look(self) -> Page:
        """Show the conversation again."""
        token = self.kept()
        if token is None:
            return self.type_again()
        return await self.conversation(token.phrase, self.fields, looked=True)

    async def answer(self) -> Page:
        """Store a further message."""
        token = self.kept()
        if token is None:
            return self.type_again()
        fields, pages, upload = self.fields, self.pages, self.upload
        if upload.problem:
            problem = pages.t(upload.problem)
            return await self.conversation(token.phrase, fields, problem=problem)
        left_out = ""
        try:
            if not upload.files or fields.danger or not is_empty(fields.text):
                words = fields.words()
                left_out = self.left_out(words)
                await self.path.client.send(token.phrase, token, words)
                fields = Fields(text=fields.rest, token=fields.token)  # these words are stored
            if upload.spent is not None:
                raise upload.spent
            if upload.files:
                await self.send_files(token)
        except EmptyMessage:
            return await self.conversation(token.phrase, fields, problem=pages.t("c40.empty"))
        except MessageTooLong as over:
            problem = pages.too_long(over.letters)
            return await self.conversation(token.phrase, fields, problem=problem, long=True)
        except TooMany as spent:
            problem = pages.too_many(spent.budget, spent.seconds)
            return await self.conversation(token.phrase, fields, problem=problem)
        except (Unavailable, MalformedRequest):
            return pages.trouble(fields.token, fields, pages.cannot_take(), "answer")
        told = [pages.t("c42.part_sent" if self.fields.rest else "c18.have_it"), left_out]
        following = Fields(text=self.fields.rest)
        return await self.conversation(token.phrase, following, notice=" ".join(told).strip())

    async def send_files(self, token: FormToken) -> None:
        """Store the message that names the files of this form; raises as `FormClient.send`."""
        sink = self.upload.sink
        if not isinstance(sink, Attaching):
            raise MalformedRequest
        words = Words(sink.text, "", danger=False, message_id=sink.message_id, attached=sink.ids)
        await self.path.client.send(token.phrase, token, words, sink.opening)

    async def file(self) -> Page | Answer:
        """Give one file to be saved."""
        token = self.kept()
        if token is None:
            return self.type_again()
        try:
            opened = await self.path.client.open(token.phrase)
            wanted = attachment_id(self.fields.file)
            one, pieces = await self.path.attachments.fetch(opened, wanted)
        except Unavailable:
            return self.pages.trouble(
                self.fields.token, self.fields, self.pages.cannot_take(), "look"
            )
        except CannotOpen:
            problem = self.pages.t("a07.cannot_open")
            return await self.conversation(token.phrase, self.fields, problem=problem)
        return self.pages.file(one, pieces)

    async def about_ways(self) -> Page:
        """Do what is asked about messengers."""
        token, fields, pages = self.kept(), self.fields, self.pages
        if token is None:
            return self.type_again()
        try:
            told = await self.path.ways.answer(token.phrase, fields, pages)
        except NotHours:
            return await self.conversation(token.phrase, fields, ways_problem=pages.t("j06.wrong"))
        except (Unavailable, MalformedRequest, Refused):
            problem = pages.t("j06.not_done")
            return await self.conversation(token.phrase, fields, ways_problem=problem)
        page = await self.conversation(token.phrase, fields, notice=told.notice)
        return replace(page, join_code=told.code) if page.state == "conversation" else page

    async def propose(self) -> Page:
        """Ask to go on with a chat's conversation."""
        return await self.path.asking.answer(self.fields, self.pages)

    # --- optional questions ---------------------------------------------------------------

    async def ask(self) -> Page:
        """Ask the first question."""
        return self.guided(QUESTIONS[0], {}) if self.path.site.guided else await self.look()

    async def say(self) -> Page:
        """Take one answer, or go back by one, and go on."""
        if not self.path.site.guided:
            return await self.look()
        fields = self.fields
        answers = answers_so_far(fields.answers)
        if fields.say == "back":
            before = question_before(fields.question)
            return await self.look() if before is None else self.guided(before, answers)
        if fields.say == "again":
            return self.guided(QUESTIONS[-1], answers)
        answers = with_answer(answers, fields.question, fields.say)
        if is_over(answers):
            return await self.stop_asking()
        return self.guided(next_question(fields.question), answers)

    async def give(self) -> Page:
        """Store the answers in the place of earlier ones."""
        token, answers = self.kept(), answers_so_far(self.fields.answers)
        if token is None:
            return self.type_again()
        if not answers or not self.path.site.guided:
            return await self.look()
        try:
            await self.send_answers(token, answers)
        except (TooMany, Unavailable, MalformedRequest):
            return self.not_asked()
        notice = self.pages.t("g09.answers_sent")
        return await self.conversation(token.phrase, self.fields, notice=notice)

    async def take_back(self) -> Page:
        """Put no answers in the place of those that were given."""
        token, pages, fields = self.kept(), self.pages, self.fields
        if token is None:
            return self.type_again()
        try:
            await self.send_answers(token, {})
        except (TooMany, Unavailable, MalformedRequest):
            problem = pages.t("g09.not_taken_back")
            return await self.conversation(token.phrase, fields, problem=problem)
        return await self.conversation(token.phrase, fields, notice=pages.t("g09.taken_back"))

    async def stop_asking(self) -> Page:
        """It is not safe to write: tell the team that, and show the way out."""
        token = self.kept()
        if token is None:
            return self.type_again()
        try:
            await self.send_answers(token, UNSAFE)
        except (TooMany, Unavailable, MalformedRequest):
            return self.not_asked()
        return self.unsafe(token, told=True)

    def unsafe(self, token: FormToken, *, told: bool) -> Page:
        screen = unsafe_screen(self.pages.language, told=told)
        kept = self.path.tokens.returned(token.phrase)
        return self.pages.guided(kept, screen, self.fields)

    def not_asked(self) -> Page:
        """What is shown where a step of the questions failed: no answer is lost by it."""
        token, fields, pages = self.kept(), self.fields, self.pages
        if token is None:
            return self.type_again()
        answers = answers_so_far(fields.answers)
        if fields.do == "say" and fields.say not in {"back", "again"}:
            answers = with_answer(answers, fields.question, fields.say)
        if is_over(answers):
            return self.unsafe(token, told=False)
        if not answers:
            return pages.trouble(fields.token, fields, pages.cannot_take(), "look")
        screen = review_screen(pages.language, answers, pages.t("g09.answers_not_sent"))
        return pages.guided(fields.token, screen, fields)

    async def send_answers(self, token: FormToken, answers: Answers) -> None:
        """Seal and store them; raises CannotOpen, Refused, TooMany, Unavailable."""
        language = self.pages.language.code
        words = Words(answers_text(answers), language, danger=False, is_answers=True)
        await self.path.client.send(token.phrase, token, words)

    def guided(self, question: Question | None, answers: Answers) -> Page:
        """The screen that asks this; without one, what would be sent."""
        token, language = self.kept(), self.pages.language
        if token is None:
            return self.type_again()
        if question is None:
            screen = review_screen(language, answers)
        else:
            screen = question_screen(language, question, answers)
        return self.pages.guided(self.fields.token, screen, self.fields)

    async def change_due(self) -> Page:
        """Move the day of forgetting."""
        token, pages, fields = self.kept(), self.pages, self.fields
        if token is None:
            return self.type_again()
        try:
            opened = await self.path.client.open(token.phrase)
            due = pages.chosen_due(opened, fields.due)
            if due is None:
                problem = pages.due_range(opened)
                return self.show(token.phrase, opened, fields, due_problem=problem)
            await self.path.client.change_due(token.phrase, due)
        except Unavailable:
            return pages.trouble(fields.token, fields, pages.t("c29.due_unchanged"), "look")
        return await self.conversation(token.phrase, fields, notice=pages.due_changed(due))

    async def erase(self) -> Page:
        """Forget everything, and say so only when it is true."""
        token, fields = self.kept(), self.fields
        if token is None:
            return self.type_again()
        try:
            await self.path.client.erase(token.phrase)
        except Unavailable:
            problem = self.pages.t("c38.erase_failed")
            return self.pages.trouble(fields.token, fields, problem, "erase")
        return self.pages.receipt()

    # --- parts ----------------------------------------------------------------------------

    def kept(self) -> FormToken | None:
        """The token of an open conversation, or None where it is too old or none."""
        try:
            token = self.path.tokens.open(self.fields.token)
        except TokenExpired:
            return None
        return None if token.kept_phrase is None else token

    def type_again(self) -> Page:
        """The form for the phrase, after an hour or a restart; the text is kept beside it."""
        return self.pages.come_back(self.fields, self.pages.t("s09.type_again"))

    def left_out(self, words: Words) -> str:
        return self.pages.t("c47.left_out") if words.left_out else ""

    async def write(self, token: str = "", problem: str = "", *, long: bool = False) -> Page:
        """The form for a first message; without a token it gets a new one. Raises NotOpen."""
        if not token:
            token = self.path.tokens.first(
                self.path.opening.promise, await self.path.client.start_key()
            )
        return self.pages.write(token, self.fields, problem, long=long)

    async def conversation(
        self,
        phrase: Phrase,
        fields: Fields,
        *,
        problem: str = "",
        long: bool = False,
        notice: str = "",
        looked: bool = False,
        ways_problem: str = "",
    ) -> Page:
        """Open the conversation and show it; raises CannotOpen."""
        try:
            opened = await self.path.client.open(phrase)
        except Unavailable:
            token = self.path.tokens.returned(phrase)
            return self.pages.trouble(token, fields, self.pages.cannot_take(), "look")
        if looked and not opened.has_news:
            notice = self.pages.no_answer()
        return self.show(
            phrase,
            opened,
            fields,
            problem=problem,
            long=long,
            notice=notice,
            ways_problem=ways_problem,
        )

    def show(
        self,
        phrase: Phrase,
        opened: OpenConversation,
        fields: Fields,
        *,
        problem: str = "",
        long: bool = False,
        due_problem: str = "",
        notice: str = "",
        ways_problem: str = "",
    ) -> Page:
        return self.pages.conversation(
            self.path.tokens.returned(phrase),
            opened,
            fields,
            problem=problem,
            long=long,
            due_problem=due_problem,
            notice=notice,
            ways_problem=ways_problem,
        )


_GUIDED: Final = frozenset({"ask", "say", "give", "take"})
_TURN: Final = "turn"
_STEPS: Final[Mapping[str, Callable[[_Turn], Awaitable[Page | Answer | None]]]] = MappingProxyType(
    {
        _TURN: _Turn.turn,
        "send": _Turn.send,
        "new": _Turn.new,
        "split": _Turn.split,
        "back": _Turn.back,
        "open": _Turn.open,
        "look": _Turn.look,
        "answer": _Turn.answer,
        "due": _Turn.change_due,
        "ask": _Turn.ask,
        "say": _Turn.say,
        "give": _Turn.give,
        "take": _Turn.take_back,
        "file": _Turn.file,
        "erase": _Turn.erase,
        "propose": _Turn.propose,
        **dict.fromkeys(WAYS, _Turn.about_ways),
    }
)
