"""How long people usually wait for a first answer, read from the database."""

from __future__ import annotations

from typing import Final

from triage.waits import LOOK_BACK_HOURS, usual_wait
from vault import counts
from vault.engine import Database

_HOUR_SECONDS: Final = 60 * 60


async def read_usual_wait(database: Database, now: int) -> int | None:
    """Within how many hours people were usually answered of late; raises DatabaseFailed."""
    hour = now // _HOUR_SECONDS
    answers = await database.read(lambda c: counts.first_answers(c, hour - LOOK_BACK_HOURS))
    return usual_wait(answers, hour)
