"""The lists of words: what a frightened person copies by hand, and what marks are called."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from string import ascii_lowercase

import pytest

ROOT = Path(__file__).parents[2]
ALARMING = frozenset(
    re.findall(
        "[a-z]+",
        "abandon abuse accident afraid alarm alcohol alone ambush anger arm army arrest assault "
        "attack baby beat belt betray birth black blade blame bleed blind blood body bomb bone boy "
        "boss breast bride brother bullet burn buy cage captive case catch cell chain chase chest "
        "child choke code cocaine confess control corpse court crime cruel cry damage danger "
        "daughter dead death debt deport destroy devil die dirty doll drug drunk enemy escape "
        "exile exit eye face fat father fear female fight fist flee force fugitive gang ghost girl "
        "god grave guilt gun hammer hang hate heart hell help heroin hide hit hospital hostage "
        "hotel hotline hunt hurt husband ill injury jail judge kidnap kill kiss knife lady lash "
        "lawyer leave liar lock love maid man married mask master mattress minor mistress money "
        "monster mother murder naked never obey orphan owner pain panic passport pay pill pimp "
        "pistol poison police poor pregnant price prison private prostitute punish race ransom "
        "rape raped razor refugee rescue rifle sad safe scare scream secret sell sex sheriff shoot "
        "shot sick sin sister skin slap slave smuggle soldier son spy stab steal strip suffer "
        "suicide suspect sword tear terror theft thief threat torture traffic trap trial trick "
        "ugly uncle victim violence virgin virus visa wage war weapon weep whip whore widow wife "
        "witness woman wound wrong",
    )
)
"""Words that no list may hold: they frighten, accuse, or would look odd on a note."""


def listed(name: str) -> list[str]:
    return (ROOT / "vault/words" / name).read_text(encoding="ascii").splitlines()


PHRASE = listed("phrase.en.txt")
MARK = listed("mark.en.txt")


def slips(word: str) -> set[str]:
    """Everything at Damerau-Levenshtein distance 1: a letter added, lost, changed, two swapped."""
    cuts = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    lost = {a + b[1:] for a, b in cuts if b}
    changed = {a + letter + b[1:] for a, b in cuts if b for letter in ascii_lowercase}
    added = {a + letter + b for a, b in cuts for letter in ascii_lowercase}
    swapped = {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
    return (lost | changed | added | swapped) - {word}


def one_slip_apart(words: Iterable[str]) -> set[tuple[str, str]]:
    known = set(words)
    return {(a, b) for a in known for b in slips(a) & known if a < b}


@pytest.mark.parametrize(
    ("one", "other"), [("boat", "coat"), ("form", "from"), ("plan", "plane"), ("ship", "shop")]
)
def test_the_measure_sees_one_slip(one, other):
    assert one_slip_apart([one, other]) == {(min(one, other), max(one, other))}


@pytest.mark.parametrize(("one", "other"), [("boat", "moon"), ("river", "paper"), ("boat", "boat")])
def test_the_measure_lets_two_slips_pass(one, other):
    assert one_slip_apart([one, other]) == set()


@pytest.mark.parametrize(
    ("words", "count", "shape"),
    [(PHRASE, 2048, "[a-z]{3,8}"), (MARK, 512, "[a-z]{4,7}")],
    ids=["phrase", "mark"],
)
def test_a_list_has_its_count_order_and_letters(words, count, shape):
    assert len(words) == count
    assert words == sorted(set(words))
    assert [word for word in words if not re.fullmatch(shape, word)] == []


@pytest.mark.parametrize("words", [PHRASE, MARK], ids=["phrase", "mark"])
def test_no_two_words_are_one_slip_apart(words):
    assert one_slip_apart(words) == set()


def test_four_letters_name_a_phrase_word():
    starts = Counter(word[:4] for word in PHRASE)
    assert [start for start, times in starts.items() if times > 1] == []


def test_marks_and_phrases_share_no_word():
    assert set(MARK) & set(PHRASE) == set()


@pytest.mark.parametrize("words", [PHRASE, MARK], ids=["phrase", "mark"])
def test_no_word_frightens_or_accuses(words):
    assert sorted(ALARMING & set(words)) == []


def test_no_beginning_of_a_phrase_word_frightens_or_accuses():
    assert sorted(ALARMING & {word[:4] for word in PHRASE}) == []


def test_no_word_of_a_mark_is_a_shape_of_a_mark():
    shapes = {"circle", "square", "triangle", "diamond", "hexagon", "star", "cross", "moon", "drop"}
    assert set(MARK) & (shapes | {"ring", "bars"}) == set()


@pytest.mark.parametrize(
    ("module", "name", "words"),
    [
        ("browser/phrase/words.js", "WORDS", PHRASE),
        ("browser/desk/mark_words.js", "MARK_WORDS", MARK),
    ],
)
def test_the_browser_has_the_same_list(module, name, words):
    last = (ROOT / module).read_text(encoding="ascii").splitlines()[-1]
    assert last == f'export const {name} = "{" ".join(words)}".split(" ");', (
        "run: node browser/phrase/make-words.mjs"
    )
