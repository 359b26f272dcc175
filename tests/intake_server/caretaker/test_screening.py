"""Screening over the caretaker's socket: what web and courier see of it, and what they do not."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import pytest_asyncio

from intake_server.caretaker.health import Health
from intake_server.caretaker.listener import Listener
from intake_server.caretaker.screening import Screener
from intake_server.caretaker.sockets import ScreeningSocket
from intake_server.screening_link import (
    ScreeningBusy,
    ScreeningLink,
    ScreeningRefused,
    ScreeningUnavailable,
    ScreeningVerb,
)
from intake_server.screening_rules import shipped_taxonomy
from intake_server.settings import ScreeningSettings, Settings
from triage.guided import QUESTIONS, Answer, answers_text
from triage.guided_findings import screen_answers
from triage.screening.findings import Applies, Finding, Screening, Strength, Why
from vault.envelope import (
    Direction,
    decode_findings,
    finding_id,
    is_verified,
    open_envelope,
)
from vault.keeper_protocol import (
    Status,
    decode_answer,
    encode_request,
    read_frame,
    write_frame,
)
from vault.sealing import Kind, pack, random_bytes, unpack
from vault.wraps import ScreeningCopy, is_screening_key_verified, seal_screening_copy

EVERYTHING = answers_text({question.id: Answer.YES for question in QUESTIONS[1:]})
TEXT = "my boss took my passport and he will kill me tonight"


@pytest_asyncio.fixture
async def link(stage):
    link = ScreeningLink(stage.settings.data.run_dir / "caretaker.sock")
    yield link
    await link.close()


@pytest_asyncio.fixture
async def real(stage):
    """The caretaker with the shipped rules."""
    stage.settings = Settings(data=stage.settings.data, screening=ScreeningSettings(mode="on"))
    await stage.with_caretaker()
    return stage


@pytest_asyncio.fixture
async def serve(stage):
    """Opens a screening socket with rules of the test's own, in place of the one before."""
    opened = []

    async def open_socket(rules, **more):
        for listener in opened:
            await listener.close()
        health = Health(stage.clock.monotonic)
        screener = Screener(rules, answers, stage.caretaker_keys, stage.clock.unix)
        log = stage.log_of("caretaker")
        socket = ScreeningSocket(screener, stage.caretaker, thread, health, log, **more)
        path = stage.settings.data.run_dir / "caretaker.sock"
        opened.append(await Listener.open(path, socket.answer))
        return health

    with ThreadPoolExecutor(1) as thread:
        yield open_socket
        for listener in opened:
            await listener.close()


def answers(text):
    return screen_answers(text, shipped_taxonomy())


def copy_for(client, text=TEXT, *, is_answers=False):
    return ScreeningCopy(
        conversation_id=client.conversation_id,
        message_id=random_bytes(16),
        danger=False,
        text=text,
        language_hint="en",
        is_answers=is_answers,
    )


def opened(client, screened):
    return open_envelope(
        screened.finding,
        Kind.NOTE,
        client.keys.notes,
        client.conversation_id,
        [Direction.FINDING],
    )


async def test_a_finding_comes_back_sealed_to_the_team_and_signed(real, link):
    client, made = await real.write_in()
    copy = copy_for(client)
    key = await link.key()
    assert is_screening_key_verified(real.caretaker_keys.public, key.public, key.signature)
    sealed = seal_screening_copy(key.public, copy)
    screened = await link.screen(
        made.reference.packed, client.conversation_id, copy.message_id, sealed
    )
    assert (screened.screened, screened.urgency, screened.language) == (True, 3, "en")
    finding = opened(client, screened)
    assert finding.envelope.message_id == finding_id(copy.message_id)
    assert is_verified(finding, real.caretaker_keys.public)
    assert not is_verified(finding, real.courier_keys.sign.public)
    document = json.loads(decode_findings(finding.envelope).document)
    assert document["urgency"] == 3
    assert any(TEXT[one["start"] : one["end"]] for one in document["findings"])
    assert TEXT not in repr(screened)


async def test_what_cannot_be_screened_stands_at_one_with_a_finding_that_says_so(real, link):
    client, made = await real.write_in()
    copy = copy_for(client, "1234 !!")
    screened = await link.screen_text(made.reference.packed, copy, real.caretaker_keys.public)
    assert (screened.screened, screened.urgency, screened.language) == (False, 1, "")
    document = json.loads(decode_findings(opened(client, screened).envelope).document)
    assert document["why"] == "no_text"


