"""Signal: one account, through signal-cli-rest-api in its json-rpc mode.

An address is a person's account id (ACI), never their number or username. What Signal cannot do:
its server keeps nothing once signal-cli has taken it; a timer cannot be switched off again
through this server; and who has sent a message twice cannot be told from the network.
`docs/channels-signal.md` says what could not be tried against Signal's own network.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from structlog.typing import FilteringBoundLogger

from bots.attachments import Outgoing
from bots.box import Box
from bots.channel import (
    ChannelHealth,
    ChannelRefused,
    ChannelUnavailable,
    ChannelUncertain,
    Handler,
    RefusedBecause,
    Remains,
    Sent,
)
from bots.in_order import InOrder
from bots.refusals import Refusals
from bots.signal.api import Api, ApiDown, ApiLimited, ApiRefused, ApiSilent, SendAnswer
from bots.signal.arrivals import Arrivals
from bots.signal.downloads import Downloads
from bots.signal.journal import Journal
from bots.signal.set_up import read_invite, take_captcha
from bots.signal.webhook import Webhook

LIMITED_SECONDS: Final = 300  # to wait after a 429, which names no time
LONGEST: Final = 16_000
"""Characters of a text; apps turn more than 2,000 into an attachment and take no more than this."""
DELETABLE_SECONDS: Final = 2 * 86_400
"""For so long apps let a message be deleted on the other side."""

ALIVE_EVERY: Final = 20.0  # seconds between two signs of life
AWAY_SECONDS: Final = 60
"""After so many seconds without one, messages may have been lost: nobody took them."""
_ALIVE: Final = "alive"
CAPTCHA_EVERY: Final = 3.0  # seconds between two looks for a captcha that an operator left
_PRUNE_EVERY: Final = 3_600.0

_TOO_LARGE: Final = 413  # a web server before it takes no such bodies (RFC 9110, 15.5.14)
_REASONS: Final = {
    "UNREGISTERED_FAILURE": RefusedBecause.GONE,
    "IDENTITY_FAILURE": RefusedBecause.IDENTITY_CHANGED,
    "INVALID_PRE_KEY_FAILURE": RefusedBecause.REFUSED,
}


class SignalChannel:
    """One account on one server.

    `box` seals what waits in `folder`. Without a `webhook`, messages are lost while the websocket
    is not attached. `nobody_read` is said to whose message could not be opened. `now` gives
    seconds since 1970.
    """

    name = "signal"
    sends_once = False

    def __init__(
        self,
        *,
        url: str,
        number: str,
        folder: Path,
        box: Box,
        now: Callable[[], int],
        log: FilteringBoundLogger,
        nobody_read: str = "",
        webhook: Webhook | None = None,
    ) -> None:
        self._api = Api(url, number)
        self._folder = folder
        self._box = box
        self._now = now
        self._log = log
        self._nobody_read = nobody_read
        self._webhook = webhook
        self._refusals = Refusals()
        self._sent = Journal(folder / "sent", box)
        self._arrivals: Arrivals | None = None
        self._task: asyncio.Task[None] | None = None
        self._telling: set[asyncio.Task[None]] = set()
        self._limited_until = 0
        self._challenges: tuple[str, ...] = ()
        self._is_captcha_refused = False

    async def start(self, events: Handler) -> None:
        """Hand over what waits in the journal, then listen on both ways."""
        await self._api.open()
        arrivals = Arrivals(
            self._api,
            Journal(self._folder / "journal", self._box),
            InOrder(),
            self._refusals,
            self._now,
            self._log,
            self._webhook is not None,
            self._tell,
            Downloads(self._api),
        )
        self._arrivals = arrivals
        arrivals.resume()
        if await asyncio.to_thread(self._away_seconds) > AWAY_SECONDS:
            arrivals.was_away()
        arrivals.order.start(events)
        if self._webhook is not None:
            await self._webhook.start(arrivals.take)
        self._task = asyncio.create_task(self._run(arrivals))

    async def invite(self) -> str | None:
        """Return the link of the username, if one was claimed."""
        return await asyncio.to_thread(read_invite, self._folder)

    async def send(self, address: str, text: str, message_id: bytes) -> Sent:  # noqa: ARG002 - Signal knows no names for messages
        """Send to an account; the same id sent twice arrives twice."""
        if len(text) > LONGEST:
            raise ChannelRefused(RefusedBecause.TOO_LONG)
        return await self._sent_by(address, lambda: self._api.send(address, text))

    async def send_attachment(self, address: str, file: Outgoing, message_id: bytes) -> Sent:  # noqa: ARG002 - Signal knows no names for messages
        """Send a file to an account; the same id sent twice arrives twice."""
        return await self._sent_by(address, lambda: self._api.send_file(address, file))

    async def _sent_by(self, address: str, call: Callable[[], Awaitable[SendAnswer]]) -> Sent:
        arrivals = self._ready()
        if self._limited_until > self._now():
            raise ChannelUnavailable(float(self._limited_until - self._now()))
        try:
            answer = await call()
        except ApiDown:
            arrivals.reachable = False
            raise ChannelUnavailable from None
        except ApiSilent:
            raise ChannelUncertain from None
        except ApiLimited as limited:
            raise self._limit(limited.tokens) from None
        except ApiRefused as refused:
            if refused.status == _TOO_LARGE:
                raise ChannelRefused(RefusedBecause.TOO_LONG) from None
            raise _meaning(refused.why, arrivals.alarms) from None
        arrivals.answered()
        return await self._taken(address, answer)

    async def delete(self, address: str, transport_id: str) -> None:
        """Delete one of our messages on the other side, while apps still allow it."""
        for name, person, timestamp in self._sent_records():
            if person == address and str(timestamp) == transport_id:
                await self._remote_delete(name, person, timestamp)

    async def set_timer(self, address: str, seconds: int | None) -> None:
        """Have messages vanish by themselves; the server has no way to end that again."""
        if seconds is None:
            return
        try:
            await self._api.set_timer(address, max(seconds, 1))
        except (ApiDown, ApiSilent, ApiLimited):
            raise ChannelUnavailable from None
        except ApiRefused:
            self._log.warning("timer_refused", channel="signal")

    async def withdraw(self, address: str) -> Remains:
        """Delete our messages of the last two days on the other side, and all notes of them.

        What the person wrote stays in their app.
        """
        for name, person, timestamp in self._sent_records():
            if person == address:
                await self._remote_delete(name, person, timestamp)
        return Remains(on_server=False, in_app=True, vanishes=True)

    async def forget(self, address: str) -> None:
        """Remove all notes of what was sent; signal-cli keeps the session on our machine."""
        for name, person, _ in self._sent_records():
            if person == address:
                with contextlib.suppress(OSError):
                    await self._sent.remove(name)

    async def people(self) -> list[str]:
        """Return to whom something was sent that can still be deleted on the other side."""
        return sorted({person for _, person, _ in self._sent_records()})

    def health(self) -> ChannelHealth:
        """Say how it is."""
        arrivals, now = self._arrivals, self._now()
        alarms = set(self._refusals.alarms(now))
        if arrivals is not None:
            alarms |= arrivals.alarms
            alarms |= {"gap_suspected"} if arrivals.gap_suspected else set()
            alarms |= {"journal_damaged"} if arrivals.journal.damaged else set()
        alarms |= {"captcha_wanted"} if self._challenges else set()
        alarms |= {"captcha_refused"} if self._is_captcha_refused else set()
        alarms |= {"no_webhook"} if self._webhook is None else set()
        return ChannelHealth(
            connected=arrivals is not None and arrivals.connected,
            waiting=0 if arrivals is None else arrivals.order.waiting,
            refused=self._refusals.counts(),
            limited_seconds=max(float(self._limited_until - now), 0.0),
            alarms=tuple(sorted(alarms)),
        )

    async def answer_captcha(self, captcha: str) -> None:
        """Give a captcha that a person solved for every challenge; then sending goes on.

        Raises `ChannelUnavailable`, or `ChannelRefused` for a captcha that is not taken.
        """
        for token in self._challenges:
            try:
                await self._api.answer_challenge(token, captcha)
            except ApiRefused:
                raise ChannelRefused(RefusedBecause.REFUSED) from None
            except (ApiDown, ApiSilent, ApiLimited):
                raise ChannelUnavailable from None
        self._challenges, self._limited_until = (), 0

    async def stop(self) -> None:
        """Listen no more; what was not stored waits in the journal for the next start."""
        arrivals, task = self._arrivals, self._task
        self._arrivals = self._task = None
        if arrivals is None or task is None:
            return
        if self._webhook is not None:
            await self._webhook.stop()
        task.cancel()
        for telling in self._telling:
            telling.cancel()
        await asyncio.gather(task, *self._telling, return_exceptions=True)
        await arrivals.order.stop()
        await self._api.close()

    # --- inside ---------------------------------------------------------------------------

    async def _run(self, arrivals: Arrivals) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(arrivals.run())
            group.create_task(self._await_captcha())
            group.create_task(self._stay_alive())
            while True:
                for name, _, _ in self._sent_records(older_than=DELETABLE_SECONDS):
                    with contextlib.suppress(OSError):
                        await self._sent.remove(name)
                await asyncio.sleep(_PRUNE_EVERY)

    async def _stay_alive(self) -> None:
        """Leave a sign of life, so that the next start knows for how long nobody listened."""
        while True:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(self._touch)
            await asyncio.sleep(ALIVE_EVERY)

    def _touch(self) -> None:
        file = self._folder / _ALIVE
        file.touch(mode=0o600)
        os.utime(file, (self._now(), self._now()))

    def _away_seconds(self) -> int:
        """For how long no channel ran on this folder; 0 where none ever did."""
        try:
            return self._now() - int((self._folder / _ALIVE).stat().st_mtime)
        except OSError:
            return 0

    async def _await_captcha(self) -> None:
        """Take what an operator leaves; one that is not taken is an alarm until the next."""
        while True:
            captcha = await asyncio.to_thread(take_captcha, self._folder)
            if captcha is not None:
                try:
                    await self.answer_captcha(captcha)
                    self._is_captcha_refused = False
                except (ChannelRefused, ChannelUnavailable):
                    self._is_captcha_refused = True
            await asyncio.sleep(CAPTCHA_EVERY)

    def _ready(self) -> Arrivals:
        if self._arrivals is None:
            raise ChannelUnavailable
        return self._arrivals

    async def _taken(self, address: str, answer: SendAnswer) -> Sent:
        """What became of a message that the server took."""
        for failure in answer.failures:
            raise self._failed(failure)
        if answer.timestamp is None:
            raise ChannelUncertain
        record = {"to": address, "timestamp": int(answer.timestamp), "at": self._now()}
        with contextlib.suppress(
            OSError
        ):  # then it cannot be deleted later; it is sent all the same
            await self._sent.put(json.dumps(record).encode())
        return Sent(answer.timestamp)

    def _failed(self, failure: str) -> Exception:
        if failure == "NETWORK_FAILURE":
            return ChannelUnavailable()
        if failure == "RATE_LIMIT_FAILURE":
            return self._limit(())
        reason = _REASONS.get(failure)
        return ChannelUncertain() if reason is None else ChannelRefused(reason)

    def _limit(self, tokens: tuple[str, ...]) -> ChannelUnavailable:
        self._challenges = tokens or self._challenges
        self._limited_until = self._now() + LIMITED_SECONDS
        return ChannelUnavailable(float(LIMITED_SECONDS))

    def _sent_records(self, *, older_than: int = 0) -> list[tuple[str, str, int]]:
        """Name, person and timestamp of what was sent so many seconds ago."""
        before = self._now() - older_than
        records = [(name, json.loads(record)) for name, record in self._sent.records()]
        return [
            (name, record["to"], record["timestamp"])
            for name, record in records
            if record["at"] <= before
        ]

    async def _remote_delete(self, name: str, person: str, timestamp: int) -> None:
        try:
            await self._api.remote_delete(person, timestamp)
        except (ApiDown, ApiSilent, ApiLimited):
            raise ChannelUnavailable from None
        except ApiRefused:
            self._log.info("deletion_refused", channel="signal")
        with contextlib.suppress(OSError):
            await self._sent.remove(name)

    def _tell(self, address: str) -> None:
        if self._nobody_read and self._refusals.may_tell(address, self._now()):
            task = asyncio.create_task(self._say_nobody_read(address))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _say_nobody_read(self, address: str) -> None:
        try:
            await self._api.send(address, self._nobody_read)
        except (ApiDown, ApiSilent, ApiLimited, ApiRefused):
            self._log.info("refusal_not_told", channel="signal")


def _meaning(why: str, alarms: set[str]) -> Exception:
    """What the server's sentence means; versions word it differently."""
    said = why.lower()
    if "untrusted" in said:
        return ChannelRefused(RefusedBecause.IDENTITY_CHANGED)
    if "unregistered" in said:
        return ChannelRefused(RefusedBecause.GONE)
    if "account does not exist" in said or "not registered" in said:
        alarms.add("not_registered")
        return ChannelUnavailable()
    if "failed to send" in said:
        return ChannelUnavailable()
    return ChannelRefused(RefusedBecause.REFUSED)
