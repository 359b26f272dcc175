"""From a person's phone to a counsellor and back, over real mail, with the courier at work."""

import json
import re
import stat

import msgspec
import pytest
import pytest_asyncio

from intake_server.courier import speech
from intake_server.settings import ChannelSettings, DeltaChatSettings
from tests.bots import whole
from tests.bots.deltachat.post import names
from tests.intake_server.courier.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

CANARIES = (b"CANARY-FIRST", b"CANARY-ANSWER", b"CANARY-NAME")


@pytest_asyncio.fixture(loop_scope="module")
async def stage(short_dir):
    stage = Stage(short_dir, screening="off")
    channels = ChannelSettings(deltachat=DeltaChatSettings(enabled=True))
    stage.settings = msgspec.structs.replace(stage.settings, channels=channels)
    await stage.raise_curtain()
    await stage.set_up()
    yield stage
    await stage.fall()


async def added(stage, server):
    """Add the channel as an operator does; the invite."""
    password = stage.folder / "courier" / "answers.json"
    password.write_text("{}")
    secret = stage.folder / "pw"
    secret.write_text("pw\n")
    code, said, wrong = await whole.havenline(
        *("channels", "add", "deltachat", "--address", f"bot{next(names)}@hotline.test"),
        *("--password-file", str(secret), "--security", "plain"),
        *("--imap-host", "127.0.0.1", "--imap-port", str(server.imap)),
        *("--smtp-host", "127.0.0.1", "--smtp-port", str(server.smtp)),
        data=stage.folder,
    )
    assert code == 0, wrong
    secret.unlink()
    folder = stage.folder / "courier" / "deltachat"
    invite = (folder / "invite.txt").read_text().strip()
    assert invite in said
    assert "<svg" in (folder / "poster.html").read_text()
    assert "http-equiv" not in (folder / "poster.html").read_text()
    settings = (stage.folder / "havenline.toml").read_text()
    assert settings == "[channels.deltachat]\nenabled = true\n"
    for file in folder.rglob("*"):
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file.name
    return invite


async def test_a_person_is_heard_answered_and_forgotten(stage, server, phone, monkeypatch):
    monkeypatch.setattr(speech, "TRIES", (0.0, 0.5, 1.0, 2.0, 4.0))
    invite = await added(stage, server)
    courier = await stage.with_courier()
    person = await phone.person("CANARY-NAME Kim")
    await person.scan(invite)

    await person.say("CANARY-FIRST he locks the door")
    assert (await person.hear()).startswith("Thank you. Your message has arrived.")
    row = await stage.only_row()
    assert (row.channel, row.state, row.urgency) == ("deltachat", "waiting", 1)
    assert await stage.texts(row) == ["CANARY-FIRST he locks the door"]
    timer = await person.ask("get_chat_ephemeral_timer", person.chat)
    assert timer == 7 * 24 * 3600

    message = await stage.answer(row, "CANARY-ANSWER I am here")
    assert await person.hear() == "CANARY-ANSWER I am here"
    assert await stage.ended(row, message) == ("sent", None)

    await whole.attachments_go_both_ways(stage, row, person)
    code, said, _ = await whole.havenline("channels", "--json", data=stage.folder)
    (shown,) = json.loads(said)
    assert code == 0
    assert (shown["name"], shown["connected"], shown["queue"]) == ("deltachat", True, 0)
    assert shown["last_delivery_seconds"] is not None

    await person.say("/erase")
    (number,) = re.findall(r"\b\d{4}\b", await person.hear())
    await person.say(number)
    assert await person.hear() == "Done."
    assert await stage.rows() == []
    await courier.inbound.speech.stop()
    await stage.dismiss_all()
    files = [file for file in stage.folder.rglob("*") if file.is_file()]
    written = b"".join(file.read_bytes() for file in files)
    assert not [canary for canary in (*CANARIES, number.encode() * 2) if canary in written]
    assert "CANARY" not in stage.lines.getvalue()


@pytest.mark.long
@pytest.mark.timeout(1200)
async def test_three_hundred_messages_survive_a_courier_that_is_killed(stage, server, phone):
    invite = await added(stage, server)
    killed = whole.Killed(stage, "[channels.deltachat]\nenabled = true\n")
    person = await phone.person()
    await killed.start()
    await person.scan(invite)
    await killed.kill()
    standing = await whole.three_hundred_arrive_once_and_in_order(stage, killed, person)
    assert standing == ["sent"] * whole.ANSWERS
    said = await whole.heard(person, whole.ANSWERS + 1)
    assert said == [f"answer {number}" for number in range(whole.ANSWERS)]
