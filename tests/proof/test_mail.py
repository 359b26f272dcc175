"""Delta Chat over real mail servers, Debian's Dovecot and Exim, and how those fail.

The suite of every channel, then one failure after the other: whatever the servers do, a message
arrives once and in order, a reply goes once or not at all, and what they keep shows nobody's words.
"""

import asyncio
import itertools

import pytest
import pytest_asyncio

from bots import conformance
from bots.channel import ChannelRefused, ChannelUnavailable, RefusedBecause
from bots.deltachat import sending
from intake_server.settings import DeltaChatSettings
from tests.bots.deltachat import test_whole as whole
from tests.bots.deltachat.debian_mail import DebianMail
from tests.bots.deltachat.post import PATIENCE, DeltaBench, Phone
from tests.proof.test_sending_real import set_up

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.proof,
    pytest.mark.long,
    pytest.mark.timeout(600),
]

DROPS = 4
QUIET = 3.0  # seconds in which a second copy would have come
CANARIES = ("CANARY-TEXT", "CANARY-REPLY", "CANARY-NAME", "CANARY-CONTENTS")
FULL = 200_000  # bytes


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def server():
    server = DebianMail()
    try:
        yield await server.open()
    finally:
        await server.close()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def phone(server, tmp_path_factory):
    phone = await Phone().open(server, tmp_path_factory.mktemp("phone"))
    yield phone
    await phone.close()


@pytest_asyncio.fixture(loop_scope="module")
async def bench(server, phone, tmp_path):
    bench = await DeltaBench(server, phone, tmp_path).open()
    yield bench
    await bench.close()


class Taker:
    """A courier that stores in memory."""

    def __init__(self) -> None:
        self.stored: asyncio.Queue = asyncio.Queue()

    async def take(self, incoming) -> None:
        self.stored.put_nowait(incoming)

    async def next(self):
        async with asyncio.timeout(PATIENCE):
            return await self.stored.get()


@pytest_asyncio.fixture(loop_scope="module")
async def met(bench):
    """The channel at work, a person who has written, and their address."""
    taker = Taker()
    await bench.channel.start(taker.take)
    person = await bench.person("CANARY-NAME Kim")
    await person.say("hello")
    return taker, person, (await taker.next()).address


