"""What the caretaker answers: screening for web and courier, the sweep for the operator.

The table of verbs is in `intake_server.screening_link`. Screening runs in one thread, so that
answering goes on; what waits for it is bounded, and beyond that *busy* is said at once.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field
from typing import Final

from structlog.typing import FilteringBoundLogger

from intake_server.caretaker.forgetting import Sweep
from intake_server.caretaker.health import Health
from intake_server.caretaker.listener import Answer
from intake_server.caretaker.screening import NOT_SCREENED, Screener
from intake_server.screening_link import Screened, ScreeningVerb
from vault.keeper_client import CaretakerKeeper, KeeperDown
from vault.keeper_protocol import (
    ID,
    MAX_BLOB,
    REFERENCE,
    Field,
    KeeperRefusal,
    Reference,
    Shape,
    Status,
    read_fields,
    u8,
    u32,
)
from vault.sealing import SEAL_OVERHEAD, CannotOpen, Malformed, equal

BACKLOG: Final = 1_000
"""How many copies wait at most: about five seconds' work."""

_COPY: Final[Shape] = (REFERENCE, ID, ID, Field(SEAL_OVERHEAD, MAX_BLOB))
_NOTHING: Final[Shape] = ()
_REFUSED: Final[Answer] = (Status.REFUSED, ())
_TRY_AGAIN_SECONDS: Final = 5


@dataclass(slots=True)
class ScreeningSocket:
    """Verbs 1 and 2. `screener` is None where screening is switched off."""

    screener: Screener | None
    keeper: CaretakerKeeper
    thread: Executor
    health: Health
    log: FilteringBoundLogger
    backlog: int = BACKLOG
    _waiting: int = field(default=0, init=False)

    async def answer(self, verb: int, packed: bytes) -> Answer:
        """Answer one request; raises Malformed."""
        if verb == ScreeningVerb.KEY:
            read_fields(_NOTHING, packed)
            return Status.OK, self._key()
        if verb == ScreeningVerb.SCREEN:
            return await self._screen(*read_fields(_COPY, packed))
        raise Malformed("there is no such verb on this socket")

    def _key(self) -> tuple[bytes, bytes]:
        if self.screener is None:
            return b"", b""
        return self.screener.key.public, self.screener.key.signature

    async def _screen(
        self, reference: bytes, conversation_id: bytes, message_id: bytes, sealed: bytes
    ) -> Answer:
        if self.screener is None:
            return _screened(NOT_SCREENED)
        if self._waiting >= self.backlog:
            self.health.refused_busy += 1
            return Status.BUSY, (u32(_TRY_AGAIN_SECONDS),)
        self._waiting += 1
        try:
            keys = await self.keeper.slot_keys(Reference.of(reference))
            if not equal(keys.conversation_id, conversation_id):
                return _REFUSED
            result = await asyncio.get_running_loop().run_in_executor(
                self.thread, self.screener.screen, sealed, conversation_id, message_id, keys.npk
            )
        except (CannotOpen, KeeperRefusal):
            return _REFUSED
        except KeeperDown:
            return Status.FAILED, ()
        finally:
            self._waiting -= 1
        self.health.screened += 1
        return _screened(result)


def _screened(result: Screened) -> Answer:
    return Status.OK, (
        result.finding or b"",
        u8(result.urgency),
        result.language.encode("ascii", "replace"),
        u8(result.screened),
    )


@dataclass(frozen=True, slots=True)
class OperatorSocket:
    """Verbs 3 and 4, on a socket of their own."""

    sweep: Sweep
    health: Health

    async def answer(self, verb: int, packed: bytes) -> Answer:
        """Answer one request; raises Malformed."""
        steps: Mapping[int, Callable[[], Awaitable[dict[str, object]]]] = {
            ScreeningVerb.SWEEP: self._sweep_now,
            ScreeningVerb.STATUS: self._status,
        }
        step = steps.get(verb)
        if step is None:
            raise Malformed("there is no such verb on this socket")
        read_fields(_NOTHING, packed)
        return Status.OK, (json.dumps(await step()).encode(),)

    async def _sweep_now(self) -> dict[str, object]:
        """Run a sweep, after the one that may be under way, and say what it did."""
        return asdict(await self.sweep.run())

    async def _status(self) -> dict[str, object]:
        return self.health.report()
