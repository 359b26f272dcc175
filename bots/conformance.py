"""The suite that every channel passes, against a real network or a faithful stand-in.

A channel's tests give a `Bench`: the channel, not yet started, and independent people on the other
side of its network. `CHECKS` holds one function for each rule of `bots/channel.py` that can be
seen from outside; a check raises `NotConforming` with a sentence that says what went wrong. It
never quotes a text or an address.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

from bots.attachments import LARGEST, AttachmentLost, Fetch, Lost, Outgoing
from bots.channel import (
    Attachment,
    Channel,
    ChannelRefused,
    ChannelUnavailable,
    ChannelUncertain,
    Incoming,
    Refusal,
)

PATIENCE: Final = 120.0  # seconds until something that must happen is given up
BURST: Final = 12  # messages, half of them before a restart and half of them during it
QUIET: Final = 0.5  # seconds without an event after which something is taken not to happen

TEXTS: Final = (
    "Can we talk?",
    "line one\nline two\n\n  indented",
    "مرحبا، هل يمكنني التحدث؟",
    "ช่วยด้วย",
    "👩🏽‍🚀 Zoë and Zoë",
    "<b>not bold</b> & *not* _styled_ https://example.org/?a=1",
    "long " * 700,
)


SOUND: Final = b"OggS" + bytes(range(256)) * 500
PICTURE: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8"
    "ffff3f0005fe02fe0def46b80000000049454e44ae426082"
)
"""What people send: no decoder has to take the sound; the picture is a whole PNG."""

_T = TypeVar("_T")


class NotConforming(Exception):
    """The channel breaks a rule; the sentence says which."""


class Person(Protocol):
    """Somebody on the other side, with a client of their own."""

    async def say(self, text: str) -> None:
        """Send a text to the hotline's account."""
        ...

    async def show(self, kind: Attachment, content: bytes) -> None:
        """Send an attachment without text."""
        ...

    async def hear_file(self) -> bytes:
        """Wait for the next file from the hotline and return what is in it."""
        ...

    async def say_openly(self, text: str) -> bool:
        """Send a text unencrypted, as far as this network can.

        Returns whether the channel can see that there was one; False also where nothing was sent.
        """
        ...

    async def hear(self) -> str:
        """Wait for the next text from the hotline and return it."""
        ...


class Bench(Protocol):
    """What a channel's tests set up for one check."""

    @property
    def channel(self) -> Channel:
        """Return the channel, not started."""
        ...

    async def person(self) -> Person:
        """Return a new person, able to write to the hotline's account."""
        ...

    async def cut(self) -> None:
        """Take the network away from the channel."""
        ...

    async def restore(self) -> None:
        """Give the network back."""
        ...

    async def restarted(self) -> Channel:
        """Return the channel as a later process makes it from the same state, not started.

        `channel` is that one from then on. The one before was stopped.
        """
        ...

    async def nobody(self) -> str:
        """Return an address of the right form behind which there is nobody."""
        ...


class _Desk:
    """The handler of a check: remembers what it was handed, and refuses as long as it is told to.

    Several messages of one address at once break rule 4.
    """

    def __init__(self) -> None:
        self.stored: asyncio.Queue[Incoming] = asyncio.Queue()
        self.refused: asyncio.Queue[Incoming] = asyncio.Queue()
        self.closed = False
        self.most = LARGEST  # bytes that are fetched of an attachment
        self.contents: dict[str, list[bytes | Lost]] = {}  # by transport id
        self._open = asyncio.Event()
        self._open.set()
        self._busy: set[str] = set()
        self.overlapped = False

    async def take(self, incoming: Incoming) -> None:
        self.overlapped |= incoming.address in self._busy
        self._busy.add(incoming.address)
        try:
            await self._open.wait()
            fetched = [await self._fetched(fetch) for fetch in incoming.fetches if fetch]
            self.contents[incoming.transport_id] = fetched
            if self.closed:
                self.refused.put_nowait(incoming)
                raise ChannelUnavailable
            self.stored.put_nowait(incoming)
        finally:
            self._busy.discard(incoming.address)

    async def _fetched(self, fetch: Fetch) -> bytes | Lost:
        try:
            return await fetch(self.most)
        except AttachmentLost as lost:
            return lost.reason

    def hold(self) -> None:
        self._open.clear()

    def let_go(self) -> None:
        self._open.set()


async def _within(waited_for: Awaitable[_T], otherwise: str) -> _T:
    try:
        async with asyncio.timeout(PATIENCE):
            return await waited_for
    except TimeoutError:
        raise NotConforming(otherwise) from None


async def _quiet(queue: asyncio.Queue[Incoming], otherwise: str) -> None:
    await asyncio.sleep(QUIET)
    if not queue.empty():
        raise NotConforming(otherwise)


