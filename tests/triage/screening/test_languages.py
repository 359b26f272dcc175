"""What the engine does for languages other than English, shown on small rule files."""

import pytest

from triage.screening.dictionary import forms_of
from triage.screening.engine import failed_examples, screen
from triage.screening.findings import Why
from triage.screening.folding import fold, fold_cluster, further_spellings
from triage.screening.forms import DictionaryForms, as_lines, joined_stems, read_forms
from triage.screening.guesses import Guesses
from triage.screening.respelling import roman_key, romanised
from triage.screening.rule_files import RulesRefusedError, load_rules
from triage.screening.words import read_words
from triage.screening.zawgyi import is_zawgyi, to_unicode

FILE = """
schema = 1
language = "{language}"
[words]
{words}
[concepts]
take = "{take}"
papers = "{papers}"
[[rule]]
id = "{language}.papers"
category = "document_retention"
find = ["take", "papers"]
order = "any"
explain = "Somebody took papers."
"""


def file(language, words, take, papers):
    return FILE.format(language=language, words=words, take=take, papers=papers)


SPANISH = file(
    "es",
    'morphology = "simplemma"\nlemmas = "es"\nnegators = "no, nadie"\n'
    'common = "me, el, mi, a, todas, nos, la"',
    "quitar, robar",
    "pasaporte, cédula, papel",
)
PORTUGUESE = file(
    "pt",
    'morphology = "none"\nnegators = "ninguém"\ncommon = "me, o, meu"',
    "quito, quitaron, tiraram",
    "pasaporte, passaporte",
)
RUSSIAN = file(
    "ru",
    'morphology = "simplemma"\nlemmas = "ru"\nnegators = "не, никто не"\ncommon = "у, меня, мой"',
    "забрать, отобра*",
    "паспорт",
)
GERMAN = file(
    "de",
    'morphology = "none"\nnegators = "nie"\nnegators_after = "nicht"\ncommon = "er, mir, die"',
    "schlägt, nimmt",
    "Pässe, mich",
)
SERBIAN = file("sr", 'morphology = "simplemma"\nlemmas = "hbs"\ncommon = "mi"', "oduzeti", "pasoš")
ARABIC = file(
    "ar", 'morphology = "arabic"\nnegators = "ما, لم"\ncommon = "من"', "اخذ, 2a5ad", "جواز, jawaz"
)
THAI = file(
    "th",
    'morphology = "characters"\nnegators = "ไม่ได้, ไม่"\ncommon = "ของ, ฉัน"',
    "ยึด, เอาไป",
    "พาสปอร์ต, passport",
)
BURMESE = file("my", 'morphology = "characters"\ncommon = "ကျွန်မ"', "သိမ်း", "နိုင်ငံကူးလက်မှတ်")
VIETNAMESE = """
schema = 1
language = "vi"
[words]
morphology = "none"
common = "em, năm, tuổi"
[words.numbers]
"mười lăm" = 15
[concepts]
age = "5..17 tuổi"
[[rule]]
id = "vi.age"
flag = "minor"
find = ["age"]
[[rule]]
id = "vi.plea"
category = "plea_or_constrained_contact"
find = ["age"]
explain = "Says an age."
"""


def found(taxonomy, text, *files, forms=None):
    rules = load_rules(taxonomy, {f"{n}.toml": one for n, one in enumerate(files)}, forms or {})
    screening = screen(text, rules)
    return [(one.rule, text[one.start : one.end]) for one in screening.findings]


SPANISH_FORMS = {
    "es": "quitar quit ar o aron ando aban\nrobar rob ar aron\npasaporte pasaporte = s\n"
    "cedula cedula = s\npapel papel = es\n? pasaporte pasaportea"
}
RUSSIAN_FORMS = {"ru": "забрать забра ть л ли ла\nпаспорт паспорт = а у ом"}
SERBIAN_FORMS = {"hbs": "oduzeti oduz eti eo ela eli\npasos pasos = a e"}


@pytest.mark.parametrize("text", ["ء", "ء اخذ جوازي", "a ـ b", "5ء"])
def test_a_letter_of_which_nothing_is_left_is_no_word_of_a_rule(taxonomy, text):
    rules = load_rules(taxonomy, {"ar": ARABIC})
    assert screen(text, rules).urgency >= 1


