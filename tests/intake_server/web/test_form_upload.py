"""A form with files, read part by part: the token first, one file at a time, and not for ever."""

import asyncio
import tracemalloc

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import make_mocked_request

from intake_server.web import form_upload
from intake_server.web.budgets import TooMany
from intake_server.web.form_fields import MalformedForm
from intake_server.web.form_upload import SECONDS, FileProblem, read_upload, seconds_for
from vault.attachment_format import LARGEST

SOUND = b"OggS" + bytes(300_000)


def part(name, content, file=""):
    named = f'; filename="{file}"' if file else ""
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
    return head.encode() + content + b"\r\n"


FIELDS = part("token", b"a token") + part("text", b"Hello")
END = b"--b--\r\n"


class Form:
    """A form on its way in, and what became of its files."""

    def __init__(self, refusal=None):
        self.refusal = refusal
        self.begun = asyncio.Event()
        self.tokens, self.kept = [], []
        self.cleaning = asyncio.Lock()
        loop = asyncio.get_running_loop()
        protocol = BaseProtocol(loop)
        protocol.connection_made(asyncio.Transport())
        self.stream = StreamReader(protocol, 2**26, loop=loop)

    def come(self, *pieces, ends=True):
        whole = b"".join(pieces)
        for at in range(0, len(whole), 2**14):
            self.stream.feed_data(whole[at : at + 2**14])
        if ends:
            self.stream.feed_data(END)
            self.stream.feed_eof()

    async def read(self, words_seconds=60.0):
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        request = make_mocked_request("POST", "/", headers, payload=self.stream)
        return await read_upload(request, self._begin, self.cleaning, words_seconds)

    async def _begin(self, fields):
        self.tokens.append(fields.token)
        self.begun.set()
        if self.refusal is not None:
            raise self.refusal
        return self

    async def add(self, kind, data):
        self.kept.append((kind, data))


async def test_the_token_is_looked_at_before_a_file_has_come():
    form = Form()
    reading = asyncio.create_task(form.read())
    form.come(FIELDS, part("files", SOUND)[:200_000], ends=False)
    await form.begun.wait()
    form.come(part("files", SOUND)[200_000:])
    upload = await reading
    assert form.tokens == ["a token"]
    assert form.kept == [("ogg", SOUND)]
    assert (upload.fields.text, upload.files, upload.problem) == ("Hello", 1, "")


@pytest.mark.parametrize("refusal", [FileProblem("a04.not_arrived"), TooMany(20, 5.0)])
async def test_without_a_good_token_files_are_read_and_dropped(refusal):
    form = Form(refusal)
    form.come(FIELDS, *[part("files", b"OggS" + bytes(2**20))] * 3)
    tracemalloc.start()
    try:
        upload = await form.read()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 2**20
    assert (upload.sink, form.kept, len(form.tokens)) == (None, [], 1)
    assert (upload.fields.text, upload.files) == ("Hello", 3)
    assert upload.problem or upload.spent is refusal


async def test_an_empty_field_for_files_asks_for_nothing():
    form = Form()
    form.come(FIELDS, part("files", b""))
    upload = await form.read()
    assert (upload.files, form.tokens) == (0, [])


async def test_one_file_is_cleaned_at_a_time():
    form = Form()
    form.come(FIELDS, part("files", SOUND))
    async with form.cleaning:
        reading = asyncio.create_task(form.read())
        await form.begun.wait()
        for _ in range(50):
            await asyncio.sleep(0)
        assert form.kept == []
    await reading
    assert len(form.kept) == 1


async def test_who_sends_no_file_has_a_short_time():
    for come in ([], [FIELDS], [FIELDS, part("files", SOUND)[:200_000]]):
        form = Form(FileProblem("a04.not_arrived"))
        form.come(*come, ends=False)
        with pytest.raises(TimeoutError):
            await form.read(words_seconds=0.05)


async def test_who_sends_a_file_has_time_as_long_as_it_comes(monkeypatch):
    assert seconds_for(0) == 20.0
    assert seconds_for(LARGEST) == SECONDS
    assert seconds_for(400 * 4096) == 420.0
    monkeypatch.setattr(form_upload, "FIRST_SECONDS", 0.05)
    monkeypatch.setattr(form_upload, "SLOWEST", 10**9)
    form = Form()
    form.come(FIELDS, part("files", SOUND)[:200_000], ends=False)
    with pytest.raises(TimeoutError):
        await form.read()
    assert form.tokens == ["a token"]


@pytest.mark.parametrize(
    "head",
    [
        b'Content-Disposition: form-data; name="files"; filename="canary\0.jpg"',
        b"Content-Disposition form-data canary",
        b"X canary: a",
        b'Content-Disposition: form-data; name="text"\r\nContent-Length: canary',
        b'Content-Disposition: form-data; name="text"\r\nContent-Type: multipart/mixed',
        b"A: canary\r\n" * 500 + b"A: b",
        b"A: " + b"canary" * 5000,
    ],
    ids=range(7),
)
async def test_heads_of_parts_that_are_none_are_malformed_or_ignored(head):
    form = Form()
    form.come(b"--b\r\n" + head + b"\r\n\r\nhello\r\n")
    try:
        upload = await form.read()
    except MalformedForm:
        return
    assert upload.files == 0
