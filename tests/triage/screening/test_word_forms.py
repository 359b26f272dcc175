"""The shipped files of word forms are what the shipped rules give, whoever makes them anew."""

import pytest

from intake_server.screening_rules import rule_texts, shipped_taxonomy, word_forms
from triage.screening.dictionary import file_lines
from triage.screening.rule_files import inflected_words


@pytest.mark.long
@pytest.mark.timeout(300)
def test_shipped_word_forms_are_those_of_the_shipped_rules():
    shipped = word_forms()
    for lemmas, words in inflected_words(shipped_taxonomy(), rule_texts()).items():
        made = "\n".join(file_lines(lemmas, words)) + "\n"
        assert made == shipped[lemmas], f"havenline indicators forms {lemmas}"
