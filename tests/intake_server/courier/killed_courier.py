"""A courier process that kills itself around one call: `python -m … WHEN NAME --data DIR`."""

import os
import signal
import sys

from bots.loopback import Loopback
from intake_server.courier.__main__ import serving
from intake_server.courier.work import Work
from intake_server.process import run_process

CALLS = {
    "store_first": (Work, "store_first"),
    "send": (Loopback, "send"),
    "sent": (Work, "sent"),
    "arrive": (Work, "arrive"),
    "store_further": (Work, "store_further"),
    "send_attachment": (Loopback, "send_attachment"),
}


def kill_around(when: str, owner: type, name: str) -> None:
    real = getattr(owner, name)

    async def killed(self, *arguments):
        if when == "after":
            await real(self, *arguments)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, killed)


if __name__ == "__main__":
    kill_around(sys.argv[1], *CALLS[sys.argv[2]])
    sys.exit(run_process("courier", serving, sys.argv[3:]))
