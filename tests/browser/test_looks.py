"""Every screen: nothing scrolls sideways, the way out is in sight, and nobody is shut out."""

import json

import pytest
from playwright.async_api import expect

from tests.browser.conftest import a_client
from tests.browser.looks import CLIENT_WIDTHS, DESK_WIDTHS, Looks
from tests.browser.phone import PATIENCE_MS, Phone, a_phone
from tests.browser.wording import desk as t
from tests.flows.people import to_text
from vault import phrase as phrases

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(400),
]

LONG = "Donaudampfschifffahrtsgesellschaftskapitänswitwenrente" * 3
PLEA = f"my boss took my passport\n\n{LONG}\nhttp://127.0.0.1/{'a' * 200}"


async def walk(phone: Phone, looks: Looks) -> None:
    """Through every state of the client page, with or without code."""

    async def look(name: str) -> None:
        await looks.take(phone.page, name, CLIENT_WIDTHS, way_out=True)

    await phone.visit()
    await look("opening")
    await phone.unfold("questions")
    for question in await phone.page.locator("#questions details > summary").all():
        await question.click()
    await look("questions")
    await phone.visit()
    await phone.unfold("back")
    await phone.unfold("no-phrase")
    await phone.page.fill("#phrase-text", LONG)
    await look("come back")
    await phone.page.click("#open")
    await phone.told("back-problem")
    await look("a slip")
    await phone.visit()
    await phone.unfold("write")
    await phone.send()
    await phone.told("write-problem")
    await look("write, nothing written")
    await phone.page.fill("#text", PLEA)
    await phone.page.fill("#name", "Mira")
    await phone.send()
    await phone.is_at("phrase")
    await phone.words()
    await phone.unfold("keep-safely")
    if phone.code:
        await phone.unfold("check")
    await look("phrase as words")
    await phone.unfold("digits")
    await look("phrase as digits")
    await phone.keep()
    await phone.answer(LONG)
    await phone.unfold("change")
    await phone.unfold("keeping")
    await look("conversation")
    await phone.unfold("erase")
    await look("erase?")
    await phone.page.click("#erase-all")
    await phone.is_at("receipt")
    await look("receipt")


def faultless(looks: Looks) -> None:
    assert looks.sideways == []
    assert looks.way_out == []
    assert looks.accessibility == []


@pytest.mark.parametrize("code", [True, False], ids=["code", "forms"])
async def test_every_state_of_the_client_page(house, chromium, code):
    looks = Looks()
    async with a_phone(chromium, house.stack) as phone:
        if not code:  # the script does not arrive: axe itself needs a browser that runs code
            phone.code = False
            await phone.page.route("**/static/built/**", lambda route: route.abort())
        await walk(phone, looks)
        if code:
            await phone.page.clock.install()
            await phone.visit()
            await phone.write(PLEA)
            await phone.lets_time_pass(9)
            await phone.told("cover-warning")
            await looks.take(phone.page, "cover", CLIENT_WIDTHS, way_out=True)
            await phone.keep_in_vain(PLEA)
            await looks.take(phone.page, "trouble", CLIENT_WIDTHS, way_out=True)
        else:
            await phone.page.goto(f"{house.stack.web}/nowhere")
            await looks.take(phone.page, "elsewhere", CLIENT_WIDTHS, way_out=True)
    assert len(looks.seen) >= 11
    faultless(looks)


async def test_the_closed_page_and_every_step_of_set_up(house):
    assert "closed" in house.looks.seen
    assert "set-up: second key" in house.looks.seen
    faultless(house.looks)


async def test_every_screen_of_the_desk(desk, mira, zoe):
    looks = Looks()

    async def look(name: str) -> None:
        await looks.take(desk.page, name, DESK_WIDTHS)

    await look("the list")
    await desk.page.locator("input[type=search]").fill("nobody is called this")
    await desk.shows(t("queue.filter_clear"))
    await look("nobody found")
    await desk.button("queue.filter_clear").click()
    await desk.open(to_text(zoe.conversation))
    await look("not taken")
    await desk.take(to_text(mira.conversation))
    await desk.reply("Thank you for writing. Are you alone now?")
    await desk.field.fill(LONG)
    await look("a conversation")
    await desk.page.keyboard.press("Escape")
    await desk.page.keyboard.press("t")
    await desk.page.locator(".notes textarea").fill(LONG)
    await desk.button("notes.save").click()
    await desk.page.locator(".note-list .said").wait_for()
    await look("findings and notes")
    await desk.page.keyboard.press("Escape")
    await desk.page.keyboard.press("?")
    await desk.page.wait_for_selector("dialog[open]")
    await look("the keys")
    await desk.page.keyboard.press("Escape")
    await desk.page.keyboard.press("e")
    await desk.page.wait_for_selector("dialog[open]")
    await look("close?")
    await desk.page.keyboard.press("Escape")
    await desk.lock()
    await desk.shows(t("lock.with_password"))
    await look("locked")
    faultless(looks)


