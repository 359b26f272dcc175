"""The courier's process: `python -m intake_server.courier --data DIR [--config FILE]`.

Joins the channels of `bots` to inbox and outbox. It is the only process that speaks to messenger
servers.
"""

import asyncio
import contextlib
import os
import sys
import zoneinfo
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from structlog.typing import FilteringBoundLogger

from bots.channel import Channel, ChannelHealth
from intake_server.channel_health import (
    CANARY_SILENT,
    FOR_STAFF,
    ChannelState,
    ToldToStaff,
)
from intake_server.clock import Clock
from intake_server.courier.answers import AnswersError, Spoken, read_spoken
from intake_server.courier.attachments import Bringing
from intake_server.courier.canary import Canaries
from intake_server.courier.carrying import Carrying
from intake_server.courier.channels import Making, channels_of, voices_of
from intake_server.courier.duty import Duty, Enrolled
from intake_server.courier.guided import Guided, read_words
from intake_server.courier.inbound import Inbound
from intake_server.courier.joining import Joining
from intake_server.courier.leaving import Leaving
from intake_server.courier.met import Met
from intake_server.courier.outbound import Outbound
from intake_server.courier.own_keys import OwnKeys
from intake_server.courier.promised import Promised
from intake_server.courier.screening import Screening
from intake_server.courier.sent import SentFile, SentFileError
from intake_server.courier.speech import Speech
from intake_server.courier.work import Work
from intake_server.health import serve_health
from intake_server.lent_sockets import lent_to
from intake_server.organisation import PRESETS
from intake_server.organisation_work import OrganisationView
from intake_server.process import CannotStart, beside, has_own_policy, retention_policy, run_process
from intake_server.roster_view import RosterView
from intake_server.screening_link import ScreeningLink
from intake_server.seed import SeedError, own_seed
from intake_server.settings import DataSettings, Settings
from triage.retention import Policy, Rule
from vault.engine import Database, DatabaseFailed
from vault.keeper_client import CourierKeeper, KeeperDown, KeeperLink
from vault.keeper_joins import JoinKeeper
from vault.keeper_pages import ChatPageKeeper
from vault.keeper_protocol import KeeperRefusal, Peer, Refused, socket_name
from vault.private_files import mode_in

ANNOUNCE_EVERY: Final = 10.0  # seconds; a keeper that was started again does not know us
STUCK: Final = 60.0  # seconds without storing anything after which that is an alarm
_KEEPER_PATIENCE: Final = 60.0
_PAUSE: Final = 0.2


@dataclass(slots=True)
class Courier:
    """A courier at work, and what it says about itself."""

    inbound: Inbound
    outbound: Outbound
    channels: dict[str, Channel]
    joining: Sequence[Joining]
    canaries: Canaries
    leaving: Leaving
    started: float
    keeper_down: bool = False

    def report(self, now: float) -> dict[str, object]:
        """What the health socket answers."""
        states = {name: channel.health() for name, channel in self.channels.items()}
        alarms = self.alarms()
        return {
            "ok": not alarms,
            "age_seconds": int(now - self.started),
            "alarms": alarms,
            "waiting": sum(state.waiting for state in states.values()),
            "channels": [msgspec.to_builtins(one) for one in self.shown()],
        }

    def shown(self) -> list[ChannelState]:
        """Each channel in counts, ages and constant words."""
        return [self._shown(name, channel.health()) for name, channel in self.channels.items()]

    def alarms(self) -> list[str]:
        """Constant words for all that a person must look at."""
        states = {name: channel.health() for name, channel in self.channels.items()}
        alarms = [f"{name}_{alarm}" for name, state in states.items() for alarm in state.alarms]
        alarms += [f"{name}_unreachable" for name, state in states.items() if not state.connected]
        alarms += [f"{name}_limited" for name, state in states.items() if state.limited_seconds]
        alarms += self.canaries.alarms()
        if self.keeper_down:
            alarms.append("keeper_down")
        if self.inbound.stuck_seconds > STUCK:
            alarms.append("messages_kept")
        if self.outbound.forged:
            alarms.append("reply_not_verified")
        return sorted(alarms)

    def _shown(self, name: str, state: ChannelHealth) -> ChannelState:
        silent = [CANARY_SILENT] if self.canaries.is_silent(name) else []
        return ChannelState(
            name=name,
            connected=state.connected,
            last_inbound_seconds=self.inbound.age_of_last(name),
            last_delivery_seconds=self.outbound.age_of_last(name),
            kept=state.waiting,
            queue=self.outbound.queue.get(name, 0),
            leaving=self.leaving.waiting_for(name),
            refused={reason.value: count for reason, count in state.refused.items()},
            limited_seconds=int(state.limited_seconds),
            alarms=tuple(sorted([*state.alarms, *silent])),
            attachments=self.outbound.carrying.allows(name),
            why=next((one.why for one in self.joining if one.name == name), ""),
        )


