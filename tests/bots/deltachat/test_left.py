"""What a killed courier was sending, when the next one asks for it and when nobody does."""

import asyncio
import shutil
import sys
from pathlib import Path

import pytest
import pytest_asyncio

from bots.channel import DAY, ChannelUnavailable, ChannelUncertain, Sent
from bots.deltachat import channel as under_test
from bots.deltachat import sending
from bots.deltachat.core import Core
from bots.deltachat.sending import Said, Sending
from bots.deltachat.session import Session
from tests.bots.deltachat import scripted_core
from tests.bots.deltachat.post import PATIENCE
from tests.bots.deltachat.scripted_core import DELIVERED, PENDING, PERSON, own_message

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOW = 10_000_000
FIRST, SECOND = b"n" * 16, b"o" * 16


def key(message_id: bytes) -> str:
    return f"ui.out.{message_id.hex()}"


@pytest.fixture
def binary(tmp_path):
    program = tmp_path / "core"
    shutil.copyfile(Path(scripted_core.__file__), program)
    program.write_text(f"#!{sys.executable}\n{program.read_text()}")
    program.chmod(0o700)
    return program


class Bench:
    """A core that a killed courier left with messages, and `Sending` over it."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.session = Session(core, 1, scripted_core.FINGERPRINT, "invite")
        self.removed = asyncio.Event()
        self.sending = Sending(self.session, lambda: NOW, lambda: True, self.removed.set)

    async def left(self, message_id: bytes, number: int, state: int, *, ago=0, file=None) -> None:
        await self.core.call("given", own_message(number, state, file))
        await self.session.do("set_config", key(message_id), f"draft {number} {NOW - ago}")

    async def note(self, message_id: bytes) -> str | None:
        return await self.session.ask(str | None, "get_config", key(message_id))

    async def asked(self, method: str, times: int = 1) -> None:
        """Until the core was asked that so often."""
        async with asyncio.timeout(PATIENCE):
            while await self.core.ask(int, "how_often", method) < times:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)

    async def is_there(self, number: int) -> bool:
        return await self.session.message(number) is not None


@pytest_asyncio.fixture(loop_scope="module")
async def left(binary, tmp_path):
    core = await Core.start(binary, tmp_path / "state")
    yield Bench(core)
    await core.close()


@pytest.mark.parametrize("is_late", [False, True], ids=["gone already", "there still"])
async def test_who_asks_in_the_moment_of_taking_back_hears_that_nobody_knows(
    left, monkeypatch, is_late
):
    """The server may have it already, so it is not written anew; not now and not tomorrow."""
    monkeypatch.setattr(sending, "UNFINISHED", 0.0)
    await left.left(FIRST, 7, PENDING)
    await left.sending.tidy(is_first=True)
    await left.core.call("hold", "delete_messages", is_late)
    back = asyncio.create_task(left.sending.take_back_left())
    await left.asked("delete_messages")
    sent = asyncio.create_task(left.sending.send(PERSON, Said("here"), FIRST))
    for _ in range(50):  # as many answers as it may take to find out what is there
        await left.core.call("get_system_info")
    await left.core.call("release")
    async with asyncio.timeout(PATIENCE):
        await back
        with pytest.raises(ChannelUncertain):
            await sent
    assert not await left.is_there(7)
    await left.sending.tidy(is_first=True)
    with pytest.raises(ChannelUncertain):
        await left.sending.send(PERSON, Said("here"), FIRST)
    assert await left.core.ask(int, "how_often", "misc_set_draft") == 0


async def test_who_asks_before_it_keeps_what_is_on_its_way(left, monkeypatch):
    monkeypatch.setattr(sending, "UNFINISHED", 0.2)
    await left.left(FIRST, 7, PENDING)
    await left.sending.tidy(is_first=True)
    sent = asyncio.create_task(left.sending.send(PERSON, Said("here"), FIRST))
    await left.asked("get_message")
    await left.sending.take_back_left()
    await left.core.call("given", own_message(7, DELIVERED))
    left.sending.changed()
    async with asyncio.timeout(PATIENCE):
        assert await sent == Sent("name-7")


async def test_a_core_that_needs_long_to_connect_takes_back_nothing_of_a_killed_courier(
    left, monkeypatch
):
    """The server may have it already: written anew, it would arrive twice."""
    monkeypatch.setattr(sending, "_AWAY", 0.0)
    monkeypatch.setattr(sending, "_LOOK", 0.01)
    left.sending._is_connected = lambda: False
    await left.left(FIRST, 7, PENDING)
    await left.sending.tidy(is_first=True)
    sent = asyncio.create_task(left.sending.send(PERSON, Said("here"), FIRST))
    await left.asked("get_message", 6)
    await left.core.call("given", own_message(7, DELIVERED))
    left.sending.changed()
    async with asyncio.timeout(PATIENCE):
        assert await sent == Sent("name-7")


@pytest.mark.parametrize("refused", ["get_message", "delete_messages"])
async def test_one_that_is_refused_holds_up_no_other_and_is_tried_again(left, monkeypatch, refused):
    monkeypatch.setattr(sending, "UNFINISHED", 0.05)
    await left.left(FIRST, 7, PENDING)
    await left.left(SECOND, 8, PENDING)
    await left.sending.tidy(is_first=True)
    await left.core.call("refuse", refused, 1)
    async with asyncio.timeout(PATIENCE):
        await left.sending.take_back_left()
    assert not await left.is_there(7)
    assert not await left.is_there(8)
    for message in (FIRST, SECOND):
        assert await left.note(message) == f"unknown - {NOW}"


async def test_the_copy_of_what_was_sent_goes_where_a_kill_left_it(left):
    """And nothing else that has its number, were the core to give one again."""
    await left.core.call("given", own_message(7, DELIVERED))
    await left.core.call("given", own_message(8, DELIVERED))
    await left.session.do("set_config", key(FIRST), f"sent name-7 {NOW} 7")
    await left.session.do("set_config", key(SECOND), f"sent name-of-another {NOW} 8")
    await left.sending.tidy(is_first=True)
    assert left.removed.is_set()
    assert (await left.is_there(7), await left.is_there(8)) == (False, True)
    assert await left.sending.send(PERSON, Said("here"), FIRST) == Sent("name-7")


async def test_what_was_sent_is_sent_although_its_copy_stays_for_now(left):
    await left.core.call("refuse", "delete_messages", 1)
    assert await left.sending.send(PERSON, Said("here"), FIRST) == Sent("name-101")
    assert await left.is_there(101)
    await left.sending.tidy(is_first=False)
    assert not await left.is_there(101)


async def test_notes_of_what_was_sent_in_earlier_versions_are_read(left):
    await left.session.do("set_config", key(FIRST), f"sent name-7 {NOW}")
    await left.sending.tidy(is_first=True)
    assert not left.removed.is_set()
    assert await left.sending.send(PERSON, Said("here"), FIRST) == Sent("name-7")


@pytest.mark.parametrize(
    ("file", "ago", "goes_on"),
    [
        (None, 55, True),
        (None, 65, False),
        ("/lent/picture.jpg", sending._FILE_PATIENCE, True),
        ("/lent/picture.jpg", sending._FILE_PATIENCE + 40, False),
    ],
)
async def test_it_goes_on_for_as_long_as_the_killed_courier_would_have_waited(
    left, file, ago, goes_on
):
    """A file may take minutes; taken back, it would be sent under another name."""
    await left.left(FIRST, 7, PENDING, ago=int(ago), file=file)
    await left.sending.tidy(is_first=True)
    assert await left.is_there(7) is goes_on
    if not goes_on:
        with pytest.raises(ChannelUncertain):
            await left.sending.send(PERSON, Said("here"), FIRST)


async def test_a_courier_killed_again_and_again_leaves_what_is_as_young_as_its_last_question(left):
    await left.left(FIRST, 7, PENDING, ago=55)
    await left.sending.tidy(is_first=True)
    sent = asyncio.create_task(left.sending.send(PERSON, Said("here"), FIRST))
    await left.asked("get_message", 3)
    sent.cancel()
    await asyncio.gather(sent, return_exceptions=True)
    assert await left.note(FIRST) == f"draft 7 {NOW}"


async def test_a_core_that_ended_leaves_what_somebody_waits_for_and_nothing_else(left):
    await left.left(FIRST, 7, PENDING, ago=100)
    await left.left(SECOND, 8, PENDING)
    await left.sending.tidy(is_first=False, in_hand={key(FIRST)})
    assert (await left.is_there(7), await left.is_there(8)) == (True, False)
    with pytest.raises(ChannelUncertain):
        await left.sending.send(PERSON, Said("here"), SECOND)


async def test_after_a_month_nothing_goes_by_itself(left):
    """Its note is old enough to be dropped; the message it names would go."""
    await left.left(FIRST, 7, PENDING, ago=31 * DAY)
    await left.sending.tidy(is_first=True)
    assert not await left.is_there(7)


async def test_what_was_taken_and_asked_for_a_day_later_is_not_written_anew(left):
    await left.left(FIRST, 7, DELIVERED, ago=2 * DAY)
    await left.sending.tidy(is_first=True)
    assert not await left.is_there(7)
    assert await left.sending.send(PERSON, Said("here"), FIRST) == Sent("name-7")


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ((), ChannelUnavailable),
        (("tried",), ChannelUncertain),
        (("tried", "Transient"), ChannelUnavailable),
        (("tried", "Permanent"), ChannelUnavailable),
        (("tried", "Timeout"), ChannelUncertain),
        (("tried", "Io(Os)", "tried", "Transient"), ChannelUncertain),
        (("lost",), ChannelUncertain),
    ],
)
async def test_what_is_not_taken_in_time_is_tried_again_only_where_the_server_said_no(
    left, monkeypatch, told, error
):
    """Of the answer to a text or a name, whatever the core makes of it afterwards."""
    monkeypatch.setattr(sending, "_PATIENCE", 0.05)
    monkeypatch.setattr(sending, "_RESTART", 0.05)
    monkeypatch.setattr(sending, "_HEARD", 0.0)
    await left.left(FIRST, 7, PENDING)
    for one in told:
        if one == "lost":
            left.sending.tries.missed()
        elif one == "tried":
            words = "src/smtp.rs:500: Try number 1 to send message Msg#7 (entry 3) over SMTP."
            left.sending.tries.hear(words)
        else:
            left.sending.tries.hear(f"src/smtp.rs:200: SMTP failed to send: {one}(Response).")
    with pytest.raises(error):
        await left.sending.send(PERSON, Said("here"), FIRST)
    assert not await left.is_there(7)
    assert await left.note(FIRST) == (f"unknown - {NOW}" if error is ChannelUncertain else None)


async def test_a_file_is_not_taken_back_with_the_texts(left, monkeypatch):
    monkeypatch.setattr(sending, "UNFINISHED", 0.0)
    await left.left(FIRST, 7, PENDING, file="/lent/picture.jpg")
    await left.left(SECOND, 8, PENDING)
    await left.sending.tidy(is_first=True)
    back = asyncio.create_task(left.sending.take_back_left())
    async with asyncio.timeout(PATIENCE):
        while (await left.note(SECOND)).startswith("draft"):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
    assert await left.is_there(7)
    assert not back.done()
    back.cancel()
    await asyncio.gather(back, return_exceptions=True)


@pytest.mark.parametrize("dies_at", ["get_contacts", "start_io"])
async def test_a_first_core_that_ends_before_it_sends_leaves_it_to_the_next(
    binary, tmp_path, monkeypatch, dies_at
):
    """Taken back by the second, it would arrive twice: the server may have taken it already."""
    folder = tmp_path / "channel"
    folder.mkdir()
    core = await Core.start(binary, folder / "state")
    bench = Bench(core)
    await bench.left(FIRST, 7, PENDING)
    await core.call("die_at", dies_at)
    await core.close()
    monkeypatch.setattr(under_test, "program", lambda: binary)
    channel = under_test.DeltaChat(
        folder=folder, now=lambda: NOW, display_name="Info", keep_seconds=86_400
    )

    async def take(_) -> None:
        raise AssertionError

    await channel.start(take)
    try:
        async with asyncio.timeout(PATIENCE):
            while not channel.health().connected:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.05)
        assert await channel._line.session.message(7) is not None
        assert channel._line.sending._left
    finally:
        await channel.stop()
