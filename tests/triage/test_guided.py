"""The numbers in the names are those of the theory of operation in triage/guided.py."""

import json
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import triage.screening
from triage.guided import (
    LONGEST_ANSWERS,
    MOST_QUESTIONS,
    QUESTIONS,
    SAFE,
    Answer,
    AnswersDamagedError,
    answers_text,
    is_over,
    next_question,
    read_answers,
)
from triage.guided_findings import screen_answers
from triage.screening.findings import Strength, Why, decode, encode
from triage.screening.taxonomy import read_taxonomy

SHAPE = json.loads((Path(triage.screening.__path__[0]) / "taxonomy.json").read_text("utf-8"))
TAXONOMY = read_taxonomy(json.dumps(SHAPE))
VECTORS = json.loads((Path(__file__).parent / "vectors/answers.json").read_text("utf-8"))
ABOUT_BODY_OR_HARM = {
    "sexual_exploitation",
    "physical_sexual_violence",
    "forced_marriage_sale_removal",
    "self_harm",
    "immediate_danger",
}
SOME = st.dictionaries(st.sampled_from([one.id for one in QUESTIONS]), st.sampled_from(Answer))


def screened(**answers):
    return screen_answers(
        answers_text({key: Answer(one) for key, one in answers.items()}), TAXONOMY
    )


def test_1_the_first_question_is_whether_writing_is_safe_and_no_ends_it():
    assert next_question("").id == SAFE == QUESTIONS[0].id
    assert is_over({SAFE: Answer.NO})
    assert not is_over({SAFE: Answer.YES})
    assert not is_over({})


def test_there_are_at_most_six_each_asked_once_and_in_order():
    asked = []
    while question := next_question(asked[-1] if asked else ""):
        asked.append(question.id)
    assert asked == [one.id for one in QUESTIONS]
    assert len(set(asked)) == len(asked) <= MOST_QUESTIONS


def test_2_nothing_stands_for_what_was_passed_over():
    assert [answer.value for answer in Answer] == ["yes", "partly", "no"]
    assert answers_text({"debt": Answer.NO}) == "1 debt=no"


def test_4_nothing_asks_about_body_harm_or_age():
    assert not {one.category for one in QUESTIONS} & ABOUT_BODY_OR_HARM


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda one: one.id)
def test_5_every_question_rests_on_an_item_that_its_category_names(question):
    (category,) = (one for one in SHAPE["categories"] if one["id"] == question.category)
    assert (question.instrument, question.item) in {
        (source["source"], source["item"]) for source in category["sources"]
    }
    assert set(question.telling) < set(question.choices) <= set(Answer)


@given(SOME)
def test_6_answers_are_read_as_they_were_written(answers):
    text = answers_text(answers)
    assert read_answers(text) == answers
    assert list(read_answers(text)) == list(answers)
    assert len(text.encode()) <= LONGEST_ANSWERS


@pytest.mark.parametrize("case", VECTORS["good"], ids=lambda case: case["text"])
def test_6_python_and_javascript_read_the_same(case):
    answers = read_answers(case["text"])
    assert [[key, answer.value] for key, answer in answers.items()] == case["answers"]
    assert answers_text(answers) == case["text"]


@pytest.mark.parametrize("text", [*VECTORS["refused"], "1 \ud800=yes"])
def test_6_anything_else_is_no_answers_and_is_not_screened(text):
    with pytest.raises(AnswersDamagedError):
        read_answers(text)
    found = screen_answers(text, TAXONOMY)
    assert (found.screened, found.urgency, found.findings) == (False, 1, ())


def test_what_could_not_be_read_is_not_written():
    with pytest.raises(AnswersDamagedError):
        answers_text({"two words": Answer.YES})


def test_a_question_of_another_version_is_kept_and_finds_nothing():
    assert read_answers("1 papers=yes weather=no") == {"papers": "yes", "weather": "no"}
    assert [one.rule for one in screen_answers("1 weather=yes", TAXONOMY).findings] == []


@pytest.mark.parametrize(
    ("answers", "urgency", "why"),
    [
        ({}, 1, Why.NO_SIGN),
        ({"papers": "no", "debt": "no"}, 1, Why.NO_SIGN),
        ({"safe": "no"}, 1, Why.PLEA),
        ({"safe": "yes"}, 1, Why.NO_SIGN),
        ({"talking": "yes"}, 1, Why.ONE_SIGN),
        ({"leaving": "partly"}, 1, Why.ONE_SIGN),
        ({"papers": "partly"}, 1, Why.ONE_SIGN),
        ({"papers": "yes"}, 2, Why.STRONG_SIGN),
        ({"talking": "yes", "leaving": "yes"}, 2, Why.SEVERAL_SIGNS),
        ({"papers": "partly", "leaving": "partly"}, 2, Why.SEVERAL_SIGNS),
    ],
)
def test_the_urgency_follows_the_rules_for_text(answers, urgency, why):
    found = screened(**answers)
    assert (found.urgency, found.why, found.screened) == (urgency, why, True)


def test_a_finding_names_the_answer_its_place_and_its_source():
    found = screened(safe="yes", papers="partly", debt="yes")
    papers, debt = found.findings
    text = "1 safe=yes papers=partly debt=yes"
    assert [text[one.start : one.end] for one in found.findings] == ["papers=partly", "debt=yes"]
    assert (papers.category, papers.strength) == ("document_retention", Strength.MEDIUM)
    assert (papers.instrument, papers.item.split(":")[0]) == ("AHTST", "question 4")
    assert (debt.strength, debt.rule) == (Strength.STRONG, "guided.debt")
    assert found.version


def test_3_no_answer_ever_weighs_against_another():
    for values in product([None, *Answer], repeat=3):
        given_ = dict(zip(("papers", "talking", "debt"), values, strict=True))
        answers = {key: one.value for key, one in given_.items() if one}
        urgency = screened(**answers).urgency
        assert 1 <= urgency <= 2
        for one in answers:
            fewer = {key: value for key, value in answers.items() if key != one}
            assert screened(**fewer).urgency <= urgency


@given(SOME)
def test_what_is_found_is_read_by_the_desk_as_any_finding(answers):
    found = screen_answers(answers_text(answers), TAXONOMY)
    assert decode(encode(found)) == found
