"""Short signs to staff over their own messengers: somebody waits, or something is wrong.

Theory of operation
-------------------
1.  Whoever wants them enrols: an operator draws a one-time code (`havenline duty add`), the person
    writes `/duty CODE` to the hotline from their own app. A wrong code, or one that is over, is a
    message to a counsellor like any other; after a few of them no code is taken any more.
2.  Who is told lies sealed in the courier's own folder, one record a person: the address, in which
    hours, and what for. No row of the database can add anybody, and nothing but this module's
    fixed sentences ever goes there. They say nothing of who, what or how many.
3.  Waiting: told while the person is on duty, when somebody has waited for a minute that nobody
    has taken, at most every quarter of an hour; once an hour for as long as somebody waits.
4.  Messages that may have been lost while nobody listened: told to the same people in their hours,
    so that they ask the people they were talking with.
5.  Alarms of the courier and its channels that stand for a minute: told at any hour, each once
    until it has ended and at most every half an hour, and several at once in one message, so that
    a new one is told within five minutes. What only a canary noticed has stood long enough by then.
    One channel may be what is broken: enrol on two.
6.  What cannot be sent now is tried at the next look. Who was told when outlives a restart.
"""

import asyncio
import hmac
import json
import re
import zoneinfo
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from structlog.typing import FilteringBoundLogger

from bots.channel import (
    Channel,
    ChannelRefused,
    ChannelUnavailable,
    ChannelUncertain,
    Incoming,
)
from bots.signal.journal import Journal
from intake_server.channel_health import CANARY_SILENT, GAP_SUSPECTED
from intake_server.clock import Clock
from intake_server.courier.answers import Answers
from intake_server.courier.own_keys import OwnKeys
from triage.duty import DutyHours
from vault.engine import DatabaseFailed
from vault.sealing import ID_SIZE, random_bytes

FOLDER: Final = "duty"
CODE_DIGITS: Final = 10
CODE_SECONDS: Final = 900
LOOK_EVERY: Final = 20.0  # seconds
STANDING: Final = 60.0  # seconds that an alarm, or somebody's waiting, must last to be told
PING_EVERY: Final = 900  # seconds between two signs that somebody new waits
REMIND_EVERY: Final = 3_600  # the same while nobody new does
ALARM_EVERY: Final = 1_800  # seconds between two signs of the same alarm
ALARM_PAUSE: Final = 240  # the same between any two, so that a burst is one message
GAP_EVERY: Final = 6 * 3_600
_TRIES: Final = 10  # wrong codes while one is open; after them none is taken for a while
_DEAF_SECONDS: Final = 15 * 60.0
_COMMAND: Final = re.compile(rf"/duty\s+([0-9][0-9 -]{{{CODE_DIGITS - 1},20}})\s*", re.IGNORECASE)
_TOLD: Final = "told.json"

