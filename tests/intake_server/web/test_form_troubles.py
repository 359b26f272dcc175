"""The form path when something goes wrong: nothing typed is lost, nothing is stored twice."""

import asyncio
import re
import sqlite3
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from triage.text import LONGEST_CHARACTERS
from vault.envelope import Direction, open_envelope
from vault.phrase import new_phrase, words
from vault.sealing import CannotOpen, Kind

CLIENT = (Direction.CLIENT_TO_TEAM,)


async def stored(hotline):
    return [one for many in (await hotline.all_messages()).values() for one in many]


async def texts_of_all(hotline, counsellor):
    every = await hotline.all_messages()
    return [text for one in every for text, *_ in await counsellor.texts(one)]


# --- the same form again --------------------------------------------------------------------


async def test_the_same_form_twice_is_one_message_under_one_phrase(hotline, browser):
    await browser.write("Help")
    phrase = browser.phrase
    await browser.again()
    assert browser.phrase == phrase
    assert len(await stored(hotline)) == 1


async def test_a_double_tap_is_one_message(hotline, browser, new_browser):
    screen = await browser.visit()
    form = {**screen.forms["write-form"].fields, "do": "send", "text": "Help"}
    both = [new_browser(hotline) for _ in range(2)]
    await asyncio.gather(*(one.post(form) for one in both))
    assert both[0].phrase == both[1].phrase
    assert len(await stored(hotline)) == 1


async def test_a_form_changed_after_going_back_is_a_second_message(hotline, browser, counsellor):
    await browser.write("Help")
    phrase = browser.phrase
    await browser.post({**browser.sent, "text": "Help, and call nobody"})
    assert browser.phrase == phrase
    assert await texts_of_all(hotline, counsellor) == ["Help", "Help, and call nobody"]


async def test_an_answer_sent_twice_is_one_message(hotline, browser):
    await browser.write("First")
    await browser.submit("kept-form", "look")
    await browser.submit("answer-form", "answer", text="Second")
    screen = await browser.again()
    assert screen.state == "conversation"
    assert len(await stored(hotline)) == 2


# --- tokens ---------------------------------------------------------------------------------


async def test_an_old_form_brings_the_text_back_and_takes_one_tap_more(hotline, browser):
    await browser.visit()
    hotline.clock.ahead += timedelta(minutes=61)
    screen = await browser.submit(
        "write-form", "send", text="Typed slowly\nin lines", name="Mira", danger="1"
    )
    assert screen.state == "write"
    assert "Press Send once more." in screen.texts["write-problem"]
    assert screen.forms["write-form"].fields["text"] == "Typed slowly\nin lines"
    assert screen.forms["write-form"].fields["name"] == "Mira"
    assert screen.forms["write-form"].fields["danger"] == "1"
    assert await stored(hotline) == []
    screen = await browser.submit("write-form", "send")
    assert screen.state == "phrase"


async def test_after_a_restart_the_text_comes_back_with_a_new_token(hotline, browser):
    await browser.visit()
    await hotline.restart()
    screen = await browser.submit("write-form", "send", text="Still here")
    assert "Press Send once more." in screen.texts["write-problem"]
    screen = await browser.submit("write-form", "send")
    assert screen.state == "phrase"
    assert len(await stored(hotline)) == 1


async def test_an_old_conversation_asks_for_the_words_and_keeps_the_text(hotline, browser):
    await browser.write("First")
    phrase = browser.phrase
    await browser.submit("kept-form", "look")
    hotline.clock.ahead += timedelta(minutes=61)
    screen = await browser.submit("answer-form", "answer", text="Second")
    assert screen.state == "back"
    assert "Type your words again." in screen.texts["back-problem"]
    screen = await browser.submit("back-form", "open", phrase=phrase)
    assert screen.forms["answer-form"].fields["text"] == "Second"


async def test_a_token_of_another_form_does_nothing(hotline, browser):
    await browser.visit()
    first = browser.screen.forms["write-form"].fields["token"]
    for do in ("look", "answer", "due", "erase"):
        screen = await browser.post({"do": do, "token": first, "text": "x"})
        assert screen.state == "back"
    await browser.write("First")
    returned = browser.screen.forms["kept-form"].fields["token"]
    screen = await browser.post({"do": "send", "token": returned, "text": "x"})
    assert screen.state == "write"
    assert len(await stored(hotline)) == 1


# --- keeper and database --------------------------------------------------------------------


