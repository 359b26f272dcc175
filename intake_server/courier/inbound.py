"""What arrives over messengers, from the channel's handler to the acknowledgement.

Theory of operation
-------------------
1.  A message is acknowledged when it is sealed, its slot synced and its rows committed; in this
    order, each step repeatable. Until then the channel keeps it: `ChannelUnavailable`.
2.  Repeats are known by a keyed hash of the network's own id; they are acknowledged and dropped.
3.  An unknown address makes a conversation: keys made here and forgotten here, envelope signed by
    the courier, wrapped to the team. A known address finds it.
4.  A living address slot without its rows is what a crash left between slot and commit (or is
    younger than a restored database): it is erased and made anew, and the message is not lost.
5.  Messages of one address are stored one after the other.
6.  Screening comes after the acknowledgement. What has no text is not screened: urgency 1. Words
    are stored before what came with them is fetched (`courier.attachments`); a message with
    attachments is acknowledged once both are stored, and each is known by a hash of its own.
7.  A client erases everything by a command and a number (`intake_server.courier.commands`): the
    keeper has overwritten the shred key before the answer says so. Everything else is a message.
8.  By a code from one chat another one joins its conversation (`courier.codes`): explicitly, and
    only where it has none of its own.
    A page goes on with a conversation by a code and a number (`courier.paging`). Whoever commands
    under other keys than before may be another person: the team is told first.
9.  Whoever has written before chooses when answers may come (`courier.hours`).
10. What is said by itself is said in the language of what the person wrote (`courier.languages`).
11. Whoever asks for the optional questions answers them with digits (`courier.guided`): those are
    no messages; what the client passes on at the end is one. Any other message ends them.
"""

from dataclasses import dataclass, field
from typing import Final

from structlog.typing import FilteringBoundLogger

from bots.channel import Channel, ChannelUnavailable, Incoming
from intake_server.clock import Clock
from intake_server.courier.answers import Answers
from intake_server.courier.arriving import Message, is_unreadable, sealed
from intake_server.courier.attachments import AskedAgain, Bringing, left_with_the_messenger
from intake_server.courier.codes import AskCode, Join, JoinTries, read_request, sign_of
from intake_server.courier.commands import Command, Commands, drawn
from intake_server.courier.erasing import Erasing
from intake_server.courier.guided import Guided
from intake_server.courier.hours import Wish, read_wish
from intake_server.courier.languages import Languages
from intake_server.courier.own_keys import OwnKeys, Writers
from intake_server.courier.paging import PageWish, Paging, read_page
from intake_server.courier.parts import NEW_KEYS, readable, split, texts_of, words_of
from intake_server.courier.promised import Promised
from intake_server.courier.screening import Screening, ToScreen
from intake_server.courier.speech import Parting, Speech
from intake_server.courier.turns import Turns
from intake_server.courier.work import Arrived, Work
from intake_server.roster_view import RosterView
from triage.guided import answers_text
from triage.retention import promise_for
from vault.addresses import Address as SealedAddress
from vault.addresses import Reach
from vault.attachments import NotWhole
from vault.conversations import NewConversation
from vault.keeper_answers import FoundAddress
from vault.keeper_client import CourierKeeper
from vault.keeper_joins import JoinKeeper
from vault.keeper_pages import ChatPageKeeper
from vault.keeper_protocol import Busy, Reference, Refused
from vault.keeper_requests import NewMessengerConversation, Periods
from vault.messages import UnknownConversation
from vault.rounding import HOUR
from vault.sealing import ID_SIZE, random_bytes
from vault.ways import NUMBERS
from vault.wraps import (
    Address,
    ScreeningCopy,
    TeamWrap,
    new_conversation_keys,
    seal_address,
    seal_team_wrap,
)

_TRIES: Final = 3  # an erasure may come between two steps, not again and again


