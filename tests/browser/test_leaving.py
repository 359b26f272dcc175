"""One tap out, or three presses of Shift, from every state; nothing stays to be read."""

from contextlib import suppress

import pytest
from playwright.async_api import Error

from tests.browser.phone import refused
from tests.browser.wording import page as t
from tests.flows.people import Client
from tests.flows.stack import until
from vault import phrase as phrases

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(300),
]

SECRET = "the blue door behind the laundry"
STATES = (
    "opening",
    "write",
    "back",
    "phrase",
    "conversation",
    "erase",
    "receipt",
    "trouble",
    "cover",
)


async def reach(phone, state: str, mira: Client | None = None) -> None:
    """Brings a phone into a state, with a text in the field where there is one."""
    if state in {"conversation", "erase"}:
        await phone.come_back(" ".join(phrases.digits(mira.phrase)))
        await phone.page.fill("#answer", SECRET)
        if state == "erase":
            await phone.unfold("erase")
    elif state == "phrase":
        await phone.write_first(SECRET)
    elif state == "trouble":
        await phone.keep_in_vain(SECRET)
    elif state == "cover":
        await phone.page.clock.install()
        await phone.visit()
        await phone.write(SECRET)
        await phone.lets_time_pass(3)
        await phone.is_at("cover")
    elif state == "receipt":
        await phone.write_first(SECRET)
        await phone.keep()
        await phone.erase()
    else:
        await phone.visit()
        if state == "write":
            await phone.write(SECRET, name="Mira")
        elif state == "back":
            await phone.unfold("back")
            await phone.page.fill("#phrase-text", SECRET)


async def press_leave(page) -> None:
    """A tap where the button is; unlike a click it waits for nothing."""
    box = await page.locator("#leave").bounding_box()
    await page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


async def is_blank(page) -> bool:
    return await page.evaluate("document.querySelectorAll('*').length + document.title") == "1"


async def browsers_own_page(phone) -> str:
    """What stands there instead of a page that could not be had."""
    await until(lambda: phone.page.url.startswith("chrome-error:"), "the browser's own page")

    async def settled() -> str | None:
        with suppress(Error):
            return await phone.seen()
        return None

    return await until(settled, "it is all there")


@pytest.mark.parametrize("state", STATES)
async def test_leaving_blanks_and_stays_blank_where_nothing_answers(house, phone, mira, state):
    await reach(phone, state, mira)
    async with refused(phone.page, house.exit_url) as asked:
        await press_leave(phone.page)
        await asked.wait()
        assert await is_blank(phone.page)
    assert phone.page.url == f"{house.stack.web}/"


@pytest.mark.parametrize("state", STATES)
async def test_three_shifts_leave(house, phone, mira, state):
    await reach(phone, state, mira)
    async with refused(phone.page, house.exit_url) as asked:
        for side in ("ShiftLeft", "ShiftRight", "ShiftLeft"):
            await phone.page.keyboard.press(side)
        await asked.wait()
        assert await is_blank(phone.page)


async def test_it_is_blank_within_the_same_tap(house, phone):
    await reach(phone, "write")
    async with refused(phone.page, house.exit_url):
        left = """() => {
          document.getElementById("leave").click();
          return document.querySelectorAll("*").length;
        }"""
        assert await phone.page.evaluate(left) == 1


async def test_typing_capitals_does_not_leave(phone):
    await reach(phone, "write")
    await phone.page.focus("#text")
    for key in ("Shift+H", "Shift+E", "Shift+L", "Shift+P"):
        await phone.page.keyboard.press(key)
    for _ in range(2):
        await phone.page.keyboard.press("Shift")
    await phone.page.keyboard.press("a")
    await phone.page.keyboard.press("Shift")
    assert "HELPa" in await phone.page.input_value("#text")
    assert not await is_blank(phone.page)


@pytest.mark.parametrize("code", [True, False], ids=["code", "forms"])
async def test_leaving_needs_neither_our_server_nor_a_network(house, phone, plain_phone, code):
    one = phone if code else plain_phone
    await reach(one, "write")
    await one.page.route(f"{house.stack.web}/**", lambda route: route.abort())
    await press_leave(one.page)
    await one.page.wait_for_url(house.exit_url)
    await one.page.unroute_all()
    await reach(one, "write")
    await one.context.set_offline(True)
    await press_leave(one.page)
    assert SECRET not in await browsers_own_page(one)


async def test_without_code_leaving_is_a_plain_link(house, plain_phone):
    await plain_phone.visit()
    for name in ("leave", "leave-first"):
        link = plain_phone.page.locator(f"#{name}")
        assert await link.get_attribute("href") == house.exit_url
        assert await link.get_attribute("rel") == "noreferrer"
        assert await link.get_attribute("target") is None


async def test_the_first_key_reaches_the_way_out(house, phone):
    await phone.visit()
    await phone.page.keyboard.press("Tab")
    assert await phone.page.evaluate("document.activeElement.id") == "leave-first"
    assert await phone.text("#leave-first") == t("c01.leave_first")
    await phone.page.keyboard.press("Enter")
    await phone.page.wait_for_url(house.exit_url)


@pytest.mark.parametrize("state", ["write", "phrase", "conversation"])
async def test_after_leaving_back_passes_this_page_by(house, phone, mira, state):
    await phone.page.goto(f"{house.exit_url}before")
    await reach(phone, state, mira)
    await press_leave(phone.page)
    await phone.page.wait_for_url(house.exit_url)
    await phone.page.go_back()
    assert phone.page.url == f"{house.exit_url}before"
    await phone.page.go_forward()
    assert phone.page.url == house.exit_url


@pytest.mark.parametrize("state", ["write", "phrase", "conversation"])
async def test_back_to_this_page_shows_no_text(house, phone, mira, state):
    await reach(phone, state, mira)
    await phone.page.goto(house.exit_url)
    await phone.page.go_back()
    await phone.ready()
    await phone.is_at("opening")
    seen = await phone.seen()
    assert SECRET not in seen
    assert "my boss took my passport" not in seen
    assert await phone.page.locator("#phrase-words li").count() == 0


async def step_back(phone) -> str:
    """What the entry before shows; instead of an answer to a form it is the browser's own page."""
    with suppress(Error):
        await phone.page.go_back()
        return await phone.seen()
    return await browsers_own_page(phone)


async def test_without_code_no_entry_of_the_history_shows_text(house, plain_phone):
    phone = plain_phone
    await phone.page.goto(f"{house.exit_url}before")
    words = await phone.write_first(SECRET, name="Mira")
    await phone.keep()
    await phone.answer("the second thing")
    await phone.page.fill("#answer", "never sent")
    await press_leave(phone.page)
    await phone.page.wait_for_url(house.exit_url)
    seen = []
    while not phone.page.url.endswith("before"):
        seen.append(await step_back(phone))
    assert len(seen) == 5  # three answers to forms, the page itself, and what was before it
    assert any(t("c03.who_reads") in one for one in seen)
    for text in (SECRET, "the second thing", "never sent", " ".join(words[:2])):
        assert not any(text in one for one in seen)
