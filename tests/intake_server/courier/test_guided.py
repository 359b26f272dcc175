"""The optional questions over a messenger: the numbers are those of `courier.guided`'s theory."""

import asyncio

import msgspec
import pytest

from bots.channel import Attachment, ChannelUnavailable, Incoming
from intake_server.courier.guided import (
    ASK_COMMAND,
    TAKE_BACK_COMMAND,
    VALID,
    Guided,
    read_words,
)
from intake_server.courier.parts import MARKS, NEW_KEYS
from intake_server.settings import GuidedSettings, ScreeningSettings
from triage.guided import QUESTIONS, UNSAFE, Answer
from vault.engine import DatabaseFull
from vault.envelope import Format

LOCKED_SCREEN = 60  # characters of a message that a locked screen shows
TAG = b"tag"
LANGUAGE, ALL_WORDS = "en", read_words()
WORDS = ALL_WORDS[LANGUAGE]


class Turned:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Turned()


@pytest.fixture
def guided(clock):
    return Guided(ALL_WORDS, clock)


class Person:
    """Writes, and what comes of it is stored and done."""

    def __init__(self, guided, tag=TAG):
        self.guided = guided
        self.tag = tag
        self.number = 0

    def writes(self, text):
        self.number += 1
        step = self.guided.read(self.tag, b"%d" % self.number, text)
        if step is None:
            self.guided.forget(self.tag)
        else:
            self.guided.did(self.tag, step)
        return step


@pytest.fixture
def kim(guided):
    return Person(guided)


def test_1_each_question_comes_with_rather_not_first_and_its_own_numbers(kim):
    step = kim.writes(f" {ASK_COMMAND.upper()}\n")
    assert step.begins
    for question in QUESTIONS:
        lines = step.say.splitlines()
        assert WORDS[f"ask_{question.id}"] in lines
        first = lines.index(f"0 {WORDS['rather_not']}")
        for number, choice in enumerate(question.choices, start=1):
            assert lines[first + number] == f"{number} {WORDS[f'say_{choice.value}']}"
        assert (WORDS["rules"] in lines) is (question is QUESTIONS[0])
        step = kim.writes("0")
    assert step.say == WORDS["nothing"]
    assert (step.answers, step.run) == (None, None)


def test_a_locked_screen_shows_nothing_of_it(kim):
    shown = {kim.writes(text).say[:LOCKED_SCREEN] for text in (ASK_COMMAND, *"010203")}
    questions = {WORDS[f"ask_{one.id}"].split()[-1] for one in QUESTIONS}
    assert len(shown) == 2  # the lead of every question, and the end
    for begin in shown | {WORDS[key][:LOCKED_SCREEN] for key in ("stop_here", "given", "offer")}:
        assert not any(word in begin for word in {*questions, "papers", "debt", "safely"})


@pytest.mark.parametrize("text", ["help", "stop", "questions", "1", "0", "/questions please", ""])
def test_2_without_a_question_everything_is_for_a_counsellor(kim, text):
    assert kim.writes(text) is None


@pytest.mark.parametrize("text", ["4", "3", "yes", "he is here", "12", "-1", ""])
def test_2_anything_else_is_for_a_counsellor_and_ends_the_questions(kim, text):
    kim.writes(ASK_COMMAND)
    assert kim.writes(text) is None
    assert kim.writes("1") is None


def test_2_a_question_stands_for_ten_minutes(kim, clock):
    kim.writes(ASK_COMMAND)
    clock.now += VALID
    assert kim.writes("1") is None


def test_digits_of_any_script_count(kim):
    kim.writes(ASK_COMMAND)
    assert WORDS["ask_papers"] in kim.writes("１").say


def test_3_nothing_is_passed_on_before_the_person_says_so(kim):
    steps = [kim.writes(text) for text in (ASK_COMMAND, *"011020")]
    assert [step.answers for step in steps] == [None] * 7
    assert f"{WORDS['short_papers']}: {WORDS['say_yes']}" in steps[-1].say
    step = kim.writes("1")
    assert step.answers == {
        "papers": Answer.YES,
        "outside": Answer.YES,
        "debt": Answer.PARTLY,
    }
    assert kim.writes("1") is None


def test_3_or_does_not(kim):
    for text in (ASK_COMMAND, *"111111"):
        kim.writes(text)
    step = kim.writes("0")
    assert (step.say, step.answers) == (WORDS["not_given"], None)
    assert kim.writes("1") is None


def test_3_who_cannot_write_safely_is_asked_nothing_more(kim):
    kim.writes(ASK_COMMAND)
    step = kim.writes("2")
    assert (step.say, step.answers, step.run) == (WORDS["stop_here"], UNSAFE, None)
    assert kim.writes("1") is None


def test_4_a_message_delivered_twice_answers_once(guided, kim):
    kim.writes(ASK_COMMAND)
    kim.writes("1")
    again = guided.read(TAG, b"2", "1")
    assert (again.say, again.answers) == ("", None)
    guided.did(TAG, again)
    assert WORDS["ask_outside"] in kim.writes("1").say


def test_4_what_was_not_stored_is_tried_again_from_the_same_place(guided, kim):
    for text in (ASK_COMMAND, *"111111"):
        kim.writes(text)
    first, second = (guided.read(TAG, b"the end", "1") for _ in range(2))
    assert first == second
    assert len(first.answers) == len(QUESTIONS)


