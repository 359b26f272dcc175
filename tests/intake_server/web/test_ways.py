"""The page lets a chat in, chooses its hours and ends it: with the code, and without."""

import msgspec
import pytest

from intake_server.courier.codes import left_sign_of, sign_of
from intake_server.settings import ChannelSettings, DataSettings, LoopbackSettings
from intake_server.web.view import Site
from tests.intake_server.web import conftest
from vault import addresses, conversations, messages
from vault.envelope import (
    Direction,
    Envelope,
    Format,
    Origin,
    Text,
    encode_body,
    seal_envelope,
)
from vault.keeper_joins import WaysKeeper
from vault.keeper_protocol import Peer, Verb, u8, u16
from vault.keeper_requests import open_answer
from vault.sealing import Kind, random_bytes, sign_keys
from vault.ways import read_ways

LOOPBACK = 255


class Courier:
    """Redeems codes and signs lines, as the courier does."""

    def __init__(self, hotline):
        self.hotline = hotline
        self.written = 0

    async def redeem(self, code):
        digits = "".join(sign for sign in code if sign.isdigit()).encode()
        given = (digits, random_bytes(32), u8(LOOPBACK), u16(24))
        self.found = await self.hotline.keeper.ask(Peer.COURIER, Verb.REDEEM_JOIN_CODE, *given)
        address, owner = self.found[0], self.found[2]

        def put(c):
            slot, tag = int.from_bytes(address[:4], "big"), address[4:]
            addresses.put(c, owner, "loopback", slot, tag, b"sealed")

        await self.hotline.work.database.write(put)

    async def writes(self, conversation, cpk, text, signer=None):
        self.written += 1
        content = Envelope(
            conversation_id=conversation,
            message_id=random_bytes(16),
            writer_id=bytes(16),
            counter=self.written,
            direction=Direction.CLIENT_TO_TEAM,
            origin=Origin.COURIER,
            epoch=0,
            time_ms=self.hotline.clock.unix() * 1000,
            danger=False,
            format=Format.MESSAGE,
            body=encode_body(Text(text, "")),
        )
        signed = signer or self.hotline.keeper.courier.sign
        envelope = seal_envelope(content, Kind.MESSAGE, cpk, signed)
        row = messages.NewMessage(
            content.message_id, conversation, 1, 1, envelope, self.hotline.clock.unix()
        )
        await self.hotline.work.database.write(lambda c: messages.add(c, row))


@pytest.fixture
def messengers():
    """Whether the hotline has any."""
    return True


@pytest.fixture
async def closed_hotline(keeper, messengers):
    """Web of a hotline with a messenger, or without."""
    conftest.migrate(DataSettings(folder=keeper.data).database_url)
    channels = ChannelSettings(loopback=LoopbackSettings(enabled=messengers))
    settings = msgspec.structs.replace(conftest.settings_in(keeper.data), channels=channels)
    web = conftest.Hotline(keeper, settings)
    await web.start()
    yield web
    await web.stop()


@pytest.fixture
def courier(hotline):
    return Courier(hotline)


async def only(hotline):
    """The one conversation: its id and public key."""
    (conversation,) = await hotline.all_messages()
    row = await hotline.read(lambda c: conversations.get(c, conversation))
    reference = row.slot.to_bytes(4, "big") + row.tag
    _, cpk, *_ = await hotline.keeper.ask(Peer.WEB, Verb.SLOT_KEYS, reference)
    return conversation, cpk


async def test_the_couriers_line_counts_only_after_the_client_let_a_chat_in(
    hotline, browser, courier
):
    await browser.write("Hello")
    place = await only(hotline)
    await courier.writes(*place, "I am the client")
    screen = await browser.submit("kept-form", "look")
    assert "We could not check that you wrote this." in screen.texts["rows"]
    screen = await browser.submit("code-form", "code")
    await courier.redeem(screen.texts["join-code"])
    await courier.writes(*place, sign_of("loopback"))
    await courier.writes(*place, "forged", signer=sign_keys(conftest.Secret(bytes(32))))
    screen = await browser.submit("answer-form", "look")
    assert "A chat in Loopback now belongs here." in screen.texts["rows"]
    assert "we take back what that app allows" in screen.texts["ways"]
    assert "You, by messenger, today" in screen.texts["rows"]
    assert screen.texts["rows"].count("We could not check that you wrote this.") == 1
    await courier.writes(*place, left_sign_of("loopback"))
    screen = await browser.submit("answer-form", "look")
    assert "The chat in Loopback does not belong here any more." in screen.words


