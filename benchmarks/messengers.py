"""Messengers: how long a message takes to the desk, and what the courier weighs with three of them.

`python benchmarks/messengers.py [--seconds N] [--rate N]` starts a throw-away installation, a
Synapse, a mail server and a stand-in for Signal's server, adds all three channels as an operator
does, and measures

- Signal: so many messages a second of forty people, by websocket and webhook at once; for each,
  the time from the server's having it to its being committed where every desk looks for changes;
- Matrix and Delta Chat: one message after the other, from the app's "send", with the app's own
  encryption and the network's servers, all on this machine;
- the courier's memory (PSS) with all three, and with the programs that messengers bring.

What is measured shares the machine with what measures. It needs the packages of the tests.
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import defaultdict, deque
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.memory import memory_of, told  # noqa: E402  # the path comes first
from benchmarks.parts.hotline import Hotline, a_hotline, free_port  # noqa: E402  # as above
from benchmarks.parts.load import quantile  # noqa: E402  # as above
from intake_server.courier.channels import webhook_path  # noqa: E402  # as above
from intake_server.courier.own_keys import OwnKeys  # noqa: E402  # as above
from intake_server.seed import own_seed  # noqa: E402  # as above
from tests.bots.deltachat.post import MailServer  # noqa: E402  # as above
from tests.bots.deltachat.post import Phone as DeltaPhone  # noqa: E402  # as above
from tests.bots.matrix.homeserver import PASSWORD, Homeserver  # noqa: E402  # as above
from tests.bots.matrix.phone import Phone as MatrixPhone  # noqa: E402  # as above
from tests.bots.signal.stand_in import ACCOUNT, StandIn  # noqa: E402  # as above
from tests.bots.whole import havenline  # noqa: E402  # as above

PEOPLE = 40
RATE = 20  # messages a second
SECONDS = 30.0
ONE_BY_ONE = 20
LOOK_EVERY = 0.005
MOST_WAIT = 2.0  # seconds, of ninety-nine in a hundred
MOST_MEMORY = 150.0  # MB
PATIENCE = 120.0
ENGLISH = '[screening]\nlanguages = ["en"]\n'
CHANGES = "SELECT number, conversation, what FROM changes WHERE number > ? ORDER BY number"
WANTED = ("new", "message")


class Desk:
    """What every desk sees: the changes, looked at in the database, with the moment."""

    def __init__(self, database: Path) -> None:
        self._raw = sqlite3.connect(f"file:{database}?mode=ro", uri=True, isolation_level=None)
        self._last = self._raw.execute("SELECT coalesce(max(number), 0) FROM changes").fetchone()[0]
        self._seen: asyncio.Queue[tuple[bytes, float]] = asyncio.Queue()

    async def follow(self) -> None:
        while True:
            for number, conversation, what in self._raw.execute(CHANGES, (self._last,)).fetchall():
                self._last = number
                if what in WANTED:
                    self._seen.put_nowait((conversation, time.perf_counter()))
            await asyncio.sleep(LOOK_EVERY)

    async def next(self) -> tuple[bytes, float]:
        """The next message: in which conversation, and when it was there."""
        async with asyncio.timeout(PATIENCE):
            return await self._seen.get()


# --- channels, as an operator adds them -------------------------------------------------------


async def added(hotline: Hotline, *arguments: str) -> None:
    code, _, wrong = await havenline("channels", "add", *arguments, data=hotline.folder)
    if code:
        raise SystemExit(f"cannot be added: {wrong}")


async def add_all(hotline: Hotline, signal: StandIn, matrix: Homeserver, mail: MailServer) -> str:
    """Add the three; the Matrix account's name."""
    secret = hotline.folder / "secret"
    user = await matrix.new_person()
    secret.write_text(f"{PASSWORD}\n")
    where = ("--homeserver", matrix.url, "--user", user)
    await added(hotline, "matrix", *where, "--password-file", str(secret))
    secret.write_text("pw\n")
    ports = ("--imap-port", str(mail.imap), "--smtp-port", str(mail.smtp))
    hosts = ("--imap-host", "127.0.0.1", "--smtp-host", "127.0.0.1", "--security", "plain")
    address = ("--address", "bench@hotline.test", "--password-file", str(secret))
    await added(hotline, "deltachat", *address, *hosts, *ports)
    secret.unlink()
    port = free_port()
    with (hotline.folder / "havenline.toml").open("a") as settings:
        settings.write(
            f'\n[channels.signal]\nenabled = true\nurl = "{signal.url}"\nnumber = "{ACCOUNT}"\n'
            f"webhook_port = {port}\n"
        )
    keys = OwnKeys.of(own_seed(hotline.folder / "courier" / "seed"))
    signal.webhook = f"http://127.0.0.1:{port}{webhook_path(keys)}"
    return f"@{user}:hotline.test"