@contextlib.asynccontextmanager
async def serving(
    settings: Settings, clock: Clock, log: FilteringBoundLogger
) -> AsyncIterator[Courier]:
    """Open what is needed, start the channels; close everything in the opposite order.

    Raises `CannotStart`.
    """
    data = settings.data
    async with contextlib.AsyncExitStack() as stack:
        keys = _keys(data.courier_dir / "seed")
        sent = _sent_file(data.courier_dir / "sent.bin", clock)
        stack.callback(sent.close)
        link = KeeperLink(data.run_dir / socket_name(Peer.COURIER))
        stack.push_async_callback(link.close)
        keeper = CourierKeeper(link)
        await _announced(keeper, keys)
        work = Work(await _database(settings), clock)
        stack.push_async_callback(work.database.close)
        roster = RosterView(keeper)
        screening = None
        if settings.screening.mode == "on":
            caretaker = ScreeningLink(data.run_dir / "caretaker.sock")
            stack.push_async_callback(caretaker.close)
            screening = Screening(caretaker, roster, work, log)
            await stack.enter_async_context(beside(screening.run()))

        spoken = _spoken(settings)
        promised = _promised(settings, keeper, roster, work.database)
        lent = lent_to(os.environ, os.getpid())
        making = Making(
            settings, _longest(settings), keys, clock, log, spoken.usual.nobody_read, lent
        )
        joining = channels_of(making)
        every = settings.channels.canary_minutes * 60.0
        canaries = Canaries(voices_of(making), every, keys, clock, log)
        channels: dict[str, Channel] = {}
        guided = _guided(settings, clock)
        offers = (
            {} if guided is None else {one: said["offer"] for one, said in guided.words.items()}
        )
        speech = Speech(spoken, settings.channels.vanish_days, log, clock.monotonic, offers)
        inbound = Inbound(
            keeper,
            JoinKeeper(link),
            ChatPageKeeper(link),
            roster,
            work,
            keys,
            promised,
            screening,
            speech,
            clock,
            log,
            Bringing(work, settings.attachments, clock, log),
            guided,
            settings.page.time_zone,
        )
        zone = zoneinfo.ZoneInfo(settings.page.time_zone)
        carrying = Carrying(work, settings.attachments)
        outbound = Outbound(keeper, roster, work, keys, channels, sent, clock, log, zone, carrying)
        met = Met(data.courier_dir / "met.bin")
        leaving = Leaving(
            keeper, work, keys, channels, met, speech.is_parting, clock.monotonic, log
        )
        courier = Courier(
            inbound, outbound, channels, joining, canaries, leaving, clock.monotonic()
        )
        stack.push_async_callback(speech.stop)
        for one in joining:
            stack.push_async_callback(one.stop)
        duty = Duty(
            Enrolled(data.courier_dir, keys),
            spoken.usual,
            channels,
            courier.alarms,
            work.unclaimed_since,
            settings.page.hours,
            zone,
            clock,
            log,
        )
        handler = partial(partial, canaries.before(duty.before(inbound.take)))
        await asyncio.gather(*(one.start(channels, handler) for one in joining))
        stack.push_async_callback(outbound.stop)
        announcing = _announcing(courier, keeper, keys)
        await stack.enter_async_context(
            beside(outbound.run(), announcing, duty.run(), canaries.run(), leaving.run())
        )
        await _serve_health(stack, data, courier, clock)
        yield courier


