"""kill -9 over keeper and storage, 2,000 times: nothing acknowledged is lost or comes back.

HAVENLINE_KILLS is the number of kills. The keeper's named steps, each by itself and also on a disk
that loses what was not synced, are in tests/intake_server/keeper/test_kill.py; the whole stack is
killed in tests/flows/test_crash.py and tests/proof/test_stack.py.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.proof.history import Standing, Story, _must_hold

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("HAVENLINE_KILLS", "2000"))
SEED = os.environ.get("HAVENLINE_PROOF_SEED", "2026")


@pytest.mark.proof
@pytest.mark.long
@pytest.mark.timeout(3600)
def test_killed_again_and_again_everything_acknowledged_is_true(short_dir):
    done = subprocess.run(
        [sys.executable, "-m", "tests.proof.killed", str(short_dir), str(KILLS), SEED],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    print(done.stdout)  # noqa: T201 -- what a proof showed, for docs/proofs.md
    kills, acknowledged, _ = (int(word) for word in done.stdout.split() if word.isdigit())
    assert kills == KILLS
    assert acknowledged > KILLS


A, B = bytes(16), bytes(range(16))


@pytest.mark.parametrize(
    ("story", "is_there", "messages"),
    [
        (Story(Standing.YES), False, set()),
        (Story(Standing.NO), True, {A}),
        (Story(Standing.YES, stored={B}, asked={B}), True, {A}),
        (Story(Standing.UNKNOWN), True, set()),
        (Story(Standing.UNKNOWN), True, {A, B}),
    ],
)
def test_the_history_sees_what_it_must_not_see(story, is_there, messages):
    with pytest.raises(AssertionError):
        _must_hold("x", story, is_there=is_there, messages=messages)


def test_what_was_never_answered_may_be_or_not():
    for is_there in (True, False):
        story = Story(asked={B})
        _must_hold("x", story, is_there=is_there, messages={A, B} if is_there else set())
        assert story.standing is (Standing.YES if is_there else Standing.NO)
        assert story.stored == ({B} if is_there else set())
