"""What the screens say, read from the files that they read."""

import json
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]


def _strings(process: str) -> Callable[..., str]:
    file = ROOT / "intake_server" / process / "strings" / "en.json"
    texts = {key: one["text"] for key, one in json.loads(file.read_text()).items()}
    return lambda key, **values: texts[key].format(**values)


page = _strings("web")
desk = _strings("desk")
