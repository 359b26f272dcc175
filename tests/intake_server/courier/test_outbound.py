"""What leaves over a messenger: signed by today's team, once, to the right address."""

import asyncio

import pytest

from bots.channel import ChannelUncertain, RefusedBecause, Sent
from intake_server.courier import outbound
from intake_server.courier.outbound import FIRST_PAUSE, LONGEST_PAUSE, Reason, pause_after
from intake_server.courier.sent import SendState
from intake_server.courier.work import Work
from vault import addresses, parting
from vault.sealing import Secret, random_bytes, sign_keys

HOUR = 3600


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Look at what may be tried again every moment; the pauses themselves are the clock's."""
    monkeypatch.setattr(outbound, "_LOOK", 0.05)


async def met(stage, *people):
    """A courier, and a conversation with each of these people; what they hear from now on."""
    courier = await stage.with_courier()
    loopback = courier.channels["loopback"]
    heard = {}
    for person in people:
        heard[person] = loopback.listen(person)
        async with asyncio.timeout(60):
            await loopback.say(person, f"I am {person}")
            assert "timer" in await heard[person].get()
            assert (await heard[person].get())["text"].startswith("Thank you.")
    rows = {}
    for row in await stage.rows():
        (text,) = await stage.texts(row)
        rows[text.removeprefix("I am ")] = row
    return courier, loopback, rows, heard


async def hear(queue) -> str:
    async with asyncio.timeout(60):
        return (await queue.get())["text"]


async def test_a_reply_reaches_its_conversation_and_no_other(stage):
    _, _, rows, heard = await met(stage, "kim", "jo")
    message = await stage.answer(rows["kim"], "We are here.")
    assert await hear(heard["kim"]) == "We are here."
    assert await stage.settled(rows["kim"], message) == ("sent", None)
    other = await stage.answer(rows["jo"], "For Jo alone.")
    assert await hear(heard["jo"]) == "For Jo alone."
    assert await stage.settled(rows["jo"], other) == ("sent", None)
    assert heard["kim"].empty()


async def test_replies_of_one_conversation_keep_their_order(stage):
    _, _, rows, heard = await met(stage, "kim")
    for number in range(6):
        await stage.answer(rows["kim"], f"part {number}")
    assert [await hear(heard["kim"]) for _ in range(6)] == [f"part {n}" for n in range(6)]


async def test_the_text_of_a_sent_reply_lies_nowhere(stage):
    _, _, rows, heard = await met(stage, "kim")
    message = await stage.answer(rows["kim"], "a very particular answer")
    await hear(heard["kim"])
    await stage.settled(rows["kim"], message)
    await stage.dismiss_all()
    written = b"".join(file.read_bytes() for file in stage.folder.rglob("*") if file.is_file())
    assert b"particular answer" not in written
    assert "particular answer" not in stage.lines.getvalue()


# --- not sent -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"signer": sign_keys(Secret(bytes(32)))},
        {"epoch": 2},
        {"epoch": 0},
        {"channel": "signal"},
        {"conversation_id": bytes(16)},
        {"message_id": bytes(16)},
    ],
    ids=["unsigned", "future epoch", "epoch 0", "other channel", "other conversation", "other id"],
)
async def test_what_the_team_did_not_sign_for_this_is_not_sent(stage, changed):
    courier, _, rows, heard = await met(stage, "kim")
    message = await stage.answer(rows["kim"], "forged", **changed)
    assert await stage.settled(rows["kim"], message) == ("failed", Reason.NOT_VERIFIED)
    assert heard["kim"].empty()
    for _ in range(500):  # the row is written first, the alarm raised after it
        if courier.report(stage.clock.monotonic())["alarms"]:
            break
        await asyncio.sleep(0.02)
    assert courier.report(stage.clock.monotonic())["alarms"] == ["reply_not_verified"]


async def test_bytes_of_the_databases_own_making_are_not_sent(stage):
    _, _, rows, heard = await met(stage, "kim", "jo")
    message = random_bytes(16)
    await stage.put_out(rows["kim"], message, random_bytes(700))
    assert await stage.settled(rows["kim"], message) == ("failed", Reason.NOT_VERIFIED)
    assert heard["kim"].empty()


