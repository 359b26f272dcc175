"""What README and operations.md name is there."""

import re
from pathlib import Path

import click
import pytest

from intake_server.caretaker.health import Alarm as CaretakerAlarm
from intake_server.cli import main
from intake_server.keeper.alarms import Alarm as KeeperAlarm
from intake_server.supervisor import State

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
STEPS = re.findall(r"^\| `([\w/.]+)` `(\w+)` \|", README, re.MULTILINE)
LINKS = sorted(set(re.findall(r"\]\(([\w/.-]+)\)", README)))


def test_the_walk_has_steps():
    assert len(STEPS) > 20


@pytest.mark.parametrize(("file", "name"), STEPS)
def test_a_step_of_the_walk_is_there(file, name):
    defined = rf"(?:def|function|const|class) {name}\b"
    assert re.search(defined, (ROOT / file).read_text(encoding="utf-8")), f"{file} has no {name}"


@pytest.mark.parametrize("link", LINKS)
def test_a_link_leads_somewhere(link):
    assert (ROOT / link).exists()


def test_every_command_is_explained():
    context = click.Context(main)
    missing = [
        name for name in main.list_commands(context) if f"havenline {name}" not in OPERATIONS
    ]
    assert missing == []


def test_every_alarm_and_state_is_explained():
    alarms = {alarm.value for alarm in (*KeeperAlarm, *CaretakerAlarm)}
    assert {alarm for alarm in alarms if f"`{alarm}`" not in OPERATIONS} == set()
    assert {each for each in State.__args__ if f"| {each} |" not in OPERATIONS} == set()
