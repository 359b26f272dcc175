"""The threat model names tests: each exists, and no attack that is tried is missing there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "threat-model.md"
NAMED = re.compile(r"`(test_\w+)`")
ATTACKS = ("test_adversary.py", "test_adversary_inside.py", "test_crash.py")
OWN_CHECKS = {"test_the_history_sees_what_it_must_not_see"}


def names_in(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, functions) and node.name.startswith("test_")
    }


def missing(text: str) -> set[str]:
    """Names in the text that no test has."""
    there = set().union(*(names_in(file) for file in (ROOT / "tests").rglob("test_*.py")))
    return set(NAMED.findall(text)) - there


def rows(text: str) -> list[str]:
    """The lines of its tables, without heads."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [line for line in lines if not re.match(r"\| (does not get|line|should not)", line)]


def test_every_test_that_the_threat_model_names_exists():
    assert missing(DOCUMENT.read_text(encoding="utf-8")) == set()


def test_every_line_of_the_threat_model_names_a_test():
    found = rows(DOCUMENT.read_text(encoding="utf-8"))
    assert len(found) > 40
    assert [line for line in found if not NAMED.search(line)] == []


def test_every_attack_that_is_tried_stands_in_the_threat_model():
    tried = set().union(*(names_in(ROOT / "tests" / "flows" / name) for name in ATTACKS))
    assert tried - OWN_CHECKS - set(NAMED.findall(DOCUMENT.read_text(encoding="utf-8"))) == set()


def test_the_rules_see_what_they_forbid():
    assert missing("held by `test_that_nobody_has_written`") == {"test_that_nobody_has_written"}
    assert rows("| does not get | held by |\n|---|---|\n| a line | nothing |") == [
        "| a line | nothing |"
    ]
