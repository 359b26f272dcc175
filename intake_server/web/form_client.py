"""The client's side of the form path: what a browser with code would do, done here in memory.

For the moment of one request this process holds the phrase, its keys and the text. Nothing of it
is kept or logged, and the page says so. Argon2id and the sealing run in two threads with a short
queue, so that they neither hold up other requests nor take the machine.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from intake_server.clock import Clock
from intake_server.web.form_fields import Words
from intake_server.web.form_token import FormToken
from intake_server.web.guided_pages import answers_so_far
from intake_server.web.keys import KeySource, PublicKeys
from intake_server.web.phrase_hash import hashed_phrase
from intake_server.web.places import BoundedThreads, NoPlace
from intake_server.web.work import Arriving, ClientState, Opened, StaleKeys, Unavailable, Work
from triage.retention import Promise
from vault.attachment_format import Described, read_list
from vault.envelope import (
    Direction,
    Envelope,
    Format,
    Origin,
    Reading,
    Text,
    decode_text,
    encode_body,
    is_verified,
    open_envelope,
    seal_envelope,
)
from vault.keeper_client import KeeperDown, WebKeeper
from vault.keeper_protocol import Verb, u64
from vault.keeper_requests import NewConversation, Periods, Proof, make_proof, open_answer
from vault.messages import StoredMessage
from vault.page_proposal import Proposal, number_for
from vault.phrase import Phrase, PhraseKeys
from vault.roster import Roster
from vault.sealing import (
    ID_SIZE,
    BoxKeys,
    CannotOpen,
    Kind,
    SignKeys,
    new_box_keys,
    random_bytes,
)
from vault.ways import Ways, read_ways
from vault.wraps import (
    ClientWrap,
    ScreeningCopy,
    TeamWrap,
    open_client_wrap,
    seal_client_wrap,
    seal_team_wrap,
)

T = TypeVar("T")

_BOTH_WAYS = (Direction.CLIENT_TO_TEAM, Direction.TEAM_TO_CLIENT)


@dataclass(frozen=True, slots=True)
class ReadMessage:
    """A message as it can be shown. `text` is None where it did not open.

    `missing` is how many messages of the same writer should stand before it; `is_answers`: to
    optional questions, and not words of the client's own; `from_courier`: by a messenger.
    """

    from_team: bool
    name: str = field(repr=False)
    text: str | None = field(repr=False)
    time_ms: int
    verified: bool
    missing: int = 0
    is_answers: bool = False
    id: bytes = field(default=b"", repr=False)
    attachments: tuple[Described, ...] = ()
    from_courier: bool = False


@dataclass(frozen=True, slots=True)
class Opening:
    """Keys of a conversation that a phrase opened, for the moment of one request."""

    phrase: PhraseKeys = field(repr=False)
    wrap: ClientWrap = field(repr=False)

    @property
    def conversation_id(self) -> bytes:
        """The conversation's id."""
        return self.wrap.conversation_id


@dataclass(frozen=True, slots=True)
class OpenConversation:
    """A conversation that a phrase opened. Times in seconds since 1970."""

    conversation_id: bytes = field(repr=False)
    messages: tuple[ReadMessage, ...] = field(repr=False)
    state: ClientState
    due: int
    latest: int
    ways: Ways

    @property
    def has_news(self) -> bool:
        """Whether the last message is the team's."""
        return bool(self.messages) and self.messages[-1].from_team

    @property
    def has_answers(self) -> bool:
        """Whether answers to optional questions stand, and were not taken back."""
        given = [one.text for one in self.messages if one.is_answers and one.verified]
        return bool(given) and bool(answers_so_far(given[-1] or ""))


