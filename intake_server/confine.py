"""What each supervised process does to itself before anything else: no core dump, no orphan.

`python -m intake_server.confine PARENT MODULE ARGUMENTS…` runs the package MODULE as `python -m`
would, in this same process, after making sure that

- what it writes is for nobody but its owner (umask 0077);
- it dies when the process PARENT dies, even by SIGKILL (prctl(2), PR_SET_PDEATHSIG);
- its memory never reaches a core dump. RLIMIT_CORE alone does not hold where the kernel pipes
  dumps to a program (core(5)); a process that is not dumpable gives none to anybody, and cannot
  be traced by other programs of the same user (PR_SET_DUMPABLE).

It reads a line from standard input before it runs anything, and ends where none comes. Until then
it imports: that opens nothing, takes most of a start, and so is done while the parent still finds
out whether everything may start.
"""

import ctypes
import gc
import importlib
import os
import resource
import runpy
import signal
import stat
import sys

_PR_SET_PDEATHSIG = 1
_PR_GET_DUMPABLE = 3
_PR_SET_DUMPABLE = 4


def forbid_core_dumps() -> bool:
    """Make this process give no core dump, and tell whether the kernel agreed."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    return bool(libc.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) == 0)


def die_with(parent: int) -> None:
    """Have the kernel kill this process when `parent`, which started it, is gone."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel was asked
        os.kill(os.getpid(), signal.SIGKILL)


def main(arguments: list[str]) -> None:
    """Run a module after confining this process; see the module's docstring."""
    parent, module = int(arguments[0]), arguments[1]
    die_with(parent)
    forbid_core_dumps()
    os.umask(stat.S_IRWXG | stat.S_IRWXO)
    sys.argv = [module, *arguments[2:]]
    # What is imported stays: looking for garbage meanwhile takes a tenth of the start.
    gc.disable()
    importlib.import_module(f"{module}.__main__")
    del sys.modules[f"{module}.__main__"]
    gc.freeze()
    gc.enable()
    if not sys.stdin.readline():
        return
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
