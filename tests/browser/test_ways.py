"""One conversation on the page and in a messenger: joined, answered by both, timed and ended."""

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.looks import CLIENT_WIDTHS, DESK_WIDTHS, Looks
from tests.browser.phone import PATIENCE_MS, stored
from tests.browser.wording import desk as on_desk
from tests.browser.wording import page as t
from tests.flows.people import LoopbackPerson
from tests.flows.stack import until

pytestmark = [
    pytest.mark.long,
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(300),
]
PICTURES = os.environ.get("HAVENLINE_PICTURES")  # a folder, for whoever wants to look
SOON = {"timeout": PATIENCE_MS}
CODE = re.compile(r"/join \d{5} \d{5}")


async def picture(page, name: str) -> None:
    """The screen at two widths, light and dark, and from right to left."""
    if PICTURES is None:
        return
    before = page.viewport_size
    for width, scheme, direction in (
        (1280, "light", "ltr"),
        (1280, "dark", "rtl"),
        (360, "light", "rtl"),
        (360, "dark", "ltr"),
    ):
        await page.evaluate("(dir) => { document.documentElement.dir = dir; }", direction)
        await page.set_viewport_size({"width": width, "height": 800})
        await page.emulate_media(color_scheme=scheme)
        path = Path(PICTURES) / f"{name}-{width}-{scheme}-{direction}.png"
        await page.screenshot(path=path, full_page=True)
    await page.evaluate("document.documentElement.dir = 'ltr'")
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size(before)


def hours_later() -> tuple[str, str]:
    """A minute that is hours away on the clock of any zone next to this machine's."""
    then = datetime.now(UTC) + timedelta(hours=6)
    return f"{then:%H:%M}", f"{then + timedelta(minutes=1):%H:%M}"


async def told(person: LoopbackPerson, text: str) -> None:
    """Waits until somebody heard this in the chat."""

    async def heard() -> bool:
        return text in await person.hear(wait=0.2)

    await until(heard, f"the chat is told: {text}")


async def test_a_page_and_a_chat_are_one_conversation(house, desk, phone):
    looks, chat = Looks(), LoopbackPerson(house.stack, "vera")
    before, _ = stored(house.stack)
    await phone.write_first("It is cold here and I cannot leave")
    await phone.keep()
    (conversation,) = stored(house.stack)[0] - before
    talk = await desk.take(conversation)
    page = phone.page
    await page.locator("#ways > summary").click()
    await page.locator("#show-code").click()
    await expect(page.locator("#join-code")).to_have_text(CODE, **SOON)
    code = await page.locator("#join-code").inner_text()
    await looks.take(page, "a number for the chat", CLIENT_WIDTHS, way_out=True)
    await picture(page, "ways-code")

    await chat.say(code, "1")
    there = t("j10.chat_joined", messenger="Loopback")
    await expect(page.locator("#rows .said").filter(has_text=there)).to_be_visible(**SOON)
    await expect(page.locator("#ways .joined h2")).to_contain_text("Loopback", **SOON)
    await expect(page.locator("#join-code")).to_be_hidden()
    await expect(talk).to_contain_text(on_desk("event.joined", channel="loopback")[:24], **SOON)
    await expect(talk.locator(".facts")).to_contain_text("also by", **SOON)
    assert await page.locator("#rows .unverified").count() == 0
    assert await talk.locator(".line.unverified").count() == 0

    await chat.say("I write from the bus", "2")
    await expect(page.locator("#rows .said").get_by_text("I write from the bus")).to_be_visible(
        **SOON
    )
    await expect(talk.locator(".said").get_by_text("I write from the bus")).to_be_visible(**SOON)
    await desk.reply("We are here, both ways.")
    await expect(page.locator("#rows .ours .said")).to_have_text("We are here, both ways.", **SOON)
    await told(chat, "We are here, both ways.")

    begin, end = hours_later()
    await page.locator("#ways .joined input").first.fill(begin)
    await page.locator("#ways .joined input").last.fill(end)
    await page.locator("#ways .joined").get_by_role("button", name=t("j06.way_choose")).click()
    await expect(page.locator("#ways .joined h2")).to_contain_text(f"{begin}-{end}", **SOON)
    await looks.take(page, "hours for the chat", CLIENT_WIDTHS, way_out=True)
    await picture(page, "ways-hours")
    await desk.reply("This waits for the chat.")
    await expect(talk.locator(".line.ours").last).to_contain_text(begin, **SOON)
    await expect(page.locator("#rows .ours .said").last).to_have_text(
        "This waits for the chat.", **SOON
    )
    await looks.take(desk.page, "page and chat", DESK_WIDTHS)
    await picture(desk.page, "ways-desk")

    await page.locator("#ways .joined").get_by_role("button", name=t("j08.way_stop")).click()
    await expect(page.locator("#ways .joined")).to_have_count(0, **SOON)
    await expect(talk.locator(".facts")).not_to_contain_text("also by", **SOON)
    await desk.reply("On the page alone.")
    await expect(page.locator("#rows .ours .said").last).to_have_text("On the page alone.", **SOON)
    await expect(talk.locator(".line.ours").last).to_contain_text(on_desk("state.delivered"))
    await chat.say("/join 00000 00000", "3")
    await heard_with(chat, "does not hold")  # what was to reach the chat before has reached it
    assert not {"This waits for the chat.", "On the page alone."} & set(await chat.hear())
    await phone.erase()
    assert (looks.sideways, looks.accessibility) == ([], [])


