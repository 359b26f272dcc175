"""What comes with a form of the client page, read and cleaned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from triage.text import (
    LONGEST_CHARACTERS,
    EmptyTextError,
    TextTooLongError,
    is_empty,
    prepare_message,
    prepare_pseudonym,
)

_MOST_FIELDS: Final = 20
_MOST_BYTES_A_LETTER: Final = 4
_TEXT_FIELDS: Final = (
    *("do", "token", "text", "rest", "name", "phrase", "due", "language", "to"),
    *("answers", "question", "say"),  # of the optional questions
    "file",
    *("channel", "begin", "end"),  # of a messenger that joined
    "code",  # of a chat that a page asks to go on with
)


class MalformedForm(ValueError):
    """This is no form of ours."""


class EmptyMessage(Exception):
    """There is neither text nor a sign of danger to send."""


class MessageTooLong(Exception):
    """The text is longer than one message may be, by about `letters`."""

    def __init__(self, letters: int) -> None:
        super().__init__("the text is too long for one message; it is sent in parts")
        self.letters = letters


@dataclass(frozen=True, slots=True)
class Words:
    """A message as it is sealed, cleaned; `left_out` counts signs that cannot be shown."""

    text: str = field(repr=False)
    name: str = field(repr=False)
    danger: bool
    left_out: int = 0
    is_answers: bool = False
    """To optional questions: then `text` is that of docs/envelope.md, section 13."""
    message_id: bytes | None = field(default=None, repr=False)
    """Of a message that names attachments: `text` is that of section 9."""
    attached: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Fields:
    """A form as it came; what is missing is empty. Invalid UTF-8 has become U+FFFD."""

    do: str = ""
    token: str = field(default="", repr=False)
    text: str = field(default="", repr=False)
    rest: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    phrase: str = field(default="", repr=False)
    due: str = ""
    language: str = ""
    to: str = ""  # the language that is wanted from now on
    danger: bool = False
    answers: str = field(default="", repr=False)
    question: str = field(default="", repr=False)
    say: str = field(default="", repr=False)
    file: str = field(default="", repr=False)
    channel: str = ""
    begin: str = field(default="", repr=False)
    end: str = field(default="", repr=False)
    code: str = field(default="", repr=False)

    @classmethod
    def of(cls, body: bytes) -> Fields:
        """Read an urlencoded form; raises MalformedForm. Of a repeated field the last counts."""
        try:
            pairs = parse_qsl(
                body.decode("ascii", "replace"),
                keep_blank_values=True,
                encoding="utf-8",
                errors="replace",
                max_num_fields=_MOST_FIELDS,
            )
        except ValueError:
            raise MalformedForm from None
        return cls.of_pairs(dict(pairs))

    @classmethod
    def of_pairs(cls, given: Mapping[str, str]) -> Fields:
        """The fields among what was given by name."""
        texts = {key: given[key] for key in _TEXT_FIELDS if key in given}
        return cls(**texts, danger=bool(given.get("danger")))

    @property
    def has_words(self) -> bool:
        """Whether anything of a message was typed or ticked."""
        return bool(self.text or self.rest or self.name or self.danger)

    def words(self) -> Words:
        """The message in the form; danger alone may be sent.

        Raises EmptyMessage, MessageTooLong.
        """
        text = name = ""
        left_out = 0
        try:
            if not (self.danger and is_empty(self.text)):
                cleaned = prepare_message(self.text)
                text, left_out = cleaned.text, cleaned.left_out
            if not is_empty(self.name):
                named = prepare_pseudonym(self.name)
                name, left_out = named.text, left_out + named.left_out
        except EmptyTextError:
            raise EmptyMessage from None
        except TextTooLongError as over:
            letters = -(-over.bytes_over // _MOST_BYTES_A_LETTER)
            raise MessageTooLong(max(over.characters_over, letters)) from None
        return Words(text, name, self.danger, left_out)


def split(text: str) -> tuple[str, str]:
    """The longest beginning of `text` that is one message, cut at a space, and what follows.

    Nothing is lost: both together are the text.
    """
    low, high = 0, min(len(text), LONGEST_CHARACTERS)
    while low < high:
        middle = (low + high + 1) // 2
        if _fits(text[:middle]):
            low = middle
        else:
            high = middle - 1
    if low == len(text):
        return text, ""
    space = max(text.rfind(" ", low // 2, low), text.rfind("\n", low // 2, low))
    at = space + 1 if space >= 0 else low
    return text[:at], text[at:]


def _fits(text: str) -> bool:
    try:
        prepare_message(text)
    except TextTooLongError:
        return False
    except EmptyTextError:
        return True
    return True
