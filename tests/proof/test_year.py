"""A year in 46 steps of eight days, and time and again the question: who opens what?

Every step people write, answer, come back, close, shorten, erase; a backup is taken and a copy of
every database kept. The adversary has all copies, the team's seed and, for each look, the slot
file and twin of that moment. What it opens is compared with a model that knows only what was
promised and when people wrote. In the middle the clock jumps 400 days ahead and back, the policy
for new conversations changes, and the whole hotline runs in a time zone with summer time.
"""

import asyncio
import os
import random
import time
from dataclasses import dataclass

import pytest

from tests.flows.crash_history import TROUBLE
from tests.flows.people import Client, Counsellor, LoopbackPerson
from tests.flows.stack import a_stack, http, until
from tests.flows.test_forgetting import DAY, Vandal
from vault.sealing import CannotOpen

pytestmark = [pytest.mark.proof, pytest.mark.long, pytest.mark.timeout(3000)]

STEPS = int(os.environ.get("HAVENLINE_PROOF_STEPS", "46"))
SEED = int(os.environ.get("HAVENLINE_PROOF_SEED", "2026"))
LOOK_EVERY = 5
STEP_DAYS = 8  # divides none of the periods: no step falls on the day of forgetting itself
WROTE, ANSWERED = "still here", "we are here"
LONGER = """
schema = 1
[[rule]]
id = "default"
inactivity = "30d"
absolute = "90d"
closed = "14d"
"""


async def insist(act, *arguments):
    """What `act` gives, tried again as people do.

    Debian's libfaketime now and then lets a short sleep fail under load. A process that this hits
    refuses one request or is started again; nothing of that request is stored.
    """
    for _ in range(20):
        try:
            return await act(*arguments)
        except TROUBLE:
            await asyncio.sleep(0.5)
    return await act(*arguments)


@dataclass
class Talk:
    """What the model knows of one conversation; days since the start."""

    text: str
    client: Client | None  # None for a messenger's
    began: int
    inactivity: int
    absolute: int
    closed_after: int
    wrote: int = 0
    closed: int | None = None
    shortened_to: int | None = None
    erased: bool = False

    def is_alive(self, day: int) -> bool:
        ends = [self.wrote + self.inactivity, self.began + self.absolute]
        if self.closed is not None:
            ends.append(self.closed + self.closed_after)
        if self.shortened_to is not None:
            ends.append(self.shortened_to)
        return not self.erased and day < min(ends)


