"""A caretaker process that kills itself at one step: `python -m … STEP --data DIR`."""

import os
import signal
import sys
from functools import partial

from intake_server.caretaker.__main__ import serving
from intake_server.caretaker.forgetting import Step
from intake_server.process import run_process


def kill_at(wanted: str):
    def crash(step: Step) -> None:
        if step == wanted:
            os.kill(os.getpid(), signal.SIGKILL)

    return crash


if __name__ == "__main__":
    crash_at = kill_at(sys.argv[1])
    sys.exit(run_process("caretaker", partial(serving, crash_at=crash_at), sys.argv[2:]))
