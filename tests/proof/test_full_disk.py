"""The disk is full, at each step: nothing is lost or half there, erasing works, and it recovers.

A small file system in memory of its own holds data, sockets and log of a whole hotline; ballast
leaves so many bytes on it. Needs root, to mount it.
"""

import asyncio
import contextlib
import os
from pathlib import Path

import pytest

from tests.flows.people import Client, Counsellor, FormClient, LoopbackPerson, Refused
from tests.flows.stack import Stack, http
from vault.sealing import CannotOpen

pytestmark = [pytest.mark.proof, pytest.mark.long, pytest.mark.timeout(1800)]

SIZE = 64 * 1024 * 1024
LEFT = (0, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128)  # KiB


@contextlib.asynccontextmanager
async def a_small_disk(place: Path):
    """A stack that has a file system to itself."""
    async with mounted(place, SIZE):
        stack = Stack(place)
        try:
            await stack.start()
            yield stack
        finally:
            await stack.stop()


@contextlib.asynccontextmanager
async def mounted(place: Path, size: int):
    """A file system of so many bytes, in memory."""
    if os.geteuid() != 0:
        pytest.fail("mounting a file system needs root: run this part as root")
    await run("mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place))
    try:
        yield
    finally:
        await run("umount", "--lazy", str(place))


async def run(*command: str) -> None:
    child = await asyncio.create_subprocess_exec(*command)
    assert await child.wait() == 0


class Ballast:
    """Takes all of the disk but so many bytes."""

    def __init__(self, place: Path) -> None:
        self.file = place / "ballast"

    def leave(self, size: int) -> None:
        while True:
            self.remove()
            free = os.statvfs(self.file.parent)
            with self.file.open("wb") as file, contextlib.suppress(OSError):  # others write, too
                os.posix_fallocate(file.fileno(), 0, max(1, free.f_bavail * free.f_frsize - size))
                return

    def remove(self) -> None:
        self.file.unlink(missing_ok=True)


async def writes_until_refused(stack, net) -> tuple[list[Client], list[Client]]:
    """Who was told that it is stored, and who was not."""
    stored, refused = [], []
    for number in range(60):
        client = Client(stack, net)
        try:
            await client.write_first(f"message {number}")
        except Refused:
            refused.append(client)
            if len(refused) == 3:
                break
        else:
            stored.append(client)
    return stored, refused


async def opens(client: Client) -> list[str]:
    again = Client(client.stack, client.http, phrase=client.phrase)
    return [message.text for message in await again.come_back()]


async def test_full_at_each_step_erasing_works_and_it_recovers_without_a_restart(short_dir):
    async with a_small_disk(short_dir) as stack, http() as net:
        await the_steps(stack, net, Ballast(short_dir))


async def the_steps(stack: Stack, net, ballast: Ballast) -> Counsellor:
    """At each the disk is full, and then it is not; who counselled."""
    ana = Counsellor(stack, net)
    await ana.set_up()
    await ana.sign_in()
    pids = stack.pids()
    everybody, turned_away = [], 0
    for left in LEFT:
        kept, doomed = Client(stack, net), Client(stack, net)
        for client in (kept, doomed):
            await client.write_first("before")
        await ana.claim(kept.conversation)
        opened = await ana.open(kept.conversation)
        ballast.leave(left * 1024)
        stored, refused = await writes_until_refused(stack, net)
        turned_away += len(refused)
        said = await say_more(kept, opened, LoopbackPerson(stack, f"person-{left}"))
        await doomed.erase()
        with pytest.raises(CannotOpen):
            await opens(doomed)
        ballast.remove()

        for client in stored:
            assert len(await opens(client)) == 1
        for client in refused:
            with pytest.raises(CannotOpen):
                await opens(client)
        now = await opens(kept)
        assert now[0] == "before"
        assert set(now[1:]) >= said
        await kept.write("after")
        await (await ana.open(kept.conversation)).reply("after")
        assert (await opens(kept))[-2:] == ["after", "after"]
        everybody += [kept, *stored]
    stack.cli("sweep")
    for client in everybody:
        assert await opens(client)
    assert turned_away > len(LEFT)
    assert stack.pids() == pids, "a process was started again"
    print(f"{len(LEFT)} steps, {turned_away} turned away, {len(everybody)} kept")  # noqa: T201 -- what a proof showed, for docs/proofs.md
    return ana


async def say_more(kept: Client, opened, person: LoopbackPerson) -> set[str]:
    """Everybody else tries, too; what was acknowledged."""
    said = set()
    with contextlib.suppress(Refused):
        await kept.write("a further message")
        said.add("a further message")
    with contextlib.suppress(Refused):
        await opened.reply("a reply")
        said.add("a reply")
    # A messenger's message waits there until it can be stored.
    arriving = asyncio.create_task(person.say("from a messenger", "1"))
    await asyncio.sleep(0.5)
    arriving.cancel()
    form = await FormClient(opened.by.stack, opened.by.http).visit()
    await form.send("send", text="written without code")
    assert form.state == "phrase" or "written without code" in form.raw
    return said
