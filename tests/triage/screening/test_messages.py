"""Invented first messages with what a careful reader would say about them.

All were written by one author; rules were improved on them. The figures guard against getting
worse. They are no measure of how well screening works on people's own words.
"""

import json
from pathlib import Path

import pytest

from triage.screening.engine import screen
from triage.screening.findings import Flag

MESSAGES = [
    json.loads(line)
    for line in (Path(__file__).parent / "messages_en.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]
PLEA = "plea_or_constrained_contact"


@pytest.fixture(scope="module")
def read(rules):
    return [(message, screen(message["text"], rules)) for message in MESSAGES]


def found(screening):
    return {finding.category for finding in screening.findings}


def test_nobody_in_danger_stands_lower(read):
    assert [m["id"] for m, s in read if m["urgency"] == 3 and s.urgency < 3] == []


def test_nobody_with_strong_signs_is_taken_for_information(read):
    assert [m["id"] for m, s in read if m["urgency"] >= 2 and s.urgency == 0] == []


def test_information_press_and_spam_do_not_stand_high(read):
    assert [m["id"] for m, s in read if m["urgency"] == 0 and s.urgency >= 2] == []


def test_messages_without_a_sign_get_none(read):
    wrong = [
        m["id"] for m, s in read if not m["categories"] and found(s) - set(m["acceptable"]) - {PLEA}
    ]
    assert wrong == []


def test_most_signs_are_found_and_few_are_invented(read):
    hits = missed = invented = 0
    for message, screening in read:
        gold, seen = set(message["categories"]), found(screening)
        hits += len(gold & seen)
        missed += len(gold - seen)
        invented += len(seen - gold - set(message["acceptable"]) - {PLEA})
    assert hits / (hits + missed) >= 0.95
    assert hits / (hits + invented) >= 0.97


def test_most_children_are_noticed_and_few_are_imagined(read):
    children = [(m["minor"], Flag.MINOR in s.flags) for m, s in read]
    assert sum(gold and seen for gold, seen in children) >= 0.9 * sum(g for g, _ in children)
    assert sum(seen and not gold for gold, seen in children) <= 2


def test_what_is_over_is_seen_as_over(read):
    assert [m["id"] for m, s in read if m["past"] is not (Flag.PAST in s.flags)] == []