async def test_without_a_keeper_the_text_comes_back_and_the_same_form_works_later(hotline, browser):
    await browser.visit()
    await hotline.keeper.stop()
    screen = await browser.submit("write-form", "send", text="Help")
    assert "We cannot take messages just now." in screen.texts["write-problem"]
    assert screen.forms["write-form"].fields["text"] == "Help"
    await hotline.keeper.start(existing=True)
    hotline.clock.ahead += timedelta(seconds=5)
    screen = await browser.submit("write-form", "send")
    assert "Press Send once more." in screen.texts["write-problem"]
    assert screen.forms["write-form"].fields["text"] == "Help"
    screen = await browser.submit("write-form", "send")
    assert screen.state == "phrase"
    assert len(await stored(hotline)) == 1


async def test_an_answer_waits_for_the_keeper(hotline, browser):
    await browser.write("First")
    await browser.submit("kept-form", "look")
    await hotline.keeper.stop()
    screen = await browser.submit("answer-form", "answer", text="Second", danger="1")
    assert screen.state == "trouble"
    assert browser.response.status == 503
    assert screen.forms["retry-form"].fields["text"] == "Second"
    await hotline.keeper.start(existing=True)
    screen = await browser.submit("retry-form", "answer")
    assert "We have your message." in screen.words
    assert len(await stored(hotline)) == 2


async def test_what_could_not_be_erased_is_not_said_to_be(hotline, browser):
    await browser.write("First")
    await browser.submit("kept-form", "look")
    await hotline.keeper.stop()
    screen = await browser.submit("erase-form", "erase")
    assert screen.state == "trouble"
    assert "We could not erase it yet. It is still here." in screen.words
    await hotline.keeper.start(existing=True)
    screen = await browser.submit("retry-form", "erase")
    assert screen.state == "receipt"


async def test_a_locked_database_loses_nothing_and_doubles_nothing(hotline, browser):
    await browser.visit()
    path = hotline.settings.data.database_dir / "havenline.sqlite3"
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    screen = await browser.submit("write-form", "send", text="Help")
    assert "We cannot take messages just now." in screen.texts["write-problem"]
    lock.execute("ROLLBACK")
    lock.close()
    screen = await browser.submit("write-form", "send")
    assert screen.state == "phrase"
    assert len(await stored(hotline)) == 1


@pytest.mark.parametrize("records", [32])
async def test_when_no_slot_is_left_the_text_comes_back_and_erasing_makes_room(hotline, browser):
    while (await browser.write("Help")).state == "phrase":
        phrase = browser.phrase
    assert "We cannot take messages just now." in browser.screen.texts["write-problem"]
    waiting = browser.screen.forms["write-form"].fields
    assert waiting["text"] == "Help"
    kept = len(await hotline.all_messages())
    assert 20 < kept < 32
    await browser.visit()
    await browser.submit("back-form", "open", phrase=phrase)
    assert (await browser.submit("erase-form", "erase")).state == "receipt"
    assert (await browser.post({**waiting, "do": "send"})).state == "phrase"
    assert len(await hotline.all_messages()) == kept


async def test_erasing_does_not_wait_for_the_database(hotline, browser):
    await browser.write("First")
    phrase = browser.phrase
    await browser.submit("kept-form", "look")
    path = hotline.settings.data.database_dir / "havenline.sqlite3"
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    screen = await browser.submit("erase-form", "erase")
    lock.execute("ROLLBACK")
    lock.close()
    assert screen.state == "receipt"
    await browser.visit()
    screen = await browser.submit("back-form", "open", phrase=phrase)
    assert "This opens nothing here." in screen.words


# --- what was typed -------------------------------------------------------------------------


async def test_nothing_typed_is_said_so(browser, hotline):
    for text in ("", " \n\t", "\u200b\u3164"):
        screen = await browser.write(text, name="Mira")
        assert "Write a few words" in screen.texts["write-problem"]
        assert screen.forms["write-form"].fields["name"] == "Mira"
    assert await stored(hotline) == []


async def test_danger_alone_may_be_sent(browser, hotline, counsellor):
    screen = await browser.write("", danger="1")
    assert screen.state == "phrase"
    (conversation_id,) = await hotline.all_messages()
    assert await counsellor.texts(conversation_id) == [("", "", True, True)]


@pytest.mark.parametrize("letter", ["a ", "ü", "ก", "😀"])
async def test_a_text_that_is_too_long_comes_back_whole_and_is_split_on_request(
    browser, hotline, counsellor, letter
):
    text = (letter * (LONGEST_CHARACTERS + 100)).strip()
    screen = await browser.write(text)
    assert "letters too long" in screen.texts["write-problem"]
    assert screen.forms["write-form"].fields["text"] == text
    screen = await browser.submit("write-form", "split")
    form = screen.forms["write-form"].fields
    assert form["text"] + form["rest"] == text
    screen = await browser.submit("write-form", "send")
    assert screen.state == "phrase"
    screen = await browser.submit("kept-form", "look")
    while screen.forms["answer-form"].fields["text"]:
        form = screen.forms["answer-form"]
        if "split" in form.buttons:
            screen = await browser.submit("answer-form", "split")
        screen = await browser.submit("answer-form", "answer", danger="1")
    assert "".join(await texts_of_all(hotline, counsellor)) == text


