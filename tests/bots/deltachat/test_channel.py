"""What Delta Chat leaves on the disk, and what it survives."""

import asyncio
import os
import shutil
import signal
import stat

import pytest

from bots.attachments import AttachmentLost, Lost
from bots.channel import (
    Attachment,
    ChannelCannotStart,
    ChannelRefused,
    ChannelUnavailable,
    ChannelUncertain,
    Refusal,
    RefusedBecause,
)
from bots.deltachat import channel as under_test
from bots.deltachat import sending
from bots.deltachat.account import Identity, make_account
from bots.deltachat.arriving import text_of
from bots.deltachat.core import Core, program
from bots.deltachat.voice import DeltaVoice
from tests.bots.deltachat.post import PATIENCE, mail_account, names

pytestmark = pytest.mark.asyncio(loop_scope="module")

CANARIES = (b"CANARY-TEXT", b"CANARY-REPLY", b"CANARY-NAME", b"CANARY-CONTENTS", b"CANARY-KEPT")


class Taker:
    """A courier that stores in memory."""

    def __init__(self):
        self.stored = asyncio.Queue()

    async def take(self, incoming):
        self.stored.put_nowait(incoming)

    async def next(self):
        async with asyncio.timeout(PATIENCE):
            return await self.stored.get()


async def again(call, *args):
    """Ask as the courier does: again, as long as the network or the core is not there."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await call(*args)
            except ChannelUnavailable:
                await asyncio.sleep(0.1)


async def sent(channel, address, text, number=1):
    return await again(channel.send, address, text, bytes([number]) * 16)


def written(folder):
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


async def until(is_so):
    async with asyncio.timeout(PATIENCE):
        while not is_so():  # noqa: ASYNC110 - the files of another process ring no bell
            await asyncio.sleep(0.05)


async def test_nothing_that_was_said_stays_on_the_disk(bench, monkeypatch):
    monkeypatch.setattr(under_test, "WIPE_AFTER", 0.3)
    taker = Taker()
    await bench.channel.start(taker.take)
    person = await bench.person("CANARY-NAME Kim")
    await person.say("CANARY-TEXT one")
    met = await taker.next()
    await person.show(Attachment.PICTURE)
    assert (await taker.next()).attachments == (Attachment.PICTURE,)
    await sent(bench.channel, met.address, "CANARY-REPLY one")
    assert await person.hear() == "CANARY-REPLY one"
    await until(lambda: not any(canary in written(bench.folder) for canary in CANARIES))
    for file in bench.folder.rglob("*"):
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file.name
    assert met.address in await again(bench.channel.people)
    await bench.channel.withdraw(met.address)
    await again(bench.channel.forget, met.address)
    assert met.address not in await again(bench.channel.people)
    await until(lambda: person.address.encode() not in written(bench.folder))
    await person.say("CANARY-TEXT two")
    assert (await taker.next()).text == "CANARY-TEXT two"


@pytest.mark.long
async def test_a_killed_core_loses_and_doubles_nothing(bench):
    taker = Taker()
    await bench.channel.start(taker.take)
    person = await bench.person()
    await person.say("0")
    met = await taker.next()
    for number in range(1, 7):
        await until(lambda: bench.channel._line is not None)  # between two cores there is none
        os.kill(bench.channel._line.session.core.pid, signal.SIGKILL)
        await person.say(str(number))
        await sent(bench.channel, met.address, f"answer {number}", number)
    said = [await taker.next() for _ in range(6)]
    assert sorted({one.text for one in said}) == ["1", "2", "3", "4", "5", "6"]
    assert [await person.hear() for _ in range(6)] == [f"answer {one}" for one in range(1, 7)]
    assert {one.address for one in said} == {met.address}


@pytest.mark.parametrize(
    "dies",
    [
        # Left to itself the core would sleep for half a minute.
        pytest.param(False, id="is away", marks=pytest.mark.long),
        pytest.param(True, id="is away and the core dies"),
    ],
)
async def test_what_the_mail_server_did_not_take_is_not_sent_later(bench, monkeypatch, dies):
    """The courier may be waiting for safe hours by then; only its own next try sends."""
    monkeypatch.setattr(sending, "_PATIENCE", 60.0 if dies else 2.0)
    taker = Taker()
    await bench.channel.start(taker.take)
    person = await bench.person()
    await person.say("hello")
    met = await taker.next()
    outgoing = bench.lines[1]
    if not dies:
        # One that is cut off from a connection cannot tell whether the server has it.
        await bench.channel.stop()
    outgoing.cut()
    if not dies:
        await bench.restarted()
        await bench.channel.start(taker.take)
        await until(lambda: bench.channel.health().connected)
    handed = asyncio.create_task(bench.channel.send(met.address, "here", b"n" * 16))
    await until(lambda: outgoing.refused > 0 or handed.done())
    if dies:
        monkeypatch.setattr(sending, "_PATIENCE", 1.0)
        monkeypatch.setattr(sending, "UNFINISHED", 1.0)
        os.kill(bench.channel._line.session.core.pid, signal.SIGKILL)
    # Of one that died nobody knows how far it came.
    with pytest.raises(ChannelUncertain if dies else ChannelUnavailable):
        await handed
    monkeypatch.setattr(sending, "_PATIENCE", PATIENCE)
    outgoing.mend()
    await sent(bench.channel, met.address, "written after it", 2)
    assert await person.hear() == "written after it"
    if dies:
        with pytest.raises(ChannelUncertain):
            await bench.channel.send(met.address, "here", b"n" * 16)
    else:
        await sent(bench.channel, met.address, "here", ord("n"))
        assert await person.hear() == "here"
    assert person.incoming.empty()


@pytest.mark.long
async def test_a_reply_goes_as_soon_as_the_mail_server_is_back(bench):
    """Left to itself, the core would sleep for longer than anybody waits here."""
    taker = Taker()
    await bench.channel.start(taker.take)
    person = await bench.person()
    await person.say("hello")
    met = await taker.next()
    outgoing = bench.lines[1]
    outgoing.cut()
    sending = asyncio.create_task(bench.channel.send(met.address, "here", b"n" * 16))
    await until(lambda: outgoing.refused > 0)
    outgoing.mend()
    await sending
    assert await person.hear() == "here"


@pytest.mark.long
async def test_a_second_account_writes_to_the_hotline_again_and_again(bench, server, tmp_path):
    taker, folder = Taker(), tmp_path / "canary"
    await bench.channel.start(taker.take)
    folder.mkdir()
    core = await Core.start(program(), folder / "state")
    account = mail_account(f"canary{next(names)}", server.imap, server.smtp)
    identity = Identity(folder / "identity.backup", "a passphrase of the test")
    await make_account(core, account, display_name="Info", identity=identity)
    await core.close()
    (folder / "invite.txt").write_text(f"{bench.invite}\n")
    voice = DeltaVoice(folder, folder / "invite.txt")
    for text in ("canary 1", "canary 2"):
        await voice.say(text)
        assert (await taker.next()).text == text
    with pytest.raises(ChannelCannotStart):
        await DeltaVoice(tmp_path / "none", folder / "invite.txt").say("nothing")


async def test_a_lost_folder_comes_back_from_the_identity_with_the_same_invite(bench):
    invite = bench.invite
    shutil.rmtree(bench.folder / "state")
    taker = Taker()
    await bench.channel.start(taker.take)
    await until(lambda: bench.channel._line is not None)  # where `start` did not wait long enough
    assert await bench.channel.invite() == invite
    person = await bench.person()
    await person.say("you are still there")
    assert (await taker.next()).text == "you are still there"


async def test_who_was_silent_for_longer_than_a_conversation_lives_is_forgotten(bench):
    taker = Taker()
    await bench.channel.start(taker.take)
    person = await bench.person()
    await person.say("hello")
    met = await taker.next()
    await bench.channel.stop()
    bench.keep_seconds = -1  # everybody is silent for longer than that
    channel = await bench.restarted()
    await channel.start(taker.take)
    with pytest.raises(ChannelRefused) as refused:
        await sent(channel, met.address, "anybody there?")
    assert refused.value.reason is RefusedBecause.GONE
    await channel.stop()
    assert person.address.encode() not in written(bench.folder)


async def test_without_an_account_it_says_so(bench):
    shutil.rmtree(bench.folder / "state")
    bench.identity.file.unlink()
    await bench.channel.start(Taker().take)
    await until(lambda: bench.channel.health().alarms)
    assert not bench.channel.health().connected
    assert bench.channel.health().alarms == ("no_account",)


async def test_a_group_is_refused_and_only_its_sender_is_told(bench):
    taker = Taker()
    await bench.channel.start(taker.take)
    person = await bench.person()
    await person.say("hello")
    await taker.next()
    group = await person.ask("create_group_chat", "friends", False)  # noqa: FBT003 - the core's parameters have a place, no name
    contacts = await person.ask("get_chat_contacts", person.chat)
    await person.ask("add_contact_to_chat", group, contacts[0])
    await person.ask("misc_send_text_message", group, "everybody reads this")
    told = await person.message()
    assert told["text"] == "Nobody has read this."
    assert told["chatId"] == person.chat
    assert bench.channel.health().refused == {Refusal.GROUP: 1}
    assert taker.stored.empty()


async def test_a_long_text_arrives_whole(bench):
    taker = Taker()
    await bench.channel.start(taker.take)
    person = await bench.person()
    text = "\n".join(f"line {number} & <b>more</b>" for number in range(900))
    await person.say(text)
    assert (await taker.next()).text == text


async def test_text_is_read_out_of_the_page_of_a_long_message():
    page = "<html><head><meta/></head><body>\na &amp; b<br/>\n<br/>\nc<br/>\n</body></html>"
    assert text_of(page) == "a & b\n\nc"


class Fetching:
    """Fetches what comes before it is stored, `most` bytes of it; `before` is called then."""

    def __init__(self, most, before=None):
        self.taker, self.most, self.before, self.fetched = Taker(), most, before, []

    async def take(self, incoming):
        for fetch in incoming.fetches:
            if self.before:
                await self.before()
            try:
                self.fetched.append(await fetch(self.most))
            except AttachmentLost as lost:
                self.fetched.append(lost.reason)
        await self.taker.take(incoming)


async def test_a_large_file_stays_on_the_server_until_it_is_fetched(bench):
    content = b"%PDF" + os.urandom(400_000)
    lying = []

    async def before():
        lying.extend(one.stat().st_size for one in bench.folder.glob("state/*/dc.db-blobs/*"))

    fetching = Fetching(10 * 2**20, before)
    await bench.channel.start(fetching.take)
    person = await bench.person()
    await person.show(Attachment.FILE, content)
    incoming = await fetching.taker.next()
    assert (incoming.text, incoming.attachments) == (None, (Attachment.FILE,))
    assert fetching.fetched == [content]
    assert sum(lying) < 163_840


@pytest.mark.long
async def test_what_is_larger_than_asked_for_is_not_downloaded(bench):
    fetching = Fetching(200_000)
    await bench.channel.start(fetching.take)
    person = await bench.person()
    await person.show(Attachment.FILE, b"%PDF" + os.urandom(400_000))
    await fetching.taker.next()
    assert fetching.fetched == [Lost.TOO_LARGE]
    await person.say("after it")
    assert (await fetching.taker.next()).text == "after it"
