"""Reading rule files: TOML written by counsellors and linguists, checked before it is used.

The caller reads the files and hands in their texts by name; the first file of a language is the
shipped one and holds its ``[words]``, later ones add to it::

    schema = 1
    language = "en"

    reviewed_by = ""                who, native, has read the file; empty: nobody yet

    [words]                         only in the first file of a language
    morphology = "english"          or none, simplemma, arabic, characters
    lemmas = "es"                   simplemma's code of the language, with "simplemma"
    spellings = "german"            or serbian, cyrillic: other ways to write the language
    common = "the, and, my"         frequent words, by which the language is recognised
    negators = "not, nobody"        further lists: negators_after, not_negating, breaks,
                                    self_subjects, other_subjects, writer, beside_writer
    [words.spelling]                how people write: pls = "please"
    [words.irregular]               base form = "its forms": take = "took, taken"
    [words.numbers]                 fifteen = 15

    [concepts]                      a name and its phrases, parted by commas
    papers = "passport, id card, <visa>"

    [extend]                        in later files: more phrases for a concept that exists
    papers = "cedula"

    off = ["en.rule.id"]            at the top of a later file: rules of earlier files not wanted

    [explain]                       in later files: an explanation in your own words or language
    "en.papers.held" = "Jemand anders hat die Papiere."

    [[rule]]
    id = "en.papers.taken"
    category = "document_retention"      or flag, route, signal
    find = ["take", "own", "papers"]     concepts, in this order; "a|b" is either
    explain = "Somebody took papers."
    hits = ["he took my passport"]       examples that must be found, and
    misses = ["i lost my passport"]      some that must not

``RULES.md`` says what the morphologies do and how to write a file for a language.

A phrase is words; ``=word`` stands only as written, ``word*`` for any ending, ``5..17`` for a
number, ``<name>`` alone for all phrases of another concept. There are no regular expressions.
Further keys of a rule: ``gap`` (0-12), ``order`` ("fixed", "any"), ``negation`` ("blocks",
"ignored"), ``by_others`` and ``across`` (true), ``needs``, ``unless``, ``unless_before``,
``unless_after``, ``unless_next``, ``longest_text``, ``strength``, and ``source``
(``{instrument = "ILO11", item = "7 …"}``); ``rules.Rule`` says what they mean.
"""

import hashlib
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from triage.screening.index import WordIndex
from triage.screening.pack_builder import (
    LISTS,
    WORD_KEYS,
    LanguageParts,
    build_shape,
    dictionary_of,
    inflected,
)
from triage.screening.pack_shape import PackShape, pack_of
from triage.screening.phrases import PhraseError
from triage.screening.rule_entry import (
    LONGEST_EXPLANATION,
    WrongError,
    as_string,
    as_table,
    read_rule,
    split,
)
from triage.screening.rules import Pack, Rule, RuleSet
from triage.screening.taxonomy import Taxonomy
from triage.screening.weights import NO_WEIGHTS, read_weights

__all__ = [
    "ENGINE_VERSION",
    "MakeShape",
    "RuleProblem",
    "RulesRefusedError",
    "compile_rules",
    "inflected_words",
    "load_rules",
]

ENGINE_VERSION: Final = "6"

_SCHEMA: Final = 1
_LONGEST_FILE: Final = 1_000_000
_MOST_RULES: Final = 2_000

_NO_FORMS: Final[Mapping[str, str]] = MappingProxyType({})
MakeShape = Callable[[], PackShape | None]
"""Gives what ``compile_rules`` made of a file, or nothing where that could not be made of it."""
_NO_SHAPES: Final[Mapping[str, MakeShape]] = MappingProxyType({})
_FILE_KEYS: Final = frozenset(
    {"schema", "language", "reviewed_by", "words", "concepts", "extend", "off", "explain", "rule"}
)


@dataclass(frozen=True, slots=True)
class RuleProblem:
    """One thing wrong: in which file, in which rule or part, what, and what to do."""

    file: str
    where: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        """One line for a terminal."""
        return f"{self.file}, {self.where}: {self.problem}: {self.remedy}"


