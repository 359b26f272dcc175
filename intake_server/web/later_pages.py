"""Words of the client page that are not needed before the first message can be sent.

A file for each language, fetched with the code for coming back and for the open conversation, so
that the first page stays small in every script.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from intake_server.languages import Language
from intake_server.pages import StaticFile, first_texts_of, packed_file, texts_of

_HERE: Final = Path(__file__).parent
_LATE: Final = re.compile(r'late\("([a-z0-9_.]+)"\)')


def later_files(languages: Iterable[Language], script: str) -> dict[str, StaticFile]:
    """Return the words in each language, by path; `script` is the one that the page starts."""
    static = _HERE / "static"
    template = (_HERE / "templates" / "page.html").read_text(encoding="utf-8")
    asked = texts_of(static) - first_texts_of(static, script)
    keys = sorted(asked | set(_LATE.findall(template)))
    return {
        f"/static/later-{language.code}.json": packed_file(
            "application/json",
            msgspec.json.encode({"strings": {key: language.strings[key] for key in keys}}),
        )
        for language in languages
    }
