"""A hotline with people in it, for an attacker to try: one of each kind, in one running stack."""

import contextlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from tests.flows.adversary_hands import Hands, Rows, Truth
from tests.flows.adversary_readers import Seen, seen
from tests.flows.people import Client, Counsellor, LoopbackPerson, Opened, to_bytes
from tests.flows.stack import Stack, a_stack, http, until
from vault import envelope, sealing
from vault.envelope import Direction, Envelope, Format, Origin
from vault.keeper_protocol import Peer
from vault.sealing import Kind, Secret, SignKeys

PLEA = "my boss took my passport and we work until 12 at night"
HER_WORDS = "it is Mira again, she writes from a library"
ANSWER = "thank you Mira, are you alone now"
UNREAD = "Noor wrote this and nobody has opened it yet"
KIMS = "please help me, Kim wrote over a messenger"
FOR_KIM = "we are here, Kim"


@dataclass
class Town:
    """Mira and Kim were answered, Noor waits unopened; Kim came over a messenger."""

    stack: Stack
    net: aiohttp.ClientSession
    ana: Counsellor
    rows: Rows
    kim: LoopbackPerson
    entries: list[bytes] = field(default_factory=list)
    mira: Client = None
    noor: Client = None
    kims: bytes = b""  # the id of Kim's conversation
    hands: dict[Peer, Hands] = field(default_factory=dict)

    async def settle(self) -> None:
        self.mira, self.noor = await self.writes(PLEA), await self.writes(UNREAD)
        await self.mira.write(HER_WORDS)
        await self.kim.say(KIMS, "1")
        self.kims = await self.arrived_over_a_messenger(set())
        await (await self.claimed(self.mira.conversation)).reply(ANSWER)
        await (await self.claimed(self.kims)).reply(FOR_KIM)
        await until(self._kim_is_answered, "Kim hears the answer")
        given = await self.mira.load()
        self.entries = [to_bytes(entry) for entry in given["roster"]]
        for conversation in (self.mira.conversation, self.noor.conversation, self.kims):
            await self.screened(conversation)

    async def writes(self, *texts: str) -> Client:
        """A new client with JavaScript who has written this."""
        first, *more = texts
        client = Client(self.stack, self.net)
        await client.write_first(first)
        for text in more:
            await client.write(text)
        return client

    async def arrived_over_a_messenger(self, known: set[bytes]) -> bytes:
        """The id of a messenger conversation that was not there before."""

        def new():
            sql = "select id from conversations where channel = 'loopback'"
            return set(self.rows.column(sql)) - known

        return (await until(new, "the message is stored")).pop()

    async def _kim_is_answered(self) -> bool:
        return FOR_KIM in await self.kim.hear(wait=0.3)

    async def screened(self, conversation: bytes) -> None:
        """Waits until screening has looked at it."""
        sql = "select urgency_by = 'screened' from conversations where id = ?"
        await until(lambda: self.rows.one(sql, conversation), "screening has looked at it")

    async def claimed(self, conversation: bytes) -> Opened:
        await self.ana.claim(conversation)
        return await self.ana.open(conversation)

    @asynccontextmanager
    async def without(self, process: str) -> AsyncIterator[None]:
        """The process stands still meanwhile: its attacker does its work."""
        pid = self.stack.pids()[process]
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def truth(self) -> Truth:
        return Truth.of(self.stack, self.rows)

    async def seen(self, opened: Opened) -> Seen:
        """What the pages' own code shows of the rows as they are now."""
        return await seen(self.rows, opened, self.entries)

    async def still_stands(self) -> None:
        """Everybody reads what they read before."""
        assert [m.text for m in await self.back(self.mira).come_back()] == [PLEA, HER_WORDS, ANSWER]
        assert [m.text for m in await self.back(self.noor).come_back()] == [UNREAD]
        assert [m.text for m in (await self.ana.open(self.kims)).read()] == [KIMS, FOR_KIM]

    def back(self, client: Client) -> Client:
        """The same person at another browser, with nothing but the phrase."""
        return Client(self.stack, self.net, phrase=client.phrase)


@asynccontextmanager
async def a_town() -> AsyncIterator[Town]:
    async with contextlib.AsyncExitStack() as open_things:
        stack = await open_things.enter_async_context(a_stack())
        net = await open_things.enter_async_context(http())
        ana = Counsellor(stack, net)
        await ana.set_up()
        await ana.sign_in()
        town = Town(stack, net, ana, Rows(stack), LoopbackPerson(stack, "kim-7741"))
        for peer in (Peer.WEB, Peer.DESK, Peer.COURIER, Peer.CARETAKER):
            town.hands[peer] = Hands(stack, peer)
            open_things.push_async_callback(town.hands[peer].close)
        await town.settle()
        yield town


def made_up_signer() -> SignKeys:
    return sealing.sign_keys(Secret(sealing.random_bytes(32)))


def forged(
    conversation: bytes, cpk: bytes, text: str, signer: SignKeys, origin: Origin
) -> tuple[bytes, int, bytes]:
    """Message id, direction and envelope of a message that `signer` signs as `origin`."""
    is_team = origin is Origin.TEAM
    content = Envelope(
        conversation_id=conversation,
        message_id=sealing.random_bytes(16),
        writer_id=sealing.random_bytes(16),
        counter=1,
        direction=Direction.TEAM_TO_CLIENT if is_team else Direction.CLIENT_TO_TEAM,
        origin=origin,
        epoch=1 if is_team else 0,
        time_ms=1_800_000_000_000,
        danger=False,
        format=Format.MESSAGE,
        body=envelope.encode_body(envelope.Text(text, "Ana" if is_team else "")),
    )
    sealed = envelope.seal_envelope(content, Kind.MESSAGE, cpk, signer)
    return content.message_id, int(content.direction), sealed
