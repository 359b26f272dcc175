"""`havenline screen` and `havenline indicators`: what the rules make of texts, and the rules."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from intake_server.cli import place_options, settings_of
from intake_server.commands_learning import report
from intake_server.own_rules import SoundRules, read_sound_rules
from intake_server.screening_rules import (
    OWN_RULES,
    SHIPPED,
    RulesUnusable,
    compiled_rules,
    read_rules,
    rule_texts,
    shipped_taxonomy,
)
from triage.screening.dictionary import file_lines
from triage.screening.engine import failed_examples, screen
from triage.screening.findings import Finding, Flag, Screening, Why
from triage.screening.rule_files import RulesRefusedError, inflected_words
from triage.screening.rules import Rule, RuleSet
from triage.screening.weights import WEIGHED

_FLAG_WORDS = {
    Flag.MINOR: "May be under 18.",
    Flag.THIRD_PARTY: "Written about somebody else.",
    Flag.PAST: "Seems to be over.",
}


_ASIDE_EVERYDAY = "Taken for an everyday matter, and not counted:"
_ASIDE = "Set aside, and not counted:"


class _WrongLine(Exception):
    """A line cannot be read; the message says what to mend."""


@click.command("screen")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to write.")
@click.option("--explain", "text", help="Print what is found in this text, for a person.")
@place_options
def screen_command(
    *,
    file: Path | None,
    out: Path | None,
    text: str | None,
    folder: Path | None,
    config: Path | None,
) -> None:
    """Screen texts by the rules in force: the lines of FILE (JSON with `id` and `text`), or one.

    Each line of the output has id, categories, urgency, is_minor, third_party and evidence with
    character places in the text. Nothing is stored. Exit code 1: some lines could not be read.
    """
    if (file is None) == (text is None) or (file is not None and out is None):
        raise click.UsageError('give FILE and --out PREDICTIONS, or --explain "text"')
    rules = _rules_in_force(folder, config)
    if text is not None:
        click.echo("\n".join(_explained(text, screen(text, rules))))
    elif file is not None and out is not None and _screen_file(file, out, rules):
        raise click.exceptions.Exit(1)


def _rules_in_force(folder: Path | None, config: Path | None) -> RuleSet:
    """The rules by which the caretaker screens; own files that it does not use are named."""
    read = _read_rules(folder, config)
    for one in read.refused:
        click.echo(f"{one.file} is not used: {one.reason}. `indicators check` explains.", err=True)
    return read.rules


def _read_rules(folder: Path | None, config: Path | None) -> SoundRules:
    try:
        settings = settings_of(folder, config)
        languages = settings.screening.languages
        return read_sound_rules(settings.data.folder / OWN_RULES, languages or None)
    except RulesUnusable as wrong:
        raise click.ClickException(str(wrong)) from None


def _screen_file(file: Path, out: Path, rules: RuleSet) -> int:
    """Screen each line; return how many could not be read."""
    wrong = 0
    try:
        with file.open("rb") as lines, out.open("w", encoding="utf-8") as predictions:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    name, text = _read_line(line)
                except _WrongLine as problem:
                    wrong += 1
                    click.echo(f"{file}, line {number}: {problem}", err=True)
                    continue
                shape = {"id": name, **_prediction(screen(text, rules))}
                predictions.write(json.dumps(shape, ensure_ascii=True) + "\n")
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from None
    if wrong:
        click.echo(f"Lines left out: {wrong}", err=True)
    return wrong


def _read_line(line: bytes) -> tuple[str | int, str | None]:
    """Return id and text of a line; `_WrongLine` quotes none of it."""
    try:
        shape = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _WrongLine(f"byte {error.start + 1} is not UTF-8: save it as UTF-8") from None
    except json.JSONDecodeError as error:
        raise _WrongLine(f"not JSON at column {error.colno}: mend it") from None
    except RecursionError:
        raise _WrongLine("not JSON that can be read: it is nested too deep") from None
    if not isinstance(shape, dict) or not isinstance(shape.get("id"), str | int):
        raise _WrongLine('no object with an "id": write {"id": "…", "text": "…"}')
    text = shape.get("text")
    if text is not None and not isinstance(text, str):
        raise _WrongLine('"text" is not a text: put it in quotes')
    return shape["id"], text


def _prediction(found: Screening) -> Mapping[str, object]:
    return {
        "categories": sorted({one.category for one in found.findings}),
        "urgency": found.urgency,
        "is_minor": Flag.MINOR in found.flags,
        "third_party": Flag.THIRD_PARTY in found.flags,
        "evidence": [
            {"category": one.category, "start": one.start, "end": one.end} for one in found.findings
        ],
    }


def _explained(text: str, found: Screening) -> Iterator[str]:
    """Yield the lines that tell a person what was found."""
    yield f"Urgency {found.urgency}: {found.reason}"
    if not found.screened:
        yield "Not screened."
    names = {one.id: one.name for one in shipped_taxonomy().categories.values()}
    for one in found.findings:
        yield from _finding_lines(text, one, names[one.category])
    for route in found.routes:
        yield f'\n  "{text[route.start : route.end]}"'
        yield f"    Route: {route.route}. Rule: {route.rule}"
    if found.set_aside:
        yield f"\n{_ASIDE_EVERYDAY if found.why is Why.EVERYDAY else _ASIDE}"
    for one in found.set_aside:
        yield from _finding_lines(text, one, names[one.category])
    for flag in found.flags:
        yield f"\n  {_FLAG_WORDS[flag]}"
        for said in found.flag_words:
            if said.flag is flag:
                yield f'    "{text[said.start : said.end]}". Rule: {said.rule}'
    yield f"\nLanguage, as advice: {found.language}. Rules and engine: {found.version}"
    yield "This puts messages in order. It does not say what somebody is, and it may be wrong."


def _finding_lines(text: str, one: Finding, name: str) -> Iterator[str]:
    yield f'\n  "{text[one.start : one.end]}"  (characters {one.start} to {one.end})'
    yield f"    {name}, {one.strength}: {one.explanation}"
    yield f"    Source: {one.instrument}, {one.item}. Rule: {one.rule}"


@click.group()
def indicators() -> None:
    """Look at the rules of screening, the shipped ones and your own."""


indicators.add_command(report)


@indicators.command()
@place_options
def check(*, folder: Path | None, config: Path | None) -> None:
    """Check all rule files and try their examples. Exit code 1: something is to be mended."""
    read = _read_rules(folder, config)
    rules = read.rules
    for own in read.refused:
        click.echo(f"{own.file} is not used. The caretaker screens without it. What is wrong:")
        click.echo("\n".join(f"  {problem}" for problem in own.problems))
    failed = failed_examples(rules)
    for one in failed:
        expected = "is not found" if one.should_match else "is found, and should not be"
        click.echo(f'{one.rule.file}, {one.rule.id}: the example "{one.example}" {expected}')
    for pack in rules.packs:
        reader = pack.reviewed_by or "nobody native yet"
        click.echo(f"{pack.language}: {len(pack.rules)} rules; read by {reader}")
    click.echo(f"Version {rules.version}. Examples that fail: {len(failed)}.")
    if failed or read.refused:
        raise click.exceptions.Exit(1)


@indicators.command()
@click.argument("rule_id")
@place_options
def explain(*, rule_id: str, folder: Path | None, config: Path | None) -> None:
    """Say what a rule looks for, in words, and on which source it rests."""
    rules = _rules_in_force(folder, config)
    found = {rule.id: rule for pack in rules.packs for rule in pack.rules}
    question = rule_id.removeprefix(WEIGHED)
    if question != rule_id and question in rules.weights.of:
        click.echo("\n".join(_weighed_lines(rule_id, rules.weights.of[question])))
        return
    if rule_id not in found:
        near = [name for name in found if rule_id in name][:12]
        hint = f" Near it: {', '.join(near)}." if near else ""
        raise click.ClickException(f"There is no rule {rule_id}.{hint}")
    click.echo("\n".join(_rule_lines(found[rule_id])))


def _weighed_lines(rule_id: str, adds: Mapping[str, int]) -> Iterator[str]:
    yield f"{rule_id} is no rule: it adds up what a message has, each with its weight."
    yield "Learnt from labelled messages: 700 doubles the odds, -700 halves them."
    for name, weight in sorted(adds.items(), key=lambda item: (-item[1], item[0])):
        yield f"  {weight:+6d}  {name}"


def _rule_lines(rule: Rule) -> Iterator[str]:
    says = rule.category or rule.flag or rule.route or rule.signal
    yield f"{rule.id} ({rule.file}) says: {says}"
    if rule.explain:
        yield f"  {rule.explain}"
    if rule.instrument:
        yield f"  Source: {rule.instrument}, {rule.item}"
    order = "in any order" if rule.any_order else "in this order"
    parts = ", then ".join(" or ".join(sorted(part)) for part in rule.parts)
    yield f"  Looks for {parts}; {order}, at most {rule.gap} words between."
    if rule.needs:
        yield f"  Only where the message also has {' or '.join(sorted(rule.needs))}."
    excluded = rule.unless | rule.unless_before | rule.unless_after | rule.unless_next
    if excluded:
        yield f"  Not beside {', '.join(sorted(excluded))}."
    if rule.by_others:
        yield "  Not where the writer is the one who acts."
    yield f"  A negation {rule.negation} it."
    for example in rule.hits:
        yield f"  Found: {example}"
    for example in rule.misses:
        yield f"  Not found: {example}"


@indicators.command()
@place_options
def diff(*, folder: Path | None, config: Path | None) -> None:
    """Show what your own files change in the shipped rules."""
    shipped = {rule.id: rule for pack in _shipped().packs for rule in pack.rules}
    own = {rule.id: rule for pack in _rules_in_force(folder, config).packs for rule in pack.rules}
    lines = [f"- {name}: silenced" for name in shipped if name not in own]
    lines += [f"+ {name}: added by {own[name].file}" for name in own if name not in shipped]
    lines += [
        f"~ {name}: explained as: {own[name].explain}"
        for name, rule in shipped.items()
        if name in own and own[name].explain != rule.explain
    ]
    click.echo("\n".join(lines) if lines else "Your files change no shipped rule.")


def _shipped() -> RuleSet:
    try:
        return read_rules()
    except RulesUnusable as wrong:
        raise click.ClickException(str(wrong)) from None


@indicators.command("compile", hidden=True)
def compile_command() -> None:
    """Put the shipped languages together beforehand, for who builds a package to install."""
    texts = rule_texts()
    missing = [name for name, make in compiled_rules(texts).items() if make() is None]
    if missing:
        raise click.ClickException(f"{', '.join(missing)}: see havenline indicators check")
    click.echo(f"{len(texts)} languages are put together.")


@indicators.command("forms", hidden=True)
@click.argument("languages", nargs=-1)
def forms_command(*, languages: tuple[str, ...]) -> None:
    """Write the shipped files of word forms anew, for who changes shipped rules."""
    texts = rule_texts(languages=languages or None)
    try:
        wanted = inflected_words(shipped_taxonomy(), texts)
    except RulesRefusedError as refused:
        raise click.ClickException(str(refused)) from None
    for lemmas, words in wanted.items():
        path = SHIPPED / "word_forms" / f"{lemmas}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(file_lines(lemmas, words)) + "\n", encoding="utf-8")
        click.echo(f"{path.name}: {len(words)} words, {path.stat().st_size // 1024} kB")
    sys.stdout.flush()
