"""A colleague in Chromium: a link, words read aloud, let in, at work, removed, a new team key."""

import re
import sqlite3
from contextlib import closing

import pytest
from playwright.async_api import expect

from tests.browser.looks import DESK_WIDTHS, Looks
from tests.browser.phone import PATIENCE_MS
from tests.browser.wording import desk as t
from tests.browser.workplace import Person, Workplace
from tests.flows.people import to_text
from tests.flows.stack import until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(300),
]


async def a_link(desk: Workplace) -> str:
    await desk.button("team.title").click()
    await desk.button("team.make_link").click()
    shown = desk.page.get_by_label(t("team.link"))
    await shown.wait_for()
    return await shown.input_value()


async def join(desk: Workplace, link: str) -> list[str]:
    """Follows a link to the words that are read aloud."""
    await desk.page.goto(link)
    await desk.button("setup.start").click()
    await desk.page.get_by_label(t("setup.desk_name")).wait_for()
    assert "#" not in desk.page.url
    await desk.tell_names()
    await desk.page.locator("code").wait_for()
    await desk.tell_code()
    return await desk.listed_words()


async def let_in(desk: Workplace, words: list[str]) -> None:
    compare = desk.button("team.compare")
    await compare.wait_for()
    await compare.click()
    await desk.page.wait_for_selector("dialog .words li:nth-child(8)")
    assert await desk.page.locator("dialog .words li").all_inner_texts() == words
    await desk.button("invite.same").click()
    await desk.page.locator("dialog .words").wait_for(state="detached")


async def test_a_colleague_comes_works_and_goes(house, desk, mira):
    looks, key = Looks(), to_text(mira.conversation)
    link = await a_link(desk)
    context = await desk.page.context.browser.new_context()
    try:
        jo = Workplace(house.stack, await context.new_page(), Person("Jo Meyer", "Jo"))
        jo.watch()
        words = await join(jo, link)
        await looks.take(jo.page, "join: compare", DESK_WIDTHS)
        await desk.button("team.compare").wait_for()
        await looks.take(desk.page, "team", DESK_WIDTHS)
        await let_in(desk, words)
        row = desk.page.locator(".people li", has_text="Jo")
        await expect(row).to_contain_text(t("team.holds"), timeout=PATIENCE_MS)
        await desk.page.keyboard.press("Escape")

        await jo.button("join.let_in").click()
        await jo.button("setup.sign_in").click()
        await jo.sign_in()
        talk = await jo.take(key)
        assert "passport" in (await jo.said(talk))[0]
        await jo.reply("Jo is here.")
        assert (await mira.come_back())[-1].verified

        await desk.button("team.title").click()
        row = desk.page.locator(".people li", has_text="Jo")
        await row.get_by_role("button", name=t("team.remove"), exact=True).click()
        await desk.page.locator("dialog .danger").click()
        await expect(jo.page.get_by_text(t("signin.signed_out"))).to_be_visible(timeout=PATIENCE_MS)
        await desk.page.locator("dialog .danger").wait_for(state="detached")
        await desk.page.keyboard.press("Escape")

        await until(lambda: epochs(house) == {2}, "all is wrapped for the new key")
        await desk.take(key)
        await desk.reply("Ana goes on.")
        assert [m.text for m in await mira.come_back()][1:] == ["Jo is here.", "Ana goes on."]
        assert all(m.verified for m in await mira.come_back())
        assert jo.complaints == []
        assert (looks.sideways, looks.accessibility) == ([], [])
    finally:
        await context.close()


async def test_recovery_sheets_are_read_back_and_let_somebody_in(house, desk):
    looks, sheets = Looks(), []
    await desk.button("team.title").click()
    await desk.button("recovery.make").click()
    sheet = desk.page.locator("dialog").last
    await sheet.get_by_role("button", name=t("desk.continue"), exact=True).click()
    for number in (1, 2, 3):
        await sheet.get_by_text(t("recovery.sheet", number=number, count=3)).wait_for()
        sheets.append(await sheet.locator(".words li").all_inner_texts())
        if number == 1:
            await looks.take(desk.page, "recovery sheet", DESK_WIDTHS)
        await sheet.get_by_role("button", name=t("desk.continue"), exact=True).click()
    await type_in(desk, sheets[2], sheets[0])
    await desk.shows(t("recovery.done"))
    await desk.page.keyboard.press("Escape")
    await desk.page.keyboard.press("Escape")

    context = await desk.page.context.browser.new_context()
    try:
        other = Workplace(house.stack, await context.new_page(), Person())
        other.watch()
        await other.page.goto(f"{house.stack.desk}/")
        await other.button("recovery.use").click()
        await type_in(other, sheets[1], sheets[2])
        assert await other.listed_words() == house.words
        await other.button("signin.fingerprint_same").click()
        await other.shows(t("recovery.inside"))
        await other.button("team.make_link").wait_for()
        await other.page.locator(".people li", has_text=t("recovery.name")).wait_for()
        assert await other.page.locator(".queue").count() == 0
        await looks.take(other.page, "office", DESK_WIDTHS)
        assert other.complaints == []
    finally:
        await context.close()
    assert (looks.sideways, looks.accessibility) == ([], [])


NOTHING_TYPED = "() => !document.querySelector('.sheets textarea')?.value"
"""Also once the last sheet was taken and the screen has gone on."""


async def type_in(desk: Workplace, *sheets: list[str]) -> None:
    """Each sheet as it was copied: numbered, in capitals."""
    for sheet in sheets:
        field = desk.page.locator(".sheets textarea")
        await field.fill("\n".join(f"{i}. {word.upper()}" for i, word in enumerate(sheet, 1)))
        await desk.page.locator(".sheets button").click()
        await until(lambda: desk.page.evaluate(NOTHING_TYPED), "the sheet is taken")


def epochs(house) -> set[int]:
    """For which team keys conversations are wrapped."""
    file = house.stack.data / "database" / "havenline.sqlite3"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        return {epoch for (epoch,) in database.execute("SELECT DISTINCT epoch FROM conversations")}
