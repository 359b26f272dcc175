"""A whole hotline with one real channel: what the whole tests of Matrix and Signal share."""

import asyncio
import re
import sys

import msgspec

from bots.channel import Attachment
from intake_server.settings import ChannelSettings
from tests.intake_server.courier.files import reply_with
from tests.intake_server.courier.stage import Stage
from tests.intake_server.courier.test_attachments import told

SOUND = b"OggS" + bytes(100_000) + b"CANARY-FIRST in a recording"
CANARIES = ("CANARY-FIRST", "CANARY-SECOND", "CANARY-ANSWER")


async def raised(folder, **channel) -> Stage:
    """A set-up hotline with this channel switched on; the test calls the courier."""
    stage = Stage(folder, screening="off")
    stage.settings = msgspec.structs.replace(stage.settings, channels=ChannelSettings(**channel))
    await stage.raise_curtain()
    await stage.set_up()
    return stage


async def havenline(*arguments, data, typed=""):
    """Run a command as an operator does: its exit code, and what it said on both streams."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "intake_server.cli", *arguments, "--data", str(data)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, wrong = await child.communicate(typed.encode())
    return child.returncode, said.decode(), wrong.decode()


async def heard_answered_and_forgotten(stage, courier, person, name) -> None:
    """A person writes, twice, is answered, and erases everything."""
    await person.say("CANARY-FIRST he locks the door")
    assert (await person.hear()).startswith("Thank you. Your message has arrived.")
    row = await stage.only_row()
    assert (row.channel, row.state, row.urgency) == (name, "waiting", 1)
    message = await stage.answer(row, "CANARY-ANSWER I am here")
    assert await person.hear() == "CANARY-ANSWER I am here"
    assert await stage.ended(row, message) == ("sent", None)
    await person.say("CANARY-SECOND he is back")
    texts = ["CANARY-FIRST he locks the door", "CANARY-SECOND he is back"]
    async with asyncio.timeout(20):
        while await stage.texts(row) != texts:  # noqa: ASYNC110 - it is in a database
            await asyncio.sleep(0.05)
    await attachments_go_both_ways(stage, row, person)
    (shown,) = courier.report(0.0)["channels"]
    assert (shown["name"], shown["connected"], shown["queue"]) == (name, True, 0)
    assert shown["last_delivery_seconds"] is not None
    assert left_in(stage.folder) == []  # not while the conversation lives either
    await person.say("/erase")
    (number,) = re.findall(r"\b\d{4}\b", await person.hear())
    await person.say(number)
    assert await person.hear() == "Done."
    assert await stage.rows() == []
    async with asyncio.timeout(60):
        while courier.inbound.speech._speaking:  # noqa: ASYNC110 - until the channel forgot, too
            await asyncio.sleep(0.05)


async def attachments_go_both_ways(stage, row, person) -> None:
    """A voice message comes, another goes."""
    await person.show(Attachment.VOICE, SOUND)
    async with asyncio.timeout(20):
        while ("ogg", SOUND) not in await told(stage, row):  # noqa: ASYNC110 - it is in a database
            await asyncio.sleep(0.05)
    answer = SOUND + b"CANARY-ANSWER"
    message, _ = await reply_with(stage, row, answer)
    assert await person.hear_file() == answer
    assert await stage.ended(row, message) == ("sent", None)


class Killed:
    """A courier as a process of its own, killed whenever the test says so."""

    def __init__(self, stage, section: str) -> None:
        self.folder = stage.folder
        (self.folder / "havenline.toml").write_text(f'[screening]\nmode = "off"\n{section}')
        answers = '{"acknowledgement": "", "text_only": "", "erased": ""}'
        (self.folder / "courier" / "answers.json").write_text(answers)
        self.child = None
        self.deaths = 0

    async def start(self) -> None:
        self.child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "intake_server.courier", "--data", str(self.folder)),
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def kill(self) -> None:
        self.child.kill()
        await self.child.wait()
        self.deaths += 1


MESSAGES = 300
KILLS = 15
ANSWERS = 10


async def three_hundred_arrive_once_and_in_order(stage, killed, person) -> list[str]:
    """A person writes again and again while the courier is killed; what they heard meanwhile.

    Each text is shown once, in order, none is missing; answers are written in between.
    """
    await killed.start()
    try:
        await person.say("0")
        while not await stage.rows():  # noqa: ASYNC110 - it is in a database
            await asyncio.sleep(0.1)
        row, answered = await stage.only_row(), []
        for number in range(1, MESSAGES):
            await person.say(str(number))
            if number % (MESSAGES // KILLS) == 0:
                await killed.kill()
                await killed.start()
            if number % (MESSAGES // ANSWERS) == 7:
                answered.append(await stage.answer(row, f"answer {len(answered)}"))
        await _until_all(stage, row)
        for message in answered:
            while (await stage.standing(row, message))[0] == "waiting":  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.5)
        standing = [(await stage.standing(row, message))[0] for message in answered]
        assert await stage.texts(row) == [str(number) for number in range(MESSAGES)]
        return standing
    finally:
        await killed.kill()


async def _until_all(stage, row) -> None:
    async with asyncio.timeout(900):
        while len(await stage.texts(row)) < MESSAGES:  # noqa: ASYNC110 - it is in a database
            await asyncio.sleep(2)


async def heard(person, most: int) -> list[str]:
    """All that a person hears until nothing comes any more."""
    said = []
    while len(said) < most:
        try:
            async with asyncio.timeout(10):
                said.append(await person.hear())
        except TimeoutError:
            break
    return said


def left_in(folder, *canaries) -> list[str]:
    """Which of these stand in clear in a file of this folder, with the files' names."""
    sought = (*CANARIES, *canaries)
    return [
        f"{one} in {file.relative_to(folder)}"
        for file in folder.rglob("*")
        if file.is_file()
        for one in sought
        if one.encode() in file.read_bytes()
    ]
