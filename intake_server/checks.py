"""Settings of the machine and the installation under which Havenline must not run, explained.

`havenline up` refuses the dangerous ones; `havenline check` prints all of them. What the machine
says is read once into a `Machine`; the checks are told it and ask nothing else, except who may
read the data folder.
"""

import os
import sqlite3
import stat
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from intake_server.confine import forbid_core_dumps
from intake_server.installation import SETTINGS_FILES
from intake_server.settings import Settings

# sockaddr_un.sun_path is 108 bytes with its closing zero (unix(7)).
LONGEST_SOCKET_PATH = 107
# The longest name that any process gives a socket in the run folder.
LONGEST_SOCKET_NAME = "caretaker-operator.sock"

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_PASSING = stat.S_IXGRP | stat.S_IXOTH
_NAMED = 5  # so many files are named; more would hide the sentence that says what to do
# Programs to which a kernel may pipe dumps and which keep nothing of them.
_SINKS = frozenset({"/bin/false", "/bin/true", "/usr/bin/false", "/usr/bin/true"})


@dataclass(frozen=True)
class Unsafe:
    """One unsafe setting: `what` is the matter and `remedy` is what to do, each in sentences.

    `dangerous` ones keep `havenline up` from starting.
    """

    name: str
    dangerous: bool
    what: str
    remedy: str


@dataclass(frozen=True)
class Machine:
    """What this machine and this interpreter say about themselves."""

    swaps: tuple[str, ...]  # active swap areas that lie on a disk
    core_pattern: str  # /proc/sys/kernel/core_pattern, core(5)
    undumpable: bool  # the kernel lets a process refuse core dumps
    debug: tuple[str, ...]  # switches that turn on debugging
    secure_delete: bool  # this SQLite overwrites what it deletes


def read_machine(
    environment: Mapping[str, str],
    *,
    proc: Path = Path("/proc"),
    blocks: Path = Path("/sys/block"),
) -> Machine:
    """Ask the machine, and make this process give no core dump from here on."""
    return Machine(
        swaps=tuple(_disk_swaps(proc / "swaps", blocks)),
        core_pattern=_first_line(proc / "sys/kernel/core_pattern"),
        undumpable=forbid_core_dumps(),
        debug=tuple(_debug_switches(environment)),
        secure_delete=_secure_delete(),
    )


def check(settings: Settings, machine: Machine) -> list[Unsafe]:
    """Return everything unsafe, the dangerous first; empty when there is nothing."""
    found = [
        *_exposed(settings),
        *_socket_paths(settings.data.run_dir),
        *_debugging(machine),
        *_sqlite(settings, machine),
        *_swap(settings, machine),
        *_core_dumps(settings, machine),
        *_demonstration(settings),
        *_plain_http(settings),
    ]
    return sorted(found, key=lambda each: not each.dangerous)


def _exposed(settings: Settings) -> Iterator[Unsafe]:
    folder = settings.data.folder
    passage = (folder, settings.data.run_dir) if settings.keeper.is_user_each else ()
    open_paths = sorted(_readable_by_others(folder, passage))
    if not open_paths:
        return
    named = ", ".join(str(path) for path in open_paths[:_NAMED])
    more = f" and {len(open_paths) - _NAMED} more" if len(open_paths) > _NAMED else ""
    yield Unsafe(
        "exposed_files",
        dangerous=True,
        what=f"Other users of this machine can reach keys or data: {named}{more}.",
        remedy=(
            "Give each folder the owner and mode that tmpfiles.conf of the systemd units names: "
            "systemd-tmpfiles --create"
            if passage
            else f"Take their rights away: chmod -R go= {folder}"
        ),
    )


def _readable_by_others(folder: Path, passage: Collection[Path]) -> Iterator[Path]:
    """Yield what other users may read or write.

    Sockets are left out, as peers may have a group, and the settings, which hold no secret.
    Others may pass through the folders in `passage`. Where each process has a user of its own,
    the group may use what lies in a folder with the set-group-ID bit.
    """
    for path in (folder, *folder.rglob("*")):
        try:
            found = path.stat() if path == folder else path.lstat()
        except OSError:  # gone meanwhile, or not there yet
            continue
        if stat.S_ISSOCK(found.st_mode) or stat.S_ISLNK(found.st_mode):
            continue
        if path != folder and path.relative_to(folder).parts[0] in SETTINGS_FILES:
            continue
        foreign = os.geteuid() != 0 and found.st_uid not in (os.geteuid(), 0)
        allowed = _PASSING if path in passage else 0
        if passage and _is_shared(path if stat.S_ISDIR(found.st_mode) else path.parent):
            allowed |= stat.S_IRWXG
        if found.st_mode & _OTHERS & ~allowed or foreign:
            yield path


def _is_shared(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_ISGID)