class RulesRefusedError(Exception):
    """The rule files cannot be used; ``problems`` says what to change, file by file."""

    def __init__(self, problems: Iterable[RuleProblem]) -> None:
        """Keep every problem, so that all can be mended at once."""
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def load_rules(
    taxonomy: Taxonomy,
    files: Mapping[str, str],
    forms: Mapping[str, str] = _NO_FORMS,
    shapes: Mapping[str, MakeShape] = _NO_SHAPES,
    weights: str = "",
) -> RuleSet:
    """Return the rules in these files; raise ``RulesRefusedError`` with every problem found.

    ``files`` maps a name to its text, in order: shipped files first, an organisation's after.
    ``forms`` maps a language of simplemma to the text of its shipped file of forms; words that
    it lacks are looked up in simplemma's dictionary, which takes seconds. ``shapes`` maps names
    of files to what gives what ``compile_rules`` made of just these; they are then not read again,
    unless another file adds to their language. One is asked for after the other: all at once take
    half as much memory again as all that is made of them, and it is not given back. ``weights`` is
    the text of the file of weights; without it nothing is weighed. Raises ``WeightsRefusedError``
    where that cannot be used.
    """
    loader = _Loader(taxonomy, forms)
    others = [text for name, text in files.items() if name not in shapes]
    added_to = set(map(_language_in, others)) if shapes else set()
    for name, text in files.items():
        shape = shapes[name]() if name in shapes else None
        if shape is None or shape["language"] in added_to:
            loader.read(name, text)
        else:
            loader.take(pack_of(shape))
        del shape
    packs = tuple(map(_pack, loader.put_together()))
    if loader.problems:
        raise RulesRefusedError(loader.problems)
    index = WordIndex([pack.lexicon for pack in packs])
    weighed = read_weights(weights, taxonomy) if weights else NO_WEIGHTS
    digest = _digest(taxonomy, {**files, "weights.toml": weights} if weights else files)
    return RuleSet(taxonomy, packs, index, f"{ENGINE_VERSION}+{digest}", weighed)


def compile_rules(
    taxonomy: Taxonomy, name: str, text: str, forms: Mapping[str, str] = _NO_FORMS
) -> PackShape | None:
    """Return what ``load_rules`` may be given for a file that is right, or nothing."""
    loader = _Loader(taxonomy, forms)
    loader.read(name, text)
    made = [one for one in loader.put_together() if not isinstance(one, Pack)]
    return made[0] if made and not loader.problems else None


def _pack(made: Pack | PackShape) -> Pack:
    return made if isinstance(made, Pack) else pack_of(made)


def _language_in(text: str) -> object:
    """Return the language that a file adds to; what is wrong with it is said when it is read."""
    try:
        return _parse(text).get("language")
    except WrongError:
        return None


def inflected_words(taxonomy: Taxonomy, files: Mapping[str, str]) -> Mapping[str, frozenset[str]]:
    """Return the words of the rules whose forms a dictionary can give, by simplemma's code."""
    loader = _Loader(taxonomy, _NO_FORMS)
    for name, text in files.items():
        loader.read(name, text)
    if loader.problems:
        raise RulesRefusedError(loader.problems)
    return {
        lemmas: inflected(language.concepts.phrases(), language.words)
        for language in loader.languages()
        if language.words is not None and (lemmas := dictionary_of(language.words))
    }


def _digest(taxonomy: Taxonomy, files: Mapping[str, str]) -> str:
    digest = hashlib.blake2b(taxonomy.version.encode(), digest_size=4)
    for name, text in files.items():
        for part in (name, text):
            data = part.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


