"""Numbers for whoever opens no conversation."""

from tests.vault.rows import HOUR, NOW, finding, first_contact, from_client, from_team
from tests.vault.rows import new_conversation as new
from triage.waits import FirstAnswer
from vault import counts, messages
from vault.rounding import hour_of


def test_the_first_answer_of_each_conversation_counts(c):
    answered, waits, old = new(), new(), new(now=NOW - 100 * HOUR)
    for one in (answered, waits, old):
        first_contact(one, from_client(one.id))(c)
    messages.add(c, finding(waits.id))
    for hours in (5, 2, 9):
        messages.add(c, from_team(answered.id, now=NOW + hours * HOUR))
    began = hour_of(NOW)
    found = counts.first_answers(c, began - 50)
    assert sorted(found, key=lambda one: one.answered is None) == [
        FirstAnswer(began, began + 2),
        FirstAnswer(began, None),
    ]
