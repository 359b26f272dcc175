"""Vietnamese: marks that were typed part words, and words without any may be all of them."""

import pytest

from intake_server.screening_rules import read_rules
from triage.screening.engine import screen
from triage.screening.tones import toned
from triage.screening.words import read_words


@pytest.fixture(scope="module")
def rules():
    return read_rules(languages={"vi", "en"})


def categories(text, rules):
    return {finding.category for finding in screen(text, rules).findings}


def test_a_tone_may_stand_on_either_vowel_and_the_broken_ones_are_one():
    assert toned("khoá") == toned("Khóa")
    assert toned("huỷ") == toned("hũy")
    assert len({toned(word) for word in ("hăm", "hầm", "hâm", "ham")}) == 4
    assert len({toned(word) for word in ("đá", "dạ", "đã")}) == 3


def test_composed_and_decomposed_letters_are_the_same():
    assert toned("nhốt") == toned("nho\u0302\u0301t")


def test_a_word_with_other_marks_is_another_word(rules):
    assert "physical_sexual_violence" in categories("nó đá em suốt", rules)
    assert categories("dạ em cảm ơn nhiều", rules) == set()


def test_a_word_without_marks_may_be_any_of_them(rules):
    assert "physical_sexual_violence" in categories("no da em suot ngay", rules)
    assert "document_retention" in categories("chu giu ho chieu cua em", rules)


def test_marks_here_and_there_leave_the_bare_words_open(rules):
    assert "document_retention" in categories("chu giữ ho chieu cua em ko tra", rules)


def test_words_of_other_languages_have_no_typed_form():
    for text in ("la présence d'un père", "cão não está", "đaci i šećer", "passport"):
        assert all(not one.startswith("^") for word in read_words(text) for one in word.spellings)


def test_letters_that_only_vietnamese_has_are_no_word_of_another_language():
    """*Bắt* (begin, seize) is no Romanian *bat* (hit), nor *bị gỡ* something Bulgarian."""
    every = read_rules(languages={"vi", "ro", "bg"})
    found = screen("Bắt đầu một cuộc trò chuyện riêng. Tin nhắn ở đây có thể bị gỡ.", every)
    assert all(one.rule.startswith("vi.") for one in found.findings)
    assert screen("mă bate în fiecare zi, mă bat", every).findings
