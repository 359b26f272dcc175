"""The ASVS checklist names tests that exist, and says why where it does not hold."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs/asvs.md"
STATES = {"holds", "differs", "operator", "open"}
CHAPTERS = {1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14, 15, 16}
DEFINED = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)


def rows() -> list[list[str]]:
    """Number, what, state and reason of each line."""
    found = [line for line in DOCUMENT.read_text().splitlines() if re.match(r"\| \d", line)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in found]


def test_every_test_that_the_checklist_names_exists():
    there = set()
    for file in (ROOT / "tests").rglob("test_*.py"):
        there |= set(DEFINED.findall(file.read_text()))
    assert set(re.findall(r"`(test_\w+)`", DOCUMENT.read_text())) - there == set()


def test_each_line_has_a_state_and_what_holds_names_a_test():
    assert len(rows()) > 60
    for number, what, state, reason in rows():
        assert state in STATES, number
        assert what
        if state == "holds":
            assert re.search(r"`test_\w+`", reason), number
        else:
            assert len(reason.split()) > 4, number


def test_each_chapter_is_there_or_said_not_to_apply():
    text = DOCUMENT.read_text()
    assert {int(each) for each in re.findall(r"^## V(\d+) ", text, re.MULTILINE)} == CHAPTERS
    aside = text.partition("Not applicable:")[2].partition("\n")[0]
    assert {int(each) for each in re.findall(r"V(\d+)", aside)} == set(range(1, 18)) - CHAPTERS
