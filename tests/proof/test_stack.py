"""All five processes killed at once, 50 times: what was acknowledged is true after each start.

HAVENLINE_STACK_KILLS is the number of kills. One process at a time, and what a burst of fifty
sees, are in tests/flows/test_crash.py.
"""

import asyncio
import os
import random
from pathlib import Path

import pytest

from tests.flows.crash_history import Erased, History, Story
from tests.flows.people import Counsellor
from tests.flows.stack import a_stack, http, until

pytestmark = [pytest.mark.proof, pytest.mark.long, pytest.mark.timeout(3600)]

KILLS = int(os.environ.get("HAVENLINE_STACK_KILLS", "50"))
SEED = int(os.environ.get("HAVENLINE_PROOF_SEED", "2026"))
SIGN_IN_EVERY = 10  # each signing-in takes a number of the second key, and there are two a minute
LONGEST = 0.3  # seconds from the first acknowledgement to the kill


class Rounds:
    """One installation and its history, round by round."""

    def __init__(self, history: History, lots: random.Random) -> None:
        self.history, self.lots = history, lots

    async def one(self, number: int) -> None:
        history = self.history
        chosen = self.lots.sample(history.living(), min(6, len(history.living())))
        is_staffed = number % SIGN_IN_EVERY == 0
        if is_staffed:
            history.ana.session = ""
            await history.ana.sign_in()
        history.look_at_slots()
        before = history.acknowledged
        tasks = [
            asyncio.create_task(each)
            for each in self._people(chosen, number, is_staffed=is_staffed)
        ]
        await until(lambda: history.acknowledged > before, "something is acknowledged")
        await asyncio.sleep(self.lots.uniform(0, LONGEST))
        await self._power_cut()
        await asyncio.gather(*tasks)
        await history.stack.start()
        await history.check([*history.stories[-4:], *chosen])

    def _people(self, chosen: list[Story], number: int, *, is_staffed: bool) -> list:
        history = self.history
        errands = [history.erase, lambda story: history.write(story, f"further {number}")]
        if is_staffed:
            errands.append(lambda story: history.reply(story, f"reply {number}"))
        return [
            *(history.arrive(f"arrival {number}.{i}") for i in range(4)),
            *(errands[i % len(errands)](story) for i, story in enumerate(chosen)),
        ]

    async def _power_cut(self) -> None:
        stack = self.history.stack
        pids = [Path(f"/proc/{pid}") for pid in stack.pids().values()]
        stack.kill()
        await until(lambda: not any(pid.exists() for pid in pids), "everything has ended")


async def test_all_at_once_fifty_times():
    async with a_stack() as stack, http() as net:
        ana = Counsellor(stack, net)
        await ana.set_up()
        history = History(stack, net, ana)
        rounds = Rounds(history, random.Random(SEED))
        for number in range(KILLS):
            await rounds.one(number)
        await history.check([story for story in history.stories if not story.is_over])
        ana.session = ""
        await ana.sign_in()
        stack.cli("sweep")
        history.look_at_slots()
        history.check_files()
        assert any(story.erased is Erased.SAID for story in history.stories)
        print(f"{KILLS} kills, {history.acknowledged} acknowledged")  # noqa: T201 -- what a proof showed, for docs/proofs.md
