"""The optional questions on pages that run no code, over real sockets."""

import json
import re
from dataclasses import replace

import msgspec
import pytest

from intake_server.settings import GuidedSettings, Settings
from intake_server.web.form import FormPath
from intake_server.web.form_fields import Fields
from intake_server.web.form_pages import Reader
from intake_server.web.form_token import FormTokens, new_token_key
from intake_server.web.view import Site
from tests.intake_server.web.conftest import Screen, TurnedClock
from triage.guided import QUESTIONS
from vault.phrase import digits, new_phrase, read_phrase, words

PLEA = "Hello"
EVERYTHING = {question.id: "yes" for question in QUESTIONS}


async def only_conversation(hotline):
    (conversation_id,) = await hotline.all_messages()
    return conversation_id


async def begin(browser):
    """From the first page to the first question."""
    await browser.write(PLEA)
    phrase = browser.phrase
    await browser.submit("kept-form", "look")
    await browser.submit("answer-form", "ask")
    return phrase


async def say(browser, said):
    """Press one of the buttons of the question on the screen."""
    return await browser.post(
        {**browser.screen.forms["guided-form"].fields, "do": "say", "say": said}
    )


async def answer_all(browser, answers):
    for question in QUESTIONS:
        assert browser.screen.forms["guided-form"].fields["question"] == question.id
        await say(browser, answers.get(question.id, ""))


async def texts(hotline, counsellor):
    return [one[:2] for one in await counsellor.texts(await only_conversation(hotline))]


async def test_one_question_a_screen_and_rather_not_to_say_stands_first(browser):
    await begin(browser)
    for number, question in enumerate(QUESTIONS, start=1):
        words = browser.screen.words
        fields = browser.screen.forms["guided-form"].fields
        assert (browser.screen.state, fields["question"]) == ("guided", question.id)
        assert words.index("I would rather not say") < words.index("Yes") < words.index("No Back")
        assert number == 1 or f"Question {number} of 6" in words
        await say(browser, "")
    assert "Nothing is sent." in browser.screen.words
    assert "give" not in browser.screen.forms["guided-form"].buttons


async def test_answers_are_sent_once_at_the_end_and_read_by_the_team(hotline, browser, counsellor):
    await begin(browser)
    await answer_all(browser, {"safe": "yes", "papers": "yes", "leaving": "partly"})
    assert len(await texts(hotline, counsellor)) == 1
    assert "One person keeps the papers: Yes" in browser.screen.words
    assert browser.screen.words.index("Do not send") < browser.screen.words.index("Send my")
    screen = await browser.submit("guided-form", "give")
    assert (screen.state, screen.texts["new-answer"]) == ("conversation", "We have your answers.")
    assert "You answered our questions." in screen.texts["rows"]
    assert "papers" not in screen.texts["rows"]
    given = ("1 safe=yes papers=yes leaving=partly", "en")
    assert await texts(hotline, counsellor) == [(PLEA, ""), given]
    await browser.again()  # a reload stores nothing twice
    assert len(await texts(hotline, counsellor)) == 2


async def test_it_looks_like_any_message_whatever_was_answered(hotline, browser):
    await begin(browser)
    await answer_all(browser, {"papers": "yes"})
    await browser.submit("guided-form", "give")
    await browser.submit("answer-form", "ask")
    await answer_all(browser, EVERYTHING)
    await browser.submit("guided-form", "give")
    rows = (await hotline.all_messages())[await only_conversation(hotline)]
    assert len(rows) == 3
    assert len({(len(one.envelope), one.kind, one.direction) for one in rows}) == 1


def holds_phrase(screen, phrase):
    """Whether its words or its number stand anywhere in the page, in hidden fields too."""
    found = set(re.findall(r"[a-z]+|\d+", screen.html))
    return set(words(phrase)) <= found or set(digits(phrase)) <= found


async def test_no_to_the_first_tells_the_team_and_shows_the_exit_and_no_phrase(
    hotline, browser, counsellor
):
    phrase = read_phrase(await begin(browser))
    screen = await say(browser, "no")
    assert not holds_phrase(screen, phrase)
    assert "Our team knows. You need not write." in screen.words
    assert "The words to come back are not shown here again." in screen.words
    assert screen.words.index("Our team") < screen.words.index("Leave", 20)
    assert "question" not in screen.words.casefold()
    assert (await texts(hotline, counsellor))[1:] == [("1 safe=no", "en")]
    screen = await browser.submit("guided-form", "look")
    assert screen.state == "conversation"


