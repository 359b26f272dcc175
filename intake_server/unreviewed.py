"""Languages of the pages that no native speaker has read yet; `havenline check` names them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from intake_server.checks import Unsafe
from intake_server.languages import StringsError, load_languages, unreviewed
from intake_server.settings import Settings

_HERE: Final = Path(__file__).parent
_PAGES: Final = (("client", "The client page", _HERE / "web"), ("desk", "The desk", _HERE / "desk"))


def unread_languages(settings: Settings) -> Iterator[Unsafe]:
    """What nobody has read whose first language it is, and what is said in English instead."""
    page = settings.page
    for name, what, folder in _PAGES:
        wanted = (page.language, page.languages) if name == "client" else ("en", ())
        try:
            languages = load_languages(folder / "strings", *wanted).listed
        except StringsError:
            continue  # the process that needs them refuses to start and says why
        codes = unreviewed(languages)
        if codes:
            yield Unsafe(
                f"{name}_languages_unread",
                dangerous=False,
                what=f"{what} has languages that no native speaker has read: {', '.join(codes)}.",
                remedy=(
                    "Let somebody read the strings whose first language it is and who works with "
                    "those who will use it; then say so in the file (docs/words.md). "
                    + (
                        "Until then, page.languages can name fewer."
                        if name == "client"
                        else "Staff can choose English."
                    )
                ),
            )
        lacking = [one.code for one in languages if one.lacking]
        if lacking:
            yield Unsafe(
                f"{name}_strings_missing",
                dangerous=False,
                what=f"{what} says some things in English in: {', '.join(lacking)}.",
                remedy="Their files lack strings; add them (docs/words.md).",
            )