@dataclass(frozen=True, slots=True)
class FormClient:
    """Acts for clients whose browser runs no code."""

    work: Work
    keeper: WebKeeper
    keys: KeySource
    clock: Clock
    threads: BoundedThreads

    async def start_key(self) -> bytes:
        """The running keeper's start key; empty while it is not known.

        Raises NotOpen while nobody holds the team key; then no text is taken.
        """
        try:
            return (await self.keys.current()).start_key
        except KeeperDown:  # told by the step itself, which keeps the text
            return b""

    async def first(self, token: FormToken, promise: Promise, words: Words) -> None:
        """Store a first message under the token's phrase.

        Raises NotOpen, TooMany, Unavailable, after which the same token may be used again; and
        StaleKeys for a token that begins nothing any more: the keeper was started since, or it
        has forgotten this conversation.
        """
        public = await self._public()
        if token.start_key != public.start_key:
            raise StaleKeys
        with self.work.arrival():
            phrase, create, arriving = await self._in_thread(
                lambda: self._sealed_first(
                    public, hashed_phrase(token.phrase), token, promise, words
                )
            )
        try:
            await self.work.first(create, arriving, token.conversation_id)
        except StaleKeys:
            public = await self._public(self.keys.renewed)
            if token.start_key != public.start_key:
                raise
            _, create, arriving = await self._in_thread(
                lambda: self._sealed_first(public, phrase, token, promise, words)
            )
            await self.work.first(create, arriving, token.conversation_id)

    async def open(self, phrase: Phrase) -> OpenConversation:
        """Open the conversation of a phrase; raises CannotOpen, Unavailable."""
        keys = await self._in_thread(lambda: hashed_phrase(phrase))
        reply = new_box_keys()
        proof = await self._proof(keys, Verb.OPEN_CLIENT_WRAP, (keys.lookup_tag,), reply)
        opened = await self.work.open(keys.lookup_tag, proof)
        public = await self._public(self.keys.newest)
        return await self._in_thread(lambda: _read(opened, keys, public.roster, reply, proof))

    async def prove(
        self, phrase: Phrase, verb: Verb, signed: tuple[bytes, ...], reply: BoxKeys
    ) -> tuple[bytes, Proof]:
        """The lookup tag, and a proof for a verb that signs it and `signed`; raises Unavailable."""
        keys = await self._in_thread(lambda: hashed_phrase(phrase))
        tag = keys.lookup_tag
        return tag, await self._proof(keys, verb, (tag, *signed), reply)

    async def proposal(self, phrase: Phrase, code: str) -> tuple[bytes, Proposal, str]:
        """The keeper's start key, what a page with this phrase proposes, and its number.

        Raises NotOpen, Unavailable.
        """
        public = await self._public(self.keys.renewed)  # a code is of the keeper that runs now
        start = public.start_key
        return await self._in_thread(lambda: _proposal(start, hashed_phrase(phrase), code))

    async def opening(self, phrase: Phrase) -> Opening:
        """The keys behind a phrase; raises CannotOpen, Unavailable."""
        keys = await self._in_thread(lambda: hashed_phrase(phrase))
        reply = new_box_keys()
        proof = await self._proof(keys, Verb.OPEN_CLIENT_WRAP, (keys.lookup_tag,), reply)
        opened = await self.work.open(keys.lookup_tag, proof)
        wrap, _ = _unwrap(opened, keys, reply, proof)
        return Opening(keys, wrap)

    async def send(
        self, phrase: Phrase, token: FormToken, words: Words, opening: Opening | None = None
    ) -> None:
        """Store a further message; raises CannotOpen, Refused, TooMany, Unavailable."""
        if opening is None:
            opening = await self.opening(phrase)
        keys, wrap = opening.phrase, opening.wrap
        arriving = self._arriving(
            words, wrap.conversation_id, token, wrap.messages.public, keys.sign
        )
        proof = await self._proof(keys, Verb.CLIENT_WROTE, (keys.lookup_tag,), new_box_keys())
        await self.work.send(keys.lookup_tag, proof, arriving)

    async def change_due(self, phrase: Phrase, due: int) -> None:
        """Move the day of forgetting; raises Refused, Unavailable."""
        keys = await self._in_thread(lambda: hashed_phrase(phrase))
        signed = (keys.lookup_tag, u64(due))
        proof = await self._proof(keys, Verb.CHANGE_DUE, signed, new_box_keys())
        await self.work.change_due(keys.lookup_tag, due, proof)

    async def erase(self, phrase: Phrase) -> None:
        """Forget everything now; raises CannotOpen, Refused, Unavailable.

        Returns only after the keeper's own answer, sealed to this request, says so.
        """
        keys = await self._in_thread(lambda: hashed_phrase(phrase))
        reply = new_box_keys()
        proof = await self._proof(keys, Verb.ERASE, (keys.lookup_tag,), reply)
        answer = await self.work.erase(keys.lookup_tag, proof)
        if open_answer(reply, proof.nonce, answer)[0] != b"erased":
            raise CannotOpen

    def _sealed_first(
        self,
        public: PublicKeys,
        phrase: PhraseKeys,
        token: FormToken,
        promise: Promise,
        words: Words,
    ) -> tuple[PhraseKeys, bytes, Arriving]:
        """The phrase's keys, the sealed request for a conversation, and its first message."""
        sealed = _new_conversation(public, phrase, token, promise).sealed(public.start_key)
        recipient = token.keys.messages.public
        owner, signer = token.conversation_id, phrase.sign
        return phrase, sealed, self._arriving(words, owner, token, recipient, signer)

    def _arriving(
        self,
        words: Words,
        conversation_id: bytes,
        token: FormToken,
        recipient: bytes,
        signer: SignKeys,
    ) -> Arriving:
        message_id = words.message_id or token.message_id(
            words.text, words.name, danger=words.danger
        )
        content = Envelope(
            conversation_id=conversation_id,
            message_id=message_id,
            writer_id=random_bytes(ID_SIZE),
            counter=1,
            direction=Direction.CLIENT_TO_TEAM,
            origin=Origin.CLIENT,
            epoch=0,
            time_ms=self.clock.unix() * 1000,
            danger=words.danger,
            format=_format_of(words),
            body=encode_body(Text(words.text, words.name)),
        )
        envelope = seal_envelope(content, Kind.MESSAGE, recipient, signer)
        if words.attached:
            return Arriving(message_id, envelope, None, words.danger, words.attached)
        copy = ScreeningCopy(
            conversation_id, message_id, words.danger, words.text, "", words.is_answers
        )
        return Arriving(message_id, envelope, copy, words.danger)

    async def _proof(
        self, keys: PhraseKeys, verb: Verb, signed: tuple[bytes, ...], reply: BoxKeys
    ) -> Proof:
        try:
            nonce = await self.keeper.nonce()
        except KeeperDown as failure:
            raise Unavailable from failure
        return make_proof(keys.sign, verb, signed, nonce, reply.public)

    async def _public(self, asked: Callable[[], Awaitable[PublicKeys]] | None = None) -> PublicKeys:
        try:
            return await (asked or self.keys.current)()
        except KeeperDown as failure:
            raise Unavailable from failure

    async def _in_thread(self, step: Callable[[], T]) -> T:
        try:
            return await self.threads.run(step)
        except NoPlace as full:
            raise Unavailable from full


