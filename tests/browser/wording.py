"""What the screens say, read from the files that they read."""

import json
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]


def strings(process: str, language: str) -> Callable[..., str]:
    """What `process` says in `language`."""
    file = ROOT / "intake_server" / process / "strings" / f"{language}.json"
    read = json.loads(file.read_text(encoding="utf-8"))
    texts = {key: one["text"] for key, one in read.items() if isinstance(one, dict)}
    return lambda key, **values: texts[key].format(**values)


page = strings("web", "en")
desk = strings("desk", "en")