async def test_signs_that_cannot_be_shown_are_left_out_and_it_is_said(browser, hotline, counsellor):
    screen = await browser.write("one\x00two\u202ethree\ufefffour", name="Mi\u2066ra")
    assert "Some signs in your text cannot be shown." in screen.texts["phrase-notice"]
    (conversation_id,) = await hotline.all_messages()
    assert (await counsellor.texts(conversation_id))[0][:2] == ("onetwothreefour", "Mira")


async def test_bytes_that_are_no_text_are_replaced(browser, hotline, counsellor):
    screen = await browser.visit()
    token = screen.forms["write-form"].fields["token"]
    body = urlencode({"do": "send", "token": token}).encode() + b"&text=caf%E9+%ff%FE+ok"
    screen = await browser.post(body)
    assert screen.state == "phrase"
    assert await texts_of_all(hotline, counsellor) == ["caf\ufffd \ufffd\ufffd ok"]


async def test_markup_in_a_text_stays_text(browser):
    marked = "</textarea><script>alert(1)</script>&amp; \"'"
    await browser.write("Hello")
    await browser.submit("kept-form", "look")
    screen = await browser.submit("answer-form", "answer", text=marked)
    assert "<script>alert" not in screen.html
    assert marked in screen.texts["rows"]
    screen = await browser.post({"do": "send", "text": marked})
    assert screen.forms["write-form"].fields["text"] == marked
    assert "<script>alert" not in screen.html


async def test_the_budget_of_an_hour_holds_and_danger_goes_through(hotline, browser):
    await browser.write("0")
    phrase = browser.phrase
    await browser.submit("kept-form", "look")
    for number in range(3):
        await browser.submit("answer-form", "answer", text=str(number))
    screen = await browser.submit("answer-form", "answer", text="one more")
    assert "That was 3 messages in an hour." in screen.texts["answer-problem"]
    assert screen.forms["answer-form"].fields["text"] == "one more"
    screen = await browser.submit("answer-form", "answer", danger="1")
    assert "We have your message." in screen.words
    assert len(await stored(hotline)) == 5
    hotline.clock.ahead += timedelta(minutes=61)
    await browser.visit()
    await browser.submit("back-form", "open", phrase=phrase)
    screen = await browser.submit("answer-form", "answer", text="an hour later")
    assert "We have your message." in screen.words


# --- phrases that open nothing --------------------------------------------------------------


def without_typed(screen, *typed):
    """The page without what was typed into it; tokens are replaced by one of their length."""
    html = screen.html
    for one in typed:
        html = html.replace(one, "")
    return re.sub(r'name="token" value="([^"]*)"', r'name="token"', html).rstrip("\n")


async def test_wrong_unknown_and_expired_phrases_get_the_same_page(browser):
    await browser.write("Hello")
    erased = browser.phrase
    await browser.submit("kept-form", "look")
    await browser.submit("erase-form", "erase")
    unknown = " ".join(words(new_phrase()))
    known = erased.split()
    wrong = " ".join([known[1], known[0], *known[2:]])
    seen = []
    for phrase in (erased, unknown, wrong):
        await browser.visit()
        screen = await browser.submit("back-form", "open", phrase=phrase, text="Kept")
        assert "This opens nothing here." in screen.texts["back-problem"]
        assert screen.forms["back-form"].fields["text"] == "Kept"
        assert len(screen.html.encode()) == 16 * 1024
        seen.append((without_typed(screen, phrase), browser.response.status))
    assert len(set(seen)) == 1


async def test_text_beside_a_wrong_phrase_begins_a_new_message(browser):
    await browser.visit()
    phrase = " ".join(words(new_phrase()))
    await browser.submit("back-form", "open", phrase=phrase, text="Kept", danger="1")
    screen = await browser.submit("back-form", "new")
    assert screen.state == "write"
    assert screen.forms["write-form"].fields["text"] == "Kept"
    assert screen.forms["write-form"].fields["danger"] == "1"
    screen = await browser.submit("write-form", "send")
    assert screen.state == "phrase"


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("", "You typed 0 digits. All 25 are needed."),
        ("one two three", "You typed 3 words. All 8 are needed."),
        ("40731 88206", "You typed 10 digits. All 25 are needed."),
    ],
)
async def test_a_phrase_of_another_length_is_told_before_anything_is_asked(browser, typed, told):
    await browser.visit()
    screen = await browser.submit("back-form", "open", phrase=typed)
    assert told in screen.texts["back-problem"]
    assert screen.forms["back-form"].fields["phrase"] == typed