async def test_answers_become_findings_and_their_size_says_nothing(real, link):
    """The same size as what is found about a short text: it tells of no answers either."""
    client, made = await real.write_in()
    sizes = set()
    for text in ("Hello", "1234 !!", "They have my passport.", TEXT):
        copy = copy_for(client, text)
        screened = await link.screen_text(made.reference.packed, copy, real.caretaker_keys.public)
        sizes.add(len(screened.finding))
    for text in ("1", "1 papers=yes", EVERYTHING):
        copy = copy_for(client, text, is_answers=True)
        screened = await link.screen_text(made.reference.packed, copy, real.caretaker_keys.public)
        sizes.add(len(screened.finding))
    assert len(sizes) == 1
    assert (screened.screened, screened.urgency, screened.language) == (True, 2, "")
    document = json.loads(decode_findings(opened(client, screened).envelope).document)
    assert [one["rule"] for one in document["findings"]] == [
        f"guided.{question.id}" for question in QUESTIONS[1:]
    ]


async def test_words_of_the_client_are_never_taken_for_answers(real, link):
    client, made = await real.write_in()
    copy = copy_for(client, EVERYTHING)
    screened = await link.screen_text(made.reference.packed, copy, real.caretaker_keys.public)
    document = json.loads(decode_findings(opened(client, screened).envelope).document)
    assert document["findings"] == []


async def test_nothing_of_it_reaches_disk_or_log(real, link):
    client, made = await real.write_in()
    await link.screen_text(made.reference.packed, copy_for(client), real.caretaker_keys.public)
    written = b"".join(file.read_bytes() for file in real.folder.rglob("*") if file.is_file())
    assert b"passport" not in written
    assert "passport" not in real.lines.getvalue()


