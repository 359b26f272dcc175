"""Every shipped language says all that the English one says, and nothing that it must not."""

import json
import re
from pathlib import Path
from string import Formatter

import pytest

from intake_server.screening_rules import read_rules
from triage.screening.evidence import EXPLAINED

ROOT = Path(__file__).parents[2]
FOLDERS = {name: ROOT / "intake_server" / name / "strings" for name in ("web", "desk")}
CODES = [
    "ar",
    "bg",
    "de",
    "es",
    "fr",
    "id",
    "km",
    "my",
    "pl",
    "pt",
    "ro",
    "ru",
    "sr",
    "th",
    "uk",
    "vi",
]
EVERY = pytest.mark.parametrize("code", CODES)
BOTH = pytest.mark.parametrize("process", FOLDERS)

TELLING = {
    "ar": "ضحية ضحايا الشرطة شرطة الاتجار",
    "bg": "жертва жертви полиция полицията трафик трафика",
    "de": "Opfer Polizei Menschenhandel Hotline Fall Fälle",
    "es": "víctima víctimas policía trata",
    "fr": "victime victimes police traite trafic",
    "id": "korban polisi perdagangan",
    "km": "ជនរងគ្រោះ ប៉ូលិស នគរបាល ជួញដូរ",
    "my": "သားကောင် ရဲစခန်း ကုန်ကူး",
    "pl": "ofiara ofiary policja policji handel",
    "pt": "vítima vítimas polícia tráfico",
    "ro": "victimă victime victima poliția poliție trafic traficul",
    "ru": "жертва жертвы полиция полиции торговля",
    "sr": "žrtva žrtve policija policije trgovina",
    "th": "เหยื่อ ตำรวจ ค้ามนุษย์",
    "uk": "жертва жертви поліція поліції торгівля",
    "vi": "nạn nhân|cảnh sát|công an|buôn người",
}
"""What no string of the client page says: a bystander would understand it at once."""

RUNNING_TOGETHER = {"km", "my", "th", "vi"}
"""Looked for anywhere in a string: there are no spaces between words, or inside them, too."""

SAME_AS_ENGLISH = {
    "c39.cover_title": {"de"},
    "c33.no": {"es"},
    "g03.say_no": {"es"},
    "a05.film": {"de", "pl", "sr"},
    "a05.document": {"fr", "ro"},
    "a05.size": "*",
    "c48.english": "*",
    "channel.signal": "*",
    "channel.matrix": "*",
    "channel.deltachat": "*",
    "desk.wait_minutes": "*",
    "desk.wait_hours": "*",
    "desk.wait_days": "*",
    "attached.name": "*",
    "attached.film": {"de", "pl", "sr"},
    "attached.document": {"fr", "ro"},
    "details.organisation": {"de"},
    "guided.say_no": {"es"},
    "keys.filter": {"de", "sr"},
    "mark.shape_hexagon": {"ro"},
    "queue.filter": {"sr"},
    "team.title": {"de"},
    "urgency.word_3": {"fr"},
}
"""Words that are the same in that language, names, and units ("*": in any)."""


def read(process: str, code: str) -> dict[str, str]:
    entries = json.loads((FOLDERS[process] / f"{code}.json").read_text(encoding="utf-8"))
    return {key: one["text"] for key, one in entries.items() if isinstance(one, dict)}


def notes(process: str) -> dict[str, str]:
    entries = json.loads((FOLDERS[process] / "en.json").read_text(encoding="utf-8"))
    return {key: one["note"] for key, one in entries.items()}


def places(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in Formatter().parse(text) if name is not None)


def says_anything(text: str) -> bool:
    return any(letter.isalpha() for letter in re.sub(r"\{\w+\}", "", text))


@BOTH
def test_the_seventeen_languages_are_there(process):
    assert sorted(path.stem for path in FOLDERS[process].glob("*.json")) == sorted([*CODES, "en"])


@BOTH
@EVERY
def test_a_translation_is_whole_and_says_who_has_read_it(process, code):
    raw = json.loads((FOLDERS[process] / f"{code}.json").read_text(encoding="utf-8"))
    assert isinstance(raw.pop("reviewed_by_native"), bool)
    assert list(raw) == list(read(process, "en")), "the same strings in the same order"
    for key, entry in raw.items():
        assert set(entry) == {"text"}, key
        assert entry["text"] == entry["text"].strip() != "", key


@BOTH
@EVERY
def test_the_same_gaps_are_filled_and_nothing_is_markup(process, code):
    english = read(process, "en")
    for key, text in read(process, code).items():
        assert set(places(text)) == set(places(english[key])), key
        assert not re.search(r"<[a-z/!]|&\w+;", text), key
        assert not set(text) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"), key


@BOTH
@EVERY
def test_nothing_is_left_in_english(process, code):
    english = read(process, "en")
    left = [
        key
        for key, text in read(process, code).items()
        if text == english[key]
        and says_anything(text)
        and SAME_AS_ENGLISH.get(key) != "*"
        and code not in SAME_AS_ENGLISH.get(key, ())
    ]
    assert left == []


def explained_by_rules() -> set[str]:
    """What the shipped rules say of signs, and weighing of the words it names."""
    said = {rule.explain for pack in read_rules().packs for rule in pack.rules if rule.category}
    return said | {EXPLAINED}


@EVERY
def test_every_explanation_of_a_sign_is_told_in_the_language_of_the_desk(code):
    file = FOLDERS["desk"] / "explanations" / f"{code}.json"
    told = json.loads(file.read_text(encoding="utf-8"))
    assert set(told) == explained_by_rules()
    for english, text in told.items():
        assert text == text.strip() != english, english
        assert english.endswith(":") == text.endswith((":", "\uff1a", "\u17d6")), english


@EVERY
def test_the_client_page_says_nothing_telling(code):
    telling = TELLING[code].casefold()
    words = telling.split("|") if "|" in telling else telling.split()
    for key, text in read("web", code).items():
        plain = text.casefold()
        said = plain if code in RUNNING_TOGETHER else set(re.findall(r"\w+", plain))
        assert [word for word in words if word in said] == [], key


@EVERY
def test_buttons_of_the_client_page_stay_short(code):
    english, about = read("web", "en"), notes("web")
    long = {
        key: text
        for key, text in read("web", code).items()
        if about[key].startswith("button") and len(text) > max(2 * len(english[key]), 21)
    }
    assert long == {}
