"""The optional questions in Chromium: asked, changed, sent, read by the team, taken back."""

import pytest
from playwright.async_api import expect

from tests.browser.looks import CLIENT_WIDTHS, Looks
from tests.browser.phone import PATIENCE_MS, a_phone, stored
from tests.browser.wording import desk as on_desk
from tests.browser.wording import page as on_page
from triage.guided import QUESTIONS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(300),
]

PLEA = "can somebody tell me if this is normal"


async def says(phone, answer: str = "rather_not") -> None:
    await phone.page.click(f"#guided button:text-is('{on_page(f'g03.{answer}')}')")


async def asks(phone, question: str) -> None:
    await expect(phone.page.locator("#guided h1")).to_have_text(on_page(f"g05.ask_{question}"))


async def test_answers_reach_the_team_and_are_taken_back(house, desk, phone):
    looks = Looks()
    before, messages = stored(house.stack)
    await phone.write_first(PLEA)
    await phone.keep()
    await phone.page.click("#guided-offer")
    for question in QUESTIONS:
        await asks(phone, question.id)
        if question.id == "safe":
            await looks.take(phone.page, "first question", CLIENT_WIDTHS, way_out=True)
        await says(phone, {"papers": "say_yes", "debt": "say_partly"}.get(question.id, "rather_not"))
    await looks.take(phone.page, "review", CLIENT_WIDTHS, way_out=True)
    assert stored(house.stack)[1] == messages + 1
    await phone.page.get_by_role("button", name=on_page("g07.send_answers")).click()
    await expect(phone.page.locator("#new-answer")).to_have_text(on_page("g09.answers_sent"))
    said = phone.page.locator("#rows .said")
    await expect(said.last).to_have_text(on_page("g09.row_answers"))
    assert on_page("g06.short_papers") not in await phone.text("#conversation")

    (conversation,) = stored(house.stack)[0] - before
    row = await desk.find(conversation)
    await expect(row).to_contain_text("2 Strong", timeout=PATIENCE_MS)
    talk = await desk.take(conversation)
    await expect(talk.locator(".answers li")).to_have_text(
        [
            f"{on_desk('guided.ask_papers')}: {on_desk('guided.say_yes')}",
            f"{on_desk('guided.ask_debt')}: {on_desk('guided.say_partly')}",
        ]
    )
    found = desk.page.locator(".found")
    await expect(found).to_contain_text("AHTST, question 4", timeout=PATIENCE_MS)
    await expect(found).to_contain_text(on_desk("guided.ask_papers"))

    await phone.page.click("#guided-take-back")
    await expect(phone.page.locator("#new-answer")).to_have_text(on_page("g09.taken_back"))
    await expect(talk.locator(".theirs").last).to_contain_text(
        on_desk("guided.taken_back"), timeout=PATIENCE_MS
    )
    await expect(talk.locator(".answers")).to_have_count(0)
    await expect(found).not_to_contain_text("AHTST")
    await expect(phone.page.locator("#guided-take-back")).to_be_hidden()
    assert phone.complaints == []
    assert (looks.sideways, looks.way_out, looks.accessibility) == ([], [], [])


async def test_who_cannot_write_safely_gets_phrase_and_exit_and_no_more_questions(
    house, desk, chromium
):
    looks = Looks()
    before, _ = stored(house.stack)
    async with a_phone(chromium, house.stack) as phone:
        words = await phone.write_first(PLEA)
        await phone.keep()
        await phone.page.click("#guided-offer")
        await says(phone, "say_no")
        await expect(phone.page.locator("#guided-told")).to_have_text(on_page("g08.team_knows"))
        assert " ".join(words) not in await phone.text("#guided")
        await phone.page.click("#guided summary")
        assert " ".join(words) in await phone.text("#guided")
        await looks.take(phone.page, "stop here", CLIENT_WIDTHS, way_out=True)
        (conversation,) = stored(house.stack)[0] - before
        talk = await desk.take(conversation)
        await expect(talk.locator(".answers li")).to_have_text(
            f"{on_desk('guided.ask_safe')}: {on_desk('guided.say_no')}", timeout=PATIENCE_MS
        )
        await phone.page.click("#guided a.main")
        await phone.page.wait_for_url(house.exit_url)
    async with a_phone(chromium, house.stack) as phone:
        await phone.come_back(" ".join(words))
        await phone.page.click("#guided-offer")
        await says(phone, "say_no")
        await expect(phone.page.locator("#guided-told")).to_have_text(on_page("g08.team_knows"))
        await expect(phone.page.locator("#guided")).to_contain_text(on_page("g08.words_kept"))
        await expect(phone.page.locator("#guided details")).to_have_count(0)
    assert (looks.sideways, looks.way_out, looks.accessibility) == ([], [], [])


async def test_pages_that_run_no_code_look_as_well(house, chromium):
    looks = Looks()
    async with a_phone(chromium, house.stack) as phone:
        phone.code = False  # axe itself needs a browser that runs code
        await phone.page.route("**/static/built/**", lambda route: route.abort())
        await phone.write_first(PLEA)
        await phone.keep()
        await phone.page.click("#guided-offer")
        await looks.take(phone.page, "first question, forms", CLIENT_WIDTHS, way_out=True)
        for question in QUESTIONS:
            await asks(phone, question.id)
            await says(phone, "say_no" if question.id == "leaving" else "rather_not")
        await looks.take(phone.page, "review, forms", CLIENT_WIDTHS, way_out=True)
        await phone.page.get_by_role("button", name=on_page("g07.send_answers")).click()
        await expect(phone.page.locator("#new-answer")).to_have_text(on_page("g09.answers_sent"))
        await phone.page.click("#guided-offer")
        await says(phone, "say_no")
        await expect(phone.page.locator("#guided")).to_contain_text(on_page("g08.words_kept"))
        await expect(phone.page.locator("#phrase-words")).to_have_count(0)
        await looks.take(phone.page, "stop here, forms", CLIENT_WIDTHS, way_out=True)
    assert (looks.sideways, looks.way_out, looks.accessibility) == ([], [], [])