async def test_a_copy_of_another_conversation_or_message_is_refused(real, link):
    client, made = await real.write_in()
    other, other_made = await real.write_in()
    copy = copy_for(client)
    sealed = seal_screening_copy((await link.key()).public, copy)
    owner, message = client.conversation_id, copy.message_id
    for arguments in (
        (other_made.reference.packed, owner, message, sealed),
        (other_made.reference.packed, other.conversation_id, message, sealed),
        (made.reference.packed, owner, random_bytes(16), sealed),
        (made.reference.packed, owner, message, sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (made.reference.packed[:4] + random_bytes(16), owner, message, sealed),
    ):
        with pytest.raises(ScreeningRefused):
            await link.screen(*arguments)


async def test_a_forgotten_conversation_is_not_screened(real, link):
    client, made = await real.write_in()
    await real.erase(client)
    with pytest.raises(ScreeningRefused):
        await link.screen_text(
            made.reference.packed, copy_for(client), bytes(real.caretaker_keys.public)
        )


async def test_a_key_that_the_roster_does_not_vouch_for_is_not_sealed_to(real, link):
    client, made = await real.write_in()
    with pytest.raises(ScreeningUnavailable):
        await link.screen_text(
            made.reference.packed, copy_for(client), real.courier_keys.sign.public
        )


async def test_switched_off_there_is_no_key_and_nothing_is_screened(stage, link):
    await stage.with_caretaker()
    client, made = await stage.write_in()
    assert await link.key() is None
    public = stage.caretaker_keys.public
    assert await link.screen_text(made.reference.packed, copy_for(client), public) is None
    sealed = seal_screening_copy(public, copy_for(client))
    screened = await link.screen(
        made.reference.packed, client.conversation_id, random_bytes(16), sealed
    )
    assert (screened.screened, screened.finding, screened.urgency) == (False, None, 1)


# --- restarts, floods ---------------------------------------------------------------------


def calm(_text: str, _hint: str) -> Screening:
    return Screening(screened=True, urgency=0, why=Why.NO_SIGN, language="en")


async def test_after_a_restart_the_text_is_sealed_to_the_new_key(stage, link, serve):
    client, made = await stage.write_in()
    await serve(calm)
    before = await link.key()
    sealed = seal_screening_copy(before.public, copy_for(client))
    await serve(calm)
    screened = await link.screen_text(
        made.reference.packed, copy_for(client), stage.caretaker_keys.public
    )
    assert screened.screened
    with pytest.raises(ScreeningRefused):
        await link.screen(made.reference.packed, client.conversation_id, random_bytes(16), sealed)
    assert await link.key() != before


async def test_a_caretaker_that_starts_late_is_waited_for(stage, link, serve):
    client, made = await stage.write_in()
    public = stage.caretaker_keys.public
    asked = asyncio.create_task(link.screen_text(made.reference.packed, copy_for(client), public))
    await asyncio.sleep(0.2)
    assert not asked.done()
    await serve(calm)
    assert (await asked).screened


async def test_a_caretaker_that_never_comes_is_given_up(link, monkeypatch):
    monkeypatch.setattr("intake_server.screening_link.PATIENCE", 0.2)
    with pytest.raises(ScreeningUnavailable):
        await link.key()


async def test_a_full_backlog_refuses_at_once_and_goes_on_afterwards(stage, link, serve):
    gate = threading.Event()

    def slow(text: str, hint: str) -> Screening:
        gate.wait(30)
        return calm(text, hint)

    health = await serve(slow, backlog=3)
    client, made = await stage.write_in()
    public = stage.caretaker_keys.public

    async def one():
        return await link.screen_text(made.reference.packed, copy_for(client), public)

    waiting = [asyncio.create_task(one()) for _ in range(4)]
    done, _ = await asyncio.wait(waiting, timeout=30, return_when=asyncio.FIRST_COMPLETED)
    (refused,) = done
    assert isinstance(refused.exception(), ScreeningBusy)
    waiting.remove(refused)
    assert await link.key() is not None  # others are answered meanwhile
    gate.set()
    assert all(result.screened for result in await asyncio.gather(*waiting))
    assert (await one()).screened
    assert health.report()["not_screened"] == 1


@pytest.mark.parametrize("is_counted", [True, False])
async def test_more_findings_than_an_envelope_holds_are_shortened_not_lost(
    stage, link, serve, is_counted
):
    finding = Finding(
        "debt_bondage", 0, 4, "en.rule", "why " * 100, "ILO11", "9", Strength.STRONG, Applies.ANY
    )

    def many(_text: str, _hint: str) -> Screening:
        one = Screening(screened=True, urgency=2, why=Why.SEVERAL_SIGNS, language="en")
        many = (finding,) * 64
        if is_counted:
            return replace(one, findings=many, set_aside=many)
        return replace(one, findings=(finding,), set_aside=many)

    await serve(many)
    client, made = await stage.write_in()
    copy = copy_for(client)
    screened = await link.screen_text(made.reference.packed, copy, stage.caretaker_keys.public)
    document = json.loads(decode_findings(opened(client, screened).envelope).document)
    assert screened.urgency == document["urgency"] == 2
    kept = len(document["findings"]), len(document.get("set_aside", []))
    assert 10 < sum(kept) < 64
    assert (kept[1] == 0) if is_counted else (kept[0] == 1)


# --- the sockets themselves ---------------------------------------------------------------


async def ask(path, verb, *arguments):
    reader, writer = await asyncio.open_unix_connection(path)
    await write_frame(writer, encode_request(1, verb, *arguments))
    _, status, packed = decode_answer(await read_frame(reader))
    writer.close()
    return status, packed


async def test_the_operator_sweeps_and_asks_over_a_socket_of_their_own(stage):
    await stage.with_caretaker()
    run = stage.settings.data.run_dir
    status, packed = await ask(run / "caretaker-operator.sock", ScreeningVerb.SWEEP)
    assert status is Status.OK
    (answer,) = unpack(packed, 1)
    assert json.loads(answer)["emptied"] is True
    status, packed = await ask(run / "caretaker-operator.sock", ScreeningVerb.STATUS)
    assert json.loads(unpack(packed, 1)[0])["ok"] is True
    status, _ = await ask(run / "caretaker.sock", ScreeningVerb.SWEEP)
    assert status is Status.MALFORMED
    status, _ = await ask(run / "caretaker-operator.sock", ScreeningVerb.SCREEN)
    assert status is Status.MALFORMED


@pytest.mark.parametrize(
    "arguments", [(), (b"x",), (bytes(20), bytes(16), bytes(16)), (bytes(20),) * 4]
)
async def test_malformed_requests_are_told_so(stage, arguments):
    await stage.with_caretaker()
    path = stage.settings.data.run_dir / "caretaker.sock"
    status, packed = await ask(path, ScreeningVerb.SCREEN, *arguments)
    assert (status, packed) == (Status.MALFORMED, pack())


async def test_a_connection_that_breaks_off_harms_nobody(stage, link):
    await stage.with_caretaker()
    path = stage.settings.data.run_dir / "caretaker.sock"
    for said in (b"\xff" * 8, b"\0\0\0\x02x", b"\0\0\0\x10\x01\0\0"):
        _, writer = await asyncio.open_unix_connection(path)
        writer.write(said)
        await writer.drain()
        writer.close()
    assert await link.key() is None


async def test_a_broken_own_file_stops_nothing_and_is_told_without_its_words(stage, link):
    own = stage.folder / "indicators"
    own.mkdir()
    (own / "a-broken.toml").write_text('schema = 1\nlanguage = "en"\nzanzibar', encoding="utf-8")
    (own / "b-sound.toml").write_text(
        'schema = 1\nlanguage = "en"\n[extend]\npapers = "pink slip"\n', encoding="utf-8"
    )
    screening = ScreeningSettings(mode="on", languages=("en",))
    stage.settings = Settings(data=stage.settings.data, screening=screening)
    sweep = await stage.with_caretaker()
    report = sweep.health.report()
    assert report["alarms"] == ["own_rules_refused"]
    (refused,) = report["own_rules_refused"]
    assert refused["file"] == "indicators/a-broken.toml"
    assert "TOML" in refused["reason"]
    told = json.dumps(report) + stage.lines.getvalue()
    assert "own_rules_refused" in stage.lines.getvalue()
    assert "zanzibar" not in told
    client, made = await stage.write_in()
    copy = copy_for(client, "my boss took my pink slip")
    screened = await link.screen_text(made.reference.packed, copy, stage.caretaker_keys.public)
    assert screened.urgency == 2
