"""Chosen in the set-up: for real. The client page waits, and says so in every form."""

import pytest

from tests.browser.looks import CLIENT_WIDTHS, DESK_WIDTHS, Looks
from tests.browser.phone import a_phone
from tests.browser.wording import desk as t
from tests.browser.wording import page as said_there
from tests.browser.workplace import Person, Workplace
from tests.flows.stack import a_stack, until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(300),
]


async def test_for_real_the_page_waits_for_what_is_missing(chromium):
    looks = Looks()
    async with a_stack() as stack:
        context = await chromium.new_context(viewport={"width": 1366, "height": 768})
        ana = Workplace(stack, await context.new_page(), Person())
        ana.watch()
        await ana.begin_set_up()
        await ana.page.get_by_label(t("setup.desk_name")).wait_for()
        await ana.tell_names()
        await ana.page.locator("code").wait_for()
        await ana.tell_code()
        await ana.listed_words()
        await ana.button("setup.same").click()
        await ana.page.get_by_label(t("setup.mode_real")).check()
        await looks.take(ana.page, "set-up: trial or for real", DESK_WIDTHS)
        await ana.button("setup.sign_in").click()
        await ana.sign_in()
        ready = ana.page.locator(".ready[data-mode=real]")
        await ready.wait_for()
        assert await ready.get_attribute("data-open") == "false"
        async with a_phone(chromium, stack) as phone:

            async def is_closed() -> bool:
                await phone.page.goto(f"{stack.web}/")
                return await phone.page.locator("#closed").count() > 0

            await until(is_closed, "the client page is closed")
            assert await phone.page.locator("#trial").count() == 0
            await looks.take(phone.page, "closed, for real", CLIENT_WIDTHS)
            back = said_there("c07.come_back")
            await phone.page.get_by_role("button", name=back, exact=True).click()
            await phone.is_at("back")
        assert ana.complaints == []
        await context.close()
    assert (looks.sideways, looks.accessibility) == ([], [])
