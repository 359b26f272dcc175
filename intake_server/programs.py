"""The five processes: how each is run, and how it is asked for its health."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from intake_server.keeper_operator import KeeperStanding, keeper_operator, standing_of
from intake_server.lent_sockets import SIGNAL_WEBHOOK, Lent
from intake_server.settings import Settings
from intake_server.supervisor import Health, Program, ask_health, command_for
from vault.keeper_client import KeeperDown, OperatorKeeper

_PATIENCE = 5.0  # seconds for one answer
COURIER = "courier"
OTHERS = ("caretaker", COURIER, "desk", "web")  # after the keeper, in start order


def keeper_program(
    settings: Settings,
    operator: OperatorKeeper,
    look: Callable[[KeeperStanding], None] | None = None,
    *,
    existing: bool = False,
) -> Program:
    """The keeper, asked by its operator's socket; `look` is shown each answer.

    `existing`: it makes no slot file where there is none.
    """

    async def ask() -> Health:
        try:
            standing = await standing_of(operator)
        except KeeperDown as error:
            raise ConnectionError from error
        if look is not None:
            look(standing)
        return Health(ok=True, alarms=tuple(standing.alarms))

    arguments = keeper_arguments(settings)
    if existing:
        arguments.append("--existing")
    return Program("keeper", command_for("keeper", arguments), ask)


async def ask_each(settings: Settings) -> dict[str, Health | None]:
    """Ask each process at its own socket how it is, whoever started it; None for no answer."""
    answers: dict[str, Health | None] = {}
    async with keeper_operator(settings.data.run_dir) as operator:
        programs = [keeper_program(settings, operator)]
        programs += [other_program(name, settings, None) for name in OTHERS]
        for program in programs:
            try:
                async with asyncio.timeout(_PATIENCE):
                    answers[program.name] = await program.ask()
            except (OSError, EOFError, ValueError):  # TimeoutError is an OSError
                answers[program.name] = None
    return answers


def keeper_arguments(settings: Settings) -> list[str]:
    """What the keeper is told of the settings."""
    arguments = ["--data", str(settings.data.folder), "--records", str(settings.slots.records)]
    arguments += ["--log-level", settings.log.level]
    for peer in ("web", "desk", "courier", "caretaker", "operator"):
        if user := getattr(settings.keeper, f"{peer}_user"):
            arguments += ["--peer-uid", f"{peer}={user}"]
    return arguments


def other_program(
    name: str, settings: Settings, config: Path | None, lent: Lent | None = None
) -> Program:
    """One of `OTHERS`; it reads the same settings as this process, and is lent these sockets."""
    chosen = () if config is None else ("--config", str(config.absolute()))
    command = command_for(name, ("--data", str(settings.data.folder), *chosen))
    path = settings.data.run_dir / f"{name}-health.sock"
    return Program(name, command, lambda: ask_health(path), lent or {})


def ports_held_open(settings: Settings) -> dict[str, int]:
    """Where the courier listens, by name: the ports that stay open while it starts anew."""
    signal = settings.channels.signal
    is_wanted = signal.enabled and signal.webhook_port
    return {SIGNAL_WEBHOOK: signal.webhook_port} if is_wanted else {}
