"""The caretaker's socket, seen from web and courier: the screening key, and screening itself.

Whoever sees a message's plaintext seals a copy to the caretaker's key, which lives only in its
memory, and hands it over here; nothing of it is stored. The answer is the finding, sealed to
`npk` and signed, which the sender writes into the database with urgency and language
(docs/decisions/0004). Frames are those of docs/keeper.md, section 2, with verbs of their own:

| no. | verb | arguments → results |
|---|---|---|
| 1 | key | → public key 32 and signature 64, or both empty where screening is switched off |
| 2 | screen | slot reference 20, conversation id, message id, sealed copy
               → finding envelope or empty, urgency u8, language, screened u8 |
| 3 | sweep now (operator) | → JSON |
| 4 | status (operator) | → JSON |

Status *busy*: the backlog is full. *Refused*: the copy does not open, which after a restart of the
caretaker means that it was sealed to the key before; or it belongs to another conversation.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Final

from triage.queue import URGENCIES
from vault.keeper_protocol import (
    Status,
    decode_answer,
    encode_request,
    read_frame,
    write_frame,
)
from vault.sealing import KEY_SIZE, SIGNATURE_SIZE, Malformed, unpack
from vault.wraps import ScreeningCopy, is_screening_key_verified, seal_screening_copy

LANGUAGE_SIZE: Final = 16  # the longest code that the database keeps
PATIENCE: Final = 60.0  # seconds for which a caretaker that cannot be reached is tried again
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 2.0


class ScreeningVerb(IntEnum):
    """What the caretaker's sockets know."""

    KEY = 1
    SCREEN = 2
    SWEEP = 3
    STATUS = 4


@dataclass(frozen=True, slots=True)
class ScreeningKey:
    """The key to seal copies to, with the signature of the caretaker that made it at its start."""

    public: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Screened:
    """What screening says. Where `screened` is false there is no finding and the urgency is 1."""

    finding: bytes | None = field(repr=False)  # envelope, kind 0x02
    urgency: int
    language: str
    screened: bool


class ScreeningBusy(Exception):
    """The caretaker's backlog is full; the message stays at urgency 1, "not screened"."""

    def __init__(self) -> None:
        super().__init__("screening has more to do than it can; the message waits unscreened")


class ScreeningRefused(Exception):
    """The caretaker does not screen this copy: it is sealed to another key than today's."""

    def __init__(self) -> None:
        super().__init__("this screening copy does not open; seal the text to the current key")


class ScreeningUnavailable(Exception):
    """The caretaker could not be reached for a minute, or hands out a key that is not its own."""

    def __init__(self) -> None:
        super().__init__("screening cannot be reached; the message waits unscreened")


