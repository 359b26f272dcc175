"""Couriers for the proof, each a process of its own that need not import everything anew.

`python -m tests.proof.nursery --data DIR [--config FILE]`: for each line on standard input one
courier is forked and its process id written; it is then killed, by kill -9, by who asked. Imported
is everything once, before; keys, sockets and database are opened in the child alone.
"""

import gc
import os
import signal
import sys

from intake_server.courier.__main__ import serving
from intake_server.process import run_process


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the killed
    gc.freeze()
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os._exit(run_process("courier", serving, sys.argv[1:]))
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
