"""`havenline status`, `check` and `sweep`: how it is, what is unsafe, forget now."""

import asyncio
import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import click
import msgspec

from intake_server import readiness_told
from intake_server.checks import check as find_unsafe
from intake_server.checks import read_machine
from intake_server.cli import json_option, place_options, settings_of
from intake_server.clock import SystemClock
from intake_server.programs import ask_each
from intake_server.reachable import missing_for_public
from intake_server.screening_link import ScreeningVerb
from intake_server.settings import Settings
from intake_server.supervisor import Health, ProcessStatus, State
from intake_server.unreviewed import unread_languages
from vault.keeper_protocol import Status, decode_answer, encode_request, read_frame, write_frame
from vault.sealing import Malformed, unpack

SWEEP_PATIENCE = 600.0  # seconds; a first sweep after a long pause has much to delete
_STATUS_PATIENCE = 5.0
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


class _Report(msgspec.Struct, frozen=True):
    ok: bool
    processes: tuple[ProcessStatus, ...]


@click.command()
@place_options
@json_option
def status(*, folder: Path | None, config: Path | None, as_json: bool) -> None:
    """Show how each process is. Exit code 0: all are well."""
    settings = settings_of(folder, config)
    report = asyncio.run(_report(settings))
    if report is None:
        _not_running(settings.data.folder, as_json=as_json)
        return
    if as_json:
        click.echo(msgspec.json.encode(report))
    else:
        click.echo("\n".join(_table(report.processes)))
        for each in unread_languages(settings):
            click.echo(each.what, err=True)
    if not report.ok:
        raise click.exceptions.Exit(1)


def _not_running(folder: Path, *, as_json: bool) -> None:
    if as_json:
        click.echo('{"ok":false,"processes":[]}')
        raise click.exceptions.Exit(1)
    raise click.ClickException(
        f"Havenline is not running with {folder}. Start it with `havenline up`, or name the right "
        "folder with --data."
    )


async def _report(settings: Settings) -> _Report | None:
    """What the supervisor says; where none runs, as under systemd, each process for itself.

    None where nobody answers.
    """
    try:
        line = await _read_line(settings.data.run_dir / "supervisor.sock")
        return msgspec.json.decode(line, type=_Report)
    except (OSError, ValueError):
        answers = await ask_each(settings)
    if not any(answers.values()):
        return None
    parts = tuple(_of_one(name, health) for name, health in answers.items())
    return _Report(all(each.state == "healthy" for each in parts), parts)


def _of_one(name: str, health: Health | None) -> ProcessStatus:
    """What is known of a process that somebody else started; its restarts systemd counts."""
    state: State = "silent"
    if health is not None:
        state = "healthy" if health.ok and not health.alarms else "alarmed"
    return ProcessStatus(
        name=name,
        state=state,
        healthy=health is not None,
        pid=None,
        age_seconds=0,
        restarts=0,
        memory_bytes=0,
        alarms=() if health is None else health.alarms,
    )


async def _read_line(path: Path) -> bytes:
    async with asyncio.timeout(_STATUS_PATIENCE):
        reader, writer = await asyncio.open_unix_connection(path)
        try:
            return await reader.readline()
        finally:
            writer.close()


def _table(processes: tuple[ProcessStatus, ...]) -> list[str]:
    rows = [("process", "state", "for", "restarts", "memory", "alarms")]
    rows += [
        (
            each.name,
            each.state,
            "-" if each.pid is None else _age(each.age_seconds),
            "-" if each.pid is None else str(each.restarts),
            "-" if each.pid is None else f"{each.memory_bytes / 1_048_576:.0f} MB",
            ", ".join(each.alarms) or "-",
        )
        for each in processes
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _age(seconds: int) -> str:
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), (1, "s"))
    return f"{seconds // size} {unit}"


@click.command("check")
@place_options
@json_option
def check_command(*, folder: Path | None, config: Path | None, as_json: bool) -> None:
    """Explain every unsafe setting, and print what is still to be done before people write.

    The list is the one at an admin's desk; it is known while Havenline runs. Exit code 1:
    something dangerous stands.
    """
    settings = settings_of(folder, config)
    found = [
        *find_unsafe(settings, read_machine(os.environ)),
        *missing_for_public(settings),
        *unread_languages(settings),
    ]
    ready = asyncio.run(readiness_told.ask(settings, SystemClock()))
    if as_json:
        lines = () if ready is None else ready.lines
        every = [asdict(each) for each in found]
        every += [
            asdict(each) | {"name": f"ready_{each.name}", "dangerous": False} for each in lines
        ]
        click.echo(json.dumps(every, indent=2, ensure_ascii=False))
    elif not found:
        click.echo("Nothing unsafe was found.")
    for each in [] if as_json else found:
        head = "DANGEROUS" if each.dangerous else "note"
        text = f"{head}: {each.what} {each.remedy}"
        click.echo(click.wrap_text(text, 100, "", "  ") + "\n")
    if ready is not None and not as_json:
        click.echo("\n".join(readiness_told.as_text(ready)))
    elif not as_json:
        click.echo(
            "What is still to be done before people write is known while Havenline runs and "
            "somebody is set up."
        )
    if any(each.dangerous for each in found):
        raise click.exceptions.Exit(1)


@click.command()
@place_options
@json_option
def sweep(*, folder: Path | None, config: Path | None, as_json: bool) -> None:
    """Forget now what is due, instead of within ten minutes. Exit code 0: all of it is done."""
    path = settings_of(folder, config).data.run_dir / "caretaker-operator.sock"
    if not as_json:
        click.echo("Sweeping. This can take a while after a long pause.", err=True)
    counts = asyncio.run(_ask_to_sweep(path))
    if as_json:
        click.echo(json.dumps(counts, ensure_ascii=False))
    else:
        for name, value in counts.items():
            click.echo(f"{name.replace('_', ' ')}: {_shown(value)}")
    if counts.get("paused") or counts.get("failed"):
        raise click.exceptions.Exit(1)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) or "-"


async def _ask_to_sweep(path: Path) -> Mapping[str, object]:
    try:
        async with asyncio.timeout(SWEEP_PATIENCE):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                await write_frame(writer, encode_request(1, ScreeningVerb.SWEEP))
                _, answered, packed = decode_answer(await read_frame(reader))
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
        if answered is Status.OK:
            counts: Mapping[str, object] = json.loads(unpack(packed, 1)[0])
            return counts
    except TimeoutError:
        raise click.ClickException(
            "The sweep is still going on. `havenline status` shows when something is wrong with it."
        ) from None
    except (OSError, EOFError):
        raise click.ClickException(
            "The caretaker cannot be reached. `havenline status` shows whether it is running."
        ) from None
    except Malformed:
        raise click.ClickException("The caretaker's answer is not understood.") from None
    raise click.ClickException(
        f"The caretaker did not sweep ({answered.name.lower()}). `havenline status` shows why."
    )
