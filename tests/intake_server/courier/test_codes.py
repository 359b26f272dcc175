"""Two chats of one person become one conversation by a code, and by nothing else."""

import asyncio
import re
from pathlib import Path

import pytest

from bots.loopback import Loopback
from intake_server.courier import codes, inbound, outbound
from intake_server.courier.answers import read_answers
from intake_server.courier.codes import AskCode, Join, read_request
from intake_server.courier.commands import ERASE_COMMAND
from intake_server.keeper import join_codes
from vault import addresses
from vault.keeper_client import CourierKeeper

JOIN_BUSY = read_answers(Path(), "en").join_busy


class Second(Loopback):
    """Another network: what the courier knows of it is its name."""

    name = "matrix"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(outbound, "_LOOK", 0.05)


@pytest.mark.parametrize("text", ["code", "join 0123456789", "/codes", "/joined", "my /code", ""])
def test_a_bare_word_is_a_message(text):
    assert read_request(text) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("/join 0123456789", "0123456789"),
        (" /JOIN 01234 56789 ", "0123456789"),
        ("/join 012-345-6789", "0123456789"),
        ("/join ٠١٢٣٤٥٦٧٨٩", "0123456789"),
        ("/join", ""),
        ("/join 123", ""),
        ("/join 01234567890", ""),
        ("/join 012345678x", ""),
    ],
)
def test_a_code_is_read_as_people_write_it(text, code):
    assert read_request(text) == Join(code)


def test_a_code_is_asked_for():
    assert read_request("/Code ") == AskCode()


class Chat:
    def __init__(self, channel, name):
        self.channel = channel
        self.name = name
        self.heard = channel.listen(name)

    async def say(self, text):
        async with asyncio.timeout(60):
            await self.channel.say(self.name, text)

    async def hear(self):
        async with asyncio.timeout(60):
            while "text" not in (line := await self.heard.get()):
                pass
        return line["text"]

    async def ask(self, text):
        await self.say(text)
        return await self.hear()


@pytest.fixture
async def chats(stage):
    """Kim's two chats, and one of somebody else."""
    courier = await stage.with_courier()
    loopback = courier.channels["loopback"]
    second = Second(now=stage.clock.unix)
    courier.channels["matrix"] = second
    await second.start(lambda incoming: courier.inbound.take(second, incoming))
    yield Chat(loopback, "kim"), Chat(second, "kim's room"), Chat(second, "robin")
    await second.stop()


async def code_of(chat) -> str:
    return re.search(r"/join (\d{10})", await chat.ask("/code"))[1]


async def test_a_second_chat_goes_on_with_the_first(stage, chats):
    first, second, _ = chats
    await first.ask("hello")
    assert (await second.ask(f"/join {await code_of(first)}")).startswith("Done.")
    await second.say("me again")
    row = await stage.only_row()
    assert await stage.texts(row) == ["hello", "[joined matrix]", "me again"]
    known = await stage.database.read(lambda c: addresses.reaches(c, row.id))
    assert [one.channel for one in known] == ["loopback", "matrix"]


async def test_an_answer_goes_to_the_chat_that_it_was_sealed_for(stage, chats):
    first, second, _ = chats
    await first.ask("hello")
    await second.ask(f"/join {await code_of(first)}")
    row = await stage.only_row()

    class There:
        id, slot, tag, due, channel = row.id, row.slot, row.tag, row.due, "matrix"

    await stage.answer(There, "We are here.")
    assert await second.hear() == "We are here."
    assert first.heard.empty()
    await stage.answer(row, "And here.")
    assert await first.hear() == "And here."


async def test_a_code_joins_one_chat_and_no_second(stage, chats):
    first, second, other = chats
    await first.ask("hello")
    code = await code_of(first)
    await second.ask(f"/join {code}")
    assert "does not hold" in await other.ask(f"/join {code}")
    row = await stage.only_row()
    assert await stage.texts(row) == ["hello", "[joined matrix]"]


async def test_one_account_that_guesses_blocks_itself_and_nobody_else(stage, chats):
    first, second, guesser = chats
    await first.ask("hello")
    for _ in range(codes.TRIES):
        assert "does not hold" in await guesser.ask("/join 0000000000")
    right = await code_of(first)
    assert await guesser.ask(f"/join {right}") == JOIN_BUSY, "the keeper is not even asked"
    assert (await second.ask(f"/join {right}")).startswith("Done.")
    stage.clock.turn(codes.TRIES_LIFE)
    assert "does not hold" in await guesser.ask(f"/join {right}")
    assert len(await stage.rows()) == 1


