"""Processes are killed, one by one and all at once; what was acknowledged is true afterwards.

The keeper's named steps, on a disk that keeps everything and on one that loses what was not
synced, are in tests/intake_server/keeper/test_kill.py; those of the sweep in
tests/intake_server/caretaker/test_sweep.py. Here the whole stack is hit wherever it is.
"""

import asyncio
import contextlib
import os
import random
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from intake_server.keeper_operator import keeper_operator
from intake_server.screening_link import ScreeningVerb
from intake_server.supervisor import command_for
from tests.flows.crash_history import TROUBLE, Erased, History, Story
from tests.flows.people import Client, Counsellor, LoopbackPerson
from tests.flows.stack import RECORDS, ROOT, Stack, until
from vault.keeper_protocol import encode_request, read_frame, write_frame

pytestmark = [pytest.mark.proof, pytest.mark.timeout(900)]

ROUNDS = int(os.environ.get("HAVENLINE_PROOF_ROUNDS", "10"))
SEED = int(os.environ.get("HAVENLINE_PROOF_SEED", "2026"))
VICTIMS = ("keeper", "keeper", "web", "web", "caretaker", "courier")
LONGEST = 0.25  # seconds from the first request of a round to the kill


class Processes:
    """The five of a prepared installation, without their supervisor: who is killed is back at once.

    Of each a second one waits, imported and not yet begun, as the supervisor has them too.
    """

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.waiting: dict[str, subprocess.Popen[bytes]] = {}

    async def start(self, name: str) -> None:
        child = self.waiting.pop(name, None) or self._prepared(name)
        child.stdin.write(b"run\n")
        child.stdin.close()
        self.running[name] = child
        await until(lambda: self._answers(name), f"{name} answers")
        self.waiting[name] = self._prepared(name)

    async def kill(self, name: str, *, stops_first: float) -> None:
        """SIGKILL; where `stops_first` is not 0, it hangs for that long before it dies."""
        child = self.running[name]
        if stops_first:
            child.send_signal(signal.SIGSTOP)
            await asyncio.sleep(stops_first)
        child.kill()
        child.wait()

    def end(self) -> None:
        for child in (*self.running.values(), *self.waiting.values()):
            child.kill()
            child.wait()
            with contextlib.suppress(BrokenPipeError):
                child.stdin.close()

    def _prepared(self, name: str) -> subprocess.Popen[bytes]:
        place = ["--data", str(self.stack.data)]
        more = ["--config", str(self.stack.config)]
        if name == "keeper":
            more = ["--records", str(RECORDS), "--existing"]
        with self.stack.log.open("ab") as log:
            return subprocess.Popen(
                command_for(name, [*place, *more]),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
            )

    async def _answers(self, name: str) -> bool:
        assert self.running[name].poll() is None, self.stack.log.read_text()[-2000:]
        path = self.stack.run / f"{name}-health.sock"
        if name == "keeper":
            path = self.stack.run / "keeper-operator.sock"
        try:
            reader, writer = await asyncio.open_unix_connection(path)
        except OSError:
            return False
        try:
            return name == "keeper" or bool(await reader.readline())
        except OSError:
            return False
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def processes_of(stack: Stack) -> Iterator[Processes]:
    processes = Processes(stack)
    try:
        for name in ("keeper", "caretaker", "courier", "desk", "web"):
            await processes.start(name)
        yield processes
    finally:
        processes.end()


async def sweep(run: Path) -> None:
    """Ask for a sweep, and do not mind if its process dies of it."""
    with contextlib.suppress(OSError, EOFError):
        reader, writer = await asyncio.open_unix_connection(run / "caretaker-operator.sock")
        try:
            await write_frame(writer, encode_request(1, ScreeningVerb.SWEEP))
            await read_frame(reader)
        finally:
            writer.close()


async def says_until_acknowledged(person: LoopbackPerson, text: str) -> dict:
    """A messenger keeps what was not acknowledged and brings it again."""
    while True:
        try:
            return await person.say(text, f"id of {text}")
        except (OSError, EOFError, TimeoutError, ValueError):
            await asyncio.sleep(0.1)


async def test_killed_at_random_moments_nothing_acknowledged_is_lost_or_comes_back(stack, net):
    ana = Counsellor(stack, net)
    await ana.set_up()
    await stack.stop()
    lots = random.Random(SEED)
    history = History(stack, net, ana)
    messengers: dict[str, asyncio.Task] = {}
    async with processes_of(stack) as processes:
        await ana.sign_in()
        for number in range(6):
            await history.arrive(f"before {number}")
        for number in range(ROUNDS):
            history.look_at_slots()
            chosen = lots.sample(history.living(), min(3, len(history.living())))
            text = f"over a messenger {number}"
            person = LoopbackPerson(stack, f"person-{number}")
            messengers[text] = asyncio.create_task(says_until_acknowledged(person, text))
            people = [
                history.arrive(f"arrival {number}"),
                history.arrive(f"insists {number}", insists=True),
                sweep(stack.run),
                *_errands(history, chosen, number),
            ]
            tasks = [asyncio.create_task(each) for each in people]
            await asyncio.sleep(lots.uniform(0, LONGEST))
            victim = lots.choice(VICTIMS)
            await processes.kill(victim, stops_first=lots.choice((0, 0, 0.05)))
            await processes.start(victim)
            await asyncio.gather(*tasks)
            await history.check([*history.stories[-2:], *chosen])
        await asyncio.gather(*messengers.values())
        assert history.acknowledged > ROUNDS
        assert any(story.erased is Erased.SAID for story in history.stories)
        await _all_is_well(history, processes, list(messengers))


