"""The systemd units: hard enough, complete, and about users and folders that exist."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from intake_server.commands_add_signal import WEBHOOK_PORT as DEFAULT_PORT
from intake_server.lent_sockets import LOCAL, SIGNAL_WEBHOOK
from intake_server.settings import load_settings

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "deploy/systemd"
SERVICES = ("keeper", "prepare", "caretaker", "courier", "desk", "web", "mirror")
PROCESSES = frozenset({"keeper", "caretaker", "courier", "desk", "web"})
WORST = 2.0
MOST_UNDER_ONE_COMMENT = 6
SHARED = "havenline-.service.d/hardening.conf"


def settings_in(file: Path) -> list[tuple[str, str]]:
    lines = [line for line in file.read_text().splitlines() if line and line[0] not in "#["]
    return [(key, value) for key, _, value in (line.partition("=") for line in lines)]


def value(service: str, key: str) -> str:
    (found,) = [v for k, v in settings_in(UNITS / f"havenline-{service}.service") if k == key]
    return found


def values(service: str, key: str) -> list[str]:
    settings = settings_in(UNITS / f"havenline-{service}.service")
    return [word for k, v in settings if k == key for word in v.split()]


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is missing. Install it, as root: apt-get install systemd")
    return found


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A machine's files, as far as systemd looks at them to judge the units."""
    place = tmp_path_factory.mktemp("root")
    shutil.copytree(UNITS, place / "etc/systemd/system")
    programs = place / "opt/havenline/bin"
    programs.mkdir(parents=True)
    for name in ("python", "havenline"):
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    return place


@pytest.mark.proof
@pytest.mark.parametrize("service", SERVICES)
def test_each_unit_is_hard_in_the_eyes_of_systemd(root, service):
    said = subprocess.run(
        [
            *(tool("systemd-analyze"), "security", "--offline=true", "--no-pager"),
            *(f"--root={root}", f"havenline-{service}.service"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said.stdout)
    assert level is not None, said.stderr
    assert float(level[1]) <= WORST
    assert "nknown" not in said.stderr  # a setting that this systemd does not know


def test_the_shared_part_holds_nothing_that_a_unit_would_want_to_change():
    # systemd reads it after the unit, so it would win.
    shared = {key for key, _ in settings_in(UNITS / SHARED)}
    for service in SERVICES:
        own = {key for key, _ in settings_in(UNITS / f"havenline-{service}.service")}
        assert not own & shared, service


def test_each_line_of_the_hardening_is_explained():
    for file in (UNITS / SHARED, *UNITS.glob("havenline-*.service")):
        text = file.read_text().partition("[Service]\n")[2].partition("\n[Install]")[0]
        since = MOST_UNDER_ONE_COMMENT
        for line in text.splitlines():
            since = 0 if line.startswith("#") else since + 1
            if line and not line.startswith(("#", "User=", "Group=", "ExecStart=", "Type=")):
                assert since <= MOST_UNDER_ONE_COMMENT, f"{file.name}: {line}"


def test_only_the_courier_may_reach_out_of_the_machine():
    for service in SERVICES:
        settings = dict(settings_in(UNITS / f"havenline-{service}.service"))
        reaches_out = settings.get("IPAddressDeny") != "any"
        assert reaches_out == (service == "courier"), service
        hears = "AF_INET" in settings["RestrictAddressFamilies"]
        assert hears == (service in ("courier", "desk", "web")), service
        assert (settings.get("PrivateNetwork") == "yes") == (not hears), service


def test_nobody_but_the_keeper_sees_the_slot_file_and_nobody_else_s_keys():
    for service in SERVICES:
        hidden = value(service, "InaccessiblePaths").split()
        own = {"prepare": "caretaker", "mirror": ""}.get(service, service)
        private = {f"/var/lib/havenline/{name}" for name in ("keeper", "courier", "caretaker")}
        assert private - set(hidden) <= {f"/var/lib/havenline/{own}"}, service


def test_users_and_folders_that_units_name_are_made():
    users = (UNITS / "sysusers.conf").read_text()
    folders = {line.split()[1] for line in _lines("tmpfiles.conf") if line.startswith("d ")}
    for service in SERVICES:
        assert f"u {value(service, 'User')} " in users
        for group in values(service, "SupplementaryGroups"):
            assert re.search(rf"^[ug] {group} ", users, re.MULTILINE), group
        paths = {*values(service, "ReadWritePaths"), *value(service, "BindPaths").split(":")}
        assert paths <= folders | {"/media/mirror"}, service
    settings = load_settings(config=UNITS / "havenline.toml")
    assert settings.keeper.is_user_each
    assert str(settings.data.folder) == "/var/lib/havenline"
    for peer in ("web", "desk", "courier", "caretaker"):
        assert getattr(settings.keeper, f"{peer}_user") == value(peer, "User")


def test_everything_starts_with_the_machine():
    target = dict(settings_in(UNITS / "havenline.target"))
    assert target["WantedBy"] == "multi-user.target"
    started = set(target["Wants"].split())
    assert started == {f"havenline-{name}.service" for name in PROCESSES}
    for service in PROCESSES - {"keeper"}:
        assert value(service, "Requires") == value(service, "After") == "havenline-prepare.service"


def _lines(name: str) -> list[str]:
    return [line for line in (UNITS / name).read_text().splitlines() if line[:1] not in ("", "#")]


def test_the_socket_for_signal_is_of_this_machine_and_of_the_port_that_the_manual_names():
    name = "havenline-signal-webhook.socket"
    settings = dict(settings_in(UNITS / name))
    host, _, port = settings["ListenStream"].partition(":")
    assert (host, settings["Service"]) == (LOCAL, "havenline-courier.service")
    assert settings["FileDescriptorName"] == SIGNAL_WEBHOOK
    assert settings["WantedBy"] == settings["PartOf"] == "havenline.target"
    assert int(port) == DEFAULT_PORT
    assert name in (ROOT / "docs/channels-signal.md").read_text()


@pytest.mark.proof
def test_systemd_understands_every_unit(root):
    units = sorted(str(file) for file in (root / "etc/systemd/system").glob("havenline-*.*"))
    files = [one for one in units if not one.endswith(".d")]
    said = subprocess.run(
        [tool("systemd-analyze"), "verify", "--man=no", f"--root={root}", *files],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # Not that the machine's own targets are missing there: only what it cannot read.
    doubts = re.compile("ignoring|nknown")
    assert [line for line in said.stderr.splitlines() if doubts.search(line)] == []
