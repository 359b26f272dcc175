"""Couriers that kill themselves, one after the other: `python -m … DATA`, a line for each.

A line says `WHEN NAME NTH`: before or after the NTH call of NAME, a step of sending; or `within
sending N`: N milliseconds after the first look into the outbox, wherever that is; or `never - 0`.
Each courier is a fork of this process, which has imported everything and opened nothing. Written
are its process id and, when it has ended, its exit status.

What the network takes is appended to the file `taken` in the folder, as loopback forgets with its
process: message id, address and text. With `--once` the network is one that drops an id it has
taken before, as Matrix and Delta Chat do, and says so. With `--matrix` or `--deltachat` the channel
is that one with its own network, and there are more steps.
"""

import asyncio
import contextlib
import itertools
import os
import signal
import sys
import threading
from pathlib import Path

from bots.channel import Sent
from bots.deltachat.channel import DeltaChat
from bots.deltachat.sending import Sending
from bots.loopback import Loopback
from bots.matrix.channel import MatrixChannel
from bots.matrix.client import Client
from intake_server.courier import outbound
from intake_server.courier.__main__ import serving
from intake_server.courier.sent import SentFile
from intake_server.courier.work import Work
from intake_server.process import run_process
from vault.keeper_client import CourierKeeper

JOINING = 30.0  # seconds
STEPS = {
    "waiting": (Work, "waiting"),
    "is_next": (Work, "is_next"),
    "unwrap": (CourierKeeper, "unwrap_outbox"),
    "address": (Work, "address_of"),
    "open": (CourierKeeper, "open_address"),
    "note": (SentFile, "note"),
    "send": (Loopback, "send"),
    "sent": (Work, "sent"),
    "failed": (Work, "failed"),
}
"""What sending one reply calls, in this order; `note` twice, around `send`; `failed` where nobody
knows what became of it."""

MATRIX = STEPS | {"send": (MatrixChannel, "send"), "post": (Client, "post")}
DELTACHAT = STEPS | {
    "send": (DeltaChat, "send"),
    "draft": (Sending, "_draft"),
    "go": (Sending, "_go"),
    "taken": (Sending, "_taken"),
    "memo": (Sending, "_note"),
}
"""`memo` twice: of the draft, and of what was taken."""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_around(when: str, owner: type, name: str, nth: int) -> None:
    real, calls, ends = getattr(owner, name), itertools.count(1), itertools.count(1)

    async def killed(self, *arguments, **named):
        # Several calls may be under way, and one that failed is made again.
        if (when, next(calls)) == ("before", nth):
            die()
        result = await real(self, *arguments, **named)
        if (when, next(ends)) == ("after", nth):
            die()
        return result

    def killed_at_once(self, *arguments):
        if (when, next(calls)) == ("before", nth):
            die()
        real(self, *arguments)
        if (when, next(ends)) == ("after", nth):
            die()

    setattr(owner, name, killed_at_once if owner is SentFile else killed)


def kill_within(milliseconds: int) -> None:
    """From the first look into the outbox on, the end is near."""
    real = Work.waiting
    timer = threading.Timer(milliseconds / 1000, die)
    timer.daemon = True

    async def waiting(self, limit):
        if not timer.is_alive():
            timer.start()
        return await real(self, limit)

    Work.waiting = waiting


def remember(folder: Path, *, once: bool) -> None:
    """Have the network write down what it takes; with `once`, each id a single time."""
    real, file = Loopback.send, folder / "taken"
    file.touch()

    async def send(self, address, text, message_id):
        if once and message_id.hex() in file.read_text():
            return Sent(message_id.hex())
        sent = await real(self, address, text, message_id)
        with file.open("a") as taken:
            taken.write(f"{message_id.hex()} {address} {text}\n")
        return sent

    Loopback.send = send
    Loopback.sends_once = once


def once_connected(channel: type) -> None:
    """Have replies wait while a new courier joins the network, not until the next minute."""
    real = channel.send

    async def send(self, address, text, message_id):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(JOINING):
                while not self.health().connected:  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.05)
        return await real(self, address, text, message_id)

    channel.send = send


def one_life(folder: Path, line: str, options: list[str]) -> int:
    steps = STEPS
    if "--matrix" in options:
        steps = MATRIX
        once_connected(MatrixChannel)
    elif "--deltachat" in options:
        steps = DELTACHAT
        once_connected(DeltaChat)
    else:
        remember(folder, once="--once" in options)
    when, name, nth = line.split()
    if when == "within":
        kill_within(int(nth))
    elif when != "never":
        kill_around(when, *steps[name], int(nth))
    return run_process("courier", serving, ["--data", str(folder)])


def main() -> None:
    outbound.PACE = (
        0.0  # what a kill left goes at once, or each life would end before it came to it
    )
    folder, options = Path(sys.argv[1]), sys.argv[2:]
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(one_life(folder, line, options))
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
