"""`havenline channels add signal`, the captcha later, and an identity that comes back."""

import asyncio
import json
import stat

import pytest
from click.testing import CliRunner

from bots.signal import channel as under_test
from bots.signal.identity import IdentityRefused, bring_back, keep
from bots.signal.set_up import leave_captcha
from intake_server.commands_add_signal import add_signal
from tests.bots.signal.bench import XorBox, until
from tests.bots.signal.stand_in import ACCOUNT, CODE, StandIn

CAPTCHA = "signalcaptcha://signal-recaptcha-v2.a.registration.b"


@pytest.fixture
async def server():
    server = StandIn()
    await server.start()
    yield server
    await server.stop()


async def add(server, folder, *more, typed=""):
    arguments = [
        *("--url", server.url, "--number", ACCOUNT, "--username", "hotline", "--name", "Info"),
        *(*more, "--data", str(folder)),
    ]
    done = await asyncio.to_thread(CliRunner().invoke, add_signal, arguments, typed)
    return done.exit_code, done.output, done.stderr


async def test_a_new_number_is_registered_hidden_and_invites_by_a_link(server, short_dir):
    server.accounts.clear()
    typed = f"{CODE[:3]}-{CODE[3:]}\n\n987654\n987654\n"
    code, said, wrong = await add(server, short_dir, "--captcha", CAPTCHA, typed=typed)
    assert code == 0, wrong
    assert "https://signal.me/#eu/abc" in said
    assert server.bodies["/v1/register/{number}"] == [{"captcha": CAPTCHA, "use_voice": False}]
    assert server.bodies["/v1/accounts/{number}/pin"] == [{"pin": "987654"}]
    hidden = {"discoverable_by_number": False, "share_number": False}
    assert server.bodies["/v1/accounts/{number}/settings"] == [hidden]
    assert server.bodies["/v1/profiles/{number}"] == [{"name": "Info"}]
    (hook,) = [line for line in said.splitlines() if "RECEIVE_WEBHOOK_URL" in line]
    settings = (short_dir / "havenline.toml").read_text()
    assert settings == (
        f'[channels.signal]\nenabled = true\nurl = "{server.url}"\nnumber = "{ACCOUNT}"\n'
        "webhook_port = 8091\n"
    )
    assert ":8091/" in hook
    folder = short_dir / "courier" / "signal"
    assert (folder / "invite.txt").read_text().strip() == "https://signal.me/#eu/abc"
    poster = (folder / "poster.html").read_text()
    assert "<svg" in poster
    others = sorted(file.name for file in (folder / "posters").iterdir())
    assert "ar.html" in others
    assert (folder / "posters" / "en.html").read_text() == poster
    assert ACCOUNT not in poster
    for file in folder.rglob("*"):
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file.name


async def test_a_phone_is_linked_by_a_picture_on_the_terminal(server, short_dir):
    server.accounts.clear()
    code, said, wrong = await add(server, short_dir, typed="link\ny\n")
    assert code == 0, wrong
    assert "Linked devices" in said
    assert server.bodies["/v1/register/{number}"] == []


async def test_what_goes_wrong_is_said_in_a_sentence(server, short_dir):
    server.accounts.clear()
    code, _, wrong = await add(server, short_dir, "--captcha", "nonsense")
    assert code == 1
    assert "Captcha required" in wrong
    await server.stop()
    code, _, wrong = await add(server, short_dir)
    assert code == 1
    assert "does not answer" in wrong
    assert not (short_dir / "havenline.toml").exists()


async def test_a_captcha_left_by_an_operator_ends_the_limit(bench, monkeypatch):
    monkeypatch.setattr(under_test, "CAPTCHA_EVERY", 0.02)
    _, _, met = await bench.in_contact()
    bench.server.behaviour.send = "limited"
    with pytest.raises(under_test.ChannelUnavailable):
        await bench.channel.send(met.address, "hello", b"m" * 16)
    assert "captcha_wanted" in bench.channel.health().alarms
    leave_captcha(bench.folder, "signalcaptcha://solved")
    await until(lambda: "captcha_wanted" not in bench.channel.health().alarms)
    assert bench.server.captchas == [("token-1", "signalcaptcha://solved")]
    assert bench.channel.health().limited_seconds == 0
    assert not (bench.folder / "captcha.txt").exists()


def signal_cli_folder(folder):
    """As signal-cli lays it out: a list, an account's own file, and everything else beside it."""
    folder.mkdir()
    entry = {"path": "712345", "environment": "LIVE", "number": ACCOUNT, "uuid": "an-aci"}
    (folder / "accounts.json").write_text(json.dumps({"accounts": [entry], "version": 2}))
    (folder / "712345").write_text('{"password":"CANARY-KEY","registered":true}')
    (folder / "712345.d").mkdir()
    (folder / "712345.d" / "account.db").write_bytes(b"CANARY-MESSAGE-LOG")
    return folder


def test_the_identity_comes_back_without_messages(tmp_path):
    lost = signal_cli_folder(tmp_path / "data")
    file = tmp_path / "identity.backup"
    keep(lost, ACCOUNT, file, XorBox())
    assert b"CANARY" not in file.read_bytes()
    assert b"CANARY-MESSAGE-LOG" not in XorBox().open(file.read_bytes())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    empty = tmp_path / "new"
    assert bring_back(empty, file, XorBox()) == ACCOUNT
    assert (empty / "712345").read_bytes() == (lost / "712345").read_bytes()
    assert json.loads((empty / "accounts.json").read_text()) == json.loads(
        (lost / "accounts.json").read_text()
    )
    with pytest.raises(IdentityRefused, match="already"):
        bring_back(empty, file, XorBox())


@pytest.mark.parametrize("path", ["../712345", "", "a/b", None])
def test_a_list_that_leads_elsewhere_is_refused(tmp_path, path):
    folder = signal_cli_folder(tmp_path / "data")
    listed = {"accounts": [{"path": path, "number": ACCOUNT}]}
    (folder / "accounts.json").write_text(json.dumps(listed))
    with pytest.raises(IdentityRefused):
        keep(folder, ACCOUNT, tmp_path / "identity.backup", XorBox())


def test_a_backup_of_another_courier_is_named(tmp_path):
    file = tmp_path / "identity.backup"
    file.write_bytes(b"sealed by somebody else")
    with pytest.raises(IdentityRefused, match="courier/seed"):
        bring_back(tmp_path / "new", file, XorBox())