@dataclass(slots=True)
class Inbound:
    """The handler of all channels."""

    keeper: CourierKeeper
    joins: JoinKeeper
    pages: ChatPageKeeper
    roster: RosterView
    work: Work
    keys: OwnKeys
    promised: Promised
    screening: Screening | None
    speech: Speech
    clock: Clock
    log: FilteringBoundLogger
    bringing: Bringing
    guided: Guided | None = None
    zone: str = "UTC"  # in which clients choose hours
    languages: Languages = field(init=False)
    commands: Commands = field(init=False)
    erasing: Erasing = field(init=False)
    tries: JoinTries = field(init=False)
    paging: Paging = field(init=False)
    _kept_since: float | None = None
    _last: dict[str, float] = field(default_factory=dict)  # when a channel last brought something
    _writers: Writers = field(default_factory=Writers)
    _turns: Turns = field(default_factory=Turns)

    def __post_init__(self) -> None:
        """Begin with no number drawn, and none tried."""
        self.languages = Languages(self.keeper, self.work, self.speech.spoken)
        self.tries = JoinTries(self.clock.monotonic)
        self.commands = Commands(self.clock.monotonic, drawn)
        self.erasing = Erasing(self.keeper, self.work, self.keys, self._writers)
        page_tries = JoinTries(self.clock.monotonic)
        self.paging = Paging(
            self.pages, self.keeper, self.work, self.keys, self._writers, page_tries
        )

    async def take(self, channel: Channel, incoming: Incoming) -> None:
        """Store one message (rule 1); raises `ChannelUnavailable` whatever stands in the way."""
        tag = self.keys.address_tag(channel.name, incoming.address)
        try:
            async with self._turns.of(tag):
                await self._take(channel, incoming, tag)
        except AskedAgain:
            raise  # its words are stored: nothing is wrong here
        except Exception as reason:
            # Whatever it is, a mistake of our own included: the message must not be lost.
            self._kept_since = self._kept_since or self.clock.monotonic()
            self.log.warning("message_kept", channel=channel.name, exc_info=reason)
            raise ChannelUnavailable from None
        self._kept_since = None
        self._last[channel.name] = self.clock.monotonic()

    def age_of_last(self, channel: str) -> int | None:
        """For how many seconds nothing arrived; None: nothing since the start."""
        last = self._last.get(channel)
        return None if last is None else int(self.clock.monotonic() - last)

    @property
    def stuck_seconds(self) -> float:
        """For how long no message at all could be stored; 0 where the last one could."""
        since = self._kept_since
        return 0.0 if since is None else self.clock.monotonic() - since

    async def _take(self, channel: Channel, incoming: Incoming, tag: bytes) -> None:
        transport = self.keys.transport_hash(channel.name, incoming.address, incoming.transport_id)
        if await self.work.is_seen(transport):
            return
        await self.roster.current()  # nobody reads before somebody is set up
        self.languages.hear(tag, readable(incoming))
        if await self._commanded(channel, incoming, tag, transport):
            return
        if await self._asked(channel, incoming, tag, transport):
            return
        texts = texts_of(incoming)
        if self.bringing.takes(channel, incoming):
            await self._bring(channel, incoming, tag, transport)
        elif texts:
            await self._store(channel, await self._named(incoming, tag, transport, texts))

    async def _named(
        self, incoming: Incoming, tag: bytes, transport: bytes, texts: list[str]
    ) -> Message:
        """Say what came and stays with the messenger; not again the words stored before it."""
        before = self.keys.words_hash(transport)
        if incoming.attachments and await self.work.is_seen(before):
            named = left_with_the_messenger(incoming)
            return Message(incoming, tag, transport, named.texts, brought=named)
        return Message(incoming, tag, transport, texts)

    async def _bring(
        self, channel: Channel, incoming: Incoming, tag: bytes, transport: bytes
    ) -> None:
        """Store words, then attachments; each step may have been done before a crash."""
        words, before = words_of(incoming), self.keys.words_hash(transport)
        found, belongs_to = await self._found(tag), self.bringing.belongs_to(transport)
        if belongs_to is not None and (found is None or found.conversation_id != belongs_to):
            self.bringing.end(transport)
            return  # erased meanwhile: its words do not come back
        if not await self.work.is_seen(before) and (words or found is None):
            # Of somebody new without a word this makes the conversation, to which files belong.
            await self._store(channel, Message(incoming, tag, before, words, is_first_half=True))
            found = await self._found(tag)
        if found is None:
            return  # erased meanwhile
        brought = await self.bringing.bring(found.conversation_id, channel, incoming, transport)
        files = Message(incoming, tag, transport, brought.texts, brought=brought)
        try:
            await self._further(channel, files, found)
        except NotWhole:
            self.bringing.end(transport)  # the sweep took them: from the beginning
            raise
        self.bringing.end(transport)

    async def _store(self, channel: Channel, message: Message) -> None:
        for _ in range(_TRIES):
            try:
                found = await self._found(message.tag)
                if found is None:
                    await self._first(channel, message)
                else:
                    await self._further(channel, message, found)
            except (Refused, UnknownConversation):
                continue
            else:
                return
        raise ChannelUnavailable

    async def _found(self, tag: bytes) -> FoundAddress | None:
        """The conversation of an address; None where there is none, or only its slots (rule 4)."""
        try:
            found = await self.keeper.find_address(tag)
        except Refused:
            return None
        if await self.work.is_stored(found.conversation_id, found.reference):
            return found
        await self.keeper.start_over(found.address)
        return None

    # --- a first and a further message ----------------------------------------------------

    async def _first(self, channel: Channel, message: Message) -> None:
        team = (await self.roster.current()).roster.epoch
        keys, conversation_id = new_conversation_keys(), random_bytes(ID_SIZE)
        promise = promise_for(await self.promised.policy(), channel.name)
        address = Address(conversation_id, channel.name, message.incoming.address, "")
        wrap = TeamWrap(conversation_id, team.number, keys, None)
        made = await self.keeper.create(
            NewMessengerConversation(
                conversation_id=conversation_id,
                cpk=keys.messages.public,
                npk=keys.notes.public,
                epoch=team.number,
                channel=NUMBERS[channel.name],
                periods=Periods(
                    promise.inactivity_hours, promise.absolute_hours, promise.closed_hours
                ),
                team_wrap=seal_team_wrap(team.box_key, wrap),
                address_tag=message.tag,
                address_hours=promise.address_hours,
                address=seal_address(self.keys.box.public, address),
            )
        )
        new = NewConversation(
            id=conversation_id,
            slot=made.reference.slot,
            tag=made.reference.tag,
            channel=channel.name,
            language="",
            danger=False,
            epoch=team.number,
            outer_team=made.team_wrap,
            outer_client=None,
            due=made.due,
            latest=made.latest,
            now=self.clock.unix(),
        )
        at = SealedAddress(
            conversation_id,
            channel.name,
            made.address.slot,
            made.address.tag,
            made.outer_address,
        )
        arrived = self._sealed(message, conversation_id, keys.messages.public)
        until = self.clock.unix() + promise.address_hours * HOUR
        await self.work.store_first(new, at, until, arrived)
        self._stored(conversation_id, made.reference, message, arrived)
        self.speech.welcome(
            channel,
            message.incoming.address,
            promise,
            text_only=is_unreadable(message),
            language=self.languages.heard(message.tag),
        )

    async def _further(self, channel: Channel, message: Message, found: FoundAddress) -> None:
        due, until = await self.keeper.client_wrote(found.address)
        arrived = self._sealed(message, found.conversation_id, found.cpk)
        reach = Reach(channel.name, until)
        await self.work.store_further(found.conversation_id, due, reach, arrived)
        self._stored(found.conversation_id, found.reference, message, arrived)
        if is_unreadable(message):
            answers = await self.languages.answers(message.tag)
            self.speech.say(channel, message.incoming.address, answers.text_only)

    def _sealed(self, message: Message, conversation_id: bytes, cpk: bytes) -> Arrived:
        return sealed(message, conversation_id, cpk, self._writers.of(conversation_id), self.keys)

    def _stored(
        self,
        conversation_id: bytes,
        reference: Reference,
        message: Message,
        arrived: Arrived,
    ) -> None:
        """What follows a commit: the writer moved on, and the text goes to screening."""
        self._writers.of(conversation_id).written += len(arrived.sealed)
        if self.screening is None or not arrived.has_text:
            return
        parts = len(split(readable(message.incoming)))
        for one, text in zip(arrived.sealed[:parts], message.texts, strict=False):
            copy = ScreeningCopy(
                conversation_id=conversation_id,
                message_id=one.message_id,
                danger=False,
                text=text,
                language_hint="",
                is_answers=message.asked_in is not None,
            )
            self.screening.offer(ToScreen(reference, copy))

    # --- optional questions ---------------------------------------------------------------

    async def _asked(
        self, channel: Channel, incoming: Incoming, tag: bytes, transport: bytes
    ) -> bool:
        """Whether the message belongs to the optional questions, and was taken care of."""
        guided, texts = self.guided, split(readable(incoming))
        if guided is None:
            return False
        # A picture beside it, or new keys, are for the team to know of.
        is_plain = texts_of(incoming) == texts
        language = await self.languages.of(tag)
        step = guided.read(tag, transport, "".join(texts), language) if is_plain else None
        if step is None:
            guided.forget(tag)
            return False
        if step.answers is not None:
            texts = [answers_text(step.answers)]
            await self._store(channel, Message(incoming, tag, transport, texts, step.language))
        elif step.begins and await self._found(tag) is None:
            # Nobody is asked anything before the team knows of them.
            await self._store(channel, Message(incoming, tag, transport, texts_of(incoming)))
        guided.did(tag, step)
        self.speech.say(channel, incoming.address, step.say)
        return True

    # --- commands -------------------------------------------------------------------------

    async def _commanded(
        self, channel: Channel, incoming: Incoming, tag: bytes, transport: bytes
    ) -> bool:
        """Do what is commanded; False where the message is one for a counsellor."""
        said = incoming.text or ""
        command, request = self.commands.read(tag, said), read_request(said)
        page, wish = read_page(said), read_wish(said)
        if not (command or request or page or wish):
            return False
        if incoming.identity_changed:
            await self._tell_new_keys(incoming, tag, transport)
        if command is not None:
            await self._obey(command, channel, incoming, tag)
            return True
        return bool(
            (request and await self._joins(channel, incoming, tag, request))
            or (page and await self._pages(channel, incoming, tag, page))
            or (wish and await self._choose_hours(channel, incoming, tag, wish))
        )

    async def _tell_new_keys(self, incoming: Incoming, tag: bytes, transport: bytes) -> None:
        """Have the team know before a command is done: it may be another person's."""
        found = await self._found(tag)
        if found is not None:
            notice = self.keys.notice_hash(transport)
            arrived = self._sealed(
                Message(incoming, tag, notice, [NEW_KEYS]), found.conversation_id, found.cpk
            )
            await self.work.told(found.conversation_id, arrived)
            self._writers.of(found.conversation_id).written += len(arrived.sealed)

    async def _obey(
        self, command: Command, channel: Channel, incoming: Incoming, tag: bytes
    ) -> None:
        answers = await self.languages.answers(tag)
        if command is Command.ASK_ERASE:
            is_page = await self.erasing.is_page(tag)
            text = answers.part_number if is_page else answers.erase_number
            text = text.replace("{number}", self.commands.number(tag))
            self.speech.say(channel, incoming.address, text)
        elif command is Command.ERASE:
            is_all = await self.erasing.erase(channel, incoming, tag)
            self.commands.done(tag)
            if self.guided is not None:
                self.guided.forget(tag)
            self.languages.forget(tag)
            part = Parting(channel, incoming.address, answers, is_all=is_all)
            self.speech.part(part, lambda: self.erasing.is_gone(tag))

    async def _choose_hours(
        self, channel: Channel, incoming: Incoming, tag: bytes, wish: Wish
    ) -> bool:
        """Keep when answers may come; False where nobody knows this address yet."""
        found, answers = await self._found(tag), await self.languages.answers(tag)
        if found is None:
            return False
        if wish.is_question:
            self.speech.say(channel, incoming.address, answers.hours_how)
            return True
        await self.keeper.set_safe_hours(found.address, *wish.minutes)
        transport = self.keys.transport_hash(channel.name, incoming.address, incoming.transport_id)
        told = Message(incoming, tag, transport, [wish.sign])
        arrived = self._sealed(told, found.conversation_id, found.cpk)
        await self.work.hours_changed(found.conversation_id, arrived)
        self._writers.of(found.conversation_id).written += len(arrived.sealed)
        said = answers.hours_off if wish.hours is None else answers.hours_set
        said = said.replace("{hours}", wish.kept).replace("{zone}", self.zone)
        self.speech.say(channel, incoming.address, said)
        return True

    async def _pages(
        self, channel: Channel, incoming: Incoming, tag: bytes, wish: PageWish
    ) -> bool:
        """Do what is asked about pages; False where nobody knows this address yet."""
        found, answers = await self._found(tag), await self.languages.answers(tag)
        if found is None:
            return False
        said = await self.paging.answer(channel, incoming, tag, found, wish, answers)
        self.speech.say(channel, incoming.address, said)
        return True

    async def _row(self, found: FoundAddress) -> SealedAddress | None:
        return await self.work.address_at(found.conversation_id, found.address)

    # --- joining another chat -------------------------------------------------------------

    async def _joins(
        self, channel: Channel, incoming: Incoming, tag: bytes, request: AskCode | Join
    ) -> bool:
        """Do what is asked about joining; False where it is a message after all."""
        found, answers = await self._found(tag), await self.languages.answers(tag)
        if isinstance(request, AskCode):
            if found is None:
                return False
            said = await self._code(found, answers)
        elif found is not None and await self._row(found) is not None:
            said = answers.join_known
        elif found is None and not request.code:
            return False
        else:
            said = await self._join(channel, incoming, tag, request, found, answers)
        self.speech.say(channel, incoming.address, said)
        return True

    async def _join(
        self,
        channel: Channel,
        incoming: Incoming,
        tag: bytes,
        request: Join,
        found: FoundAddress | None,
        answers: Answers,
    ) -> str:
        """Join this chat to the conversation of a code, or end what a crash left half joined.

        What to say about it.
        """
        promise = promise_for(await self.promised.policy(), channel.name)
        if found is None:
            if not self.tries.may_try(tag):
                return answers.join_busy
            try:
                number = NUMBERS[channel.name]
                joined = await self.joins.redeem(request.code, tag, number, promise.address_hours)
            except Busy:
                return answers.join_busy
            except Refused:
                self.tries.wrong(tag)
                return answers.join_wrong
            found = joined.found
        place = Address(found.conversation_id, channel.name, incoming.address, "")
        inner = seal_address(self.keys.box.public, place)
        outer = await self.keeper.seal_address(found.address, inner)
        at = found.address
        sealed = SealedAddress(found.conversation_id, channel.name, at.slot, at.tag, outer)
        transport = self.keys.transport_hash(channel.name, incoming.address, incoming.transport_id)
        told = Message(incoming, tag, transport, [sign_of(channel.name)])
        arrived = self._sealed(told, found.conversation_id, found.cpk)
        until = self.clock.unix() + promise.address_hours * HOUR
        await self.work.joined(sealed, until, arrived)
        self._writers.of(found.conversation_id).written += len(arrived.sealed)
        self.speech.set_timer(channel, incoming.address, promise)
        return answers.joined

    async def _code(self, found: FoundAddress, answers: Answers) -> str:
        """A code for another chat; where the client has a phrase, that it is made on the page."""
        try:
            code = await self.joins.make_code(found.address)
        except Refused:
            return answers.join_page
        return answers.join_code.replace("{code}", code)