class _Loader:
    def __init__(self, taxonomy: Taxonomy, forms: Mapping[str, str]) -> None:
        self.problems: list[RuleProblem] = []
        self._taxonomy = taxonomy
        self._forms = forms
        self._languages: dict[str, LanguageParts | Pack] = {}
        self._misread = False

    def read(self, file: str, text: str) -> None:
        """Take in one file."""
        try:
            table = _parse(text)
            language = self._language(table)
        except WrongError as wrong:
            self._say(file, "file", wrong)
            return
        for key in sorted(set(table) - _FILE_KEYS):
            self._say(file, key, WrongError("this key is not known", "remove it"))
        for kind, where, part in _parts(table):
            try:
                self._part(file, language, (kind, where), part)
            except PhraseError as wrong:
                self._say(file, where, WrongError(str(wrong), wrong.remedy))
            except WrongError as wrong:
                self._say(file, where, wrong)

    def take(self, pack: Pack) -> None:
        """Take in a language that is put together already."""
        self._languages[pack.language] = pack

    def languages(self) -> Iterable[LanguageParts]:
        """Return what was read, language by language."""
        return [one for one in self._languages.values() if isinstance(one, LanguageParts)]

    def put_together(self) -> list[Pack | PackShape]:
        """Check what only shows when all is read, and put each language together."""
        self._misread = bool(self.problems)
        made = [
            self._shape(one) if isinstance(one, LanguageParts) else one
            for one in self._languages.values()
        ]
        return [one for one in made if one is not None]

    def _say(self, file: str, where: str, wrong: WrongError) -> None:
        self.problems.append(RuleProblem(file, where, wrong.problem, wrong.remedy))

    def _language(self, table: Mapping[str, object]) -> LanguageParts:
        if table.get("schema") != _SCHEMA:
            raise WrongError("the schema is missing or not known", f"write schema = {_SCHEMA}")
        name = table.get("language")
        if not isinstance(name, str) or not name.isalpha() or not name.islower():
            raise WrongError("the language is missing", 'write for example language = "en"')
        language = self._languages.setdefault(name, LanguageParts(name))
        if not isinstance(language, LanguageParts):
            raise TypeError(name)
        language.reviewed_by = as_string(
            "reviewed_by", table.get("reviewed_by", language.reviewed_by)
        )
        return language

    def _part(
        self, file: str, language: LanguageParts, place: tuple[str, str], part: object
    ) -> None:
        kind, name = place
        if kind == "words":
            self._words(file, language, as_table(part))
        elif kind == "off":
            rule = language.rules.pop(name, None)
            if rule is None:
                raise WrongError("no earlier file has this rule", "correct or remove it")
            language.switched_off.append(rule)
        elif kind == "concepts":
            language.concepts.add(file, name, as_string(name, part))
        elif kind == "extend":
            language.concepts.extend(name, as_string(name, part))
        elif kind == "explain":
            self._translate(language, name, as_string(name, part))
        elif kind == "rule":
            added = read_rule(file, as_table(part), self._taxonomy)
            if added.id in language.rules:
                raise WrongError("another rule has this id", "give it another one")
            language.rules[added.id] = added
        else:
            raise WrongError(f'"{kind}" is not in the right form', "see how rule files are written")

    def _translate(self, language: LanguageParts, name: str, text: str) -> None:
        if name not in language.rules:
            raise WrongError("no earlier file has this rule", "correct or remove it")
        if not text.strip() or len(text) > LONGEST_EXPLANATION:
            raise WrongError(
                "the explanation is empty or too long", f"up to {LONGEST_EXPLANATION} letters"
            )
        language.rules[name] = replace(language.rules[name], explain=text)

    def _words(self, file: str, language: LanguageParts, table: Mapping[str, object]) -> None:
        if language.words is not None:
            raise WrongError("an earlier file of this language has [words]", "remove it here")
        for key in sorted(set(table) - WORD_KEYS):
            raise WrongError(f'"{key}" is not known', "remove it")
        language.words = table
        for which in LISTS:
            words = split(as_string(which.name.lower(), table.get(which.name.lower(), "")))
            language.concepts.add_list(file, which.value, words, exact=which.is_exact)

    def _shape(self, language: LanguageParts) -> PackShape | None:
        if language.words is None:
            wrong = WrongError("no file of this language has [words]", "add it to the first")
            self._say(language.name, "words", wrong)
            return None
        before = len(self.problems)
        self._check_together(language)
        if len(self.problems) > before:
            return None
        try:
            return build_shape(language, self._forms)
        except PhraseError as wrong:
            self._say(wrong.file or language.name, "concepts", WrongError(str(wrong), wrong.remedy))
        except WrongError as wrong:
            self._say(language.name, "words", wrong)
        return None

    def _check_together(self, language: LanguageParts) -> None:
        before = len(self.problems)
        if len(language.rules) > _MOST_RULES:
            wrong = WrongError(f"more than {_MOST_RULES} rules", "join some with a|b")
            self._say(language.name, "file", wrong)
        seen: dict[tuple[object, ...], Rule] = {}
        for rule in language.rules.values():
            self._check_concepts(rule, language.concepts.names())
            if rule.category is not None:
                other = seen.setdefault(_search(rule), rule)
                if other is not rule:
                    wrong = WrongError(f'it looks for the same as "{other.id}"', "remove one")
                    self._say(rule.file, rule.id, wrong)
        # A rule that could not be read names no concepts: mend that first.
        if len(self.problems) == before and not self._misread:
            self._check_unused(language)

    def _check_concepts(self, rule: Rule, known: frozenset[str]) -> None:
        for name in sorted(_named(rule) - known):
            wrong = WrongError(f'there is no concept "{name}"', "correct it or add it")
            self._say(rule.file, rule.id, wrong)
        for name in sorted(rule.unless.intersection(*rule.parts)):
            wrong = WrongError(f'"{name}" is both looked for and excluded', "remove one")
            self._say(rule.file, rule.id, wrong)

    def _check_unused(self, language: LanguageParts) -> None:
        rules = [*language.rules.values(), *language.switched_off]
        used = {name for rule in rules for name in _named(rule)}
        for file, name in language.concepts.unused(used):
            wrong = WrongError("no rule uses this concept", "use it or remove it")
            self._say(file, f'concept "{name}"', wrong)


