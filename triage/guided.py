"""Optional questions to a client, and how answers are written down.

Theory of operation
-------------------
1.  The first question is whether the person can write safely now. Who says no is asked nothing
    more.
2.  Each question may be passed over. What is passed over is written down nowhere.
3.  Answers only tell the team more. They open and close nothing, and are never added up.
4.  No question is about body, sex, age or harming oneself: a person asks that, not a form.
5.  Questions follow items of published instruments in their subject; the wording is our own and
    lies with the strings of whoever asks.
6.  The text of answers is that of docs/envelope.md, section 13.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Final

__all__ = [
    "LONGEST_ANSWERS",
    "MOST_QUESTIONS",
    "QUESTIONS",
    "SAFE",
    "UNSAFE",
    "Answer",
    "Answers",
    "AnswersDamagedError",
    "Question",
    "answers_text",
    "is_over",
    "next_question",
    "read_answers",
]

MOST_QUESTIONS: Final = 6
LONGEST_ANSWERS: Final = 180  # bytes; fits the smallest envelope beside ids and signature
_VERSION: Final = "1"
_PART: Final = re.compile(r"([a-z]{1,16})=(yes|partly|no)")


@unique
class Answer(StrEnum):
    """What may be said to a question. Rather not to say is no answer."""

    YES = "yes"
    PARTLY = "partly"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Question:
    """A question: what it asks about and on which item of which instrument it rests.

    ``category`` is one of screening's and gives the strength; ``instrument`` a key of the sources
    in ``taxonomy.json``. ``telling`` are the answers that are a sign.
    """

    id: str
    category: str
    instrument: str
    item: str
    about: str
    telling: tuple[Answer, ...] = (Answer.YES, Answer.PARTLY)
    choices: tuple[Answer, ...] = (Answer.YES, Answer.PARTLY, Answer.NO)


Answers = Mapping[str, Answer]
"""What was answered, by the question's id, in the order of asking."""

SAFE: Final = "safe"
QUESTIONS: Final = (
    Question(
        id=SAFE,
        category="plea_or_constrained_contact",
        instrument="UNACT",
        item="4 unable or unwilling to communicate",
        about="whether the person can write safely now",
        telling=(Answer.NO,),
        choices=(Answer.YES, Answer.NO),
    ),
    Question(
        id="papers",
        category="document_retention",
        instrument="AHTST",
        item="question 4: not allowed to hold own papers",
        about="somebody else keeping everybody's papers",
    ),
    Question(
        id="outside",
        category="movement_restriction",
        instrument="ILO11",
        item="3 restriction of movement",
        about="not being able to go out when one wants",
    ),
    Question(
        id="talking",
        category="isolation_control_of_contact",
        instrument="AHTST",
        item="question 5: contact with family not allowed",
        about="being told whom one may talk to",
    ),
    Question(
        id="debt",
        category="debt_bondage",
        instrument="AHTST",
        item="question 2: repaying someone by doing what they say",
        about="having to work because of money that is owed",
    ),
    Question(
        id="leaving",
        category="threats",
        instrument="AHTST",
        item="question 3: stays because someone may be hurt",
        about="fear of what happens after saying no or leaving",
    ),
)
UNSAFE: Final[Answers] = MappingProxyType({SAFE: Answer.NO})
"""What is sent by itself, at once, when somebody cannot write safely."""

_BY_ID: Final = {question.id: question for question in QUESTIONS}


class AnswersDamagedError(Exception):
    """This text is not answers in the form that this program reads."""


def answers_text(answers: Answers) -> str:
    """Return the text of answers; without any it takes earlier ones back.

    Raises ``AnswersDamagedError`` for what could not be read again.
    """
    text = " ".join((_VERSION, *(f"{key}={answer.value}" for key, answer in answers.items())))
    read_answers(text)
    return text


def read_answers(text: str) -> dict[str, Answer]:
    """Return the answers in a text; raise ``AnswersDamagedError`` for anything else.

    Ids that are not (any more) among ``QUESTIONS`` are kept.
    """
    version, *parts = text.split(" ")
    found = [match for part in parts if (match := _PART.fullmatch(part))]
    answers = {match[1]: Answer(match[2]) for match in found}
    fits = len(text.encode("utf-8", "replace")) <= LONGEST_ANSWERS
    if not (version == _VERSION and len(answers) == len(parts) <= MOST_QUESTIONS and fits):
        raise AnswersDamagedError("not answers of a version this program reads")
    return answers


def is_over(answers: Answers) -> bool:
    """Whether nothing more is asked, since it is not safe to write (rule 1)."""
    return answers.get(SAFE) is Answer.NO


def next_question(after: str) -> Question | None:
    """Return the question after the one with this id, the first one after ``""``; None: the end."""
    places = [question.id for question in QUESTIONS]
    place = places.index(after) + 1 if after in _BY_ID else 0
    return QUESTIONS[place] if place < len(QUESTIONS) else None
