"""Kills around sending, by the thousand: every reply is sent, or a counsellor is told.

HAVENLINE_SEND_KILLS is how many, each on two networks. The first forgets what it took, as Signal
does: what was being sent at a kill is never sent again and always told. The second takes one id a
single time, as Matrix and Delta Chat do: there everything is sent, and nobody need be told. (The
real ones have kills of their own: `tests/proof/test_sending_real.py`.)
"""

import asyncio
import collections
import contextlib
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from intake_server.courier.outbound import Reason
from tests.intake_server.courier.stage import Stage
from tests.intake_server.courier.test_process import QUIET, SETTINGS, courier, person
from vault import outbox

KILLS = int(os.environ.get("HAVENLINE_SEND_KILLS", "2000"))
SEED = int(os.environ.get("HAVENLINE_PROOF_SEED", "20"))
PEOPLE = ("kim", "jo", "lou", "sam")
MOST = 3  # replies to different people between two kills
STEPS = ("waiting", "is_next", "unwrap", "address", "open", "note", "send", "sent")
PATIENCE = 200.0  # seconds; a reply that found no network is tried again in the next minute
DRAINED = 40  # kills
EVERY_MOMENT = 500  # kills after which each moment has come
TWICE = {"note", "memo"}  # steps that each reply goes through before it is sent, and after
LONGEST = 60  # milliseconds in which what waits is sent
UNKNOWN = {("after", "note", 1), ("before", "send", 1), ("after", "send", 1), ("before", "note", 2)}
"""After these, with a single reply, nobody knows whether the network took it."""


@dataclass
class Played:
    """What was written, by whose and in order, and the moments of the kills."""

    written: dict[str, list[bytes]] = field(default_factory=lambda: {name: [] for name in PEOPLE})
    moments: collections.Counter = field(default_factory=collections.Counter)


