import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.screening.findings import (
    REASONS,
    Applies,
    Finding,
    FindingsDamagedError,
    Flag,
    FlagFound,
    Route,
    RouteFound,
    Screening,
    Strength,
    Why,
    decode,
    encode,
)

WORDS = st.text(max_size=30)
SPANS = st.tuples(st.integers(0, 5000), st.integers(1, 500))
FINDINGS = st.builds(
    lambda span, **more: Finding(start=span[0], end=span[0] + span[1], **more),
    SPANS,
    category=WORDS,
    rule=WORDS,
    explanation=WORDS,
    instrument=WORDS,
    item=WORDS,
    strength=st.sampled_from(Strength),
    applies=st.sampled_from(Applies),
)
ROUTES = st.builds(
    lambda span, route, rule: RouteFound(route, span[0], span[0] + span[1], rule),
    SPANS,
    st.sampled_from(Route),
    WORDS,
)
FLAG_WORDS = st.builds(
    lambda span, flag, rule: FlagFound(flag, span[0], span[0] + span[1], rule),
    SPANS,
    st.sampled_from(Flag),
    WORDS,
)
SCREENINGS = st.builds(
    Screening,
    screened=st.booleans(),
    urgency=st.integers(0, 3),
    why=st.sampled_from(Why),
    findings=st.lists(FINDINGS, max_size=4).map(tuple),
    flags=st.sets(st.sampled_from(Flag)).map(sorted).map(tuple),
    routes=st.lists(ROUTES, max_size=3).map(tuple),
    language=WORDS,
    version=WORDS,
    set_aside=st.lists(FINDINGS, max_size=3).map(tuple),
    flag_words=st.lists(FLAG_WORDS, max_size=3).map(tuple),
)
PLAIN = Screening(
    screened=True,
    urgency=2,
    why=Why.STRONG_SIGN,
    findings=(
        Finding(
            "debt_bondage",
            3,
            9,
            "en.debt.owe",
            "Owes.",
            "ILO11",
            "9 debt bondage",
            Strength.STRONG,
            Applies.ANY,
        ),
    ),
    flags=(Flag.MINOR,),
    language="en",
    version="1+00000000",
)


@given(SCREENINGS)
def test_what_is_encoded_comes_back_and_has_one_form(screening):
    data = encode(screening)
    assert decode(data) == screening
    assert encode(decode(data)) == data


def test_the_shape_that_the_desk_reads():
    assert json.loads(encode(PLAIN)) == {
        "v": 1,
        "version": "1+00000000",
        "screened": True,
        "urgency": 2,
        "why": "strong_sign",
        "reason": "A strong sign in a present situation.",
        "language": "en",
        "flags": ["minor"],
        "routes": [],
        "findings": [
            {
                "category": "debt_bondage",
                "start": 3,
                "end": 9,
                "rule": "en.debt.owe",
                "explanation": "Owes.",
                "instrument": "ILO11",
                "item": "9 debt bondage",
                "strength": "strong",
                "applies": "any",
            }
        ],
    }


def test_what_is_set_aside_has_the_shape_of_findings_and_a_place_only_where_there_is_any():
    aside = replace(PLAIN, findings=(), set_aside=PLAIN.findings)
    shape = json.loads(encode(aside))
    assert shape["set_aside"] == json.loads(encode(PLAIN))["findings"]
    assert shape["findings"] == []
    assert b"set_aside" not in encode(PLAIN)
    assert decode(encode(PLAIN)).set_aside == ()


def test_the_words_of_flags_have_a_place_only_where_there_are_any():
    told = replace(PLAIN, flag_words=(FlagFound(Flag.MINOR, 3, 8, "en.minor.age"),))
    (word,) = json.loads(encode(told))["flag_words"]
    assert word == {"flag": "minor", "start": 3, "end": 8, "rule": "en.minor.age"}
    assert b"flag_words" not in encode(PLAIN)


def changed(**more):
    shape = {**json.loads(encode(PLAIN)), **more}
    return json.dumps(shape, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        encode(PLAIN)[:-1],
        encode(PLAIN) + b" ",
        json.dumps(json.loads(encode(PLAIN))).encode(),
        changed(v=2),
        changed(urgency=4),
        changed(urgency=-1),
        changed(urgency=True),
        changed(screened=1),
        changed(why="because"),
        changed(reason="Something else."),
        changed(flags=["rich"]),
        changed(flags=["past", "minor"]),
        changed(extra=1),
        changed(findings=[{}]),
        changed(findings=[{**json.loads(encode(PLAIN))["findings"][0], "end": 3}]),
        changed(findings=[{**json.loads(encode(PLAIN))["findings"][0], "start": -1}]),
        changed(findings=json.loads(encode(PLAIN))["findings"] * 65),
        changed(set_aside=[]),
        changed(set_aside=[{}]),
        changed(set_aside=json.loads(encode(PLAIN))["findings"] * 65),
        changed(flag_words=[]),
        changed(flag_words=[{"flag": "rich", "start": 0, "end": 1, "rule": "r"}]),
        changed(flag_words=[{"flag": "past", "start": 1, "end": 1, "rule": "r"}]),
        changed(language="x" * 70_000),
    ],
)
def test_anything_else_is_refused(data):
    with pytest.raises(FindingsDamagedError):
        decode(data)


def test_every_reason_has_words():
    assert set(REASONS) == set(Why)
    assert all(sentence.endswith(".") for sentence in REASONS.values())
