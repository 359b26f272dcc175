"""Who may open a transaction, and what a secret says of itself."""

import ast
import pickle
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from vault.phrase import new_phrase
from vault.sealing import Secret, box_keys, random_bytes, sign_keys
from vault.wraps import TeamWrap, new_conversation_keys, password_parts

ROOT = Path(__file__).parents[2]


def calls_of(path: Path) -> set[str]:
    """Names of the methods called on something named `database` or `db` in a file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = ast.unparse(node.func.value).rpartition(".")[2]
            if owner in {"database", "db", "_database"}:
                found.add(node.func.attr)
    return found


def test_only_work_modules_open_transactions():
    openers = {
        path.relative_to(ROOT).as_posix()
        for folder in ("intake_server", "bots", "triage")
        for path in (ROOT / folder).rglob("*.py")
        if calls_of(path) & {"write", "read"}
    }
    assert openers, "the search finds the work modules"
    assert {name for name in openers if not name.endswith("work.py")} == set()


KEY = bytes(range(200, 232))


@pytest.mark.parametrize(
    "holder",
    [
        Secret(KEY),
        box_keys(Secret(KEY)),
        sign_keys(Secret(KEY)),
        new_phrase(),
        new_conversation_keys(),
        TeamWrap(random_bytes(16), 1, new_conversation_keys(), random_bytes(32)),
        password_parts("a long enough password", random_bytes(16)),
    ],
    ids=lambda holder: type(holder).__name__,
)
def test_no_secret_prints_itself(holder):
    for shown in (repr(holder), str(holder), f"{holder}", f"{holder!r}"):
        assert "secret" in shown
        assert KEY.hex() not in shown
        assert repr(KEY)[2:-1] not in shown
    with pytest.raises(TypeError):
        pickle.dumps(holder)


def test_the_bundles_are_the_same_bytes_each_time():
    folders = [ROOT / f"intake_server/{name}/static/built" for name in ("web", "desk")]

    def build():
        subprocess.run(["node", "browser/build.mjs"], cwd=ROOT, check=True, capture_output=True)
        return {
            path.name: sha256(path.read_bytes()).hexdigest()
            for folder in folders
            for path in sorted(folder.iterdir())
        }

    assert build() == build()
