"""The few texts that go to a client without a counsellor: fixed, neutral, never made up.

They name no organisation and no subject, because somebody else may read that screen. An
organisation may put its own words into `courier/answers.json` in the data folder; an empty text
switches that answer off.
"""

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

OWN_ANSWERS: Final = "answers.json"
_LONGEST: Final = 500
_DEFAULT: Final = "en"


class AnswersError(Exception):
    """The organisation's own answers cannot be used; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What is said: each text is a whole message, or empty and then not said.

    `acknowledgement` answers the first message; `{days}` in it becomes the days that it is kept.
    `text_only` answers what cannot be opened, `erase_number` the wish to erase everything (with
    the number that must be repeated as `{number}`), `erased` confirms it in one neutral word.
    `hours_set` (with `{hours}` and `{zone}`), `hours_off` and `hours_how` answer the wish that
    messages come at certain hours only. `join_code` (with the code as `{code}`), `joined`,
    `join_wrong`, `join_busy` and `join_known` answer who joins another chat. Where the conversation
    is on the page too, `join_page` says that the number is made there, `part_number` (with
    `{number}`) answers the wish to erase, and `parted` confirms that this chat has ended.
    `nobody_read` answers
    what came unencrypted or to a group. `enrolled`, `duty_ping`, `duty_gap` and `duty_alarm` go to
    staff alone (`intake_server.courier.duty`).
    """

    acknowledgement: str
    text_only: str
    erase_number: str
    erased: str
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
    nobody_read: str
    enrolled: str
    duty_ping: str
    duty_gap: str
    duty_alarm: str


def read_answers(folder: Path, language: str) -> Answers:
    """Return the answers in `language`, or in English, with the organisation's own in `folder`.

    Raises `AnswersError`.
    """
    shipped = files("intake_server.courier").joinpath("strings")
    file = shipped.joinpath(f"{language}.json")
    if not file.is_file():
        file = shipped.joinpath(f"{_DEFAULT}.json")
    texts: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    own = folder / OWN_ANSWERS
    if own.is_file():
        texts |= _own(own, frozenset(texts))
    return Answers(**texts)


def _own(file: Path, known: frozenset[str]) -> dict[str, str]:
    try:
        texts = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise AnswersError(f"{file}: cannot be read as JSON") from None
    if not isinstance(texts, dict) or not set(texts) <= known:
        raise AnswersError(f"{file}: must be an object with some of: {', '.join(sorted(known))}")
    if not all(isinstance(text, str) and len(text) <= _LONGEST for text in texts.values()):
        raise AnswersError(f"{file}: each answer is a text of at most {_LONGEST} characters")
    return texts
