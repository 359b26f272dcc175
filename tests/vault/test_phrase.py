"""What the vectors cannot say of vault.phrase: arbitrary text, the list, no leak."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault import phrase
from vault.phrase import NotAPhrase, Phrase, Reason
from vault.sealing import Secret

PHRASES = st.integers(0, 2**77 - 1).map(lambda number: Phrase(Secret(number.to_bytes(10, "big"))))


def test_the_list_has_2048_different_words_told_apart_by_four_letters():
    listed = phrase.word_list()
    assert len(listed) == 2048
    assert len({word[:4] for word in listed}) == 2048
    assert all(word.isascii() and word.isalpha() and word.islower() for word in listed)


@given(PHRASES)
def test_words_and_digits_mean_the_same_phrase(one):
    assert phrase.read_phrase(" ".join(phrase.words(one))) == one
    assert phrase.read_phrase(" ".join(phrase.digits(one))) == one


@given(PHRASES, st.integers(0, 24), st.integers(1, 9))
def test_every_single_wrong_digit_is_found(one, at, by):
    digits = "".join(phrase.digits(one))
    wrong = str((int(digits[at]) + by) % 10)
    with pytest.raises(NotAPhrase) as caught:
        phrase.read_phrase(digits[:at] + wrong + digits[at + 1 :])
    assert caught.value.reason is Reason.CHECK_DIGIT


@given(PHRASES, st.integers(0, 23))
def test_every_exchange_of_neighbouring_digits_is_found(one, at):
    digits = "".join(phrase.digits(one))
    exchanged = digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :]
    if exchanged == digits:
        return
    with pytest.raises(NotAPhrase) as caught:
        phrase.read_phrase(exchanged)
    assert caught.value.reason is Reason.CHECK_DIGIT


@given(st.text(max_size=200) | st.text(st.sampled_from("0123456789٠١۹१ ab-é"), max_size=60))
def test_arbitrary_text_is_only_no_phrase(text):
    with pytest.raises(NotAPhrase) as caught:
        phrase.read_phrase(text)
    assert caught.value.reason in Reason


@given(st.lists(st.text(st.characters(categories=["L"]), min_size=1, max_size=9), min_size=8))
def test_arbitrary_words_are_read_or_refused(words):
    try:
        read = phrase.read_phrase(" ".join(words[:8]))
    except NotAPhrase:
        return
    assert phrase.read_phrase(" ".join(phrase.words(read))) == read


def test_what_was_typed_is_not_in_the_error():
    with pytest.raises(NotAPhrase) as caught:
        phrase.read_phrase("one two three four five sixx zzyzzy eight")
    said = str(caught.value) + repr(caught.value)
    assert "zzyzzy" not in said
    assert "three" not in said


def test_a_phrase_shows_nothing_and_is_not_pickled():
    one = phrase.new_phrase()
    keys = phrase.phrase_keys(one)
    for hidden in (one.secret, keys.box.secret, keys.sign.seed):
        assert repr(hidden.reveal())[2:-1] not in repr((one, keys))
    assert keys.lookup_tag.hex() not in repr(keys)
    assert "lookup" not in repr(keys)
    with pytest.raises(TypeError):
        pickle.dumps(one)


@pytest.mark.parametrize("value", [b"", bytes(9), bytes(11), b"\x20" + bytes(9)])
def test_other_bytes_are_no_phrase(value):
    with pytest.raises(ValueError, match="ten bytes"):
        Phrase(Secret(value))


def test_new_phrases_differ_and_use_all_their_bits():
    numbers = [int.from_bytes(phrase.new_phrase().secret.reveal()) for _ in range(200)]
    assert len(set(numbers)) == 200
    seen = 0
    for number in numbers:
        seen |= number
    assert seen == 2**77 - 1


def test_a_phrase_from_given_randomness_drops_the_upper_bits():
    one = phrase.phrase_from(Secret(b"\xff" * 32))
    assert one.secret.reveal() == b"\x1f" + b"\xff" * 9