Take = Callable[[Channel, Incoming], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to be told. `hours` are weekly and local; none: the hotline's own."""

    label: str  # an operator's word for this person, such as a first letter
    pings: bool = True
    alarms: bool = False
    hours: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who enrolled; `record` names the file."""

    record: str
    wish: Wish
    channel: str
    address: str = field(repr=False)


class Enrolled:
    """The sealed records: who enrolled, and which codes are open. Another process may change them.

    `folder` is the courier's.
    """

    def __init__(self, folder: Path, keys: OwnKeys) -> None:
        box = keys.box_for(FOLDER)
        self._members = Journal(folder / FOLDER / "members", box)
        self._codes = Journal(folder / FOLDER / "codes", box)
        self._told_file = folder / FOLDER / _TOLD

    def members(self) -> list[Member]:
        """Return who enrolled, the first one first."""
        found = []
        for record, raw in self._members.records():
            kept = json.loads(raw)
            found.append(Member(record, _wish(kept["wish"]), kept["channel"], kept["address"]))
        return found

    async def remove(self, member: Member) -> None:
        """Overwrite and delete somebody's record."""
        await self._members.remove(member.record)

    async def open_code(self, wish: Wish, now: int) -> str:
        """Draw a code under which somebody may enrol for a quarter of an hour."""
        code = "".join(str(byte % 10) for byte in random_bytes(CODE_DIGITS))
        kept = {"code": code, "until": now + CODE_SECONDS, "wish": asdict(wish)}
        await self._codes.put(json.dumps(kept).encode())
        return code

    async def redeem(self, code: str, channel: str, address: str, now: int) -> bool | None:
        """Enrol under a code. False: it is not one; None: no code is open at all."""
        is_open = False
        for record, raw in self._codes.records():
            kept = json.loads(raw)
            if kept["until"] <= now:
                await self._codes.remove(record)
                continue
            is_open = True
            if hmac.compare_digest(kept["code"], code):
                member = {"wish": kept["wish"], "channel": channel, "address": address}
                await self._members.put(json.dumps(member).encode())
                await self._codes.remove(record)
                return True
        return False if is_open else None

    def told(self) -> dict[str, dict[str, int]]:
        """Return when each record was last pinged and alarmed (seconds since 1970)."""
        try:
            kept: dict[str, dict[str, int]] = json.loads(self._told_file.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return kept

    def note_told(self, told: Mapping[str, Mapping[str, int]]) -> None:
        """Keep that; of records that are there alone."""
        new = self._told_file.with_suffix(".new")
        new.write_text(json.dumps(told), encoding="utf-8")
        new.replace(self._told_file)


@dataclass(slots=True)
class Duty:
    """Enrols and tells. `alarms` gives those that stand now; `waiting` since when somebody waits.

    `waiting` has one number for each conversation that nobody has taken (seconds since 1970).
    """

    enrolled: Enrolled
    answers: Answers
    channels: Mapping[str, Channel]
    alarms: Callable[[], Iterable[str]]
    waiting: Callable[[], Awaitable[list[int]]]
    hours: tuple[str, ...]
    zone: zoneinfo.ZoneInfo
    clock: Clock
    log: FilteringBoundLogger
    _since: dict[str, float] = field(default_factory=dict)  # when an alarm was first seen
    _known: dict[str, float] = field(default_factory=dict)  # when an alarm was told
    _wrong: int = 0
    _deaf_until: float = 0.0

    def before(self, take: Take) -> Take:
        """Return a handler that enrols who writes a good code, and gives all else to `take`."""

        async def handler(channel: Channel, incoming: Incoming) -> None:
            if not await self._enrols(channel, incoming):
                await take(channel, incoming)

        return handler

    async def run(self) -> None:
        """Tell whoever is to be told; runs as long as the process."""
        while True:
            try:
                await self.look()
            except (OSError, ValueError, DatabaseFailed) as reason:
                self.log.warning("duty_not_told", exc_info=reason)
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Look once at alarms and at who waits."""
        members = await asyncio.to_thread(self.enrolled.members)
        news = self._standing()
        if not members:
            return
        newest = await self._newest()
        told: dict[str, dict[str, int]] = await asyncio.to_thread(self.enrolled.told)
        told = {one.record: dict(told.get(one.record, {})) for one in members}
        before = json.dumps(told)
        alarmed = [await self._alarm(one, told[one.record]) for one in members if news]
        if any(alarmed):
            self._known |= dict.fromkeys(news, self.clock.monotonic())
        has_gap = any(alarm.endswith(GAP_SUSPECTED) for alarm in self._since)
        for one in members:
            await self._ping(one, told[one.record], newest)
            if has_gap:
                await self._gap(one, told[one.record])
        if json.dumps(told) != before:
            await asyncio.to_thread(self.enrolled.note_told, told)

    # --- enrolling (rule 1) ---------------------------------------------------------------

    async def _enrols(self, channel: Channel, incoming: Incoming) -> bool:
        said = _COMMAND.fullmatch((incoming.text or "").strip())
        now = self.clock.monotonic()
        if said is None or (self._wrong >= _TRIES and now < self._deaf_until):
            return False
        code = re.sub(r"[ -]", "", said.group(1))
        try:
            redeemed = await self.enrolled.redeem(
                code, channel.name, incoming.address, self.clock.unix()
            )
        except OSError:
            raise ChannelUnavailable from None
        if redeemed:
            self._wrong = 0
            await self._say(channel, incoming.address, self.answers.enrolled)
            return True
        # Whoever tries codes in vain closes enrolling for a while, and not for good.
        self._wrong = 0 if redeemed is None or self._wrong >= _TRIES else self._wrong + 1
        self._deaf_until = now + _DEAF_SECONDS if self._wrong >= _TRIES else now
        return False

    # --- alarms (rules 4 and 5) ------------------------------------------------------------------

    def _standing(self) -> set[str]:
        """Alarms that have stood for a while and were not told yet."""
        now, standing = self.clock.monotonic(), set(self.alarms())
        self._since = {one: self._since.get(one, now) for one in standing}
        self._known = {
            one: at for one, at in self._known.items() if one in standing or now - at < ALARM_EVERY
        }
        return {
            one
            for one, since in self._since.items()
            if one not in self._known and (now - since >= STANDING or one.endswith(CANARY_SILENT))
        }

    async def _alarm(self, member: Member, told: dict[str, int]) -> bool:
        now = self.clock.unix()
        if not member.wish.alarms or now - told.get("alarm", 0) < ALARM_PAUSE:
            return False
        if not await self._tell(member, self.answers.duty_alarm):
            return False
        told["alarm"] = now
        return True

    # --- pings (rule 3) -------------------------------------------------------------------

    async def _newest(self) -> int | None:
        """Since when the newest waits who has waited long enough; None where nobody does."""
        now = self.clock.unix()
        return max((at for at in await self.waiting() if now - at >= STANDING), default=None)

    async def _ping(self, member: Member, told: dict[str, int], newest: int | None) -> None:
        now, last = self.clock.unix(), told.get("ping", 0)
        if newest is None or not member.wish.pings or not self._is_on_duty(member):
            return
        pause = PING_EVERY if newest > last else REMIND_EVERY
        if now - last >= pause and await self._tell(member, self.answers.duty_ping):
            told["ping"] = now

    async def _gap(self, member: Member, told: dict[str, int]) -> None:
        now = self.clock.unix()
        wanted = member.wish.pings and self._is_on_duty(member)
        is_due = wanted and now - told.get("gap", 0) >= GAP_EVERY
        if is_due and await self._tell(member, self.answers.duty_gap):
            told["gap"] = now

    def _is_on_duty(self, member: Member) -> bool:
        written = member.wish.hours or self.hours
        if not written:
            return True
        return DutyHours.read(written, self.zone).standing(self.clock.now()).on_duty

    # --- telling --------------------------------------------------------------------------

    async def _tell(self, member: Member, text: str) -> bool:
        """Say one of the sentences; False: to be tried again."""
        channel = self.channels.get(member.channel)
        return channel is not None and await self._say(channel, member.address, text)

    async def _say(self, channel: Channel, address: str, text: str) -> bool:
        if not text:
            return True
        try:
            await channel.send(address, text, random_bytes(ID_SIZE))
        except ChannelUnavailable:
            return False
        except (ChannelRefused, ChannelUncertain) as reason:
            self.log.warning("duty_not_told", channel=channel.name, exc_info=reason)
        return True


def _wish(kept: Mapping[str, Any]) -> Wish:
    return Wish(kept["label"], kept["pings"], kept["alarms"], tuple(kept["hours"]))
