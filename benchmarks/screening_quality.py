"""How well screening does on the labelled messages in tests/triage/screening/sets.

python benchmarks/screening_quality.py [--language es] [--check es] [--set FILE] [--wrong]

Prints scores by language and by category, those of the held-out part apart from those of the part
that rules were tuned on. All languages read every message, whatever its language. ``--language``
loads that language and English alone and names each wrong message; ``--check`` says whether a
rule file is in order and whether its examples do what they say.
"""

import argparse
import json
import sys
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from intake_server.screening_rules import (  # noqa: E402 -- path first
    SHIPPED,
    RulesUnusable,
    read_rules,
    rule_texts,
    shipped_taxonomy,
    word_forms,
)
from triage.screening.engine import failed_examples, screen  # noqa: E402 -- the same
from triage.screening.findings import Flag  # noqa: E402 -- the same
from triage.screening.rule_files import RulesRefusedError, load_rules  # noqa: E402 -- the same

SETS = ROOT / "tests" / "triage" / "screening" / "sets"
PLEA = "plea_or_constrained_contact"


class Score:
    def __init__(self):
        self.hits, self.invented, self.missed = Counter(), Counter(), Counter()
        self.urgency = [[0] * 4 for _ in range(4)]
        self.clean = self.clean_flagged = self.messages = 0
        self.minor, self.third = Counter(), Counter()

    def add(self, gold, found):
        seen = {finding.category for finding in found.findings}
        true = set(gold["categories"])
        fine = true | set(gold.get("acceptable_categories", ())) | ({PLEA} if true else set())
        self.hits.update(seen & true)
        self.invented.update(seen - fine)
        self.missed.update(true - seen)
        self.urgency[gold["urgency"]][found.urgency] += 1
        self.messages += 1
        if not true:
            self.clean += 1
            self.clean_flagged += bool(seen - fine)
        for counter, key, flag in (
            (self.minor, "is_minor", Flag.MINOR),
            (self.third, "third_party", Flag.THIRD_PARTY),
        ):
            counter[bool(gold.get(key)), flag in found.flags] += 1
        return seen - fine, true - seen

    def line(self):
        hits, invented, missed = (sum(c.values()) for c in (self.hits, self.invented, self.missed))
        u = self.urgency
        return (
            f"n {self.messages:4d}  P {share(hits, invented)} R {share(hits, missed)}"
            f"  clean flagged {self.clean_flagged}/{self.clean}"
            f"  3 found {u[3][3]}/{sum(u[3])}  2-3 ranked 0: {u[2][0] + u[3][0]}"
            f"  0 ranked 2-3: {u[0][2] + u[0][3]}/{sum(u[0])}"
            f"  minor {flag(self.minor)}  third party {flag(self.third)}"
        )


def share(good, bad):
    return f"{good / (good + bad):.2f}" if good + bad else " -  "


def flag(counter):
    both = counter[True, True]
    return f"P {share(both, counter[False, True])} R {share(both, counter[True, False])}"


def messages(files):
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.strip():
                yield json.loads(line)


def report(scores, title):
    print(f"\n{title}")
    total = Score()
    for language in sorted(scores):
        print(f"  {language:4s}{scores[language].line()}")
        merge(total, scores[language])
    if not scores:
        return
    print(f"  all {total.line()}")
    print("  urgency, rows as labelled, columns as screened:", total.urgency)
    for category in sorted(total.hits | total.invented | total.missed):
        good = total.hits[category]
        print(
            f"    {category:30s} P {share(good, total.invented[category])}"
            f" R {share(good, total.missed[category])}"
            f"  {good} found, {total.invented[category]} too many, {total.missed[category]} missed"
        )


def merge(total, score):
    for name in ("hits", "invented", "missed", "minor", "third"):
        getattr(total, name).update(getattr(score, name))
    for row, added in zip(total.urgency, score.urgency, strict=True):
        for number, count in enumerate(added):
            row[number] += count
    total.clean += score.clean
    total.clean_flagged += score.clean_flagged
    total.messages += score.messages


def tell(gold, found, wrong):
    invented, missed = wrong
    if invented or missed or gold["urgency"] != found.urgency:
        print(
            f"{gold['id']}: urgency {gold['urgency']} -> {found.urgency} ({found.why});"
            f" too many {sorted(invented)}, missed {sorted(missed)}\n    {gold['text']}"
        )
        for one in found.findings:
            print(f"      {one.rule}: {gold['text'][one.start : one.end]}")


def check(language):
    rules = read_rules(languages={language})
    failed = [one for one in failed_examples(rules) if one.rule.id.startswith(f"{language}.")]
    for one in failed:
        expected = "should match" if one.should_match else "should not match"
        print(f"{one.rule.id}: {expected}: {one.example}")
    count = sum(len(pack.rules) for pack in rules.packs)
    print(f"{language}: {count} rules, {len(failed)} examples fail")
    return 1 if failed else 0


def usable():
    """All languages whose files are in order, so that one that is being written stops no other."""
    found = set()
    for file in sorted((SHIPPED / "rules").glob("*.toml")):
        try:
            load_rules(shipped_taxonomy(), rule_texts(languages={file.stem}), word_forms())
            found.add(file.stem)
        except (RulesUnusable, RulesRefusedError) as wrong:
            print(f"{file.name} is left out: {str(wrong).splitlines()[-1]}")
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--language", action="append", default=[])
    parser.add_argument("--check")
    parser.add_argument("--set", type=Path, action="append", default=[])
    parser.add_argument("--wrong", action="store_true", help="name each wrong message")
    wanted = parser.parse_args()
    try:
        if wanted.check:
            return check(wanted.check)
        languages = {*wanted.language, "en"} if wanted.language else None
        rules = read_rules(languages=languages if wanted.language else usable())
    except RulesUnusable as wrong:
        print(wrong)
        return 2
    parts = defaultdict(lambda: defaultdict(Score))
    for gold in messages(wanted.set or sorted(SETS.glob("*.jsonl"))):
        if wanted.language and gold["lang"] not in wanted.language:
            continue
        found = screen(gold["text"], rules)
        part = "held out" if gold.get("held_out", True) else "tuned on"
        wrong = parts[part][gold["lang"]].add(gold, found)
        if wanted.wrong or (wanted.language and part == "tuned on"):
            tell(gold, found, wrong)
    for part, scores in sorted(parts.items()):
        report(scores, part)
    return 0


if __name__ == "__main__":
    sys.exit(main())
