"""The caretaker's process: `python -m intake_server.caretaker --data DIR [--config FILE]`.

Joins schedule, sweep and screening. It faces nobody outside; its sockets are for web and courier,
for the operator, and for health.
"""

import asyncio
import contextlib
import gc
import sys
from collections.abc import AsyncIterator, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

from structlog.typing import FilteringBoundLogger

from intake_server.caretaker.forgetting import CrashAt, Sweep, nowhere
from intake_server.caretaker.health import Alarm, Health
from intake_server.caretaker.listener import Listener
from intake_server.caretaker.schedule import follow, last_report, sweeping
from intake_server.caretaker.screening import AnswerRules, Rules, Screener
from intake_server.caretaker.sockets import OperatorSocket, ScreeningSocket
from intake_server.caretaker.work import Work
from intake_server.clock import Clock
from intake_server.health import serve_health
from intake_server.own_rules import SoundRules, read_sound_rules
from intake_server.process import CannotStart, beside, run_process
from intake_server.screening_rules import OWN_RULES, RulesUnusable, shipped_taxonomy
from intake_server.seed import SeedError, own_seed
from intake_server.settings import Settings
from triage.guided_findings import screen_answers
from triage.screening.engine import screen
from triage.screening.findings import Screening
from vault.engine import Database, DatabaseFailed
from vault.keeper_client import CaretakerKeeper, KeeperDown, KeeperLink
from vault.keeper_protocol import Peer, Refused, socket_name
from vault.meta import WrongPairing
from vault.private_files import FILE_MODE, mode_in
from vault.sealing import SignKeys
from vault.wraps import caretaker_keys

_KEEPER_PATIENCE: Final = 60.0
_PAUSE: Final = 0.2


@contextlib.asynccontextmanager
async def serving(
    settings: Settings, clock: Clock, log: FilteringBoundLogger, crash_at: CrashAt = nowhere
) -> AsyncIterator[Sweep]:
    """Open what is needed, sweep, then listen; close everything in the opposite order.

    Raises `CannotStart`.
    """
    data, health = settings.data, Health(clock.monotonic)
    signer = _signer(data.caretaker_dir / "seed")
    async with contextlib.AsyncExitStack() as stack:
        link = KeeperLink(data.run_dir / socket_name(Peer.CARETAKER))
        stack.push_async_callback(link.close)
        keeper = CaretakerKeeper(link)
        await _announced(keeper, signer.public)
        database = await _database(settings, keeper)
        stack.push_async_callback(database.close)
        sweep = Sweep(keeper, Work(database), health, clock, log, crash_at)
        await sweep.run()
        stack.push_async_callback(last_report, sweep)

        thread = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="screening"))
        screener = None
        if settings.screening.mode == "on":
            read = thread.submit(_read, data.folder / OWN_RULES, settings.screening.languages)
            if await asyncio.to_thread((data.folder / OWN_RULES).is_dir):
                await _tell_refused(read, health, log)
            screener = Screener(_looking(read), _answer_rules(), signer, clock.unix)
        screening = ScreeningSocket(screener, keeper, thread, health, log)
        operator = OperatorSocket(sweep, health)
        for name, answer, mode in (
            # Web and courier have users of their own under systemd, and share a group for this.
            ("caretaker.sock", screening.answer, mode_in(data.run_dir)),
            ("caretaker-operator.sock", operator.answer, FILE_MODE),
        ):
            listener = await Listener.open(data.run_dir / name, answer, mode)
            stack.push_async_callback(listener.close)
        await stack.enter_async_context(sweeping(sweep))
        await stack.enter_async_context(beside(follow(sweep, keeper, signer.public, health)))
        server = await serve_health(data.run_dir / "caretaker-health.sock", health.report)
        stack.callback(server.close)
        yield sweep


def _signer(path: Path) -> SignKeys:
    try:
        return caretaker_keys(own_seed(path))
    except SeedError as error:
        raise CannotStart(str(error)) from None


async def _announced(keeper: CaretakerKeeper, sign_key: bytes) -> None:
    """Announce the key, waiting for a keeper that is just starting."""
    try:
        async with asyncio.timeout(_KEEPER_PATIENCE):
            while True:
                try:
                    return await keeper.announce(sign_key)
                except KeeperDown:
                    await asyncio.sleep(_PAUSE)
    except Refused:
        raise CannotStart(
            "the roster names another caretaker's key. Restore caretaker/seed from the encrypted "
            "backup."
        ) from None
    except TimeoutError:
        raise CannotStart("the keeper does not answer. Start it first.") from None


async def _database(settings: Settings, keeper: CaretakerKeeper) -> Database:
    """The database, bound to the keeper's slot file."""
    try:
        database = await Database.open(settings.data.database_url, "caretaker")
        try:
            await Work(database).pair((await keeper.hello()).pairing_id)
        except BaseException:
            await database.close()
            raise
    except WrongPairing as wrong:
        raise CannotStart(str(wrong)) from None
    except DatabaseFailed as failure:
        raise CannotStart(f"the database cannot be used: {failure}") from None
    except KeeperDown:
        raise CannotStart("the keeper does not answer. Start it first.") from None
    return database


def _read(own: Path, languages: Collection[str]) -> SoundRules:
    """The shipped rules, of these languages or of all, and an organisation's own that are sound.

    They are read in the one thread that screens: what is handed in meanwhile waits its turn there,
    and nobody else waits.
    """
    read = read_sound_rules(own, languages or None)
    # The rules stay for the life of the process: going through them at each collection of garbage
    # would hold up a message for a tenth of a second.
    gc.collect()
    gc.freeze()
    return read


async def _tell_refused(
    reading: Future[SoundRules], health: Health, log: FilteringBoundLogger
) -> None:
    """Raise the alarm for own files that are not used; screening goes on without them.

    Raises `CannotStart` where there are no rules at all.
    """
    try:
        read = await asyncio.wrap_future(reading)
    except RulesUnusable as wrong:
        raise CannotStart(str(wrong)) from None
    health.own_rules_refused = {one.file: one.reason for one in read.refused}
    health.set(Alarm.OWN_RULES_REFUSED, to=bool(read.refused))
    if read.refused:
        log.warning("own_rules_refused", count=len(read.refused))


def _looking(reading: Future[SoundRules]) -> Rules:
    """Screening by the rules that are being read."""

    def look(text: str, language_hint: str) -> Screening:
        hints = [language_hint] if language_hint else []
        return screen(text, reading.result().rules, language_hints=hints)

    return look


def _answer_rules() -> AnswerRules:
    """What answers to optional questions amount to."""
    try:
        return partial(screen_answers, taxonomy=shipped_taxonomy())
    except RulesUnusable as wrong:
        raise CannotStart(str(wrong)) from None


if __name__ == "__main__":
    sys.exit(run_process("caretaker", serving))
