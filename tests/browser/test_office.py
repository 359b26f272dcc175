"""An admin's office: what is to be done, who we are, and one message to oneself."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.looks import DESK_WIDTHS, Looks
from tests.browser.phone import PATIENCE_MS, a_phone
from tests.browser.wording import desk as t
from tests.browser.wording import page as said_there
from tests.flows.stack import until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(300),
]

CONTACT = "Ask Kim, 0800 123"


async def test_an_admin_fills_in_what_is_missing_and_the_page_says_it(house, desk, phone):
    looks = Looks()
    await desk.button("office.title").click()
    ready = desk.page.locator(".ready")
    await ready.wait_for()
    assert await ready.get_attribute("data-mode") == "trial"
    await expect(line(desk, "holder")).to_have_attribute("data-state", "done")
    await expect(line(desk, "shelter")).to_have_attribute("data-state", "missing")
    await looks.take(desk.page, "office", DESK_WIDTHS)
    assert t("ready.go_about") in await line(desk, "contact").inner_text()
    await line(desk, "contact").get_by_role("button").click()
    field = desk.page.get_by_label(t("details.data_contact"), exact=True)
    await field.fill(CONTACT)
    await desk.page.get_by_label(t("details.must_tell"), exact=True).fill("When a child is hurt.")
    await desk.page.get_by_label(t("details.country_label")).select_option("DE")
    await looks.take(desk.page, "details", DESK_WIDTHS)
    assert "false" not in await desk.page.locator("dialog[open]").inner_text()
    await desk.button("team.save").click()
    await desk.page.locator("dialog").wait_for(state="detached")
    for name in ("contact", "limits"):
        await expect(line(desk, name)).to_have_attribute(
            "data-state", "done", timeout=PATIENCE_MS
        )

    async def says_it() -> bool:
        await phone.visit()
        return CONTACT in await phone.seen()

    told = house.stack.cli("check")
    assert t("ready.contact_done") in told
    assert t("ready.shelter_missing") in told
    await until(says_it, "the client page says what was filled in, without a restart")
    assert said_there("c56.trial") in await phone.page.locator("#trial").inner_text()
    await desk.button("details.title").click()
    await desk.page.get_by_text(t("details.history")).click()
    await expect(desk.page.locator(".versions li").first).to_contain_text(desk.person.shown)
    await desk.page.keyboard.press("Escape")
    assert (looks.sideways, looks.accessibility, desk.complaints) == ([], [], [])


def line(desk, name):
    return desk.page.locator(f'.ready-lines [data-line="{name}"]')


@pytest.mark.long
async def test_somebody_writes_to_herself_and_a_copy_from_before_does_not_open(
    chromium, house, desk
):
    looks = Looks()
    story = desk.page.locator(".story")
    await desk.button("office.title").click()
    await line(desk, "story").get_by_role("button").click()
    word = await story.locator("code").inner_text()
    assert await story.locator("a").get_attribute("href") == f"{house.stack.web}/"
    await looks.take(desk.page, "story: write", DESK_WIDTHS)
    async with a_phone(chromium, house.stack) as phone:
        words = await phone.write_first(f"this is {word}")
        await step(story, "take")
        await desk.page.locator("[role=option]").first.click()
        await desk.page.locator(".talk-head .main").click()
        await step(story, "answer")
        await desk.reply("You have reached us.")
        await step(story, "read")
        await looks.take(desk.page, "story: read", DESK_WIDTHS)
        async with a_phone(chromium, house.stack) as other:
            await other.come_back(" ".join(words))
            await other.page.get_by_text("You have reached us.").wait_for()
            await desk.button("story.have_read").click()
            await step(story, "erase")
            await other.erase()
    await step(story, "done")
    said = await story.inner_text()
    assert re.search(r"\d", said)
    assert t("story.every_backup") in said
    await looks.take(desk.page, "story: done", DESK_WIDTHS)
    await desk.button("story.finish").click()
    await story.wait_for(state="detached")
    await desk.button("office.title").click()
    await expect(line(desk, "story")).to_have_attribute("data-state", "done", timeout=PATIENCE_MS)
    assert (looks.sideways, looks.accessibility, desk.complaints) == ([], [], [])


async def step(story, name):
    await expect(story).to_have_attribute("data-step", name, timeout=PATIENCE_MS)
