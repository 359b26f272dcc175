"""The house's own rules, as far as neither ruff nor the import contracts can check them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("intake_server", "bots", "vault", "triage")
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
SUPPRESSION = re.compile(
    r"# (?:noqa: [A-Z]+[0-9]+(?:, ?[A-Z]+[0-9]+)*|type: ignore\[[^]]*\])(?P<reason>.*)"
)
LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical"}


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def named(file: Path) -> str:
    return str(file.relative_to(ROOT))


def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), filename=named(file))


def log_calls(module: ast.Module) -> Iterator[ast.Call]:
    """Yield calls such as `log.info(…)` and `self._log.error(…)`."""
    for node in ast.walk(module):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        receiver = node.func.value
        name = receiver.attr if isinstance(receiver, ast.Attribute) else getattr(receiver, "id", "")
        if node.func.attr in LOG_METHODS and name.lstrip("_") in {"log", "logger"}:
            yield node


def test_the_four_packages_are_there():
    assert {named(file).split("/")[0] for file in sources()} == set(PACKAGES)


def test_package_files_are_empty():
    full = [named(file) for file in sources() if file.name == "__init__.py" and file.read_bytes()]
    assert full == []


def test_every_folder_with_modules_is_a_package():
    folders = {file.parent for file in sources()} - {ROOT / "vault/migrations/versions"}
    assert [named(each) for each in sorted(folders) if not (each / "__init__.py").exists()] == []


def test_no_module_has_a_vague_name():
    assert [named(file) for file in sources() if VAGUE & set(file.with_suffix("").parts)] == []


def test_events_are_constant_names():
    wrong = []
    for file in sources():
        for call in log_calls(tree(file)):
            event = call.args[0] if call.args else None
            constant = isinstance(event, ast.Constant) and isinstance(event.value, str)
            if not constant or len(call.args) > 1:
                wrong.append(f"{named(file)}:{call.lineno}")
    assert wrong == []


@pytest.mark.parametrize("call", ['log.info(f"got {x}")', "self._log.error(name)", "logger.info()"])
def test_the_rule_about_events_sees_what_it_forbids(call):
    assert len(list(log_calls(ast.parse(call)))) == 1


def unexplained(line: str) -> bool:
    found = SUPPRESSION.search(line)
    return found is not None and len(found["reason"].strip(" #-")) < 10


def test_a_suppression_carries_its_reason():
    wrong = [
        f"{named(file)}:{number}"
        for file in sources()
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if unexplained(line)
    ]
    assert wrong == []


def test_the_rule_about_suppressions_sees_what_it_forbids():
    mark = "# no" + "qa: "
    assert unexplained(f"x = 1  {mark}PLR2004")
    assert unexplained(f"x = 1  {mark}PLR2004, S101 -- ok")
    assert not unexplained(f"x = 1  {mark}PLR2004, S101 -- the range of TCP ports")
    assert unexplained("x = 1  # type: " + "ignore[misc]")
    assert not unexplained("x = 1  # type: " + "ignore[misc]  # the stub is wrong about it")
