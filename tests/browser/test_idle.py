"""An unwatched screen: covered after 3 minutes, a warning from 9, cleared at 10."""

import pytest

from tests.browser.wording import page as t
from vault import phrase as phrases

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(300),
]

SECRET = "the blue door behind the laundry"


async def readable(phone) -> str:
    return await phone.text("main")


async def test_a_text_is_covered_warned_of_and_cleared(phone):
    await phone.page.clock.install()
    await phone.visit()
    await phone.write(SECRET, name="Mira")
    await phone.lets_time_pass(2.5)
    await phone.is_at("opening")
    await phone.lets_time_pass(0.5)
    await phone.is_at("cover")
    assert await readable(phone) == f"{t('c39.cover_title')} {t('c39.continue')}"
    assert not await phone.page.is_visible("#text")
    await phone.page.mouse.move(100, 300)
    await phone.page.mouse.move(120, 320)
    await phone.lets_time_pass(6)
    assert await phone.told("cover-warning") == t("c39.cover_warning")
    await phone.page.click("#continue")
    await phone.is_at("opening")
    assert await phone.page.input_value("#text") == SECRET
    await phone.lets_time_pass(3)
    await phone.is_at("cover")
    await phone.lets_time_pass(7)
    await phone.is_at("opening")
    assert await phone.told("write-problem") == t("c39.cleared", period="10 minutes")
    assert SECRET not in await phone.seen()
    assert "Mira" not in await phone.seen()


async def test_a_conversation_is_covered_and_cleared(phone, mira):
    await phone.page.clock.install()
    await phone.come_back(" ".join(phrases.digits(mira.phrase)))
    await phone.page.locator("#rows .said").wait_for()
    await phone.lets_time_pass(3)
    await phone.is_at("cover")
    assert "passport" not in await readable(phone)
    await phone.page.click("#continue")
    await phone.is_at("conversation")
    await phone.lets_time_pass(10)
    await phone.is_at("opening")
    assert "passport" not in await phone.seen()


async def test_a_phrase_on_the_screen_is_covered_and_cleared(phone):
    await phone.page.clock.install()
    words = await phone.write_first(SECRET)
    await phone.lets_time_pass(3)
    await phone.is_at("cover")
    assert words[0] not in await readable(phone)
    await phone.lets_time_pass(7)
    await phone.is_at("opening")
    assert await phone.page.locator("#phrase-words li").count() == 0


@pytest.mark.parametrize("sign", ["typing", "pointing", "scrolling"])
async def test_signs_of_life_put_the_cover_off(phone, sign):
    await phone.page.clock.install()
    await phone.visit()
    await phone.write(SECRET)
    await phone.lets_time_pass(2.5)
    if sign == "typing":
        await phone.page.keyboard.press("a")
    elif sign == "pointing":
        await phone.page.mouse.move(100, 300)
        await phone.page.mouse.move(120, 320)
    else:
        await phone.page.mouse.wheel(0, 200)
        await phone.becomes("scrollY > 0")
    await phone.lets_time_pass(2.5)
    await phone.is_at("opening")
    await phone.lets_time_pass(0.5)
    await phone.is_at("cover")


async def test_a_phone_that_slept_wakes_up_covered(phone):
    await phone.page.clock.install()
    await phone.visit()
    await phone.write(SECRET)
    await phone.lets_time_pass(9.5)
    await phone.is_at("cover")
    assert await phone.told("cover-warning") == t("c39.cover_warning")
    await phone.page.click("#continue")
    await phone.is_at("opening")
    assert await phone.page.input_value("#text") == SECRET
