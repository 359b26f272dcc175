"""However often it is sent, it is one message; whatever fails, the text stays."""

import asyncio
import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.async_api import Route, expect

from tests.browser.phone import PATIENCE_MS, Phone, a_phone, count_stored
from tests.browser.wording import page as t
from tests.flows.people import Client, to_text
from tests.flows.stack import Stack, until
from vault import phrase as phrases

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(300),
]

both_ways = pytest.mark.parametrize("code", [True, False], ids=["code", "forms"])
PLEA = "they keep my papers in the office"
CANNOT_TAKE = t("c45.cannot_take", period="10 minutes", number="112")


class Answers:
    """What happens to the answers of one address: so many are lost, the rest arrive."""

    def __init__(self, lost: int) -> None:
        self.lost, self.asked = lost, 0

    async def __call__(self, route: Route) -> None:
        self.asked += 1
        if self.asked > self.lost:
            await route.continue_()
        else:
            await route.fetch()  # it arrives and is answered
            await route.abort()


async def lose_answers(phone: Phone, path: str, lost: int) -> Answers:
    answers = Answers(lost)
    await phone.page.route(f"**{path}", answers)
    return answers


async def said(phone: Phone, words: list[str], net) -> list[str]:
    """What the phrase opens, read by somebody else."""
    client = Client(phone.stack, net, phrase=phrases.read_phrase(" ".join(words)))
    return [message.text for message in await client.come_back()]


async def focused(phone: Phone) -> str:
    return await phone.page.evaluate("document.activeElement.id")


@contextmanager
def busy(stack: Stack) -> Iterator[None]:
    """The database takes nothing: somebody else is writing and does not come to an end."""
    database = sqlite3.connect(stack.data / "database" / "havenline.sqlite3", isolation_level=None)
    try:
        database.execute("BEGIN IMMEDIATE")
        yield
    finally:
        database.rollback()
        database.close()


# --- one message ------------------------------------------------------------------------------


async def test_a_lost_answer_is_tried_again_by_itself(house, phone, net):
    conversations, messages = count_stored(house.stack)
    answers = await lose_answers(phone, "/api/first", 1)
    words = await phone.write_first(PLEA)
    assert answers.asked == 2
    assert count_stored(house.stack) == (conversations + 1, messages + 1)
    assert await said(phone, words, net) == [PLEA]


async def test_two_lost_answers_show_the_phrase_and_the_third_try_is_the_same(house, phone, net):
    conversations, messages = count_stored(house.stack)
    await lose_answers(phone, "/api/first", 2)
    await phone.visit()
    await phone.write(PLEA, name="Mira")
    await phone.send()
    told = await phone.told("write-problem")
    assert told.startswith(t("c43.arrival_unknown"))
    shown = (await phone.page.locator("#write-problem p").inner_text()).split()
    assert await said(phone, shown, net) == [PLEA]
    assert await phone.page.input_value("#text") == PLEA
    assert await phone.page.get_attribute("#text", "readonly") is not None
    assert await focused(phone) == "write-problem"
    await phone.send()
    await phone.is_at("phrase")
    assert await phone.words() == shown
    assert count_stored(house.stack) == (conversations + 1, messages + 1)


async def test_an_answer_whose_receipt_is_lost_is_one_answer(phone, net):
    words = await phone.write_first(PLEA)
    await phone.keep()
    await lose_answers(phone, "/api/send", 2)
    await phone.page.fill("#answer", "are you there")
    await phone.page.click("#answer-send")
    assert await phone.told("answer-problem") == t("c44.no_connection")
    assert await phone.page.input_value("#answer") == "are you there"
    await phone.page.click("#answer-send")
    await phone.becomes("document.getElementById('answer').value === ''")
    assert await said(phone, words, net) == [PLEA, "are you there"]


@both_ways
async def test_a_double_tap_is_one_message(house, chromium, net, code):
    async with a_phone(chromium, house.stack, code=code) as phone:
        conversations, messages = count_stored(house.stack)
        await phone.visit()
        await phone.write(PLEA)
        await phone.page.dblclick("#send")
        await phone.is_at("phrase")
        assert await said(phone, await phone.words(), net) == [PLEA]
        assert count_stored(house.stack) == (conversations + 1, messages + 1)


