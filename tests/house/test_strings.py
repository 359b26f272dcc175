"""What people read: every string is there with a note, calm, plain and short."""

import json
import re
from pathlib import Path
from string import Formatter

import pytest

ROOT = Path(__file__).parents[2]
CLIENT = json.loads((ROOT / "intake_server/web/strings/en.json").read_text(encoding="utf-8"))
DESK = json.loads((ROOT / "intake_server/desk/strings/en.json").read_text(encoding="utf-8"))
BOTH = pytest.mark.parametrize("strings", [CLIENT, DESK], ids=["client", "desk"])

TELLING = {"victim", "case", "report", "hotline", "trafficking", "police"}
"""What no string of the client page says: a bystander would understand it at once.

Asked for of the strings that show before somebody comes back; the others do well without, too.
"""

SCOLDING = {"please", "sorry", "invalid", "forgot", "forbidden"}
"""What no message about trouble says: such words blame, beg, or tell nothing to do."""

LONGEST_SENTENCE = 12

LONG_WITH_REASON = {
    "c16.locked_here": "who reads, and when, is one thought; cut in two, the first half alarms",
    "c17.locked_there": "two truths about one moment; apart, the first sounds like a leak for good",
    "c27.no_phrase_text": "the way on stands in the same breath as the way that is closed",
    "c37.not_reached": "a list of what is left elsewhere, complete",
}
"""Strings of the client page with a sentence of more than twelve words, each with its reason."""


def plain_words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:['’][^\W_]+)*", text.casefold())


def sentence_lengths(text: str) -> list[int]:
    return [len(plain_words(part)) for part in re.split(r"(?<=[.?!])\s+", text)]


def said(strings: dict[str, dict[str, str]], words: set[str]) -> dict[str, set[str]]:
    found = {key: words & set(plain_words(entry["text"])) for key, entry in strings.items()}
    return {key: hits for key, hits in found.items() if hits}


def repeated_keys(path: Path) -> list[str]:
    repeated: list[str] = []

    def keep(pairs: list[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in pairs]
        repeated.extend({name for name in names if names.count(name) > 1})
        return dict(pairs)

    json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=keep)
    return repeated


@pytest.mark.parametrize(("text", "lengths"), [("One two. Three?", [2, 1]), ("It's {count}", [2])])
def test_the_measure_counts_words_of_sentences(text, lengths):
    assert sentence_lengths(text) == lengths


def test_the_measure_takes_whole_words():
    strings = {"a": {"text": "In any case, write."}, "b": {"text": "Showcase, reporter"}}
    assert said(strings, TELLING) == {"a": {"case"}}


@BOTH
def test_every_string_has_a_text_and_a_note(strings):
    assert strings
    for key, entry in strings.items():
        assert set(entry) == {"text", "note"}, key
        assert entry["text"] == entry["text"].strip() != "", key
        assert entry["note"] == entry["note"].strip() != "", key


@BOTH
def test_keys_are_an_area_and_a_speaking_name(strings):
    assert [key for key in strings if not re.fullmatch(r"[a-z]+[0-9]{0,2}\.[a-z0-9_]+", key)] == []


@pytest.mark.parametrize("process", ["web", "desk"])
def test_no_key_stands_twice(process):
    assert repeated_keys(ROOT / f"intake_server/{process}/strings/en.json") == []


def test_the_names_of_the_client_page_are_unique_without_their_area():
    names = [key.partition(".")[2] for key in CLIENT]
    assert sorted({name for name in names if names.count(name) > 1}) == []


@BOTH
def test_placeholders_are_identifiers(strings):
    for key, entry in strings.items():
        for _, field, form, conversion in Formatter().parse(entry["text"]):
            if field is not None:
                assert re.fullmatch("[a-z][a-z_]*", field), key
                assert (form, conversion) == ("", None), key


@BOTH
def test_every_gap_is_explained_or_speaks_for_itself(strings):
    for key, entry in strings.items():
        for _, field, _, _ in Formatter().parse(entry["text"]):
            assert field is None or len(field) > 2, key


def test_the_client_page_says_nothing_telling():
    assert said(CLIENT, TELLING) == {}


@BOTH
def test_nothing_scolds(strings):
    assert said(strings, SCOLDING) == {}


def test_the_desk_speaks_of_clients():
    assert said(DESK, {"victim", "victims", "user", "users"}) == {}


def test_sentences_of_the_client_page_are_short():
    long = {
        key
        for key, entry in CLIENT.items()
        if max(sentence_lengths(entry["text"])) > LONGEST_SENTENCE
    }
    assert long == set(LONG_WITH_REASON)
