"""A page goes on with this chat's conversation: `/page`, and `/page` with the number that it shows.

The code that answers `/page` lets a page ask, and nothing else. What asks is named to nobody
before the client repeats, here, the number that this page made of its own keys: whoever saw the
code has another number. Then the courier signs a line that names those keys, and a counsellor's
browser lets in what that line and the keeper both name (docs/decisions/0036).
"""

import asyncio
import base64
import unicodedata
from dataclasses import dataclass, field
from typing import Final

from bots.channel import Channel, Incoming
from intake_server.courier.answers import Answers
from intake_server.courier.arriving import Message, sealed
from intake_server.courier.codes import JoinTries
from intake_server.courier.own_keys import OwnKeys, Writers
from intake_server.courier.work import Arrived, Work
from vault.addresses import Reach
from vault.keeper_answers import FoundAddress
from vault.keeper_client import CourierKeeper
from vault.keeper_pages import ChatPageKeeper
from vault.keeper_protocol import Refused
from vault.page_proposal import NUMBER_DIGITS, number_for
from vault.sealing import equal

PAGE_COMMAND: Final = "/page"
_OFF: Final = frozenset({"off", "no", "-", "0"})
OFF_SIGN: Final = "[page off]"


@dataclass(frozen=True, slots=True)
class PageWish:
    """What is asked: a code (both empty), to let a page ask with a number, to take it back."""

    number: str = field(default="", repr=False)
    is_off: bool = False


def read_page(text: str) -> PageWish | None:
    """Say what a message asks for; None: it is for a counsellor. Digits of every script count.

    Digits that are no number of this length are one that does not hold; anything else is a message.
    """
    said = unicodedata.normalize("NFKC", text).strip().casefold()
    command, _, rest = said.partition(" ")
    if command != PAGE_COMMAND:
        return None
    if not rest.strip():
        return PageWish()
    if rest.strip() in _OFF:
        return PageWish(is_off=True)
    written = [sign for sign in rest if not sign.isspace() and sign != "-"]
    digits = [str(unicodedata.digit(sign, "")) for sign in written]
    if not all(digits):
        return None
    return PageWish("".join(digits) if len(digits) == NUMBER_DIGITS else "-")


def asks_sign(channel: str, proposal_hash: bytes) -> str:
    """What stands in the conversation for a page that asks; it names chat and keys."""
    named = base64.urlsafe_b64encode(proposal_hash).decode().rstrip("=")
    return f"[page asks {channel} {named}]"


@dataclass(slots=True)
class Paging:
    """Does what a chat asks about pages, and says what to answer."""

    keeper: ChatPageKeeper
    courier: CourierKeeper
    work: Work
    keys: OwnKeys
    writers: Writers
    tries: JoinTries

    async def answer(
        self,
        channel: Channel,
        incoming: Incoming,
        tag: bytes,
        found: FoundAddress,
        wish: PageWish,
        answers: Answers,
    ) -> str:
        """Do it; raises UnknownConversation, KeeperDown. Each step may be repeated."""
        try:
            if wish.is_off:
                await self.keeper.take_back(found.address)
                await self._tell(channel, incoming, tag, found, OFF_SIGN)
                return answers.page_off
            if not wish.number:
                code = await self.keeper.make_code(found.address)
                return answers.page_code.replace("{code}", code)
        except Refused:
            return answers.page_has
        if not self.tries.may_try(tag):
            return answers.join_busy
        named = await self._named(found, wish.number)
        if named is None:
            self.tries.wrong(tag)
            return answers.page_wrong
        arrived = self._sealed(channel, incoming, tag, found, asks_sign(channel.name, named))
        # As any message: a page that asks waits for somebody, in what was answered or closed too.
        due, until = await self.courier.client_wrote(found.address)
        of = found.conversation_id
        await self.work.store_further(of, due, Reach(channel.name, until), arrived)
        self.writers.of(of).written += len(arrived.sealed)
        return answers.page_asked

    async def _named(self, found: FoundAddress, number: str) -> bytes | None:
        """The hash of what asks, kept by the keeper now; None where the number is not its own."""
        try:
            asked = await self.keeper.asked(found.address)
            if asked is None or not asked.code:
                return None
            shown = await asyncio.to_thread(number_for, asked.code, asked.hash)
            if not equal(shown.encode(), number.encode()):
                return None
            await self.keeper.confirm(found.address, asked.hash)
        except Refused:
            return None
        return asked.hash

    async def _tell(
        self, channel: Channel, incoming: Incoming, tag: bytes, found: FoundAddress, sign: str
    ) -> None:
        of, arrived = found.conversation_id, self._sealed(channel, incoming, tag, found, sign)
        await self.work.told(of, arrived)
        self.writers.of(of).written += len(arrived.sealed)

    def _sealed(
        self, channel: Channel, incoming: Incoming, tag: bytes, found: FoundAddress, sign: str
    ) -> Arrived:
        of, writer = found.conversation_id, self.writers.of(found.conversation_id)
        transport = self.keys.transport_hash(channel.name, incoming.address, incoming.transport_id)
        told = Message(incoming, tag, transport, [sign])
        return sealed(told, of, found.cpk, writer, self.keys)