@pytest.mark.parametrize(
    ("text", "evidence"),
    [
        ("me quitaron el pasaporte", "quitaron el pasaporte"),
        ("ME QUITÁRON LOS PÁPELES", "QUITÁRON LOS PÁPELES"),
        ("nos roban la cedula", None),  # a form that the file does not give
        ("quitándomelo, el pasaporte", "quitándomelo, el pasaporte"),
        ("nadie me quitó el pasaporte", None),
        ("no me quitaron el pasaporte", None),
    ],
)
def test_forms_accents_and_clitics(taxonomy, text, evidence):
    seen = found(taxonomy, text, SPANISH, forms=SPANISH_FORMS)
    assert seen == ([("es.papers", evidence)] if evidence else [])


def test_a_relative_does_not_see_what_the_language_itself_has_denied(taxonomy):
    denied = "nadie me quito el pasaporte"
    assert found(taxonomy, denied, PORTUGUESE)
    assert not found(taxonomy, denied, PORTUGUESE, SPANISH, forms=SPANISH_FORMS)


def test_words_of_one_language_amid_another_are_found(taxonomy, english):
    text = "ayer el jefe took my passport y la cedula"
    seen = found(taxonomy, text, english, SPANISH, forms=SPANISH_FORMS)
    assert ("en.papers.taken", "took my passport") in seen


SHORT = """
schema = 1
language = "{language}"
[words]
morphology = "none"
common = "{common}"
[concepts]
hit = "{hit}"
die = "{die}"
[[rule]]
id = "{language}.hit"
category = "physical_sexual_violence"
find = ["hit"]
explain = "Somebody hits."
[[rule]]
id = "{language}.hit_twice"
category = "threats"
find = ["hit", "hit"]
explain = "Twice."
[[rule]]
id = "{language}.die"
category = "self_harm"
find = ["die"]
explain = "Somebody wants to die."
[[rule]]
id = "{language}.loose.hit"
category = "debt_bondage"
find = ["hit", "hit", "hit"]
order = "any"
gap = 12
strength = "weak"
explain = "Somewhere near."
"""


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("me robaron la bici en la plaza", set()),  # a Spanish bicycle, no Polish beating
        ("me robaron bici bici bici en plaza, me robaron en plaza el", {"pl.hit_twice"}),
        ("la bici", {"pl.hit"}),  # nobody knows much more
        ("me robaron en la plaza el i sie bici", {"pl.hit"}),  # one and a half times as much
        ("me robaron та бици en la plaza a el", {"pl.hit"}),  # in letters of its own
        ("me robaron en la plaza el umrzec i", {"pl.die"}),
    ],
)
def test_a_word_amid_another_language_is_a_likeness_unless_it_has_letters_of_its_own(
    taxonomy, text, rules
):
    spanish = SHORT.format(
        language="es", common="me, robaron, la, en, plaza, a, el", hit="golpe", die="morir"
    )
    polish = SHORT.format(language="pl", common="i, sie, la, та", hit="bici, бици", die="umrzec")
    assert {rule for rule, _ in found(taxonomy, text, spanish, polish)} == rules


def test_english_words_amid_another_language_are_no_likeness(taxonomy):
    spanish = SHORT.format(
        language="es", common="ayer, en, la, plaza, mi, jefe, me", hit="golpe", die="morir"
    )
    english = SHORT.format(language="en", common="the, me", hit="slapped", die="wither")
    text = "ayer mi jefe me slapped en la plaza"
    assert [rule for rule, _ in found(taxonomy, text, spanish, english)] == ["en.hit"]


@pytest.mark.parametrize(
    "text",
    [
        "у меня забрали паспорт",
        "u menya zabrali pasport",
        "u menja zabrali moj pasport",
        "у меня отобрали пacпopт",
        "OTOBRALI PASPORT",
    ],
)
def test_russian_in_cyrillic_in_latin_and_in_both(taxonomy, text):
    assert found(taxonomy, text, RUSSIAN, forms=RUSSIAN_FORMS)