def _new_conversation(
    public: PublicKeys, phrase: PhraseKeys, token: FormToken, promise: Promise
) -> NewConversation:
    epoch, keys, owner = public.roster.epoch, token.keys, token.conversation_id
    team = TeamWrap(owner, epoch.number, keys, phrase.sign.public)
    client = ClientWrap(owner, keys.messages, public.roster.fingerprint, public.roster.head)
    return NewConversation(
        conversation_id=owner,
        lookup_tag=phrase.lookup_tag,
        verify_key=phrase.sign.public,
        cpk=keys.messages.public,
        npk=keys.notes.public,
        epoch=epoch.number,
        periods=Periods(promise.inactivity_hours, promise.absolute_hours, promise.closed_hours),
        team_wrap=seal_team_wrap(epoch.box_key, team),
        client_wrap=seal_client_wrap(phrase.box.public, client),
    )


def _format_of(words: Words) -> Format:
    if words.attached:
        return Format.ATTACHMENTS
    return Format.ANSWERS if words.is_answers else Format.MESSAGE


def _unwrap(
    opened: Opened, keys: PhraseKeys, reply: BoxKeys, proof: Proof
) -> tuple[ClientWrap, Ways]:
    """What stands in the keeper's answer; raises CannotOpen, for made-up answers too."""
    inner, conversation_id, _, _, ways = open_answer(reply, proof.nonce, opened.answer)
    return open_client_wrap(keys.box, inner, conversation_id), read_ways(ways)


