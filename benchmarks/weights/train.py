"""Weights of weighed evidence: learns them, and says how well they do on sets left out.

pip install scikit-learn
python benchmarks/weights/train.py                # writes triage/screening/weights.toml
python benchmarks/weights/train.py --leave-out    # each set by what the others teach

What was seen in each labelled message of ``tests/triage/screening`` stands in ``seen.jsonl``
(``collect.py``), and so does what was seen in those of ``messages``, by four writers for each
language (``de.1.tsv`` to ``de.4.tsv``). An engine saw each before rules were made from it.

A regularised logistic regression answers each question: everyday matter (urgency 0), danger now
(urgency 3), grave now (urgency 2 or 3), over, about somebody else, and each category. Of all names
those that say most are kept, and learnt once more. Nothing depends on chance.
"""

import argparse
import json
import math
import re
import sys
import warnings
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

warnings.filterwarnings("ignore", category=FutureWarning)

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(HERE)]

from collect import seen_by  # noqa: E402 -- beside this file
from sklearn.feature_extraction import DictVectorizer  # noqa: E402 -- after the filter
from sklearn.linear_model import LogisticRegression  # noqa: E402 -- the same

SETS = ROOT / "tests" / "triage" / "screening"
MESSAGES = HERE / "messages"
WEIGHTS = ROOT / "triage" / "screening" / "weights.toml"
PLEA = "plea_or_constrained_contact"
FLAGS = {"over": "past", "somebody_else": "third_party"}
OWN = {file.stem for file in (SETS / "sets").glob("*.jsonl")} | {"second_author"}
"""Sets by which rules were made: they teach with others, by half, and measure nothing."""
OWN_WEIGHT = 0.5
WRITERS = {
    ".1": "first writers",
    ".2": "second writers",
    ".3": "third writers",
    ".4": "fourth writers",
}
PROGRAM_WEIGHT = 0.5
NAMES_DANGER = re.compile(
    r"c04\.here(_with_estimate)?|c08\.emergency|c12\.danger|c18\.danger_unreached(_helper)?"
    r"|c40\.empty|c45\.cannot_take|s10\.come_later|s11\.nobody_reads|c46\.too_many"
    r"|(g\d+\.)?(ask|short)_\w+"
)
"""Of what the program says: these name a danger, so that somebody recognises it."""
RAREST = 4
"""A name that is seen in fewer messages says nothing."""
STRENGTH = 0.2
MOST = {"everyday": 200, "danger_now": 150, "grave_now": 150, "over": 100, "somebody_else": 100}
MOST_OF_CATEGORY = 100
LEAST = {
    "everyday": 0.4,
    "danger_now": 0.55,
    "grave_now": 0.7,
    "over": 0.65,
    "somebody_else": 0.65,
}
LEAST_OF_CATEGORY = 0.5
LEAST_OF_DANGER = 0.6
"""An added sign of danger or self-harm makes the urgency 3."""
LEAST_BESIDE_GRAVE = 0.3
LEAST_FOR_ANY = 0.2
LEAST_FOR_HIGHEST = 0.6
LEAST_FOR_DOUBT = 0.4
ENDANGERED = {"immediate_danger", "self_harm"}
HARM_A_CHILD = {"sexual_exploitation", "physical_sexual_violence", "movement_restriction"}
NEAR = 500
"""Of ``evidence.py``: farther from a yes, it is not asked what stands beside the signs."""


class Seen(NamedTuple):
    """Names seen in a message, and those of them that stand not only in the words of signs.

    ``measures``: no rule was made from it. ``teaches``: how much it counts in learning.
    """

    all: frozenset
    outside: frozenset
    measures: bool
    teaches: float

    def by(self, question):
        """What speaks for an everyday matter must stand beside the signs, not in them."""
        return self.outside if question == "everyday" else self.all


def least_of(question):
    return LEAST.get(question, LEAST_OF_DANGER if question in ENDANGERED else LEAST_OF_CATEGORY)


def log_odds(chance):
    return round(1000 * math.log(chance / (1 - chance)))


def fine(gold):
    true = set(gold["categories"])
    return true | set(gold["acceptable_categories"]) | ({PLEA} if true else set())


def read():
    """Return every labelled message as (set, labels, what was seen)."""
    return read_seen() + read_program()


def of(text):
    return frozenset(text.split(" | "))


def read_seen():
    labels = {}
    messages = []
    for line in (HERE / "seen.jsonl").read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        name = one["set"]
        if name not in labels:
            labels[name] = {gold["id"]: gold for gold in labels_in(name)}
        is_own = name in OWN
        seen = of(one["seen"])
        teaches = OWN_WEIGHT if is_own else 1.0
        said = Seen(seen, seen - of(one["inside"]), not is_own, teaches)
        writer = WRITERS.get(name[-2:], name)
        messages.append((writer, labels[name][one["id"]], said))
    return messages


def labels_in(name):
    """Return the labels of a set, or of the messages of a writer."""
    written = MESSAGES / f"{name}.tsv"
    if written.is_file():
        return [labels_of(row) for row in rows_of(written)]
    file = next(SETS.rglob(f"{name}.jsonl"))
    return list(map(json.loads, file.read_text(encoding="utf-8").splitlines()))


