"""Somebody with a phone: the client page in Chromium, with or without JavaScript."""

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from playwright.async_api import Browser, BrowserContext, Page, Request, Response

from tests.browser.wording import page as t
from tests.flows.people import to_text
from tests.flows.stack import Stack, until

PATIENCE_MS = 30_000
SMALL = {"width": 360, "height": 740}
WORD = re.compile(r"[a-z]+")


@asynccontextmanager
async def exit_page(port: int) -> AsyncIterator[str]:
    """The neutral page that leaving leads to, on a server of its own; gives its address."""

    async def weather(_: web.BaseRequest) -> web.Response:
        body = "<!doctype html><title>Weather</title><h1>Weather</h1>"
        return web.Response(text=body, content_type="text/html")

    runner = web.ServerRunner(web.Server(weather))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{port}/"
    finally:
        await runner.cleanup()


def stored(stack: Stack) -> tuple[set[str], int]:
    """The ids of all conversations in the database, and how many messages it holds."""
    file = stack.data / "database" / "havenline.sqlite3"
    database = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        ids = database.execute("SELECT id FROM conversations").fetchall()
        messages = database.execute("SELECT count(*) FROM messages WHERE kind = 1").fetchone()
    finally:
        database.close()
    return {to_text(bytes(one)) for (one,) in ids}, messages[0]


def count_stored(stack: Stack) -> tuple[int, int]:
    """How many conversations and messages the database holds."""
    ids, messages = stored(stack)
    return len(ids), messages


@dataclass
class Phone:
    """One page of one browser that keeps nothing; everything that it does is written down."""

    stack: Stack
    context: BrowserContext
    page: Page
    code: bool = True
    requests: list[Request] = field(default_factory=list)
    responses: list[Response] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    places: set[str] = field(default_factory=set)

    def watch(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.context.on("request", self._asked)
        self.context.on("response", self._answered)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("framenavigated", lambda frame: self.places.add(frame.url))
        self.page.on("console", lambda told: self._hear(told.text))

    def _asked(self, request: Request) -> None:
        self.requests.append(request)

    def _answered(self, response: Response) -> None:
        self.responses.append(response)

    def _hear(self, told: str) -> None:
        if "Policy" in told or "Trusted" in told:
            self.complaints.append(told)

    async def becomes(self, condition: str) -> None:
        """Waits until an expression is true. (Playwright's own waiting meets the page's policy.)"""
        await until(lambda: self.page.evaluate(condition), condition)

    # --- where it is ----------------------------------------------------------------------

    async def visit(self) -> None:
        await self.page.goto(f"{self.stack.web}/")
        await self.ready()

    async def ready(self) -> None:
        """With code: the page has taken the forms over."""
        if self.code:
            await self.becomes("document.getElementById('form-note').hidden")

    async def is_at(self, state: str) -> None:
        await self.page.wait_for_selector(f"body[data-state={state}]")

    async def text(self, selector: str) -> str:
        return " ".join((await self.page.locator(selector).inner_text()).split())

    async def told(self, place: str) -> str:
        """What is said at `place`, once it is."""
        await self.page.wait_for_selector(f"#{place}:not([hidden])")
        return await self.text(f"#{place}")

    async def seen(self) -> str:
        """Everything that is in the page, seen or not, and what stands in fields."""
        return await self.page.evaluate(
            """() => [
              document.documentElement.outerHTML,
              ...[...document.querySelectorAll("input, textarea")].map((one) => one.value),
            ].join("\\n")"""
        )

    async def lets_time_pass(self, minutes: float) -> None:
        """Moves the page's clock, which was installed before; its timers go off once."""
        await self.page.clock.fast_forward(int(minutes * 60_000) + 1_500)

    # --- what is done ---------------------------------------------------------------------

    async def unfold(self, name: str) -> None:
        await self.page.click(f"#{name} > summary")

    async def write(self, text: str, *, name: str = "", danger: bool = False) -> None:
        await self.unfold("write")
        await self.page.fill("#text", text)
        if name:
            await self.page.fill("#name", name)
        if danger:
            await self.page.check("#danger")

    async def send(self) -> None:
        await self.page.click("#send")

    async def write_first(self, text: str, **other) -> list[str]:
        """A first message is stored; gives the words of its phrase."""
        await self.visit()
        await self.write(text, **other)
        await self.send()
        await self.is_at("phrase")
        return await self.words()

    async def words(self) -> list[str]:
        await self.page.wait_for_selector("#phrase-words li:nth-child(8)", state="attached")
        return [WORD.search(one)[0] for one in await self._items()]

    async def _items(self) -> list[str]:
        return await self.page.locator("#phrase-words li").all_text_contents()

    async def digits(self) -> str:
        return (await self.page.locator("#phrase-digits").text_content() or "").strip()

    async def keep(self) -> None:
        await self.page.click("#have-kept")
        await self.is_at("conversation")

    async def type_phrase(self, typed: str) -> None:
        await self.unfold("back")
        await self.page.fill("#phrase-text", typed)
        await self.page.click("#open")

    async def come_back(self, typed: str) -> None:
        await self.visit()
        await self.type_phrase(typed)
        await self.is_at("conversation")

    async def answer(self, text: str) -> None:
        await self.page.fill("#answer", text)
        await self.page.click("#answer-send")
        await self.page.locator("#rows .theirs .said").get_by_text(text, exact=True).wait_for()

    async def looks_again(self) -> None:
        """Waits until the page has asked for news and taken the answer in: it asks once more."""
        for _ in range(2):
            async with self.page.expect_request("**/api/poll"):
                pass

    async def keep_in_vain(self, text: str) -> None:
        """The code for the conversation does not arrive: all that is left is to try again."""
        await self.visit()
        await self.write(text)
        await self.page.route("**/static/built/client-*.js", lambda route: route.abort())
        await self.send()
        await self.is_at("phrase")
        await self.page.click("#have-kept")
        await self.is_at("trouble")

    async def erase(self) -> None:
        await self.unfold("erase")
        await self.page.click("#erase-all")
        await self.is_at("receipt")

    async def opens_nothing(self, typed: str) -> None:
        await self.visit()
        await self.type_phrase(typed)
        assert await self.told("back-problem") == t("c28.opens_nothing")


@asynccontextmanager
async def a_phone(browser: Browser, stack: Stack, *, code: bool = True, **other) -> AsyncIterator:
    """A phone with a fresh browser."""
    options = {"viewport": SMALL, "java_script_enabled": code, "locale": "en-GB"} | other
    context = await browser.new_context(**options)
    try:
        phone = Phone(stack, context, await context.new_page(), code)
        phone.watch()
        yield phone
    finally:
        await context.close()


@asynccontextmanager
async def refused(page: Page, url: str) -> AsyncIterator[asyncio.Event]:
    """Nobody answers at `url`, and the browser stays where it is; the event tells of a request."""
    asked = asyncio.Event()

    async def refuse(route) -> None:
        await route.abort("aborted")
        asked.set()

    await page.route(url, refuse)
    try:
        yield asked
    finally:
        await page.unroute(url)