async def test_one_form_in_two_tabs_is_one_message(house, plain_phone):
    """As when a browser opens a copy of the tab."""
    conversations, messages = count_stored(house.stack)
    await plain_phone.visit()
    document = await plain_phone.page.content()
    twin = Phone(house.stack, plain_phone.context, await plain_phone.context.new_page(), code=False)
    await twin.page.route(
        "**/",
        lambda route: (
            route.fulfill(body=document, content_type="text/html")
            if route.request.method == "GET"
            else route.continue_()
        ),
    )
    await twin.visit()
    for one in (plain_phone, twin):
        await one.write(PLEA)
    for one in (plain_phone, twin):
        await one.send()
        await one.is_at("phrase")
    assert await twin.words() == await plain_phone.words()
    assert count_stored(house.stack) == (conversations + 1, messages + 1)


async def test_a_form_sent_again_is_one_message(house, plain_phone):
    conversations, messages = count_stored(house.stack)
    words = await plain_phone.write_first(PLEA)
    await plain_phone.page.reload()
    assert await plain_phone.words() == words
    assert count_stored(house.stack) == (conversations + 1, messages + 1)


# --- the text stays ---------------------------------------------------------------------------


@both_ways
async def test_nothing_written_is_told_in_its_place(house, chromium, code):
    async with a_phone(chromium, house.stack, code=code) as phone:
        await phone.visit()
        await phone.write(" \n ", name="Mira")
        await phone.send()
        assert await phone.told("write-problem") == t("c40.empty")
        assert await phone.page.input_value("#name") == "Mira"
        assert await focused(phone) == "write-problem"
        described = await phone.page.get_attribute("#text", "aria-describedby")
        assert "write-problem" in described.split()


@both_ways
async def test_what_is_too_long_is_kept_whole_and_can_be_split(house, chromium, net, code):
    long = " ".join(f"word{number}" for number in range(3000))
    async with a_phone(chromium, house.stack, code=code) as phone:
        await phone.visit()
        await phone.write(long)
        await phone.send()
        assert t("c42.too_long", count="#").split("#")[1] in await phone.told("write-problem")
        assert await phone.page.input_value("#text") == long
        await phone.page.get_by_role("button", name=t("c42.split")).click()
        await phone.page.get_by_label(t("c42.next_part")).wait_for()
        rest = await phone.page.get_by_label(t("c42.next_part")).input_value()
        first = await phone.page.input_value("#text")
        assert (first + rest).replace(" ", "") == long.replace(" ", "")
        await phone.send()
        await phone.is_at("phrase")
        words = await phone.words()
        await phone.keep()
        assert rest.strip() == (await phone.page.input_value("#answer")).strip()
        assert await said(phone, words, net) == [first]


async def test_a_server_that_cannot_store_leaves_every_text(house, chromium):
    """Two at once, because each of them waits some seconds for the answer."""

    async def first() -> None:
        async with a_phone(chromium, house.stack) as phone:
            await phone.visit()
            await phone.write(PLEA, name="Mira", danger=True)
            await all_written.wait()
            await begun.wait()
            await phone.send()
            assert await phone.told("write-problem") == CANNOT_TAKE
            await all_tried.wait()
            assert await phone.page.input_value("#text") == PLEA
            assert await phone.page.input_value("#name") == "Mira"
            assert await phone.page.is_checked("#danger")
            await over.wait()
            await phone.send()
            await phone.is_at("phrase")

    async def answer_by_form() -> None:
        async with a_phone(chromium, house.stack, code=False) as phone:
            await phone.write_first(PLEA)
            await phone.keep()
            await phone.page.fill("#answer", "are you there")
            await all_written.wait()
            await begun.wait()
            await phone.page.click("#answer-send")
            assert await phone.told("trouble-text") == CANNOT_TAKE
            await all_tried.wait()
            assert await phone.page.input_value("#kept-text") == "are you there"
            await over.wait()
            await phone.page.click("#try-again")
            said = phone.page.locator("#rows .theirs .said").last
            await expect(said).to_have_text("are you there", timeout=PATIENCE_MS)

    all_written, all_tried = asyncio.Barrier(3), asyncio.Barrier(3)  # the two and this test
    begun, over = asyncio.Event(), asyncio.Event()

    async with asyncio.TaskGroup() as group:
        group.create_task(first())
        group.create_task(answer_by_form())
        await all_written.wait()
        with busy(house.stack):
            begun.set()
            await all_tried.wait()
        over.set()


