"""A confined child: gone with its parent, closed to others, otherwise like `python -m`."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

CHILD = """
import ctypes, json, os, resource, sys, time
print(json.dumps({"name": __name__, "pid": os.getpid()}), flush=True)
if __name__ == "__main__":
    core = resource.getrlimit(resource.RLIMIT_CORE)
    dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
    told = {"arguments": sys.argv[1:], "core": core, "dumpable": dumpable, "umask": os.umask(0)}
    print(json.dumps(told), flush=True)
    time.sleep(600 if "--stay" in sys.argv else 0)
"""


def module(folder: Path) -> dict[str, str]:
    package = folder / "confined_child"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(CHILD)
    return {**os.environ, "PYTHONPATH": f"{folder}:{Path(__file__).parents[2]}"}


def run(folder: Path, *, parent: int, said: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "intake_server.confine", str(parent), "confined_child", "--x"]
    return subprocess.run(
        command,
        env=module(folder),
        input=said,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_confined_module_runs_as_main_without_core_dumps(tmp_path):
    done = run(tmp_path, parent=os.getpid(), said="run\n")
    imported, started, told = (json.loads(line) for line in done.stdout.splitlines())
    assert imported["name"] == "confined_child.__main__"
    assert started == {"name": "__main__", "pid": imported["pid"]}
    assert told == {"arguments": ["--x"], "core": [0, 0], "dumpable": 0, "umask": 0o077}
    assert done.stderr == ""


def test_nothing_runs_without_the_word(tmp_path):
    done = run(tmp_path, parent=os.getpid(), said="")
    assert [json.loads(line)["name"] for line in done.stdout.splitlines()] == [
        "confined_child.__main__"
    ]


def test_it_ends_at_once_where_the_parent_is_gone_already(tmp_path):
    done = run(tmp_path, parent=1, said="run\n")
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "")


def test_it_is_killed_with_its_parent(tmp_path):
    parent_script = (
        "import os, subprocess, sys, time\n"
        "command = [sys.executable, '-m', 'intake_server.confine', str(os.getpid()),"
        " 'confined_child', '--stay']\n"
        "child = subprocess.Popen(command, stdin=subprocess.PIPE)\n"
        "child.stdin.write(b'run\\n'); child.stdin.flush()\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent_script],
        env=module(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        lines = [json.loads(parent.stdout.readline()) for _ in range(3)]
        child = lines[1]["pid"]
        assert is_running(child)
        parent.send_signal(signal.SIGKILL)
    while is_running(child):
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Whether it lives; a dead one that nobody has collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