class Year:
    """The hotline, its people, its adversary and the model."""

    def __init__(self, stack, net, ana, vandal):
        self.stack, self.net, self.ana, self.vandal = stack, net, ana, vandal
        self.lots = random.Random(SEED)
        self.day = 0
        self.periods = (14, 60, 7)
        self.talks: list[Talk] = []

    def alive(self) -> list[Talk]:
        return [talk for talk in self.talks if talk.is_alive(self.day)]

    async def turn_to(self, day: int) -> None:
        await self.stack.stop()
        self.stack.turn_clock(day)
        self.stack.environment["TZ"] = "Europe/Berlin"
        await self.stack.start()
        self.ana.offset, self.ana.session = day * DAY, ""

    async def command(self, *arguments: str) -> None:
        self.stack.cli(*arguments)

    async def step(self, number: int) -> None:
        self.day = number * STEP_DAYS
        await self.turn_to(self.day)
        await insist(self.command, "clock-is-right", "--yes")
        await insist(self.command, "sweep")
        await insist(self.ana.sign_in)
        await self.people_write(number)
        await self.people_do_things()
        await insist(self.backup)
        self.vandal.take_slots()

    async def backup(self) -> None:
        self.vandal.take_backup()

    async def people_write(self, number: int) -> None:
        for name in ("morning", "night"):
            client = Client(self.stack, self.net)
            text = f"{name} of step {number}"
            await insist(client.write_first, text)
            self.talks.append(Talk(text, client, self.day, *self.periods, wrote=self.day))
        text = f"from a messenger, step {number}"
        await insist(LoopbackPerson(self.stack, f"person-{number}").say, text, "1")
        self.talks.append(Talk(text, None, self.day, *self.periods, wrote=self.day))

    async def people_do_things(self) -> None:
        for talk in self.alive():
            if talk.client is None or talk.wrote == self.day:
                continue
            what = self.lots.choice(("nothing", "writes", "answered", "closed", "erases", "sooner"))
            back = Client(self.stack, self.net, phrase=talk.client.phrase)
            await insist(back.come_back)
            talk.client = back
            if what == "writes":
                await insist(back.write, WROTE)
                talk.wrote, talk.closed = self.day, None
            elif what == "answered" and talk.closed is None:  # what is closed is not in the queue
                await insist(self.answer, talk)
                talk.wrote = self.day
            elif what == "closed" and talk.closed is None:
                await insist(self.close, talk)
                talk.closed = self.day
            elif what == "erases":
                await insist(back.erase)
                talk.erased = True
            elif what == "sooner" and talk.shortened_to is None:
                due = self.day + 3
                await insist(back.change_due, self.now() + 3 * DAY)
                talk.shortened_to = due

    def now(self) -> int:
        return int(time.time()) + self.ana.offset

    async def answer(self, talk: Talk) -> None:
        await self.ana.claim(talk.client.conversation)
        await (await self.ana.open(talk.client.conversation)).reply(ANSWERED)

    async def close(self, talk: Talk) -> None:
        await self.ana.claim(talk.client.conversation)
        await (await self.ana.open(talk.client.conversation)).close()

    def the_adversary_opens_what_lives(self) -> None:
        self.vandal.loot.team_seeds = [self.ana.team_seed]
        opened = self.vandal.opens()
        found = {text for texts in opened.values() for text in texts} - {WROTE, ANSWERED}
        assert found == {talk.text for talk in self.alive()}

    async def the_clock_jumps(self) -> None:
        """400 days ahead and back again, without anybody saying that it is right."""
        await self.turn_to(self.day + 400)
        self.stack.cli("sweep", check=False)
        await until(
            lambda: any(
                "clock" in alarm
                for part in self.stack.status()["processes"]
                for alarm in part["alarms"]
            ),
            "the clock is in doubt",
        )
        await self.turn_to(self.day)
        await insist(self.command, "clock-is-right", "--yes")


async def test_a_year_leaves_nothing_but_what_lives(tmp_path):
    async with a_stack() as stack, http() as net:
        await the_year(stack, net, Vandal(stack, tmp_path))


async def the_year(stack, net, vandal):
    stack.turn_clock(0)
    ana = Counsellor(stack, net)
    await ana.set_up()
    year = Year(stack, net, ana, vandal)
    for number in range(STEPS):
        await year.step(number)
        if number % LOOK_EVERY == 0 or number == STEPS - 1:  # each look tries every key
            year.the_adversary_opens_what_lives()
        if number == STEPS // 3:
            await year.the_clock_jumps()
            year.vandal.take_slots()
            year.the_adversary_opens_what_lives()
        if number == STEPS // 2:
            (stack.data / "retention.toml").write_text(LONGER)
            year.periods = (30, 90, 14)
    forgotten = [talk for talk in year.talks if not talk.is_alive(year.day)]
    assert len(forgotten) > STEPS
    assert any(talk.erased for talk in forgotten)
    assert year.alive()
    await the_oldest_backup_brings_nothing_back(year)


async def the_oldest_backup_brings_nothing_back(year: Year) -> None:
    await year.stack.stop()
    oldest = year.vandal.backups[0]
    passphrase = str(year.vandal.passphrase)
    year.stack.cli("restore", str(oldest), "--passphrase-file", passphrase, "--yes")
    await year.stack.start()
    for talk in year.talks:
        if talk.client is not None and not talk.is_alive(year.day):
            with pytest.raises(CannotOpen):
                await Client(year.stack, year.net, phrase=talk.client.phrase).come_back()
    print(f"{STEPS} steps, {len(year.talks)} conversations, {len(year.alive())} alive")  # noqa: T201 -- what a proof showed, for docs/proofs.md
