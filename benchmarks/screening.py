"""What screening costs: time for a message, texts a second, memory, start, and growth with length.

`python benchmarks/screening.py [--texts N]` loads the rules of all languages and screens texts of
500 characters put together from the labelled messages in tests/triage/screening/sets: in each
language, and with two languages mixed. It ends with 1 where a limit is not kept. Times are of
the processor, so that what else the machine does is not counted; one thread.
"""

import argparse
import gc
import json
import random
import resource
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
SETS = ROOT / "tests" / "triage" / "screening" / "sets"

LENGTH = 500
MOST_P99, LEAST_RATE, MOST_MEMORY, MOST_START = 5.0, 500, 200, 5.0  # ms, texts/s, MB, s
MOST_GROWTH = 1.5  # the time for one character of 16,000, to that of 1,000


def memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def sources():
    found = {}
    for file in sorted(SETS.glob("*.jsonl")):
        lines = file.read_text(encoding="utf-8").splitlines()
        found[file.stem] = [json.loads(line)["text"] for line in lines if line.strip()]
    return found


def text_of(pools, length, chance):
    parts = []
    while sum(map(len, parts)) < length:
        parts.append(chance.choice(chance.choice(pools)))
    return " ".join(parts)[:length]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", type=int, default=3000)
    parser.add_argument("--languages", nargs="*", help="only these")
    wanted = parser.parse_args()
    before, began = memory(), time.process_time()
    from intake_server.screening_rules import read_rules  # noqa: PLC0415 -- what it takes is measured
    from triage.screening.engine import screen  # noqa: PLC0415 -- the same: what it takes is measured

    rules = read_rules(languages=wanted.languages)
    start = time.process_time() - began
    gc.collect()
    gc.freeze()
    loaded = memory()
    count = sum(len(pack.rules) for pack in rules.packs)
    print(f"{len(rules.packs)} languages, {count} rules: read in {start:.2f} s", end="; ")
    print(f"memory {before:.0f} -> {loaded:.0f} MB")

    chance, pools = random.Random(1), sources()
    languages = sorted(pools)
    texts = [
        text_of([pools[name] for name in chance.sample(languages, 1 + number % 2)], LENGTH, chance)
        for number in range(wanted.texts)
    ]
    taken = []
    for text in texts:
        began = time.process_time_ns()
        screen(text, rules)
        taken.append((time.process_time_ns() - began) / 1_000_000)
    # What is known of the rules' own words is worked out when they are first met.
    early, taken = taken[: len(taken) // 5], taken[len(taken) // 5 :]
    print(f"right after the start: p99 {statistics.quantiles(early, n=100)[98]:.2f} ms; then,")
    quantiles = statistics.quantiles(taken, n=100)
    rate = 1000 * len(taken) / sum(taken)
    print(f"500 characters: p50 {quantiles[49]:.2f} ms, p99 {quantiles[98]:.2f} ms,", end=" ")
    print(f"longest {max(taken):.2f} ms, {rate:.0f} texts/s")

    each = {}
    for length in (1_000, 2_000, 4_000, 8_000, 16_000):
        longer = [text_of([pools[name]], length, chance) for name in languages]
        began = time.process_time()
        for text in longer:
            screen(text, rules)
        each[length] = (time.process_time() - began) / len(longer)
        print(f"{length} characters: {each[length] * 1000:.1f} ms on average")
    growth = (each[16_000] / 16_000) / (each[1_000] / 1_000)
    print(f"time for one character of 16,000 to that of 1,000: {growth:.2f}")
    print(f"memory at the end: {memory():.0f} MB")
    kept = (
        quantiles[98] < MOST_P99
        and rate >= LEAST_RATE
        and memory() < MOST_MEMORY
        and start < MOST_START
        and growth < MOST_GROWTH
    )
    print("all limits kept" if kept else "A LIMIT IS NOT KEPT")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
