"""A page goes on with a chat: a code, the page's number in the chat, a line that names its keys."""

import re
from pathlib import Path

import pytest
from sqlalchemy import update

from intake_server.courier import codes, outbound
from intake_server.courier.answers import read_answers
from intake_server.courier.paging import PageWish, asks_sign, read_page
from intake_server.courier.parts import NEW_KEYS
from intake_server.courier.work import Work
from intake_server.languages import load_languages
from intake_server.web.ways_pages import sign_words
from tests.intake_server.courier.test_codes import Chat
from tests.intake_server.keeper.test_pages import propose
from tests.intake_server.keeper.world import Client
from vault import tables
from vault.page_proposal import number_for
from vault.slot_records import Conversation

ANSWERS = read_answers(Path(), "en")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(outbound, "_LOOK", 0.05)


@pytest.fixture
async def chat(stage):
    courier = await stage.with_courier()
    chat = Chat(courier.channels["loopback"], "kim")
    await chat.ask("hello")
    return chat


async def code_of(chat) -> str:
    said = await chat.ask("/page")
    (code,) = re.findall(r"\d{10}", said.split("/page")[0])
    assert said == ANSWERS.page_code.replace("{code}", code)
    return code


async def waiting(stage) -> Conversation:
    row = await stage.only_row()
    return stage.keeper.slots.get(row.slot)


NO_WISHES = ["page", "page 0123456789", "/pages", "my /page", "off", "", "/page 012345678x"]


@pytest.mark.parametrize("text", [*NO_WISHES, "/page he reads this, hurry"])
def test_a_bare_word_is_a_message(text):
    assert read_page(text) is None


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("/page", PageWish()),
        (" /PAGE 01234 56789 ", PageWish("0123456789")),
        ("/page 012-345-6789", PageWish("0123456789")),
        ("/page ٠١٢٣٤٥٦٧٨٩", PageWish("0123456789")),
        ("/page off", PageWish(is_off=True)),
        ("/page 123", PageWish("-")),
    ],
)
def test_a_wish_is_read_as_people_write_it(text, wish):
    assert read_page(text) == wish


async def test_a_page_is_named_to_the_team_once_the_chat_repeats_its_number(stage, chat):
    code = await code_of(chat)
    page = await propose(stage, Client(), code)
    assert not (await waiting(stage)).is_asked
    number = number_for(code, page.hash)
    assert await chat.ask(f"/page {number[:5]} {number[5:]}") == ANSWERS.page_asked
    row = await stage.only_row()
    assert (await stage.texts(row))[1:] == [asks_sign("loopback", page.hash)]
    kept = await waiting(stage)
    assert (kept.lookup_tag, kept.verify_key, kept.box_key) == (
        page.lookup_tag,
        page.verify_key,
        page.box_key,
    )
    assert not kept.has_phrase


async def test_the_number_of_another_page_names_nobody(stage, chat):
    """Somebody who saw the code is quicker; the client types what their own page shows."""
    seen, own = Client(), Client()
    first = await code_of(chat)
    thief = await propose(stage, seen, first)
    for typed in (number_for(first, bytes(32)), "1234567890", "12"):
        assert await chat.ask(f"/page {typed}") == ANSWERS.page_wrong
    assert not (await waiting(stage)).is_asked
    code = await code_of(chat)
    page = await propose(stage, own, code)
    assert await chat.ask(f"/page {number_for(first, thief.hash)}") == ANSWERS.page_wrong
    assert await chat.ask(f"/page {number_for(code, page.hash)}") == ANSWERS.page_asked
    assert (await waiting(stage)).lookup_tag == page.lookup_tag


async def test_guessing_the_number_ends_soon(stage, chat):
    code = await code_of(chat)
    page = await propose(stage, Client(), code)
    right = int(number_for(code, page.hash))
    for step in range(1, codes.TRIES + 1):
        guess = f"{(right + step) % 10**10:010}"
        assert await chat.ask(f"/page {guess}") == ANSWERS.page_wrong
    assert await chat.ask(f"/page {right:010}") == ANSWERS.join_busy
    assert not (await waiting(stage)).is_asked


async def test_it_is_taken_back(stage, chat):
    code = await code_of(chat)
    page = await propose(stage, Client(), code)
    await chat.ask(f"/page {number_for(code, page.hash)}")
    assert await chat.ask("/page off") == ANSWERS.page_off
    assert not (await waiting(stage)).is_asked
    row = await stage.only_row()
    assert (await stage.texts(row))[-1] == "[page off]"
    assert await chat.ask(f"/page {number_for(code, page.hash)}") == ANSWERS.page_wrong


async def test_a_line_that_the_database_held_up_is_written_after_all(stage, chat, monkeypatch):
    """The keeper has kept what asks; the same message again ends the rest."""
    real, failed = Work.store_further, []

    async def once(self, *given):
        if not failed:
            failed.append(True)
            raise OSError
        await real(self, *given)

    code = await code_of(chat)
    page = await propose(stage, Client(), code)
    monkeypatch.setattr(Work, "store_further", once)
    assert await chat.ask(f"/page {number_for(code, page.hash)}") == ANSWERS.page_asked
    assert failed
    row = await stage.only_row()
    assert (await stage.texts(row))[1:] == [asks_sign("loopback", page.hash)]


async def test_what_a_chat_types_is_no_line_of_the_couriers(stage, chat):
    typed = asks_sign("loopback", bytes(32))
    await chat.say(typed)
    *_, stored = await stage.texts(await stage.only_row())
    assert stored == typed.replace("[", "(").replace("]", ")")
    english = load_languages(Path("intake_server/web/strings"), "en").listed[0]
    assert sign_words(english, stored) == stored


async def test_a_command_of_somebody_new_is_a_message(stage):
    courier = await stage.with_courier()
    new = Chat(courier.channels["loopback"], "lee")
    await new.ask("/page")
    assert await stage.texts(await stage.only_row()) == ["/page"]


async def test_words_after_the_command_are_not_lost(stage, chat):
    await chat.say("/page is being read by him, please hurry")
    assert (await stage.texts(await stage.only_row()))[-1].endswith("please hurry")


async def test_a_page_that_asks_waits_for_somebody(stage, chat):
    """Also in a conversation that was answered: it stands in the queue again."""
    t = tables.conversations
    rest = update(t).values(waiting_minute=None, answered=True, state="resting")
    await stage.database.write(lambda c: c.execute(rest))
    code = await code_of(chat)
    assert (await stage.only_row()).waiting_since is None
    page = await propose(stage, Client(), code)
    assert await chat.ask(f"/page {number_for(code, page.hash)}") == ANSWERS.page_asked
    assert (await stage.only_row()).waiting_since is not None


@pytest.mark.parametrize("command", ["/page", "/code", "/hours 18-22", "/erase"])
async def test_new_keys_are_told_also_where_the_first_word_is_a_command(stage, chat, command):
    """Who took the number over begins with a command; the team is told all the same, and once."""
    await chat.channel.say(chat.name, command, identity_changed=True)
    await chat.hear()
    await chat.ask("/hours")
    assert (await stage.texts(await stage.only_row())).count(NEW_KEYS) == 1


async def test_new_keys_stand_before_the_page_that_asks(stage, chat):
    code = await code_of(chat)
    page = await propose(stage, Client(), code)
    number = number_for(code, page.hash)
    await chat.channel.say(chat.name, f"/page {number}", identity_changed=True)
    assert await chat.hear() == ANSWERS.page_asked
    told = await stage.texts(await stage.only_row())
    assert told[1:] == [NEW_KEYS, asks_sign("loopback", page.hash)]
