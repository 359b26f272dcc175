"""Languages typed in other letters than their own, or without their marks.

The messages were written before any rule was run on them, and no rule was changed because of
them. Slavic languages and Vietnamese are read by tables of letters; Thai, Burmese, Khmer and
Arabic in Latin letters only where the rules list a word so: docs/screening.md says how far that
goes.
"""

import pytest

from intake_server.screening_rules import read_rules
from triage.screening.engine import screen

SIGNS = {
    "ru": [
        "hozyain otobral moj pasport i ne otdaet",
        "on menya bet kazhdyj den",
        "nas zaperli v kvartire ne vypuskayut",
        "tri mesyatsa ne platyat zarplatu",
        "mne 15 let menya zastavlyayut spat s muzhchinami",
        "ya ne hochu bolshe zhit",
    ],
    "uk": [
        "hazyain zabrav miy pasport i ne viddaye",
        "vin mene bye kozhen den",
        "nas zamknuly v budynku i ne vypuskayut",
        "try misyatsi ne platyat zarplatu",
        "meni 15 rokiv mene zmushuyut spaty z cholovikamy",
        "ya ne hochu zhyty",
    ],
    "bg": [
        "shefat mi vze pasporta i ne mi go vrashta",
        "toi me bie vseki den",
        "zaklyucheni sme v kashtata ne ni puskat navan",
        "tri mesetsa ne sa mi platili",
        "na 15 godini sum karat me da spya s maje",
        "ne iskam da jiveq poveche",
    ],
    "sr": [
        "gazda mi je uzeo pasos i nece da ga vrati",
        "on me tuce svaki dan",
        "zakljucali su nas u stanu ne daju nam da izadjemo",
        "tri meseca nam nisu platili",
        "imam 15 godina teraju me da spavam sa muskarcima",
        "ne zelim vise da zivim",
    ],
    "vi": [
        "ong chu giu ho chieu cua em khong tra",
        "no danh em moi ngay",
        "em khong duoc ra ngoai, ho khoa cua",
        "ba thang roi khong tra luong",
        "em 15 tuoi bi bat tiep khach",
        "em muon chet",
    ],
}

HARMLESS = [
    "marhaba, emta btefta7o el maktab?",
    "ana ta2reeban 5allast el jam3a w badawwar 3ala sho8l",
    "sawasdee kha poet kii mong",
    "khop khun kha chan sabai dee",
    "mingalarpar, bal achein phwint lal",
    "kyay zu tin par tal",
    "suosdey baek maong ponman",
    "akun chraen bong",
    "zdravstvujte, do skolki vy rabotaete?",
    "ya ishu rabotu v polshe, nuzhna viza?",
    "dobryi den, do kotroi vy pratsyuyete?",
    "shukayu robotu v polshchi, chy potribna viza?",
    "zdraveite do kolko chasa rabotite?",
    "tarsq rabota v germaniq trqbva li viza",
    "dobar dan, do kad radite?",
    "trazim posao u nemackoj da li treba viza",
    "chao anh chi, may gio mo cua vay",
    "em muon tim viec lam o duc can visa khong",
]


@pytest.fixture(scope="module")
def every_rule():
    return read_rules()


@pytest.mark.parametrize("language", SIGNS)
def test_signs_in_other_letters_are_read(language, every_rule):
    found = [screen(text, every_rule) for text in SIGNS[language]]
    assert sum(one.urgency >= 2 for one in found) >= len(found) - 1
    assert all(one.findings for one in found)


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_words_in_other_letters_stay_below_2(text, every_rule):
    assert screen(text, every_rule).urgency < 2
