"""A chat goes on from a page, with code and without: asked, confirmed, let in, read, ended."""

import os
import re

import pytest
from playwright.async_api import expect

from tests.browser.looks import CLIENT_WIDTHS, DESK_WIDTHS, Looks
from tests.browser.phone import PATIENCE_MS, stored
from tests.browser.test_ways import heard_with, picture, plain_picture, told
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
NUMBER = re.compile(r"/page \d{5} \d{5}")


async def begun(house, name, text):
    """Somebody who wrote from a chat, and the conversation."""
    before, _ = stored(house.stack)
    chat = LoopbackPerson(house.stack, name)
    await chat.say(text, "1")
    (conversation,) = stored(house.stack)[0] - before
    return chat, conversation


async def code_from(chat, number, *, not_again=""):
    await chat.say("/page", number)

    async def heard():
        said = [one for one in await chat.hear(wait=0.2) if "/page 12345" in one]
        codes = [re.search(r"\d{10}", one)[0] for one in said]
        return next((one for one in codes if one != not_again), "")

    return await until(heard, "the chat hears a number")


async def asks(page, looks, code):
    """Types the number from the chat; what the chat must repeat, and the words that wait."""
    await page.locator("#back > summary").click()
    await page.locator("#from-chat > summary").click()
    await looks.take(page, "a number from a chat", CLIENT_WIDTHS, way_out=True)
    await picture(page, "asking")
    await page.locator("#chat-code").fill("123")
    await page.locator("#ask").click()
    await expect(page.locator("#ask-problem")).to_have_text(t("j12.code_wrong"), **SOON)
    await page.locator("#chat-code").fill(code)
    await page.locator("#ask").click()
    await expect(page.locator("#page-number")).to_have_text(NUMBER, **SOON)
    words = " ".join(await page.locator("#asked-words li").all_inner_texts())
    assert len(words.split()) == 8
    await looks.take(page, "words that wait", CLIENT_WIDTHS, way_out=True)
    await picture(page, "asked")
    return await page.locator("#page-number").inner_text(), words


async def test_a_chat_goes_on_from_a_page(house, desk, phone):
    looks, page = Looks(), phone.page
    chat, conversation = await begun(house, "olga", "my phone is looked at")
    code = await code_from(chat, "2")
    await phone.visit()
    command, words = await asks(page, looks, code)
    await chat.say(command, "3")
    await heard_with(chat, "The page waits now")
    await page.locator("#asked button").click()
    await expect(page.locator("#asked")).to_have_count(0)
    assert words not in await page.locator("main").inner_text()
    await phone.opens_nothing(words)

    talk = await desk.take(conversation)
    yes = talk.get_by_role("button", name=on_desk("page.let_in"))
    await expect(yes).to_be_visible(**SOON)
    await looks.take(desk.page, "a page asks", DESK_WIDTHS)
    await picture(desk.page, "page-asks")
    await yes.click()
    await talk.get_by_role("button", name=on_desk("page.not_yet")).click(**SOON)
    await yes.click(**SOON)
    await expect(talk).to_contain_text(on_desk("page.sure"), **SOON)
    await looks.take(desk.page, "asked once more", DESK_WIDTHS)
    await picture(desk.page, "page-sure")
    await talk.get_by_role("button", name=on_desk("page.yes")).click()
    await expect(talk).to_contain_text(on_desk("page.done"), **SOON)
    await expect(yes).to_have_count(0)
    await expect(talk.locator(".facts")).to_contain_text("also by", **SOON)

    await phone.come_back(words)
    await expect(page.locator("#rows .said").first).to_have_text("my phone is looked at", **SOON)
    there = t("j14.page_asked", messenger="Loopback")
    await expect(page.locator("#rows")).to_contain_text(there, **SOON)
    assert await page.locator("#rows .unverified").count() == 0
    await picture(page, "goes-on")
    await phone.answer("I am on the page now")
    await expect(talk.locator(".said").get_by_text("I am on the page now")).to_be_visible(**SOON)
    assert await talk.locator(".line.unverified").count() == 0
    await both_ends(desk, page, chat)
    await phone.erase()
    assert (looks.sideways, looks.accessibility) == ([], [])


async def both_ends(desk, page, chat):
    """An answer reaches page and chat; then the chat ends itself and nothing else."""
    said = "We see you in both places."
    await desk.reply(said)
    await expect(page.locator("#rows .ours .said")).to_have_text(said, **SOON)
    await told(chat, said)
    await chat.say("/erase", "4")
    number = re.search(r"\d{4,}", await heard_with(chat, "where you have your words"))[0]
    await chat.say(number, "5")
    gone = t("j10.chat_left", messenger="Loopback")
    await expect(page.locator("#rows .said").filter(has_text=gone)).to_be_visible(**SOON)


async def test_a_chat_goes_on_from_a_page_without_code(house, desk, plain_phone):
    page = plain_phone.page
    chat, conversation = await begun(house, "ines", "they took my telephone yesterday")
    code = await code_from(chat, "2")
    await plain_phone.visit()
    await page.locator("#back > summary").click()
    await page.locator("#from-chat > summary").click()
    await page.locator("#chat-code").fill("99999 99999")
    await page.locator("#ask").click()
    await expect(page.locator("#ask-problem")).to_have_text(t("j12.code_wrong"))
    await plain_picture(page, "asking-plain")
    await page.locator("#chat-code").fill(code)
    await page.locator("#ask").click()
    await expect(page.locator("#page-number")).to_have_text(NUMBER)
    await plain_picture(page, "asked-plain")
    digits = await page.locator("#asked-digits").inner_text()
    await chat.say(await page.locator("#page-number").inner_text(), "3")
    await heard_with(chat, "The page waits now")

    talk = await desk.take(conversation)
    no = talk.get_by_role("button", name=on_desk("page.refuse"))
    await no.click(**SOON)
    await expect(talk).to_contain_text(on_desk("page.refused"), **SOON)
    await expect(no).to_have_count(0)
    await plain_phone.opens_nothing(digits)

    code = await code_from(chat, "4", not_again=code)
    await plain_phone.visit()
    await page.locator("#back > summary").click()
    await page.locator("#from-chat > summary").click()
    await page.locator("#chat-code").fill(code)
    await page.locator("#ask").click()
    digits = await page.locator("#asked-digits").inner_text()
    await chat.say(await page.locator("#page-number").inner_text(), "5")
    yes = talk.get_by_role("button", name=on_desk("page.let_in"))
    await yes.click(**SOON)
    await talk.get_by_role("button", name=on_desk("page.yes")).click(**SOON)
    await expect(talk).to_contain_text(on_desk("page.done"), **SOON)
    await plain_phone.come_back(digits)
    await expect(page.locator("#rows .said").first).to_have_text("they took my telephone yesterday")
    await plain_phone.erase()
