"""Weighed evidence: what the concepts of a message amount to, beside the rules.

The small weights here stand for themselves; how well the shipped ones do on messages that nobody
had made rules from is in docs/screening.md.
"""

import pytest

from intake_server.screening_rules import read_rules, shipped_weights
from triage.screening.engine import screen
from triage.screening.findings import Flag, Route, Strength, Why
from triage.screening.rule_files import load_rules
from triage.screening.weights import NO_WEIGHTS, WeightsRefusedError, read_weights

WORDS = """
schema = 1
language = "en"
[words]
morphology = "english"
common = "the, is, was, a, in, and, near, me, i, my, it, we, who, has, long"
[concepts]
fruit = "pear"
lock = "bolt"
film = "cinema"
tale = "actor"
harm_self = "wither"
owe = "ledger"
now = "hatchet"
grim = "thorn"
weapon = "cleaver"
toil = "anvil"
over = "bygone"
long_ago = "yore"
others = "cousin"
still = "ongoing"
young = "kitten"
dark = "dusk"
tight = "alcove"
close = "gale"
maybe = "seemingly"
"""
RULES = [
    ("young", "flag", "minor", "young", "a kitten"),
    ("lock", "category", "movement_restriction", "lock", "the bolt"),
    ("weapon", "category", "immediate_danger", "weapon", "the cleaver"),
    ("toil", "category", "wage_withholding", "toil", "the anvil"),
    ("self", "category", "self_harm", "harm_self", "i wither"),
    ("news", "route", "press_or_study", "tale", "the actor"),
    ("names_the_rest", "signal", "laughter", "fruit, film, owe, now", "pear cinema ledger hatchet"),
    ("names_what_is_grim", "signal", "laughter", "grim, fruit", "thorn pear"),
    ("names_times_and_people", "signal", "laughter", "long_ago, others", "yore cousin"),
    ("names_what_may_be_danger", "signal", "laughter", "dark, tight, close", "dusk alcove gale"),
    ("maybe", "signal", "impression", "maybe", "seemingly"),
    ("others", "flag", "third_party", "maybe", "seemingly"),
    ("still", "signal", "still", "still", "ongoing"),
    ("over", "flag", "past", "over", "bygone"),
]


def rule(name, kind, value, find, hit):
    explain = 'explain = "Seen."' if kind == "category" else ""
    return f"""
[[rule]]
id = "en.test.{name}"
{kind} = "{value}"
find = {find.split(", ")}
{explain}
hits = ["{hit}"]
misses = ["the pear"]
"""


SMALL = WORDS + "".join(rule(*one) for one in RULES)
WEIGHTS = """
[question.everyday]
start = -1000
least = 0
least_for_highest = 400
least_for_doubt = -800
[question.everyday.adds]
"film" = 1500
"lock" = 3000
"urgency 3" = 700
[question.danger_now]
start = -1000
least = 0
least_beside_grave = -200
least_for_any = 150
[question.danger_now.adds]
"now" = 900
"owe" = 200
"film" = 400
[question.grave_now]
start = -1000
least = 0
[question.grave_now.adds]
"grim" = 1200
[question.over]
start = -1000
least = 0
[question.over.adds]
"long_ago" = 1300
[question.somebody_else]
start = -1000
least = 0
[question.somebody_else.adds]
"others" = 1300
[question.debt_bondage]
start = -1000
least = 100
[question.debt_bondage.adds]
"owe" = 700
"fruit" = 400
"film" = -300
[question.self_harm]
start = -1000
least = 0
[question.self_harm.adds]
"dark" = 1100
[question.immediate_danger]
start = -1000
least = 0
[question.immediate_danger.adds]
"close" = 1100
[question.movement_restriction]
start = -1000
least = 0
[question.movement_restriction.adds]
"tight" = 1100
"""


@pytest.fixture(scope="module")
def weighed(taxonomy):
    return load_rules(taxonomy, {"en.toml": SMALL}, weights=WEIGHTS)


@pytest.fixture(scope="module")
def bare(taxonomy):
    return load_rules(taxonomy, {"en.toml": SMALL})


def test_a_sign_among_everyday_words_is_one_and_the_words_are_shown(weighed, bare):
    text = "the bolt was near me in the cinema"
    assert screen(text, bare).urgency == 2
    found = screen(text, weighed)
    assert (found.urgency, found.why, found.findings) == (1, Why.EVERYDAY, ())
    (shown,) = found.routes
    assert (shown.route, text[shown.start : shown.end]) == (Route.EVERYDAY, "cinema")
    assert shown.rule == "xx.weighed.everyday"
    (aside,) = found.set_aside
    assert (aside.rule, text[aside.start : aside.end]) == ("en.test.lock", "bolt")
    assert screen(text, bare).findings == found.set_aside
    assert screen(text, bare).set_aside == ()


def test_who_may_be_under_18_and_at_risk_is_never_taken_for_everyday(weighed):
    found = screen("the bolt was near me a kitten in the cinema", weighed)
    assert (found.urgency, found.why, found.set_aside) == (3, Why.CHILD_AT_RISK, ())
    assert [one.category for one in found.findings] == ["movement_restriction"]


