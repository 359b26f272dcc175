"""The same kills with a real Synapse and with real Delta Chat: nothing lost and nothing doubled.

HAVENLINE_REAL_SEND_KILLS is how many for each. What arrived is asked of independent clients, as
people have them: mautrix with libolm, and a Delta Chat core of their own. Replies to several people
are under way at each kill; a life of a courier lasts no longer than to the moment of its kill, and
nothing waits for the clock.
"""

import asyncio
import os
import random
import signal
import sys
import time

import msgspec
import pytest

from intake_server.settings import ChannelSettings, DeltaChatSettings, MatrixSettings
from tests.bots.deltachat import test_whole as deltachat
from tests.bots.deltachat.post import MailServer
from tests.bots.deltachat.post import Phone as DeltaPhone
from tests.bots.matrix import test_whole as matrix
from tests.bots.matrix.homeserver import Homeserver
from tests.bots.matrix.phone import Phone as MatrixPhone
from tests.intake_server.courier.stage import Stage
from tests.proof.test_sending import PATIENCE, STEPS, drain, lives, moment

KILLS = int(os.environ.get("HAVENLINE_REAL_SEND_KILLS", "2000"))
SEED = int(os.environ.get("HAVENLINE_PROOF_SEED", "20"))
PEOPLE = ("kim", "jo", "lou", "sam")
MOST = 3  # replies to different people between two kills
EVERY_MOMENT = 300  # kills after which each moment has come
DRAINED = 50  # kills after which a courier is left alone: who waits for a minute falls behind
LONGEST = 800  # milliseconds in which what waits is sent
QUIET = 10.0  # seconds in which a second copy would have come

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mautrix"),
    pytest.mark.proof,
    pytest.mark.long,
    pytest.mark.timeout(3600),
]


def settings_of(channel: str) -> str:
    return f'[screening]\nmode = "off"\n[channels.{channel}]\nenabled = true\n'


async def introduced(stage, each, people) -> dict:
    """Everybody writes to a courier; their rows."""
    first = await each.begin("never", "-", 0)
    for name, person in people.items():
        await person.say(f"I am {name}")
    async with asyncio.timeout(120):
        while len(await stage.rows()) < len(people):  # noqa: ASYNC110 - it is in a database
            await asyncio.sleep(0.2)
    os.kill(first, signal.SIGKILL)
    await each.end()
    rows = {}
    for row in await stage.rows():
        (text,) = await stage.texts(row)
        rows[text.removeprefix("I am ")] = row
    return rows


async def play(stage, each, rows, steps) -> tuple[dict, set]:
    """Reply and kill; what was written to whom, and the places of the kills."""
    drawn, written, places = random.Random(SEED), {name: [] for name in rows}, set()
    for number in range(KILLS):
        answered = drawn.sample(PEOPLE, drawn.randint(1, MOST))
        for name in answered:
            text = f"answer {len(written[name])}"
            written[name].append(await stage.answer(rows[name], text))
        at = moment(drawn, len(answered), steps, LONGEST)
        await each.begin(*at)
        try:
            status = await each.end()
        except TimeoutError:
            raise AssertionError(f"kill {number} did not come: {at}") from None
        assert status == -signal.SIGKILL
        places.add(at[:2])
        if number % DRAINED == DRAINED - 1:
            await drain(stage, rows, each, PATIENCE)
    return written, places


async def all_sent(stage, each, rows, written) -> None:
    last = await each.begin("never", "-", 0)
    try:
        async with asyncio.timeout(300):
            for name, messages in written.items():
                for message in messages:
                    while (await stage.standing(rows[name], message))[0] == "waiting":  # noqa: ASYNC110 - it is in a database
                        await asyncio.sleep(0.5)
                    assert await stage.standing(rows[name], message) == ("sent", None)
        await asyncio.sleep(QUIET)  # while the courier and its network go on
    finally:
        os.kill(last, signal.SIGKILL)
    await each.end()


async def run(stage, channel: str, people, heard, more: tuple[str, ...]) -> None:
    """`heard` gives what one of `people` has heard since the beginning."""
    began = time.monotonic()
    async with lives(stage, f"--{channel}", settings=settings_of(channel)) as each:
        rows = await introduced(stage, each, people)
        steps = (*STEPS, *more)
        written, places = await play(stage, each, rows, steps)
        await all_sent(stage, each, rows, written)
    if KILLS >= EVERY_MOMENT:
        assert len(places) == 2 * len(steps) + 1
    count = 0
    for name, person in people.items():
        said = await heard(person)
        expected = [f"answer {number}" for number in range(len(written[name]))]
        count += len(expected)
        doubled = {text for text in said if said.count(text) > 1}
        missing = set(expected) - set(said)
        assert (doubled, missing) == (set(), set())
        assert said == expected
    sys.stdout.write(
        f"{channel}: {KILLS} kills at {len(places)} places, {count} replies: each arrived once and "
        f"in order, {time.monotonic() - began:.0f} s\n"
    )


def set_up(folder, **channel) -> Stage:
    stage = Stage(folder, screening="off")
    stage.settings = msgspec.structs.replace(stage.settings, channels=ChannelSettings(**channel))
    return stage


async def test_on_matrix(short_dir):
    server = Homeserver()
    stage = set_up(short_dir, matrix=MatrixSettings(enabled=True))
    people = {}

    async def heard(person) -> list[str]:
        return [person.heard.get_nowait() for _ in range(person.heard.qsize())]

    try:
        server.start()
        await stage.raise_curtain()
        await stage.set_up()
        hotline = await matrix.added(stage, server)
        for name in PEOPLE:
            phone = MatrixPhone(server, hotline)
            people[name] = await phone.sign_in(await server.new_person())
        await run(stage, "matrix", people, heard, ("post",))
    finally:
        for phone in people.values():
            await phone.sign_out()
        await stage.fall()
        server.stop()


async def test_on_delta_chat(short_dir, tmp_path):
    server = await MailServer().open()
    phone = await DeltaPhone().open(server, tmp_path)
    stage = set_up(short_dir, deltachat=DeltaChatSettings(enabled=True))

    async def heard(person) -> list[str]:
        """In the order that the app shows, which is the sender's."""
        found = []
        for _ in range(person.incoming.qsize()):
            message = await person.ask("get_message", person.incoming.get_nowait())
            if not message["isInfo"]:
                found.append((message["sortTimestamp"], message["id"], message["text"]))
        return [text for *_, text in sorted(found)]

    try:
        await stage.raise_curtain()
        await stage.set_up()
        invite = await deltachat.added(stage, server)
        people = {name: await phone.person() for name in PEOPLE}
        async with lives(stage, "--deltachat", settings=settings_of("deltachat")) as each:
            first = await each.begin("never", "-", 0)
            for person in people.values():
                await person.scan(invite)
            os.kill(first, signal.SIGKILL)
            await each.end()
        await run(stage, "deltachat", people, heard, ("draft", "go", "taken", "memo"))
    finally:
        await phone.close()
        await stage.fall()
        await server.close()
