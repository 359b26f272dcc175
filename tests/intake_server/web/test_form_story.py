"""The form path from the first page to the receipt, in a browser that runs no code."""

from datetime import UTC, datetime, timedelta

import pytest

from vault.phrase import digits, read_phrase


async def only_conversation(hotline):
    (conversation_id,) = await hotline.all_messages()
    return conversation_id


async def test_a_message_reaches_the_team_and_shows_its_phrase(hotline, browser, counsellor):
    screen = await browser.write("They keep my passport.", name="Mira", danger="1")
    assert screen.state == "phrase"
    assert len(browser.phrase.split()) == 8
    assert read_phrase(browser.phrase) == read_phrase(screen.texts["phrase-digits"])
    conversation_id = await only_conversation(hotline)
    assert await counsellor.texts(conversation_id) == [
        ("They keep my passport.", "Mira", True, True)
    ]


async def test_the_phrase_opens_the_conversation_with_the_answer(hotline, browser, counsellor):
    await browser.write("Hello")
    phrase = browser.phrase
    await counsellor.answer(await only_conversation(hotline), "Are you alone now?")
    await browser.visit()
    screen = await browser.submit("back-form", "open", phrase=phrase.upper().replace(" ", ", "))
    assert screen.state == "conversation"
    assert "Are you alone now?" in screen.texts["rows"]
    assert "New from Ana, today" in screen.texts["rows"]
    assert "You, today" in screen.texts["rows"]
    assert "Will be erased on" in screen.texts["due"]
    assert "cannot check who signed" in screen.words


async def test_the_digits_open_it_in_any_script(browser):
    await browser.write("Hello")
    number = " ".join(digits(read_phrase(browser.phrase)))
    arabic = number.translate({ord("0") + n: 0x0660 + n for n in range(10)})
    await browser.visit()
    screen = await browser.submit("back-form", "open", phrase=arabic)
    assert screen.state == "conversation"


async def test_kept_then_written_again_then_answered(hotline, browser, counsellor):
    await browser.write("First")
    screen = await browser.submit("kept-form", "look")
    assert screen.state == "conversation"
    assert "No new answer yet." in screen.words
    screen = await browser.submit("answer-form", "answer", text="Second")
    assert "We have your message." in screen.words
    assert screen.forms["answer-form"].fields["text"] == ""
    texts = [one[0] for one in await counsellor.texts(await only_conversation(hotline))]
    assert texts == ["First", "Second"]
    await counsellor.answer(await only_conversation(hotline), "Third")
    screen = await browser.submit("answer-form", "look")
    assert "Third" in screen.texts["rows"]
    assert "No new answer yet." not in screen.words


async def test_an_answer_the_team_did_not_sign_is_not_shown_as_theirs(hotline, browser, counsellor):
    await browser.write("Hello")
    stranger = counsellor.team.staff.sign
    conversation_id = await only_conversation(hotline)
    await counsellor.answer(conversation_id, "Come to the station", signer=stranger)
    screen = await browser.submit("kept-form", "look")
    assert "We could not check that our team wrote this." in screen.texts["rows"]
    assert "New from Ana" not in screen.texts["rows"]


async def test_the_day_of_forgetting_moves_sooner_and_later(browser):
    await browser.write("Hello")
    screen = await browser.submit("kept-form", "look")
    soon = datetime.now(UTC) + timedelta(days=2)
    screen = await browser.submit("due-form", "due", due=soon.date().isoformat())
    assert f"Changed. It is erased on {soon.day} {soon:%B}." in screen.words
    assert f"Will be erased on {soon.day} {soon:%B}" in screen.texts["due"]
    later = datetime.now(UTC) + timedelta(days=40)
    screen = await browser.submit("due-form", "due", due=later.date().isoformat())
    assert f"Will be erased on {later.day} {later:%B}" in screen.texts["due"]


@pytest.mark.parametrize("day", ["2020-01-01", "2099-01-01", "", "tomorrow"])
async def test_a_day_that_cannot_be_is_refused_with_the_days_that_can(browser, day):
    await browser.write("Hello")
    before = (await browser.submit("kept-form", "look")).texts["due"]
    screen = await browser.submit("due-form", "due", due=day, text="half a thought")
    assert "Choose a day from" in screen.texts["due-problem"]
    assert screen.texts["due"] == before


async def test_erasing_is_confirmed_and_final(hotline, browser):
    await browser.write("Erase me")
    phrase = browser.phrase
    await browser.submit("kept-form", "look")
    screen = await browser.submit("erase-form", "erase")
    assert screen.state == "receipt"
    assert "Gone: what you wrote" in screen.words
    assert browser.response.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert await hotline.all_messages() == {}
    await browser.visit()
    screen = await browser.submit("back-form", "open", phrase=phrase)
    assert screen.state == "back"
    assert "This opens nothing here." in screen.words


async def test_the_phrase_stands_on_one_page_only_and_never_in_a_field(browser):
    screen = await browser.write("Hello")
    words = browser.phrase
    assert not any(words in value for f in screen.forms.values() for value in f.fields.values())
    screen = await browser.submit("kept-form", "look")
    assert words not in screen.html
    assert all(part not in screen.html for part in digits(read_phrase(words)))


async def test_a_long_conversation_folds_the_older_messages(browser, hotline):
    hotline.work.budgets._an_hour = 100
    await browser.write("Message 0")
    await browser.submit("kept-form", "look")
    for number in range(1, 6):
        screen = await browser.submit("answer-form", "answer", text=f"Message {number}")
    assert "Show older messages (2)" in screen.texts["older-label"]
    assert "Message 1" in screen.texts["older-rows"]
    assert "Message 5" in screen.texts["rows"]
