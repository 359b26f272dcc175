"""What answers to optional questions amount to, in the form in which screening explains itself.

An answer is a sign like one in a text, with the instrument and item of its question. "Yes" has
the strength of its category, "partly" one step less (our own choice, as no instrument has such an
answer). The urgency follows the rules for text (``triage.screening.weigh``): a strong sign or
signs of two kinds are 2, one sign is 1, and nothing here is ever below 1. Danger, harm to oneself
and age are not asked, so there is no 3.

The places of a finding are code points of the text of the answers.
"""

from collections.abc import Sequence
from typing import Final

from triage.guided import QUESTIONS, Answer, Answers, AnswersDamagedError, Question, read_answers
from triage.screening.findings import Finding, Screening, Strength, Why
from triage.screening.taxonomy import Kind, Taxonomy

__all__ = ["GUIDED_VERSION", "screen_answers"]

GUIDED_VERSION: Final = "questions 1"
_LESS: Final = {Strength.STRONG: Strength.MEDIUM, Strength.MEDIUM: Strength.WEAK}


def screen_answers(text: str, taxonomy: Taxonomy) -> Screening:
    """Return what the answers in ``text`` say; never raises.

    Text that is not answers is not screened, and therefore urgency 1.
    """
    try:
        answers = read_answers(text)
    except AnswersDamagedError:
        return Screening(screened=False, urgency=1, why=Why.NO_TEXT, version=GUIDED_VERSION)
    findings = _findings(text, answers, taxonomy)
    urgency, why = _urgency(findings, taxonomy)
    return Screening(
        screened=True, urgency=urgency, why=why, findings=findings, version=GUIDED_VERSION
    )


def _findings(text: str, answers: Answers, taxonomy: Taxonomy) -> tuple[Finding, ...]:
    by_id = {question.id: question for question in QUESTIONS}
    found = []
    for key, answer in answers.items():
        question = by_id.get(key)
        if question is not None and answer in question.telling:
            part = f"{key}={answer.value}"
            found.append(_finding(question, answer, text.index(f" {part}") + 1, part, taxonomy))
    return tuple(found)


def _finding(
    question: Question, answer: Answer, start: int, part: str, taxonomy: Taxonomy
) -> Finding:
    strength, applies = taxonomy.categories[question.category].strength(minor=False)
    if answer is Answer.PARTLY:
        strength = _LESS.get(strength, strength)
    return Finding(
        category=question.category,
        start=start,
        end=start + len(part),
        rule=f"guided.{question.id}",
        explanation=f'Answered "{answer.value}" to our question about {question.about}.',
        instrument=question.instrument,
        item=question.item,
        strength=strength,
        applies=applies,
    )


def _urgency(findings: Sequence[Finding], taxonomy: Taxonomy) -> tuple[int, Why]:
    told = [one for one in findings if taxonomy.categories[one.category].kind is Kind.INDICATOR]
    if any(one.strength is Strength.STRONG for one in told):
        return 2, Why.STRONG_SIGN
    if len({one.category for one in told}) > 1:
        return 2, Why.SEVERAL_SIGNS
    if told:
        return 1, Why.ONE_SIGN
    return 1, Why.PLEA if findings else Why.NO_SIGN