def _require(condition: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as an assertion
    if not condition:
        raise NotConforming(otherwise)


async def _met(bench: Bench, desk: _Desk) -> tuple[Person, Incoming]:
    """A person whose first message has arrived."""
    person = await bench.person()
    await person.say("hello")
    return person, await _within(desk.stored.get(), "a first message did not arrive")


async def texts_arrive_as_they_were_written(bench: Bench, desk: _Desk) -> None:
    """Every script, line breaks, markup and long texts, once and in order."""
    person = await bench.person()
    for text in TEXTS:
        await person.say(text)
        incoming = await _within(desk.stored.get(), "a text did not arrive")
        _require(incoming.text == text, "a text was changed on its way in")
        _require(bool(incoming.transport_id), "a message has no transport id")
        _require(bool(incoming.address), "a message has no address")
        _require(text not in repr(incoming), "repr shows a text")
        _require(incoming.address not in repr(incoming), "repr shows an address")
    await _quiet(desk.stored, "a message arrived twice")
    _require(not desk.overlapped, "two messages of one address were handed over at once")


async def replies_reach_only_their_address(bench: Bench, desk: _Desk) -> None:
    """Two people, each hears what was sent to them, unchanged."""
    first, from_first = await _met(bench, desk)
    second, from_second = await _met(bench, desk)
    _require(from_first.address != from_second.address, "two people have one address")
    _require(from_first.transport_id != from_second.transport_id, "two messages have one id")
    for number, text in enumerate(TEXTS):
        ids = (bytes([1, number]) * 8, bytes([2, number]) * 8)
        sent = await bench.channel.send(from_first.address, text, ids[0])
        _require(bool(sent.transport_id), "a sent message has no transport id")
        await bench.channel.send(from_second.address, f"second {number}", ids[1])
        heard = await _within(first.hear(), "a reply did not arrive")
        _require(heard == text, "a reply was changed, or reached the wrong person")
        heard = await _within(second.hear(), "a reply did not arrive")
        _require(heard == f"second {number}", "a reply reached the wrong person")


async def acknowledged_only_when_stored(bench: Bench, desk: _Desk) -> None:
    """What the handler could not store comes again, the same, and later messages wait for it."""
    desk.closed = True
    person = await bench.person()
    await person.say("one")
    await person.say("two")
    kept = await _within(desk.refused.get(), "a message was not handed over")
    again = await _within(desk.refused.get(), "a message that was not stored did not come again")
    _require(again == kept, "a message that came again was another one")
    _require(bench.channel.health().waiting > 0, "health does not count what waits")
    desk.closed = False
    for text in ("one", "two"):
        incoming = await _within(desk.stored.get(), "a message that was not stored was lost")
        _require(incoming.text == text, "messages came in another order than they were sent in")
    await _quiet(desk.stored, "a message that was stored came again")


async def one_at_a_time(bench: Bench, desk: _Desk) -> None:
    """While the handler works on a message, the next one of that person waits."""
    desk.hold()
    person = await bench.person()
    await person.say("one")
    await person.say("two")
    await asyncio.sleep(QUIET)
    desk.let_go()
    for text in ("one", "two"):
        incoming = await _within(desk.stored.get(), "a message was lost while another was stored")
        _require(incoming.text == text, "messages came in another order than they were sent in")
    _require(not desk.overlapped, "two messages of one address were handed over at once")


async def a_burst_arrives_whole(bench: Bench, desk: _Desk) -> None:
    """Many messages at once, and many from the time when the channel did not run."""
    person, met = await _met(bench, desk)
    texts, seen = [f"burst {number}" for number in range(BURST)], {met.transport_id}
    for text in texts[: BURST // 2]:
        await person.say(text)
    await _all_in_order(desk, texts[: BURST // 2], seen)
    await bench.channel.stop()
    for text in texts[BURST // 2 :]:
        await person.say(text)
    channel = await bench.restarted()
    await channel.start(desk.take)
    await _all_in_order(desk, texts[BURST // 2 :], seen)


async def _all_in_order(desk: _Desk, texts: list[str], seen: set[str]) -> None:
    """Take `texts`; what was stored as the channel stopped may come once more (rule 3)."""
    for text in texts:
        incoming = await _within(desk.stored.get(), "a message of a burst was lost")
        while incoming.transport_id in seen:
            incoming = await _within(desk.stored.get(), "a message of a burst was lost")
        seen.add(incoming.transport_id)
        _require(incoming.text == text, "a burst arrived in another order")


async def attachments_arrive_as_they_were_sent(bench: Bench, desk: _Desk) -> None:
    """A voice message or a picture without text arrives as what it is, whole, or refused whole."""
    person = await bench.person()
    for kind, content in ((Attachment.VOICE, SOUND), (Attachment.PICTURE, PICTURE)):
        await person.show(kind, content)
        incoming = await _within(desk.stored.get(), "an attachment did not arrive")
        _require(incoming.text is None, "an attachment without text has a text")
        _require(incoming.attachments == (kind,), "an attachment was named as something else")
        _require(desk.contents[incoming.transport_id] == [content], "an attachment was not whole")
    desk.most = len(PICTURE) - 1
    await person.show(Attachment.PICTURE, PICTURE)
    incoming = await _within(desk.stored.get(), "a large attachment took its message along")
    _require(
        desk.contents[incoming.transport_id] == [Lost.TOO_LARGE],
        "more of an attachment was handed over than was asked for",
    )


async def an_attachment_stays_until_it_is_stored(bench: Bench, desk: _Desk) -> None:
    """What was fetched for a message that could not be stored can be fetched again."""
    desk.closed = True
    person = await bench.person()
    await person.show(Attachment.VOICE, SOUND)
    await _within(desk.refused.get(), "an attachment was not handed over")
    await bench.channel.stop()
    desk.closed = False
    channel = await bench.restarted()
    await channel.start(desk.take)
    incoming = await _within(desk.stored.get(), "a restart lost a message with an attachment")
    _require(desk.contents[incoming.transport_id] == [SOUND], "a restart lost an attachment")
    await _quiet(desk.stored, "a message with an attachment came again")


async def attachments_reach_only_their_address(bench: Bench, desk: _Desk) -> None:
    """A file arrives unchanged at one person, before what was sent after it."""
    first, from_first = await _met(bench, desk)
    second, from_second = await _met(bench, desk)
    channel, file = bench.channel, Outgoing("ogg", "audio/ogg", SOUND)
    sent = await _within(
        channel.send_attachment(from_first.address, file, b"a-file-message-1"), "sending hung"
    )
    _require(bool(sent.transport_id), "a sent file has no transport id")
    _require(await _within(first.hear_file(), "a file did not arrive") == SOUND, "it was changed")
    if channel.sends_once:
        await channel.send_attachment(from_first.address, file, b"a-file-message-1")
    await channel.send(from_first.address, "after it", b"a-file-message-2")
    heard = await _within(first.hear(), "nothing arrives after a file")
    _require(heard == "after it", "what was sent after a file was changed")
    await channel.send(from_second.address, "no file", b"a-file-message-3")
    heard = await _within(second.hear(), "a reply did not arrive")
    _require(heard == "no file", "a file reached the wrong person")
    await _within(channel.delete(from_first.address, sent.transport_id), "deleting a file hung")


async def an_outage_loses_nothing(bench: Bench, desk: _Desk) -> None:
    """Without network sending says so; afterwards both ways work, and the id arrives once."""
    person, met = await _met(bench, desk)
    await bench.cut()
    message_id = b"outage-message-1"
    try:
        await _within(bench.channel.send(met.address, "later", message_id), "sending hung")
    except ChannelUnavailable:
        pass
    except ChannelUncertain:
        message_id = b"outage-message-2"  # a person decided, and wrote it anew
    else:
        raise NotConforming("without a network a message was reported as sent")
    async with asyncio.timeout(PATIENCE):  # what changes its core on purpose says so for moments
        while bench.channel.health().connected:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.1)
    await person.say("while it was down")
    await bench.restore()
    incoming = await _within(desk.stored.get(), "a message from the outage was lost")
    _require(incoming.text == "while it was down", "a message from the outage was changed")
    await _sent_at_last(bench.channel, met.address, "later", message_id)
    heard = await _within(person.hear(), "a message did not arrive after the outage")
    _require(heard == "later", "a message was changed by the outage")
    _require(bench.channel.health().connected, "health does not notice the end of the outage")


async def _sent_at_last(channel: Channel, address: str, text: str, message_id: bytes) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await channel.send(address, text, message_id)
            except ChannelUnavailable:
                await asyncio.sleep(QUIET)
            else:
                return


async def nobody_is_refused(bench: Bench, _desk: _Desk) -> None:
    """An address behind which there is nobody is refused, without being quoted."""
    address = await bench.nobody()
    try:
        await _within(bench.channel.send(address, "private words", b"nobody-message-1"), "it hung")
    except ChannelRefused as refused:
        _require(address not in str(refused), "an exception quotes an address")
        _require("private words" not in str(refused), "an exception quotes a text")
    else:
        raise NotConforming("a message to nobody was reported as sent")


async def unencrypted_is_refused(bench: Bench, desk: _Desk) -> None:
    """What comes unencrypted is never handed over; where the channel sees it, it is counted."""
    person, _met_before = await _met(bench, desk)
    seen = await person.say_openly("read by anybody on the way")
    if seen:
        await _within(_counted(bench.channel), "health does not count what was refused")
    await _quiet(desk.stored, "an unencrypted message was handed over")
    await person.say("only for you")
    incoming = await _within(desk.stored.get(), "after an unencrypted one nothing arrives")
    _require(incoming.text == "only for you", "an unencrypted message was handed over")


async def _counted(channel: Channel) -> None:
    """Wait until health counts something unencrypted."""
    while True:
        if channel.health().refused.get(Refusal.NOT_ENCRYPTED, 0) > 0:
            return
        await asyncio.sleep(QUIET)


async def a_restart_loses_nothing(bench: Bench, desk: _Desk) -> None:
    """What was not stored, and what came meanwhile, is handed over by a later process."""
    person, met = await _met(bench, desk)
    sent = await bench.channel.send(met.address, "before", b"restart-message1")
    _require(bool(sent.transport_id), "a sent message has no transport id")
    desk.closed = True
    await person.say("one")
    await _within(desk.refused.get(), "a message was not handed over")
    await bench.channel.stop()
    await person.say("two")
    desk.closed = False
    channel = await bench.restarted()
    await channel.start(desk.take)
    for text in ("one", "two"):
        incoming = await _within(desk.stored.get(), "a restart lost a message")
        _require(incoming.text == text, "a restart changed the order of messages")
        _require(incoming.address == met.address, "a restart changed an address")
    if channel.sends_once:
        await _sent_at_last(channel, met.address, "before", b"restart-message1")
    await _sent_at_last(channel, met.address, "after", b"restart-message2")
    for text in ("before", "after"):
        heard = await _within(person.hear(), "a message did not arrive after a restart")
        _require(heard == text, "a message sent again after a restart arrived twice")


async def forgetting_makes_a_stranger(bench: Bench, desk: _Desk) -> None:
    """After `forget` the person may write again; forgetting twice, or nobody, is no error."""
    person, met = await _met(bench, desk)
    other, met_other = await _met(bench, desk)
    for address in (met.address, met.address, await bench.nobody()):
        await _within(bench.channel.withdraw(address), "withdrawing hung")
        await _within(bench.channel.forget(address), "forgetting hung")
    _require(met.address not in await bench.channel.people(), "who was forgotten is still kept")
    await bench.channel.send(met_other.address, "still here", b"forget-message-1")
    heard = await _within(other.hear(), "forgetting one person cut off another")
    _require(heard == "still here", "forgetting one person changed what another hears")
    await person.say("again")
    incoming = await _within(desk.stored.get(), "who was forgotten cannot write any more")
    _require(incoming.text == "again", "what was forgotten was handed over again")
    await bench.channel.send(incoming.address, "welcome", b"forget-message-2")
    heard = await _within(person.hear(), "who was forgotten cannot be answered any more")
    _require(heard == "welcome", "who was forgotten hears what was said before")


async def deleting_and_timers_do_no_harm(bench: Bench, desk: _Desk) -> None:
    """A message can be deleted, also twice; a timer can be set and ended."""
    _person, met = await _met(bench, desk)
    channel = bench.channel
    sent = await channel.send(met.address, "to be deleted", b"delete-message-1")
    for transport_id in (sent.transport_id, sent.transport_id, met.transport_id):
        await _within(channel.delete(met.address, transport_id), "deleting hung")
    for seconds in (3600, None):
        await _within(channel.set_timer(met.address, seconds), "setting a timer hung")


async def nothing_after_stop(bench: Bench, desk: _Desk) -> None:
    """After `stop` the handler rests; stopping twice is no error."""
    person, _met_before = await _met(bench, desk)
    await bench.channel.stop()
    await bench.channel.stop()
    await person.say("too late")
    await _quiet(desk.stored, "a message was handed over after stop")


Check = Callable[[Bench, _Desk], Awaitable[None]]

CHECKS: Final[tuple[Check, ...]] = (
    texts_arrive_as_they_were_written,
    replies_reach_only_their_address,
    acknowledged_only_when_stored,
    one_at_a_time,
    a_burst_arrives_whole,
    attachments_arrive_as_they_were_sent,
    an_attachment_stays_until_it_is_stored,
    attachments_reach_only_their_address,
    an_outage_loses_nothing,
    nobody_is_refused,
    unencrypted_is_refused,
    a_restart_loses_nothing,
    forgetting_makes_a_stranger,
    deleting_and_timers_do_no_harm,
    nothing_after_stop,
)


async def run(check: Check, bench: Bench) -> None:
    """Start the channel, run one check, stop the channel; raises `NotConforming`."""
    desk = _Desk()
    await bench.channel.start(desk.take)
    try:
        await check(bench, desk)
    finally:
        await bench.channel.stop()
