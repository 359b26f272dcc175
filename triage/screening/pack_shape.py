"""A language put together, as plain data: what is made of its files once, and read at each start.

``pack_builder`` makes a shape from rule files, which takes some tenths of a second a language;
``pack_of`` makes what messages are compared with from a shape, in some hundredths. Rules that come
straight from their files go the same way, so both are the same by construction.

A shape as bytes is JSON after a line with two digests: one of all it was made from, which the
caller knows (``sources``), and one of the JSON itself. What is not whole, or was made from
anything else, is no shape: ``decode_shape`` returns nothing and the files are read.
"""

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, Final, TypedDict, cast

from triage.screening.arabic import ArabicAffixes
from triage.screening.findings import Flag, Route, Strength
from triage.screening.forms import DictionaryForms
from triage.screening.guesses import Guesses
from triage.screening.lexicon import EnglishEndings, Lexicon, Morphology, NoMorphology, Vocabulary
from triage.screening.respelling import RESPELLINGS, unchanged
from triage.screening.rules import Negation, Pack, Rule, Signal, waking
from triage.screening.tones import LANGUAGES as WITH_TONES
from triage.screening.tree import Node, NumberRange

__all__ = ["PackShape", "decode_shape", "encode_shape", "pack_of", "rule_shape", "tree_shape"]

NodeShape = list[Any]
"""Concepts that end here; then branches by key, each to the number of a node, and by numbers as
[low, high, node]. A node where nothing goes on has its concepts alone."""


class PackShape(TypedDict):
    """All of one language; see ``Lexicon``, ``Vocabulary`` and ``Guesses`` for what is meant.

    ``bare`` are the words from which Arabic affixes are taken off; ``often`` says how many of the
    rules' examples have a concept, and ``examples`` are the words of these.
    """

    language: str
    reviewed_by: str
    step: int
    rules: list[dict[str, Any]]
    nodes: list[NodeShape]
    often: dict[str, int]
    examples: list[str]
    words: list[str]
    bare: list[str]
    exact: list[str]
    prefixes: list[str]
    morphology: str
    respelling: str
    stems: dict[str, list[list[str]]]
    heads: list[str]
    spelling: dict[str, str]
    irregular: dict[str, str]
    numbers: dict[str, int]
    number_phrases: dict[str, list[list[Any]]]
    romanised: dict[str, list[str]]
    roman_prefixes: dict[str, list[str]]
    guesses: dict[str, list[str]]
    halves: dict[str, list[str]]
    real: list[str]


def encode_shape(shape: PackShape, sources: str) -> str:
    """Return a shape as text; ``sources`` is a digest of all it was made from."""
    body = json.dumps(shape, ensure_ascii=False, separators=(",", ":"))
    return f"{sources} {_digest(body)}\n{body}"


def decode_shape(text: str, sources: str) -> PackShape | None:
    """Return the shape in a text, or nothing if it is damaged or of other sources."""
    head, _, body = text.partition("\n")
    if head != f"{sources} {_digest(body)}":
        return None
    return cast("PackShape", json.loads(body))