def _read(
    opened: Opened, keys: PhraseKeys, roster: Roster, reply: BoxKeys, proof: Proof
) -> OpenConversation:
    wrap, ways = _unwrap(opened, keys, reply, proof)
    courier = roster.founding.courier_sign_key if ways.is_joined else None
    shown = tuple(_shown(opened.messages, wrap, _Signers(keys.sign.public, courier, roster)))
    dates = opened.due, opened.latest
    return OpenConversation(wrap.conversation_id, shown, opened.state, *dates, ways)


@dataclass(frozen=True, slots=True)
class _Signers:
    """Whose keys count in a conversation; `courier` is None where no messenger joined."""

    client: bytes
    courier: bytes | None
    roster: Roster

    def of(self, envelope: Envelope) -> bytes | None:
        """Whose Ed25519 key must have signed this envelope."""
        if envelope.origin is Origin.CLIENT:
            return self.client
        if envelope.origin is Origin.COURIER:
            return self.courier
        epoch = self.roster.epoch_numbered(envelope.epoch)
        return None if epoch is None else epoch.sign_key


def _shown(
    stored: Iterable[StoredMessage], wrap: ClientWrap, signers: _Signers
) -> Iterable[ReadMessage]:
    reading = Reading()
    epoch = 0  # the latest one of which a message was verified
    for row in stored:
        try:
            opened = open_envelope(
                row.envelope, Kind.MESSAGE, wrap.messages, wrap.conversation_id, _BOTH_WAYS
            )
            text = decode_text(opened.envelope)
        except CannotOpen:
            from_team = row.direction == Direction.TEAM_TO_CLIENT
            yield ReadMessage(from_team, "", None, row.hour * 1000, verified=False)
            continue
        envelope = opened.envelope
        signer = signers.of(envelope)
        verified = signer is not None and is_verified(opened, signer)
        if envelope.origin is Origin.TEAM:
            # Who left the team still has the key of an earlier epoch and may write with it.
            verified = verified and envelope.epoch >= epoch
            epoch = envelope.epoch if verified else epoch
        place = reading.take(envelope, verified=verified)
        if not place.repeated:
            is_list = envelope.format is Format.ATTACHMENTS
            yield ReadMessage(
                envelope.direction is Direction.TEAM_TO_CLIENT,
                text.name,
                "" if is_list else text.text,  # keys stand in it
                envelope.time_ms,
                verified,
                place.missing,
                envelope.format is Format.ANSWERS,
                envelope.message_id,
                _listed(text.text) if is_list else (),
                envelope.origin is Origin.COURIER,
            )


def _listed(text: str) -> tuple[Described, ...]:
    """The attachments that a message names; none where it cannot be read."""
    try:
        return read_list(text)
    except CannotOpen:
        return ()


def _proposal(start_key: bytes, keys: PhraseKeys, code: str) -> tuple[bytes, Proposal, str]:
    proposal = Proposal(keys.lookup_tag, keys.sign.public, keys.box.public)
    return start_key, proposal, number_for(code, proposal.hash)
