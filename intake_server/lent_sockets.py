"""Listening sockets that another process holds open for the courier, across its restarts.

Signal's server posts an event once and waits for the answer. While the courier starts anew the
kernel keeps that connection in the socket's queue, as long as somebody holds the socket open:
under systemd a socket unit (sd_listen_fds(3)), under `havenline up` the supervisor.
"""

import contextlib
import os
import socket
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

SIGNAL_WEBHOOK: Final = "signal-webhook"
LOCAL: Final = "127.0.0.1"
FROM_SUPERVISOR: Final = "HAVENLINE_SOCKETS"
_FIRST: Final = 3  # sd_listen_fds(3): the first of the sockets that systemd hands over

Lent = Mapping[str, int]
"""File descriptors by the name of what comes in there."""


def lent_to(environment: Mapping[str, str], pid: int) -> Lent:
    """Return what whoever started this process (`pid`) lends to it; a wrong word lends nothing."""
    try:
        if FROM_SUPERVISOR in environment:
            return msgspec.json.decode(environment[FROM_SUPERVISOR], type=dict[str, int])
        if int(environment.get("LISTEN_PID", "0")) == pid:
            names = environment.get("LISTEN_FDNAMES", "").split(":")
            count = int(environment.get("LISTEN_FDS", "0"))
            return {name: _FIRST + at for at, name in enumerate(names[:count])}
    except ValueError:  # msgspec's DecodeError is one
        pass
    return {}


def borrowed(file: int) -> socket.socket:
    """Return a socket of one's own for a lent one, which stays open when this one is closed.

    Raises OSError where it is none.
    """
    return socket.socket(fileno=os.dup(file))  # a duplicate is not inherited by children


@contextlib.contextmanager
def held_open(ports: Mapping[str, int]) -> Iterator[Lent]:
    """Listen on these ports of this machine alone; what cannot be opened is left out.

    The courier then tries it by itself and says why it cannot.
    """
    with contextlib.ExitStack() as stack:
        lent = dict[str, int]()
        for name, port in ports.items():
            with contextlib.suppress(OSError):
                listener = stack.enter_context(socket.create_server((LOCAL, port)))
                lent[name] = listener.fileno()
        yield lent


def as_told(lent: Lent) -> dict[str, str]:
    """Return what is put into the environment of a process to which these are lent."""
    return {FROM_SUPERVISOR: msgspec.json.encode(dict(lent)).decode()} if lent else {}
