"""In which language somebody is answered."""

import json
from pathlib import Path

import pytest

from triage.language import LANGUAGES, guess_language

RULES = Path(__file__).parents[2] / "triage/screening/rules"
SETS = Path(__file__).parent / "screening/sets"


def test_every_language_that_is_screened_can_be_guessed():
    assert {file.stem for file in RULES.glob("*.toml")} == LANGUAGES


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("help", "en"),
        ("hola", "es"),
        ("ajutor", "ro"),
        ("mi-e frica", "ro"),
        ("hilfe", "de"),
        ("AIDEZ MOI SVP", "fr"),
        ("preciso de ajuda", "pt"),
        ("proszę o pomoc", "pl"),
        ("molim vas pomozite", "sr"),
        ("помозите", "sr"),
        ("помогите", "ru"),
        ("допоможіть", "uk"),
        ("помогнете ми", "bg"),
        ("tolong saya", "id"),
        ("giup toi voi", "vi"),
        ("cứu tôi", "vi"),
        ("ช่วยด้วย", "th"),
        ("ကူညီပါ", "my"),
        ("ជួយខ្ញុំ", "km"),
        ("مساعدة", "ar"),
    ],
)
def test_a_few_words_are_enough(text, language):
    assert guess_language(text) == language


@pytest.mark.parametrize(
    "text",
    [
        "",
        "👍",
        "ok",
        "1234",
        "!?",
        "کمک",
        "yardım edin lütfen",
        "pomoc",
        "ti",
        "ei",
        "jag behöver hjälp",
    ],
)
def test_what_nothing_tells_or_two_languages_share_is_no_guess(text):
    assert guess_language(text) is None


@pytest.mark.parametrize("text", ["ti", "ei", "jag behöver hjälp"])
def test_one_word_of_two_letters_or_a_letter_of_many_languages_is_no_guess(text):
    assert guess_language(text) is None


@pytest.mark.parametrize("language", sorted(LANGUAGES - {"en"}))
def test_of_whole_messages_few_are_taken_for_another_language(language):
    lines = (SETS / f"{language}.jsonl").read_text(encoding="utf-8").splitlines()
    guesses = [guess_language(json.loads(line)["text"]) for line in lines if line.strip()]
    wrong = [one for one in guesses if one not in {language, None}]
    assert len(wrong) <= len(guesses) // 10
    assert guesses.count(language) >= len(guesses) // 2


def test_a_long_text_is_looked_at_in_bounded_time():
    assert guess_language("привет " * 500_000) == "ru"
    assert guess_language("\u0300" * 1_000_000) is None