def rows_of(file):
    return [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines()]


def read_program():
    """Return what the program itself says to clients: nothing urgent, and no sign.

    Whether it is an everyday matter is not asked: nobody who writes to us says such things.
    """
    texts = []
    for folder in ("courier/strings", "courier/strings/guided", "courier/posters", "web/strings"):
        for file in sorted((ROOT / "intake_server" / folder).glob("*.json")):
            entries = json.loads(file.read_text(encoding="utf-8"))
            said = {
                key: entry["text"] if isinstance(entry, dict) else entry
                for key, entry in entries.items()
            }
            texts += [
                re.sub(r"\{\w+\}", "4", text)
                for key, text in said.items()
                if isinstance(text, str) and not NAMES_DANGER.fullmatch(key)
            ]
    labels = {"categories": [], "acceptable_categories": [], "urgency": 1, "is_everyday": None}
    labels |= {"third_party": False, "past": False}
    messages = []
    for one in seen_by(ROOT, texts):
        seen = of(one["seen"])
        messages.append(
            ("program", labels, Seen(seen, seen, measures=False, teaches=PROGRAM_WEIGHT))
        )
    return messages


def labels_of(row):
    """Return the labels of a line: id, categories, acceptable ones, urgency, flags, text."""
    some = [[one for one in part.split(",") if one != "-"] for part in row[1:3]]
    return {
        "id": row[0],
        "lang": row[0][:2],
        "categories": some[0],
        "acceptable_categories": some[1],
        "urgency": int(row[3]),
        "third_party": "t" in row[4],
        "past": "p" in row[4],
    }


def answers(question, gold):
    """Return 1 or 0, or None where either answer would be right."""
    if question == "everyday":
        return gold.get("is_everyday", int(gold["urgency"] == 0))
    if question == "danger_now":
        return int(gold["urgency"] == 3)
    if question == "grave_now":
        return int(gold["urgency"] >= 2)
    if question in FLAGS:
        return int(gold[FLAGS[question]])
    if question in gold["categories"]:
        return 1
    return None if question in fine(gold) else 0


def questions(messages):
    categories = {one for _, gold, _ in messages for one in gold["categories"]}
    return [*MOST, *sorted(categories - {PLEA})]


def learnt(question, messages):
    """Return where the question starts and what each name adds, in thousandths."""
    asked = [
        (seen.by(question), answer, seen.teaches)
        for _, gold, seen in messages
        if (answer := answers(question, gold)) is not None
    ]
    often = Counter(name for seen, _, _ in asked for name in seen)
    kept = {name for name, count in often.items() if count >= RAREST}
    model = names = None
    for _ in range(2):
        vectors = DictVectorizer()
        table = vectors.fit_transform(
            [dict.fromkeys(sorted(seen & kept), 1) for seen, _, _ in asked]
        )
        table.indices, table.indptr = table.indices.astype("i4"), table.indptr.astype("i4")
        model = LogisticRegression(C=STRENGTH, solver="liblinear", tol=1e-4)
        _, answered, weights = zip(*asked, strict=True)
        model.fit(table, answered, sample_weight=weights)
        names = vectors.get_feature_names_out()
        says = {
            name: abs(weight) * math.sqrt(often[name])
            for name, weight in zip(names, model.coef_[0], strict=True)
        }
        most = MOST.get(question, MOST_OF_CATEGORY)
        kept = set(sorted(says, key=lambda name: (-says[name], name))[:most])
    adds = dict(zip(names, (round(1000 * float(w)) for w in model.coef_[0]), strict=True))
    return round(1000 * float(model.intercept_[0])), {
        n: w for n, w in adds.items() if w and n in kept
    }


def summed(weights, seen):
    start, adds = weights
    return start + sum(adds.get(name, 0) for name in seen)


class Outcome:
    def __init__(self):
        self.hits = self.invented = self.missed = 0
        self.highest, self.harmless, self.lowered = [0, 0], [0, 0], [0, 0]
        self.low = [0, 0]
        self.urgent_at_0 = 0
        self.lowered_highest = self.invented_highest = 0

    def add(self, gold, found, urgency, before):
        true = set(gold["categories"])
        self.hits += len(found & true)
        self.invented += len(found - fine(gold))
        self.missed += len(true - found)
        label = gold["urgency"]
        if label == 3:
            self.highest[1] += 1
            self.highest[0] += urgency == 3
            self.lowered_highest += urgency < 3 <= before
        elif urgency == 3:
            self.invented_highest += 1
        if label == 0:
            self.harmless[1] += 1
            self.harmless[0] += urgency >= 2
        if label >= 2:
            self.low[1] += 1
            self.low[0] += urgency < 2
            self.urgent_at_0 += urgency == 0
        if label >= 2 and before >= 2:
            self.lowered[1] += 1
            self.lowered[0] += urgency < 2

    def __str__(self):
        precision = self.hits / (self.hits + self.invented)
        recall = self.hits / (self.hits + self.missed)
        return (
            f"P {precision:.3f} R {recall:.3f}  3 found {self.highest[0]}/{self.highest[1]}"
            f" (too many {self.invented_highest}, lost {self.lowered_highest})"
            f"  harmless at 2-3 {self.harmless[0]}/{self.harmless[1]}"
            f"  2-3 at 0-1 {self.low[0]}/{self.low[1]}"
            f" ({self.lowered[0]} of {self.lowered[1]} lowered, {self.urgent_at_0} at 0)"
        )


