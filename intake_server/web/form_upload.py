"""Forms with files, for browsers that run no code: read part by part, sealed at once.

Theory of operation
-------------------
1.  A file is in this process's memory, whole, while it is cleaned and sealed, one after another;
    nothing of it is written before it is sealed. So few such forms are read at a time, and one
    file is cleaned at a time; where there is no place, files are read and dropped, and the words
    of the form go on.
2.  The fields stand before the files in the form, so that what was typed is known whatever becomes
    of the files. A file that cannot be taken is read to its end and dropped: the page brings back
    the text with the reason.
3.  No picture is drawn here: a decoder fed by strangers has no place in the process that faces
    them. Bytes that are not needed to draw are taken out instead (`triage.attached`).
4.  Neither the name of a file nor what its browser calls it is looked at.
5.  Of a file at most two pieces are read before the form's token has opened a conversation that may
    send now. A form whose files are dropped has a minute; who sends files has longer, as long as
    they keep coming.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import BadHttpMessage

from intake_server.web.budgets import TooMany
from intake_server.web.form_fields import Fields, MalformedForm
from triage.attached import UnreadableFileError, clean, kind_of
from vault.attachment_format import KINDS, LARGEST, MOST_IN_A_MESSAGE

FORM: Final = "multipart/form-data"
SECONDS: Final = 600.0
FIRST_SECONDS: Final = 20.0
SLOWEST: Final = 4_096  # bytes a second, once these first seconds are over
_LONGEST_FIELDS: Final = 160 * 1024
_LONGEST: Final = 120 * 2**20  # read and dropped, so that the answer reaches who sends too much
_MOST_PARTS: Final = 40
_PIECE: Final = 64 * 1024


class FileProblem(Exception):
    """A file cannot be taken; `key` is that of the sentence which says why."""

    def __init__(self, key: str) -> None:
        super().__init__("a file of a form cannot be taken")
        self.key = key


class Sink(Protocol):
    """Where cleaned files go, one after another."""

    async def add(self, kind: str, data: bytes) -> None:
        """Seal and store one; raises FileProblem."""


@dataclass(slots=True)
class Upload:
    """What came with a form. `problem` is the key of a sentence, or empty.

    `spent`: the files were dropped because the conversation may send no more just now.
    """

    fields: Fields = field(default_factory=Fields)
    files: int = 0
    problem: str = ""
    spent: TooMany | None = None
    sink: Sink | None = field(default=None, repr=False)


Begin = Callable[[Fields], Awaitable[Sink]]
"""From a form's fields to where its files go; raises FileProblem, TooMany."""


async def read_upload(
    request: web.BaseRequest, begin: Begin, cleaning: asyncio.Lock, words_seconds: float
) -> Upload:
    """Read a form with files to its end, in `words_seconds` where none is taken (rule 5).

    `cleaning` is held while a file is cleaned. Raises MalformedForm, HTTPRequestEntityTooLarge,
    TimeoutError.
    """
    if (request.content_length or 0) > _LONGEST:
        raise web.HTTPRequestEntityTooLarge(_LONGEST, request.content_length or 0)
    try:
        async with asyncio.timeout(words_seconds) as limit:
            reading = _Reading(begin, cleaning, limit)
            async for part in _parts(request):
                await reading.take(part)
    except (ValueError, AssertionError, BadHttpMessage):  # aiohttp's, for what is no such body
        raise MalformedForm from None
    reading.upload.fields = Fields.of_pairs(reading.pairs)
    return reading.upload


def seconds_for(size: int) -> float:
    """How long a form of which so many bytes came since its files are taken may go on."""
    return min(SECONDS, FIRST_SECONDS + size / SLOWEST)


async def _parts(request: web.BaseRequest) -> AsyncIterator[BodyPartReader]:
    reader = MultipartReader(request.headers, request.content)
    for _ in range(_MOST_PARTS):
        part = await reader.next()
        if part is None:
            return
        if not isinstance(part, BodyPartReader):
            raise MalformedForm
        yield part
    raise MalformedForm


@dataclass(slots=True)
class _Reading:
    """A form on its way in."""

    begin: Begin
    cleaning: asyncio.Lock
    limit: asyncio.Timeout
    upload: Upload = field(default_factory=Upload)
    pairs: dict[str, str] = field(default_factory=dict, repr=False)
    room: int = _LONGEST_FIELDS
    total: int = 0
    taken_from: tuple[float, int] | None = None  # when, and behind how many bytes, files are taken

    async def take(self, part: BodyPartReader) -> None:
        """One part: a field, or a file."""
        if part.name == "files":
            await self._file(part)
            return
        data = await self._content(part, self.room)
        if data is None:
            raise web.HTTPRequestEntityTooLarge(_LONGEST_FIELDS, _LONGEST_FIELDS + 1)
        self.room -= len(data)
        if part.name is not None:
            self.pairs[part.name] = data.decode("utf-8", "replace")

    async def _file(self, part: BodyPartReader) -> None:
        first = await self._piece(part)
        if not first:
            return  # the field for files was left empty
        self.upload.files += 1
        if self.upload.files == 1:
            await self._begin()
        sink = self.upload.sink
        has_room = sink is not None and not self.upload.problem
        data = await self._content(part, LARGEST if has_room else 0, first)
        if sink is None or self.upload.problem:
            return
        try:
            await self._keep(sink, data)
        except FileProblem as problem:
            self.upload.problem = problem.key

    async def _begin(self) -> None:
        """Look at the form's token before any file is read."""
        try:
            self.upload.sink = await self.begin(Fields.of_pairs(self.pairs))
        except FileProblem as problem:
            self.upload.problem = problem.key
        except TooMany as spent:
            self.upload.spent = spent
        else:
            self.taken_from = asyncio.get_running_loop().time(), self.total
            self._go_on()

    def _go_on(self) -> None:
        """Give the form the time that it has earned by what came."""
        if self.taken_from is not None:
            since, behind = self.taken_from
            self.limit.reschedule(since + seconds_for(self.total - behind))

    async def _keep(self, sink: Sink, data: bytes | None) -> None:
        if data is None:
            raise FileProblem("a04.too_large")
        if self.upload.files > MOST_IN_A_MESSAGE:
            raise FileProblem("a04.too_many_files")
        kind = kind_of(data)
        if kind not in KINDS:
            raise FileProblem("a04.kind")
        try:
            async with self.cleaning:
                cleaned = await asyncio.to_thread(clean, kind, data)
        except UnreadableFileError:
            raise FileProblem("a04.unreadable") from None
        await sink.add(kind, cleaned)

    async def _content(
        self, part: BodyPartReader, longest: int, first: bytes | None = None
    ) -> bytes | None:
        """All of a part; None where it is longer, and then it is dropped."""
        data, is_kept = bytearray(), True
        piece = await self._piece(part) if first is None else first
        while piece:
            if is_kept:
                data += piece
            if len(data) > longest:
                is_kept = False
                data.clear()
            piece = await self._piece(part)
        return bytes(data) if is_kept else None

    async def _piece(self, part: BodyPartReader) -> bytes:
        piece = await part.read_chunk(_PIECE)
        self.total += len(piece)
        if self.total > _LONGEST:
            raise web.HTTPRequestEntityTooLarge(_LONGEST, self.total)
        self._go_on()
        return piece
