"""What every test may ask for."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.postgres.server import postgres  # noqa: F401  # one server for every test that asks

# The machine that runs the tests may be slow; no test measures time.
hypothesis.settings.register_profile("house", deadline=None, print_blob=True)
hypothesis.settings.load_profile("house")

# Whole installations and browsers: a few long tests a file, of which none may be left to the end,
# when the other processes have nothing to do any more.
SLOW_FILES = (
    "tests/flows/test_forgetting.py",
    "tests/flows/test_crash.py",
    "tests/intake_server/test_cli.py",
    "tests/flows/",
    "tests/browser/",
    "tests/operation/",
    "tests/intake_server/test_restore.py",
    "tests/bots/",
    "tests/vault/test_engine.py",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slow files; the order is otherwise the random one."""
    items.sort(key=lambda item: _place(item.nodeid))


def _place(nodeid: str) -> int:
    found = (place for place, start in enumerate(SLOW_FILES) if nodeid.startswith(start))
    return next(found, len(SLOW_FILES))


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A new folder with a short path: the path of a Unix socket holds 107 characters at most."""
    folder = Path(tempfile.mkdtemp(prefix="hl"))
    yield folder
    shutil.rmtree(folder)