async def sent(channel, address, text, number=1):
    """Send as the courier does: again, as long as the network does not take it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await channel.send(address, text, bytes([number]) * 16)
            except ChannelUnavailable:
                await asyncio.sleep(0.2)


async def until(is_so):
    async with asyncio.timeout(PATIENCE):
        while not is_so():  # noqa: ASYNC110 - the files of other processes ring no bell
            await asyncio.sleep(0.1)


async def nothing_more(taker, person):
    """Neither side has heard anything twice."""
    await asyncio.sleep(QUIET)
    assert taker.stored.empty()
    await person.say("the last")
    assert (await taker.next()).text == "the last"


async def heard(person, count):
    """So many texts as the person's app shows them: by the sender's clock."""
    found = [await person.message() for _ in range(count)]
    return [one["text"] for one in sorted(found, key=lambda one: (one["timestamp"], one["id"]))]


class Unhurried(DeltaBench):
    """People who write as people do: no two messages in one second.

    Mail names seconds; in which order it delivers two mails of one second, nobody can know.
    """

    async def person(self, display_name: str = ""):
        person = await super().person(display_name)
        at_once = person.say

        async def say(text: str) -> None:
            await asyncio.sleep(1.05)
            await at_once(text)

        person.say = say
        return person


@pytest.mark.parametrize("check", conformance.CHECKS, ids=lambda check: check.__name__)
async def test_delta_chat_conforms_over_dovecot_and_exim(check, server, phone, tmp_path):
    bench = await Unhurried(server, phone, tmp_path).open()
    try:
        await conformance.run(check, bench)
    finally:
        await bench.close()


async def test_what_waited_for_the_servers_arrives_in_order(server, met):
    """All at once when they are back, delivered side by side by several processes."""
    taker, person, _ = met
    server.begin("away")
    try:
        for number in range(6):
            await person.say(f"{number}")
            await asyncio.sleep(1.05)
    finally:
        server.end("away")
    await person.phone.ask("maybe_network")
    assert [(await taker.next()).text for _ in range(6)] == [f"{number}" for number in range(6)]
    await nothing_more(taker, person)


@pytest.mark.parametrize("way", ["the line", "the server's own process"])
async def test_a_dropped_wait_for_mail_loses_nothing(bench, server, met, way):
    """IMAP IDLE (RFC 2177) ends without a word, again and again, just before a message comes.

    A core that is dropped every other moment waits for up to a minute before it connects again.
    """
    taker, person, address = met
    arriving, _ = bench.lines
    for number in range(DROPS):
        if way == "the line":
            arriving.cut()
            arriving.mend()
        else:
            await until(lambda: server.drop_readers(bench.address))
        await person.say(f"{number}")
        assert (await taker.next()).text == f"{number}"
        await sent(bench.channel, address, f"answer {number}", number)
        assert await person.hear() == f"answer {number}"
    await nothing_more(taker, person)


@pytest.mark.parametrize("fault", ["away", "greylisted", "disk"])
async def test_a_temporary_refusal_is_tried_again_and_goes_once(
    bench, server, met, monkeypatch, fault
):
    """SMTP 421 at the greeting, 451 for the recipient, 451 for the text (RFC 5321, RFC 6647)."""
    monkeypatch.setattr(sending, "_PATIENCE", 6.0)
    taker, person, address = met
    server.begin(fault)
    try:
        for _ in range(2):
            with pytest.raises(ChannelUnavailable):
                await bench.channel.send(address, "here", b"r" * 16)
        await person.say("written meanwhile")
    finally:
        server.end(fault)
    await asyncio.sleep(QUIET)
    assert person.incoming.empty()  # what was not taken does not go by itself
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await bench.channel.send(address, "here", b"r" * 16)
                break
            except ChannelUnavailable:
                await asyncio.sleep(0.5)
    assert await person.hear() == "here"
    assert (await taker.next()).text == "written meanwhile"
    await bench.channel.send(address, "here", b"r" * 16)
    await sent(bench.channel, address, "afterwards", 2)
    assert await person.hear() == "afterwards"
    await nothing_more(taker, person)


async def test_a_refusal_for_good_is_told(bench, server, met):
    """SMTP 550 for the recipient: a counsellor is told, and may write again later."""
    taker, person, address = met
    server.begin("refused")
    try:
        with pytest.raises(ChannelRefused) as refused:
            await bench.channel.send(address, "here", b"f" * 16)
    finally:
        server.end("refused")
    assert refused.value.reason is RefusedBecause.REFUSED
    await sent(bench.channel, address, "written again", 2)
    assert await person.hear() == "written again"
    await nothing_more(taker, person)


async def fill(server, address, size) -> None:
    """Until a mail of so many bytes is refused for now."""
    before = len(server.put_off())
    async with asyncio.timeout(PATIENCE):
        while len(server.put_off()) == before:
            server.write_openly(address, "\n".join(["x" * 70] * (size // 71)))
            # No two at once: in the end one is put off, and no other is on its way.
            await until(lambda: len(server.on_its_way()) == len(server.put_off()))


async def test_a_full_mailbox_keeps_what_is_written_waiting(bench, server, met):
    """What is not encrypted stays on the server and fills it; whoever empties it loses nothing."""
    taker, person, _ = met
    try:
        await server.limit(FULL)
        for size in (FULL // 4, FULL // 40, FULL // 200):  # until not even a short one goes in
            await fill(server, bench.address, size)
        before = len(server.put_off())
        await person.say("is there room for me?")
        await person.say("and for this?")
        await until(lambda: len(server.put_off()) == before + 2)
        assert taker.stored.empty()
        for mail in server.mails_of(bench.address):
            mail.unlink()
    finally:
        await server.limit(0)
    # In which order Exim tries again what it put off is left to chance, by its own account.
    said = {(await taker.next()).text for _ in range(2)}
    assert said == {"is there room for me?", "and for this?"}
    await nothing_more(taker, person)


async def test_servers_killed_and_back_lose_and_double_nothing(bench, server, met):
    """By kill -9, with all their processes, while both sides are writing."""
    taker, person, address = met
    for number in range(4):
        both = asyncio.gather(
            person.say(f"{number}"), sent(bench.channel, address, f"answer {number}", number)
        )
        await asyncio.sleep(0.05 * number)
        await server.kill()
        await asyncio.sleep(0.5)
        await server.start()
        await both
    assert [(await taker.next()).text for _ in range(4)] == ["0", "1", "2", "3"]
    assert await heard(person, 4) == [f"answer {one}" for one in range(4)]
    await nothing_more(taker, person)


async def test_nothing_that_was_said_stays_on_the_servers(bench, server, met):
    taker, person, address = met
    name = person.address.encode()
    for number in range(3):
        await person.say(f"CANARY-TEXT {number}")
        assert (await taker.next()).text == f"CANARY-TEXT {number}"
        await sent(bench.channel, address, f"CANARY-REPLY {number}", number)
        assert await person.hear() == f"CANARY-REPLY {number}"
    await until(lambda: not server.mails_of(bench.address))
    await until(lambda: not server.on_its_way())
    assert server.hold(*(one.encode() for one in CANARIES)) == []
    assert not list((server.folder / "spool" / "msglog").glob("*"))
    # An address stands where the servers note who delivered what to whom: docs/limits.md says so.
    noted = {"log/exim_mainlog", "log/dovecot"}
    known = {f"mail/{bench.address}/dovecot.index.cache", f"mail/{person.address}"}
    for file in server.hold(name):
        assert file in noted or any(file.startswith(one) for one in known)


async def test_twelve_hours_without_servers_are_made_up_for_in_order(server, short_dir, phone):
    """On the courier's clock; what waited goes to one person at a message a second at most."""
    stage = set_up(short_dir, deltachat=DeltaChatSettings(enabled=True))
    await stage.raise_curtain()
    try:
        await stage.set_up()
        invite = await whole.added(stage, server)
        await stage.with_courier()
        person = await phone.person()
        await person.scan(invite)
        await person.say("hello")
        assert (await person.hear()).startswith("Thank you.")
        row = await stage.only_row()
        await server.kill()
        answers = []
        for number in range(4):
            answers.append(await stage.answer(row, f"answer {number}"))
            await person.say(f"message {number}")
            for _ in range(18):  # three hours
                stage.clock.turn(600)
                await asyncio.sleep(0.06)
        assert person.incoming.empty()
        await server.start()
        await phone.ask("maybe_network")
        goes_on = asyncio.create_task(time_goes_on(stage))
        messages = [await person.message() for _ in answers]
        assert [one["text"] for one in messages] == [f"answer {number}" for number in range(4)]
        at = [one["timestamp"] for one in messages]
        assert all(later > earlier for earlier, later in itertools.pairwise(at))
        for answer in answers:
            assert await stage.ended(row, answer) == ("sent", None)
        said = ["hello", *(f"message {number}" for number in range(4))]
        async with asyncio.timeout(PATIENCE):
            while await stage.texts(row) != said:  # noqa: ASYNC110 - it is in a database
                await asyncio.sleep(0.5)
        await asyncio.sleep(QUIET)
        assert person.incoming.empty()
        goes_on.cancel()
    finally:
        await stage.fall()


async def time_goes_on(stage) -> None:
    """A minute in every half second: whoever tries again later does."""
    while True:
        stage.clock.turn(60)
        await asyncio.sleep(0.5)
