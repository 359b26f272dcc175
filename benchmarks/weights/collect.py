"""What an engine of some day saw in labelled messages that it had not been made from.

git worktree add --detach FOLDER COMMIT
python benchmarks/weights/collect.py FOLDER SET.jsonl de.1.tsv … >> benchmarks/weights/seen.jsonl

Weights learnt from what today's engine sees in those messages would flatter: its words were mended
after each set was read. So each set is read by the engine of before (``ENGINES``), and only the
names of what it saw are kept: concepts in the languages that read a sentence best, and what the
rules said. The names are those of ``triage/screening/evidence.py``, put together here because
engines of before have no such file.
"""

import json
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

ENGINES = {
    "third_author": "44ad54a",
    "fourth_set": "7c96105",
    "fifth_set": "350cf5e",
    "sixth_set": "a05e012",
    "seventh_set": "28c34e2",
    "lex1_set": "f8801a6",
    "lex2_set": "f8801a6",
    "lex3_set": "f8801a6",
    "eighth_set": "87e4642",
    "ninth_set": "518d9f7",
    "ar.1 to vi.1": "518d9f7",
    "ar.2 to vi.2": "090d3be",
    "ar.3 to vi.3": "9ec0137",
    "ar.4 to vi.4": "3899caf",
}
"""The last commit before a set was read by somebody who then changed rules."""


def standing(matcher):
    """Return concepts with the first word and the one after the last, in engines of all days."""
    hits = getattr(matcher, "hits", None)
    if hits is not None:
        return [((concept,), span) for concept, spans in hits.items() for span in spans]
    pairs = zip(matcher._concepts, matcher._stand, strict=True)  # noqa: SLF001 -- of that day
    return list(pairs)


def concepts(readings, signs):
    """Return the concepts in the languages that know most of a sentence, or nearly.

    And those of them that stand only in the words of signs that were found.
    """
    counts = []
    for reading in readings:
        places = {place for _, span in standing(reading.matcher) for place in range(*span)}
        counts.append(Counter(reading.words[place].sentence for place in places))
    most = Counter()
    for count in counts:
        most |= count
    found, outside = set(), set()
    for reading, count in zip(readings, counts, strict=True):
        words = reading.words
        for there, (first, after) in standing(reading.matcher):
            if count[words[first].sentence] * 1.25 < most[words[first].sentence]:
                continue
            found.update(map(str, there))
            start, end = words[first].start, words[after - 1].end
            if not any(sign.start <= start and end <= sign.end for sign in signs):
                outside.update(map(str, there))
    return found - {"=common"}, found - outside - {"=common"}


def names(text, words, screening):
    found = {one.category for one in screening.findings}
    yield from (f"found {category}" for category in found)
    yield from (f"flag {flag}" for flag in screening.flags)
    yield from {f"route {one.route}" for one in screening.routes}
    yield f"urgency {screening.urgency}"
    count = sum(word.is_word for word in words)
    yield from ["short text"] * (count <= 8) + ["long text"] * (count > 25)
    yield from ["question mark"] * any(mark in text for mark in "?؟")
    yield from ["found nothing"] * (not found) + ["found several"] * (len(found) > 1)
    weak = found and all(one.strength == "weak" for one in screening.findings)
    yield from ["found weak"] * bool(weak)
    yield from ["found by guess"] * any(one.guess for one in screening.findings)


def seen_by(engine, texts):
    """Return what the rules of an engine, by its folder, see in texts; without any weights."""
    sys.path.insert(0, str(Path(engine).resolve()))
    from intake_server.screening_rules import read_rules  # noqa: PLC0415 -- of that engine
    from triage.screening.engine import screen  # noqa: PLC0415 -- of that engine
    from triage.screening.reading import read_all  # noqa: PLC0415 -- of that engine
    from triage.screening.words import read_words  # noqa: PLC0415 -- of that engine

    rules = read_rules()
    if hasattr(rules, "weights"):
        from triage.screening.weights import NO_WEIGHTS  # noqa: PLC0415 -- of that engine

        rules = replace(rules, weights=NO_WEIGHTS)
    for text in texts:
        words, screening = read_words(text), screen(text, rules)
        found, inside = concepts(read_all(words, rules.packs, rules.index), screening.findings)
        seen = found.union(names(text, words, screening))
        yield {"seen": " | ".join(sorted(seen)), "inside": " | ".join(sorted(inside))}


def main():
    engine, *files = sys.argv[1:]
    for file in map(Path, files):
        lines = file.read_text(encoding="utf-8").splitlines()
        if file.suffix == ".tsv":
            named = [(row[0], row[5]) for row in (line.split("\t") for line in lines)]
        else:
            named = [(gold["id"], gold["text"]) for gold in map(json.loads, lines)]
        texts = [text for _, text in named]
        for (name, _), seen in zip(named, seen_by(engine, texts), strict=True):
            print(json.dumps({"set": file.stem, "id": name, **seen}, ensure_ascii=False))


if __name__ == "__main__":
    main()