async def _serve_health(
    stack: contextlib.AsyncExitStack, data: DataSettings, courier: Courier, clock: Clock
) -> None:
    """Tell operators, and the desk for its staff, how the courier and its channels are."""
    health = await serve_health(
        data.run_dir / "courier-health.sock", lambda: courier.report(clock.monotonic())
    )
    stack.callback(health.close)
    # Read by the desk, which has another user: who may is said by the folder's group.
    staff = ToldToStaff(clock.monotonic)
    told = await serve_health(
        data.run_dir / FOR_STAFF, lambda: staff.told(courier.shown()), mode_in(data.run_dir)
    )
    stack.callback(told.close)


def _promised(
    settings: Settings, keeper: CourierKeeper, roster: RosterView, database: Database
) -> Promised:
    own_file, policy = has_own_policy(settings), retention_policy(settings)
    return Promised(OrganisationView(settings, policy, keeper, own_file=own_file), roster, database)


def _longest(settings: Settings) -> Policy:
    """What a channel may have to remember an address for.

    An admin may choose the longest preset at any time; nobody's address may be dropped before.
    """
    if has_own_policy(settings):
        return retention_policy(settings)
    return Policy((Rule("longest", PRESETS["counselling"]),))


def _guided(settings: Settings, clock: Clock) -> Guided | None:
    """The optional questions; None where they are switched off."""
    if not settings.guided.questions:
        return None
    words, language = read_words(), settings.page.language
    return Guided(words, clock.monotonic, language if language in words else "en")


def _keys(path: Path) -> OwnKeys:
    try:
        return OwnKeys.of(own_seed(path))
    except SeedError as error:
        raise CannotStart(str(error)) from None


def _sent_file(path: Path, clock: Clock) -> SentFile:
    try:
        return SentFile.open(path, clock.unix())
    except SentFileError as error:
        raise CannotStart(str(error)) from None


def _spoken(settings: Settings) -> Spoken:
    try:
        return read_spoken(settings.data.courier_dir, settings.page.language)
    except AnswersError as error:
        raise CannotStart(str(error)) from None


async def _announced(keeper: CourierKeeper, keys: OwnKeys) -> None:
    """Announce the keys, waiting for a keeper that is just starting."""
    try:
        async with asyncio.timeout(_KEEPER_PATIENCE):
            while True:
                try:
                    return await keeper.announce(keys.box.public, keys.sign.public)
                except KeeperDown:
                    await asyncio.sleep(_PAUSE)
    except Refused:
        raise CannotStart(
            "the roster names another courier's keys. Restore courier/seed from the encrypted "
            "backup."
        ) from None
    except TimeoutError:
        raise CannotStart("the keeper does not answer. Start it first.") from None


async def _announcing(courier: Courier, keeper: CourierKeeper, keys: OwnKeys) -> None:
    """Announce the keys again and again; runs as long as the process."""
    while True:
        try:
            await keeper.announce(keys.box.public, keys.sign.public)
            courier.keeper_down = False
        except (KeeperDown, KeeperRefusal):
            courier.keeper_down = True
        await asyncio.sleep(ANNOUNCE_EVERY)


async def _database(settings: Settings) -> Database:
    try:
        return await Database.open(settings.data.database_url, "courier")
    except DatabaseFailed as failure:
        raise CannotStart(f"the database cannot be used: {failure}") from None


if __name__ == "__main__":
    sys.exit(run_process("courier", serving))
