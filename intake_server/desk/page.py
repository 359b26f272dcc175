"""The desk's one page: a shell with its strings; everything else is made by the code in it.

Page and words of a language are made when somebody first asks for them, and only packed bytes are
kept: most teams work in one or two of the languages, and each costs a third of a megabyte open.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web

from intake_server import pages
from intake_server.languages import SOURCE, Language, load_language, load_languages
from intake_server.pages import integrity_of
from intake_server.settings import Settings

_HERE: Final = Path(__file__).parent
_STRINGS: Final = _HERE / "strings"
_EXPLANATIONS: Final = _STRINGS / "explanations"
_HTML: Final = "text/html; charset=utf-8"
_JSON: Final = "application/json"


class Page:
    """The page in every language that has a file."""

    def __init__(self, settings: Settings) -> None:
        """Read template and strings; raises StringsError.

        The client page's language counts where the desk has it, and English otherwise. The desk is
        there in all of its languages, whichever of them clients are offered.
        """
        wanted = settings.page.language
        default = wanted if (_STRINGS / f"{wanted}.json").is_file() else SOURCE
        read = load_languages(_STRINGS, default)
        self.lacking = {one.code: one.lacking for one in read.listed if one.lacking}
        self._languages = read.without_strings()
        self._url = client_page_url(settings)
        self._packed: dict[str, _Packed] = {}

    def answer(self, request: web.BaseRequest) -> web.Response:
        """The page in the language that the browser asks for."""
        language = self._languages.choose(request.headers.get("Accept-Language", ""))
        if language.code not in self._packed:
            self._packed[language.code] = _Packed.of(_HTML, self._made(_read(language.code)))
        response = self._packed[language.code].answer(request)
        response.headers["Vary"] = "Accept-Encoding, Accept-Language"
        return response

    def words(self) -> Mapping[str, WordsFile]:
        """The words of each language for who chooses another one, by path."""
        return {
            f"/static/words-{one.code}.json": WordsFile(partial(self._words, one.code))
            for one in self._languages.listed
        }

    def _words(self, code: str) -> bytes:
        language = _read(code)
        return msgspec.json.encode(
            {
                "language": language.tag,
                "direction": language.direction,
                "strings": _strings(language),
            }
        )

    def _made(self, language: Language) -> bytes:
        title = language.text("desk.title")
        config = {
            "title": title,
            "language": language.tag,
            "languages": [
                {"code": one.code, "tag": one.tag, "name": one.name}
                for one in self._languages.in_order("")
            ],
            "strings": _strings(language),
            "client_page_url": self._url,
        }
        template = pages.make_environment(_HERE / "templates").get_template("desk.html")
        return template.render(
            title=title,
            language=language,
            no_code=language.text("trouble.no_code"),
            script=integrity_of(_HERE / "static", "desk.js"),
            config=pages.script_json(config),
        ).encode()


class WordsFile:
    """A file that is made when it is first asked for."""

    def __init__(self, make: Callable[[], bytes]) -> None:
        """`make` gives its contents."""
        self._make = make
        self._packed: _Packed | None = None

    def answer(self, request: web.BaseRequest) -> web.Response:
        """The file, compressed if the browser takes that."""
        if self._packed is None:
            self._packed = _Packed.of(_JSON, self._make())
        return self._packed.answer(request)


@dataclass(frozen=True, slots=True)
class _Packed:
    """A file of which only the compressed form is kept."""

    content_type: str
    body: bytes

    @classmethod
    def of(cls, content_type: str, plain: bytes) -> _Packed:
        return cls(content_type, pages.pack_page(plain))

    def answer(self, request: web.BaseRequest) -> web.Response:
        headers = {"Content-Type": self.content_type, "Vary": "Accept-Encoding"}
        if pages.accepts(request, "gzip"):
            headers["Content-Encoding"] = "gzip"
            return web.Response(body=self.body, headers=headers)
        return web.Response(body=gzip.decompress(self.body), headers=headers)


def _read(code: str) -> Language:
    source = load_language(_STRINGS, SOURCE)
    return source if code == SOURCE else load_language(_STRINGS, code, source)


def _strings(language: Language) -> dict[str, str]:
    """The strings, and what the shipped rules say of signs: `explained.` and the English of it."""
    file = _EXPLANATIONS / f"{language.code}.json"
    if not file.is_file():
        return dict(language.strings)
    explained = msgspec.json.decode(file.read_bytes(), type=dict[str, str])
    return {**language.strings, **{f"explained.{one}": said for one, said in explained.items()}}


def client_page_url(settings: Settings) -> str:
    """Where clients reach the hotline: its public address, or this machine's own."""
    host, port = settings.web.host, settings.web.port
    return settings.web.public_url or f"http://{f'[{host}]' if ':' in host else host}:{port}/"
