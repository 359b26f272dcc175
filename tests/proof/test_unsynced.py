"""The power goes at any moment, and everything that was not synced is lost, or torn, or not.

A real keeper and a real storage writer work while every write and sync of theirs is recorded;
then the record is cut off at HAVENLINE_CUTS moments, what a disk may hold at each is made up, and
a keeper and a database opened on it must hold what had been acknowledged by then.
"""

import asyncio
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.proof.at_work import prepare
from tests.proof.history import History
from tests.proof.unsynced import TOLD, Entry, cut_off, read_record, told_by

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
FLAGS = ("-shared", "-fPIC", "-O2", "-Wall", "-Werror")
CUTS = int(os.environ.get("HAVENLINE_CUTS", "300"))
SEED = int(os.environ.get("HAVENLINE_PROOF_SEED", "2026"))


def build_recorder(folder: Path) -> Path:
    library = folder / "recorder.so"
    compiler = shutil.which("cc") or pytest.fail("no C compiler: apt-get install gcc libc6-dev")
    subprocess.run(
        [compiler, *FLAGS, "-o", library, HERE / "recorder.c", "-ldl", "-lpthread"],
        check=True,
    )
    return library


async def recorded(folder: Path) -> tuple[Path, list[Entry]]:
    """Prepared files, and what was done to them afterwards."""
    work, base, record = folder / "w", folder / "base", folder / "record"
    await prepare(work)
    shutil.copytree(work, base, ignore=shutil.ignore_patterns("run"))
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tests.proof.recorded", str(work)],
        cwd=ROOT,
        env=os.environ
        | {
            "PYTHONPATH": str(ROOT),
            "LD_PRELOAD": str(build_recorder(folder)),
            "HAVENLINE_RECORD_LOG": str(record),
            "HAVENLINE_RECORD_UNDER": f"{work}/",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return base, read_record(record, work)


def moments(entries: list[Entry], lots: random.Random, count: int) -> list[int]:
    """Half of them right after somebody was told something, half anywhere."""
    answers = [i + 1 for i, each in enumerate(entries) if each.path == TOLD]
    return [
        lots.choice(answers) if number % 2 else lots.randrange(len(entries))
        for number in range(count)
    ]


async def check(base: Path, entries: list[Entry], lots: random.Random, folder: Path) -> History:
    history = History()
    for line in told_by(entries):
        history.take(line)
    try:
        cut_off(base, entries, lots, folder)
        await history.check(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return history


@pytest.mark.proof
@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_whatever_is_lost_what_was_acknowledged_is_there(short_dir):
    base, entries = await recorded(short_dir)
    syncs = sum(each.what == "sync" for each in entries)
    assert syncs > 100
    lots = random.Random(SEED)
    acknowledged = 0
    for moment in moments(entries, lots, CUTS):
        acknowledged += (await check(base, entries[:moment], lots, short_dir / "cut")).acknowledged
    print(f"{len(entries)} calls with {syncs} syncs, cut off at {CUTS} moments")  # noqa: T201 -- what a proof showed, for docs/proofs.md
    assert acknowledged > CUTS


@pytest.mark.proof
@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("left_out", ["database/havenline.sqlite3-wal", "keeper/slots.bin"])
async def test_a_sync_that_is_left_out_is_noticed(short_dir, left_out):
    """The proof can fail: without the syncs of one file, something acknowledged is lost."""
    base, entries = await recorded(short_dir)
    careless = [each for each in entries if (each.what, each.path) != ("sync", left_out)]
    twin = "keeper/slots.twin"
    if left_out == "keeper/slots.bin":  # either of the two would do
        careless = [each for each in careless if (each.what, each.path) != ("sync", twin)]
    lots = random.Random(SEED)

    async def all_is_well() -> None:
        for moment in moments(careless, lots, 60):
            await check(base, careless[:moment], lots, short_dir / "cut")

    with pytest.raises((AssertionError, ValueError)):
        await all_is_well()


def test_a_cut_keeps_what_was_synced_and_any_part_of_the_rest(tmp_path):
    (tmp_path / "base").mkdir()
    (tmp_path / "base/f").write_bytes(b"a" * 1024)
    entries = [
        Entry("write", "f", 0, b"b" * 512),
        Entry("sync", "f"),
        Entry("write", "f", 256, b"c" * 1024),
    ]
    seen = set()
    for seed in range(40):
        target = tmp_path / str(seed)
        cut_off(tmp_path / "base", entries, random.Random(seed), target)
        image = (target / "f").read_bytes()
        assert image[:256] == b"b" * 256
        seen.add(image[256:])
    whole = b"c" * 1024
    assert whole in seen
    assert b"b" * 256 + b"a" * 512 in seen
    assert len(seen) > 3
