"""What somebody sees over a shoulder, and what no word of theirs can set off."""

import asyncio
import json
import re
import tomllib
from functools import partial
from importlib.resources import files
from pathlib import Path

import pytest

from intake_server.courier import duty
from intake_server.courier.answers import Answers, read_answers
from intake_server.courier.codes import read_request
from intake_server.courier.commands import Commands
from intake_server.courier.guided import Guided, read_words
from intake_server.courier.hours import read_wish
from intake_server.poster import poster
from intake_server.settings import DeltaChatSettings, SignalSettings
from triage.guided import QUESTIONS
from triage.screening.engine import screen
from triage.screening.rule_files import load_rules
from triage.screening.taxonomy import read_taxonomy

ROOT = Path(__file__).parents[3]
RULES = ROOT / "triage/screening/rules"
LOCK_SCREEN = 60  # characters that show on a locked phone
STRINGS = files("intake_server.courier").joinpath("strings")
LANGUAGES = sorted(one.name[:-5] for one in STRINGS.iterdir() if one.name.endswith(".json"))
POSTERS = files("intake_server.courier").joinpath("posters")
TELLING = re.compile(
    r"help|hotline|counsel|danger|violen|traffick|polic|victim|abus|rescue|crisis|shelter|"
    r"report|escape|safe|exploit|support|advice|organi[sz]ation|ngo\b",
    re.IGNORECASE,
)
"""What tells somebody who reads a locked screen what this is about."""

POLITE = "en.plea.bare"  # "please", which a message to staff may begin with

WORDS = read_words()
ONES_OWN_WORDS = (
    "help", "HELP!", "stop", "Stop.", "please", "yes", "no", "ok", "hello", "hi", "erase",
    "delete", "questions", "takeback", "duty", "join", "start", "end", "unsubscribe", "quit",
    "cancel", "info", "menu", "0", "1", "1234", "!", "?", "…", "👍", "hilfe", "stopp", "bitte",
    "ayuda", "por favor", "aide", "s'il vous plaît", "pomoc", "proszę", "ajutor", "помощь",
    "стоп", "допоможіть", "مساعدة", "قف", "من فضلك", "ช่วยด้วย", "หยุด", "cứu tôi", "dừng lại",
    "tolong", "berhenti", "ជួយខ្ញុំ", "ကူညီပါ", "помогнете", "помозите",
)  # fmt: skip


def automatic(language):
    """Every text that goes to a client without a counsellor, as it is sent, by its name."""
    answers = read_answers(ROOT / "nowhere", language)
    said = {name: getattr(answers, name) for name in Answers.__slots__}
    words = WORDS[language]
    guided = Guided(WORDS, lambda: 0.0, language)
    said["guided"] = guided.read(b"t", b"1", "/questions").say
    said["taken_back"] = guided.read(b"t", b"2", "/takeback").say
    for first in (2, 1):  # answered "No" to the first question, which ends them; and to the end
        guided = Guided(WORDS, lambda: 0.0, language)
        guided.did(b"t", guided.read(b"t", b"0", "/questions"))
        for number in range(len(QUESTIONS)):
            step = guided.read(b"t", b"%d" % (number + 3), str(first))
            if step is None:
                break
            said[f"question {first}.{number}"] = step.say
            guided.did(b"t", step)
    for name in ("given", "not_given", "nothing", "stop_here"):
        said[name] = words[name]
    return said


@pytest.fixture(scope="module")
def english():
    taxonomy = read_taxonomy((RULES.parent / "taxonomy.json").read_text(encoding="utf-8"))
    return load_rules(taxonomy, {"en": (RULES / "en.toml").read_text(encoding="utf-8")})


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_locked_screen_tells_nothing(language):
    texts = automatic(language)
    assert len(texts) > len(Answers.__slots__) + len(QUESTIONS)
    for name, text in texts.items():
        assert text.strip(), name
        assert not TELLING.search(text[:LOCK_SCREEN]), name


def test_nor_would_screening_find_anything_there(english):
    """The rules know the words of the field better than a list in a test."""
    assert screen("my boss took my passport", english).findings
    for name, text in automatic("en").items():
        found = screen(text[:LOCK_SCREEN], english).findings
        assert [one for one in found if one.rule != POLITE] == [], name


@pytest.mark.parametrize("channel", ["deltachat", "matrix", "signal"])
def test_names_that_stand_above_the_chat_and_what_hangs_on_a_wall_tell_nothing(channel):
    assert not TELLING.search(DeltaChatSettings().name)
    assert SignalSettings().number == ""  # what names the account there is asked for, see below
    for language in sorted(one.name[:-5] for one in POSTERS.iterdir()):
        page = poster(channel, "https://example.org/#invite", language, "info.01")
        words = json.loads(POSTERS.joinpath(f"{language}.json").read_text(encoding="utf-8"))
        title = words["title"]
        assert f"<title>{title}" in page
        assert not TELLING.search(title)
        assert "<svg" in page
        assert f'lang="{language}"' in page


# --- whole first messages ---------------------------------------------------------------------


