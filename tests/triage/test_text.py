"""The numbers in the names are those of the theory of operation in triage/text.py."""

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.text import (
    LEFT_OUT,
    LONGEST_BYTES,
    LONGEST_CHARACTERS,
    LONGEST_PSEUDONYM,
    EmptyTextError,
    TextTooLongError,
    clean,
    is_empty,
    prepare_message,
    prepare_pseudonym,
)

VECTORS = json.loads((Path(__file__).parent / "vectors" / "text.json").read_text(encoding="utf-8"))
ANYTHING = st.text(st.characters())  # lone surrogates and controls included
NASTY = st.text(
    st.sampled_from(
        "a b\r\n\t\0\x07\x85\u2028\u202e\u2066\u2069\ufeff\u200d\u200b\ud83d\ude00é😀\u0301"
    )
)


@given(ANYTHING | NASTY)
def test_rule_4_cleaning_what_is_clean_changes_nothing_and_never_makes_it_longer(text):
    cleaned = clean(text)
    again = clean(cleaned.text)
    assert (again.text, again.left_out) == (cleaned.text, 0)
    assert len(cleaned.text) <= len(text)


@given(ANYTHING | NASTY)
def test_rule_2_what_is_left_can_be_sealed_and_shown(text):
    cleaned = clean(text).text
    assert cleaned.encode().decode() == cleaned
    for character in cleaned:
        assert character in "\n\t" or unicodedata.category(character) != "Cc"
        assert not any(first <= ord(character) <= last for first, last in LEFT_OUT)


@given(st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp"))))
def test_rule_1_ordinary_text_stays_as_written(text):
    assert clean(text).text == text


@given(st.text(alphabet="ab\0\x1b\u202e\u2066", max_size=60))
def test_rule_2_what_is_left_out_is_counted(text):
    cleaned = clean(text)
    assert len(cleaned.text) + cleaned.left_out == len(text)


@pytest.mark.parametrize("vector", VECTORS["clean"], ids=lambda vector: vector["why"])
def test_vectors_that_other_implementations_share(vector):
    cleaned = clean(vector["raw"])
    assert (cleaned.text, cleaned.left_out) == (vector["text"], vector["left_out"])


@pytest.mark.parametrize("vector", VECTORS["empty"], ids=lambda vector: vector["why"])
def test_vectors_for_emptiness(vector):
    assert is_empty(clean(vector["raw"]).text) is vector["empty"]


def test_rule_3_a_text_of_the_full_length_is_taken_and_one_more_is_refused_with_the_count():
    full = "x" * LONGEST_CHARACTERS
    assert prepare_message(full).text == full
    with pytest.raises(TextTooLongError) as refused:
        prepare_message(full + "yyy")
    assert (refused.value.characters_over, refused.value.bytes_over) == (3, 0)


def test_rule_3_bytes_count_too():
    with pytest.raises(TextTooLongError) as refused:
        prepare_message("😀" * (LONGEST_BYTES // 4 + 1))
    assert (refused.value.characters_over, refused.value.bytes_over) == (0, 4)


def test_the_refusal_does_not_repeat_the_text():
    with pytest.raises(TextTooLongError) as refused:
        prepare_message("secret " * 1000)
    assert "secret" not in str(refused.value) + repr(refused.value)


@pytest.mark.parametrize("nothing", ["", " \n\t ", "\u200b\u200d", "\0\u202e", "\u2800"])
def test_an_empty_text_is_refused(nothing):
    for prepare in (prepare_message, prepare_pseudonym):
        with pytest.raises(EmptyTextError):
            prepare(nothing)


@given(ANYTHING | NASTY)
def test_a_pseudonym_is_one_short_line(raw):
    try:
        name = prepare_pseudonym(raw).text
    except (EmptyTextError, TextTooLongError):
        return
    assert 1 <= len(name) <= LONGEST_PSEUDONYM
    assert name == name.strip()
    assert "\n" not in name
    assert "\t" not in name
    assert prepare_pseudonym(name).text == name


def test_a_long_pseudonym_is_refused_with_the_count():
    assert prepare_pseudonym("x" * LONGEST_PSEUDONYM).text == "x" * LONGEST_PSEUDONYM
    with pytest.raises(TextTooLongError) as refused:
        prepare_pseudonym("x" * LONGEST_PSEUDONYM + "y")
    assert refused.value.characters_over == 1


def test_a_megabyte_of_signs_is_no_trouble():
    assert clean("\u202e\r\n\ud800" * 250_000).left_out == 250_000
