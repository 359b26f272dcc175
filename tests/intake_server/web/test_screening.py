"""Screening follows storing, with the real caretaker; without it messages are kept all the same."""

import asyncio

import pytest

from intake_server.screening_link import Screened, ScreeningBusy
from intake_server.web import api, screening
from intake_server.web.screening import BACKLOG, CALM, Screening, ToScreen
from vault import changes, conversations, messages, wraps
from vault.envelope import Direction, decode_findings, finding_id, is_verified, open_envelope
from vault.sealing import Kind, new_box_keys, random_bytes

TELLING = "My boss took my passport and I am not allowed to leave the house."


@pytest.fixture
def client(screened_hotline, new_client):
    return new_client(screened_hotline)


async def screening_key(client, eventually):
    """Wait until the page hands out a screening key."""

    async def handed_out():
        await client.learn()
        return client.public["screening"]

    return await eventually(handed_out)


@pytest.fixture
async def key(client, eventually):
    return await screening_key(client, eventually)


async def test_a_finding_follows_a_message_that_a_browser_sealed(
    client, screened_hotline, key, eventually
):
    caretaker = client.roster.founding.caretaker_sign_key
    assert wraps.is_screening_key_verified(
        caretaker, api.decode(key["key"]), api.decode(key["signature"])
    )
    await client.first(TELLING)
    stored = await eventually(
        lambda: screened_hotline.read(lambda c: messages.of(c, client.conversation, kinds=(2,)))
    )
    opened = open_envelope(
        stored[0].envelope, Kind.NOTE, client.own.notes, client.conversation, (Direction.FINDING,)
    )
    assert is_verified(opened, caretaker)
    assert decode_findings(opened.envelope).language == "en"
    row = await screened_hotline.read(lambda c: conversations.get(c, client.conversation))
    assert row.urgency >= 2
    assert (row.urgency_by, row.language) == ("screened", "en")
    what = [one.what for one in await screened_hotline.read(lambda c: changes.since(c, 0))]
    assert what == ["new", "finding"]


async def test_a_finding_follows_a_message_of_the_form_path(
    screened_hotline, new_browser, eventually
):
    browser = new_browser(screened_hotline)
    screen = await browser.visit()
    assert "A program reads it once" in screen.texts["seal-note"]
    assert (await browser.write(TELLING)).state == "phrase"
    (conversation_id,) = await screened_hotline.all_messages()
    stored = await eventually(
        lambda: screened_hotline.read(lambda c: messages.of(c, conversation_id, kinds=(2,)))
    )
    own = (await screened_hotline.all_messages())[conversation_id][0].id
    assert stored[0].id == finding_id(own)


@pytest.mark.usefixtures("key")
async def test_without_a_caretaker_messages_are_kept_and_marked(
    client, screened_hotline, caretaker
):
    await caretaker.stop()
    assert (await client.first(TELLING))["stored"]
    row = await screened_hotline.read(lambda c: conversations.get(c, client.conversation))
    assert (row.urgency, row.urgency_by) == (1, "not_screened")


async def test_a_copy_for_the_caretaker_before_is_passed_over(
    client, screened_hotline, caretaker, key, eventually
):
    await caretaker.stop()
    await caretaker.start()
    assert (await client.first(TELLING))["stored"]
    await eventually(lambda: screened_hotline.work.screening.passed_over)
    row = await screened_hotline.read(lambda c: conversations.get(c, client.conversation))
    assert (row.urgency, row.urgency_by) == (1, "not_screened")
    await eventually(lambda: is_new(client, key))


@pytest.mark.usefixtures("key")
async def test_an_erased_conversation_gets_no_finding(client, screened_hotline):
    await client.first(TELLING)
    await client.erase()
    item = ToScreen(random_bytes(20), client.conversation, random_bytes(16), b"")
    await screened_hotline.work.store_finding(item, Screened(None, 3, "en", screened=True))
    assert await screened_hotline.read(lambda c: conversations.get(c, client.conversation)) is None


async def is_new(client, key):
    await client.learn()
    return client.public["screening"] not in (None, key)


# --- the line in front of the caretaker -------------------------------------------------------


class SlowCaretaker:
    """Answers when it is told to."""

    def __init__(self):
        self.go = asyncio.Event()
        self.asked = 0

    async def screen(self, *_):
        self.asked += 1
        await self.go.wait()
        if self.asked % 2:
            raise ScreeningBusy
        return Screened(None, 1, "", screened=False)


def an_item():
    return ToScreen(random_bytes(20), random_bytes(16), random_bytes(16), b"sealed")


@pytest.fixture
async def line():
    kept = []

    async def store(item, _):
        kept.append(item)

    class Log:
        def warning(self, *_, **__):
            pass

    caretaker = SlowCaretaker()
    made = Screening(caretaker, lambda: new_box_keys().public, store, Log())
    made.kept, made.caretaker = kept, caretaker
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_waits_is_bounded_and_never_makes_anybody_wait(line):
    for _ in range(BACKLOG + 500):
        line.offer(an_item())
    assert line.passed_over == 500
    assert line.behind


async def test_few_are_asked_about_at_once_and_a_busy_caretaker_is_passed_over(line, eventually):
    for _ in range(10):
        line.offer(an_item())
    await eventually(lambda: line.caretaker.asked >= screening.AT_ONCE)
    await asyncio.sleep(0)
    assert line.caretaker.asked == screening.AT_ONCE
    line.caretaker.go.set()
    await eventually(lambda: line.passed_over + len(line.kept) == 10)
    assert line.passed_over > 0


async def test_screening_stands_back_while_many_arrive_but_does_not_stop(
    line, monkeypatch, eventually
):
    monkeypatch.setattr(screening, "LONGEST_PAUSE", 0.01)
    line.caretaker.go.set()
    arriving = [line.arrival() for _ in range(CALM + 1)]
    for one in arriving:
        one.__enter__()
    line.offer(an_item())
    assert not line._calm.is_set()
    await eventually(lambda: line.caretaker.asked)
    for one in arriving:
        one.__exit__(None, None, None)
    assert line._calm.is_set()
