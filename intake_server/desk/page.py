"""The desk's one page: a shell with its strings; everything else is made by the code in it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from aiohttp import web

from intake_server import pages
from intake_server.languages import Language, load_languages
from intake_server.pages import StaticFile, integrity_of
from intake_server.settings import Settings

_HERE: Final = Path(__file__).parent
_HTML: Final = "text/html; charset=utf-8"
_SHIPPED: Final = "en"


class Page:
    """The page in every language that has a file, made once."""

    def __init__(self, settings: Settings) -> None:
        """Read template and strings; raises StringsError.

        The client page's language counts where the desk has it, and English otherwise: clients
        may be offered languages that no member of staff needs on the desk.
        """
        strings = _HERE / "strings"
        wanted = settings.page.language
        default = wanted if (strings / f"{wanted}.json").is_file() else _SHIPPED
        self._languages = load_languages(strings, default)
        self._url = client_page_url(settings)
        self._pages = {one.code: self._made(one) for one in self._languages.listed}

    def answer(self, request: web.BaseRequest) -> web.Response:
        """The page in the language that the browser asks for."""
        language = self._languages.choose(request.headers.get("Accept-Language", ""))
        response = self._pages[language.code].answer(request)
        response.headers["Vary"] = "Accept-Encoding, Accept-Language"
        return response

    def _made(self, language: Language) -> StaticFile:
        title = language.text("desk.title")
        config = {
            "title": title,
            "language": language.code,
            "strings": dict(language.strings),
            "client_page_url": self._url,
        }
        template = pages.make_environment(_HERE / "templates").get_template("desk.html")
        plain = template.render(
            title=title,
            language=language,
            no_code=language.text("trouble.no_code"),
            script=integrity_of(_HERE / "static", "desk.js"),
            config=pages.script_json(config),
        ).encode()
        return StaticFile(_HTML, plain, {"gzip": pages.pack_page(plain)})


def client_page_url(settings: Settings) -> str:
    """Where clients reach the hotline: its public address, or this machine's own."""
    host, port = settings.web.host, settings.web.port
    return settings.web.public_url or f"http://{f'[{host}]' if ':' in host else host}:{port}/"
