"""PostgreSQL: killed again and again with its server, and fifty writers in fifty processes.

HAVENLINE_POSTGRES_KILLS is the number of kills, each third of which takes the server, its files
synced as in earnest. The model is that of tests/proof/test_kills.py.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.proof, pytest.mark.long, pytest.mark.timeout(3000)]

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("HAVENLINE_POSTGRES_KILLS", "300"))
WRITES = int(os.environ.get("HAVENLINE_WRITES", "100"))
SEED = os.environ.get("HAVENLINE_PROOF_SEED", "2026")


def ended(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    print(done.stdout)  # noqa: T201 -- what a proof showed, for docs/proofs.md
    return done.stdout


def test_killed_with_its_server_everything_acknowledged_is_true(short_dir):
    told = ended("tests.proof.killed_postgres", short_dir, KILLS, SEED)
    kills, crashes, acknowledged = (int(word) for word in told.split() if word.isdigit())
    assert (kills, crashes) == (KILLS, KILLS // 3)
    assert acknowledged > KILLS


def test_fifty_writers_in_fifty_processes_and_nobody_is_told_busy(postgres):
    with postgres.database() as url:
        ended("tests.proof.writers", url, 50, 1, WRITES)
        with postgres.as_superuser(url.partition(":///")[2].partition("?")[0]) as raw:
            assert raw.execute("SELECT count(*) FROM conversations").fetchone() == (50 * WRITES,)
