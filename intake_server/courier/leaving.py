"""Whoever is forgotten here is forgotten by the channel too.

Theory of operation
-------------------
1.  Expiry, an erasure on the web and a closed conversation's end happen without the courier: the
    keeper overwrites the address's shred key, and then nobody can open the address any more. So
    the courier keeps the addresses of the conversations that live in its memory, as it must
    anyway to hear from them, and nowhere else.
2.  When an address's row is gone and the keeper confirms that its slot is, the channel is asked to
    withdraw what it said there and to forget it: its own store, and on the other side what the
    network lets one delete. Replies in the outbox went with the conversation's rows.
    That is one look later, so that the answer to a client's own erasing is said before.
3.  Whoever wrote again meanwhile is somebody new at the same address and is left in peace; so is
    who is just being told what is left (`Speech.part`).
4.  A network that is away is asked again at each look, until it has answered. Each has a task of
    its own, so that it holds up nobody else's forgetting.
5.  What ended while no courier ran, or was not withdrawn before it ended: a file of keyed hashes
    (`courier.met`) tells who was met. Once a channel has been connected for a while and nothing
    waits in it, so that who wrote meanwhile is known, it is asked of whom it still keeps
    something. Whose hash is in the file, and whom the keeper does not know any more, it forgets.
    Nobody else: not staff, not a canary, not who has a chat and has not written yet.
6.  What nobody can notice: somebody erased before the first look after their first message, with
    the courier ended in those seconds (docs/limits.md).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from structlog.typing import FilteringBoundLogger

from bots.channel import Channel, ChannelUnavailable
from intake_server.courier.met import Met
from intake_server.courier.own_keys import OwnKeys
from intake_server.courier.work import Work
from vault import addresses
from vault.engine import DatabaseFailed
from vault.keeper_client import CourierKeeper, KeeperDown
from vault.keeper_protocol import KeeperRefusal, Reference, Refused
from vault.sealing import CannotOpen
from vault.ways import NUMBERS
from vault.wraps import Address, open_address

LOOK: Final = 10.0  # seconds between two looks
SETTLED: Final = (
    60.0  # seconds connected with nothing waiting, until a channel is asked who is left
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody is written to."""

    channel: str
    address: str = field(repr=False)


