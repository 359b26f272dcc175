"""Strict mode, in whole: no program reads, the order is danger and waiting, the desk says why."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PLEA
from tests.browser.wording import desk as t
from tests.browser.workplace import Person, Workplace
from tests.flows.people import Client, to_text
from tests.flows.stack import a_stack

pytestmark = [
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(400),
]


async def test_with_screening_off_the_queue_has_danger_and_waiting_and_says_so(chromium, net):
    async with a_stack(screening="off") as stack:
        context = await chromium.new_context(viewport={"width": 1366, "height": 768})
        ana = Workplace(stack, await context.new_page(), Person())
        ana.watch()
        await ana.begin_set_up()
        await ana.tell_names()
        await ana.tell_code()
        await ana.listed_words()
        await ana.button("setup.same").click()
        await ana.button("setup.sign_in").click()
        await ana.sign_in()
        calm, danger = Client(stack, net), Client(stack, net)
        await calm.write_first(PLEA)
        await danger.write_first("I cannot say more", danger=True)
        rows = ana.page.locator("[role=option]")
        await expect(rows).to_have_count(2)
        await expect(rows.first).to_have_attribute("data-id", to_text(danger.conversation))
        await expect(rows.first).to_contain_text(t("urgency.word_3"))
        await expect(rows.last).to_contain_text(t("urgency.word_1"))
        await expect(rows.last).not_to_contain_text(t("tag.not_screened"))
        await expect(ana.page.locator(".queue")).to_contain_text(t("findings.off"))
        await ana.open(to_text(calm.conversation))
        side = ana.page.locator(".side")
        await expect(side).to_contain_text(t("findings.off"))
        await expect(side.locator(".found ol")).to_have_count(0)
        await expect(side).not_to_contain_text(t("findings.not_reached"))
        await context.close()
