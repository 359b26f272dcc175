"""What somebody hears who erased everything: one word, then what is left in their app."""

import asyncio
from pathlib import Path

import pytest

from bots.channel import ChannelUnavailable, Remains
from bots.loopback import Loopback
from intake_server.courier import speech
from intake_server.courier.answers import read_answers
from intake_server.courier.commands import ERASE_COMMAND
from intake_server.courier.speech import RECEIPT_WITHIN, receipt_for
from tests.intake_server.courier.test_leaving import next_line, next_number

NOTHING = Remains(on_server=False, in_app=False, vanishes=False)
VANISHING = Remains(on_server=False, in_app=True, vanishes=True)
STAYING = Remains(on_server=True, in_app=True, vanishes=False)


class Network(Loopback):
    """A messenger that tells what it could delete, and notes in which order it was asked."""

    def __init__(self, remains, **more):
        super().__init__(**more)
        self.remains = remains
        self.asked = []
        self.withdrawing = asyncio.Event()
        self.withdrawing.set()

    async def withdraw(self, address):
        await self.withdrawing.wait()
        await super().withdraw(address)
        self.asked.append("withdraw")
        return self.remains

    async def forget(self, address):
        self.asked.append("forget")
        await super().forget(address)


@pytest.fixture
async def opened(stage):
    """A courier over such a network, and what kim hears there."""
    courier, networks = await stage.with_courier(), []

    async def over(remains):
        network = Network(remains, now=stage.clock.unix)
        courier.channels["loopback"] = network
        await network.start(lambda incoming: courier.inbound.take(network, incoming))
        networks.append(network)
        heard = network.listen("kim")
        await network.say("kim", "hello, I need somebody to talk to")
        assert "timer" in await next_line(heard)
        assert "text" in await next_line(heard)
        return courier, network, heard

    yield over
    for network in networks:
        await network.stop()


async def erase(network):
    await network.say("kim", ERASE_COMMAND)
    await network.say("kim", await next_number(network))


async def said_after_number(heard):
    texts = []
    while "forgotten" not in (line := await next_line(heard)):
        texts.append(line["text"])
    return texts[1:]  # the first one names the number


@pytest.mark.parametrize(
    ("remains", "name"),
    [(NOTHING, "left_nothing"), (VANISHING, "left_vanishing"), (STAYING, "left_staying")],
)
async def test_first_one_word_then_what_the_messenger_still_has(opened, remains, name):
    courier, network, heard = await opened(remains)
    await erase(network)
    answers = courier.inbound.speech.spoken.usual
    assert await said_after_number(heard) == [answers.erased, getattr(answers, name)]
    assert network.asked == ["withdraw", "forget"], "what is said last is not withdrawn again"


async def test_the_confirmation_does_not_wait_for_the_messenger(opened):
    courier, network, heard = await opened(VANISHING)
    network.withdrawing.clear()
    await erase(network)
    assert await next_line(heard)
    assert (await next_line(heard))["text"] == courier.inbound.speech.spoken.usual.erased
    assert heard.empty()
    network.withdrawing.set()


@pytest.mark.parametrize(("last", "asked"), [("erased", []), ("left_vanishing", ["withdraw"])])
async def test_who_writes_again_while_it_is_said_keeps_the_chat(opened, monkeypatch, last, asked):
    courier, network, _ = await opened(VANISHING)
    text, send = getattr(courier.inbound.speech.spoken.usual, last), Network.send

    async def then_back(self, address, said, message_id):
        await send(self, address, said, message_id)
        if said == text:
            await self.say("kim", "it is me again")

    monkeypatch.setattr(Network, "send", then_back)
    await erase(network)
    await courier.inbound.speech.stop()
    assert network.asked == asked


async def test_a_receipt_that_comes_late_is_not_said(stage, opened):
    """The phone may lie elsewhere by then, and the message would open a chat they deleted."""
    _, network, heard = await opened(VANISHING)
    network.withdrawing.clear()
    await erase(network)
    assert await next_line(heard)
    assert await next_line(heard)
    stage.clock.turn(RECEIPT_WITHIN + 1)
    network.withdrawing.set()
    assert await next_line(heard) == {"forgotten": True}


async def test_a_receipt_is_not_tried_again(opened, monkeypatch):
    monkeypatch.setattr(speech, "TRIES", (0.0, 0.0))
    _, network, heard = await opened(VANISHING)
    send, sent = network.send, []

    async def once(address, text, message_id):
        sent.append(text)
        if len(sent) > 1:
            raise ChannelUnavailable
        return await send(address, text, message_id)

    number = await asked_for_number(network)
    network.send = once
    await network.say("kim", number)
    while "forgotten" not in await next_line(heard):
        pass
    assert len(sent) == 2


async def asked_for_number(network):
    await network.say("kim", ERASE_COMMAND)
    return await next_number(network)


async def test_who_writes_again_meanwhile_is_somebody_new_and_keeps_the_chat(stage, opened):
    _, network, heard = await opened(VANISHING)
    network.withdrawing.clear()
    await erase(network)
    assert await next_line(heard)
    assert await next_line(heard)
    await network.say("kim", "it is me again")
    assert "timer" in await next_line(heard)
    assert "text" in await next_line(heard)
    network.withdrawing.set()
    row = await stage.only_row()
    await stage.dismiss_all()  # which lets end what is being said
    assert await stage.texts(row) == ["it is me again"]
    assert network.asked == ["withdraw"]
    assert heard.empty()


async def test_who_wants_no_receipt_gets_none(stage):
    (stage.folder / "courier" / "answers.json").write_text('{"left_vanishing": ""}')
    courier = await stage.with_courier()
    heard = courier.channels["loopback"].listen("kim")
    await courier.channels["loopback"].say("kim", "hello")
    await next_line(heard)
    await next_line(heard)
    await erase(courier.channels["loopback"])
    assert await said_after_number(heard) == ["Done."]


def test_every_way_it_can_end_has_words_of_its_own():
    answers = read_answers(Path(), "en")
    said = {receipt_for(remains, answers) for remains in (NOTHING, VANISHING, STAYING)}
    assert len(said) == len(said - {""}) == 3