def test_a_romanised_word_and_its_original_have_one_key():
    for language, word, typed in [
        ("ru", "помогите", "pomogite"),
        ("ru", "защитите", "zaschitite"),
        ("ru", "моя", "moya"),
        ("bg", "помощ", "pomosht"),
        ("uk", "допоможіть", "dopomozhit"),
        ("ru", "чёрный", "4ornii"),
    ][:5]:
        assert romanised(language)(fold(word)) == roman_key(typed)
    assert roman_key("паспорт") == ""


def test_serbian_in_both_scripts(taxonomy):
    for text in ("oduzeli su mi pasoš", "одузели су ми пасош", "oduzeo mi je pasos"):
        assert found(taxonomy, text, SERBIAN, forms=SERBIAN_FORMS)


def test_german_umlauts_and_a_negator_that_stands_behind(taxonomy):
    assert found(taxonomy, "er nimmt mir die Paesse", GERMAN)
    assert found(taxonomy, "er schlaegt mich", GERMAN)
    assert not found(taxonomy, "er schlägt mich nicht", GERMAN)
    assert found(taxonomy, "er schlägt mich, nicht wahr", GERMAN)


@pytest.mark.parametrize(
    "text",
    ["أَخَذَ جوازي", "واخذوا الجواز مني", "اخدت ... أخذها: جوازات", "2a5ad jawaz", "أخــذ جوازها"],
)
def test_arabic_words_with_what_is_written_together_with_them(taxonomy, text):
    assert found(taxonomy, text, ARABIC)


def test_arabic_negation(taxonomy):
    assert not found(taxonomy, "ما اخذ جوازي", ARABIC)


@pytest.mark.parametrize(
    ("text", "evidence"),
    [
        ("นายจ้างยึดพาสปอร์ตของฉัน", "ยึดพาสปอร์ต"),
        ("เขายึด passport ไป", "ยึด passport"),
        ("เขายึ\u200bดพาสปอร์ต", "ยึ\u200bดพาสปอร์ต"),
        ("เขาไม่ได้ยึดพาสปอร์ต", None),
        ("ไม่รู้จะทำยังไง ยึดพาสปอร์ต", "ยึดพาสปอร์ต"),
    ],
)
def test_thai_is_read_without_spaces(taxonomy, text, evidence):
    assert found(taxonomy, text, THAI) == ([("th.papers", evidence)] if evidence else [])


UNICODE = "နိုင်ငံကူးလက်မှတ် သိမ်းထားတယ်"
ZAWGYI = "ႏိုင္ငံကူးလက္မွတ္ သိမ္းထားတယ္"


def test_burmese_in_zawgyi_is_read_with_places_of_the_original(taxonomy):
    assert not is_zawgyi(UNICODE)
    assert is_zawgyi(ZAWGYI)
    for text in (UNICODE, ZAWGYI):
        ((_, evidence),) = found(taxonomy, text, BURMESE)
        assert evidence.startswith(text[:3])
        assert text.index(evidence) == 0
        assert len(text) - 10 <= len(evidence) < len(text)


def test_zawgyi_signs_before_a_letter_belong_to_it():
    placed = to_unicode("ေျမြ")
    assert fold_cluster(placed.text[:4])[0] == "\u1019"
    assert placed.span(0, 3) == (0, 3)


def test_numbers_of_several_words(taxonomy):
    for text in ("em 15 tuổi", "em mười lăm tuổi", "em muoi lam tuoi", "em ١٥ tuổi"):
        assert found(taxonomy, text, VIETNAMESE), text
    assert not found(taxonomy, "em 25 tuổi", VIETNAMESE)


def test_a_misspelt_long_word_is_a_guess_and_says_so(taxonomy):
    rules = load_rules(taxonomy, {"es": SPANISH}, SPANISH_FORMS)
    for text in (
        "me quitaron el pasaprote",
        "me quitaron el passaporte",
        "me quitaron el pasaporti",
    ):
        (finding,) = screen(text, rules).findings
        assert finding.guess
        assert finding.explanation.endswith("Spelling guess.")
    (sure,) = screen("me quitaron el pasaporte", rules).findings
    assert not sure.guess
    # A real word is never mended into another.
    assert not screen("me quitaron el pasaportea", rules).findings


