"""The few texts that go to a client without a counsellor: fixed, neutral, never made up.

They name no organisation and no subject, because somebody else may read that screen. They are said
in the language of what the client wrote, where that can be told and the texts are there
(`triage.language`), else in that of the page. An organisation may put its own words into
`courier/answers.json` in the data folder: for each answer a text for everybody, or an object with
a text for each language; an empty text switches that answer off.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

OWN_ANSWERS: Final = "answers.json"
_LONGEST: Final = 500
_DEFAULT: Final = "en"
_REVIEWED: Final = "reviewed_by_native"


class AnswersError(Exception):
    """The organisation's own answers cannot be used; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What is said: each text is a whole message, or empty and then not said.

    `acknowledgement` answers the first message; `{days}` in it becomes the days that it is kept.
    `text_only` answers what cannot be opened, `erase_number` the wish to erase everything (with
    the number that must be repeated as `{number}`), `erased` confirms it in one neutral word; then
    one of `left_nothing`, `left_vanishing` and `left_staying` says what the messenger still has.
    `hours_set` (with `{hours}` and `{zone}`), `hours_off` and `hours_how` answer the wish that
    messages come at certain hours only. `join_code` (with the code as `{code}`), `joined`,
    `join_wrong`, `join_busy` and `join_known` answer who joins another chat. Where the conversation
    is on the page too, `join_page` says that the number is made there, `part_number` (with
    `{number}`) answers the wish to erase, and `parted` confirms that this chat has ended.
    `page_code` (with `{code}`) answers the wish to go on from a page, `page_asked`, `page_wrong`
    and `page_off` the number that this page shows and the wish to take it back; `page_has` says
    that a page goes on there already.
    `nobody_read` answers
    what came unencrypted or to a group. `enrolled`, `duty_ping`, `duty_gap` and `duty_alarm` go to
    staff alone (`intake_server.courier.duty`).
    """

    acknowledgement: str
    text_only: str
    erase_number: str
    erased: str
    left_nothing: str
    left_vanishing: str
    left_staying: str
    hours_set: str
    hours_off: str
    hours_how: str
    join_code: str
    joined: str
    join_wrong: str
    join_busy: str
    join_known: str
    join_page: str
    part_number: str
    parted: str
    page_code: str
    page_asked: str
    page_wrong: str
    page_off: str
    page_has: str
    nobody_read: str
    enrolled: str
    duty_ping: str
    duty_gap: str
    duty_alarm: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """The answers in every language that there is; `default` is the page's, or English."""

    default: str
    by_language: Mapping[str, Answers]

    @property
    def usual(self) -> Answers:
        """The answers in the page's language."""
        return self.by_language[self.default]

    def said_in(self, language: str) -> tuple[str, Answers]:
        """Return the language that is spoken to who writes in this one, and the answers in it."""
        code = language if language in self.by_language else self.default
        return code, self.by_language[code]


def read_spoken(folder: Path, language: str) -> Spoken:
    """Return all answers, with the organisation's own in `folder`; raises `AnswersError`."""
    shipped = files("intake_server.courier").joinpath("strings")
    texts = {
        file.name.removesuffix(".json"): _shipped(file.read_text(encoding="utf-8"))
        for file in shipped.iterdir()
        if file.name.endswith(".json")
    }
    english, own = texts[_DEFAULT], _own(folder / OWN_ANSWERS, texts[_DEFAULT])
    spoken = {
        code: Answers(**(english | said | own.get("", {}) | own.get(code, {})))
        for code, said in texts.items()
    }
    return Spoken(language if language in spoken else _DEFAULT, spoken)


def read_answers(folder: Path, language: str) -> Answers:
    """Return the answers in `language`, or in English; raises `AnswersError`."""
    return read_spoken(folder, language).said_in(language)[1]


def _shipped(content: str) -> dict[str, str]:
    """The texts of one file; whether a native speaker has read them is for people to see."""
    texts: dict[str, str] = json.loads(content)
    texts.pop(_REVIEWED, None)
    return texts


def _own(file: Path, known: Iterable[str]) -> dict[str, dict[str, str]]:
    """The organisation's texts by language; those for everybody under an empty one."""
    if not file.is_file():
        return {}
    try:
        texts = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise AnswersError(f"{file}: cannot be read as JSON") from None
    if not isinstance(texts, dict) or not set(texts) <= set(known):
        raise AnswersError(f"{file}: must be an object with some of: {', '.join(sorted(known))}")
    found: dict[str, dict[str, str]] = {}
    for name, said in texts.items():
        by_language = said if isinstance(said, dict) else {"": said}
        for code, text in by_language.items():
            if not isinstance(text, str) or len(text) > _LONGEST:
                raise AnswersError(
                    f"{file}: each answer is a text of at most {_LONGEST} characters, or an object "
                    "with such a text for each language"
                )
            found.setdefault(code, {})[name] = text
    return found