async def test_a_word_that_is_not_listed_is_named(browser):
    await browser.visit()
    known = list(words(new_phrase()))
    known[2] = "qqqqqqqq"
    screen = await browser.submit("back-form", "open", phrase=" ".join(known))
    assert "Word 3 is not in our list." in screen.texts["back-problem"]


async def test_answers_to_a_phrase_have_sizes_of_16_kib(browser):
    await browser.write("Hello")
    assert len(browser.screen.html.encode()) % (16 * 1024) == 0
    await browser.submit("kept-form", "look")
    assert len(browser.screen.html.encode()) == 16 * 1024


# --- before the hotline is open -------------------------------------------------------------


async def test_without_a_team_key_no_text_is_taken(closed_hotline, new_browser):
    browser = new_browser(closed_hotline)
    screen = await browser.visit()
    assert screen.state == "closed"
    assert "You cannot write here now. Nothing leaves this phone." in screen.words
    assert "Other help" in screen.html
    (menu,) = screen.forms.values()  # of languages
    assert (menu.fields, menu.buttons) == ({}, [])
    for do in ("send", "new", "open", "answer"):
        assert (await browser.post({"do": do, "text": "x", "phrase": "y"})).state == "closed"
    assert await stored(closed_hotline) == []


async def test_the_page_opens_as_soon_as_somebody_holds_the_team_key(
    keeper, closed_hotline, new_browser
):
    browser = new_browser(closed_hotline)
    await browser.visit()
    await keeper.set_up()
    closed_hotline.clock.ahead += timedelta(seconds=5)
    assert (await browser.visit()).state == "opening"
    assert (await browser.write("Hello")).state == "phrase"


async def test_a_keeper_that_was_started_again_takes_one_tap_more(hotline, browser):
    await browser.visit()
    await hotline.keeper.stop()
    await hotline.keeper.start(existing=True)
    screen = await browser.submit("write-form", "send", text="Help", danger="1")
    assert "Press Send once more." in screen.texts["write-problem"]
    assert screen.forms["write-form"].fields["text"] == "Help"
    assert screen.forms["write-form"].fields["danger"] == "1"
    screen = await browser.submit("write-form", "send")
    assert screen.state == "phrase"
    assert len(await stored(hotline)) == 1


@pytest.mark.parametrize("restart", [False, True])
async def test_the_form_of_what_was_erased_begins_anew_and_opens_nothing_old(
    hotline, browser, counsellor, restart
):
    await browser.write("Do not tell anybody")
    first_form, phrase = browser.sent, browser.phrase
    ((old, rows),) = (await hotline.all_messages()).items()
    backup = rows[0].envelope
    keys = (await counsellor.open(old)).keys
    open_envelope(backup, Kind.MESSAGE, keys.messages, old, CLIENT)  # it opens until it is erased
    await browser.submit("kept-form", "look")
    await browser.submit("erase-form", "erase")
    if restart:
        await hotline.keeper.stop()
        await hotline.keeper.start(existing=True)

    screen = await browser.post(first_form)  # back to the first form, and Send
    assert screen.state == "write"
    assert "Press Send once more." in screen.texts["write-problem"]
    assert screen.forms["write-form"].fields["text"] == "Do not tell anybody"
    assert await hotline.all_messages() == {}
    screen = await browser.submit("write-form", "send")
    assert screen.state == "phrase"
    assert browser.phrase != phrase
    (new,) = await hotline.all_messages()
    assert new != old
    wrap = await counsellor.open(new)
    for conversation in (old, new):
        with pytest.raises(CannotOpen):
            open_envelope(backup, Kind.MESSAGE, wrap.keys.messages, conversation, CLIENT)


async def test_the_first_form_changed_again_and_again_stays_in_the_budget(hotline, browser):
    await browser.write("0")
    form = browser.sent
    for number in range(1, 4):
        assert (await browser.post({**form, "text": str(number)})).state == "phrase"
    screen = await browser.post({**form, "text": "one more"})
    assert "That was 3 messages in an hour." in screen.texts["write-problem"]
    assert screen.forms["write-form"].fields["text"] == "one more"
    assert (await browser.post(form)).state == "phrase"  # what is stored is answered as such
    assert (await browser.post({**form, "text": "now", "danger": "1"})).state == "phrase"
    assert len(await stored(hotline)) == 5


async def test_a_retry_page_brings_back_all_that_was_typed(hotline, browser):
    await browser.write("First")
    await browser.submit("kept-form", "look")
    await hotline.keeper.stop()
    token = browser.screen.forms["answer-form"].fields["token"]
    screen = await browser.post({"do": "answer", "token": token, "text": "Second", "rest": "Third"})
    assert screen.forms["retry-form"].fields["text"] == "Second"
    assert screen.forms["retry-form"].fields["rest"] == "Third"
