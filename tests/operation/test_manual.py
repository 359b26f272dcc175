"""The manual's own lines bring a lost machine back, without what was forgotten."""

import asyncio
import re
import secrets
import shlex
import shutil
from pathlib import Path

import click
import pytest

from intake_server.cli import main
from intake_server.keeper.alarms import Alarm
from tests.flows.people import Client, Counsellor, to_bytes
from tests.flows.stack import a_stack, http

MANUAL = Path(__file__).parents[2] / "docs/operations.md"


def lines_after(mark: str) -> list[str]:
    """The commands in the first indented block after a mark in the manual."""
    after = MANUAL.read_text().partition(mark)[2]
    block = re.search(r"(?:^    .+\n)+", after, re.MULTILINE)
    assert block is not None, mark
    return [line.strip() for line in block[0].splitlines()]


def words(line: str, media: Path) -> list[str]:
    """A line's words after `havenline`, with the manual's other disks below `media`."""
    name, *rest = shlex.split(line.replace("/media/", f"{media}/"))
    assert name == "havenline"
    return rest


@pytest.mark.proof
@pytest.mark.timeout(200)
async def test_backup_and_mirror_bring_a_lost_machine_back_by_the_manual_alone():
    async with a_stack() as stack, http() as net:
        media = stack.folder / "media"
        for name in ("backup", "mirror", "stick"):
            (media / name).mkdir(parents=True)
        (media / "stick/backup.key").write_bytes(secrets.token_bytes(32))
        ana = Counsellor(stack, net)
        await ana.set_up()
        kept, erased, late = (Client(stack, net) for _ in range(3))
        await kept.write_first("the bus leaves at nine", name="Mira")
        await erased.write_first("forget this")
        backup, mirror = (
            words(lines_after(mark)[0], media)
            for mark in ("## 8. Backup and mirror", "**The mirror** goes to another disk")
        )
        await asyncio.to_thread(stack.cli, *backup, "--key-file", str(media / "stick/backup.key"))
        await erased.erase()
        await late.write_first("after the backup")
        await asyncio.to_thread(stack.cli, *mirror, "--same-disk")

        await stack.stop()
        shutil.rmtree(stack.data)
        stack.data.mkdir(mode=0o700)

        brought_back, restored, started = (
            words(line, media) for line in lines_after("the tests run these lines")
        )
        told = await asyncio.to_thread(stack.cli, *brought_back, stdin=b"y\n")
        assert "The keeper's files are as they were on" in told
        told = await asyncio.to_thread(stack.cli, *restored)
        assert "1 conversation came back." in told
        assert "1 conversation was forgotten since the backup. It stays forgotten." in told
        assert "1 conversation began after the backup." in told
        assert started == ["up"]
        await stack.start()

        again = Client(stack, net, phrase=kept.phrase)
        assert [line.text for line in await again.come_back()] == ["the bus leaves at nine"]
        await ana.sign_in()
        assert [to_bytes(row["conversation"]) for row in await ana.queue()] == [kept.conversation]
        opened = await ana.open(kept.conversation)
        assert [line.text for line in opened.read()] == ["the bus leaves at nine"]
        alarms = {word for each in stack.status()["processes"] for word in each["alarms"]}
        assert alarms <= {"orphans_wait"}


def test_every_command_is_in_the_manual_and_every_alarm():
    text = MANUAL.read_text()
    for name in main.list_commands(click.Context(main)):
        assert f"`havenline {name}" in text, name
    for alarm in Alarm:
        assert f"`{alarm}`" in text, alarm
