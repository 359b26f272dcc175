"""The wheel: complete without Node, without the sources beside it, and with nothing else in it."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import aiohttp
import pytest

from tests.operation.place import CONFIG, free_port, started

ROOT = Path(__file__).parents[2]
OURS = {"intake_server", "bots", "triage", "vault"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel as `make wheel` makes it, of what is installed and built already."""
    folder = tmp_path_factory.mktemp("dist")
    built = [".venv/.run-installed", "node_modules/.browser-built"]
    subprocess.run(
        ["make", "wheel", f"DIST={folder}", *(word for each in built for word in ("-o", each))],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=100,
    )
    (made,) = folder.glob("havenline-*-py3-none-any.whl")
    assert (folder / "requirements.txt").read_text() == (ROOT / "requirements/run.txt").read_text()
    return made


def test_it_holds_the_program_the_built_pages_and_the_manual(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for package in OURS:
        here = {str(path.relative_to(ROOT)) for path in (ROOT / package).rglob("*.py")}
        assert here <= names, package
    for process in ("web", "desk"):
        built = f"intake_server/{process}/static/built"
        manifest = json.loads((ROOT / built / "manifest.json").read_text())
        assert {f"{built}/{name}" for name in manifest} <= names
        strings = (ROOT / f"intake_server/{process}/strings").glob("*.json")
        spoken = {f"intake_server/{process}/strings/{file.name}" for file in strings}
        assert len(spoken) == 17
        assert spoken <= names
    shared = {name.partition("/data/share/havenline/")[2] for name in names}
    examples = {str(each.relative_to(ROOT)) for each in _files(ROOT / "deploy")}
    assert examples | {"config/havenline.toml", "docs/operations.md"} <= shared


def test_it_holds_no_tests_no_measurements_no_sources_of_the_pages_and_no_demonstration(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    own = f"{'-'.join(wheel.name.split('-')[:2])}"
    roots = {name.partition("/")[0] for name in names}
    assert roots == OURS | {f"{own}.dist-info", f"{own}.data"}
    described = "share/havenline/docs/benchmarks.md"  # what was measured, not what measures
    code = [name for name in names if not name.endswith(described)]
    assert not [name for name in code if "demo" in name or "/test" in name or "bench" in name]
    scripts = [name for name in names if name.endswith((".js", ".mjs", ".ts"))]
    assert all("/static/built/" in name for name in scripts)
    entry_points = zipfile.ZipFile(wheel).read(f"{own}.dist-info/entry_points.txt").decode()
    assert entry_points.split() == [
        "[console_scripts]",
        "havenline",
        "=",
        "intake_server.cli:main",
    ]


async def test_it_runs_where_neither_node_nor_the_sources_are(wheel, short_dir):
    python = _installed(wheel, short_dir / "venv")
    assert _where(python, "intake_server").is_relative_to(short_dir)
    web = free_port()
    (short_dir / "havenline.toml").write_text(CONFIG.format(web=web, desk=free_port(), more=""))
    command = [str(python.with_name("havenline")), "up", "--config", "havenline.toml"]
    environment = {"PATH": str(python.parent), "LANG": "C.UTF-8"}
    data = short_dir / "data"
    async with (
        started(command, data, cwd=short_dir, environment=environment),
        aiohttp.ClientSession(f"http://127.0.0.1:{web}") as session,
    ):
        async with session.get("/") as page:
            assert page.status == 200
        async with session.get("/static/built/client.js") as code:
            built = ROOT / "intake_server/web/static/built/client.js"
            assert (code.status, await code.read()) == (200, built.read_bytes())


def _installed(wheel: Path, place: Path) -> Path:
    """Install the wheel alone; what it needs lies beside it, as the lock named it. No network."""
    venv.EnvBuilder(with_pip=False).create(place)
    python = place / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    quiet = ["--disable-pip-version-check", "--no-compile"]
    subprocess.run(
        [*pip, *quiet, "--no-index", "--no-deps", str(wheel)],
        check=True,
        timeout=60,
        cwd=place,
        env={"PATH": os.defpath, "PIP_CONFIG_FILE": os.devnull},
    )
    (site,) = (place / "lib").glob("python*/site-packages")
    # A line in a .pth file adds a folder, and none of the .pth files in that folder: the
    # sources that are installed there for developing stay out of sight.
    (site / "beside.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return python


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _where(python: Path, module: str) -> Path:
    code = f"import {module}; print({module}.__path__[0])"
    said = subprocess.run(
        [python, "-P", "-c", code], check=True, capture_output=True, text=True, cwd="/"
    )
    return Path(said.stdout.strip())