def _digest(body: str) -> str:
    return hashlib.blake2b(body.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def rule_shape(rule: Rule) -> dict[str, Any]:
    """Return what a rule says, without what it leaves to the usual."""
    usual = {field.name: field.default for field in fields(Rule)}
    return {
        name: _plain(value)
        for name, value in asdict(rule).items()
        if name not in usual or value != usual[name]
    }


def _plain(value: object) -> object:
    if isinstance(value, frozenset):
        return sorted(value)
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def _concepts(names: Sequence[str]) -> frozenset[str]:
    """Return names that are the same objects as in the tree, so that comparing them is cheap."""
    return frozenset(map(sys.intern, names))


_KINDS: Final[Mapping[str, Any]] = {
    "parts": lambda parts: tuple(map(_concepts, parts)),
    **dict.fromkeys(("needs", "unless", "unless_before", "unless_after", "unless_next"), _concepts),
    **dict.fromkeys(("hits", "misses"), tuple),
    "flag": Flag,
    "route": Route,
    "signal": Signal,
    "negation": Negation,
    "strength": Strength,
}


def _rule(shape: Mapping[str, Any]) -> Rule:
    return Rule(
        **{name: _KINDS[name](value) if name in _KINDS else value for name, value in shape.items()}
    )


def tree_shape(root: Node) -> list[NodeShape]:
    """Return the nodes of a tree, each once however often it stands there, the root last."""
    numbers: dict[str, int] = {}
    nodes: list[NodeShape] = []

    def number_of(node: Node) -> int:
        shape: NodeShape = list(node.concepts)
        if node.goes_on:
            branches = {key: number_of(after) for key, after in node.branches.items()}
            ranges = [[key.low, key.high, number_of(at)] for key, at in node.numbers.items()]
            shape = [shape, branches, ranges]
        key = json.dumps(shape)
        if key not in numbers:
            numbers[key] = len(nodes)
            nodes.append(shape)
        return numbers[key]

    number_of(root)
    return nodes


def _tree(shapes: Sequence[NodeShape]) -> Node:
    nodes: list[Node] = []
    same: dict[tuple[str, ...], tuple[str, ...]] = {}

    def shared(names: Sequence[str]) -> tuple[str, ...]:
        """Thousands of places have the same few concepts: kept once, they stay near at hand."""
        found = tuple(map(sys.intern, names))
        return same.setdefault(found, found)

    for shape in shapes:
        node = Node()
        if shape and isinstance(shape[0], list):
            concepts, branches, ranges = shape
            node.concepts = shared(concepts)
            if branches:
                node.branches = {key: nodes[at] for key, at in branches.items()}
            if ranges:
                node.numbers = {NumberRange(low, high): nodes[at] for low, high, at in ranges}
        else:
            node.concepts = shared(shape)
        nodes.append(node)
    return nodes[-1]


_OF_WORDS: Final = (
    *("words", "exact", "prefixes", "examples", "heads", "real", "bare"),
    *("guesses", "halves", "romanised", "roman_prefixes"),
)


def _one_of_each(shape: PackShape) -> None:
    """Keep each word once: the same ones stand in the tree and in many lists."""
    known: dict[str, str] = {}
    for node in shape["nodes"]:
        if node and isinstance(node[0], list):  # something goes on from here
            known.update(zip(node[1], node[1], strict=True))
    every = cast("dict[str, Any]", shape)
    for name in _OF_WORDS:
        words = every[name]
        if isinstance(words, list):
            every[name] = [known.setdefault(word, word) for word in words]
        else:
            every[name] = {
                known.setdefault(key, key): tuple([known.setdefault(word, word) for word in some])
                for key, some in words.items()
            }


def pack_of(shape: PackShape) -> Pack:
    """Return what messages are compared with."""
    _one_of_each(shape)
    rules = tuple(map(_rule, shape["rules"]))
    return Pack(
        language=shape["language"],
        lexicon=Lexicon(
            _vocabulary(shape),
            frozenset(shape["words"]),
            frozenset(shape["exact"]),
            frozenset(shape["prefixes"]),
            Guesses(shape["guesses"], shape["real"], shape["halves"]) if shape["guesses"] else None,
            _tree(shape["nodes"]),
            frozenset(shape["examples"]),
        ),
        rules=rules,
        waking=waking(rules, shape["often"]),
        waking_across=waking(rules, shape["often"], across=True),
        step=shape["step"],
        reviewed_by=shape["reviewed_by"],
    )


def _vocabulary(shape: PackShape) -> Vocabulary:
    return Vocabulary(
        morphology=_morphology(shape),
        spelling=shape["spelling"],
        irregular=shape["irregular"],
        numbers=shape["numbers"],
        number_phrases={
            first: [(tuple(parts), number) for parts, number in phrases]
            for first, phrases in shape["number_phrases"].items()
        },
        heads=frozenset(shape["heads"]),
        respelling=RESPELLINGS.get(shape["respelling"], unchanged),
        romanised=shape["romanised"],
        roman_prefixes=shape["roman_prefixes"],
        affixes=shape["morphology"] == "arabic",
        tones=shape["language"] in WITH_TONES,
    )


def _morphology(shape: PackShape) -> Morphology:
    match shape["morphology"]:
        case "english":
            return EnglishEndings()
        case "arabic":
            return ArabicAffixes(frozenset(shape["bare"]))
        case "simplemma":
            return DictionaryForms(shape["stems"])
        case _:
            return NoMorphology()
