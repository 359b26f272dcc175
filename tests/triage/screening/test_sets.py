"""Labelled messages in the languages that are not English, read by all languages together.

They were labelled before the rules were written. The figures guard against getting worse; they
are no measure of how well screening works on people's own words (docs/screening.md).
"""

import json
from collections import defaultdict
from pathlib import Path

import pytest

from intake_server.screening_rules import read_rules
from triage.screening.engine import screen

SETS = Path(__file__).parent / "sets"
LATER_SETS = (
    *("second_author", "third_author", "fourth_set", "fifth_set", "sixth_set"),
    *("lex1_set", "lex2_set", "lex3_set"),
)
UNREAD_SETS = {
    "ninth_set": (0.79, 0.80, 31, 1),
    "tenth_set": (0.77, 0.76, 30, 0),
    "eleventh_set": (0.85, 0.75, 29, 0),
    "twelfth_set": (0.81, 0.75, 40, 0),
}
"""Precision, recall, messages of urgency 3 found, urgent ones at 0. The ninth was read later."""
HARDEST_SETS = {"seventh_set": (0.7, 0.65, 28), "eighth_set": (0.92, 0.85, 34)}
"""Of each: precision, recall, and how many messages in danger are found, at least."""
PLEA = "plea_or_constrained_contact"
WORST_PRECISION, WORST_RECALL = 0.75, 0.7


def messages(files=None):
    for file in files or sorted(SETS.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.strip():
                yield json.loads(line)


@pytest.fixture(scope="module")
def all_rules():
    return read_rules()


@pytest.fixture(scope="module")
def read(all_rules):
    return [(message, screen(message["text"], all_rules)) for message in messages()]


def categories(screening):
    return {finding.category for finding in screening.findings}


def test_the_labels_are_whole(taxonomy):
    seen = set()
    for message in messages():
        assert message["id"] not in seen, message["id"]
        seen.add(message["id"])
        named = {*message["categories"], *message["acceptable_categories"]}
        assert named <= set(taxonomy.categories), message["id"]
        assert 0 <= message["urgency"] <= 3, message["id"]
        assert isinstance(message["held_out"], bool), message["id"]


def test_every_shipped_language_is_loaded_and_its_rules_carry_its_name(all_rules):
    assert {pack.language for pack in all_rules.packs} == {
        *("ar", "bg", "de", "en", "es", "fr", "id", "km", "my"),
        *("pl", "pt", "ro", "ru", "sr", "th", "uk", "vi"),
    }
    for pack in all_rules.packs:
        assert all(rule.id.startswith(f"{pack.language}.") for rule in pack.rules), pack.language


def test_a_bare_plea_is_1_in_every_language(read):
    wrong = [
        message["id"]
        for message, found in read
        if message["categories"] == [PLEA] and found.urgency < 1
    ]
    assert wrong == []


def test_places_are_in_the_message(read):
    for message, found in read:
        for one in found.findings:
            assert message["text"][one.start : one.end].strip(), message["id"]


def test_hardly_anybody_with_strong_signs_is_taken_for_information(read):
    wrong = [m["id"] for m, found in read if m["urgency"] >= 2 and found.urgency == 0]
    assert len(wrong) <= 0.005 * len(read), wrong


def test_each_language_finds_most_signs_and_invents_few(read):
    counts = defaultdict(lambda: [0, 0, 0])
    for message, found in read:
        gold, seen = set(message["categories"]), categories(found)
        fine = gold | set(message["acceptable_categories"]) | {PLEA}
        count = counts[message["lang"]]
        count[0] += len(gold & seen)
        count[1] += len(seen - fine)
        count[2] += len(gold - seen)
    poor = {
        language: (hits, invented, missed)
        for language, (hits, invented, missed) in counts.items()
        if hits < WORST_PRECISION * (hits + invented) or hits < WORST_RECALL * (hits + missed)
    }
    assert poor == {}


@pytest.fixture(scope="module")
def read_later(all_rules):
    """What later authors wrote, who had seen no rule: harder, and the better guide."""
    files = [SETS.parent / f"{name}.jsonl" for name in LATER_SETS]
    return [(message, screen(message["text"], all_rules)) for message in messages(files)]


def test_later_authors_in_danger_are_found(read_later):
    urgent = [(m["id"], found.urgency) for m, found in read_later if m["urgency"] == 3]
    missed = [one for one, urgency in urgent if urgency < 3]
    assert len(missed) <= 0.06 * len(urgent), missed


def test_later_authors_with_strong_signs_never_stand_at_0(read_later):
    wrong = [m["id"] for m, found in read_later if m["urgency"] >= 2 and found.urgency == 0]
    assert wrong == []


def test_hardly_any_harmless_message_of_later_authors_stands_high(read_later):
    harmless = [(m["id"], found.urgency) for m, found in read_later if m["urgency"] == 0]
    high = [one for one, urgency in harmless if urgency > 1]
    assert len(high) <= 0.06 * len(harmless), high


def test_most_signs_of_later_authors_are_found_and_few_invented(read_later):
    hits = invented = missed = 0
    for message, found in read_later:
        gold, seen = set(message["categories"]), categories(found)
        hits += len(gold & seen)
        invented += len(seen - gold - set(message["acceptable_categories"]) - {PLEA})
        missed += len(gold - seen)
    assert hits >= 0.85 * (hits + invented)
    assert hits >= 0.85 * (hits + missed)


@pytest.mark.parametrize("name", UNREAD_SETS)
def test_the_sets_that_nobody_has_read_get_no_worse(all_rules, name):
    """Totals alone: a failure must not show messages by which no rule may be made."""
    precision, recall, found_urgent, found_hidden = UNREAD_SETS[name]
    hits = invented = missed = urgent = hidden = 0
    for message in messages([SETS.parent / f"{name}.jsonl"]):
        found = screen(message["text"], all_rules)
        gold, seen = set(message["categories"]), categories(found)
        fine = gold | set(message["acceptable_categories"]) | ({PLEA} if gold else set())
        hits += len(gold & seen)
        invented += len(seen - fine)
        missed += len(gold - seen)
        urgent += message["urgency"] == found.urgency == 3
        hidden += message["urgency"] > 1 and found.urgency == 0
    assert hits >= precision * (hits + invented)
    assert hits >= recall * (hits + missed)
    assert urgent >= found_urgent
    assert hidden <= found_hidden


@pytest.mark.parametrize("name", HARDEST_SETS)
def test_the_sets_that_are_read_worst_get_no_worse(all_rules, name):
    """The honest figures are low (docs/screening.md); this keeps them from getting lower."""
    precision, recall, found_urgent = HARDEST_SETS[name]
    hits = invented = missed = 0
    urgent = []
    for message in messages([SETS.parent / f"{name}.jsonl"]):
        found = screen(message["text"], all_rules)
        gold, seen = set(message["categories"]), categories(found)
        fine = gold | set(message["acceptable_categories"]) | ({PLEA} if gold else set())
        hits += len(gold & seen)
        invented += len(seen - fine)
        missed += len(gold - seen)
        if message["urgency"] == 3:
            urgent.append(found.urgency)
        assert message["urgency"] < 2 or found.urgency > 0, message["id"]
    assert hits >= precision * (hits + invented)
    assert hits >= recall * (hits + missed)
    assert urgent.count(3) >= found_urgent