async def test_a_page_without_code_and_a_chat(house, plain_phone):
    chat = LoopbackPerson(house.stack, "nadia")
    page = plain_phone.page
    await plain_phone.write_first("I cannot stay here")
    await plain_phone.keep()
    await page.locator("#ways > summary").click()
    await page.locator("#code-form button").click()
    await expect(page.locator("#join-code")).to_have_text(CODE)
    code = await page.locator("#join-code").inner_text()
    await plain_picture(page, "ways-plain-code")
    await chat.say(code, "1")
    await chat.say("from my phone", "2")

    async def arrived() -> bool:
        await page.locator("#look").click()
        return await page.locator("#rows .said").get_by_text("from my phone").count() > 0

    await until(arrived, "what the chat wrote stands on the page")
    await expect(page.locator("#rows")).to_contain_text(t("j10.chat_joined", messenger="Loopback"))
    assert await page.locator("#rows .unverified").count() == 0

    await page.locator("#ways > summary").click()
    form = page.locator("#ways form.joined")
    await form.get_by_role("button", name=t("j06.way_choose")).click()
    await expect(page.locator("#ways-problem")).to_have_text(t("j06.wrong"))
    await form.locator("[name=begin]").fill("18:00")
    await form.locator("[name=end]").fill("06:30")
    await form.get_by_role("button", name=t("j06.way_choose")).click()
    await expect(page.locator("#new-answer")).to_contain_text("18:00-06:30")
    await page.locator("#ways > summary").click()
    await plain_picture(page, "ways-plain-hours")
    await form.get_by_role("button", name=t("j06.anytime")).click()
    await expect(page.locator("#new-answer")).to_have_text(t("j07.way_hours_off"))

    await chat.say("/erase", "3")
    number = re.search(r"\d{4,}", (await heard_with(chat, "where you have your words"))).group()
    await chat.say(number, "4")

    gone = t("j10.chat_left", messenger="Loopback")

    async def ended() -> bool:
        await page.locator("#look").click()
        return await page.locator("#rows .said").get_by_text(gone).count() > 0

    await until(ended, "the chat has ended itself")
    await expect(page.locator("#ways form.joined")).to_have_count(0)
    await expect(page.locator("#rows")).to_contain_text("from my phone")
    await plain_phone.erase()


async def heard_with(person: LoopbackPerson, words: str) -> str:
    async def heard() -> str:
        return next((one for one in await person.hear(wait=0.2) if words in one), "")

    return await until(heard, f"the chat hears of: {words}")


async def plain_picture(page, name: str) -> None:
    if PICTURES is not None:
        await page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)