async def test_another_conversations_reply_is_not_sent_here(stage):
    _, loopback, rows, heard = await met(stage, "kim", "jo")
    loopback.cut()
    message = await stage.answer(rows["kim"], "for kim")
    waiting = await stage.settled(rows["kim"], message)
    assert waiting == ("waiting", Reason.UNAVAILABLE)

    def stolen(c):
        from vault import outbox

        (item,) = outbox.waiting(c, stage.now() + 10 * HOUR)
        return item.outer

    outer = await stage.database.read(stolen)
    moved = random_bytes(16)
    await stage.put_out(rows["jo"], moved, outer)
    assert (await stage.settled(rows["jo"], moved))[0] == "failed"
    loopback.restore()
    assert heard["jo"].empty()


async def test_an_address_of_another_conversation_is_not_used(stage):
    _, _, rows, heard = await met(stage, "kim", "jo")

    def swap(c):
        (there,) = addresses.of(c, rows["jo"].id)
        addresses.put(c, rows["kim"].id, "loopback", there.slot, there.tag, there.outer)

    await stage.database.write(swap)
    message = await stage.answer(rows["kim"], "private")
    assert await stage.settled(rows["kim"], message) == ("failed", Reason.NO_ADDRESS)
    assert heard["jo"].empty()


async def test_a_reply_of_an_earlier_epoch_goes_back_to_the_desk(stage):
    courier, loopback, rows, heard = await met(stage, "kim")
    loopback.cut()
    message = await stage.answer(rows["kim"], "written before the change")
    await stage.settled(rows["kim"], message)
    await stage.next_epoch()
    loopback.restore()
    stage.clock.turn(HOUR)
    assert await stage.ended(rows["kim"], message) == ("returned", Reason.EARLIER_EPOCH)
    assert heard["kim"].empty()
    row = await stage.only_row()
    assert (row.answered, row.waiting_since is not None) == (False, True)
    assert courier.report(stage.clock.monotonic())["alarms"] == []


async def test_what_was_forgotten_meanwhile_is_not_sent(stage):
    _, loopback, rows, heard = await met(stage, "kim")
    loopback.cut()
    message = await stage.answer(rows["kim"], "too late")
    await stage.settled(rows["kim"], message)
    found = await stage.courier.find_address(stage.courier_tag("loopback", "kim"))
    await stage.courier.erase(found.address)
    loopback.restore()
    stage.clock.turn(HOUR)
    assert await stage.ended(rows["kim"], message) == ("failed", Reason.FORGOTTEN)
    assert heard["kim"].empty()


async def test_a_channel_that_is_switched_off_is_named_as_the_reason(stage):
    courier, _, rows, _ = await met(stage, "kim")
    courier.channels.clear()
    message = await stage.answer(rows["kim"], "nowhere to go")
    assert await stage.settled(rows["kim"], message) == ("failed", Reason.NO_CHANNEL)


async def test_an_address_that_has_died_is_named_as_the_reason(stage):
    _, _, rows, _ = await met(stage, "kim")
    await stage.database.write(lambda c: parting.drop(c, rows["kim"].id, "loopback"))
    message = await stage.answer(rows["kim"], "nowhere to go")
    assert await stage.settled(rows["kim"], message) == ("failed", Reason.NO_ADDRESS)


# --- the network --------------------------------------------------------------------------


async def test_an_outage_is_waited_out_and_shown(stage):
    _, loopback, rows, heard = await met(stage, "kim")
    loopback.cut()
    message = await stage.answer(rows["kim"], "later")
    assert await stage.settled(rows["kim"], message) == ("waiting", Reason.UNAVAILABLE)
    second = await stage.answer(rows["kim"], "and then")
    loopback.restore()
    await asyncio.sleep(0.3)
    assert heard["kim"].empty()  # not before its time, and the second not before the first
    stage.clock.turn(HOUR)
    assert [await hear(heard["kim"]), await hear(heard["kim"])] == ["later", "and then"]
    assert await stage.settled(rows["kim"], second) == ("sent", None)


async def test_a_refusal_is_final_and_shown(stage):
    courier, loopback, rows, heard = await met(stage, "kim")
    loopback.leave("kim")
    message = await stage.answer(rows["kim"], "gone")
    assert await stage.settled(rows["kim"], message) == ("failed", RefusedBecause.GONE)
    assert courier.outbound.sent.state_of(message) is SendState.NOT_TAKEN
    assert heard["kim"].empty()