def keywords(language):
    """Every word and phrase that a language's rules look for, with their own examples."""
    rules = tomllib.loads((RULES / f"{language}.toml").read_text(encoding="utf-8"))
    for part in ("words", "concepts"):
        yield from _phrases(rules.get(part, {}))
    for rule in rules.get("rule", []):
        yield from rule.get("hits", [])
        yield from rule.get("misses", [])


def _phrases(part):
    for value in part.values():
        if isinstance(value, str):
            yield from (phrase.strip() for phrase in value.split(","))
        elif isinstance(value, dict):
            yield from _phrases(value)
            yield from value


def sets_off(text):
    """What a first message would start instead of going to a counsellor."""
    commands = Commands(now=lambda: 0.0, draw=lambda: "1234")
    guided = Guided(WORDS, lambda: 0.0)
    readers = {
        "a command": partial(commands.read, b"tag"),
        "the questions": partial(guided.read, b"tag", b"transport"),
        "duty": duty._COMMAND.fullmatch,
        "joining": read_request,
        "safe hours": read_wish,
    }
    return [name for name, read in readers.items() if read(text) is not None]


@pytest.mark.parametrize("language", sorted(file.stem for file in RULES.glob("*.toml")))
def test_no_keyword_of_any_language_starts_a_command(language):
    words = {word for word in keywords(language) if word}
    assert len(words) > 50
    for word in words:
        for text in (word, word.upper(), f" {word}\n"):
            assert sets_off(text) == []


@pytest.mark.parametrize("text", ONES_OWN_WORDS)
def test_no_bare_word_or_number_starts_a_command(text):
    assert sets_off(text) == []


def test_what_does_is_seen_by_these_tests():
    """All commands that the manual lists, and no way to write one goes unseen."""
    manual = (ROOT / "docs/channels.md").read_text(encoding="utf-8")
    listed = {*re.findall(r"^\| `(/[a-z]+)", manual, re.MULTILINE), "/questions", "/takeback"}
    assert listed == {"/erase", "/code", "/join", "/hours", "/questions", "/takeback"}
    for text in (*listed, "/QUESTIONS", "/duty 1234567890", "/join 0123456789", "/hours 18-22"):
        assert sets_off(text) != []


PLEAS = {
    "ar": ("مساعدة", "ساعدوني", "قف", "توقف", "من فضلك", "أرجوكم"),
    "bg": ("помощ", "помогнете", "спрете", "стоп", "моля"),
    "de": ("Hilfe", "helft mir", "stopp", "aufhören", "bitte"),
    "en": ("help", "help me", "stop", "please", "sos"),
    "es": ("ayuda", "ayúdenme", "para", "basta", "por favor"),
    "fr": ("aide", "aidez-moi", "stop", "arrêtez", "s'il vous plaît", "svp"),
    "id": ("tolong", "bantu saya", "berhenti", "stop", "mohon"),
    "km": ("ជួយ", "ជួយខ្ញុំផង", "ឈប់", "សូម"),
    "my": ("ကူညီပါ", "ကယ်ပါ", "ရပ်ပါ", "ကျေးဇူးပြုပြီး"),
    "pl": ("pomoc", "pomocy", "stop", "przestań", "proszę"),
    "pt": ("ajuda", "socorro", "pare", "por favor"),
    "ro": ("ajutor", "ajutați-mă", "stop", "opriți", "vă rog"),
    "ru": ("помощь", "помогите", "стоп", "хватит", "пожалуйста"),
    "sr": ("pomoć", "помоћ", "upomoć", "stani", "молим"),
    "th": ("ช่วยด้วย", "ช่วย", "หยุด", "ได้โปรด", "ขอร้อง"),
    "uk": ("допоможіть", "допомога", "стоп", "досить", "будь ласка"),
    "vi": ("cứu tôi", "giúp tôi với", "dừng lại", "làm ơn", "xin"),
}


@pytest.mark.parametrize("language", sorted(PLEAS))
def test_a_bare_plea_is_never_below_one_in_any_language(language):
    """As a whole first message: it starts nothing, and screening leaves it at 1 or more."""
    assert sorted(PLEAS) == sorted(file.stem for file in RULES.glob("*.toml"))
    taxonomy = read_taxonomy((RULES.parent / "taxonomy.json").read_text(encoding="utf-8"))
    rules = load_rules(
        taxonomy, {language: (RULES / f"{language}.toml").read_text(encoding="utf-8")}
    )
    for word in PLEAS[language]:
        for text in (word, word.upper(), f"{word}!", f"{word} {word}"):
            assert sets_off(text) == []
            assert screen(text, rules).urgency >= 1, text


async def test_who_writes_three_times_is_heard_each_time_and_answered_once(stage):
    """Whatever they answer to the greeting: nothing is asked first, nothing must be answered."""
    courier = await stage.with_courier()
    loopback = courier.channels["loopback"]
    heard = loopback.listen("kim")
    for text in ("help", "Kim", "no"):
        async with asyncio.timeout(60):
            await loopback.say("kim", text)
    row = await stage.only_row()
    assert await stage.texts(row) == ["help", "Kim", "no"]
    assert (row.state, row.urgency >= 1) == ("waiting", True)
    await stage.dismiss_all()  # which lets end what is being said
    lines = [heard.get_nowait() for _ in range(heard.qsize())]
    assert ["text" in line for line in lines] == [False, True]