class ScreeningLink:
    """One connection to the caretaker, made when it is first needed and again when it broke."""

    def __init__(self, path: Path) -> None:
        """`path` is the caretaker's socket; nothing is opened before the first question."""
        self._path = path
        self._line: _Line | None = None
        self._opening = asyncio.Lock()
        self._key: ScreeningKey | None = None
        self._key_known = False

    async def key(self) -> ScreeningKey | None:
        """Return today's key, or None where screening is switched off.

        Remembered until the connection breaks, so that a restarted caretaker is asked again.
        Whoever seals to it checks its signature against the roster first. Raises
        `ScreeningUnavailable`.
        """
        if not self._key_known or self._line is None or self._line.broken:
            public, signature = await self._ask(ScreeningVerb.KEY, (), results=2)
            sizes = (len(public), len(signature))
            if sizes not in ((0, 0), (KEY_SIZE, SIGNATURE_SIZE)):
                raise ScreeningUnavailable
            self._key = ScreeningKey(public, signature) if public else None
            self._key_known = True
        return self._key

    async def screen(
        self, reference: bytes, conversation_id: bytes, message_id: bytes, sealed_copy: bytes
    ) -> Screened:
        """Have one sealed copy (kind 0x40) screened.

        `reference` is the conversation's slot reference (20 bytes). Raises `ScreeningBusy`,
        `ScreeningRefused`, `ScreeningUnavailable`; each leaves the message as it is.
        """
        arguments = (reference, conversation_id, message_id, sealed_copy)
        finding, urgency, language, screened = await self._ask(
            ScreeningVerb.SCREEN, arguments, results=4
        )
        if len(urgency) != 1 or urgency[0] not in URGENCIES or len(language) > LANGUAGE_SIZE:
            raise ScreeningUnavailable
        return Screened(
            finding or None, urgency[0], language.decode("ascii", "replace"), screened != b"\0"
        )

    async def screen_text(
        self, reference: bytes, copy: ScreeningCopy, caretaker_sign: bytes
    ) -> Screened | None:
        """Seal `copy` to today's key and have it screened; once more if the key just changed.

        For a sender that has the text itself. `caretaker_sign` is the caretaker's key in the
        roster. Returns None where screening is switched off; raises as `screen` does.
        """
        for _attempt in range(2):
            key = await self.key()
            if key is None:
                return None
            if not is_screening_key_verified(caretaker_sign, key.public, key.signature):
                raise ScreeningUnavailable
            sealed = seal_screening_copy(key.public, copy)
            try:
                return await self.screen(reference, copy.conversation_id, copy.message_id, sealed)
            except ScreeningRefused:
                self._key_known = False
        raise ScreeningRefused

    async def close(self) -> None:
        """End the connection."""
        if self._line is not None:
            await self._line.close()
            self._line = None

    async def _ask(
        self, verb: ScreeningVerb, arguments: Sequence[bytes], *, results: int
    ) -> tuple[bytes, ...]:
        """Ask until there is an answer, for `PATIENCE` seconds at most."""
        pause = _FIRST_PAUSE
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while True:
                    try:
                        line = await self._connected()
                        return await line.ask(verb, arguments, results=results)
                    except OSError:
                        await asyncio.sleep(pause)
                        pause = min(2 * pause, _LONGEST_PAUSE)
        raise ScreeningUnavailable

    async def _connected(self) -> "_Line":
        async with self._opening:
            if self._line is None or self._line.broken:
                if self._line is not None:
                    await self._line.close()
                self._key_known = False
                self._line = _Line(*await asyncio.open_unix_connection(self._path))
            return self._line


class _Line:
    """One open connection on which questions and answers may overlap."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._waiting: dict[int, asyncio.Future[tuple[Status, bytes]]] = {}
        self._number = 0
        self.broken = False
        self._listening = asyncio.create_task(self._listen(reader))

    async def ask(
        self, verb: ScreeningVerb, arguments: Sequence[bytes], *, results: int
    ) -> tuple[bytes, ...]:
        """Return the results; raises ConnectionError where the connection breaks meanwhile."""
        if self.broken:
            raise ConnectionResetError
        self._number = (self._number + 1) % 2**32
        number = self._number
        answer: asyncio.Future[tuple[Status, bytes]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            await write_frame(self._writer, encode_request(number, verb, *arguments))
            status, packed = await answer
        finally:
            self._waiting.pop(number, None)
        return _results(status, packed, results)

    async def close(self) -> None:
        self._listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._listening
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        """Hand each answer to its question until the connection ends, then end all questions."""
        try:
            while True:
                number, status, packed = decode_answer(await read_frame(reader))
                answer = self._waiting.get(number)
                if answer is not None and not answer.done():
                    answer.set_result((status, packed))
        except (OSError, EOFError, Malformed):
            pass
        finally:
            self.broken = True
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(ConnectionResetError())


def _results(status: Status, packed: bytes, count: int) -> tuple[bytes, ...]:
    """The results of an answer that went well; raises what its status means."""
    if status is Status.OK:
        with contextlib.suppress(Malformed):
            return unpack(packed, count)
    if status is Status.BUSY:
        raise ScreeningBusy
    if status is Status.REFUSED:
        raise ScreeningRefused
    raise ScreeningUnavailable
