"""The desk's requests about the rules of screening: counting decisions, and the report on them.

What a counsellor decided about a finding stands sealed in the conversation. Here its rule, its
language and the decision arrive apart from that, later, in no order and without saying where, and
are counted with those of the same week (docs/decisions/0015 and 0025).
"""

from typing import Annotated

import msgspec

from intake_server import learning_work
from intake_server.clock import Clock
from intake_server.desk.api import Answer, read
from intake_server.desk.bodies import Body, Nothing
from intake_server.desk.counting import Counting
from intake_server.desk.members import Member
from intake_server.desk.refusals import MalformedRequest, calm
from intake_server.settings import SafeguardingSettings
from triage.learning import Verdict
from vault.engine import Database
from vault.indicator_counters import Decision, NotCountable

_MOST = 64


class OneDecision(Body, frozen=True):
    """What was decided about a rule in a language; added: about a category."""

    rule: str
    language: str
    verdict: Verdict


class Decisions(Body, frozen=True):
    """Several, in no order."""

    decisions: Annotated[list[OneDecision], msgspec.Meta(min_length=1, max_length=_MOST)]


class IndicatorsApi:
    """One method for each request."""

    def __init__(
        self,
        counting: Counting,
        database: Database,
        clock: Clock,
        safeguarding: SafeguardingSettings,
    ) -> None:
        self._counting = counting
        self._database = database
        self._clock = clock
        self._safeguarding = safeguarding

    async def count(self, _member: Member, raw: bytes) -> Answer:
        """Count decisions about rules that run here. Who made them is not kept."""
        asked = read(raw, Decisions)
        try:
            decisions = [Decision(one.rule, one.language, one.verdict) for one in asked.decisions]
        except NotCountable:
            raise MalformedRequest from None
        with calm():
            await self._counting.take(decisions)
        return {}

    async def report(self, _member: Member, raw: bytes) -> Answer:
        """Rules and languages, in numbers of which small ones are withheld (null)."""
        read(raw, Nothing)
        with calm():
            found = await learning_work.read_report(self._database, self._clock.unix())
        return {"months": learning_work.REPORT_MONTHS, **found.shape()}

    async def safeguarding(self, _member: Member, raw: bytes) -> Answer:
        """The organisation's own steps where a client may be under 18."""
        read(raw, Nothing)
        return {
            "text": self._safeguarding.text,
            "countries": [
                {"country": country, "text": text}
                for country, text in sorted(self._safeguarding.countries.items())
            ],
        }