class Doubtful:
    """A network that breaks off in the middle of sending."""

    def __init__(self, loopback, error):
        self.loopback = loopback
        self.error = error
        self.asked = 0

    async def send(self, address, text, message_id) -> Sent:
        self.asked += 1
        await self.loopback.send(address, text, message_id)
        raise self.error


@pytest.mark.parametrize("error", [ChannelUncertain(), RuntimeError("a library's own")])
async def test_what_may_have_arrived_is_left_to_a_person(stage, error):
    courier, loopback, rows, heard = await met(stage, "kim")
    doubtful = Doubtful(loopback, error)
    courier.channels["loopback"] = doubtful
    message = await stage.answer(rows["kim"], "perhaps")
    assert await stage.settled(rows["kim"], message) == ("failed", Reason.UNCERTAIN)
    assert await hear(heard["kim"]) == "perhaps"
    assert courier.outbound.sent.state_of(message) is SendState.SENDING
    assert doubtful.asked == 1


def test_pauses_grow_and_are_spread_and_end_somewhere():
    pauses = [pause_after(tries, None) for tries in range(20)]
    assert 0.8 * FIRST_PAUSE <= pauses[0] <= 1.2 * FIRST_PAUSE
    assert all(pause <= 1.2 * LONGEST_PAUSE for pause in pauses)
    assert pauses[-1] >= 0.8 * LONGEST_PAUSE
    assert pause_after(0, 500.0) == 500.0
    assert len({pause_after(3, None) for _ in range(20)}) > 1


# --- replay and crashes -------------------------------------------------------------------


async def test_a_replayed_reply_is_not_sent_again(stage):
    _, _, rows, heard = await met(stage, "kim")
    message = await stage.answer(rows["kim"], "meet me at nine")
    assert await hear(heard["kim"]) == "meet me at nine"
    await stage.settled(rows["kim"], message)

    def forget_row(c):
        from sqlalchemy import delete

        from vault import tables

        c.execute(delete(tables.outbox))

    await stage.database.write(forget_row)
    again = await stage.answer(rows["kim"], "meet me at nine", row_id=message)
    assert await stage.settled(rows["kim"], again) == ("sent", None)
    assert heard["kim"].empty()


async def test_a_reply_sent_before_a_crash_is_not_sent_after_it(stage, monkeypatch):
    _, loopback, rows, heard = await met(stage, "kim")

    async def crash(_self, _item):
        raise SystemError

    with monkeypatch.context() as patched:
        patched.setattr(Work, "sent", crash)
        message = await stage.answer(rows["kim"], "once")
        assert await hear(heard["kim"]) == "once"
        await stage.dismiss_all()
    assert await stage.standing(rows["kim"], message) == ("waiting", None)
    courier = await stage.with_courier()
    heard = courier.channels["loopback"].listen("kim")
    assert await stage.settled(rows["kim"], message) == ("sent", None)
    assert heard.empty()
    assert loopback is not courier.channels["loopback"]


async def test_a_crash_while_sending_leaves_it_to_a_person(stage):
    courier, _, rows, _ = await met(stage, "kim")
    message = random_bytes(16)
    courier.outbound.sent.note(message, SendState.SENDING, stage.now())
    await stage.dismiss_all()
    courier = await stage.with_courier()
    heard = courier.channels["loopback"].listen("kim")
    await stage.answer(rows["kim"], "perhaps", row_id=message)
    assert await stage.settled(rows["kim"], message) == ("failed", Reason.UNCERTAIN)
    assert heard.empty()


async def test_a_full_disk_keeps_the_reply_unsent(stage):
    courier, _, rows, heard = await met(stage, "kim")
    note = courier.outbound.sent.note

    def full(*_arguments):
        raise OSError(28, "no space left on device")

    courier.outbound.sent.note = full
    message = await stage.answer(rows["kim"], "when there is room")
    await asyncio.sleep(0.3)
    assert await stage.standing(rows["kim"], message) == ("waiting", None)
    assert heard["kim"].empty()
    courier.outbound.sent.note = note
    assert await hear(heard["kim"]) == "when there is room"
