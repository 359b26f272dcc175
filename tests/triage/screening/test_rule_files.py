"""Rule files written by people: what is refused, and in which words."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage.screening.engine import failed_examples, screen
from triage.screening.rule_files import RulesRefusedError, load_rules
from triage.screening.taxonomy import TaxonomyRefusedError, read_taxonomy

README = Path(__file__).parents[3] / "config" / "indicators" / "README.md"

BASE = """
schema = 1
language = "xx"
[words]
morphology = "none"
common = "the, and"
negators = "not"
self_subjects = "i"
other_subjects = "he"
writer = "my"
[words.spelling]
[words.numbers]
ten = 10
[concepts]
take = "took, takes"
papers = "passport, <cards>"
cards = "id card, card*"
hours = "8..12 hours"
[[rule]]
id = "xx.papers"
category = "document_retention"
find = ["take", "papers"]
explain = "Papers were taken."
hits = ["he took the cards"]
misses = ["he not took the cards"]
[[rule]]
id = "xx.hours"
category = "excessive_work"
find = ["hours"]
explain = "Long hours."
hits = ["ten hours", "11 hours"]
misses = ["7 hours"]
"""


def refused(taxonomy, *files):
    with pytest.raises(RulesRefusedError) as caught:
        load_rules(taxonomy, {f"f{number}.toml": text for number, text in enumerate(files)})
    return [str(problem) for problem in caught.value.problems]


def test_a_small_file_works(taxonomy):
    rules = load_rules(taxonomy, {"base": BASE})
    assert failed_examples(rules) == []
    found = screen("the boss took my passport", rules)
    assert [finding.rule for finding in found.findings] == ["xx.papers"]
    assert rules.explanations()["xx.papers"] == "Papers were taken."


def test_an_example_that_fails_is_named(taxonomy):
    rules = load_rules(taxonomy, {"base": BASE.replace('"he took the cards"', '"he has cards"')})
    (failed,) = failed_examples(rules)
    assert (failed.rule.id, failed.example, failed.should_match) == (
        "xx.papers",
        "he has cards",
        True,
    )


def test_the_example_in_the_manual_works_on_the_shipped_rules(taxonomy, english):
    (example,) = re.findall(r"```toml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    rules = load_rules(taxonomy, {"en.toml": english, "en-local.toml": example})
    assert failed_examples(rules) == []
    assert screen("she kept my pink slip and took my pink slip", rules).urgency == 2
    assert "en.hours.quota" not in rules.explanations()


def test_the_version_changes_with_any_file(taxonomy):
    first = load_rules(taxonomy, {"base": BASE}).version
    assert load_rules(taxonomy, {"base": BASE}).version == first
    assert load_rules(taxonomy, {"base": BASE + "\n"}).version != first
    assert load_rules(taxonomy, {"other": BASE}).version != first


@pytest.mark.parametrize(
    ("old", "new", "where", "says"),
    [
        ("schema = 1", "schema = 2", "file", "schema"),
        ('language = "xx"', "", "file", "language"),
        ("[words]", "[words", "file", "not TOML"),
        ('morphology = "none"', 'morphology = "magic"', "words", "english, none"),
        ('negators = "not"', 'negator = "not"', "words", '"negator" is not known'),
        ("ten = 10", 'ten = "10"', "words", "fifteen = 15"),
        ('find = ["take", "papers"]', 'find = ["take", "paper"]', "xx.papers", '"paper"'),
        ('find = ["take", "papers"]', "find = []", "xx.papers", "parts"),
        ('find = ["take", "papers"]', 'find = ["take", "|"]', "xx.papers", "empty"),
        ('"document_retention"', '"papers_gone"', "xx.papers", "document_retention"),
        ('explain = "Papers were taken."', "", "xx.papers", "one plain sentence"),
        ('explain = "Long hours."', 'explain = "Long."\ngap = 40', "xx.hours", "0 to 12"),
        ('explain = "Long hours."', 'explain = "Long."\nflag = "past"', "xx.hours", "one thing"),
        ('explain = "Long hours."', 'explain = "Long."\nregex = "a*"', "xx.hours", '"regex"'),
        ('explain = "Long hours."', 'explain = "L."\nstrength = "huge"', "xx.hours", "strong"),
        ('explain = "Long hours."', 'explain = "L."\norder = "random"', "xx.hours", "fixed, any"),
        (
            'explain = "Long hours."',
            'explain = "L."\nunless = ["hours"]',
            "xx.hours",
            "both looked for and excluded",
        ),
        (
            'explain = "Long hours."',
            'explain = "L."\nsource = {instrument = "XYZ", item = "1"}',
            "xx.hours",
            "no known source",
        ),
        ('id = "xx.hours"', 'id = "xx.papers"', "xx.papers", "another rule has this id"),
        ('id = "xx.hours"', 'id = "two words"', "two words", "id is missing or odd"),
        ('cards = "id card, card*"', 'cards = "<papers>"', "concepts", "hold each other"),
        ('cards = "id card, card*"', 'cards = "<plastic>"', "concepts", '"<plastic>"'),
        ('cards = "id card, card*"', 'cards = ""', "cards", "empty"),
        ('cards = "id card, card*"', 'cards = "ca*"', "cards", "too short"),
        ('cards = "id card, card*"', 'cards = "a b c d e f g h i"', "cards", "at most 8"),
        ('cards = "id card, card*"', 'cards = "(id|card)+"', "cards", "not one plain word"),
        ('hours = "8..12 hours"', 'hours = "12..8 hours"', "hours", "5..17"),
        ('hours = "8..12 hours"', 'hours = "9 hours"\nspare = "x"', 'concept "spare"', "no rule"),
        ('find = ["hours"]', 'find = ["take", "papers"]', "xx.hours", "the same as"),
    ],
)
def test_a_mistake_is_named_with_file_place_and_remedy(taxonomy, old, new, where, says):
    assert old in BASE
    problems = refused(taxonomy, BASE.replace(old, new))
    assert any(where in problem and says in problem for problem in problems), problems
    assert all(problem.startswith(("f0.toml, ", "xx, ")) for problem in problems)


@pytest.mark.parametrize(
    ("added", "says"),
    [
        ('off = ["xx.nothing"]', "no earlier file has this rule"),
        ('[extend]\nnothing = "x"', "to extend"),
        ('[concepts]\ntake = "grab"', "exists in f0.toml"),
        ('[words]\nmorphology = "none"', "remove it here"),
        ("rule = 3", "right form"),
        ("rule = [3]", "not a table"),
        ('off = "xx.papers"', "right form"),
        ("colour = 1", "not known"),
    ],
)
def test_a_later_file_is_checked_against_the_earlier(taxonomy, added, says):
    later = f'schema = 1\nlanguage = "xx"\n{added}\n'
    assert any(says in problem for problem in refused(taxonomy, BASE, later))


def test_a_language_needs_words(taxonomy):
    (problem,) = refused(taxonomy, 'schema = 1\nlanguage = "yy"\n')
    assert "[words]" in problem


def test_all_problems_are_told_at_once(taxonomy):
    broken = BASE.replace('"document_retention"', '"x"').replace('"excessive_work"', '"y"')
    problems = refused(taxonomy, broken, "schema = 3")
    assert [problem.split(":")[0] for problem in problems] == [
        "f0.toml, xx.papers",
        "f0.toml, xx.hours",
        "f1.toml, file",
    ]


def test_a_file_that_is_too_long_is_refused(taxonomy):
    assert "too long" in refused(taxonomy, BASE + "#" * 1_000_000)[0]


LINES = BASE.splitlines()


@given(st.lists(st.sampled_from([*LINES, "x = 1", "[[rule]]", '"', "[concepts]"]), max_size=40))
@settings(max_examples=200, deadline=None)
def test_no_file_breaks_the_reader(taxonomy, lines):
    try:
        load_rules(taxonomy, {"any": "\n".join(lines)})
    except RulesRefusedError as wrong:
        problems = wrong.problems
    else:
        problems = ()
    assert all(problem.problem and problem.remedy for problem in problems)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"sources": {}, "categories": [{}], "version": "1"}', "[" * 100_000]
)
def test_a_broken_taxonomy_is_refused(text):
    with pytest.raises(TaxonomyRefusedError, match=r"taxonomy\.json"):
        read_taxonomy(text)


def test_every_category_names_its_sources(taxonomy):
    assert len(taxonomy.categories) == 18
    for category in taxonomy.categories.values():
        assert category.instrument in taxonomy.sources
        assert category.item
