"""The courier as a real process, killed at its worst moments: nothing lost, nothing doubled."""

import asyncio
import contextlib
import json
import signal
import stat
import sys

import pytest

from intake_server.courier.outbound import Reason

SETTINGS = '[screening]\nmode = "off"\n[channels.loopback]\nenabled = true\n'
QUIET = '{"acknowledgement": "", "text_only": "", "erased": ""}'
KILLER = "tests.intake_server.courier.killed_courier"


@contextlib.asynccontextmanager
async def courier(stage, *command):
    (stage.folder / "havenline.toml").write_text(SETTINGS)
    (stage.folder / "courier" / "answers.json").write_text(QUIET)
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *(command or ("intake_server.courier",))),
        *("--data", str(stage.folder)),
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()


class Person:
    """Somebody at the loopback channel's socket."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    def tell(self, **line):
        self.writer.write(json.dumps(line).encode() + b"\n")

    async def hear(self):
        async with asyncio.timeout(60):
            line = await self.reader.readline()
        return json.loads(line) if line else None


@contextlib.asynccontextmanager
async def person(stage):
    path = stage.settings.data.run_dir / "loopback.sock"
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_unix_connection(path)
                break
            await asyncio.sleep(0.05)
    try:
        yield Person(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def killed(child) -> None:
    async with asyncio.timeout(30):
        assert await child.wait() == -signal.SIGKILL


async def says(stage, text: str, name: str):
    async with person(stage) as kim:
        kim.tell(**{"as": "kim", "say": text, "id": name})
        return await kim.hear()


@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_around_the_commit_a_redelivered_message_is_there_once(stage, when):
    async with courier(stage, KILLER, when, "store_first") as child, person(stage) as kim:
        kim.tell(**{"as": "kim", "say": "precious", "id": "one"})
        await killed(child)
    async with courier(stage):
        assert await says(stage, "precious", "one") == {"acknowledged": "one"}
        row = await stage.only_row()
        assert await stage.texts(row) == ["precious"]
        living, _ = await stage.caretaker.all_live()
        assert sorted(one.kind for one in living) == [1, 2]
        assert {one.conversation_id for one in living} == {row.id}


async def met(stage):
    """The row of a client whom an earlier courier met."""
    async with courier(stage) as child:
        assert await says(stage, "hello", "hello") == {"acknowledged": "hello"}
        child.terminate()
        async with asyncio.timeout(60):
            assert await child.wait() == 0
    return await stage.only_row()


@pytest.mark.parametrize(
    ("when", "call", "end"),
    [
        ("before", "send", ("failed", Reason.UNCERTAIN)),
        ("after", "send", ("failed", Reason.UNCERTAIN)),
        ("before", "sent", ("sent", None)),
    ],
)
async def test_killed_while_sending_nothing_is_sent_a_second_time(stage, when, call, end):
    row = await met(stage)
    async with courier(stage, KILLER, when, call) as child, person(stage):
        message = await stage.answer(row, "meet me at nine")
        await killed(child)
    assert await stage.standing(row, message) == ("waiting", None)
    async with courier(stage), person(stage) as kim:
        assert await stage.settled(row, message) == end
        kim.tell(listen="kim")
        kim.tell(network="up")  # answered after whatever there was to hear
        assert await kim.hear() == {"network": "up"}


async def test_files_of_the_courier_are_for_nobody_else(stage):
    await met(stage)
    for file in (stage.folder / "courier").rglob("*"):
        if file.name != "answers.json":
            mode = stat.S_IMODE(file.stat().st_mode)
            assert mode == (0o700 if file.is_dir() else 0o600), file.name


async def test_it_says_in_one_sentence_why_it_does_not_start(stage):
    (stage.folder / "courier" / "sent.bin").write_bytes(b"something else")
    async with courier(stage) as child:
        said = await child.stderr.read()
        assert await child.wait() == 2
    assert b"does not start" in said
    assert b"sent.bin" in said
    assert b"Traceback" not in said