def _socket_paths(run: Path) -> Iterator[Unsafe]:
    length = len(os.fsencode(run / LONGEST_SOCKET_NAME))
    if length > LONGEST_SOCKET_PATH:
        yield Unsafe(
            "long_path",
            dangerous=True,
            what=(
                f"The path of the data folder is {length - LONGEST_SOCKET_PATH} characters too "
                f"long: the processes meet at sockets in {run}, and the path of a socket may "
                f"have at most {LONGEST_SOCKET_PATH} characters."
            ),
            remedy="Choose a shorter folder with --data, such as /srv/havenline.",
        )


def _debugging(machine: Machine) -> Iterator[Unsafe]:
    if machine.debug:
        yield Unsafe(
            "debugging",
            dangerous=True,
            what=(
                f"Debugging is on ({', '.join(machine.debug)}). Then Python and aiohttp print "
                "values, which may be what somebody wrote."
            ),
            remedy="Start without it: unset the variable, leave out -X dev.",
        )


def _sqlite(settings: Settings, machine: Machine) -> Iterator[Unsafe]:
    if settings.data.database_url.startswith("sqlite") and not machine.secure_delete:
        yield Unsafe(
            "secure_delete",
            dangerous=True,
            what="This SQLite does not overwrite what it deletes (secure_delete stays off).",
            remedy="Use the SQLite that comes with your distribution, or build one that allows it.",
        )


def _swap(settings: Settings, machine: Machine) -> Iterator[Unsafe]:
    if machine.swaps:
        yield Unsafe(
            "swap",
            dangerous=not settings.safety.allow_swap,
            what=(
                f"Swap is active ({', '.join(machine.swaps)}). Keys and texts in memory could be "
                "written to the disk and stay there after they are forgotten."
            ),
            remedy=(
                "Turn it off: swapoff -a, and take it out of /etc/fstab. If it is encrypted with "
                "a key made anew at each start, or this is only a trial, start with --allow-swap "
                "(make run FLAGS=--allow-swap) or set safety.allow_swap."
            ),
        )


def _core_dumps(settings: Settings, machine: Machine) -> Iterator[Unsafe]:
    if machine.undumpable:
        return
    pattern = machine.core_pattern
    piped = pattern.startswith(("|", "@"))
    if not piped or pattern[1:].strip() in _SINKS:
        return  # RLIMIT_CORE is 0 in every process; only a pipe ignores it
    yield Unsafe(
        "core_dumps",
        dangerous=not settings.safety.allow_core_dumps,
        what=(
            "The kernel hands the memory of a crashed process to a program "
            f"({pattern}), whatever limit is set. Keys and texts could be kept there."
        ),
        remedy=(
            "Turn it off: sysctl -w kernel.core_pattern='|/bin/false', and write that into "
            "/etc/sysctl.d/. If this is only a trial, start with --allow-core-dumps or set "
            "safety.allow_core_dumps."
        ),
    )


def _demonstration(settings: Settings) -> Iterator[Unsafe]:
    if settings.channels.loopback.enabled:
        yield Unsafe(
            "loopback",
            dangerous=False,
            what="The channel for tests and demonstration is on (channels.loopback).",
            remedy="Fine for a trial. On a live hotline, take it out of the settings.",
        )


def _plain_http(settings: Settings) -> Iterator[Unsafe]:
    listeners = {"web": settings.web.host, "desk": settings.desk.host}
    for name, host in listeners.items():
        if host not in LOOPBACK:
            yield Unsafe(
                f"{name}_reachable",
                dangerous=False,
                what=f"The {name} process listens at {host}, where others may hear it unencrypted.",
                remedy=(
                    f"Let it listen at 127.0.0.1 ({name}.host) and put a server that speaks TLS, "
                    "or an onion service, in front of it."
                ),
            )


def _disk_swaps(swaps: Path, blocks: Path) -> Iterator[str]:
    """Yield active swap areas (proc(5)); compressed memory without a disk behind is none."""
    try:
        lines = swaps.read_text(encoding="utf-8").splitlines()[1:]
    except OSError:
        return
    for line in lines:
        area = line.split()[0]
        name = Path(area).name
        backing = _first_line(blocks / name / "backing_dev") or "none"
        if not (name.startswith("zram") and backing == "none"):
            yield area


def _debug_switches(environment: Mapping[str, str]) -> Iterator[str]:
    if sys.flags.dev_mode:
        yield "-X dev"
    for name in ("PYTHONASYNCIODEBUG", "PYTHONDEVMODE"):
        if environment.get(name):
            yield name


def _secure_delete() -> bool:
    connection = sqlite3.connect(":memory:")
    try:
        return bool(connection.execute("PRAGMA secure_delete=ON").fetchone()[0] == 1)
    finally:
        connection.close()


def _first_line(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").partition("\n")[0].strip()
    except OSError:
        return ""