# --- measuring --------------------------------------------------------------------------------


async def over_signal(desk: Desk, signal: StandIn, rate: int, seconds: float) -> list[float]:
    """So many messages a second of people who have written before; the waits in seconds."""
    people, sent = {}, defaultdict(deque)
    for _ in range(PEOPLE):
        somebody = signal.somebody()
        signal.say(somebody, "hello")
        people[(await desk.next())[0]] = somebody
    everybody, waits, wanted = list(people.items()), [], int(rate * seconds)

    async def look() -> None:
        while len(waits) < wanted:
            conversation, at = await desk.next()
            waits.append(at - sent[conversation].popleft())

    looking = asyncio.create_task(look())
    start = time.perf_counter()
    for number in range(wanted):
        await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
        conversation, somebody = everybody[number % PEOPLE]
        sent[conversation].append(time.perf_counter())
        signal.say(somebody, f"my boss took my passport, {number}")
    await looking
    return waits


async def one_by_one(desk: Desk, person) -> list[float]:
    """One message after the other, the first of them not counted."""
    await person.say("hello")
    await desk.next()
    waits = []
    for number in range(ONE_BY_ONE):
        since = time.perf_counter()
        await person.say(f"my boss took my passport, {number}")
        waits.append((await desk.next())[1] - since)
    return waits


def children_of(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def print_waits(what: str, waits: list[float]) -> None:
    shown = "".join(f"{quantile(waits, share) * 1000:10,.0f}" for share in (0.5, 0.9, 0.99, 1.0))
    print(f"{what:44}{len(waits):>8,}{shown}")


async def measure(rate: int, seconds: float) -> None:
    folder = Path(tempfile.mkdtemp(prefix="hl"))
    signal, matrix = StandIn(), Homeserver()
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        await signal.start()
        stack.push_async_callback(signal.stop)
        matrix.start()
        stack.callback(matrix.stop)
        mail = await MailServer().open()
        stack.push_async_callback(mail.close)
        hotline = await stack.enter_async_context(a_hotline("caretaker", more=ENGLISH))
        account = await add_all(hotline, signal, matrix, mail)
        await hotline.begin("courier")
        desk = Desk(hotline.database)
        looking = asyncio.create_task(desk.follow())
        stack.callback(looking.cancel)
        print(f"{'milliseconds':44}{'number':>8}{'p50':>10}{'p90':>10}{'p99':>10}{'most':>10}")

        waits = await over_signal(desk, signal, rate, seconds)
        print_waits(f"Signal, {rate} a second, to the desk", waits)
        phone = await MatrixPhone(matrix, account).sign_in(await matrix.new_person())
        stack.push_async_callback(phone.sign_out)
        print_waits("Matrix, from the app, one by one", await one_by_one(desk, phone))
        delta = await DeltaPhone().open(mail, folder)
        stack.push_async_callback(delta.close)
        person = await delta.person()
        await person.scan((hotline.folder / "courier/deltachat/invite.txt").read_text().strip())
        print_waits("Delta Chat, from the app, one by one", await one_by_one(desk, person))

        courier = hotline.pids["courier"]
        size, is_shared = memory_of(courier)
        others = sum(memory_of(child)[0] for child in children_of(courier))
        kind = "PSS" if is_shared else "RSS"
        print(
            f"\ncourier with three channels ({kind}): {size:.0f} MB, programs of messengers "
            f"{others:.0f} MB"
        )
        print(f"p99 over Signal below {MOST_WAIT:.0f} s: {told(quantile(waits, 0.99) < MOST_WAIT)}")
        print(f"courier below {MOST_MEMORY:.0f} MB: {told(size < MOST_MEMORY)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--rate", type=int, default=RATE)
    given = parser.parse_args()
    os.umask(0o077)
    asyncio.run(measure(given.rate, given.seconds))


if __name__ == "__main__":
    main()
