"""Couriers that kill themselves, one after the other: `python -m … DATA`, a line for each.

A line says `WHEN NAME NTH`: before or after the NTH call of NAME. Each courier is a fork of this
process, which has imported everything and opened nothing; its exit status is the answer. What the
network took is appended to the file `taken` in the folder: loopback forgets with its process.
"""

import os
import signal
import sys
from pathlib import Path

from bots.loopback import Loopback
from intake_server.courier.__main__ import serving
from intake_server.courier.sent import SentFile
from intake_server.courier.work import Work
from intake_server.process import run_process

CALLS = {"send": (Loopback, "send"), "note": (SentFile, "note"), "sent": (Work, "sent")}


def kill_around(when: str, owner: type, name: str, nth: int) -> None:
    real, left = getattr(owner, name), [nth]

    def is_time(moment: str) -> bool:
        return when == moment and left[0] == 0

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    async def killed(self, *arguments):
        left[0] -= 1
        if is_time("before"):
            die()
        result = await real(self, *arguments)
        if is_time("after"):
            die()
        return result

    def killed_at_once(self, *arguments):
        left[0] -= 1
        if is_time("before"):
            die()
        real(self, *arguments)
        if is_time("after"):
            die()

    setattr(owner, name, killed_at_once if owner is SentFile else killed)


def remember(folder: Path) -> None:
    """Have the network write down what it takes."""
    real = Loopback.send

    async def send(self, address, text, message_id):
        sent = await real(self, address, text, message_id)
        with (folder / "taken").open("a") as file:
            file.write(message_id.hex() + "\n")
        return sent

    Loopback.send = send


def one_life(folder: Path, line: str) -> int:
    remember(folder)
    when, name, nth = line.split()
    kill_around(when, *CALLS[name], int(nth))
    return run_process("courier", serving, ["--data", str(folder)])


def main() -> None:
    folder = Path(sys.argv[1])
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(one_life(folder, line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
