"""A page to print: the invite of a channel as a picture to scan, with the steps in plain words.

It names no organisation and no subject, holds everything in itself and loads nothing. The same
picture alone is an SVG file for the organisation's own leaflets.
"""

import html
import io
import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

import segno

_DEFAULT: Final = "en"
_RIGHT_TO_LEFT: Final = frozenset({"ar"})
_STYLE: Final = (
    "body{font:18pt/1.4 sans-serif;max-width:32em;margin:2em auto;padding:0 1em}"
    "svg{width:14em;height:14em;display:block;margin:1em auto}"
    "code{font-size:9pt;overflow-wrap:anywhere}"
)


@dataclass(frozen=True, slots=True)
class _Words:
    title: str
    steps: tuple[str, ...]
    link: str
    keep: str


def picture(invite: str) -> str:
    """Return the invite as a QR code in SVG (ISO/IEC 18004, level M), with nothing around it."""
    written = io.BytesIO()
    segno.make(invite, error="m", micro=False).save(
        written, kind="svg", xmldecl=False, svgns=True, scale=4, omitsize=True
    )
    return written.getvalue().decode()


def poster(channel: str, invite: str, language: str, name: str = "") -> str:
    """Return the page in `language`, or in English; `{name}` in a step becomes `name`."""
    words, spoken = _words(channel, language)
    said = (step.replace("{name}", name) for step in words.steps)
    steps = "".join(f"<li>{html.escape(step)}</li>" for step in said)
    direction = "rtl" if spoken in _RIGHT_TO_LEFT else "ltr"
    return (
        f'<!doctype html><html lang="{spoken}" dir="{direction}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(words.title)}</title><style>{_STYLE}</style>"
        f"<h1>{html.escape(words.title)}</h1>{picture(invite)}<ol>{steps}</ol>"
        f"<p>{html.escape(words.keep)}</p>"
        f'<p>{html.escape(words.link)}<br><code dir="ltr">{html.escape(invite)}</code></p></html>\n'
    )


def posters(channel: str, invite: str, name: str = "") -> dict[str, str]:
    """Return the page in every language that there is, by language code."""
    folder = files("intake_server.courier").joinpath("posters")
    codes = sorted(one.name.removesuffix(".json") for one in folder.iterdir())
    return {code: poster(channel, invite, code, name) for code in codes}


def _words(channel: str, language: str) -> tuple[_Words, str]:
    folder = files("intake_server.courier").joinpath("posters")
    spoken = language if folder.joinpath(f"{language}.json").is_file() else _DEFAULT
    read = json.loads(folder.joinpath(f"{spoken}.json").read_text(encoding="utf-8"))
    steps = tuple(read[f"steps_{channel}"])
    return _Words(read["title"], steps, read["link"], read["keep"]), spoken
