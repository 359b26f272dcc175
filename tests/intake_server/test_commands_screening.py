"""`havenline screen` and `havenline indicators`, on English rules alone where all would be slow."""

import json

import pytest
from click.testing import CliRunner

from intake_server import commands_screening
from intake_server.cli import main
from intake_server.own_rules import read_sound_rules
from intake_server.screening_rules import (
    RulesUnusable,
    read_rules,
    rule_texts,
    shipped_taxonomy,
    word_forms,
)
from triage.screening.forms import read_forms
from triage.screening.rule_files import inflected_words

OWN = """
schema = 1
language = "en"
off = ["en.papers.taken"]
[explain]
"en.papers.held" = "Papers are with somebody else."
[concepts]
local = "chit fund"
[[rule]]
id = "local.debt"
category = "debt_bondage"
find = ["local"]
explain = "A debt that is common here."
hits = ["the chit fund"]
misses = ["the pension fund"]
"""


def english(own=None, _languages=None):
    return read_rules(own, languages={"en"})


def sound_english(own, _languages=None):
    return read_sound_rules(own, languages={"en"})


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a command on English and own rules alone: reading all languages takes seconds."""
    monkeypatch.setattr(commands_screening, "read_rules", english)
    monkeypatch.setattr(commands_screening, "read_sound_rules", sound_english)

    def call(*words):
        return CliRunner().invoke(main, [*words, "--data", str(tmp_path)])

    return call


def with_own(folder, text=OWN):
    (folder / "indicators").mkdir()
    (folder / "indicators" / "en-local.toml").write_text(text, encoding="utf-8")


def test_a_file_is_screened_line_by_line_and_broken_lines_are_named(tmp_path, run):
    lines = [
        b'{"id": "a", "text": "\xf0\x9f\x98\x90 he took my passport"}',
        b'{"id": "b", "text": "\xff"}',
        b'{"id": "c", "text": ',
        b"",
        b"[1]",
        b'{"id": "d", "text": 4}',
        b"[" * 100_000,
        b'{"id": 7, "text": null}',
        b'{"id": "e", "text": "im 14 and my uncle hits me"}',
        b'{"id": "f", "text": "half a pair \\ud83d took my passport"}',
    ]
    (tmp_path / "in.jsonl").write_bytes(b"\n".join(lines))
    out = tmp_path / "out.jsonl"
    result = run("screen", str(tmp_path / "in.jsonl"), "--out", str(out))
    assert result.exit_code == 1
    for said in (
        "line 2: byte 22 is not UTF-8",
        "line 3: not JSON",
        "line 5: no object",
        "line 6:",
    ):
        assert said in result.output
    assert "line 7: not JSON" in result.output
    read = {row["id"]: row for row in map(json.loads, out.read_text().splitlines())}
    assert list(read) == ["a", 7, "e", "f"]
    assert read["a"]["categories"] == ["document_retention"]
    assert read["a"]["evidence"] == [{"category": "document_retention", "start": 5, "end": 21}]
    assert read[7] == {
        "id": 7,
        "categories": [],
        "urgency": 1,
        "is_minor": False,
        "third_party": False,
        "evidence": [],
    }
    assert (read["e"]["urgency"], read["e"]["is_minor"]) == (3, True)


def test_a_whole_file_ends_well(tmp_path, run):
    (tmp_path / "in.jsonl").write_text('{"id": "a", "text": "help"}\n')
    result = run("screen", str(tmp_path / "in.jsonl"), "--out", str(tmp_path / "out.jsonl"))
    assert (result.exit_code, result.output) == (0, "")


@pytest.mark.parametrize("words", [(), ("in.jsonl",), ("in.jsonl", "--explain", "help")])
def test_what_is_missing_is_said(run, words):
    result = run("screen", *words)
    assert result.exit_code == 2
    assert "--explain" in result.output


def test_a_text_is_explained_for_a_person(run):
    result = run("screen", "--explain", "she keeps my passport and i am 15")
    assert result.exit_code == 0
    for said in (
        "Urgency ",
        '"she keeps my passport"',
        "ILO11",
        "en.papers",
        "under 18",
        "may be wrong",
    ):
        assert said in result.output


def test_what_is_set_aside_is_explained_and_predicted_of_nobody(tmp_path, run):
    text = "I am writing a newspaper article: they took their passports and locked them in"
    said = run("screen", "--explain", text).output
    counted, aside = said.split("Set aside, and not counted:")
    assert "Urgency 0" in counted
    assert "en.movement.lock" not in counted
    assert '"locked them"' in aside
    assert "en.movement.lock" in aside
    (tmp_path / "in.jsonl").write_text(json.dumps({"id": 1, "text": text}), encoding="utf-8")
    run("screen", str(tmp_path / "in.jsonl"), "--out", str(tmp_path / "out.jsonl"))
    (line,) = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert (json.loads(line)["categories"], json.loads(line)["evidence"]) == ([], [])


def test_what_is_taken_for_everyday_says_so(run):
    text = "in this film the girl is locked in a cellar and nobody comes, what is it called?"
    said = run("screen", "--explain", text).output
    assert "Urgency 1: Reads like an everyday matter." in said
    assert "Taken for an everyday matter, and not counted:" in said


def test_check_says_who_has_read_the_rules(run):
    result = run("indicators", "check")
    assert result.exit_code == 0
    assert "read by nobody native yet" in result.output


def test_check_names_examples_that_fail(tmp_path, run):
    with_own(tmp_path, OWN.replace("the pension fund", "my chit fund"))
    result = run("indicators", "check")
    assert result.exit_code == 1
    assert "local.debt" in result.output
    assert "should not be" in result.output


def test_a_mistake_in_an_own_file_is_named_with_file_rule_and_remedy(tmp_path, run):
    with_own(tmp_path, OWN.replace("debt_bondage", "debts"))
    result = run("indicators", "check")
    assert result.exit_code == 1
    assert "indicators/en-local.toml, local.debt" in result.output
    assert "use one of" in result.output


BROKEN = {
    "a-toml.toml": 'schema = 1\nlanguage = "en"\nshe was "locked',
    "b-category.toml": OWN.replace("debt_bondage", "secret words"),
    "c-language.toml": OWN.replace('"en"', '"xx"').replace("off =", "# off ="),
    "d-no-table.toml": "language = 3",
}


def with_broken(folder):
    with_own(folder)
    for name, text in BROKEN.items():
        (folder / "indicators" / name).write_text(text, encoding="utf-8")
    (folder / "indicators" / "e-bytes.toml").write_bytes(b"\xff\xfe")


def test_broken_own_files_leave_the_others_and_the_shipped_rules_in_force(tmp_path):
    with_broken(tmp_path)
    read = read_sound_rules(tmp_path / "indicators", languages={"en"})
    assert [one.file for one in read.refused] == [
        *(f"indicators/{name}" for name in BROKEN),
        "indicators/e-bytes.toml",
    ]
    ids = {rule.id for pack in read.rules.packs for rule in pack.rules}
    assert "local.debt" in ids
    assert "en.papers.held" in ids
    assert "en.papers.taken" not in ids  # the sound own file silences it
    for one in read.refused:
        assert one.reason
        for word in ("secret", "words", "locked", "local", "chit"):
            assert word not in one.reason


def test_without_own_files_the_rules_are_those_shipped(tmp_path):
    read = read_sound_rules(tmp_path / "indicators", languages={"en"})
    assert read.refused == ()
    assert read.rules.version == english().version


def test_check_explains_what_is_refused_and_screening_goes_on_without_it(tmp_path, run):
    with_broken(tmp_path)
    checked = run("indicators", "check")
    assert checked.exit_code == 1
    for name in (*BROKEN, "e-bytes.toml"):
        assert f"indicators/{name} is not used" in checked.output
    assert "use one of" in checked.output
    screened = run("screen", "--explain", "the chit fund")
    assert screened.exit_code == 0
    assert "A debt that is common here." in screened.output
    assert "is not used" in screened.output


def test_a_file_that_is_no_text_is_named(tmp_path):
    with_own(tmp_path)
    (tmp_path / "indicators" / "z.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(RulesUnusable, match=r"z\.toml cannot be read"):
        read_rules(tmp_path / "indicators", languages={"en"})


def test_diff_tells_what_own_files_change(tmp_path, run):
    assert "change no shipped rule" in run("indicators", "diff").output
    with_own(tmp_path)
    assert run("indicators", "diff").output.splitlines() == [
        "- en.papers.taken: silenced",
        "+ local.debt: added by indicators/en-local.toml",
        "~ en.papers.held: explained as: Papers are with somebody else.",
    ]


def test_a_rule_is_explained(run):
    result = run("indicators", "explain", "en.papers.held")
    assert result.exit_code == 0
    for said in ("Somebody else keeps the papers.", "captor", "A negation blocks it.", "Found:"):
        assert said in result.output
    unknown = run("indicators", "explain", "papers")
    assert unknown.exit_code == 1
    assert "en.papers.taken" in unknown.output


def test_the_shipped_forms_hold_all_words_of_the_shipped_rules():
    """`havenline indicators forms` writes them anew; without them a start takes seconds longer."""
    shipped = word_forms()
    for lemmas, words in inflected_words(shipped_taxonomy(), rule_texts()).items():
        assert words - read_forms(shipped.get(lemmas, "")).words == frozenset(), lemmas
