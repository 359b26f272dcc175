"""The real process: a life over its sockets, what it refuses to start on, what it loads."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from intake_server.keeper.__main__ import Exit
from vault.keeper_client import KeeperDown, KeeperLink, WebKeeper
from vault.keeper_protocol import Peer, Refused, socket_name
from vault.slot_files import SLOTS_NAME, TWIN_NAME
from vault.slots import Slots

COMMAND = (sys.executable, "-m", "intake_server.keeper")


def run(folder, *options, records=128):
    return subprocess.run(
        [*COMMAND, "--data", str(folder), "--records", str(records), *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


async def made(folder, now=None):
    """Files of an earlier run."""
    (folder / "keeper").mkdir(mode=0o700)
    slots = Slots.create(folder / "keeper", 128, int(time.time()) if now is None else now)
    await slots.close()


def proc(process, name):
    """What the kernel tells about the keeper."""
    return Path(f"/proc/{process.process.pid}/{name}").read_text()


async def test_a_life_over_real_sockets(process):
    await process.announce()
    request, mac = await process.set_up_request()
    prepared = await process.desk.set_up_prepare(request, mac)
    assert await process.desk.set_up_pin(request, mac) == (await process.web.hello()).root
    client, created = await process.write_in()
    assert await process.open_client_wrap(client, created.client_wrap)
    assert await process.open_team_wrap(process.first, created)
    asked, message = await process.message_in()
    found = await process.courier.find_address(asked.address_tag)
    assert found.address == message.address
    await process.hire("Ben", 1)
    await process.client_wrote(client)
    assert (await process.caretaker.forget_due(10)) == ([], False)
    await process.close()
    await process.open()
    assert (await process.web.find(client.lookup_tag)).reference == created.reference
    assert (await process.roster()).number == 2
    await process.erase(client)
    with pytest.raises(Refused):
        await process.web.find(client.lookup_tag)
    code = process.first.code(process.now() + 30)  # the one that set it up is used
    request, _, _ = await process.sign_in_request(process.first, totp_code=code)
    assert await process.desk.sign_in(request, prepared.staff_wrap)


async def test_sigterm_ends_it_cleanly_and_removes_the_sockets(process):
    run_folder = process.folder / "run"
    assert {path.name for path in run_folder.iterdir()} == {socket_name(peer) for peer in Peer}
    process.process.send_signal(signal.SIGTERM)
    _, errors = await process.process.communicate()
    assert process.process.returncode == Exit.DONE
    assert list(run_folder.iterdir()) == []
    lines = [json.loads(line) for line in errors.decode().splitlines()]
    assert lines[-1]["event"] == "keeper_stopped"


async def test_files_and_sockets_are_the_owners_alone(process):
    await process.set_up()
    for folder in ("keeper", "run"):
        assert stat.S_IMODE((process.folder / folder).stat().st_mode) == 0o700
        for path in (process.folder / folder).iterdir():
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


async def test_it_loads_the_standard_library_and_libsodium_alone(process):
    """Asked of an interpreter that has just imported it, and of the running process's maps."""
    program = (
        "import sys\n"
        "known = set(sys.stdlib_module_names) | {n.partition('.')[0] for n in sys.modules}\n"
        "import intake_server.keeper.__main__\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules} - known))"
    )
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = ended.stdout.split()
    ours = {"__main__", "intake_server", "vault", "nacl", "_cffi_backend", "_sodium"}
    installers = {name for name in loaded if name.startswith(("__editable__", "_distutils_hack"))}
    assert set(loaded) - installers <= ours | {"_virtualenv"}
    forbidden = ("sqlalchemy", "aiohttp", "triage", "structlog", "msgspec", "sqlite3")
    assert not set(loaded) & set(forbidden)
    maps = proc(process, "maps")
    assert not [name for name in forbidden if name in maps]


def test_it_is_not_dumpable():
    """PR_GET_DUMPABLE is 3 in <linux/prctl.h>; no debugger of the same user may attach then."""
    program = (
        "import ctypes\n"
        "from intake_server.keeper.hardening import harden_process\n"
        "libc = ctypes.CDLL(None)\n"
        "before = libc.prctl(3, 0, 0, 0, 0)\n"
        "harden_process()\n"
        "print(before, libc.prctl(3, 0, 0, 0, 0))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ended.stdout.split() == ["1", "0"]


async def test_it_leaves_no_core(process):
    limits = proc(process, "limits")
    (core,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core.split()[4:6] == ["0", "0"]


async def test_there_is_one_keeper(process):
    second = await asyncio.to_thread(run, process.folder)
    assert second.returncode == Exit.ALREADY_RUNNING
    assert "another keeper" in second.stderr
    assert await process.web.hello()


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o777])
@pytest.mark.parametrize("folder", ["keeper", "run"])
def test_folders_that_others_reach_are_refused_with_a_remedy(short_dir, folder, mode):
    (short_dir / folder).mkdir()
    (short_dir / folder).chmod(mode)
    ended = run(short_dir)
    assert ended.returncode == Exit.FOLDER_RIGHTS
    assert f"chmod 700 {short_dir / folder}" in ended.stderr
    assert not (short_dir / "keeper" / SLOTS_NAME).exists()


