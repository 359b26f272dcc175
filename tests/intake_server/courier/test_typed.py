"""Commands are known however they were typed or copied."""

import re
from pathlib import Path

import pytest

from intake_server.courier.codes import AskCode, Join, read_request
from intake_server.courier.hours import read_wish
from intake_server.courier.paging import PageWish, read_page
from intake_server.courier.typed import as_typed

ROOT = Path(__file__).parents[3]
MARKS = ["\u200e", "\u200f", "\u061c", "\u2066", "\u2069", "\ufeff"]


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_of_direction_that_was_copied_along_changes_no_command(mark):
    assert read_request(f"{mark}/code{mark}") == AskCode()
    assert read_request(f"{mark}/join {mark}12345 67890") == Join("1234567890")
    assert read_page(f"{mark}/page{mark} off") == PageWish(is_off=True)
    assert read_wish(f"{mark}/hours 18-22") == read_wish("/hours 18-22") is not None


def test_wide_letters_and_capitals_are_the_same_command():
    assert as_typed("  \uff0fPAGE ") == "/page"


def test_joiners_inside_a_word_stay():
    assert as_typed("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645") != "میخواهم"


@pytest.mark.parametrize("name", ["strings/ar.json", "strings/guided/ar.json"])
def test_a_command_in_arabic_keeps_its_sign_in_front(name):
    said = (ROOT / "intake_server/courier" / name).read_text(encoding="utf-8")
    before = {said[found.start() - 1] for found in re.finditer(r"/[a-z]", said)}
    assert before == {"\u200e"}
