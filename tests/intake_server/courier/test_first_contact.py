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
from intake_server.courier.paging import read_page
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

TELLING_THERE = {
    language: re.compile(words, re.IGNORECASE)
    for language, words in {
        "ar": "مساعد|خطر|عنف|اتجار|شرط|ضحي|استغلال|أمان|ملجأ|دعم|منظمة",
        "bg": "помощ|опасн|насил|трафик|полици|жертв|закрил|консулт|приют|организац",
        "de": "hilf|beratung|gefahr|gewalt|menschenhandel|polizei|opfer|schutz|krise|organisation",
        "en": TELLING.pattern,
        "es": "ayuda|peligro|violen|trata|polic|víctima|refugio|abus|explota|organizaci|asesor",
        "fr": "aide|danger|violen|traite|polic|victime|refuge|abus|exploit|organisation|conseil",
        "id": "bantu|tolong|bahaya|kekeras|perdagang|polisi|korban|lindung|eksploit|organisasi",
        "km": "ជំនួយ|គ្រោះ|ហិង្សា|ជួញដូរ|ប៉ូលិស|រងគ្រោះ|អង្គការ",
        "my": "အကူအညီ|အန္တရာယ်|အကြမ်းဖက်|လူကုန်|ရဲ|နစ်နာ|အဖွဲ့အစည်း",
        "pl": "pomoc|niebezpiecz|przemoc|handel|policj|ofiar|schronie|wykorzyst|organizacj|porad",
        "pt": "ajuda|socorro|perigo|violên|tráfico|políc|vítima|abrigo|abus|explora|organizaç",
        "ro": "ajutor|pericol|violen|trafic|poliți|victim|adăpost|abuz|exploat|organizați|consil",
        "ru": "помощ|опасн|насил|торговл|полици|жертв|приют|эксплуат|организац|консульт|кризис",
        "sr": "pomoć|opasn|nasilj|trgovin|polici|žrtv|sklonište|zlostav|eksploat|organizacij|savet",
        "th": "ช่วยเหลือ|อันตราย|รุนแรง|ค้ามนุษย์|ตำรวจ|เหยื่อ|ที่พัก|องค์กร|ปรึกษา",
        "uk": "допомог|небезпе|насил|торгівл|поліці|жертв|притул|експлуат|організац|консульт",
        "vi": "giúp đỡ|nguy hiểm|bạo lực|buôn người|công an|nạn nhân|bóc lột|tổ chức|tư vấn",
    }.items()
}
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


def rules_of(language):
    taxonomy = read_taxonomy((RULES.parent / "taxonomy.json").read_text(encoding="utf-8"))
    return load_rules(
        taxonomy, {language: (RULES / f"{language}.toml").read_text(encoding="utf-8")}
    )


def test_there_are_words_for_every_language_that_is_screened():
    wanted = sorted(file.stem for file in RULES.glob("*.toml"))
    assert wanted == LANGUAGES
    assert sorted(WORDS) == wanted
    assert sorted(one.name[:-5] for one in POSTERS.iterdir()) == wanted


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_locked_screen_tells_nothing(language):
    texts = automatic(language)
    assert len(texts) > len(Answers.__slots__) + len(QUESTIONS)
    for name, text in texts.items():
        assert text.strip(), name
        assert not TELLING.search(text[:LOCK_SCREEN]), name
        assert not TELLING_THERE[language].search(text[:LOCK_SCREEN]), name


def test_nor_would_screening_find_anything_there():
    """The rules know the words of the field better than a list in a test."""
    rules = rules_of("en")
    assert screen("my boss took my passport", rules).findings
    for name, text in automatic("en").items():
        found = screen(text[:LOCK_SCREEN], rules).findings
        assert [one for one in found if one.rule != POLITE] == [], name


def texts_in(folder, language):
    read = json.loads(folder.joinpath(f"{language}.json").read_text(encoding="utf-8"))
    flat = {}
    for key, value in read.items():
        if key == "reviewed_by_native":
            continue
        said = value["text"] if isinstance(value, dict) else value
        flat[key] = "\n".join(said) if isinstance(said, list) else said
    return read.get("reviewed_by_native"), flat


@pytest.mark.parametrize("folder", ["strings", "strings/guided", "posters"])
@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
def test_each_language_says_the_same_and_says_who_has_read_it(folder, language):
    """The same texts with the same gaps and commands; not one left in English."""
    place = files("intake_server.courier").joinpath(folder)
    _, english = texts_in(place, "en")
    reviewed, there = texts_in(place, language)
    assert reviewed in {True, False}, "nobody knows whether a native speaker has read it"
    assert there.keys() <= english.keys()
    for key, text in there.items():
        for part in (r"\{[a-z]+\}", r"/[a-z]+(?: off| 18-22)?", r"^[01] ", r"\n\n"):
            said = re.findall(part, text, re.MULTILINE)
            assert sorted(said) == sorted(re.findall(part, english[key], re.MULTILINE)), (key, part)
        assert text != english[key] or key == "say_no", key
        assert len(text) <= 700, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_confirmations_are_one_word(language):
    assert len(read_answers(ROOT / "nowhere", language).erased.split()) == 1


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
        "pages": read_page,
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
    assert listed == {"/erase", "/code", "/join", "/page", "/hours", "/questions", "/takeback"}
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
    rules = rules_of(language)
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
