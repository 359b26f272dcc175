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


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A new folder with a short path: the path of a Unix socket holds 107 characters at most."""
    folder = Path(tempfile.mkdtemp(prefix="hl"))
    yield folder
    shutil.rmtree(folder)
