"""What the engine does with any text, and with the texts that matter most."""

import string
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage.screening import match, words
from triage.screening.engine import LONGEST_SCREENED, failed_examples, screen
from triage.screening.findings import Applies, Flag, Route, Strength, Why, decode, encode
from triage.screening.weigh import MOST_FINDINGS

PIECES = st.sampled_from(
    [
        *("he", "took", "my", "passport", "help", "not", "i", "hit", "me", "im 14", "tonight"),
        *("debt", "owe", "money", "until", "they", "move us", "haha", "jk", "thesis", "student"),
        *("\0", "\u202e", "\u200b", "\ud800", "\udfff", "\u0301" * 40, "\ufeff", "😂", "🆘"),
        *(".", ",", "\n", " ", "'", "’", "99999999999999999999", "١٤", "ß", "ﷺ", "İ", "й"),
        *("паспорт", "护照", "ฉัน", "جواز", "👩\u200d👧", "x" * 200, "ｐａｓｓｐｏｒｔ"),
    ]
)
ANYTHING = st.text(st.characters(), max_size=200)
HOSTILE = st.lists(PIECES, max_size=60).map(" ".join) | st.lists(PIECES, max_size=60).map("".join)


def categories(screening):
    return {finding.category for finding in screening.findings}


@given(ANYTHING | HOSTILE)
@settings(max_examples=300, deadline=None)
def test_any_text_gets_an_answer_with_true_places(rules, text):
    found = screen(text, rules)
    assert 0 <= found.urgency <= 3
    assert decode(encode(found)) == found
    assert found.screened or (found.urgency == 1 and not found.findings)
    assert len(found.findings) <= MOST_FINDINGS
    for one in (*found.findings, *found.routes):
        assert 0 <= one.start < one.end <= len(text)
        assert not text[one.start].isspace()
        assert not text[one.end - 1].isspace()


@given(HOSTILE)
@settings(max_examples=100, deadline=None)
def test_the_same_text_gets_the_same_answer(rules, text):
    assert screen(text, rules) == screen(text, rules)


@given(st.lists(PIECES, max_size=30).map(" ".join))
@settings(max_examples=100, deadline=None)
def test_places_move_with_the_text(rules, text):
    before = screen(text, rules)
    after = screen("\u200b  \n" + text, rules)
    moved = [(one.category, one.start + 4, one.end + 4) for one in before.findings]
    assert [(one.category, one.start, one.end) for one in after.findings] == moved