@dataclass(slots=True)
class Leaving:
    """Notices who is gone, and has the channels forget them.

    `is_parting`: whether somebody is just being told, by channel and address. `monotonic`: seconds
    that never go back.
    """

    keeper: CourierKeeper
    work: Work
    keys: OwnKeys
    channels: Mapping[str, Channel]
    met: Met
    is_parting: Callable[[str, str], bool]
    monotonic: Callable[[], float]
    log: FilteringBoundLogger
    _known: dict[Reference, Place] = field(default_factory=dict)
    _parting: dict[Place, int] = field(default_factory=dict)  # at which look it was noticed
    _looks: int = 0
    _written: frozenset[tuple[int, bytes]] | None = None  # what stands in the file
    _missed: set[tuple[int, bytes]] = field(default_factory=set)  # met by an earlier process
    _settling: dict[str, float] = field(default_factory=dict)

    async def run(self) -> None:
        """Look again and again; runs as long as the process.

        Each channel parts by itself: one that is slow to withdraw must hold up neither another
        one nor the noticing of who comes and goes.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._repeat(self.notice))
            for name in self.channels:
                group.create_task(self._repeat(partial(self._part_from, name)))

    async def _repeat(self, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await step()
            except (DatabaseFailed, KeeperDown, KeeperRefusal, OSError) as reason:
                self.log.warning("leaving_not_seen", exc_info=reason)
            await asyncio.sleep(LOOK)

    @property
    def waiting(self) -> int:
        """How many addresses channels have still to forget."""
        return len(self._parting)

    def waiting_for(self, channel: str) -> int:
        """How many of them one channel has."""
        return sum(place.channel == channel for place in self._parting)

    async def look(self) -> None:
        """Learn who came and who went; part from those that were gone at the last look."""
        await self.notice()
        await asyncio.gather(*(self._part_from(name) for name in self.channels))
        await self._remember()

    async def notice(self) -> None:
        """Learn who came and who went, and keep it."""
        self._looks += 1
        rows = {Reference(one.slot, one.tag): one for one in await self.work.addresses()}
        await self._meet(rows)
        await self._miss(rows)
        for name, channel in self.channels.items():
            if self._may_ask(name, channel):
                await self._catch_up(name, channel)
        await self._remember()

    async def _part_from(self, name: str) -> None:
        """Have one channel forget those that were gone at an earlier look."""
        earlier = [one for one, noticed in self._parting.items() if noticed < self._looks]
        for place in (one for one in earlier if one.channel == name):
            if await self._part(place):
                self._parting.pop(place, None)

    async def _meet(self, rows: Mapping[Reference, addresses.Address]) -> None:
        """Learn whose addresses are here; at the first look, who was met before and is not."""
        for reference in rows.keys() - self._known.keys():
            opened = await self._opened(reference, rows[reference])
            if opened is not None:
                self._known[reference] = Place(opened.channel, opened.address)
        if self._written is None:
            self._written = await asyncio.to_thread(self.met.read)
            self._missed = set(self._written) - {self._hash(one) for one in self._known.values()}

    async def _miss(self, rows: Mapping[Reference, addresses.Address]) -> None:
        """Notice who went."""
        for reference in self._known.keys() - rows.keys():
            living = await self._living(self._known[reference])
            if living == reference:
                continue  # only the row is gone; no row is believed
            place = self._known.pop(reference)
            if living is None:
                self._parting[place] = self._looks

    async def _opened(self, reference: Reference, row: addresses.Address) -> Address | None:
        try:
            opened = await self.keeper.open_address(reference, row.outer)
            return open_address(self.keys.box, opened.inner, row.conversation)
        except (Refused, CannotOpen):
            return None  # going already, or never ours

    async def _living(self, place: Place) -> Reference | None:
        """The slot in which this address lives; None where no conversation has it."""
        tag = self.keys.address_tag(place.channel, place.address)
        try:
            return (await self.keeper.find_address(tag)).address
        except Refused:
            return None

    async def _part(self, place: Place) -> bool:
        """Have the channel forget it; False where it must be asked again."""
        channel = self.channels.get(place.channel)
        if channel is None or self.is_parting(place.channel, place.address):
            return False
        if await self._living(place) is not None:
            return True  # wrote again
        try:
            remains = await channel.withdraw(place.address)
            await channel.forget(place.address)
        except ChannelUnavailable:
            return False
        self.log.info("forgotten_by_channel", channel=channel.name, in_app=remains.in_app)
        return True

    # --- what ended while no courier ran --------------------------------------------------

    def _may_ask(self, name: str, channel: Channel) -> bool:
        """Whether everybody who wrote over this channel meanwhile is known by now (rule 5)."""
        health, now = channel.health(), self.monotonic()
        if not health.connected or health.waiting:
            self._settling.pop(name, None)
            return False
        since = self._settling.setdefault(name, now)
        number = NUMBERS[name]
        return now - since >= SETTLED and any(one == number for one, _ in self._missed)

    async def _catch_up(self, name: str, channel: Channel) -> None:
        try:
            people = await channel.people()
        except ChannelUnavailable:
            return
        for place in (Place(name, address) for address in people):
            if self._hash(place) in self._missed and await self._living(place) is None:
                self._parting[place] = self._looks
        self._missed = {one for one in self._missed if one[0] != NUMBERS[name]}

    async def _remember(self) -> None:
        """Keep the hashes of all whom a channel must one day forget."""
        places = [*self._known.values(), *self._parting]
        used = {NUMBERS[name] for name in self.channels}
        missed = {one for one in self._missed if one[0] in used}
        now = frozenset(missed.union(self._hash(place) for place in places))
        if now != self._written:
            await asyncio.to_thread(self.met.write, now)
            self._written = now

    def _hash(self, place: Place) -> tuple[int, bytes]:
        tag = self.keys.address_tag(place.channel, place.address)
        return NUMBERS[place.channel], tag
