"""One hotline and one browser for the whole folder; the desk was set up through its own page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest_asyncio
from aiohttp import ClientSession
from playwright.async_api import Browser, async_playwright

from tests.browser.looks import CLIENT_WIDTHS, DESK_WIDTHS, Looks
from tests.browser.phone import Phone, a_phone, exit_page
from tests.browser.wording import desk as t
from tests.browser.workplace import Person, Workplace
from tests.flows.people import Client, Refused
from tests.flows.stack import Stack, a_stack, http
from vault.sealing import CannotOpen

CHROMIUM = "/usr/bin/chromium"
PLEA = "my boss took my passport and we work until 12"
for_all = {"scope": "session", "loop_scope": "session"}


@dataclass
class House:
    """The running hotline and what was seen while it was set up."""

    stack: Stack
    exit_url: str
    ana: Workplace
    looks: Looks
    words: list[str] = field(default_factory=list)
    closed: str = ""  # what the client page said before anybody could read it


@pytest_asyncio.fixture(**for_all)
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as player:
        browser = await player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest_asyncio.fixture(**for_all)
async def house(chromium) -> AsyncIterator[House]:
    async with a_stack() as stack, exit_page(stack.exit_port) as exit_url:
        context = await chromium.new_context(viewport={"width": 1366, "height": 768})
        try:
            ana = Workplace(stack, await context.new_page(), Person())
            ana.watch()
            house = House(stack, exit_url, ana, Looks())
            await see_closed(chromium, house)
            await set_up(house)
            yield house
        finally:
            await context.close()


async def see_closed(chromium: Browser, house: House) -> None:
    """What somebody sees before the set-up, and that there is a way out of it."""
    async with a_phone(chromium, house.stack) as phone:
        await phone.page.goto(f"{house.stack.web}/")
        house.closed = await phone.seen()
        await house.looks.take(phone.page, "closed", CLIENT_WIDTHS, way_out=True)
        await phone.page.click("#leave")
        await phone.page.wait_for_url(house.exit_url)


async def set_up(house: House) -> None:
    """Ana follows the link of the terminal to the end and signs in."""
    ana, looks = house.ana, house.looks
    await ana.begin_set_up()
    await ana.page.get_by_label(t("setup.desk_name")).wait_for()
    await looks.take(ana.page, "set-up: you", DESK_WIDTHS)
    await ana.tell_names()
    await ana.page.locator("code").wait_for()
    await looks.take(ana.page, "set-up: second key", DESK_WIDTHS)
    await ana.tell_code()
    house.words = await ana.listed_words()
    await looks.take(ana.page, "set-up: compare", DESK_WIDTHS)
    await ana.button("setup.same").click()
    await ana.button("setup.sign_in").click()
    await ana.button("signin.sign_in").wait_for()
    await looks.take(ana.page, "sign in", DESK_WIDTHS)
    await ana.sign_in()


@pytest_asyncio.fixture(loop_scope="session")
async def desk(house) -> Workplace:
    """Ana's desk, nothing open on the screen."""
    await house.ana.clear()
    return house.ana


@pytest_asyncio.fixture(loop_scope="session")
async def phone(chromium, house) -> AsyncIterator[Phone]:
    """A fresh phone with JavaScript."""
    async with a_phone(chromium, house.stack) as one:
        yield one


@pytest_asyncio.fixture(loop_scope="session")
async def plain_phone(chromium, house) -> AsyncIterator[Phone]:
    """A fresh phone without JavaScript."""
    async with a_phone(chromium, house.stack, code=False) as one:
        yield one


@pytest_asyncio.fixture(**for_all)
async def net() -> AsyncIterator[ClientSession]:
    async with http() as session:
        yield session


@pytest_asyncio.fixture(loop_scope="session")
async def mira(house, net) -> AsyncIterator[Client]:
    """Somebody whose first message is stored; erased in the end."""
    async with a_client(house.stack, net) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="session")
async def zoe(house, net) -> AsyncIterator[Client]:
    """Somebody else."""
    async with a_client(house.stack, net, "I only want to ask about my contract") as client:
        yield client


@asynccontextmanager
async def a_client(stack: Stack, net: ClientSession, text: str = PLEA) -> AsyncIterator[Client]:
    """A conversation without a browser, erased in the end if the test did not."""
    client = Client(stack, net)
    await client.write_first(text)
    try:
        yield client
    finally:
        with suppress(CannotOpen, Refused):
            await client.erase()