async def test_going_back_changes_an_answer_and_nothing_typed_is_lost(browser):
    await browser.write(PLEA)
    await browser.submit("kept-form", "look")
    await browser.submit("answer-form", "ask", text="half a thought", danger="1")
    await say(browser, "yes")
    await say(browser, "yes")
    screen = await say(browser, "back")
    assert screen.forms["guided-form"].fields["question"] == "papers"
    await say(browser, "")
    for question in QUESTIONS[2:]:
        await say(browser, "no" if question.id == "debt" else "")
    assert "papers" not in browser.screen.forms["guided-form"].fields["answers"]
    assert browser.screen.words.count(": No") == 1
    await say(browser, "again")
    assert browser.screen.forms["guided-form"].fields["question"] == QUESTIONS[-1].id
    await say(browser, "")
    screen = await browser.submit("guided-form", "look")
    assert screen.forms["answer-form"].fields["text"] == "half a thought"
    assert screen.forms["answer-form"].fields["danger"] == "1"
    assert "You answered" not in screen.words


async def test_answers_are_taken_back_by_an_empty_message(hotline, browser, counsellor):
    await begin(browser)
    await answer_all(browser, {"debt": "yes"})
    screen = await browser.submit("guided-form", "give")
    screen = await browser.submit("answer-form", "take")
    assert "Our team no longer sees your answers." in screen.texts["new-answer"]
    assert "You took your answers back." in screen.texts["rows"]
    assert "take" not in screen.forms["answer-form"].buttons
    assert (await texts(hotline, counsellor))[-1] == ("1", "en")


@pytest.mark.parametrize("made_up", ["1 papers=perhaps", "2", "1 papers=yes papers=no", "x" * 9000])
async def test_made_up_fields_send_nothing_and_take_nothing_back(
    hotline, browser, counsellor, made_up
):
    await begin(browser)
    fields = browser.screen.forms["guided-form"].fields
    screen = await browser.post({**fields, "do": "give", "answers": made_up})
    assert screen.state == "conversation"
    assert await texts(hotline, counsellor) == [(PLEA, "")]
    screen = await browser.post({**fields, "question": made_up, "say": "yes"})
    assert screen.state == "guided"
    screen = await browser.post({**fields, "question": "papers", "say": "perhaps"})
    assert screen.forms["guided-form"].fields["answers"] == "1"


async def test_what_could_not_be_sent_stands_there_still(hotline, browser):
    await browser.write(PLEA)
    await browser.submit("kept-form", "look")
    for number in range(hotline.settings.budget.messages_per_hour):
        await browser.submit("answer-form", "answer", text=f"more {number}")
    await browser.submit("answer-form", "ask")
    await answer_all(browser, {"debt": "yes"})
    screen = await browser.submit("guided-form", "give")
    assert screen.state == "guided"
    assert screen.texts["guided-problem"] == "Your answers did not arrive. They are still here."
    assert "Work because of money owed: Yes" in screen.words


def test_where_nothing_can_be_done_no_answer_is_lost_and_nobody_is_kept():
    site, clock = Site(Settings()), TurnedClock()
    tokens = FormTokens(new_token_key(), clock.unix)
    # Neither keeper nor promise is asked.
    path = FormPath(site, None, tokens, None, clock, None, None, None)
    phrase = new_phrase()
    asked = Fields(do="say", question="safe", say="no", token=tokens.returned(phrase))
    failed = Screen(path.failed(asked, Reader(site.languages[0])).body.decode())
    assert "We could not tell our team. You can leave all the same." in failed.words
    assert not holds_phrase(failed, phrase)
    given = replace(asked, do="give", answers="1 debt=yes")
    failed = Screen(path.failed(given, Reader(site.languages[0])).body.decode())
    assert failed.forms["guided-form"].fields["answers"] == "1 debt=yes"
    assert failed.texts["guided-problem"] != ""


async def test_the_words_for_code_are_a_file_of_their_own(hotline, session):
    async with session.get(f"{hotline.url}/static/guided-en.json") as response:
        given = json.loads(await response.read())
    assert [one["id"] for one in given["questions"]] == [one.id for one in QUESTIONS]
    assert all(key.startswith("g") for key in given["strings"])
    async with session.get(hotline.url) as response:
        first = await response.text()
    for text in given["strings"].values():
        assert len(text.split()) < 3 or text not in first


async def test_an_organisation_switches_them_off(hotline, browser, session):
    hotline.settings = msgspec.structs.replace(
        hotline.settings, guided=GuidedSettings(questions=False)
    )
    await hotline.restart()
    await browser.write(PLEA)
    screen = await browser.submit("kept-form", "look")
    assert "ask" not in screen.forms["answer-form"].buttons
    screen = await browser.post({**screen.forms["answer-form"].fields, "do": "ask"})
    assert screen.state != "guided"
    async with session.get(f"{hotline.url}/static/guided-en.json") as response:
        assert response.status == 404
