"""Going out over Signal: every way in which the server says no, or says nothing."""

import asyncio
import json

import pytest

from bots.channel import (
    ChannelRefused,
    ChannelUnavailable,
    ChannelUncertain,
    RefusedBecause,
    Remains,
)
from bots.signal import api
from bots.signal.channel import DELETABLE_SECONDS, LIMITED_SECONDS, LONGEST
from bots.signal.set_up import set_up
from tests.bots.signal.bench import SignalBench, until
from tests.bots.signal.stand_in import ACCOUNT

ID = b"0123456789abcdef"


@pytest.mark.parametrize("shape", ["list", "dict"])
async def test_answers_of_old_and_new_servers_are_understood(bench: SignalBench, shape):
    _desk, person, met = await bench.in_contact()
    bench.server.behaviour.shape = shape
    sent = await bench.channel.send(met.address, "an answer", ID)
    stamp, text = await person.somebody.heard.get()
    assert (sent.transport_id, text) == (str(stamp), "an answer")
    body = bench.server.bodies["/v2/send"][-1]
    assert body["notify_self"] is False
    assert body["recipients"] == [met.address]


@pytest.mark.parametrize("shape", ["list", "dict"])
@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        ("UNREGISTERED_FAILURE", RefusedBecause.GONE),
        ("IDENTITY_FAILURE", RefusedBecause.IDENTITY_CHANGED),
        ("INVALID_PRE_KEY_FAILURE", RefusedBecause.REFUSED),
    ],
)
async def test_a_partial_failure_is_no_success(bench: SignalBench, shape, failure, reason):
    _desk, _person, met = await bench.in_contact()
    bench.server.behaviour.shape, bench.server.behaviour.send = shape, f"failure:{failure}"
    with pytest.raises(ChannelRefused) as refused:
        await bench.channel.send(met.address, "an answer", ID)
    assert refused.value.reason is reason


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("Failed to send message due to untrusted identities", RefusedBecause.IDENTITY_CHANGED),
        (
            "Unable to complete request due to untrusted recipient keys",
            RefusedBecause.IDENTITY_CHANGED,
        ),
        ("Unregistered user", RefusedBecause.GONE),
        ("", RefusedBecause.REFUSED),
        ("Something that no version has said so far", RefusedBecause.REFUSED),
    ],
)
async def test_refusals_have_their_reasons(bench: SignalBench, error, reason):
    _desk, _person, met = await bench.in_contact()
    bench.server.behaviour.send = f"error:{error}"
    with pytest.raises(ChannelRefused) as refused:
        await bench.channel.send(met.address, "private words", ID)
    assert refused.value.reason is reason
    assert "private words" not in str(refused.value)


@pytest.mark.parametrize(
    "kind", ["busy", "error:Failed to send message", "failure:NETWORK_FAILURE"]
)
async def test_what_was_not_taken_may_be_tried_again(bench: SignalBench, kind):
    _desk, person, met = await bench.in_contact()
    bench.server.behaviour.send = kind
    with pytest.raises(ChannelUnavailable):
        await bench.channel.send(met.address, "an answer", ID)
    bench.server.behaviour.send = "good"
    await bench.channel.send(met.address, "an answer", ID)
    assert await person.hear() == "an answer"
    assert person.somebody.heard.empty()


@pytest.mark.parametrize(
    "kind", ["silent", "broken_off", "half_way", "nonsense", "failure:SOMETHING_NEW"]
)
async def test_what_nobody_knows_is_for_a_person_to_decide(bench: SignalBench, kind, monkeypatch):
    monkeypatch.setattr(api, "PATIENCE", 0.5)
    _desk, _person, met = await bench.in_contact()
    bench.server.behaviour.send = kind
    with pytest.raises(ChannelUncertain):
        await bench.channel.send(met.address, "an answer", ID)


async def test_a_dead_server_takes_nothing_and_says_so(bench: SignalBench):
    _desk, _person, met = await bench.in_contact()
    await bench.cut()
    with pytest.raises(ChannelUnavailable):
        await bench.channel.send(met.address, "an answer", ID)
    assert not bench.channel.health().connected
    await bench.restore()
    await bench.attached()


async def test_too_much_at_once_waits_asks_for_a_captcha_and_goes_on(bench: SignalBench):
    _desk, person, met = await bench.in_contact()
    bench.server.behaviour.send = "limited"
    with pytest.raises(ChannelUnavailable) as unavailable:
        await bench.channel.send(met.address, "an answer", ID)
    assert unavailable.value.retry_after == LIMITED_SECONDS
    health = bench.channel.health()
    assert "captcha_wanted" in health.alarms
    assert 0 < health.limited_seconds <= LIMITED_SECONDS
    asked = len(bench.server.bodies["/v2/send"])
    with pytest.raises(ChannelUnavailable):
        await bench.channel.send(met.address, "an answer", ID)
    assert len(bench.server.bodies["/v2/send"]) == asked, "while limited, the server is left alone"
    with pytest.raises(ChannelRefused):
        await bench.channel.answer_captcha("not a captcha")
    await bench.channel.answer_captcha("signalcaptcha://solved")
    assert bench.server.captchas == [("token-1", "signalcaptcha://solved")]
    bench.server.behaviour.send = "good"
    await bench.channel.send(met.address, "an answer", ID)
    assert await person.hear() == "an answer"
    assert bench.channel.health().alarms == ()


