"""Writes the vectors that Python and JavaScript both pass: `python tests/vectors/make.py`.

The same code gives the same files: nothing is random, ephemeral keys included. With `--check`
nothing is written, and files that differ are an error.
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import make_attachments  # noqa: E402  # found beside this file
import make_envelope  # noqa: E402  # the same
import make_phrase  # noqa: E402  # the same
import make_roster  # noqa: E402  # the same
import make_sealing  # noqa: E402  # the same
import make_wraps  # noqa: E402  # the same
from fixed import plain_json  # noqa: E402  # the same

MAKERS = {
    "sealing": make_sealing,
    "envelope": make_envelope,
    "attachments": make_attachments,
    "phrase": make_phrase,
    "wraps": make_wraps,
    "roster": make_roster,
}


def texts():
    """The text of each file by its name."""
    return {
        f"{name}.json": json.dumps(plain_json(maker.make()), indent=1, ensure_ascii=False) + "\n"
        for name, maker in MAKERS.items()
    }


if __name__ == "__main__":
    if "--check" in sys.argv:
        old = [name for name, text in texts().items() if (HERE / name).read_text("utf-8") != text]
        sys.exit(f"run make.py again, these are not what it makes: {old}" if old else 0)
    for name, text in texts().items():
        (HERE / name).write_text(text, encoding="utf-8")
