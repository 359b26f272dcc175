"""`havenline indicators report`: numbers of a real database, none of them small."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from intake_server.cli import main
from intake_server.settings import DataSettings
from vault import indicator_counters
from vault.engine import Database
from vault.indicator_counters import Decision
from vault.schema import migrate

DISMISSED = Decision("en.hours.quota", "en", "dismissed")
AGREED = Decision("en.papers.taken", "en", "agreed")
ADDED = Decision("debt_bondage", "km", "added")


@pytest.fixture
def report(tmp_path):
    def call(*options):
        words = ["indicators", "report", "--data", str(tmp_path), *options]
        return CliRunner().invoke(main, words)

    return call


@pytest.fixture
def counted(tmp_path):
    url = DataSettings(folder=tmp_path).database_url
    migrate(url)

    async def count():
        database = await Database.open(url)
        decisions = {DISMISSED: 8, AGREED: 3, ADDED: 11}
        now = int(datetime.now(UTC).timestamp())
        await database.write(lambda c: indicator_counters.count(c, decisions, now))
        await database.close()

    asyncio.run(count())


@pytest.mark.usefixtures("counted")
def test_a_person_reads_what_is_mostly_wrong_and_where_little_is_found(report):
    result = report()
    assert result.exit_code == 0, result.output
    lines = [line.strip() for line in result.output.splitlines()]
    assert "en.hours.quota (en): dismissed 5, agreed fewer than 5" in lines
    assert "debt_bondage (km): 10" in lines
    assert (
        "km: conversations now fewer than 5, findings decided on fewer than 5, signs added 10"
        in lines
    )
    assert "en.papers.taken" not in result.output


@pytest.mark.usefixtures("counted")
def test_a_program_reads_the_same(report):
    told = json.loads(report("--json").output)
    assert [(one["rule"], one["dismissed"], one["agreed"]) for one in told["rules"]] == [
        ("en.hours.quota", 5, None)
    ]
    assert told["months"] == 12


def test_without_a_database_it_says_so(report):
    result = report()
    assert result.exit_code == 1
    assert "The database cannot be read" in result.output