def test_a_shared_run_folder_may_be_entered_but_not_changed_by_others(short_dir):
    (short_dir / "run").mkdir()
    (short_dir / "run").chmod(0o775)
    ended = run(short_dir, "--peer-gid", f"web={os.getgid()}")
    assert ended.returncode == Exit.FOLDER_RIGHTS
    assert "chmod go-w" in ended.stderr


async def test_another_number_of_records_is_refused(short_dir):
    await made(short_dir)
    ended = run(short_dir, records=256)
    assert ended.returncode == Exit.WRONG_RECORDS
    assert "set records = 128" in ended.stderr


async def test_a_clock_behind_is_refused(short_dir):
    await made(short_dir, now=int(time.time()) + 3600)
    ended = run(short_dir)
    assert ended.returncode == Exit.CLOCK_BEHIND
    assert "Set the clock right" in ended.stderr


async def test_a_damaged_header_is_refused(short_dir):
    await made(short_dir)
    for name in (SLOTS_NAME, TWIN_NAME):
        with (short_dir / "keeper" / name).open("r+b") as file:
            file.write(bytes(1024))
    ended = run(short_dir)
    assert ended.returncode == Exit.DAMAGED
    assert "header" in ended.stderr


async def test_a_roster_that_is_not_the_pinned_one_is_refused(process):
    await process.set_up()
    await process.close()
    path = process.folder / "keeper" / "roster.bin"
    entries = path.read_bytes()
    for damage in (entries[:-1] + bytes((entries[-1] ^ 1,)), b"", None):
        path.unlink()
        if damage is not None:
            path.write_bytes(damage)
        ended = await asyncio.to_thread(run, process.folder)
        assert ended.returncode == Exit.DAMAGED
        assert "roster" in ended.stderr
        path.write_bytes(entries)
    await process.open()


async def test_a_lost_slot_file_is_never_made_anew_beside_a_roster(process):
    await process.set_up()
    await process.close()
    for name in (SLOTS_NAME, TWIN_NAME):
        (process.folder / "keeper" / name).rename(process.folder / name)
    ended = await asyncio.to_thread(run, process.folder)
    assert ended.returncode == Exit.FILES_MISSING
    assert (process.folder / "keeper" / "roster.bin").exists()
    for name in (SLOTS_NAME, TWIN_NAME):
        (process.folder / name).rename(process.folder / "keeper" / name)
    await process.open()


def test_where_files_must_exist_none_are_made(short_dir):
    ended = run(short_dir, "--existing")
    assert ended.returncode == Exit.FILES_MISSING
    assert not (short_dir / "keeper" / SLOTS_NAME).exists()


@pytest.mark.parametrize(
    "options",
    [
        ("--peer-uid", "web"),
        ("--peer-uid", "nobody=1"),
        ("--peer-uid", "web=no-such-user-here"),
        ("--peer-gid", "web=x"),
        ("--records", "0"),
        ("--log-level", "loud"),
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_says_so(short_dir, options):
    ended = run(short_dir, *options)
    assert ended.returncode == 2
    assert "usage:" in ended.stderr


async def test_the_kernel_must_show_the_uid_of_the_peer(short_dir):
    """Web is to be another user here: whoever runs this test is turned away, at web's alone."""
    started = await asyncio.create_subprocess_exec(
        *COMMAND,
        *("--data", str(short_dir), "--records", "128"),
        *("--peer-uid", f"web={os.getuid() + 1}", "--peer-uid", f"desk={os.getuid()}"),
        stderr=asyncio.subprocess.PIPE,
    )
    assert b"keeper_started" in await started.stderr.readline()
    web = KeeperLink(short_dir / "run" / socket_name(Peer.WEB))
    desk = KeeperLink(short_dir / "run" / socket_name(Peer.DESK))
    with pytest.raises(KeeperDown):
        await WebKeeper(web).hello()
    assert await WebKeeper(desk).hello()
    await web.close()
    await desk.close()
    started.terminate()
    _, errors = await started.communicate()
    assert b"stranger_turned_away" in errors


async def test_a_group_may_reach_a_peers_socket(short_dir):
    started = await asyncio.create_subprocess_exec(
        *COMMAND,
        *("--data", str(short_dir), "--records", "128", "--peer-gid", f"web={os.getgid()}"),
        stderr=asyncio.subprocess.PIPE,
    )
    assert b"keeper_started" in await started.stderr.readline()
    modes = {
        peer: stat.S_IMODE((short_dir / "run" / socket_name(peer)).stat().st_mode) for peer in Peer
    }
    started.terminate()
    await started.communicate()
    assert modes.pop(Peer.WEB) == 0o660
    assert all(mode & 0o077 == 0 for mode in modes.values())


async def test_what_an_earlier_keeper_left_in_the_run_folder_is_replaced(process):
    await process.kill()
    path = process.folder / "run" / socket_name(Peer.WEB)
    assert stat.S_ISSOCK(path.stat().st_mode)
    with (
        contextlib.closing(socket.socket(socket.AF_UNIX)) as dead,
        pytest.raises(ConnectionRefusedError),
    ):
        dead.connect(str(path))
    await process.open()
    assert await process.web.hello()