def test_two_people_never_answer_for_each_other(guided, kim):
    jo = Person(guided, b"another")
    kim.writes(ASK_COMMAND)
    assert jo.writes("1") is None
    jo.writes(ASK_COMMAND)
    assert WORDS["ask_papers"] in kim.writes("1").say
    assert WORDS["ask_papers"] in jo.writes("0").say


def test_nothing_of_it_is_printed(guided, kim):
    for text in (ASK_COMMAND, *"111"):
        step = kim.writes(text)
    assert "papers" not in f"{guided!r} {step!r}"


def test_who_writes_in_a_language_without_words_is_asked_in_the_pages(guided):
    assert "xx" not in ALL_WORDS
    step = guided.read(TAG, b"1", ASK_COMMAND, "xx")
    assert step.language == LANGUAGE
    assert step.say.startswith(WORDS["lead"])


def test_the_questions_go_on_in_the_language_they_began_in(guided):
    other = next(one for one in sorted(ALL_WORDS) if one != LANGUAGE)
    step = guided.read(TAG, b"1", ASK_COMMAND, other)
    guided.did(TAG, step)
    assert step.say.startswith(ALL_WORDS[other]["lead"])
    step = guided.read(TAG, b"2", "1", LANGUAGE)
    assert step.language == other
    assert ALL_WORDS[other]["ask_papers"] in step.say


# --- with keeper, database and caretaker ----------------------------------------------------


async def heard(queue, count):
    texts = []
    async with asyncio.timeout(60):
        while len(texts) < count:
            line = await queue.get()
            texts += [line["text"]] if "text" in line else []
    return texts


async def test_answers_are_stored_as_one_message_and_become_findings(stage):
    screened = ScreeningSettings(mode="on", languages=("en",))
    stage.settings = msgspec.structs.replace(stage.settings, screening=screened)
    await stage.with_caretaker()
    loopback = (await stage.with_courier()).channels["loopback"]
    queue = loopback.listen("kim")
    await loopback.say("kim", "hello")
    assert WORDS["offer"] in (await heard(queue, 1))[0]
    for text in (ASK_COMMAND, *"010000", "1"):
        await loopback.say("kim", text)
    row = await stage.only_row()
    assert await stage.texts(row) == ["hello", "1 papers=yes"]
    assert [one.format for one in await stage.envelopes(row)] == [Format.MESSAGE, Format.ANSWERS]
    assert [one.counter for one in await stage.envelopes(row)] == [1, 2]
    async with asyncio.timeout(60):
        async for _ in stage.database.changes(0):
            if (await stage.only_row()).urgency == 2:
                break
    rules = {one["rule"] for found in await stage.findings(row) for one in found["findings"]}
    assert {rule for rule in rules if rule.startswith("guided.")} == {"guided.papers"}
    await loopback.say("kim", TAKE_BACK_COMMAND)
    assert (await stage.texts(row))[-1] == "1"
    assert (await heard(queue, 9))[-1] == WORDS["taken_back"]
    assert "papers=yes" not in stage.lines.getvalue()


async def test_nobody_is_asked_before_the_team_knows_of_them(stage):
    loopback = (await stage.with_courier()).channels["loopback"]
    await loopback.say("kim", ASK_COMMAND)
    assert await stage.texts(await stage.only_row()) == [ASK_COMMAND]
    await loopback.say("kim", "2")
    assert (await stage.texts(await stage.only_row()))[1:] == ["1 safe=no"]


async def test_what_comes_with_more_than_a_digit_is_for_the_team(stage):
    courier = await stage.with_courier()
    channel = courier.channels["loopback"]
    for text in ("hello", ASK_COMMAND):
        await channel.say("kim", text)
    for number, more in enumerate(
        ({"identity_changed": True}, {"attachments": (Attachment.FILE,)})
    ):
        given = {"attachments": (), **more}
        one = Incoming("kim", f"id-{number}", "1", at=stage.now(), **given)
        await courier.inbound.take(channel, one)
    texts = await stage.texts(await stage.only_row())
    assert texts == ["hello", "1", NEW_KEYS, "1", MARKS[Attachment.FILE]]


async def test_a_full_disk_loses_no_answers(stage):
    courier = await stage.with_courier()
    channel, database = courier.channels["loopback"], courier.inbound.work.database
    for text in ("hello", ASK_COMMAND, *"111111"):
        await channel.say("kim", text)
    write, passed_on = database.write, Incoming("kim", "the end", "1", (), stage.now())

    async def refuse(_work):
        raise DatabaseFull

    database.write = refuse
    with pytest.raises(ChannelUnavailable):
        await courier.inbound.take(channel, passed_on)
    database.write = write
    for _ in range(2):
        await courier.inbound.take(channel, passed_on)
    given = " ".join(f"{question.id}=yes" for question in QUESTIONS)
    assert await stage.texts(await stage.only_row()) == ["hello", f"1 {given}"]


async def test_an_organisation_switches_them_off(stage):
    stage.settings = msgspec.structs.replace(stage.settings, guided=GuidedSettings(questions=False))
    loopback = (await stage.with_courier()).channels["loopback"]
    queue = loopback.listen("kim")
    for text in ("hello", ASK_COMMAND, "1"):
        await loopback.say("kim", text)
    assert ASK_COMMAND not in (await heard(queue, 1))[0]
    assert await stage.texts(await stage.only_row()) == ["hello", ASK_COMMAND, "1"]
