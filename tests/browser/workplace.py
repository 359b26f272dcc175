"""A counsellor at her desk, in Chromium: set-up, signing in, and work with mouse or keys."""

import base64
import re
import time
from dataclasses import dataclass, field

from playwright.async_api import Locator, Page, expect

from tests.browser.phone import PATIENCE_MS
from tests.browser.wording import desk as t
from tests.flows.people import to_bytes, totp
from tests.flows.stack import ROOT, Stack, until
from vault.sealing import labelled_hash

MARK_WORDS = (ROOT / "vault" / "words" / "mark.en.txt").read_text().split()


def mark_of(conversation: str) -> str:
    """Word and number of the mark, which everybody computes from the conversation's id alone."""
    digest = labelled_hash("mark", to_bytes(conversation))
    word, number = (int.from_bytes(digest[start : start + 4], "big") for start in (4, 8))
    return f"{MARK_WORDS[word % len(MARK_WORDS)].capitalize()} {10 + number % 90}"


@dataclass
class Person:
    """What she knows by heart, and the app that shows six digits."""

    name: str = "Ana Petrov"
    shown: str = "Ana"
    password: str = ""
    secret: bytes = b""
    used_step: int = 0

    async def code(self) -> str:
        """A number that was not used before; the one of the next half minute is taken too."""
        step = max(int(time.time()) // 30, self.used_step + 1)
        await until(lambda: step <= int(time.time()) // 30 + 1, "an unused number", 100)
        self.used_step = step
        return f"{totp(self.secret, step * 30):06}"


@dataclass
class Workplace:
    """One page of the desk."""

    stack: Stack
    page: Page
    person: Person
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "console",
            lambda told: self.complaints.append(told.text) if "Policy" in told.text else None,
        )

    def button(self, key: str, **values: object) -> Locator:
        return self.page.get_by_role("button", name=t(key, **values), exact=True)

    async def shows(self, text: str) -> None:
        await self.page.get_by_text(text).first.wait_for()

    # --- set-up and signing in ------------------------------------------------------------

    async def begin_set_up(self) -> None:
        link = self.stack.cli("staff", "setup-link")
        await self.page.goto(re.search(r"http\S+#setup=[\w-]+", link)[0])
        await self.button("setup.start").click()

    async def tell_names(self) -> None:
        await self.page.get_by_label(t("setup.desk_name")).fill(self.person.name)
        await self.page.get_by_label(t("setup.client_name")).fill(self.person.shown)
        self.person.password = await self.page.get_by_label(t("setup.password")).input_value()
        await self.button("desk.continue").click()

    async def tell_code(self) -> None:
        letters = (await self.page.locator("code").inner_text()).replace(" ", "")
        self.person.secret = base64.b32decode(letters + "=" * (-len(letters) % 8))
        self.person.used_step = int(time.time()) // 30 - 1
        await self.page.get_by_label(t("setup.second_key_code")).fill(await self.person.code())
        await self.button("desk.continue").click()

    async def listed_words(self) -> list[str]:
        await self.page.wait_for_selector(".words li:nth-child(8)")
        return await self.page.locator(".words li").all_inner_texts()

    async def give(self, *, name: str = "", password: str = "", code: str = "") -> None:
        """Fills the form in and sends it."""
        await self.page.get_by_label(t("signin.name")).fill(name or self.person.name)
        await self.page.get_by_label(t("signin.password")).fill(password or self.person.password)
        await self.page.get_by_label(t("signin.code")).fill(code or await self.person.code())
        await self.button("signin.sign_in").click()

    async def sign_in(self) -> None:
        await self.give()
        await self.page.wait_for_selector(".desk, .words")
        if await self.page.locator(".words").count():
            await self.button("signin.fingerprint_same").click()
        await self.page.wait_for_selector(".desk")

    async def unlock(self) -> None:
        await self.page.get_by_label(t("signin.password")).fill(self.person.password)
        await self.button("lock.with_password").click()
        await self.page.wait_for_selector(".desk")

    async def clear(self) -> None:
        """The desk as after signing in: the list on the screen, the focus nowhere."""
        if await self.page.locator("dialog[open]").count():
            await self.page.keyboard.press("Escape")
        if not await self.page.locator(".desk").count():
            await self.unlock()
        await self.page.keyboard.press("Escape")
        await self.page.keyboard.press("Escape")
        await self.page.mouse.move(640, 5)
        await self.page.evaluate("document.activeElement.blur()")

    # --- the list -------------------------------------------------------------------------

    def row(self, conversation: str) -> Locator:
        return self.page.locator(f'[role=option][data-id="{conversation}"]')

    async def find(self, conversation: str) -> Locator:
        """The row, looked for by its mark; the list is not reloaded for it."""
        await self.page.get_by_label(t("queue.filter"), exact=True).fill(mark_of(conversation))
        await self.row(conversation).wait_for()
        return self.row(conversation)

    # --- a conversation -------------------------------------------------------------------

    def talk(self, conversation: str) -> Locator:
        return self.page.locator(f'.talk[data-conversation="{conversation}"]')

    @property
    def field(self) -> Locator:
        return self.page.locator(".composer textarea")

    async def open(self, conversation: str) -> Locator:
        await (await self.find(conversation)).click()
        await self.talk(conversation).wait_for()
        return self.talk(conversation)

    async def take(self, conversation: str) -> Locator:
        talk = await self.open(conversation)
        await talk.locator(".talk-head .main").click()
        await expect(talk.locator(".facts")).to_contain_text(t("talk.yours"), timeout=PATIENCE_MS)
        return talk

    async def is_ready_to_send(self) -> None:
        await self.page.wait_for_selector(".composer[data-standing=ready]")

    async def reply(self, text: str, *, now: bool = True) -> None:
        """Answers in the open conversation; held five seconds unless `now`."""
        await self.field.fill(text)
        await self.is_ready_to_send()
        await self.page.keyboard.press("Control+Enter")
        await self.page.wait_for_selector(":is([data-standing=held], [data-standing=check])")
        if await self.page.locator("input.word").count():
            await self.page.fill("input.word", await self.word())
            await self.page.keyboard.press("Control+Enter")
        await self.page.wait_for_selector(".composer[data-standing=held]")
        if now:
            await self.page.keyboard.press("Control+Enter")
        await self.page.locator(".line.ours .said").get_by_text(text, exact=True).wait_for()

    async def lock(self) -> None:
        """L twice; a slow machine may need it a third time, the two must follow closely."""

        async def press() -> bool:
            await self.page.keyboard.press("l")
            return await self.button("lock.with_password").count() > 0

        await self.page.locator(".list").focus()
        await until(press, "the desk is locked")

    async def kept_draft(self) -> None:
        """What is being written is stored on the server."""
        pattern = re.compile(t("answer.draft_kept", time="\\d+:\\d+"))
        await expect(self.page.locator(".kept")).to_have_text(pattern, timeout=PATIENCE_MS)

    async def word(self) -> str:
        """The word of the open conversation's mark, asked for where two people are alike."""
        return (await self.page.locator(".talk-head h2 bdi").inner_text()).split()[0]

    async def said(self, talk: Locator) -> list[str]:
        """The messages as they were written, without the numbers of what was found in them."""
        return await talk.locator(".said").evaluate_all(_PLAIN)


_PLAIN = """(all) => all.map((one) => {
  const copy = one.cloneNode(true);
  copy.querySelectorAll("sup").forEach((number) => number.remove());
  return copy.textContent;
})"""
