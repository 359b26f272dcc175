"""The report on rules: right where it is large, silent where it is small."""

from hypothesis import given
from hypothesis import strategies as st

from triage.learning import Added, LanguageLine, RuleLine, Tally, report, shown

COUNTS = st.integers(0, 60)
TALLIES = st.dictionaries(
    st.tuples(
        st.sampled_from(["en.a", "en.b", "fr.a"]),
        st.sampled_from(["en", "fr"]),
        st.sampled_from(["agreed", "dismissed", "added"]),
    ),
    COUNTS,
)


def tallied(counted):
    return [Tally(*key, count) for key, count in counted.items()]


def test_small_numbers_are_withheld_and_others_are_whole_fives():
    assert [shown(n) for n in (0, 1, 4, 5, 9, 10, 123)] == [None, None, None, 5, 5, 10, 120]


def test_rules_that_are_mostly_dismissed_come_first():
    counted = {
        ("en.good", "en", "agreed"): 30,
        ("en.good", "en", "dismissed"): 2,
        ("en.bad", "en", "agreed"): 6,
        ("en.bad", "en", "dismissed"): 17,
        ("en.rare", "en", "dismissed"): 4,
    }
    found = report(tallied(counted), {})
    assert found.rules == (
        RuleLine("en.bad", "en", 5, 15),
        RuleLine("en.good", "en", 30, None),
    )
    assert [line.mostly_dismissed for line in found.rules] == [True, False]


def test_languages_in_which_little_is_found():
    counted = {
        ("en.a", "en", "agreed"): 40,
        ("km.a", "km", "agreed"): 1,
        ("debt_bondage", "km", "added"): 6,
        ("debt_bondage", "vi", "added"): 3,
    }
    found = report(tallied(counted), {"en": 12, "th": 9, "km": 3, "vi": 1})
    assert found.languages == (
        LanguageLine("en", 40, None, 10),
        LanguageLine("km", None, 5, None),
        LanguageLine("th", None, None, 5),
    )
    assert [line.few_findings for line in found.languages] == [False, True, True]
    assert found.added == (Added("debt_bondage", "km", 5),)


def numbers_of(found):
    lines = [*found.rules, *found.languages, *found.added]
    names = ("agreed", "dismissed", "decided", "added", "conversations", "count")
    return [getattr(line, name) for line in lines for name in names if hasattr(line, name)]


@given(TALLIES, st.dictionaries(st.sampled_from(["en", "fr", "km"]), COUNTS))
def test_no_answer_holds_a_small_or_an_exact_number(counted, conversations):
    for number in numbers_of(report(tallied(counted), conversations)):
        assert number is None or (number >= 5 and number % 5 == 0)


@given(TALLIES)
def test_one_decision_more_shows_only_where_it_makes_five(counted):
    """Whoever asks before and after a decision learns of it at most once in five."""
    for key, count in counted.items():
        before = report(tallied(counted), {}).rules
        after = report(tallied(counted | {key: count + 1}), {}).rules
        if key[2] == "added" or (count + 1) % 5:
            assert before == after
