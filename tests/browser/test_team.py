"""A colleague in Chromium: a link, words read aloud, let in, at work, removed, a new team key."""

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
        await expect(jo.page.get_by_text(t("signin.signed_out"))).to_be_visible(timeout=5_000)
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


def epochs(house) -> set[int]:
    """For which team keys conversations are wrapped."""
    file = house.stack.data / "database" / "havenline.sqlite3"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        return {epoch for (epoch,) in database.execute("SELECT DISTINCT epoch FROM conversations")}
