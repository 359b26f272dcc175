"""The whole story in Chromium: set-up, one message in, one answer out, erased for good."""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import expect

from tests.browser.phone import PATIENCE_MS, a_phone, stored
from tests.browser.wording import desk as on_desk
from tests.browser.wording import page as on_page
from tests.flows.stack import until
from vault import phrase as phrases

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(300),
]

PLEA = "my boss took my passport and we work until 12 at night"
ANSWER = "Thank you for writing. Are you alone now?"


def sloppy(words: list[str]) -> str:
    """As somebody in a hurry types them: capitals, commas, too much space, a letter lost."""
    meant = phrases.read_phrase(" ".join(words))
    for place, word in enumerate(words):
        slips = [*words[:place], word[:-1], *words[place + 1 :]]
        typed = "  " + ",   ".join(slips).upper() + "\n"
        with suppress(phrases.NotAPhrase):
            if phrases.read_phrase(typed) == meant:
                return typed
    raise AssertionError("no word of this phrase can lose its last letter")


async def test_before_anybody_can_read_no_text_is_taken(house):
    assert on_page("c49.closed") in house.closed
    assert "Other House" in house.closed
    assert "<textarea" not in house.closed


async def test_set_up_compares_the_words_of_the_terminal(house):
    spoken = "  ".join(house.words)
    await until(lambda: spoken in house.stack.log.read_text(), "the terminal prints the words")
    assert len(house.ana.person.password.split("-")) == 6
    assert house.ana.page.url == f"{house.stack.desk}/"
    assert house.ana.complaints == []


async def test_a_used_link_sets_up_nobody_else(house):
    refused = house.stack.cli("staff", "setup-link", check=False)
    assert "#setup=" not in refused


async def test_the_whole_story_with_code(house, desk, phone, chromium):
    before, _ = stored(house.stack)
    words = await phone.write_first(PLEA, name="Mira", danger=True)
    assert await phone.text("#phrase-title") == f"✓ {on_page('c18.have_it')}"
    assert len(words) == 8
    # The number stands between marks that keep its order in any direction of writing.
    told = phone.page.locator("#phrase-danger")
    await expect(told).to_contain_text("Other House, \u2066+00 000\u2069")
    await phone.unfold("digits")
    assert re.fullmatch(r"(\d{5} ){4}\d{5}", await phone.digits())
    await expect(phone.page.locator("#words")).to_be_hidden()
    await phone.keep()
    await expect(phone.page.locator("#rows .said")).to_have_text(PLEA, timeout=PATIENCE_MS)

    (conversation,) = stored(house.stack)[0] - before
    row = await desk.find(conversation)
    await expect(row).to_contain_text("3 Danger", timeout=PATIENCE_MS)
    assert "Mira" not in await row.inner_text()
    talk = await desk.take(conversation)
    assert await talk.locator(".who .name").inner_text() == "Mira"
    assert await desk.said(talk) == [PLEA]
    await expect(talk.locator("mark.sign").first).to_contain_text("passport", timeout=PATIENCE_MS)
    await desk.shows(on_desk("talk.danger_tick"))

    await desk.reply(ANSWER, now=False)
    answer = phone.page.locator("#rows .ours")
    await expect(answer.locator(".said")).to_have_text(ANSWER, timeout=PATIENCE_MS)
    assert (await answer.locator(".meta").inner_text()).startswith("Ana, today")
    assert "unverified" not in await answer.get_attribute("class")
    assert await phone.text("#new-answer") == on_page("c31.new_answer")

    async with a_phone(chromium, house.stack) as other:
        await other.come_back(sloppy(words))
        assert await other.page.locator("#rows .said").all_inner_texts() == [PLEA, ANSWER]
        await other.answer("yes for 10 minutes")
        await expect(talk.locator(".theirs .said").last).to_have_text(
            "yes for 10 minutes", timeout=PATIENCE_MS
        )
        await change_the_date(other)
        await other.erase()
        assert on_page("c37.gone") in await other.text("#receipt")
        await desk.shows(on_desk("talk.erased_by_client"))
        assert PLEA not in await desk.page.content()
        await expect(row).to_have_count(0, timeout=PATIENCE_MS)
        await other.opens_nothing(" ".join(words))
    # The page that was still open elsewhere learns of it too.
    await expect(phone.page.locator("#back-problem")).to_have_text(
        on_page("c28.opens_nothing"), timeout=PATIENCE_MS
    )
    assert PLEA not in await phone.seen()


async def change_the_date(phone) -> None:
    """To the third day from now; it is still that day after the page has looked again."""
    await phone.unfold("change")
    third = datetime.now(UTC) + timedelta(days=3)
    await phone.page.fill("#due-date", third.date().isoformat())
    await phone.page.locator("#due-form button").click()
    notice = phone.page.locator("#new-answer")
    await expect(notice).to_contain_text(f"{third.day}", timeout=PATIENCE_MS)
    date = (await phone.text("#due")).removeprefix("Will be erased on ")
    assert date == f"{third.day} {third:%B}"
    assert await notice.inner_text() == on_page("c29.due_changed", date=date)
    if phone.code:
        await phone.looks_again()
    assert await phone.text("#due") == on_page("c29.due", date=date)


async def test_the_whole_story_with_forms_only(house, desk, plain_phone, chromium):
    phone = plain_phone
    before, _ = stored(house.stack)
    words = await phone.write_first(PLEA, name="Miro", danger=True)
    digits = await phone.digits()
    assert len(words) == 8
    await phone.unfold("digits")
    await expect(phone.page.locator("#words")).to_be_hidden()
    await phone.keep()

    (conversation,) = stored(house.stack)[0] - before
    talk = await desk.take(conversation)
    assert await talk.locator(".who .name").inner_text() == "Miro"
    await desk.reply(ANSWER)
    await phone.page.click("#look")
    await expect(phone.page.locator("#rows .ours .said")).to_have_text(ANSWER)
    assert await phone.text("#conversation") != ""

    async with a_phone(chromium, house.stack, code=False) as other:
        await other.come_back(digits.replace(" ", "-"))
        assert await other.page.locator("#rows .said").all_inner_texts() == [PLEA, ANSWER]
        await other.answer("thank you")
        await expect(talk.locator(".theirs .said").last).to_have_text(
            "thank you", timeout=PATIENCE_MS
        )
        await change_the_date(other)
        await other.erase()
        await desk.shows(on_desk("talk.erased_by_client"))
        await other.opens_nothing(sloppy(words))


async def test_danger_alone_may_be_sent(house, desk, phone):
    before, _ = stored(house.stack)
    await phone.visit()
    await phone.unfold("write")
    await phone.page.check("#danger")
    await phone.send()
    await phone.is_at("phrase")
    (conversation,) = stored(house.stack)[0] - before
    row = await desk.find(conversation)
    await expect(row).to_contain_text("3 Danger", timeout=PATIENCE_MS)
    await phone.keep()
    await phone.erase()
