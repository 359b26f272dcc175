"""A language put together beforehand is the same as one from its files, or is not used at all."""

import json
from dataclasses import replace

import pytest

from intake_server import screening_rules
from intake_server.screening_rules import read_rules
from triage.screening.engine import screen
from triage.screening.pack_shape import decode_shape, encode_shape
from triage.screening.reading import read_by
from triage.screening.rule_files import RulesRefusedError, compile_rules, load_rules
from triage.screening.rules import waking
from triage.screening.words import read_words

SOURCES = "a digest"
SMALL = """
schema = 1
language = "en"
[words]
morphology = "english"
common = "he, my"
[concepts]
take = "take, took"
papers = "passport"
[[rule]]
id = "en.papers"
category = "document_retention"
find = ["take", "papers"]
explain = "Somebody took papers."
"""


@pytest.fixture(scope="module")
def shape(taxonomy, english):
    made = compile_rules(taxonomy, "en.toml", english)
    assert made is not None
    return decode_shape(encode_shape(made, SOURCES), SOURCES)


def test_rules_from_a_shape_find_what_rules_from_files_find(rules, taxonomy, english, shape):
    compiled = load_rules(taxonomy, {"en.toml": english}, shapes={"en.toml": lambda: shape})
    assert compiled.version == rules.version
    assert compiled.packs[0].rules == rules.packs[0].rules
    examples = [text for rule in rules.packs[0].rules for text in (*rule.hits, *rule.misses)]
    assert len(examples) > 100
    for text in examples:
        assert screen(text, compiled) == screen(text, rules)


def test_which_part_wakes_a_rule_changes_nothing_of_what_it_finds(rules):
    (pack,) = rules.packs
    texts = [text for rule in pack.rules for text in rule.hits[:1]]
    usual = [read_by(pack, read_words(text)).matches for text in texts]
    concepts = sorted(pack.waking)
    for order in (concepts, concepts[::-1]):
        often = {concept: count for count, concept in enumerate(order)}
        other = replace(pack, waking=waking(pack.rules, often))
        assert [read_by(other, read_words(text)).matches for text in texts] == usual


def test_only_words_that_stand_in_the_files_are_kept_and_their_forms(taxonomy):
    index = load_rules(taxonomy, {"en.toml": SMALL}).index
    for text in ("he took my passport", "Marisol taking passports", "pasport", "p4ssport"):
        for word in read_words(text):
            index.known(word)
    assert set(index.kept) == {"he", "took", "my", "passport", "taking", "passports"}


def test_an_elided_word_is_kept_with_a_word_of_the_rules_and_with_no_other(taxonomy):
    index = load_rules(taxonomy, {"en.toml": SMALL}).index
    for text in ("l'passport", "d'Marisol", "qu'taking"):
        for word in read_words(text):
            index.known(word)
    assert set(index.kept) == {"l'passport", "qu'taking"}


def test_a_file_made_twice_is_the_same(taxonomy, english, shape):
    again = compile_rules(taxonomy, "en.toml", english)
    assert again is not None
    assert encode_shape(again, SOURCES) == encode_shape(shape, SOURCES)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-1],
        lambda text: text.replace("passport", "passpart", 1),
        lambda text: text.replace(SOURCES, "another", 1),
        lambda _: "",
        lambda _: "{}",
    ],
)
def test_what_is_damaged_or_of_other_sources_is_no_shape(shape, damage):
    assert decode_shape(damage(encode_shape(shape, SOURCES)), SOURCES) is None


def test_a_file_that_is_wrong_has_no_shape(taxonomy, english):
    wrong = english + "\n[[rule]]\nid = 5\n"
    assert compile_rules(taxonomy, "en.toml", wrong) is None
    with pytest.raises(RulesRefusedError):
        load_rules(taxonomy, {"en.toml": wrong})


def test_own_files_still_add_to_and_silence_what_was_put_together(taxonomy, english, shape, rules):
    silenced = rules.packs[0].rules[0].id
    own = f'schema = 1\nlanguage = "en"\noff = ["{silenced}"]\n'
    files = {"en.toml": english, "own.toml": own}
    with_shape = load_rules(taxonomy, files, shapes={"en.toml": lambda: shape})
    assert silenced not in with_shape.explanations()
    assert with_shape.explanations() == load_rules(taxonomy, files).explanations()


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A folder like the shipped one, with one small language."""
    taxonomy = (screening_rules.SHIPPED / "taxonomy.json").read_text(encoding="utf-8")
    files = {"taxonomy.json": taxonomy, "rules/en.toml": SMALL, "word_forms/en.txt": ""}
    files["weights.toml"] = (screening_rules.SHIPPED / "weights.toml").read_text(encoding="utf-8")
    for name, text in {**files, "words.py": ""}.items():
        copy = tmp_path / name
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(text, encoding="utf-8")
    monkeypatch.setattr(screening_rules, "SHIPPED", tmp_path)
    return tmp_path


def test_what_was_put_together_is_kept_and_made_anew_when_anything_changes(shipped):
    kept = shipped / "compiled" / "en.json"
    version = read_rules().version
    first = kept.read_bytes()
    assert read_rules().version == version
    assert kept.read_bytes() == first
    for changed in ("rules/en.toml", "word_forms/en.txt", "words.py"):
        before = kept.read_bytes()
        with (shipped / changed).open("a", encoding="utf-8") as file:
            file.write("# changed\n")
        read_rules()
        assert kept.read_bytes() != before
    kept.write_text("damaged", encoding="utf-8")
    read_rules()
    assert json.loads(kept.read_text(encoding="utf-8").partition("\n")[2])["language"] == "en"
    assert [one.name for one in kept.parent.iterdir()] == ["en.json"]


def test_where_nothing_can_be_kept_everything_works(shipped):
    (shipped / "compiled").write_text("a file where the folder would be", encoding="utf-8")
    assert screen("he took my passport", read_rules()).findings