def test_quoted_signs_are_set_aside_too(weighed):
    text = "the actor has a bolt"
    found = screen(text, weighed)
    assert (found.urgency, found.why, found.findings) == (0, Why.PRESS_OR_STUDY, ())
    assert [text[one.start : one.end] for one in found.set_aside] == ["bolt"]


def test_what_stands_in_the_words_of_a_sign_does_not_speak_against_it(weighed):
    found = screen("the bolt was near me", weighed)  # weighs 3000, and is the sign itself
    assert (found.urgency, found.why) == (2, Why.STRONG_SIGN)
    assert [one.rule for one in found.findings] == ["en.test.lock"]


def test_who_tells_of_harming_themselves_is_never_taken_for_everyday(weighed):
    found = screen("i wither in the cinema", weighed)
    assert (found.urgency, found.why) == (3, Why.SELF_HARM)
    assert [one.category for one in found.findings] == ["self_harm"]


def test_a_weak_sign_is_added_names_its_words_and_changes_no_urgency(weighed, taxonomy):
    text = "a pear is near the ledger"
    found = screen(text, weighed)
    (sign,) = found.findings
    assert (sign.category, sign.rule) == ("debt_bondage", "xx.weighed.debt_bondage")
    assert (sign.strength, found.urgency, found.why) == (Strength.WEAK, 1, Why.ONE_SIGN)
    assert text[sign.start : sign.end] == "pear is near the ledger"
    assert "“pear”, “ledger”" in sign.explanation
    assert sign.instrument == taxonomy.categories["debt_bondage"].instrument


def test_one_of_the_words_or_doubt_adds_nothing(weighed):
    assert screen("the ledger is near me", weighed).findings == ()
    assert screen("a pear is near the ledger in the cinema", weighed).findings == ()


def test_words_of_danger_raise_to_three_and_are_named(weighed):
    text = "the hatchet is near the ledger"
    found = screen(text, weighed)
    assert (found.urgency, found.why) == (3, Why.LIKELY_DANGER)
    assert [one.rule for one in found.findings] == ["xx.weighed.danger_now"]
    assert "“hatchet”, “ledger”" in found.findings[0].explanation
    assert Flag.MINOR not in found.flags


def test_beside_what_is_grave_less_is_asked_for_danger(weighed, bare):
    assert screen("the hatchet was near me", weighed).urgency == 1
    text = "the bolt was near me and a hatchet"
    assert screen(text, bare).urgency == 2
    found = screen(text, weighed)
    assert (found.urgency, found.why) == (3, Why.LIKELY_DANGER)
    assert found.findings == screen(text, bare).findings


def test_an_added_sign_of_harming_oneself_is_three(weighed):
    found = screen("the dusk is near me", weighed)
    assert (found.urgency, found.why) == (3, Why.LIKELY_DANGER)
    assert [one.rule for one in found.findings] == ["xx.weighed.self_harm"]


def test_an_added_sign_of_confinement_is_three_only_with_somebody_under_18(weighed):
    found = screen("the alcove is near me", weighed)
    assert (found.urgency, found.why) == (1, Why.ONE_SIGN)
    assert [one.rule for one in found.findings] == ["xx.weighed.movement_restriction"]
    child = screen("the alcove is near me a kitten", weighed)
    assert (child.urgency, child.why) == (3, Why.CHILD_AT_RISK)
    impression = screen("seemingly the alcove is near a kitten", weighed)
    assert Flag.MINOR in impression.flags
    assert impression.urgency == 1


def test_an_added_sign_of_danger_is_three(weighed):
    found = screen("the gale is near me", weighed)
    assert (found.urgency, found.why) == (3, Why.LIKELY_DANGER)
    assert [one.rule for one in found.findings] == ["xx.weighed.immediate_danger"]


def test_an_added_sign_of_harming_oneself_is_not_taken_for_over(weighed):
    found = screen("the dusk was near me in yore", weighed)
    assert (found.urgency, Flag.PAST in found.flags) == (3, False)


@pytest.mark.parametrize("danger", ["dusk", "alcove and a kitten", "hatchet and a bolt"])
def test_what_is_over_is_raised_by_nothing_that_weighing_adds(weighed, danger):
    found = screen(f"the {danger} is near me, the bolt, bygone", weighed)
    assert (found.urgency, found.why, Flag.PAST in found.flags) == (1, Why.PAST, True)


def test_signs_among_words_of_something_grave_are_two_and_stay_as_they_are(weighed, bare):
    text = "the anvil is near me and a thorn"
    assert (screen(text, bare).urgency, screen(text, bare).why) == (1, Why.ONE_SIGN)
    found = screen(text, weighed)
    assert (found.urgency, found.why) == (2, Why.LIKELY_GRAVE)
    assert found.findings == screen(text, bare).findings


def test_what_is_grave_raises_nothing_with_less_than_two_added_signs_nor_what_is_over(weighed):
    assert screen("the thorn is near me", weighed).urgency == 1
    assert screen("a pear is near the ledger and a thorn", weighed).urgency == 1
    over = screen("the anvil is near me and a thorn, bygone", weighed)
    assert (over.urgency, over.why) == (1, Why.PAST)