def test_a_guess_alone_makes_no_urgency_3(taxonomy):
    danger = SPANISH.replace('"document_retention"', '"immediate_danger"')
    rules = load_rules(taxonomy, {"es": danger}, SPANISH_FORMS)
    assert screen("me quitaron el pasaporte", rules).urgency == 3
    guessed = screen("me quitaron el pasapote", rules)
    assert (guessed.urgency, guessed.why) == (2, Why.GUESSED)


def test_near_means_one_letter():
    guesses = Guesses({"pasaporte": ["pasaporte"]}, ["pasaporta"])
    near = ("pasaport", "pasaportes", "pasaportte", "pazaporte", "apsaporte", "asaporte")
    assert all(guesses.near(word) for word in near)
    far = ("pasaporta", "pasa", "psporte", "pasaportitos", "pazaporto", "")
    assert not any(guesses.near(word) for word in far)


def test_what_is_folded_and_what_is_tried():
    assert fold("ŁÓDŹ Straße Đặng İzmir") == "lodz strasse dang izmir"
    assert fold("أخـذَ") == fold("اخذ")
    assert fold("جوازة") == fold("جوازه")
    assert "help" in further_spellings("h3lp")
    assert "help" in further_spellings("heeeelllp")
    assert "passport" in further_spellings("pаsspоrt")  # two Cyrillic letters
    assert further_spellings("passport") == ()


@pytest.mark.parametrize(
    ("text", "spellings"),
    [
        ("sa3edni", {"sa3edni"}),
        ("3andi", {"andi", "3andi"}),
        ("im14", {"im"}),
        ("l'argent", {"largent", "argent"}),
        ("qu’il", {"quil", "il"}),
        ("p@ssport", {"p@ssport", "passport"}),
    ],
)
def test_digits_and_signs_inside_words(text, spellings):
    assert spellings <= {one for word in read_words(text) for one in word.spellings}


def test_the_forms_file_gives_back_what_was_put_in():
    forms = {"ser": {"es", "fue", "era", "eramos"}, "casa": {"casas"}, "cosa": {"cosas"}}
    read = DictionaryForms(joined_stems([read_forms("\n".join(as_lines(forms)))]))
    for word, own in forms.items():
        assert all(word in read.bases(form) for form in (*own, word))
    assert read.bases("casos") == ()


def test_a_dictionary_gives_the_forms_of_an_own_word():
    """Indonesian, because it is the smallest."""
    known = DictionaryForms(joined_stems([forms_of("id", frozenset({"pukul", "zzzz"}))]))
    assert known.bases("memukul") == ("pukul",)
    assert known.bases("zzzz") == ()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('lemmas = "es"', 'lemmas = "xx"', "needs lemmas"),
        ('lemmas = "es"', 'lemmas = "es"\nspellings = "odd"', "is not known"),
        ('morphology = "simplemma"', 'morphology = "magic"', "morphology is not known"),
        ("quitar, robar", "ยึด*", "means nothing in this script"),
        ("quitar, robar", "=ยึด", "means nothing in this script"),
    ],
)
def test_a_mistake_in_the_words_is_named(taxonomy, old, new, says):
    with pytest.raises(RulesRefusedError, match=says):
        load_rules(taxonomy, {"es": SPANISH.replace(old, new)}, SPANISH_FORMS)


def test_a_later_file_may_translate_an_explanation(taxonomy):
    own = 'schema = 1\nlanguage = "es"\n[explain]\n"es.papers" = "Alguien tomó papeles."\n'
    rules = load_rules(taxonomy, {"es": SPANISH, "own": own}, SPANISH_FORMS)
    (finding,) = screen("me quitaron el pasaporte", rules).findings
    assert finding.explanation == "Alguien tomó papeles."
    assert failed_examples(rules) == []
    with pytest.raises(RulesRefusedError, match="no earlier file has this rule"):
        load_rules(
            taxonomy, {"es": SPANISH, "own": own.replace("es.papers", "es.x")}, SPANISH_FORMS
        )