async def test_an_account_that_is_not_registered_alarms(bench: SignalBench):
    _desk, _person, met = await bench.in_contact()
    bench.server.accounts = []
    with pytest.raises(ChannelUnavailable):
        await bench.channel.send(met.address, "an answer", ID)
    assert "not_registered" in bench.channel.health().alarms
    bench.server.accounts = [ACCOUNT]
    bench.channel._arrivals._look.set()
    await until(lambda: "not_registered" not in bench.channel.health().alarms)


async def test_too_long_a_text_is_refused_before_it_leaves(bench: SignalBench):
    _desk, _person, met = await bench.in_contact()
    with pytest.raises(ChannelRefused) as refused:
        await bench.channel.send(met.address, "x" * (LONGEST + 1), ID)
    assert refused.value.reason is RefusedBecause.TOO_LONG


# --- leaving nothing behind -----------------------------------------------------------------


async def test_deleting_forgetting_and_the_days_that_allow_it(bench: SignalBench):
    desk, person, met = await bench.in_contact()
    other = await bench.person()
    await other.say("hello")
    met_other = await desk.next()
    sent = [await bench.channel.send(met.address, f"{n}", ID) for n in range(3)]
    await bench.channel.send(met_other.address, "stays", ID)
    assert met.address.encode() not in bench.on_disk()
    await bench.channel.delete(met.address, sent[1].transport_id)
    await bench.channel.delete(met.address, met.transport_id)
    assert person.somebody.deleted == [int(sent[1].transport_id)]
    assert await bench.channel.people() == sorted({met.address, met_other.address})
    remains = await bench.channel.withdraw(met.address)
    assert remains == Remains(on_server=False, in_app=True, vanishes=True)
    assert sorted(person.somebody.deleted) == [int(each.transport_id) for each in sent]
    assert other.somebody.deleted == []
    assert await bench.channel.people() == [met_other.address]
    assert len(list((bench.folder / "sent").iterdir())) == 1
    await bench.channel.send(met.address, "the receipt stays", ID)
    await bench.channel.forget(met.address)
    assert len(person.somebody.deleted) == len(sent)
    assert await bench.channel.people() == [met_other.address]
    await bench.channel.stop()
    bench.later = DELETABLE_SECONDS + 1
    await (await bench.restarted()).start(desk.take)
    await until(lambda: list((bench.folder / "sent").iterdir()) == [])


async def test_forgetting_waits_for_a_dead_server(bench: SignalBench):
    _desk, person, met = await bench.in_contact()
    await bench.channel.send(met.address, "an answer", ID)
    await bench.cut()
    with pytest.raises(ChannelUnavailable):
        await bench.channel.withdraw(met.address)
    await bench.restore()
    await bench.channel.withdraw(met.address)
    assert len(person.somebody.deleted) == 1


async def test_the_timer_is_set_and_not_unset(bench: SignalBench):
    _desk, person, met = await bench.in_contact()
    await bench.channel.set_timer(met.address, 86_400)
    assert person.somebody.timer == 86_400
    await bench.channel.set_timer(met.address, None)
    await bench.channel.set_timer(await bench.nobody(), 60)
    assert person.somebody.timer == 86_400


async def test_setting_up_hides_the_number_and_keeps_the_link(bench: SignalBench):
    assert await bench.channel.invite() is None
    desk, _person, _met = await bench.in_contact()
    link = await set_up(bench.channel._api, bench.folder, "example")
    assert bench.server.bodies["/v1/accounts/{number}/settings"] == [
        {"discoverable_by_number": False, "share_number": False}
    ]
    assert await bench.channel.invite() == link
    await bench.channel.stop()
    assert await (await bench.restarted()).invite() == link
    assert desk.all() == []


@pytest.mark.parametrize("url", ["http://signal.example.org", "ftp://127.0.0.1", "127.0.0.1:8080"])
def test_messages_never_travel_in_clear_to_another_machine(url):
    with pytest.raises(ValueError, match="Signal server"):
        api.check_url(url)


def test_servers_that_are_safe():
    for url in ("http://127.0.0.1:8080", "http://localhost", "https://signal.example.org/api"):
        api.check_url(url)


@pytest.mark.parametrize(
    "said", [None, [], {}, [3], "x", {"timestamp": "soon"}, {"timestamp": None}]
)
def test_an_answer_without_a_timestamp_has_none(said):
    assert api.send_answer(said).timestamp is None


async def test_two_hundred_at_once_reach_their_own_people(bench: SignalBench):
    desk, _person, _met = await bench.in_contact()
    people = [await bench.person() for _ in range(20)]
    for number in range(10):
        for person in people:
            await person.say(json.dumps([person.somebody.uuid, number]))
    heard: dict[str, list[int]] = {person.somebody.uuid: [] for person in people}
    for _ in range(200):
        incoming = await desk.next()
        uuid, number = json.loads(incoming.text or "")
        assert incoming.address == uuid
        heard[uuid].append(number)
    assert set(map(tuple, heard.values())) == {tuple(range(10))}
    await asyncio.gather(*(bench.channel.send(uuid, f"for {uuid}", ID) for uuid in heard))
    for person in people:
        assert await person.hear() == f"for {person.somebody.uuid}"