class Lives:
    """Couriers, one after the other, each killed at the moment that a line names."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child
        self._last: int | None = None

    async def begin(self, when: str, name: str, nth: int) -> int:
        """Start one; its process id."""
        self._child.stdin.write(f"{when} {name} {nth}\n".encode())
        self._last = await self._number()
        return self._last

    async def end(self) -> int:
        """Wait for its end; how it came."""
        status = await self._number()
        self._last = None
        return status

    async def close(self) -> None:
        """End also the one that is still there."""
        if self._last is not None:
            os.kill(self._last, signal.SIGKILL)
        self._child.stdin.close()
        await self._child.wait()

    async def _number(self) -> int:
        async with asyncio.timeout(PATIENCE):
            return int(await self._child.stdout.readline())


@contextlib.asynccontextmanager
async def lives(stage, *options: str, settings: str = SETTINGS):
    (stage.folder / "havenline.toml").write_text(settings)
    (stage.folder / "courier" / "answers.json").write_text(QUIET)
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.proof.killed_sending", str(stage.folder)),
        *options,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    each = Lives(child)
    try:
        yield each
    finally:
        await each.close()


@pytest.fixture
async def stage(short_dir):
    stage = Stage(short_dir, screening="off")
    await stage.raise_curtain()
    await stage.set_up()
    yield stage
    await stage.fall()


async def everybody_met(stage):
    """Each person's row, of an earlier courier's time."""
    async with courier(stage) as child, person(stage) as line:
        for name in PEOPLE:
            line.tell(**{"as": name, "say": f"I am {name}", "id": name})
            assert await line.hear() == {"acknowledged": name}
        child.terminate()
        async with asyncio.timeout(60):
            assert await child.wait() == 0
    rows = {}
    for row in await stage.rows():
        (text,) = await stage.texts(row)
        rows[text.removeprefix("I am ")] = row
    return rows


def moment(
    drawn, replies: int, steps: Sequence[str] = STEPS, longest: int = LONGEST, *, unknown=False
) -> tuple[str, str, int]:
    """One that comes for certain: each of `replies` goes through every step."""
    if drawn.random() < 0.2:
        return "within", "sending", drawn.randint(0, longest)
    if unknown and drawn.random() < 0.5:
        return drawn.choice(("before", "after")), "failed", 1
    name = drawn.choice(steps)
    most = 2 * replies if name in TWICE else replies
    return drawn.choice(("before", "after")), name, drawn.randint(1, most)


async def play(stage, rows, each, kills: int, *, once: bool) -> Played:
    drawn, played, unknown = random.Random(SEED), Played(), False
    for number in range(kills):
        people = drawn.sample(PEOPLE, drawn.randint(1, MOST))
        for name in people:
            text = f"{len(played.written[name])}"
            played.written[name].append(await stage.answer(rows[name], text))
        at = moment(drawn, len(people), unknown=unknown)
        await each.begin(*at)
        try:
            status = await each.end()
        except TimeoutError:
            raise AssertionError(
                f"kill {number} did not come: {at}, {len(people)} replies"
            ) from None
        assert status == -signal.SIGKILL
        # What an earlier kill left may go first, and then another one is left in the middle.
        unknown = not once and not unknown and len(people) == 1 and at in UNKNOWN
        played.moments[at[:2]] += 1
        if number % DRAINED == 0:
            await drain(stage, rows, each)
            unknown = False
    return played


async def waits(stage, row) -> bool:
    standings = await stage.database.read(lambda c: outbox.state_of(c, row.id))
    return any(one.state == "waiting" for one in standings)


async def drain(stage, rows, each, patience: float = 60) -> None:
    """A courier that is left alone until nothing waits: what kills left is not to pile up."""
    spared = await each.begin("never", "-", 0)
    try:
        for row in rows.values():
            async with asyncio.timeout(patience):
                while await waits(stage, row):  # noqa: ASYNC110 - it is in a database
                    await asyncio.sleep(0.05)
    finally:
        os.kill(spared, signal.SIGKILL)
    await each.end()


async def ended(stage, rows, each, played: Played) -> dict[bytes, tuple]:
    """What became of each in the end: a last courier is left alone until nothing waits."""
    last = await each.begin("never", "-", 0)
    standing = {}
    try:
        for name, messages in played.written.items():
            for message in messages:
                standing[message] = await stage.ended(rows[name], message)
    finally:
        os.kill(last, signal.SIGKILL)
    await each.end()
    return standing


def taken_by_the_network(stage) -> dict[str, list[tuple[bytes, str]]]:
    """What each person was sent, in order: ids and texts."""
    taken = {name: [] for name in PEOPLE}
    for line in (stage.folder / "taken").read_text().splitlines():
        message, address, text = line.split(" ", 2)
        taken[address].append((bytes.fromhex(message), text))
    return taken


def compare(stage, played: Played, standing, *, once: bool) -> collections.Counter:
    """Nothing lost, nothing doubled, nothing to anybody else, everything in its order."""
    taken = taken_by_the_network(stage)
    sent, uncertain = ("sent", None), ("failed", Reason.UNCERTAIN)
    for name, messages in played.written.items():
        went = [message for message, _ in taken[name]]
        assert len(went) == len(set(went))  # nothing twice
        assert went == [message for message in messages if message in set(went)]  # in order
        assert all(messages[int(text)] == message for message, text in taken[name])
        for message in messages:
            # Sent, and then it was; or a counsellor is told that nobody knows. Never neither.
            assert standing[message] == sent or (standing[message] == uncertain and not once)
            assert standing[message] != sent or message in went
    return collections.Counter(state for state, _ in standing.values())


async def run(stage, kills: int, *, once: bool) -> None:
    began = time.monotonic()
    rows = await everybody_met(stage)
    async with lives(stage, *(["--once"] if once else [])) as each:
        played = await play(stage, rows, each, kills, once=once)
        standing = await ended(stage, rows, each, played)
    ends = compare(stage, played, standing, once=once)
    assert ends["sent"] > 0
    if not once:
        assert ends["failed"] > 0
    if kills >= EVERY_MOMENT:
        assert len(played.moments) == 2 * len(STEPS) + (1 if once else 3)
    sys.stdout.write(
        f"{kills} kills at {len(played.moments)} places, {len(standing)} replies: {dict(ends)}, "
        f"none lost, none doubled, {time.monotonic() - began:.0f} s\n"
    )


@pytest.mark.proof
@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("once", [False, True], ids=["forgets what it took", "takes an id once"])
async def test_kills_around_sending_lose_nothing_and_double_nothing(stage, once):
    await run(stage, KILLS, once=once)


async def test_that_the_comparison_can_fail(stage):
    """A reply that was taken twice, one that is lost, one that somebody else heard."""
    kim, jo = random.Random(SEED).randbytes(16), random.Random(SEED + 1).randbytes(16)
    played = Played({"kim": [kim], "jo": [jo], "lou": [], "sam": []})
    right = [f"{kim.hex()} kim 0", f"{jo.hex()} jo 0"]
    good = dict.fromkeys((kim, jo), ("sent", None))
    file = stage.folder / "taken"
    file.write_text("\n".join(right))
    assert compare(stage, played, good, once=True)["sent"] == 2
    crossed = [f"{kim.hex()} jo 0", f"{jo.hex()} kim 0"]
    for wrong in ([*right, right[0]], right[:1], crossed):
        file.write_text("\n".join(wrong))
        with pytest.raises((AssertionError, IndexError)):
            compare(stage, played, good, once=True)
    file.write_text("\n".join(right))
    with pytest.raises(AssertionError):
        compare(stage, played, good | {jo: ("waiting", None)}, once=False)