def test_what_is_told_of_long_ago_is_one_and_the_words_are_named(weighed, bare):
    text = "the bolt was near me in yore"
    assert screen(text, bare).urgency == 2
    found = screen(text, weighed)
    assert (found.urgency, found.why, found.flags) == (1, Why.PAST, (Flag.PAST,))
    assert [one.rule for one in found.findings] == ["en.test.lock"]
    (said,) = found.flag_words
    assert (said.flag, text[said.start : said.end]) == (Flag.PAST, "yore")
    assert said.rule == "xx.weighed.over"


@pytest.mark.parametrize(
    ("text", "urgency"),
    [
        ("the bolt is near me in yore, ongoing", 2),
        ("the bolt is near a kitten in yore", 3),
        ("i wither in yore", 3),
        ("the cleaver is near me in yore", 3),
    ],
)
def test_what_goes_on_danger_a_child_and_harming_oneself_are_not_taken_for_over(
    weighed, text, urgency
):
    found = screen(text, weighed)
    assert (found.urgency, Flag.PAST in found.flags) == (urgency, False)


def test_who_tells_of_somebody_else_is_said_to_and_nothing_else_changes(weighed, bare):
    text = "the cousin has the bolt"
    found, without = screen(text, weighed), screen(text, bare)
    assert (found.flags, without.flags) == ((Flag.THIRD_PARTY,), ())
    assert (found.urgency, found.findings) == (without.urgency, without.findings)
    (said,) = found.flag_words
    assert text[said.start : said.end] == "cousin"


def test_the_words_of_a_flag_that_a_rule_found_are_named(weighed):
    text = "the bolt was near me a kitten"
    (said,) = screen(text, weighed).flag_words
    assert (said.flag, text[said.start : said.end]) == (Flag.MINOR, "kitten")
    assert said.rule == "en.test.young"


def test_what_stands_at_0_is_raised_to_1_by_some_chance_of_danger_and_no_further(weighed, bare):
    assert screen("the actor has a thorn", bare).urgency == 0
    assert screen("the actor has a hatchet near the ledger", weighed).urgency == 0
    assert screen("the actor has a hatchet in the cinema", weighed).urgency == 1  # by danger
    found = screen("the actor has a thorn", weighed)
    assert (found.urgency, found.why, found.findings) == (1, Why.NO_SIGN, ())
    assert [one.route for one in found.routes] == [Route.PRESS_OR_STUDY]


def test_without_weights_nothing_is_weighed(bare):
    assert bare.weights is NO_WEIGHTS
    assert screen("a pear is near the ledger", bare).findings == ()


def test_the_version_changes_with_the_weights(weighed, bare, taxonomy):
    other = load_rules(taxonomy, {"en.toml": SMALL}, weights=WEIGHTS.replace("700", "701"))
    assert len({weighed.version, bare.version, other.version}) == 3


def test_sums_hold_below_zero_and_beside_each_other(taxonomy):
    weights = read_weights(WEIGHTS, taxonomy)
    every = set(weights.together)
    for names in (set(), {"film"}, {"film", "now"}, {"owe"}, every):
        each = {one: start + weights.sum(names, one) for one, start in weights.start.items()}
        assert weights.sums(names) == each


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "no toml [",
        WEIGHTS.replace("[question.debt_bondage", "[question.no_such_sign"),
        WEIGHTS.replace("start = -1000", 'start = "much"'),
        WEIGHTS.replace("least_for_doubt = -800", ""),
        WEIGHTS.replace("least_beside_grave = -200", ""),
        WEIGHTS.replace("least_for_any = 150", ""),
    ],
)
def test_a_file_that_cannot_be_used_says_so(taxonomy, wrong):
    with pytest.raises(WeightsRefusedError, match="make it anew"):
        read_weights(wrong, taxonomy)


def test_the_shipped_weights_ask_of_everyday_danger_the_grave_and_every_sign_but_a_plea(taxonomy):
    weights = read_weights(shipped_weights(), taxonomy)
    about_all = {"everyday", "danger_now", "grave_now", "over", "somebody_else"}
    asked = {*about_all, *taxonomy.categories} - {"plea_or_constrained_contact"}
    assert set(weights.start) == asked
    assert all(abs(one) < 10_000 for adds in weights.of.values() for one in adds.values())


@pytest.mark.parametrize(
    "text",
    [
        *("my boss took my papers", "me quitaron el pasaporte", "I am locked in"),
        *("er schlägt mich", "my dad hits me", "tata ma bate", "maz mnie bije co robic"),
        *("мой начальник забрал паспорт что делать", "me encerraron en un cuarto"),
        "is it normal that they took my phone and passport?",
    ],
)
def test_a_plain_strong_sign_is_not_taken_for_everyday(text, shipped_rules):
    found = screen(text, shipped_rules)
    assert found.urgency >= 2
    assert found.findings


@pytest.fixture(scope="module")
def shipped_rules():
    return read_rules()
