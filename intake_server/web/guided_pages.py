"""The screens of the optional questions, for both kinds of pages.

One question a screen; "I would rather not say" stands first. The page that runs no code carries
the answers so far in a hidden field; code keeps them in memory. The words for code are a file of
their own in each language, fetched after the first message and never part of the first page.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec

from intake_server.languages import Language
from intake_server.pages import StaticFile, packed_file
from triage.guided import (
    QUESTIONS,
    SAFE,
    Answer,
    Answers,
    AnswersDamagedError,
    Question,
    answers_text,
    read_answers,
)

_AREA: Final = "g"  # of the strings that only these screens use
_PASSED: Final = ""


@dataclass(frozen=True, slots=True)
class GuidedScreen:
    """One screen; what it does not need is empty. `choices` are values and labels."""

    kind: Literal["question", "review", "unsafe"]
    title: str
    notes: tuple[str, ...] = ()
    question: str = ""
    answers: str = field(default="", repr=False)
    choices: tuple[tuple[str, str], ...] = ()
    lines: tuple[str, ...] = field(default=(), repr=False)
    problem: str = ""


def question_screen(language: Language, question: Question, answers: Answers) -> GuidedScreen:
    """Ask `question`; `answers` are those so far."""
    place = [one.id for one in QUESTIONS].index(question.id) + 1
    notes = [language.text("g10.progress", number=place, count=len(QUESTIONS))]
    if question.id == SAFE:
        notes = [language.text(key) for key in ("g02.rules", "g02.no_is_sent", "g02.at_the_end")]
    return GuidedScreen(
        kind="question",
        title=language.text(f"g05.ask_{question.id}"),
        notes=tuple(notes),
        question=question.id,
        answers=answers_text(answers),
        choices=(
            (_PASSED, language.text("g03.rather_not")),
            *((one.value, language.text(f"g03.say_{one.value}")) for one in question.choices),
        ),
    )


def review_screen(language: Language, answers: Answers, problem: str = "") -> GuidedScreen:
    """Show what would be sent, and ask once more; `problem` where that did not go well."""
    lines = tuple(
        f"{language.text(f'g06.short_{key}')}: {language.text(f'g03.say_{answer.value}')}"
        for key, answer in answers.items()
    )
    told = ("g07.skipped", "g07.read_by_team") if lines else ("g07.nothing",)
    return GuidedScreen(
        kind="review",
        title=language.text("g07.review" if lines else "g07.review_empty"),
        notes=tuple(language.text(key) for key in told),
        question=QUESTIONS[-1].id,
        answers=answers_text(answers),
        lines=lines,
        problem=problem,
    )


def unsafe_screen(language: Language, *, told: bool) -> GuidedScreen:
    """Stop here: the way out. `told`: whether the team was.

    The phrase was on the page that confirmed storing and is on no later one: whoever stands at an
    open page could have it shown.
    """
    told_team = "g08.team_knows" if told else "g08.team_unaware"
    notes = tuple(language.text(key) for key in (told_team, "g08.words_kept"))
    return GuidedScreen(kind="unsafe", title=language.text("g08.stop_here"), notes=notes)


def answers_so_far(text: str) -> dict[str, Answer]:
    """Read what the form carried, in the order of asking; nothing where it is damaged."""
    try:
        given = read_answers(text)
    except AnswersDamagedError:
        return {}
    return {one.id: given[one.id] for one in QUESTIONS if given.get(one.id) in one.choices}


def with_answer(answers: Answers, question: str, said: str) -> dict[str, Answer]:
    """Return the answers with this one; what is not among its choices is passed over."""
    given = dict(answers)
    given.pop(question, None)
    asked = question_called(question)
    if asked is not None and said in asked.choices:
        given[question] = Answer(said)
    return {one.id: given[one.id] for one in QUESTIONS if one.id in given}


def question_called(name: str) -> Question | None:
    """Return the question with this id."""
    return next((one for one in QUESTIONS if one.id == name), None)


def question_before(name: str) -> Question | None:
    """Return the question before the one with this id; None before the first."""
    places = [one.id for one in QUESTIONS]
    place = places.index(name) if name in places else 0
    return QUESTIONS[place - 1] if place > 0 else None


def guided_files(languages: Iterable[Language]) -> dict[str, StaticFile]:
    """Return questions and words for code, in each language, by path."""
    return {
        f"/static/guided-{language.code}.json": packed_file(
            "application/json", msgspec.json.encode(_for_code(language))
        )
        for language in languages
    }


def _for_code(language: Language) -> dict[str, object]:
    return {
        "questions": [
            {"id": one.id, "choices": [choice.value for choice in one.choices]} for one in QUESTIONS
        ],
        "strings": {
            key: text
            for key, text in language.strings.items()
            if key.startswith(_AREA) and key[1:2].isdigit()
        },
    }
