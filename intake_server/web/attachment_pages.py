"""Words about attachments for the code of the client page, a file for each language."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from intake_server.languages import Language
from intake_server.pages import StaticFile, packed_file

_AREA: Final = "a"


def attachment_files(languages: Iterable[Language]) -> dict[str, StaticFile]:
    """Return the words in each language, by path."""
    return {
        f"/static/attachments-{language.code}.json": packed_file(
            "application/json", msgspec.json.encode({"strings": _words(language)})
        )
        for language in languages
    }


def _words(language: Language) -> dict[str, str]:
    return {
        key: text
        for key, text in language.strings.items()
        if key.startswith(_AREA) and key[1:2].isdigit()
    }