def _search(rule: Rule) -> tuple[object, ...]:
    """Return what a rule looks for, without what it says about it."""
    excluded = (rule.unless, rule.unless_before, rule.unless_after, rule.unless_next)
    return rule.parts, rule.needs, excluded, rule.negation


def _named(rule: Rule) -> frozenset[str]:
    """Return the concepts that a rule names."""
    excluded = rule.unless | rule.unless_before | rule.unless_after | rule.unless_next
    return rule.needs.union(excluded, *rule.parts)


def _parse(text: str) -> dict[str, object]:
    if len(text) > _LONGEST_FILE:
        raise WrongError("the file is too long", f"at most {_LONGEST_FILE} letters: split it")
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise WrongError(f"this is not TOML: {error}", "mend that place") from None


def _parts(table: Mapping[str, object]) -> Iterator[tuple[str, str, object]]:
    """Return kind, name and content of each part, in the order in which they build on each other.

    A part that has not the form of its kind is returned with the kind ``malformed …``.
    """
    if "words" in table:
        yield "words", "words", table["words"]
    off = table.get("off", [])
    if isinstance(off, list):
        yield from (("off", str(name), name) for name in off)
    else:
        yield "malformed off", "off", off
    for kind in ("concepts", "extend", "explain"):
        held = table.get(kind, {})
        if isinstance(held, dict):
            yield from ((kind, name, phrases) for name, phrases in held.items())
        else:
            yield f"malformed {kind}", kind, held
    rules = table.get("rule", [])
    if isinstance(rules, list):
        for number, rule in enumerate(rules, 1):
            name = rule.get("id") if isinstance(rule, dict) else None
            yield "rule", name if isinstance(name, str) else f"rule {number}", rule
    else:
        yield "malformed rule", "rule", rules
