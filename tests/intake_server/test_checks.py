import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from intake_server.checks import Machine, check, read_machine
from intake_server.settings import (
    ChannelSettings,
    DataSettings,
    LoopbackSettings,
    SafetySettings,
    Settings,
    WebSettings,
)

SAFE = Machine(swaps=(), core_pattern="core", undumpable=True, debug=(), secure_delete=True)
APPORT = "|/usr/share/apport/apport %p"


@pytest.fixture
def settings(short_dir: Path) -> Settings:
    short_dir.chmod(0o700)
    return Settings(data=DataSettings(folder=short_dir))


def changed(settings: Settings, **sections: object) -> Settings:
    return msgspec.structs.replace(settings, **sections)


def names(settings: Settings, machine: Machine = SAFE) -> dict[str, bool]:
    return {each.name: each.dangerous for each in check(settings, machine)}


def test_a_safe_installation_has_nothing_to_say(settings):
    (settings.data.folder / "seed").touch(mode=0o600)
    (settings.data.folder / "havenline.toml").touch(mode=0o644)
    assert check(settings, SAFE) == []


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o620])
def test_a_key_that_others_may_read_or_write_is_dangerous(settings, mode):
    file = settings.data.courier_dir / "seed"
    file.parent.mkdir(mode=0o700)
    file.touch()
    file.chmod(mode)
    (found,) = check(settings, SAFE)
    assert (found.name, found.dangerous) == ("exposed_files", True)
    assert str(file) in found.what
    assert "chmod -R go=" in found.remedy


def test_an_open_data_folder_is_dangerous(settings):
    settings.data.folder.chmod(0o750)
    assert names(settings) == {"exposed_files": True}


def test_many_exposed_files_are_counted_instead_of_listed(settings):
    for number in range(8):
        (settings.data.folder / str(number)).touch()
        (settings.data.folder / str(number)).chmod(0o644)
    assert "and 3 more" in check(settings, SAFE)[0].what


def test_a_folder_too_deep_for_sockets_is_dangerous(settings):
    deep = settings.data.folder / ("x" * 90)
    deep.mkdir(mode=0o700)
    found = check(changed(settings, data=DataSettings(folder=deep)), SAFE)
    assert [(each.name, each.dangerous) for each in found] == [("long_path", True)]


def test_debugging_is_dangerous(settings):
    assert names(settings, replace(SAFE, debug=("-X dev",))) == {"debugging": True}


def test_sqlite_that_keeps_what_it_deletes_is_dangerous(settings):
    keeping = replace(SAFE, secure_delete=False)
    assert names(settings, keeping) == {"secure_delete": True}
    postgres = DataSettings(folder=settings.data.folder, database_url="postgresql:///havenline")
    assert names(changed(settings, data=postgres), keeping) == {}


def test_swap_is_dangerous_until_somebody_allows_it(settings):
    swapping = replace(SAFE, swaps=("/dev/sda2",))
    assert names(settings, swapping) == {"swap": True}
    allowed = changed(settings, safety=SafetySettings(allow_swap=True))
    assert names(allowed, swapping) == {"swap": False}


def test_a_pipe_for_core_dumps_is_dangerous_where_processes_cannot_refuse(settings):
    piping = replace(SAFE, core_pattern=APPORT)
    assert names(settings, piping) == {}
    stubborn = replace(piping, undumpable=False)
    assert names(settings, stubborn) == {"core_dumps": True}
    assert names(settings, replace(stubborn, core_pattern="|/bin/false")) == {}
    assert names(settings, replace(stubborn, core_pattern="core.%p")) == {}
    allowed = changed(settings, safety=SafetySettings(allow_core_dumps=True))
    assert names(allowed, stubborn) == {"core_dumps": False}


def test_what_is_unwise_is_said_and_not_refused(settings):
    unwise = changed(
        settings,
        web=WebSettings(host="0.0.0.0"),
        channels=ChannelSettings(loopback=LoopbackSettings(enabled=True)),
    )
    assert names(unwise) == {"loopback": False, "web_reachable": False}


def test_the_dangerous_come_first_and_each_says_what_to_do(settings):
    settings.data.folder.chmod(0o755)
    loopback = ChannelSettings(loopback=LoopbackSettings(enabled=True))
    found = check(changed(settings, channels=loopback), SAFE)
    assert [each.dangerous for each in found] == [True, False]
    assert all(each.what.endswith(".") and len(each.remedy) > 20 for each in found)


# --- what the machine says ------------------------------------------------------------------

READ = """
import os, pathlib, sys
from intake_server.checks import read_machine
machine = read_machine(os.environ, proc=pathlib.Path(sys.argv[1]), blocks=pathlib.Path(sys.argv[2]))
print(machine)
"""


def read_in_child(folder: Path, *, flags: tuple[str, ...] = (), **environment: str) -> str:
    """Ask in a process of its own: asking makes it undumpable for good."""
    done = subprocess.run(
        [sys.executable, *flags, "-c", READ, str(folder), str(folder / "block")],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def swaps(folder: Path, *areas: str) -> None:
    head = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority"
    rows = [f"{area}                               partition\t999420\t0\t-2" for area in areas]
    (folder / "swaps").write_text("\n".join([head, *rows]) + "\n")


def test_active_swap_is_seen_and_compressed_memory_is_none(tmp_path):
    swaps(tmp_path, "/dev/sda2", "/dev/zram0", "/dev/zram1")
    for name, backing in (("zram0", "none"), ("zram1", "/dev/sdb1")):
        (tmp_path / "block" / name).mkdir(parents=True)
        (tmp_path / "block" / name / "backing_dev").write_text(backing + "\n")
    assert "swaps=('/dev/sda2', '/dev/zram1')" in read_in_child(tmp_path)


def test_no_swap_is_none(tmp_path):
    swaps(tmp_path)
    assert "swaps=()" in read_in_child(tmp_path)


def test_the_core_pattern_is_read(tmp_path):
    (tmp_path / "sys" / "kernel").mkdir(parents=True)
    (tmp_path / "sys" / "kernel" / "core_pattern").write_text(APPORT + "\n")
    assert f"core_pattern='{APPORT}'" in read_in_child(tmp_path)


def test_each_switch_of_debugging_is_seen(tmp_path):
    assert "debug=()" in read_in_child(tmp_path)
    assert "'PYTHONASYNCIODEBUG'" in read_in_child(tmp_path, PYTHONASYNCIODEBUG="1")
    assert "'-X dev'" in read_in_child(tmp_path, flags=("-X", "dev"))
    assert "'PYTHONDEVMODE'" in read_in_child(tmp_path, PYTHONDEVMODE="1")


def test_this_machine_can_overwrite_and_refuse_dumps(tmp_path):
    told = read_in_child(tmp_path)
    assert "undumpable=True" in told
    assert "secure_delete=True" in told


def test_reading_leaves_this_process_without_core_dumps():
    script = (
        "import os, resource; from intake_server.checks import read_machine; read_machine({});"
        "print(resource.getrlimit(resource.RLIMIT_CORE))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "(0, 0)"
    assert callable(read_machine)