async def test_a_busy_keeper_is_not_called_a_wrong_number(chats, monkeypatch):
    first, second, guesser = chats
    await first.ask("hello")
    right = await code_of(first)
    monkeypatch.setattr(join_codes, "TRIES", 1)
    assert "does not hold" in await guesser.ask("/join 0000000000")
    assert await second.ask(f"/join {right}") == JOIN_BUSY


async def test_who_has_a_conversation_keeps_it_and_is_told_how(stage, chats):
    first, _, other = chats
    await first.ask("hello")
    await other.ask("I am Robin")
    assert "of its own" in await other.ask(f"/join {await code_of(first)}")
    assert sorted([await stage.texts(row) for row in await stage.rows()]) == [
        ["I am Robin"],
        ["hello"],
    ]


async def test_whom_nobody_knows_is_heard_whatever_they_write(stage, chats):
    first, _, other = chats
    await first.say("/code")
    await other.say("/join me please")
    texts = sorted([await stage.texts(row) for row in await stage.rows()])
    assert texts == [["/code"], ["/join me please"]]


async def test_the_earlier_chat_of_the_same_messenger_has_no_way_back(stage, chats):
    """Nor has its row: neither a command nor a message of it touches the conversation."""
    first, _, _ = chats
    later = Chat(first.channel, "kim's new phone")
    await first.ask("hello")
    (old,) = await stage.database.read(addresses.every)
    assert (await later.ask(f"/join {await code_of(first)}")).startswith("Done.")
    row = await stage.only_row()
    (known,) = await stage.database.read(lambda c: addresses.reaches(c, row.id))
    stage.clock.turn(7200)
    for text in ("/join 0", "/hours 18-22", "more"):
        await first.say(text)
    assert await stage.texts(row) == ["hello", "[joined loopback]"]
    assert await stage.database.read(lambda c: addresses.reaches(c, row.id)) == [known]
    (other,) = [one for one in await stage.rows() if one.id != row.id]
    assert await stage.texts(other) == ["/join 0", "[safe hours 18:00-22:00]", "more"]
    await stage.answer(row, "We are here.")
    assert await later.hear() == "We are here."
    put = (old.channel, old.slot, old.tag, old.outer)
    await stage.database.write(lambda c: addresses.put(c, row.id, *put))
    message = await stage.answer(row, "And here.")
    assert await stage.ended(row, message) == ("failed", "no_address")


async def test_a_crash_between_the_keepers_two_steps_is_mended_by_the_same_message(
    stage, chats, monkeypatch
):
    first, _, _ = chats
    later = Chat(first.channel, "kim's new phone")
    await first.ask("hello")
    real, failed = CourierKeeper.seal_address, []

    async def once(self, *arguments):
        if not failed:
            failed.append(True)
            raise OSError
        return await real(self, *arguments)

    monkeypatch.setattr(CourierKeeper, "seal_address", once)
    assert (await later.ask(f"/join {await code_of(first)}")).startswith("Done.")
    live, _ = await stage.caretaker.all_live()
    assert sorted(one.kind for one in live) == [1, 2]
    await stage.answer(await stage.only_row(), "We are here.")
    assert await later.hear() == "We are here."


async def test_erasing_in_one_chat_erases_both(stage, chats):
    first, second, _ = chats
    await first.ask("hello")
    await second.ask(f"/join {await code_of(first)}")
    number = re.search(r"\b\d{4}\b", await second.ask(ERASE_COMMAND))[0]
    assert await second.ask(number) == "Done."
    assert await stage.rows() == []
    assert await stage.caretaker.all_live() == ([], False)


async def test_a_crash_after_the_keeper_joined_is_mended_by_the_same_message(
    stage, chats, monkeypatch
):
    first, second, _ = chats
    await first.ask("hello")
    code = await code_of(first)
    real, failed = inbound.Work.joined, []

    async def once(self, *arguments):
        if not failed:
            failed.append(True)
            raise OSError
        return await real(self, *arguments)

    monkeypatch.setattr(inbound.Work, "joined", once)
    assert (await second.ask(f"/join {code}")).startswith("Done.")
    row = await stage.only_row()
    assert await stage.texts(row) == ["hello", "[joined matrix]"]
    assert failed
