"""What is said without a counsellor is said in the language of what somebody wrote."""

import asyncio
import itertools
import json
import re

import msgspec
import pytest

from intake_server.courier.answers import AnswersError, read_spoken
from intake_server.courier.commands import ERASE_COMMAND
from intake_server.settings import PageSettings
from vault import conversations

ROMANIAN = "Bună, am nevoie de ajutor"
RUSSIAN = "здравствуйте, мне нужна помощь"


NUMBERS = itertools.count()


class Person:
    def __init__(self, channel, name):
        self.channel = channel
        self.name = name
        self.heard = channel.listen(name)

    async def ask(self, text):
        async with asyncio.timeout(60):
            await self.channel.say(self.name, text, transport_id=f"spoken-{next(NUMBERS)}")
            while "text" not in (line := await self.heard.get()):
                pass
        return line["text"]


@pytest.fixture
def spoken(stage):
    return read_spoken(stage.folder / "courier", "en")


async def kim_of(stage):
    return Person((await stage.with_courier()).channels["loopback"], "kim")


def starts(text, said):
    return text.startswith(said.partition("{")[0])


async def test_the_first_answer_and_all_others_are_in_the_language_of_the_message(stage, spoken):
    kim, there = await kim_of(stage), spoken.by_language["ro"]
    assert starts(await kim.ask(ROMANIAN), there.acknowledgement)
    assert await kim.ask("/hours") == there.hours_how
    assert starts(await kim.ask("/code"), there.join_code)
    asked = await kim.ask(ERASE_COMMAND)
    assert starts(asked, there.erase_number)
    assert await kim.ask(re.search(r"\b\d{4}\b", asked)[0]) == there.erased


async def test_two_people_are_answered_each_in_their_own(stage, spoken):
    kim = await kim_of(stage)
    jo = Person(kim.channel, "jo")
    assert starts(await kim.ask(ROMANIAN), spoken.by_language["ro"].acknowledgement)
    assert starts(await jo.ask(RUSSIAN), spoken.by_language["ru"].acknowledgement)
    assert await kim.ask("/hours") == spoken.by_language["ro"].hours_how


async def test_who_goes_on_in_another_language_is_answered_in_that(stage, spoken):
    kim = await kim_of(stage)
    await kim.ask(ROMANIAN)
    async with asyncio.timeout(60):
        await kim.channel.say("kim", RUSSIAN)
    assert await kim.ask("/hours") == spoken.by_language["ru"].hours_how


async def test_what_tells_nothing_is_answered_in_the_language_of_the_page(stage):
    stage.settings = msgspec.structs.replace(stage.settings, page=PageSettings(language="de"))
    kim = await kim_of(stage)
    german = read_spoken(stage.folder / "courier", "de").usual
    assert starts(await kim.ask("?"), german.acknowledgement)


async def test_after_a_restart_what_screening_noted_tells(stage, spoken):
    kim = await kim_of(stage)
    await kim.ask(ROMANIAN)
    row = await stage.only_row()
    await stage.database.write(lambda c: conversations.set_language(c, row.id, "ro"))
    await stage.dismiss_all()
    kim = await kim_of(stage)
    assert await kim.ask("/hours") == spoken.by_language["ro"].hours_how


async def test_the_optional_questions_too(stage):
    kim = await kim_of(stage)
    await kim.ask(ROMANIAN)
    assert "în siguranță" in await kim.ask("/questions")


def test_own_words_are_for_everybody_or_by_language(tmp_path):
    own = {"erased": "Fine.", "text_only": {"ro": "Scrie text."}, "left_staying": {"ro": ""}}
    (tmp_path / "answers.json").write_text(json.dumps(own), encoding="utf-8")
    spoken = read_spoken(tmp_path, "ro")
    assert {one.erased for one in spoken.by_language.values()} == {"Fine."}
    assert (spoken.usual.text_only, spoken.usual.left_staying) == ("Scrie text.", "")
    assert spoken.by_language["de"].text_only.startswith("Das")


@pytest.mark.parametrize(
    "own", ['{"erased": 1}', '{"erased": {"ro": 1}}', '{"other": ""}', "[]", "{"]
)
def test_own_words_that_cannot_be_used_are_said(tmp_path, own):
    (tmp_path / "answers.json").write_text(own)
    with pytest.raises(AnswersError, match=r"answers\.json"):
        read_spoken(tmp_path, "en")


def test_a_page_in_a_language_without_words_is_answered_in_english(tmp_path):
    assert read_spoken(tmp_path, "tr").default == "en"
