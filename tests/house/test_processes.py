"""What each living process has loaded: who can reach keys, the slot file, the network, staff.

The interpreter itself tells each module that it imports (PYTHONPROFILEIMPORTTIME), for the whole
life of the process.
"""

import asyncio
import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from intake_server.settings import DataSettings
from tests.flows.stack import until
from vault.schema import migrate

ROOT = Path(__file__).parents[2]
LINE = re.compile(r"^import time:\s+\d+ \|\s+\d+ \|\s+([\w.]+)$", re.MULTILINE)
OTHERS = {"web", "desk", "courier", "caretaker", "keeper"}

# Beyond the five processes being strangers to each other.
NEVER = {
    "keeper": {"sqlalchemy", "aiohttp", "triage", "bots", "alembic", "jinja2", "vault.tables"},
    "caretaker": {"aiohttp", "bots", "vault.slots", "vault.slot_files", "vault.staff"},
    "courier": {"aiohttp.web", "vault.slots", "vault.slot_files", "vault.staff", "jinja2"},
    "desk": {"bots", "vault.slots", "vault.slot_files", "triage.screening"},
    "web": {
        "bots",
        "vault.staff",
        "vault.outbox",
        "vault.addresses",
        "vault.slots",
        "vault.slot_files",
        "triage.screening",
    },
}
KEEPER_ONLY = {"nacl", "_cffi_backend", "intake_server", "vault"}


async def life_of(name: str, data: Path) -> set[str]:
    """Every module that the process imported, from its start to its end by SIGTERM."""
    arguments = ["--records", "4096"] if name == "keeper" else []
    config = data / "havenline.toml"
    config.write_text(
        "[web]\nport = 0\n[desk]\nport = 0\n[slots]\nrecords = 4096\n"
        '[screening]\nlanguages = ["en"]\n'
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"intake_server.{name}",
        "--data",
        str(data),
        *arguments,
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPROFILEIMPORTTIME": "1"},
    )
    said = asyncio.create_task(process.stderr.read())
    try:
        health = (
            data / "run" / ("keeper-operator.sock" if name == "keeper" else f"{name}-health.sock")
        )
        await until(lambda: health.exists() or process.returncode is not None, f"{name} runs")
        await asyncio.sleep(0.3)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
    return set(LINE.findall((await said).decode()))


def loaded_by_the_interpreter() -> set[str]:
    """Roots of what this interpreter asks for before any program, such as a distribution's hooks.

    What it asks for and does not find counts as well: the interpreter tells that too.
    """
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "pass"],
        check=True,
        capture_output=True,
        text=True,
    )
    return {module.partition(".")[0] for module in LINE.findall(told.stderr)}


@pytest.fixture
async def beside_a_keeper(short_dir):
    """A data folder with a database and a running keeper."""
    migrate(DataSettings(folder=short_dir).database_url)
    keeper = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "intake_server.keeper", "--data", str(short_dir)),
        *("--records", "4096"),
        cwd=ROOT,
        stderr=asyncio.subprocess.DEVNULL,
    )
    await until((short_dir / "run" / "keeper-web.sock").exists, "the keeper answers")
    yield short_dir
    keeper.terminate()
    await keeper.wait()


def reached(loaded: set[str], name: str) -> set[str]:
    forbidden = NEVER[name] | {f"intake_server.{other}" for other in OTHERS - {name}}
    return {
        module
        for module in loaded
        for root in forbidden
        if module == root or module.startswith(f"{root}.")
    }


async def test_the_keeper_is_the_standard_library_and_libsodium(short_dir):
    loaded = await life_of("keeper", short_dir)
    assert "intake_server.keeper.work" in loaded or "intake_server.keeper.verbs" in loaded
    assert reached(loaded, "keeper") == set()
    roots = {module.partition(".")[0] for module in loaded}
    # `org`: the standard library's own copy module asks whether it runs under Jython.
    known = KEEPER_ONLY | set(sys.stdlib_module_names) | {"org"} | loaded_by_the_interpreter()
    assert {root for root in roots - known if not root.startswith("_")} == set()


@pytest.mark.parametrize("name", sorted(OTHERS - {"keeper"}))
async def test_a_process_loads_nothing_beyond_its_part(name, beside_a_keeper):
    loaded = await life_of(name, beside_a_keeper)
    assert f"intake_server.{name}.work" in loaded, "the process really ran"
    assert reached(loaded, name) == set()
