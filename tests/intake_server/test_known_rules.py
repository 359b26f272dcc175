"""The names of rules as the desk reads them are those that screening runs."""

import msgspec

from intake_server import known_rules as names
from intake_server import screening_rules
from intake_server.settings import DataSettings, ScreeningSettings, Settings
from triage.learning import OTHER, RuleOf
from triage.screening import weights

OWN = """
schema = 1
language = "en"

[[rule]]
id = "our.minibus"
category = 'movement_control'
find = ["taken"]

[[rule]]
id = "our.flag"
flag = "minor"
"""


def settings(tmp_path, languages=()):
    return msgspec.structs.replace(
        Settings(),
        data=DataSettings(folder=tmp_path),
        screening=ScreeningSettings(languages=languages),
    )


def test_the_shipped_names_are_those_that_screening_reads(tmp_path):
    known = names.known_rules(settings(tmp_path, ("en", "km")))
    rules = screening_rules.read_rules(None, ("en", "km"))
    found = {one.id: one.category for pack in rules.packs for one in pack.rules if one.category}
    no_signs = {weights.EVERYDAY, weights.GRAVE_NOW, weights.OVER, weights.SOMEBODY_ELSE}
    signs = rules.weights.start.keys() - no_signs
    assert {f"{weights.WEIGHED}{question}" for question in signs} <= set(known.rules)
    assert known.rules[f"{weights.WEIGHED}{weights.DANGER_NOW}"] == RuleOf(weights.DANGER, "")
    assert names.WEIGHED == weights.WEIGHED
    beside = ("guided.", weights.WEIGHED)
    shipped = {name: about.category for name, about in known.rules.items()}
    assert {name: one for name, one in shipped.items() if not name.startswith(beside)} == found
    assert known.rules["km.papers.taken"].language == "km"
    assert known.categories == set(screening_rules.shipped_taxonomy().categories)
    assert names.OWN_RULES == screening_rules.OWN_RULES


def test_own_rules_are_known_and_files_that_cannot_be_read_have_none(tmp_path):
    own = tmp_path / names.OWN_RULES
    own.mkdir()
    (own / "ours.toml").write_text(OWN)
    (own / "broken.toml").write_bytes(b"\xff\xfe")
    known = names.known_rules(settings(tmp_path, ("en",)))
    assert known.rules["our.minibus"] == RuleOf("movement_control", "en")
    assert "our.flag" not in known.rules
    assert known.knows("our.minibus", "agreed")
    assert not known.knows("our.minibus", "added")


def test_a_rule_for_any_language_is_folded_by_the_language_of_the_message_alone(tmp_path):
    known = names.known_rules(settings(tmp_path, ("en",)))
    assert known.counted_as("guided.papers", "en", {"en": 10}) == ("guided.papers", "en")
    assert known.counted_as("guided.papers", "en", {"en": 9}) == ("document_retention", OTHER)
    assert known.counted_as("debt_bondage", "en", {}) == ("debt_bondage", OTHER)
