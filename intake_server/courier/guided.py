"""The optional questions over a messenger: one at a time, each answered with one digit.

Theory of operation
-------------------
1.  They begin with a command and never by themselves. 0 is always "I would rather not say".
2.  A digit answers only while a question stands, for ten minutes. Anything else is a message to
    a counsellor, as always, and ends the questions.
3.  What was answered lies in memory until the person passes it on; then it is one message. "No, I
    cannot write safely now" is passed on by itself, at once, and ends the questions.
4.  A message that is delivered twice answers once. What comes of a message holds only when its
    reader says that it is done (``did``): a store that failed is tried again from the same place.
5.  After a restart nothing stands, and a digit is an ordinary message.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import Any, Final

from intake_server.courier.typed import as_typed
from triage.guided import (
    QUESTIONS,
    UNSAFE,
    Answer,
    Answers,
    Question,
    is_over,
    next_question,
)

__all__ = ["ASK_COMMAND", "TAKE_BACK_COMMAND", "Guided", "Step", "read_words"]

ASK_COMMAND: Final = "/questions"
TAKE_BACK_COMMAND: Final = "/takeback"
VALID: Final = 600.0  # seconds
_MOST: Final = 1_024  # people at once; the oldest is dropped
_MOST_REMEMBERED: Final = 16  # messages of one run
_RATHER_NOT: Final = "0"
_YES_SEND: Final = "1"
_DEFAULT: Final = "en"

Words = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Run:
    """Where one person is: the question that stands, None at the end, and what was answered."""

    question: Question | None
    until: float
    language: str
    answers: Answers = field(default_factory=dict, repr=False)
    seen: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Step:
    """What comes of a message: what is stored, if anything, and what is said.

    ``begins``: the message asked for the questions. ``answers`` are stored where they are not None;
    ``language`` is that of the questions.
    """

    say: str = field(repr=False)
    language: str
    answers: Answers | None = field(default=None, repr=False)
    begins: bool = False
    run: _Run | None = field(default=None, repr=False)


@dataclass(slots=True)
class Guided:
    """The questions that stand, by address tag. `now` gives seconds that never go back.

    `words` by language; they are asked in the person's own, else in `language`.
    """

    words: Mapping[str, Words] = field(repr=False)
    now: Callable[[], float]
    language: str = _DEFAULT
    _runs: dict[bytes, _Run] = field(default_factory=dict, repr=False)

    def read(self, tag: bytes, transport: bytes, text: str, language: str = "") -> Step | None:
        """Say what comes of a message; None: it is for a counsellor.

        `transport` tells this delivery from others (rule 4); `language` is the person's.
        """
        said = as_typed(text)
        spoken = language if language in self.words else self.language
        if said == ASK_COMMAND:
            begun = _Run(QUESTIONS[0], self.now() + VALID, spoken, seen=(transport,))
            return Step(self._asked(begun, QUESTIONS[0]), spoken, begins=True, run=begun)
        if said == TAKE_BACK_COMMAND:
            return Step(self.words[spoken]["taken_back"], spoken, answers={})
        run = self._standing(tag)
        if run is None:
            return None
        if transport in run.seen:
            return Step("", run.language, run=run)
        if run.question is None:
            return self._end(run, said)
        return self._answered(run, run.question, said, transport)

    def did(self, tag: bytes, step: Step) -> None:
        """What came of a message is stored; go on from there."""
        self._runs.pop(tag, None)
        if step.run is not None:
            self._runs[tag] = step.run
            if len(self._runs) > _MOST:
                del self._runs[next(iter(self._runs))]

    def forget(self, tag: bytes) -> None:
        """Drop what this person answered so far."""
        self._runs.pop(tag, None)

    def _standing(self, tag: bytes) -> _Run | None:
        run = self._runs.get(tag)
        if run is not None and run.until <= self.now():
            self.forget(tag)
            return None
        return run

    def _answered(self, run: _Run, question: Question, said: str, transport: bytes) -> Step | None:
        choices = {str(number): one for number, one in enumerate(question.choices, start=1)}
        if said != _RATHER_NOT and said not in choices:
            return None
        words = self.words[run.language]
        given: dict[str, Answer] = dict(run.answers)
        if said in choices:
            given[question.id] = choices[said]
        if is_over(given):
            return Step(words["stop_here"], run.language, answers=UNSAFE)
        following = next_question(question.id)
        if following is None and not given:
            return Step(words["nothing"], run.language)
        seen = (*run.seen, transport)[-_MOST_REMEMBERED:]
        run = replace(run, question=following, until=self.now() + VALID, answers=given, seen=seen)
        said = self._review(run) if following is None else self._asked(run, following)
        return Step(said, run.language, run=run)

    def _end(self, run: _Run, said: str) -> Step | None:
        words = self.words[run.language]
        if said == _YES_SEND:
            return Step(words["given"], run.language, answers=run.answers)
        return Step(words["not_given"], run.language) if said == _RATHER_NOT else None

    def _asked(self, run: _Run, question: Question) -> str:
        """One question with its answers, so that a locked screen shows none of it."""
        words = self.words[run.language]
        choices = [_choice(words, 0, words["rather_not"])]
        choices += [
            _choice(words, number, words[f"say_{one.value}"])
            for number, one in enumerate(question.choices, start=1)
        ]
        parts = [words["lead"], words[f"ask_{question.id}"], "\n".join(choices)]
        if question is QUESTIONS[0]:
            parts.append(words["rules"])
        return "\n\n".join(parts)

    def _review(self, run: _Run) -> str:
        words = self.words[run.language]
        lines = [
            f"{words[f'short_{key}']}: {words[f'say_{answer.value}']}"
            for key, answer in run.answers.items()
        ]
        return words["review"].format(lines="\n".join(lines))


def _choice(words: Words, number: int, answer: str) -> str:
    return words["choice"].format(number=number, answer=answer)


def read_words() -> dict[str, Words]:
    """Return the words in each language that there is; what one lacks is said in English."""
    shipped = files("intake_server.courier").joinpath("strings/guided")
    given = {
        file.name.removesuffix(".json"): _words(file.read_text(encoding="utf-8"))
        for file in shipped.iterdir()
        if file.name.endswith(".json")
    }
    return {code: {**given[_DEFAULT], **words} for code, words in given.items()}


def _words(content: str) -> Words:
    """The texts of one file; notes and who has read them are for people."""
    given: dict[str, Any] = json.loads(content)
    return {key: one["text"] for key, one in given.items() if isinstance(one, dict)}