async def test_hours_and_an_end_without_code(hotline, browser, courier):
    await browser.write("Hello")
    screen = await browser.submit("kept-form", "look")
    screen = await browser.submit("code-form", "code")
    assert "It works once, in the next 15 minutes." in screen.words
    await courier.redeem(screen.texts["join-code"])
    screen = await browser.submit("answer-form", "look")
    form = {**screen.forms["code-form"].fields, "channel": "loopback"}
    screen = await browser.post({**form, "do": "hours", "begin": "18:00", "end": "18:00"})
    assert "Choose two different times" in screen.words
    screen = await browser.post({**form, "do": "hours", "begin": "18:00", "end": "06:30"})
    assert "Answers come to the chat only at 18:00-06:30" in screen.words
    assert "Loopback: answers come there too, 18:00-06:30 only" in screen.texts["ways"]
    opened = read_ways(await ways_of(hotline))
    assert [(one.begin, one.end) for one in opened.each] == [(1080, 390)]
    screen = await browser.post({**form, "do": "anytime"})
    assert "Answers may come to the chat at any time." in screen.words
    screen = await browser.post({**form, "do": "part", "channel": "carrier pigeon"})
    assert "This was not done." in screen.words
    screen = await browser.post({**form, "do": "part"})
    assert "Ended. No answer goes to Loopback any more." in screen.words
    conversation, _ = await only(hotline)
    assert await hotline.read(lambda c: addresses.of(c, conversation)) == []
    screen = await browser.post({**form, "do": "part"})
    assert "This was not done." in screen.words


async def ways_of(hotline):
    conversation, _ = await only(hotline)
    *_, ways = await conftest.Counsellor(hotline).answer_to_open(conversation)
    return ways


async def test_the_page_asks_with_proofs_and_reads_sealed_answers(hotline, client, courier):
    await client.first("Hello")
    body = await client.proof(Verb.CLIENT_JOIN_CODE)
    answer = await client.post("/api/code", **body)
    (code,) = read(client, answer)
    await courier.redeem(code.decode())
    signed = (u8(LOOPBACK), u16(60), u16(120))
    body = await client.proof(Verb.CLIENT_HOURS, *signed)
    answer = await client.post("/api/hours", **body, channel=LOOPBACK, begin=60, end=120)
    assert [(one.begin, one.end) for one in read_ways(*read(client, answer)).each] == [(60, 120)]
    answer = await client.post("/api/hours", **body, channel=LOOPBACK, begin=60, end=120)
    assert (client.status, answer) == (403, {"error": "refused"})
    for wrong in ({"channel": 1}, {"begin": 1440}, {"end": -1}):
        given = {"channel": LOOPBACK, "begin": 60, "end": 120} | wrong
        answer = await client.post("/api/hours", **body, **given)
        assert (client.status, answer) == (400, {"error": "malformed"})
    body = await client.proof(Verb.CLIENT_PART, u8(LOOPBACK))
    answer = await client.post("/api/part", **body, channel=LOOPBACK)
    told = read_ways(*read(client, answer))
    assert (told.is_joined, told.each) == (True, ())
    assert await hotline.read(lambda c: addresses.of(c, client.conversation)) == []


async def test_a_chat_that_joins_while_the_earlier_one_ends_keeps_its_row(
    hotline, client, courier, monkeypatch
):
    await client.first("Hello")
    (code,) = read(
        client, await client.post("/api/code", **await client.proof(Verb.CLIENT_JOIN_CODE))
    )
    await courier.redeem(code.decode())
    earlier = await hotline.read(lambda c: addresses.of(c, client.conversation))
    real = WaysKeeper.part

    async def then_joined(*given):
        answer = await real(*given)
        of, (row,) = client.conversation, earlier
        at = ("loopback", 77, bytes(16), row.outer)
        await hotline.work.database.write(lambda c: addresses.put(c, of, *at))
        return answer

    monkeypatch.setattr(WaysKeeper, "part", then_joined)
    body = await client.proof(Verb.CLIENT_PART, u8(LOOPBACK))
    await client.post("/api/part", **body, channel=LOOPBACK)
    assert client.status == 200
    rows = await hotline.read(lambda c: addresses.of(c, client.conversation))
    assert [(one.slot, one.tag) for one in rows] == [(77, bytes(16))]


def read(client, answer):
    return open_answer(client.reply, client.nonce, conftest.api.decode(answer["answer"]))


@pytest.mark.parametrize("messengers", [False])
async def test_without_a_messenger_the_page_offers_none(browser):
    await browser.write("Hello")
    screen = await browser.submit("kept-form", "look")
    assert "code-form" not in screen.forms


def test_the_page_names_the_clock_by_which_the_courier_counts():
    settings = conftest.Settings(page=conftest.PageSettings(time_zone="Asia/Manila"))
    site = Site(settings)
    site.take(conftest.PageSettings(time_zone="Europe/Berlin"), is_trial=False)
    language = site.languages[0]
    assert (site.dates(language).city, site.hours_city(language)) == ("Berlin", "Manila")
