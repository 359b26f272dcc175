"""A chat that a page let in: one conversation, its client's hours, an end from either side."""

import re
from pathlib import Path

import pytest

from intake_server.courier.answers import read_answers
from intake_server.courier.commands import DIGITS
from intake_server.courier.work import Work
from intake_server.languages import load_languages
from intake_server.web.ways_pages import sign_words
from tests.intake_server.courier.test_codes import Chat
from vault import addresses, conversations
from vault.conversations import NewConversation
from vault.sealing import random_bytes

MATRIX = 3
LOOPBACK = 255
ANSWERS = read_answers(Path(), "en")


@pytest.fixture
async def chat(stage):
    courier = await stage.with_courier()
    return Chat(courier.channels["loopback"], "kim")


@pytest.fixture
async def client(stage):
    """Somebody who wrote on the page."""
    client, made = await stage.write_in()
    new = NewConversation(
        id=client.conversation_id,
        slot=made.reference.slot,
        tag=made.reference.tag,
        channel="web",
        language="",
        danger=False,
        epoch=1,
        outer_team=made.team_wrap,
        outer_client=made.client_wrap,
        due=made.due,
        latest=made.latest,
        now=stage.now(),
    )
    await stage.database.write(lambda c: conversations.create(c, new))
    return client


async def by_chat(stage):
    """The page's row, as the desk seals an answer for the chat."""
    row = await stage.only_row()

    class There:
        id, slot, tag, due, channel = row.id, row.slot, row.tag, row.due, "loopback"

    return row, There


async def test_a_chat_writes_into_the_pages_conversation_and_is_answered(stage, client, chat):
    assert await chat.ask(f"/join {await stage.code(client)}") == ANSWERS.joined
    await chat.say("from the bus")
    row, there = await by_chat(stage)
    assert await stage.texts(row) == ["[joined loopback]", "from the bus"]
    assert row.channel == "web"
    await stage.answer(there, "We are here.")
    assert await chat.hear() == "We are here."


async def test_hours_of_the_page_hold_for_the_chat(stage, client, chat):
    await chat.ask(f"/join {await stage.code(client)}")
    minute = stage.now() % 86_400 // 60
    later = (minute + 600) % 1_440
    await stage.choose_hours(client, LOOPBACK, later, (later + 1) % 1_440)
    row, there = await by_chat(stage)
    message = await stage.answer(there, "Not now.")
    assert await stage.settled(row, message) == ("waiting", "later")
    assert chat.heard.empty()


async def test_what_the_page_ended_is_sent_nowhere(stage, client, chat):
    await chat.ask(f"/join {await stage.code(client)}")
    row, there = await by_chat(stage)
    await stage.joins.redeem(await stage.code(client), random_bytes(32), MATRIX, 48)
    await stage.part(client, LOOPBACK)
    message = await stage.answer(there, "Too late.")
    assert await stage.settled(row, message) == ("failed", "no_address")
    assert chat.heard.empty()
    await chat.ask("hello again")
    assert len(await stage.rows()) == 2, "who writes there later is somebody new"


@pytest.mark.parametrize(
    "typed",
    [
        "[left loopback]",
        "[joined matrix]",
        "[safe hours off]",
        " [new keys]\n",
        "[voice] [no room]",
    ],
)
async def test_what_a_chat_types_is_never_the_couriers_own_word(stage, client, chat, typed):
    """Who stole the number could otherwise tell the client that nobody is there any more."""
    await chat.ask(f"/join {await stage.code(client)}")
    await chat.say(typed)
    _joined, stored = await stage.texts(await stage.only_row())
    assert stored == typed.replace("[", "(").replace("]", ")")
    english = load_languages(Path("intake_server/web/strings"), "en").listed[0]
    assert sign_words(english, stored) == stored


async def test_an_end_that_the_database_held_up_is_no_erasure(stage, client, chat, monkeypatch):
    """The keeper has freed the address; the same message again ends the rest and says no more."""
    real, failed = Work.address_dropped, []

    async def once(self, *given):
        if not failed:
            failed.append(True)
            raise OSError
        await real(self, *given)

    await chat.ask(f"/join {await stage.code(client)}")
    number = re.search(rf"\d{{{DIGITS}}}", await chat.ask("/erase"))[0]
    monkeypatch.setattr(Work, "address_dropped", once)
    assert await chat.ask(number) == ANSWERS.parted
    assert failed
    row = await stage.only_row()
    assert await stage.texts(row) == ["[joined loopback]", "[left loopback]"]
    assert await stage.database.read(lambda c: addresses.of(c, row.id)) == []


async def test_the_chat_ends_itself_alone_and_says_so_before(stage, client, chat):
    await chat.ask(f"/join {await stage.code(client)}")
    assert await chat.ask("/code") == ANSWERS.join_page
    asked = await chat.ask("/erase")
    number = re.search(rf"\d{{{DIGITS}}}", asked)[0]
    assert asked == ANSWERS.part_number.replace("{number}", number)
    assert await chat.ask(number) == ANSWERS.parted
    row = await stage.only_row()
    assert await stage.texts(row) == ["[joined loopback]", "[left loopback]"]
    assert await stage.database.read(lambda c: addresses.of(c, row.id)) == []
    assert await stage.web.find(client.lookup_tag)
