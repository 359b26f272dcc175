"""Fifty writers, in fifty processes and in ten, and a checkpointer: no lock comes to light.

Ten is twice as many processes as there are; fifty is ten times as many. Everybody is served in
turn (vault/writers_line.py), so that also of fifty nobody waits for longer than BUSY_SECONDS.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vault.schema import migrate
from vault.sqlite_file import Role, connect

pytestmark = [pytest.mark.proof, pytest.mark.long, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[2]
WRITES = int(os.environ.get("HAVENLINE_WRITES", "100"))


@pytest.mark.parametrize(("processes", "at_once"), [(10, 5), (50, 1)])
def test_fifty_writers_and_checkpoints_and_no_lock_comes_to_light(tmp_path, processes, at_once):
    path = tmp_path / "database" / "havenline.sqlite3"
    migrate(f"sqlite:///{path}")
    arguments = (f"sqlite:///{path}", str(processes), str(at_once), str(WRITES))
    done = subprocess.run(
        [sys.executable, "-m", "tests.proof.writers", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    written = processes * at_once * WRITES
    print(f"50 writers in {processes} processes, {written} pieces of work; {done.stdout}")  # noqa: T201 -- what a proof showed, for docs/proofs.md
    with connect(path, Role.READER) as c:
        assert c.execute("SELECT count(*) FROM conversations").fetchone() == (written,)
        assert c.execute("PRAGMA integrity_check").fetchone() == ("ok",)
