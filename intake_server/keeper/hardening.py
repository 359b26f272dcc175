"""What the keeper asks of the operating system before it opens anything."""

from __future__ import annotations

import ctypes
import os
import resource
import stat
from pathlib import Path
from typing import Final

_PR_SET_DUMPABLE: Final = 4  # <linux/prctl.h>
_PRIVATE: Final = 0o077
_WRITABLE: Final = 0o022
_FOLDER_MODE: Final = 0o700


class OpenToOthers(Exception):
    """A folder of the keeper's can be reached by others."""


def harden_process() -> None:
    """No core dumps, no tracing by processes of the same user, files for the owner alone.

    The shred keys that pass through memory must not end up in a core file or under a debugger.
    The standard library has no call for `prctl`, hence ctypes (prctl(2), PR_SET_DUMPABLE).
    """
    os.umask(_PRIVATE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE) was refused")


def private_folder(path: Path) -> Path:
    """Make the folder if it is not there; raises OpenToOthers unless it is the owner's alone."""
    status = _made(path)
    if stat.S_IMODE(status.st_mode) & _PRIVATE:
        raise OpenToOthers(
            f"{path} can be reached by other users of this machine. Run: chmod 700 {path}"
        )
    if status.st_uid != os.getuid():
        raise OpenToOthers(
            f"{path} belongs to another user. Run as root: chown -R {os.getuid()} {path}"
        )
    return path


def shared_folder(path: Path) -> Path:
    """The same for a folder that other users may enter; raises OpenToOthers if they may write."""
    if stat.S_IMODE(_made(path).st_mode) & _WRITABLE:
        raise OpenToOthers(f"{path} can be changed by other users. Run: chmod go-w {path}")
    return path


def _made(path: Path) -> os.stat_result:
    path.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    return path.stat()
