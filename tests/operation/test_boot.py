"""The units under a real systemd, as the first process of its own namespaces, each with its user.

Needs root and a kernel that lets it make namespaces; it changes nothing of the machine.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
PROCESSES = ("keeper", "caretaker", "courier", "desk", "web")
MORE = """
[web]
port = 18080
[desk]
port = 18081
[slots]
records = 4096
[mirror]
folder = "/media/mirror"
[safety]
allow_swap = true
allow_core_dumps = true
"""


@pytest.mark.proof
@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.skipif(os.geteuid() != 0, reason="a machine of its own needs root: sudo make proof")
def test_the_units_start_keep_apart_and_come_back():
    said = booted(HERE / "on_the_machine.sh")
    for name in PROCESSES:
        assert f"user {name} havenline-{name}" in said
        assert {
            f"rights {name} CapEff: 0000000000000000",
            f"rights {name} NoNewPrivs: 1",
            f"rights {name} Seccomp: 2",
        } <= said
    assert {"status 0", "page 18080 200", "page 18081 200", "setup link", "sweep"} <= said
    for name in ("web", "desk", "caretaker"):
        assert f"{name} lists the keeper's folder 2" in said
        assert f"{name} reads the courier's seed 1" in said
    assert "web is refused" in said
    assert not [line for line in said if line.startswith("web connects")]
    assert {"status after the keeper was killed 0", "web went on"} <= said
    assert {"mirror", "mirror by its unit", "mirror havenline-keeper 600"} <= said
    assert {"backup", "restored", "status after the restore 0"} <= said
    assert "restored while running" not in said
    assert "database havenline-caretaker havenline-database 660" in said
    assert "seed havenline-courier havenline-courier 600" in said
    assert {'desk sees the messengers {"channels":[]}', "web does not see the messengers"} <= said
    assert {"webhook 404", "webhook across a restart 404 anew True"} <= said


def booted(script: Path) -> set[str]:
    """The lines that a script, run on a machine with the units, marked for us."""
    systemd = Path("/lib/systemd/systemd")
    if not systemd.exists() or shutil.which("unshare") is None:
        pytest.fail("systemd is missing. Install it, as root: apt-get install systemd util-linux")
    place = Path(tempfile.mkdtemp(prefix="hl"))
    try:
        place.chmod(0o755)
        (place / "more.toml").write_text(MORE)
        shutil.copy(script, place / "test.sh")
        spaces = ["--mount", "--pid", "--fork", "--kill-child", "--cgroup", "--ipc", "--uts"]
        done = subprocess.run(
            [
                *("unshare", *spaces, "--propagation", "private", "sh", str(HERE / "machine.sh")),
                *(str(ROOT), str(place), sys.base_prefix, sysconfig.get_paths()["purelib"]),
                "/opt/place/test.sh",
            ],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        output = place / "said"
        told = output.read_text() if output.exists() else done.stderr
    finally:
        shutil.rmtree(place)
    sys.stdout.write(told)  # shown where the test fails
    return {line[2:].strip() for line in told.splitlines() if line.startswith("= ")}
