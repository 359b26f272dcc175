"""`havenline indicators report`: which rules counsellors mostly dismiss, where little is found."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import click

from intake_server import learning_work
from intake_server.cli import json_option, place_options, settings_of
from intake_server.clock import SystemClock
from intake_server.settings import Settings
from triage.learning import Report
from vault.engine import Database, DatabaseFailed


@click.command("report")
@place_options
@json_option
def report(*, folder: Path | None, config: Path | None, as_json: bool) -> None:
    """Show which rules are mostly dismissed, and in which languages little is found.

    Numbers are those of the last 12 months, rounded down to whole fives; below 5 none is shown.
    """
    settings = settings_of(folder, config)
    try:
        found = asyncio.run(_read(settings))
    except DatabaseFailed as failure:
        raise click.ClickException(f"The database cannot be read: {failure}") from None
    shape = {"months": learning_work.REPORT_MONTHS, **found.shape()}
    click.echo(json.dumps(shape) if as_json else "\n".join(_lines(found)))


async def _read(settings: Settings) -> Report:
    database = await Database.open(settings.data.database_url, readers=1)
    try:
        return await learning_work.read_report(database, SystemClock().unix())
    finally:
        await database.close()


def _lines(found: Report) -> Iterator[str]:
    yield f"The last {learning_work.REPORT_MONTHS} months, rounded down to whole fives."
    yield "\nRules that are mostly dismissed:"
    yield from _listed(
        f"{line.rule} ({line.language}): dismissed {_number(line.dismissed)}, "
        f"agreed {_number(line.agreed)}"
        for line in found.rules
        if line.mostly_dismissed
    )
    yield "\nSigns that counsellors added, because no rule saw them:"
    yield from _listed(
        f"{line.category} ({line.language}): {_number(line.count)}" for line in found.added
    )
    yield "\nLanguages in which little is found:"
    yield from _listed(
        f"{line.language}: conversations now {_number(line.conversations)}, "
        f"findings decided on {_number(line.decided)}, signs added {_number(line.added)}"
        for line in found.languages
        if line.few_findings
    )


def _listed(lines: Iterator[str]) -> Iterator[str]:
    every = [f"  {line}" for line in lines]
    yield from every or ["  none that can be shown"]


def _number(count: int | None) -> str:
    return "fewer than 5" if count is None else str(count)