def says(question, weights, seen):
    return summed(weights[question], seen.all) >= log_odds(LEAST[question])


def outcome(seen, weights):
    """Return categories and urgency, as ``triage/screening/evidence.py`` would make them."""
    urgency = next(int(name[-1]) for name in seen.all if name.startswith("urgency "))
    several = {"found nothing", "found several", "found weak", "found by guess"}
    rules = {name[6:] for name in seen.all if name.startswith("found ") and name not in several}
    if urgency == 0:
        likely = max(summed(weights[one], seen.all) for one in ("grave_now", "danger_now"))
        return rules, int(likely >= log_odds(LEAST_FOR_ANY))
    everyday = summed(weights["everyday"], seen.all)
    if rules and everyday >= log_odds(LEAST["everyday"]) - NEAR:
        everyday = summed(weights["everyday"], seen.outside)
        least = LEAST_FOR_HIGHEST if urgency == 3 else LEAST["everyday"]
        if everyday >= log_odds(least):
            return (rules, urgency) if "self_harm" in rules else (set(), 1)
    found = rules | signs(seen, weights, everyday)
    is_kept = "self_harm" in rules or seen.all & {"flag past", "flag minor"}
    if says("over", weights, seen) and found and urgency < 3 and not is_kept:
        return found, 1
    if "flag past" in seen.all:
        return found, urgency
    has_signs = bool(rules) or len(found) > 1
    if says("grave_now", weights, seen) and has_signs and urgency == 1:
        urgency = 2
    least = LEAST_BESIDE_GRAVE if urgency == 2 else LEAST["danger_now"]
    if summed(weights["danger_now"], seen.all) >= log_odds(least):
        return found or {"immediate_danger"}, 3
    added = found - rules
    is_child = "flag minor" in seen.all and added & HARM_A_CHILD
    return found, 3 if is_child or added & ENDANGERED else urgency


def signs(seen, weights, everyday):
    """Return the categories that are added."""
    if everyday >= log_odds(LEAST_FOR_DOUBT):
        return set()
    categories = weights.keys() - MOST.keys()
    return {one for one in categories if summed(weights[one], seen.all) >= log_odds(least_of(one))}


def leave_out(messages):
    """Print each set, by rules alone and by what all other sets teach."""
    totals = defaultdict(Outcome)
    for name in dict.fromkeys(one for one, _, seen in messages if seen.measures):
        others = [one for one in messages if one[0] != name]
        weights = {question: learnt(question, others) for question in questions(messages)}
        both = {"rules": Outcome(), "weighed": Outcome()}
        for set_, gold, seen in messages:
            if set_ != name:
                continue
            before = outcome(seen, dict.fromkeys(MOST, (-99999, {})))
            after = outcome(seen, weights)
            for way, (found, urgency) in zip(both, (before, after), strict=True):
                both[way].add(gold, found, urgency, before[1])
                for group in (
                    "all",
                    "sixth to eighth" if name[:3] in {"six", "sev", "eig"} else "",
                ):
                    totals[group, way].add(gold, found, urgency, before[1])
        for way, one in both.items():
            print(f"{name:14s} {way:8s} {one}", flush=True)
    for (group, way), one in sorted(totals.items()):
        if group:
            print(f"{group:16s} {way:8s} {one}")


def written(weights):
    yield "# What is weighed, in thousandths of the natural logarithm of the odds. Made by"
    yield "# benchmarks/weights/train.py from labelled messages: do not edit, make it anew."
    yield "# What the questions are for: triage/screening/evidence.py."
    for question, (start, adds) in weights.items():
        yield f"\n[question.{question}]"
        yield f"start = {start}"
        yield f"least = {log_odds(least_of(question))}"
        if question == "everyday":
            yield f"least_for_highest = {log_odds(LEAST_FOR_HIGHEST)}"
            yield f"least_for_doubt = {log_odds(LEAST_FOR_DOUBT)}"
        if question == "danger_now":
            yield f"least_beside_grave = {log_odds(LEAST_BESIDE_GRAVE)}"
            yield f"least_for_any = {log_odds(LEAST_FOR_ANY)}"
        yield f"[question.{question}.adds]"
        for name, weight in sorted(adds.items(), key=lambda item: (-item[1], item[0])):
            yield f'"{name}" = {weight}'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--leave-out", action="store_true")
    messages = read()
    if parser.parse_args().leave_out:
        leave_out(messages)
        return 0
    weights = {question: learnt(question, messages) for question in questions(messages)}
    WEIGHTS.write_text("\n".join(written(weights)) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