async def restart(stack: Stack) -> None:
    """The web process dies and comes back, with nothing of what it had in memory."""
    before = stack.pids()["web"]
    os.kill(before, signal.SIGKILL)

    async def is_back() -> bool:
        return stack.pids().get("web") not in (None, before) and await stack.is_up()

    await until(is_back, "the web process is started again")


async def test_a_server_that_starts_anew_loses_nothing(house, desk, mira, phone, plain_phone):
    await phone.come_back(" ".join(phrases.digits(mira.phrase)))
    await phone.page.fill("#answer", "half a sentence")
    await plain_phone.visit()
    await plain_phone.write(PLEA, danger=True)
    await restart(house.stack)

    await plain_phone.send()
    assert await plain_phone.told("write-problem") == t("c41.form_old")
    assert await plain_phone.page.input_value("#text") == PLEA
    assert await plain_phone.page.is_checked("#danger")
    await plain_phone.send()
    await plain_phone.is_at("phrase")

    await desk.take(to_text(mira.conversation))
    await desk.reply("we are here again")
    answer = phone.page.locator("#rows .ours .said")
    await expect(answer).to_have_text("we are here again", timeout=PATIENCE_MS)
    assert await phone.page.input_value("#answer") == "half a sentence"
    await phone.page.click("#answer-send")
    await phone.becomes("document.getElementById('answer').value === ''")
    assert (await mira.come_back())[-1].text == "half a sentence"


async def test_a_page_closed_meanwhile_leaves_the_text(phone):
    await phone.visit()
    await phone.write(PLEA)
    refusal = json.dumps({"error": "closed"})
    await phone.page.route(
        "**/api/first",
        lambda route: route.fulfill(status=403, body=refusal, content_type="application/json"),
    )
    await phone.send()
    assert await phone.told("write-problem") == t("c49.closed_text")
    assert await phone.page.input_value("#text") == PLEA


async def test_without_a_connection_what_was_typed_stays(phone, mira):
    digits = " ".join(phrases.digits(mira.phrase))
    await phone.visit()
    await phone.context.set_offline(True)
    await phone.type_phrase(digits)
    assert await phone.told("back-problem") == t("c44.no_connection")
    assert await phone.page.input_value("#phrase-text") == digits
    await phone.context.set_offline(False)
    await phone.page.click("#open")
    await phone.is_at("conversation")
    await phone.page.fill("#answer", "are you there")
    await phone.context.set_offline(True)
    await phone.page.click("#answer-send")
    assert await phone.told("answer-problem") == t("c44.no_connection")
    assert await phone.page.input_value("#answer") == "are you there"
    await phone.context.set_offline(False)
    await phone.page.click("#answer-send")
    await phone.becomes("document.getElementById('answer').value === ''")
    assert [one.text for one in await mira.come_back()][1:] == ["are you there"]


# --- slips in the phrase ----------------------------------------------------------------------


async def test_a_slip_is_told_before_anything_is_sent(phone, mira):
    words = phrases.words(mira.phrase)
    await phone.visit()
    await phone.type_phrase(" ".join(words[:7]))
    assert await phone.told("back-problem") == t("c27.word_count", found=7, count=8)
    await phone.page.fill("#phrase-text", " ".join([*words[:2], "xqzzyw", *words[3:]]))
    await phone.page.click("#open")
    assert t("c27.unknown_word_alone", number=3) in await phone.told("back-problem")
    assert not any("/api/open" in request.url for request in phone.requests)
    await phone.page.fill("#phrase-text", "\n".join(words).title())
    await phone.page.click("#open")
    await phone.is_at("conversation")


async def test_text_beside_a_phrase_that_opens_nothing_is_kept(phone, mira):
    digits = " ".join(phrases.digits(mira.phrase))
    await phone.come_back(digits)
    await phone.page.fill("#answer", "I wanted to say")
    await mira.erase()
    await phone.is_at("opening")
    assert await phone.told("back-problem") == t("c28.opens_nothing")
    assert await phone.page.input_value("#kept") == "I wanted to say"
    await phone.page.click("#new")
    await phone.becomes("document.getElementById('write').open")
    assert await phone.page.input_value("#text") == "I wanted to say"
