"""The form path in a real browser, with JavaScript switched off for the page."""

import msgspec
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import async_playwright

from intake_server.settings import WebSettings

pytestmark = pytest.mark.browser


@pytest.fixture
async def chromium():
    async with async_playwright() as playwright:
        # The tests may run as root, where Chromium's own sandbox does not start.
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        yield browser
        await browser.close()


async def walk(page, url):
    """Go through every state of the form path; yield its name at each."""
    await page.goto(url)
    yield "opening"
    await page.locator("#questions > summary").click()
    for one in await page.locator("#questions details > summary").all():
        await one.click()
    yield "questions"
    await page.goto(url)
    await page.locator("#back > summary").click()
    yield "back"
    await page.locator("#phrase-text").fill("one two three")
    await page.locator("#open").click()
    yield "wrong"
    await page.goto(url)
    await page.locator("#write > summary").click()
    yield "write"
    await page.locator("#send").click()
    yield "problem"
    await page.locator("#text").fill("They keep my passport.\n" + "averylongword" * 20)
    await page.locator("#send").click()
    yield "phrase"
    await page.locator("#digits > summary").click()
    yield "digits"
    await page.locator("#have-kept").click()
    await page.locator("#change > summary").click()
    await page.locator("#keeping > summary").click()
    yield "conversation"
    await page.locator("#erase > summary").click()
    yield "erase"
    await page.locator("#erase-all").click()
    yield "receipt"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_state_is_accessible_and_fits_a_small_phone(chromium, hotline, scheme):
    # The checks are scripts, so the page's own is kept from loading instead of all of them.
    context = await chromium.new_context(
        viewport={"width": 320, "height": 640}, color_scheme=scheme, bypass_csp=True
    )
    page = await context.new_page()
    await page.route("**/static/built/*", lambda route: route.abort())
    seen = []
    async for state in walk(page, hotline.url):
        found = await Axe().run(page)
        wrong = [(one["id"], one["nodes"][0]["html"]) for one in found.response["violations"]]
        assert wrong == [], state
        wide = "document.documentElement.scrollWidth - window.innerWidth"
        assert await page.evaluate(wide) <= 0, state
        seen.append(state)
    assert len(seen) == 11
    await context.close()


async def test_one_address_no_cookie_and_nobody_else_is_asked(chromium, hotline):
    context = await chromium.new_context(
        viewport={"width": 360, "height": 740}, java_script_enabled=False
    )
    page = await context.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    async for state in walk(page, hotline.url):
        assert page.url == hotline.url + "/", state
        assert await page.title() == "Information"
        leave = await page.locator("#leave").bounding_box()
        assert leave["height"] >= 48, state
        assert leave["width"] >= 88, state
    assert all(url.startswith(hotline.url) for url in asked)
    assert await context.cookies() == []
    await context.close()


@pytest.fixture
async def half_written(chromium, hotline):
    """A page with half a sentence in the field, and what it asked for since."""
    context = await chromium.new_context(java_script_enabled=False)
    await context.route(
        "https://www.wikipedia.org/**",
        lambda route: route.fulfill(body="<title>Neutral</title>", content_type="text/html"),
    )
    page = await context.new_page()
    await page.goto(hotline.url)
    await page.locator("#write > summary").click()
    await page.locator("#text").fill("half a sentence")
    yield page
    await context.close()


async def test_leaving_works_with_the_server_down(half_written, hotline):
    asked = []
    half_written.on("request", lambda request: asked.append(request.headers))
    await hotline.stop()
    await half_written.locator("#leave").click()
    await half_written.wait_for_url("https://www.wikipedia.org/**")
    assert await half_written.title() == "Neutral"
    assert asked
    assert all("referer" not in headers for headers in asked)


async def test_going_back_after_leaving_shows_no_text(half_written, hotline):
    await half_written.locator("#leave").click()
    await half_written.wait_for_url("https://www.wikipedia.org/**")
    await half_written.go_back()
    assert half_written.url == hotline.url + "/"
    assert await half_written.locator("#text").input_value() == ""
    assert not await half_written.locator("#text").is_visible()


async def test_the_first_link_of_the_page_leaves(chromium, hotline):
    page = await chromium.new_page(java_script_enabled=False)
    await page.goto(hotline.url)
    await page.keyboard.press("Tab")
    focused = page.locator(":focus")
    assert await focused.get_attribute("id") == "leave-first"
    assert (await focused.bounding_box())["x"] >= 0
    await page.close()


async def written_with_code(page, url):
    """Write a first message with the page's code; its words."""
    await page.goto(url)
    await page.locator("#write > summary").click()
    await page.locator("#text").fill("They keep my passport.")
    await page.locator("#send").click()
    await page.locator("#phrase-words li").nth(7).wait_for()
    return " ".join(await page.locator("#phrase-words li").all_text_contents())


async def test_a_page_closed_to_new_people_opens_with_code_for_who_has_words(chromium, hotline):
    """Who comes back takes the way on which the server reads nothing, as on an open page."""
    context = await chromium.new_context(viewport={"width": 360, "height": 740})
    page = await context.new_page()
    words = await written_with_code(page, hotline.url)
    public = WebSettings(port=0, public_url="https://talk.example.org")
    hotline.settings = msgspec.structs.replace(hotline.settings, web=public)
    await hotline.restart()
    await page.goto(hotline.url)
    assert await page.locator("#closed").is_visible()
    assert await page.locator("#write").count() == 0
    asked = []
    page.on("request", lambda request: asked.append((request.method, request.url)))
    await page.locator("#return-form button").click()
    await page.locator("#back > summary").click()
    await page.locator("#closed").wait_for()
    await page.locator("#return-form button").click()
    await page.locator("#phrase-text").fill("zebra " * 7 + "zebra")
    await page.locator("#open").click()
    await page.locator("#back-problem").wait_for()
    assert not await page.locator("#new").is_visible(), "nothing new can be written here"
    await page.locator("#phrase-text").fill(words)
    await page.locator("#open").click()
    await page.locator("#rows li").wait_for()
    assert "They keep my passport." in await page.locator("#rows").inner_text()
    await page.locator("#erase > summary").click()
    await page.locator("#erase-all").click()
    await page.locator("#receipt-title").wait_for()
    assert ("POST", f"{hotline.url}/") not in asked, "no form was sent"
    assert not any(words in url for _, url in asked)
    await context.close()


async def test_a_page_closed_to_new_people_opens_without_code(chromium, hotline):
    public = WebSettings(port=0, public_url="https://talk.example.org")
    hotline.settings = msgspec.structs.replace(hotline.settings, web=public)
    await hotline.restart()
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(hotline.url)
    assert await page.locator("#closed").is_visible()
    assert not await page.locator("#opening").is_visible()
    await page.locator("#return-form button").click()
    await page.locator("#phrase-text").wait_for()
    assert await page.locator("#write").count() == 0
    await context.close()
