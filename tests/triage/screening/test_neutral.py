"""What the program itself says is no cry for help: its own words must not look urgent.

Whoever answers by quoting them, or forwards them, stands where their own words put them. They are
also a thousand ordinary sentences about writing, waiting, erasing and locking, in 17 languages,
that no author of a rule wrote to try it.
"""

import json
import re
from pathlib import Path

import pytest

import intake_server
from intake_server.screening_rules import read_rules
from triage.screening.engine import screen

ROOT = Path(intake_server.__path__[0])
FILES = sorted(
    file
    for folder in ("courier/strings", "courier/strings/guided", "courier/posters", "web/strings")
    for file in (ROOT / folder).glob("*.json")
)

# These name a danger or a sign, so that somebody recognises it: the rules are right to find it.
NAMES_DANGER = re.compile(
    r"c04\.here(_with_estimate)?|c08\.emergency|c12\.danger|c18\.danger_unreached(_helper)?"
    r"|c40\.empty|c45\.cannot_take|s10\.come_later|s11\.nobody_reads|c46\.too_many"
    r"|(g\d+\.)?(ask|short)_\w+"
)

MOST_OF_THE_PAGE = 0.02
"""Of the page in a language, so many texts may be taken for more than they say, and of the bot's
own messages none. The page has three hundred, many of a word or two without anything around."""


def _filled(text):
    """Return a text with something in place of its gaps."""
    text = re.sub(r"\{(time|hours|first|latest)\}", "10:30", text)
    return re.sub(r"\{\w+\}", "4", text)


@pytest.fixture(scope="module")
def every_rule():
    return read_rules()


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_neutral_words_of_the_program_stand_at_0_or_1(file, every_rule):
    urgent = []
    texts = json.loads(file.read_text(encoding="utf-8"))
    for key, value in texts.items():
        text = value["text"] if isinstance(value, dict) else value
        if isinstance(text, str) and not NAMES_DANGER.fullmatch(key):
            found = screen(_filled(text), every_rule)
            if found.urgency > 1:
                urgent.append(key)
    most = MOST_OF_THE_PAGE * len(texts) if file.parent.parent.name == "web" else 0
    assert len(urgent) <= most, urgent


def test_words_that_name_a_danger_are_found(every_rule):
    """What is left out above is left out because it is found rightly."""
    texts = json.loads((ROOT / "web/strings/en.json").read_text(encoding="utf-8"))
    assert screen(texts["c12.danger"]["text"], every_rule).urgency == 3


@pytest.mark.parametrize(
    ("text", "urgency"),
    [
        ("من فضلك اين مكتبكم", 1),
        ("عندي سؤال من فضلك عن الدوام", 1),
        ("bitte kümmere dich darum", 1),
        ("write to me in this chat when you can, to end it i write stop", 1),
        ("i want to end it tonight", 3),
        ("c'est mon dernier message", 3),
        ("je réponds après le dernier message", 1),
        ("esta é a minha última mensagem", 3),
        ("бившият ми тук е", 3),
    ],
)
def test_what_was_once_taken_for_danger_and_what_still_is(text, urgency, every_rule):
    assert screen(text, every_rule).urgency == urgency


def test_who_tells_of_an_armed_man_tells_their_own_story(every_rule):
    found = screen(
        "Trabalho numa fazenda e não deixam ninguém sair. Tem um homem armado no portão.",
        every_rule,
    )
    assert (found.urgency, found.flags) == (3, ())
    assert screen("uns homens trabalham sem receber na obra ao lado", every_rule).flags