def _errands(history: History, chosen: list[Story], number: int) -> list:
    steps = (
        history.erase,
        lambda story: history.write(story, f"further {number}"),
        lambda story: history.reply(story, f"reply {number}"),
    )
    return [step(story) for step, story in zip(steps, chosen, strict=False)]


async def _all_is_well(history: History, processes: Processes, messages: list[str]) -> None:
    """At the end: by phrase, by the team, by what lies on the disk."""
    stack = history.stack
    await processes.kill("keeper", stops_first=0)  # a keeper with its full budget of openings
    await processes.start("keeper")
    await history.check([story for story in history.stories if not story.is_over])
    stack.cli("sweep")
    await history.check_queue()
    known = {story.client.conversation for story in history.stories}
    heard = []
    for conversation in _conversations(stack, "loopback"):
        assert conversation not in known
        heard += [message.text for message in (await history.ana.open(conversation)).read()]
    assert sorted(heard) == sorted(messages)
    history.check_files()
    async with keeper_operator(stack.run) as operator:
        assert (await operator.status())["damaged"] == 0


def _conversations(stack: Stack, channel: str) -> list[bytes]:
    path = stack.data / "database" / "havenline.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
        rows = connection.execute("select id from conversations where channel = ?", (channel,))
        return [conversation for (conversation,) in rows]


async def test_a_power_cut_among_fifty_at_once_loses_nothing_and_brings_nothing_back(
    stack, net, ana
):
    history = History(stack, net, ana)
    await asyncio.gather(*(history.arrive(f"before {number}") for number in range(26)))
    assert len(history.living()) == 26
    doomed, answered, writing = (history.stories[at::3] for at in range(3))
    ready = [(story, await ana_has_open(ana, story)) for story in answered]
    history.look_at_slots()

    async def reply(story: Story, opened) -> None:
        text = "a reply in the middle of it"
        story.note(text, is_stored=False)
        with contextlib.suppress(*TROUBLE):
            await opened.reply(text)
            story.note(text, is_stored=True)
            history.acknowledged += 1

    history.acknowledged = 0
    burst = [
        *(history.arrive(f"arrival {number}") for number in range(24)),
        *(history.erase(story) for story in doomed),
        *(reply(story, opened) for story, opened in ready),
        *(history.write(story, "further") for story in writing),
    ]
    assert len(burst) == 50
    random.Random(SEED).shuffle(burst)
    tasks = [asyncio.create_task(each) for each in burst]
    await until(lambda: history.acknowledged >= 15, "some of it is acknowledged")
    pids = [Path(f"/proc/{pid}") for pid in stack.pids().values()]
    stack.kill()
    await asyncio.gather(*tasks)
    await until(lambda: not any(pid.exists() for pid in pids), "everything has ended")
    assert any(story.erased is Erased.SAID for story in doomed)

    await stack.start()
    await history.check(history.stories)
    ana.session = ""
    await ana.sign_in()
    stack.cli("sweep")
    await history.check_queue()
    history.check_files()


async def ana_has_open(ana: Counsellor, story: Story):
    await ana.claim(story.client.conversation)
    return await ana.open(story.client.conversation)


def test_the_history_sees_what_it_must_not_see():
    """What would be a loss, a return, a repeat: each is told."""
    for stored, erased, there in (
        (["a"], Erased.NO, None),
        (["a"], Erased.NO, []),
        (["a"], Erased.SAID, ["a"]),
        (["a"], Erased.NO, ["a", "a"]),
        (["a"], Erased.NO, ["a", "b"]),
    ):
        story = Story(Client.__new__(Client), stored, erased=erased)
        with pytest.raises(AssertionError):
            story.must_hold(there)
    for stored, perhaps, erased, there in (
        ([], {"a"}, Erased.NO, None),
        (["a"], {"b"}, Erased.NO, ["a"]),
        (["a"], {"b"}, Erased.NO, ["a", "b"]),
        (["a"], set(), Erased.ASKED, ["a"]),
        (["a"], set(), Erased.SAID, None),
    ):
        Story(Client.__new__(Client), stored, perhaps, erased=erased).must_hold(there)
