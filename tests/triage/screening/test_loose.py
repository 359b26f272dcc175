"""Loose rules find concepts near each other: they add a sign and hardly weigh by themselves."""

import pytest

from intake_server.screening_rules import read_rules
from triage.screening.engine import screen
from triage.screening.findings import Flag, Strength, Why
from triage.screening.rule_files import load_rules

LOOSE = """
[[rule]]
id = "en.loose.test"
category = "physical_sexual_violence"
find = ["plum", "pear"]
order = "any"
gap = 12
strength = "weak"
explain = "Plums and pears."

[[rule]]
id = "en.loose.test_more"
category = "debt_bondage"
find = ["plum", "fig"]
order = "any"
gap = 12
strength = "weak"
explain = "Plums and figs."
"""


@pytest.fixture(scope="module")
def with_loose(taxonomy, english):
    own = 'schema = 1\nlanguage = "en"\n[concepts]\nplum = "plum"\npear = "pear"\nfig = "fig"\n'
    return load_rules(taxonomy, {"en.toml": english, "own.toml": own + LOOSE})


def test_a_loose_sign_alone_is_one_weak_sign_of_urgency_1(with_loose):
    found = screen("the pear was near the plum", with_loose)
    assert [(one.rule, one.strength) for one in found.findings] == [
        ("en.loose.test", Strength.WEAK)
    ]
    assert (found.urgency, found.why) == (1, Why.ONE_SIGN)


def test_two_loose_signs_of_different_kinds_are_still_urgency_1(with_loose):
    found = screen("the pear was near the plum and the fig", with_loose)
    assert {one.category for one in found.findings} == {"physical_sexual_violence", "debt_bondage"}
    assert found.urgency == 1


def test_beside_a_medium_sign_of_another_kind_a_loose_one_makes_urgency_2(with_loose):
    medium = "is it legal that nothing is left of the money for the room"
    assert screen(medium, with_loose).urgency == 1
    assert screen(f"{medium}. the pear was near the plum", with_loose).urgency == 2


def test_loose_violence_told_by_a_child_makes_no_urgency_3(with_loose):
    found = screen("i am 15. the pear was near the plum", with_loose)
    assert Flag.MINOR in found.flags
    assert found.urgency == 1


def test_a_loose_sign_lifts_no_urgency_0_and_is_not_shown_there(with_loose):
    press = "i am a journalist and want an interview with you"
    assert screen(press, with_loose).urgency == 0
    found = screen(f"{press}, about us: the pear was near the plum", with_loose)
    assert (found.urgency, found.findings) == (0, ())


def test_a_loose_rule_is_silent_where_another_found_a_sign_of_its_category(with_loose):
    found = screen("he hit me. the pear was near the plum", with_loose)
    assert [one.rule for one in found.findings if "loose" in one.rule] == []
    assert found.urgency == 2


def test_a_negated_loose_sign_is_none(with_loose):
    assert screen("there is no pear near the plum", with_loose).findings == ()


def test_the_loose_rules_of_all_languages_say_the_same():
    said = {}
    for pack in read_rules().packs:
        loose = [rule for rule in pack.rules if rule.is_loose]
        assert len(loose) >= 10, pack.language
        for rule in loose:
            assert (rule.any_order, rule.gap) == (True, 12), rule.id
            what = (rule.category, rule.explain)
            assert said.setdefault(rule.id.split(".", 1)[1], what) == what, rule.id