@pytest.mark.parametrize(
    "unit",
    [
        *("took my passport ", "he ", "not ", "\u0301", "a\u0301\u0327", "\0", "\u202e", "😂"),
        *(
            "\ud800",
            "help ",
            "9",
            "i owe him money until paid ",
            "x",
            ". ",
            "tonight they move us ",
        ),
    ],
)
def test_a_megabyte_costs_no_more_than_its_screened_part(rules, unit, monkeypatch):
    done = Counter()
    classes_of, step = words.classes_of, match.following

    def reading(text):
        done["characters"] += len(text)
        return classes_of(text)

    def stepping(nodes, keys, number):
        done["steps"] += 1
        return step(nodes, keys, number)

    monkeypatch.setattr(words, "classes_of", reading)
    monkeypatch.setattr(match, "following", stepping)
    found = screen(unit * (1_000_000 // len(unit)), rules)
    assert found.urgency >= 1
    assert done["characters"] <= LONGEST_SCREENED
    assert done["steps"] <= 4 * LONGEST_SCREENED


@pytest.mark.parametrize("unit", ["he hit me ", "took my passport ", "i owe him money until paid "])
def test_work_grows_with_the_length_and_not_faster(rules, unit, monkeypatch):
    def steps(length):
        calls = Counter()
        original = match.following

        def counted(nodes, keys, number):
            calls["steps"] += 1
            return original(nodes, keys, number)

        with monkeypatch.context() as patched:
            patched.setattr(match, "following", counted)
            screen((unit * length)[:LONGEST_SCREENED], rules)
        return calls["steps"]

    assert 0 < steps(400) <= 4.5 * steps(100)


def test_a_word_that_is_a_flood_of_marks_is_no_word(rules):
    found = screen("he took my pass" + "\u0301" * 5000 + "port", rules)
    assert categories(found) == set()


@pytest.mark.parametrize("nothing", [None, "", "   ", "😂😂", "🆘", "\0\u202e", "112", "…?!"])
def test_a_message_without_words_is_1_and_says_so(rules, nothing):
    found = screen(nothing, rules)
    assert (found.screened, found.urgency, found.why) == (False, 1, Why.NO_TEXT)


@pytest.mark.parametrize(
    "text",
    [
        "Je voudrais seulement connaître vos horaires",
        "хозяин забрал паспорт",
        "นายจ้างยึดพาสปอร์ต",
        "أخذ جواز سفري",
        "quiero saber los horarios de atencion",
        "zzz qqq xxx",
    ],
)
def test_a_language_the_rules_do_not_know_is_1_and_never_0(rules, text):
    found = screen(text, rules)
    assert (found.screened, found.urgency, found.why) == (False, 1, Why.LANGUAGE)
    assert found.language == "und"


def test_a_mixed_message_keeps_what_was_understood(rules):
    found = screen("ayuda, el patron took my passport ayer en el aeropuerto", rules)
    assert "document_retention" in categories(found)
    assert (found.screened, found.urgency) == (True, 2)


PLEAS = st.lists(
    st.sampled_from(
        ["help", "please", "pls", "sos", "someone", "anyone", "!!", "🙏", "me", "hello"]
    ),
    min_size=1,
    max_size=8,
).map(" ".join)


@given(PLEAS)
@settings(max_examples=200, deadline=None)
def test_a_bare_plea_is_never_below_1(rules, text):
    assert screen(text, rules).urgency >= 1


@given(st.text(string.ascii_lowercase + " ", max_size=80))
@settings(max_examples=200, deadline=None)
def test_0_needs_words_that_say_why(rules, text):
    found = screen(text, rules)
    if found.urgency == 0:
        assert found.routes


@given(HOSTILE)
@settings(max_examples=200, deadline=None)
def test_signs_and_0_exclude_each_other(rules, text):
    found = screen(text, rules)
    if found.urgency == 0:
        assert not found.findings
        assert found.why in {
            Why.INFORMATION,
            Why.PRESS_OR_STUDY,
            Why.SPAM_OR_PRANK,
            Why.STAFF_SAFETY,
        }


def test_of_a_very_long_message_the_beginning_is_read_and_it_is_not_below_1(rules):
    question = "what are your opening hours. "
    found = screen(question + "and " * LONGEST_SCREENED, rules)
    assert (found.urgency, found.why) == (1, Why.TOO_LONG)
    assert screen(question, rules).urgency == 0


def test_the_place_is_exact_in_the_original_text(rules):
    text = "🙏 Er, he TOOK my pass\u00adport… yesterday"
    (finding,) = screen(text, rules).findings
    assert text[finding.start : finding.end] == "TOOK my pass\u00adport"


@pytest.mark.parametrize(
    "text",
    [
        "he took my passport",
        "HE TOOK MY PASSPORT",
        "he’s taken my paßport he took my passport",
        "ｈｅ took my ｐａｓｓｐｏｒｔ",
        "he toook my passport",
        "he took my pas\u200bsport",
        "he took my pàsspórt",
        "he takes away all our ID cards",
    ],
)
def test_spelling_and_script_tricks_hide_nothing(rules, text):
    assert "document_retention" in categories(screen(text, rules))


@pytest.mark.parametrize(
    "text",
    [
        "nobody took my passport",
        "he did not take my passport",
        "they never took our papers",
        "i took my passport with me",
    ],
)
def test_negation_and_own_acts_are_no_signs(rules, text):
    found = screen(text, rules)
    assert categories(found) == set()
    assert found.urgency == 1


@pytest.mark.parametrize(
    "text",
    [
        "i am not happy because he took my passport",
        "no, he took my passport",
        "not only that he took my passport",
    ],
)
def test_a_negation_elsewhere_hides_nothing(rules, text):
    assert categories(screen(text, rules)) == {"document_retention"}


def test_each_finding_explains_itself(rules, taxonomy):
    found = screen("my boss owes me two months and he hits me", rules)
    assert categories(found) == {"wage_withholding", "physical_sexual_violence"}
    for finding in found.findings:
        assert finding.explanation.endswith(".")
        assert finding.instrument in taxonomy.sources
        assert finding.item
        assert finding.rule.startswith("en.")


def test_two_medium_signs_make_2_and_one_makes_1(rules):
    assert screen("they never paid us", rules).urgency == 1
    assert screen("they never paid us. she reads my messages", rules).why is Why.SEVERAL_SIGNS


def test_children_have_their_own_strengths(rules):
    adult = screen("i am not allowed to talk to my family", rules)
    child = screen("im 14 and i am not allowed to talk to my family", rules)
    assert adult.findings[0].strength is Strength.MEDIUM
    assert adult.findings[0].applies is Applies.ADULT
    assert child.findings[0].strength is Strength.STRONG
    assert child.findings[0].applies is Applies.CHILD
    assert Flag.MINOR in child.flags


def test_violence_against_a_child_is_3(rules):
    assert screen("my uncle beats me", rules).urgency == 2
    assert screen("i am 15 and my uncle beats me", rules).why is Why.CHILD_AT_RISK


def test_what_is_over_is_1_and_keeps_its_signs(rules):
    found = screen("i used to work for a man who hit me. i am safe now", rules)
    assert Flag.PAST in found.flags
    assert categories(found) == {"physical_sexual_violence"}
    assert (found.urgency, found.why) == (1, Why.PAST)


def test_what_goes_on_is_not_over(rules):
    found = screen("when i was 19 he hit me and he still hits me", rules)
    assert Flag.PAST not in found.flags
    assert found.urgency == 2


def test_self_harm_is_3_also_after_something_that_is_over(rules):
    found = screen("i am safe now, it is over. but i want to die", rules)
    assert (found.urgency, found.why) == (3, Why.SELF_HARM)


def test_words_quoted_for_study_are_no_signs(rules):
    found = screen("we are writing an essay on confiscated passports and debt bondage", rules)
    assert found.findings == ()
    assert (found.urgency, found.why) == (0, Why.PRESS_OR_STUDY)


def test_a_student_who_tells_of_herself_is_heard(rules):
    found = screen("i am a student, i need statistics. and my landlord took my passport", rules)
    assert found.urgency == 2


def test_a_threat_to_the_team_is_a_route_and_no_sign(rules):
    found = screen("you will regret this, we know where your office is", rules)
    assert {one.route for one in found.routes} == {Route.STAFF_SAFETY}
    assert (found.urgency, found.findings) == (0, ())


def test_joking_words_never_hide_danger(rules):
    assert screen("haha jk he has a gun", rules).urgency == 3
    assert screen("haha just kidding he raped me", rules).urgency == 2


def test_a_hint_makes_a_language_likelier_and_changes_no_finding(rules):
    text = "paperino ha visto the boss ieri sera"
    assert screen(text, rules).language == "und"
    hinted = screen(text, rules, language_hints=("en",))
    assert hinted.language == "en"
    assert hinted.findings == screen(text, rules).findings


def test_examples_in_the_shipped_rules_do_what_they_say(rules):
    assert failed_examples(rules) == []


def test_each_category_has_a_rule_with_an_example(rules, taxonomy):
    covered = {rule.category for pack in rules.packs for rule in pack.rules if rule.hits}
    assert set(taxonomy.categories) <= covered
