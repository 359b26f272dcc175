"""The client page in other languages: chosen on the page, held to the end, nothing lost by it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import expect

from intake_server.languages import codes_in, load_language
from tests.browser.phone import Phone, a_phone
from tests.browser.wording import ROOT, strings

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(400),
]

FOLDER = ROOT / "intake_server" / "web" / "strings"
CODES = sorted(codes_in(FOLDER))
ROSTER_OF_ONE = 618
"""Characters of the roster of a team of one, which the page brings, in base 64."""
# What runs sideways with each of these parts unfolded, and with all that is folded in them.
WIDER = """() => ["questions", "write", "back", "to-language"].filter((id) => {
  for (const one of document.querySelectorAll("details")) {
    one.open = one.id ? one.id === id || one.id === "no-phrase" : true;
  }
  const { scrollWidth, clientWidth } = document.documentElement;
  return scrollWidth > clientWidth;
})"""


def tag_of(code: str) -> str:
    return load_language(FOLDER, code).tag


async def choose(phone: Phone, code: str) -> None:
    """Takes a language from the menu, and waits for the page in it."""
    await phone.unfold("to-language")
    await phone.page.click(f'#to-language button[value="{code}"]')
    await phone.page.wait_for_selector(f"html[lang='{tag_of(code)}']")
    await phone.ready()


def asks_for(accepted: str) -> dict[str, object]:
    """A browser that asks for these languages (Accept-Language)."""
    return {"locale": None, "extra_http_headers": {"Accept-Language": accepted}}


async def says(phone: Phone, place: str, text: str) -> None:
    await expect(phone.page.locator(place)).to_contain_text(text)


@pytest.mark.parametrize(
    ("language", "direction", "code"),
    [
        ("ar", "rtl", True),
        ("th", "ltr", False),
        pytest.param("ar", "rtl", False, marks=pytest.mark.long),
        pytest.param("th", "ltr", True, marks=pytest.mark.long),
    ],
)
async def test_a_conversation_in_the_language_that_was_chosen(
    house, chromium, language, direction, code
):
    t = strings("web", language)
    async with a_phone(chromium, house.stack, code=code) as phone:
        await phone.visit()
        await choose(phone, language)
        await says(phone, "h1 >> nth=0", t("c02.title"))
        await phone.write("1")
        await phone.send()
        await phone.is_at("phrase")
        await says(phone, "#phrase-title", t("c18.have_it"))
        words = await phone.words()
        expect_ltr = phone.page.locator("#phrase-words")
        assert await expect_ltr.evaluate("(one) => getComputedStyle(one).direction") == "ltr"
        await phone.keep()
        assert await phone.page.evaluate("document.documentElement.dir") == direction
        await says(phone, "label[for=answer]", t("c35.your_answer"))
        await says(phone, "#rows", t("c30.received"))
        await phone.answer("2")
        await phone.visit()
        await choose(phone, language)
        await phone.type_phrase(" ".join(words))
        await phone.is_at("conversation")
        await says(phone, "label[for=answer]", t("c35.your_answer"))
        await says(phone, "#keeping > summary", t("c35.keeping"))
        await phone.erase()
        await says(phone, "#receipt-title", t("c37.erased"))
        assert await phone.page.evaluate("document.documentElement.lang") == language
        assert phone.places == {f"{house.stack.web}/"}
        assert phone.complaints == []


@pytest.mark.parametrize("code", [True, False], ids=["code", "forms"])
async def test_what_was_typed_stays_when_the_language_changes(house, chromium, code):
    arabic = strings("web", "ar")
    async with a_phone(chromium, house.stack, code=code) as phone:
        await phone.visit()
        await phone.write("half a sentence", name="Mira", danger=True)
        await choose(phone, "ar")
        assert await phone.page.input_value("#text") == "half a sentence"
        assert await phone.page.input_value("#name") == "Mira"
        assert await phone.page.is_checked("#danger")
        await says(phone, "label[for=text]", arabic("c10.what_is_happening"))
        if code:
            assert not any("half" in (one.post_data or "") for one in phone.requests)
        await phone.send()
        await phone.is_at("phrase")
        await phone.words()
        await phone.keep()
        await phone.page.locator("#rows .said").get_by_text("half a sentence").wait_for()
        await phone.page.fill("#answer", "and more")
        await choose(phone, "de")
        await phone.is_at("conversation")
        assert await phone.page.input_value("#answer") == "and more"
        await phone.page.locator("#rows .said").get_by_text("half a sentence").wait_for()
        await phone.page.click("#answer-send")
        await phone.page.locator("#rows .said").get_by_text("and more").wait_for()
        await says(phone, "#new-answer", strings("web", "de")("c18.have_it"))
        assert phone.complaints == []


async def test_without_code_enter_sends_and_chooses_no_language(house, chromium):
    async with a_phone(chromium, house.stack, code=False) as phone:
        await phone.visit()
        await phone.write("Hello", name="Mira")
        await phone.page.press("#name", "Enter")
        await phone.is_at("phrase")
        assert await phone.page.evaluate("document.documentElement.lang") == "en"


BUSY = "#to-language button[aria-busy]"


@asynccontextmanager
async def slow_pages(phone: Phone) -> AsyncIterator[asyncio.Event]:
    """The first page in another language comes when the event is set, and not before."""
    go = asyncio.Event()

    async def late(route) -> None:
        if route.request.method == "POST":
            await go.wait()
        await route.continue_()

    address = f"{phone.stack.web}/"
    await phone.page.route(address, late)
    try:
        yield go
    finally:
        go.set()
        await phone.page.unroute(address)


async def tap(phone: Phone, code: str) -> None:
    """Takes a language whose page is slow: its button says that it works."""
    button = f'#to-language button[value="{code}"]'
    if not await phone.page.locator(button).is_visible():
        await phone.unfold("to-language")
    await phone.page.click(button)
    await phone.page.wait_for_selector(f"{button}[aria-busy]", state="attached")


async def done(phone: Phone) -> None:
    """The pages that were tapped have come, and were taken or left."""
    await phone.page.wait_for_selector(BUSY, state="detached")


async def test_a_page_that_comes_late_takes_no_phrase_away(house, chromium):
    async with a_phone(chromium, house.stack) as phone:
        await phone.visit()
        await phone.write("Hello", name="Mira")
        async with slow_pages(phone) as go:
            await tap(phone, "de")
            await phone.send()
            await phone.is_at("phrase")
            words = await phone.words()
            go.set()
            await done(phone)
        await phone.is_at("phrase")
        assert await phone.words() == words
        assert await phone.page.get_attribute("html", "lang") == "en"
        await phone.keep()
        await phone.page.locator("#rows .said").get_by_text("Hello").wait_for()
        await phone.erase()
        assert phone.complaints == []


async def test_of_two_taps_the_last_counts_and_the_conversation_stays_open(house, chromium):
    async with a_phone(chromium, house.stack) as phone:
        await phone.write_first("Hello", name="Mira")
        await phone.keep()
        async with slow_pages(phone) as go:
            await tap(phone, "de")
            await tap(phone, "fr")
            assert await phone.page.locator(BUSY).count() == 1
            await phone.unfold("to-language")
            await phone.page.fill("#answer", "typed after the tap")
            go.set()
            await phone.page.wait_for_selector("html[lang=fr]")
        await phone.is_at("conversation")
        await phone.page.locator("#rows .said").get_by_text("Hello").wait_for()
        answer = phone.page.locator("#answer")
        await expect(answer).to_have_value("typed after the tap")
        await expect(answer).to_be_focused()
        await phone.erase()
        assert phone.complaints == []


async def test_a_page_that_comes_late_takes_the_cover_off_nothing(house, chromium):
    async with a_phone(chromium, house.stack) as phone:
        await phone.page.clock.install()
        await phone.visit()
        await phone.write("half a sentence")
        async with slow_pages(phone) as go:
            await tap(phone, "de")
            await phone.lets_time_pass(3)
            await phone.is_at("cover")
            go.set()
            await done(phone)
        await phone.is_at("cover")
        await phone.page.click("#continue")
        await phone.is_at("opening")
        assert await phone.page.input_value("#text") == "half a sentence"
        assert await phone.page.get_attribute("html", "lang") == "en"


async def test_where_the_other_page_does_not_come_everything_stays(house, chromium):
    async with a_phone(chromium, house.stack) as phone:
        await phone.visit()
        await phone.write("half a sentence")
        await phone.page.route("**/static/later-ar.json", lambda route: route.abort())
        await phone.unfold("to-language")
        await phone.page.click('#to-language button[value="ar"]')
        assert await phone.told("menu-problem") == strings("web", "en")("c44.no_connection")
        assert await phone.page.input_value("#text") == "half a sentence"
        assert await phone.page.evaluate("document.documentElement.lang") == "en"


async def test_the_browsers_language_is_taken_and_its_others_come_first(house, chromium):
    wishes = asks_for("uk-UA,ru;q=0.8,pl;q=0.5")
    async with a_phone(chromium, house.stack, code=False, **wishes) as phone:
        await phone.visit()
        assert await phone.page.evaluate("document.documentElement.lang") == "uk"
        names = await phone.page.locator("#to-language button:not([hidden])").all_inner_texts()
        assert len(names) == len(CODES) - 1
        listed = await phone.page.locator("#to-language button[name=to]").evaluate_all(
            "(all) => all.map((one) => one.value)"
        )
        assert listed[:2] == ["ru", "pl"]
        assert "uk" not in listed


@pytest.mark.parametrize(
    "widths", [(320,), pytest.param((360, 1280), marks=pytest.mark.long)], ids=["320", "others"]
)
async def test_nothing_runs_sideways_in_any_language(house, chromium, widths):
    """The first page with everything in it unfolded."""
    async with a_phone(chromium, house.stack, code=False, locale=None) as phone:
        wide = []
        for code in CODES:
            await phone.context.set_extra_http_headers({"Accept-Language": code})
            await phone.visit()
            assert await phone.page.get_attribute("html", "lang") == tag_of(code)
            for width in widths:
                await phone.page.set_viewport_size({"width": width, "height": 740})
                over = await phone.page.evaluate(WIDER)
                wide += [f"{code}, {place}, {width} px" for place in over]
        assert wide == []


async def test_before_the_first_message_the_page_is_small_in_every_language(house, chromium, net):
    sizes = {}
    for code in CODES:
        headers = {"Accept-Language": f"{code},ru,uk,km", "Accept-Encoding": "gzip"}
        async with net.get(f"{house.stack.web}/", headers=headers) as response:
            assert response.headers["Content-Encoding"] == "gzip"
            sizes[code] = int(response.headers["Content-Length"])
    heaviest = max(sizes, key=sizes.__getitem__)
    async with a_phone(chromium, house.stack, **asks_for(heaviest)) as phone:
        await phone.visit()
        await phone.write("half a sentence")
        await phone.page.wait_for_load_state("networkidle")
        assert await phone.page.get_attribute("html", "lang") == tag_of(heaviest)
        bodies = [(await one.sizes())["responseBodySize"] for one in phone.requests]
        roster = await phone.page.evaluate(
            "JSON.stringify(JSON.parse(document.getElementById('config').textContent).roster)"
        )
    assert len(bodies) <= 6
    # The roster grows with the team, and other tests in this house add people to it.
    # What is random has six of eight bits in base 64, compressed or not.
    grown = max(len(roster) - ROSTER_OF_ONE, 0) * 3 // 4
    assert 10_000 < sum(bodies) - grown < 40_000, (heaviest, sizes, bodies, grown)


# --- the desk -------------------------------------------------------------------------------


async def test_staff_choose_a_language_before_they_sign_in(house, chromium):
    """Another browser of Ana's: nothing of the choice is kept there."""
    context = await chromium.new_context(viewport={"width": 360, "height": 740}, locale="de-DE")
    page = await context.new_page()
    try:
        await page.goto(f"{house.stack.desk}/")
        german, arabic = strings("desk", "de"), strings("desk", "ar")
        await expect(page.locator("h1")).to_have_text(german("signin.title"))
        await page.get_by_label(german("signin.name")).fill("ana")
        await page.click(".languages summary")
        await page.click(".languages button[lang=ar]")
        await expect(page.locator("h1")).to_have_text(arabic("signin.title"))
        assert await page.get_attribute("html", "dir") == "rtl"
        assert await page.title() == arabic("desk.title")
        assert await page.get_by_label(arabic("signin.name")).input_value() == "ana"
        for code in CODES:
            tag = tag_of(code)
            await page.evaluate("document.querySelector('.languages').open = true")
            over = await page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert over <= 0, code
            if await page.get_attribute("html", "lang") != tag:
                await page.click(f".languages button[lang={tag}]")
            await expect(page.locator("h1")).to_have_text(strings("desk", code)("signin.title"))
        assert await page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
        assert await context.cookies() == []
    finally:
        await context.close()