async def test_signs_routes_and_steps_of_the_desk(house, desk, net):
    """Everything that the panel on the right can say about one message."""
    text = "I am 15 and my boss took my passport and hits me. I will find you and kill you"
    looks = Looks()
    async with a_client(house.stack, net, text) as client:
        await desk.open(to_text(client.conversation))
        side = desk.page.locator(".side")
        await side.locator(".found ol li").first.wait_for()
        for said in ("route.staff_safety", "route.yours", "findings.minor_plain", "steps.none"):
            await desk.shows(t(said))
        await side.get_by_text(t("findings.add"), exact=True).click()
        await looks.take(desk.page, "signs", DESK_WIDTHS)
        await desk.page.keyboard.press("Escape")
        await desk.button("team.title").click()
        await desk.shows(t("learning.nothing"))
        await looks.take(desk.page, "team and rules", DESK_WIDTHS)
        await desk.page.keyboard.press("Escape")
    faultless(looks)


async def test_text_twice_as_large_fits_the_smallest_phone(phone, mira):
    """WCAG 2.2, 1.4.4 and 1.4.10: 640 px at 200 % are 320."""
    await phone.come_back(" ".join(phrases.digits(mira.phrase)))
    await phone.page.set_viewport_size({"width": 320, "height": 640})
    await phone.page.evaluate("document.documentElement.style.fontSize = '200%'")
    looks = Looks()
    await looks.take(phone.page, "conversation, 200 %", (320,), way_out=True)
    assert looks.sideways == []
    assert looks.way_out == []


async def test_the_measure_sees_what_it_looks_for(phone):
    await phone.visit()
    await phone.page.evaluate(
        """() => {
          document.querySelector("h1").style.inlineSize = "200vw";
          document.querySelector("h1").style.color = "#bbb";
          document.getElementById("leave").style.position = "absolute";
          document.querySelector("header").style.position = "static";
          document.querySelector("main").style.blockSize = "300vh";
        }"""
    )
    looks = Looks()
    await looks.take(phone.page, "broken", (360,), way_out=True)
    assert len(looks.sideways) == 2
    assert len(looks.way_out) == 2
    assert any("color-contrast" in one for one in looks.accessibility)


async def test_how_the_messengers_are_is_said_on_every_width(desk):
    """The courier's answer is put in its place: what it says itself is tested without a browser."""
    well = {"last_in": 5, "last_out": 120, "limited": 0, "kept": 0, "queue": 0, "leaving": 0}
    channels = [
        {"name": "signal", "standing": "late", "gap": True, "watched": True, **well, "kept": 3},
        {"name": "matrix", "standing": "limited", "gap": False, "watched": False, **well}
        | {"limited": 15, "last_in": None},
        {"name": "deltachat", "standing": "away", "gap": False, "watched": False, **well}
        | {"leaving": 2},
    ]
    told = json.dumps({"known": True, "channels": channels})
    looks = Looks()
    await desk.page.route("**/api/channels", lambda route: route.fulfill(body=told))
    try:
        await desk.lock()
        await desk.unlock()
        for name in ("signal", "deltachat"):
            standing = {"signal": "late", "deltachat": "away"}[name]
            said = t(f"channels.trouble_{standing}", channel=t(f"channel.{name}"))
            banner = desk.page.locator(".banner.late:not([hidden])")
            await expect(banner).to_contain_text(said, timeout=PATIENCE_MS)
        await looks.take(desk.page, "messengers: on top", DESK_WIDTHS)
        await desk.button("channels.title").click()
        await expect(desk.page.locator("dialog .channels > li")).to_have_count(3)
        await looks.take(desk.page, "messengers", DESK_WIDTHS)
        await desk.page.keyboard.press("Escape")
    finally:
        await desk.page.unroute("**/api/channels")
        await desk.lock()
        await desk.unlock()
    await expect(desk.button("channels.title")).to_be_visible()  # the true answer: all is well
    await expect(desk.page.locator(".banner:not([hidden])")).to_have_count(0)
    faultless(looks)
